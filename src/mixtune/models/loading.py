"""Loading of a pretrained model whose weights are all in its checkpoint; a matrix is never initialised at random."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from ..errors import UserError


def load_pretrained(auto_class: Any, folder: Path | str, *, unused: str = "(?!)", **options: Any) -> Any:
    """Return the model of a local folder, if the checkpoint has the weights of that model.

    Transformers initialises missing matrices at random, and leaves out those that the model lacks, e.g. the biases of
    a layer; it only warns of both, and compares no shapes of layers in NF4. Superfluous matrices outside the model's
    parts (e.g. a second head) are no problem, nor are those that Transformers expects to be missing or superfluous.

    Args:
        auto_class: E.g. AutoModelForCausalLM.
        unused: Pattern of matrices that are not used and may be missing.
        options: Further options of `from_pretrained`.

    Raises:
        UserError: A matrix is missing, superfluous or of another shape.
    """
    model, report = auto_class.from_pretrained(
        str(folder),
        local_files_only=True,
        trust_remote_code=False,
        output_loading_info=True,
        ignore_mismatched_sizes=True,  # they are in the report
        **options,
    )
    facts = _describe_differences(model, report, unused)
    if facts:
        raise UserError(
            f"{options.get('gguf_file', folder)}: the weights are not those of the model that its config describes "
            f"({'; '.join(facts)}); use the complete checkpoint with its own config"
        )
    return model


def _describe_differences(model: torch.nn.Module, report: Mapping[str, Any], unused: str) -> list[str]:
    """Describe the matrices that only the model or only the checkpoint has, or that differ in shape; [] for none."""
    parts = {name.partition(".")[0] for name, _ in model.named_parameters()}
    problems = {
        "missing": [name for name in report["missing_keys"] if not re.search(unused, name)],
        "superfluous": [name for name in report["unexpected_keys"] if name.partition(".")[0] in parts],
        "of another shape": [*(name for name, *_ in report["mismatched_keys"]), *_misshapen(model)],
    }
    return [f"{len(names)} matrices are {problem}, e.g. {min(names)!r}" for problem, names in problems.items() if names]


def _misshapen(model: torch.nn.Module) -> Iterator[str]:
    """Yield the layers in NF4 whose matrix has another shape than the layer."""
    for name, layer in model.named_modules():
        state = getattr(getattr(layer, "weight", None), "quant_state", None)
        if state is not None and tuple(state.shape) != (layer.out_features, layer.in_features):
            yield f"{name}.weight"
