"""Linear layers of a model, and the choice of those that get LoRA matrices, by their names."""

from collections.abc import Sequence
from dataclasses import dataclass
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
        linear: Full names of the linear layers.
        head: Full name of the layer that returns logits.
        experts: Last names of 3-D parameters, in which a mixture of experts has its matrices; LoRA by the names of
            layers does not reach them.
    """

    linear: list[str]
    head: str | None
    experts: list[str]

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
                f"{', '.join(names) or 'none'}{self.describe_experts('; ')}; name some of these, or set it to {ALL} "
                "(for one model: models.NAME.lora.targets)"
            )
        return [name for name in self.linear if any(name in self.matching(target) for target in targets)]

    def describe_experts(self, before: str = "") -> str:
        """Return a clause about matrices of experts, preceded by `before`; "" for a model without."""
        names = ", ".join(self.experts)
        return names and f"{before}its experts' matrices ({names}) are 3-D parameters and get no adapter"


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
    return Layers(
        linear, next((name for name, module in model.named_modules() if module is head), None), sorted(experts)
    )
