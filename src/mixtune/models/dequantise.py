"""Speed of small models in NF4: matrices dequantised once, fewer conversions, fused LoRA.

bitsandbytes dequantises every matrix anew in every pass, and autocast converts every layer's input to bf16 and back.
Here NF4 matrices become plain ones that hold the same NF4 values; norms return bf16 where the device computes in it,
so that activations stay bf16 between layers (the residual stream stays float32); and a layer with its LoRA is one
function that saves only what its gradient needs. A GPU runs a model of a few hundred million parameters as fast as
its kernels can be launched, so fewer kernels are faster there, too, while dense matrices take little of its memory.
"""

from collections.abc import Callable
from typing import Any

import torch
from bitsandbytes.functional import dequantize_4bit
from bitsandbytes.nn.modules import Linear4bit
from peft.tuners.lora import Linear as LoraLinear
from torch.autograd.function import FunctionCtx
from transformers import PreTrainedModel

from ..devices.compute import Device

SHARE = 4  # a GPU gets dense matrices if they take at most one part in so many of its memory


def can_dequantise(model: PreTrainedModel, device: Device) -> bool:
    """Return whether a model in NF4 may be dequantised: always on a CPU; on a GPU if it takes little of its memory."""
    if device.name == "cpu":
        return True
    layers = [module for module in model.modules() if isinstance(module, Linear4bit)]
    dense = sum(layer.in_features * layer.out_features for layer in layers) * device.dtype.itemsize
    fits = dense * SHARE <= torch.cuda.get_device_properties(model.device).total_memory
    print(
        f"base in NF4, dequantised {'once' if fits else 'in every pass'}: dense matrices in {device.dtype} take "
        f"{dense / 2**30:.1f} GiB",
        flush=True,
    )
    return fits


