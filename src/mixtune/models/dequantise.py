"""What makes a small model in NF4 fast: matrices dequantised once, fewer conversions, fused LoRA.

bitsandbytes dequantises every matrix anew in every pass, and autocast converts every layer's input to bf16 and back.
Here NF4 matrices become plain ones that hold the same NF4 values, norms hand on bf16 where the device computes in
it, so that activations stay bf16 between them (the residual stream stays float32), and a layer with its LoRA is one
function that keeps only what its gradient needs. A GPU runs a model of a few hundred million parameters as fast as
its kernels can be launched: there, too, fewer are better, as long as the dense matrices are small beside its memory.
"""

from typing import Any

import torch
from bitsandbytes.functional import dequantize_4bit
from bitsandbytes.nn import Linear4bit
from peft.tuners.lora import Linear as LoraLinear

from ..devices.compute import Device

SHARE = 4  # a GPU gets dense matrices if they take at most one part in so many of its memory


def fits(model: torch.nn.Module, device: Device) -> bool:
    """Whether a model in NF4 may be dequantised: always on a CPU, on a GPU where it takes a small share of memory."""
    if device.name == "cpu":
        return True
    layers = [module for module in model.modules() if isinstance(module, Linear4bit)]
    dense = sum(layer.in_features * layer.out_features for layer in layers) * device.dtype.itemsize
    fit = dense * SHARE <= torch.cuda.get_device_properties(model.device).total_memory
    how = "dequantised once, and kept" if fit else "dequantised in every pass"
    print(f"base in NF4, {how}: in {device.dtype} it takes {dense / 2**30:.1f} GiB", flush=True)
    return fit


class DequantisedLinear(torch.nn.Linear):
    """A linear layer that answers in its input's dtype whatever autocast computes in, as bitsandbytes' layers do."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        return super().forward(input).to(input.dtype)


def dequantised(model: torch.nn.Module, dtype: torch.dtype) -> torch.nn.Module:
    """Replace NF4 layers by plain ones that hold the same NF4 values, dequantised once; equal to the bit.

    On a CPU it also keeps away a kernel that bitsandbytes switches to in eval mode, which has no backward pass:
    training after an evaluation would get no gradients below the top layer.
    """
    for parent in list(model.modules()):
        for name, layer in list(parent.named_children()):
            if isinstance(layer, Linear4bit):
                weight = dequantize_4bit(layer.weight.data, layer.weight.quant_state).to(dtype)
                plain = DequantisedLinear(layer.in_features, layer.out_features, layer.bias is not None, device="meta")
                plain.weight = torch.nn.Parameter(weight, requires_grad=False)
                plain.bias = layer.bias
                setattr(parent, name, plain)
    return model


def hand_on(model: torch.nn.Module, dtype: torch.dtype) -> None:
    """Let norms and rotations answer in `dtype`, which the layers behind them compute in anyway.

    The head keeps its matrix in it, too: autocast would convert that, the model's largest, in every pass.
    """
    for module in model.modules():
        if type(module).__name__.endswith("RMSNorm"):
            if hasattr(module, "variance_epsilon"):  # the common form; Gemma's weight, for one, is another
                module.forward = _norm(module.weight.detach().float(), module.variance_epsilon, dtype)
            else:
                module.register_forward_hook(lambda _, inputs, output: output.to(dtype))
        elif type(module).__name__.endswith("RotaryEmbedding"):
            module.register_forward_hook(lambda _, inputs, output: tuple(part.to(dtype) for part in output))
    head = model.get_output_embeddings()
    weight, bias = (None if part is None else part.detach().to(dtype) for part in (head.weight, head.bias))
    # Of a slice that is not contiguous, a product would copy the matrix for every row.
    head.forward = lambda input: torch.nn.functional.linear(input.to(dtype).contiguous(), weight, bias)


def _norm(weight: torch.Tensor, epsilon: float, dtype: torch.dtype) -> Any:
    return lambda x: Norm.apply(x, weight, epsilon, dtype)


class Norm(torch.autograd.Function):
    """x / sqrt(mean(x²) + epsilon) * weight over the last dimension, computed in float32, with a frozen weight."""

    @staticmethod
    def forward(ctx, x, weight, epsilon, dtype):
        scale = x.float().square().mean(-1, keepdim=True).add_(epsilon).rsqrt_()
        ctx.save_for_backward(x, scale, weight)
        return (x * scale).mul_(weight).to(dtype)

    @staticmethod
    def backward(ctx, gradient):
        x, scale, weight = ctx.saved_tensors
        gradient = gradient * weight
        along = (gradient * x).mean(-1, keepdim=True).mul_(scale).mul_(scale)
        return gradient.sub_(x * along).mul_(scale).to(x.dtype), None, None, None


def fuse(model: torch.nn.Module) -> None:
    """Let each layer with a LoRA compute both at once; where dropout is drawn, PEFT's own way is kept."""
    for module in model.modules():
        # Adapters made elsewhere may be more than two matrices (DoRA, biases): PEFT's own way knows how.
        plain = isinstance(module, LoraLinear) and not module.lora_variant and not any(module.lora_bias.values())
        if plain and isinstance(module.base_layer, DequantisedLinear):
            module.forward = _Fused(module, module.forward)


class _Fused:
    def __init__(self, module: LoraLinear, plain: Any):
        self.module, self.plain = module, plain

    def __call__(self, x: torch.Tensor, *args: Any, **options: Any) -> torch.Tensor:
        module = self.module
        names = module.active_adapters
        if len(names) != 1 or module.disable_adapters or module.merged or args or options:
            return self.plain(x, *args, **options)
        dropout = module.lora_dropout[names[0]]
        if module.training and getattr(dropout, "p", 0.0) > 0:
            return self.plain(x)
        a, b = module.lora_A[names[0]].weight, module.lora_B[names[0]].weight
        return LoraProduct.apply(x, module.base_layer.weight, module.base_layer.bias, a, b, module.scaling[names[0]])


class LoraProduct(torch.autograd.Function):
    """x W' + bias + scaling (x A') B', for x (..., in), frozen W (out, in), A (rank, in), B (out, rank).

    Computes in the dtype of W, answers in that of x. Kept for the gradient: x in the dtype of W, and x A'.
    """

    @staticmethod
    def forward(ctx, x, weight, bias, a, b, scaling):
        rows = x.reshape(-1, x.shape[-1]).to(weight.dtype)
        a, b = a.to(weight.dtype), (b * scaling).to(weight.dtype)
        low = rows @ a.mT
        out = rows @ weight.mT if bias is None else torch.addmm(bias.to(weight.dtype), rows, weight.mT)
        ctx.save_for_backward(rows, weight, a, b, low)
        ctx.scaling, ctx.dtype, ctx.shape = scaling, x.dtype, x.shape
        return out.addmm_(low, b.mT).view(*x.shape[:-1], -1).to(x.dtype)

    @staticmethod
    def backward(ctx, gradient):
        rows, weight, a, b, low = ctx.saved_tensors
        gradient = gradient.reshape(-1, gradient.shape[-1]).to(weight.dtype)
        of_low = gradient @ b
        of_x = None
        if ctx.needs_input_grad[0]:
            of_x = (gradient @ weight).addmm_(of_low, a).view(ctx.shape).to(ctx.dtype)
        return of_x, None, None, (of_low.mT @ rows).float(), (gradient.mT @ low).float() * ctx.scaling, None
