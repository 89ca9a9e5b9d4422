"""Linear layers of a model, and the choice of those that get LoRA matrices, by their names."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from ..errors import UserError

if TYPE_CHECKING:
    from transformers import PreTrainedModel

ALL: Literal["all-linear"] = "all-linear"
# Their kernels use the matrix of out_proj without calling the layer, so that PEFT refuses to adapt it.
MAMBA = ("falcon_h1", "falcon_mamba", "mamba", "mamba2", "nemotron_h")
_OWN_CODE = "transformers.models."


@dataclass(frozen=True)
class Layers:
    """Layers of a model.

    Attributes:
        linear: Full names of the linear layers; of a model with parts for images or sound, those of its text decoder
            and the head.
        head: Full name of the layer that returns logits.
        experts: Last names of 3-D parameters, in which a mixture of experts has its matrices; LoRA by the names of
            layers does not reach them.
        parts: Full names of the other parts that have linear layers, e.g. "model.vision_tower".
        ambiguous: Last names of linear layers that ALL leaves out, since PEFT takes them for those of experts.
    """

    linear: list[str]
    head: str | None
    experts: list[str]
    parts: list[str] = field(default_factory=list)
    ambiguous: list[str] = field(default_factory=list)

    def matching(self, target: str) -> list[str]:
        """Return the full names of the linear layers that a target matches: its name, or the end of its name."""
        return [name for name in self.linear if f".{name}".endswith(f".{target}")]

    def choose(self, targets: Sequence[str] | str) -> list[str]:
        """Return the full names of the layers that get LoRA matrices.

        Args:
            targets: Names, or ALL: all linear layers but the head.

        Raises:
            UserError: A name matches no linear layer.
        """
        if targets == ALL:
            return [name for name in self.linear if name != self.head]
        unmatched = [target for target in targets if not self.matching(target)]
        if unmatched:
            names = sorted({name.rpartition(".")[2] for name in self.linear})
            raise UserError(
                f"training.lora.targets: no linear layer of this model matches {', '.join(unmatched)}; it has "
                f"{', '.join(names) or 'none'}{self.describe_others()}; name some of these, or set it to {ALL} "
                "(for one model: models.NAME.lora.targets)"
            )
        return [name for name in self.linear if any(name in self.matching(target) for target in targets)]

    def describe_others(self) -> str:
        """Return clauses about matrices that get no adapter, each after a semicolon; "" for a model without.

        >>> Layers(["model.language_model.0.q_proj"], None, [], ["model.vision_tower"]).describe_others()
        '; model.vision_tower is for other inputs than text and gets no adapter'
        """
        clauses = {
            "its experts' matrices ({}) are 3-D parameters and get no adapter": self.experts,
            "its {} have names that PEFT takes for those of experts, and get no adapter": self.ambiguous,
            "{} is for other inputs than text and gets no adapter": self.parts,
        }
        return "".join(f"; {clause.format(', '.join(names))}" for clause, names in clauses.items() if names)


def layers_of(model: "PreTrainedModel") -> Layers:
    """Return the layers of a model, in NF4 or not, also of one on the meta device."""
    import torch
    from transformers.pytorch_utils import Conv1D

    linear: list[str] = []
    head: Any = model.get_output_embeddings()
    for name, module in model.named_modules():
        if model.config.model_type in MAMBA and name.endswith(".out_proj"):
            continue
        # A class of a model's own code may return more than a product, e.g. a router's.
        is_product = isinstance(module, torch.nn.Linear) and not type(module).__module__.startswith(_OWN_CODE)
        if is_product or isinstance(module, Conv1D):
            linear.append(name)
    experts = {
        name.rpartition(".")[2]
        for name, parameter in model.named_parameters()
        if ".experts." in name and parameter.dim() == 3  # a convolution's are 3-D, too
    }
    head_name = next((name for name, module in model.named_modules() if module is head), None)
    parts = _other_parts(model, [name for name in linear if name != head_name])
    linear = [name for name in linear if not f"{name}.".startswith(tuple(f"{part}." for part in parts))]
    return Layers(linear, head_name, sorted(experts), parts)


def _other_parts(model: "PreTrainedModel", linear: Sequence[str]) -> list[str]:
    """Return the parts of a composite model that have linear layers, without its text decoder; [] for one of text."""
    if model.config.get_text_config() is model.config:
        return []
    decoder = next(name for name, module in model.named_modules() if module is model.get_decoder())
    parts = {".".join(name.split(".")[: decoder.count(".") + 1]) for name in linear}
    return sorted(parts - {decoder}) if decoder else []