class DequantisedLinear(torch.nn.Linear):
    """A linear layer that returns its input's dtype whatever autocast computes in, like bitsandbytes' layers."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        return super().forward(input).to(input.dtype)


def dequantise(model: torch.nn.Module, dtype: torch.dtype) -> None:
    """Replace NF4 layers by plain ones that hold the same NF4 values, dequantised once; equal to the bit.

    On a CPU this also avoids a kernel that bitsandbytes switches to in eval mode, which has no backward pass:
    training after an evaluation would get no gradients below the top layer.
    """
    for parent in list(model.modules()):
        for name, layer in list(parent.named_children()):
            if isinstance(layer, Linear4bit):
                nf4: Any = layer.weight  # bitsandbytes' Params4bit
                weight = dequantize_4bit(nf4.data, nf4.quant_state).to(dtype)
                plain = DequantisedLinear(layer.in_features, layer.out_features, layer.bias is not None, device="meta")
                plain.weight = torch.nn.Parameter(weight, requires_grad=False)
                plain.bias = layer.bias
                setattr(parent, name, plain)


def cast_outputs(model: PreTrainedModel, dtype: torch.dtype) -> None:
    """Make RMSNorm and rotary embeddings return `dtype`, which the layers after them compute in anyway.

    The head keeps its matrix in `dtype`, too: autocast would convert it, the model's largest, in every pass.
    """
    for module in model.modules():
        if type(module).__name__.endswith("RMSNorm"):
            epsilon, weight = getattr(module, "variance_epsilon", None), getattr(module, "weight", None)
            faster, size = None, 0
            if epsilon is not None and isinstance(weight, torch.Tensor):
                faster, size = _norm_forward(weight.detach().float(), epsilon, dtype), weight.numel()
            if faster and _computes_the_same(module, faster, size):
                module.forward = faster
            else:
                module.register_forward_hook(lambda _, inputs, output: output.to(dtype))
        elif type(module).__name__.endswith("RotaryEmbedding"):
            module.register_forward_hook(_cast_cosine_and_sine(dtype))
    head: Any = model.get_output_embeddings()
    weight, bias = head.weight.detach().to(dtype), None if head.bias is None else head.bias.detach().to(dtype)
    # Of a slice that is not contiguous, a product would copy the matrix for every row.
    head.forward = lambda input: torch.nn.functional.linear(input.to(dtype).contiguous(), weight, bias)


def _computes_the_same(module: torch.nn.Module, faster: Callable[..., torch.Tensor], size: int) -> bool:
    """Return whether a norm has the common form; others use the weight differently (e.g. Gemma's: 1 + weight)."""
    x = torch.linspace(-2, 3, 2 * size, device=next(module.parameters()).device).view(2, -1)
    try:
        return torch.allclose(faster(x).float(), module(x).float(), rtol=0.02, atol=0.02)
    except (RuntimeError, TypeError):  # norms over parts of the last dimension, or with a gate
        return False


def _cast_cosine_and_sine(dtype: torch.dtype) -> Callable[..., object]:
    """Return a forward hook for rotary embeddings; those that return one complex tensor are left unchanged."""
    return lambda _, inputs, output: tuple(p.to(dtype) for p in output) if isinstance(output, tuple) else output


def _norm_forward(weight: torch.Tensor, epsilon: float, dtype: torch.dtype) -> Callable[[torch.Tensor], torch.Tensor]:
    return lambda x: Norm.apply(x, weight, epsilon, dtype)


class Norm(torch.autograd.Function):
    """x / sqrt(mean(x²) + epsilon) * weight over the last dimension, computed in float32, with a frozen weight."""

    @staticmethod
    def forward(
        ctx: FunctionCtx, x: torch.Tensor, weight: torch.Tensor, epsilon: float, dtype: torch.dtype
    ) -> torch.Tensor:
        scale = x.float().square().mean(-1, keepdim=True).add_(epsilon).rsqrt_()
        ctx.save_for_backward(x, scale, weight)
        return (x * scale).mul_(weight).to(dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        x, scale, weight = ctx.saved_tensors
        gradient = gradients[0] * weight
        along = (gradient * x).mean(-1, keepdim=True).mul_(scale).mul_(scale)
        return gradient.sub_(x * along).mul_(scale).to(x.dtype), None, None, None


def fuse_lora(model: torch.nn.Module) -> None:
    """Make each layer with a LoRA compute both in one function; with dropout, PEFT's own forward pass is kept."""
    for module in model.modules():
        # Adapters made elsewhere may be more than two matrices (DoRA, biases), which only PEFT's own pass supports.
        plain = isinstance(module, LoraLinear) and not module.lora_variant and not any(module.lora_bias.values())
        if plain and isinstance(module.base_layer, DequantisedLinear):
            module.forward = _FusedForward(module, module.forward)


class _FusedForward:
    """The forward pass of a layer with a LoRA; `unfused` is PEFT's own."""

    def __init__(self, module: Any, unfused: Callable[..., torch.Tensor]):
        self.module, self.unfused = module, unfused

    def __call__(self, x: torch.Tensor, *args: object, **options: object) -> torch.Tensor:
        module = self.module
        names = module.active_adapters
        if len(names) != 1 or module.disable_adapters or module.merged or args or options:
            return self.unfused(x, *args, **options)
        dropout = module.lora_dropout[names[0]]
        if module.training and getattr(dropout, "p", 0.0) > 0:
            return self.unfused(x)
        a, b = module.lora_A[names[0]].weight, module.lora_B[names[0]].weight
        return LoraProduct.apply(x, module.base_layer.weight, module.base_layer.bias, a, b, module.scaling[names[0]])


class LoraProduct(torch.autograd.Function):
    """x W' + bias + scaling (x A') B', for x (..., in), frozen W (out, in), A (rank, in), B (out, rank).

    Computes in the dtype of W, returns that of x. Saved for the gradient: x in the dtype of W, and x A'.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor | None,
        a: torch.Tensor,
        b: torch.Tensor,
        scaling: float,
    ) -> torch.Tensor:
        rows = x.reshape(-1, x.shape[-1]).to(weight.dtype)
        a, b = a.to(weight.dtype), (b * scaling).to(weight.dtype)
        low = rows @ a.mT
        out = rows @ weight.mT if bias is None else torch.addmm(bias.to(weight.dtype), rows, weight.mT)
        ctx.save_for_backward(rows, weight, a, b, low)
        ctx.scaling, ctx.dtype, ctx.shape = scaling, x.dtype, x.shape
        out = out.addmm_(low, b.mT).to(x.dtype)
        return torch.ops.aten._unsafe_view(out, [*x.shape[:-1], out.shape[-1]])  # a view could not be changed in place

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        rows, weight, a, b, low = ctx.saved_tensors
        gradient = gradients[0].reshape(-1, gradients[0].shape[-1]).to(weight.dtype)
        of_low = gradient @ b
        of_x = None
        if ctx.needs_input_grad[0]:
            of_x = (gradient @ weight).addmm_(of_low, a).view(ctx.shape).to(ctx.dtype)
        return of_x, None, None, (of_low.mT @ rows).float(), (gradient.mT @ low).float() * ctx.scaling, None
