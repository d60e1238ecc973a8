"""The depth-wise convolution as an operator of torch: with gradients, for eager and compiled networks alike."""

import torch
from torch.utils.flop_counter import register_flop_formula

from repro.models.large_kernel.backends import module_of


@torch.library.custom_op("repro::depthwise_conv", mutates_args=())
def depthwise_operator(
    image: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, backend: str
) -> torch.Tensor:
    """Return (N, C, H, W), contiguous and in the image's precision, whatever autocast says."""
    with torch.autocast(image.device.type, enabled=False):
        return module_of(backend, image).forward(image, weight, bias).contiguous()


@torch.library.custom_op("repro::depthwise_conv_backward", mutates_args=())
def depthwise_backward(
    gradient: torch.Tensor, image: torch.Tensor, weight: torch.Tensor, backend: str, wanted: list[bool]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the gradients of image and weight; an empty tensor in the place of one that is not wanted."""
    with torch.autocast(image.device.type, enabled=False):
        of_image, of_weight = module_of(backend, image).backward(
            gradient, image, weight, of_image=wanted[0], of_weight=wanted[1]
        )
    nothing = torch.empty(0, device=image.device)
    return (
        of_image.contiguous() if wanted[0] else nothing,
        of_weight.contiguous() if wanted[1] else nothing.clone(),
    )


@depthwise_operator.register_fake
def _(image, weight, bias, backend):
    return torch.empty_like(image, memory_format=torch.contiguous_format)


@depthwise_backward.register_fake
def _(gradient, image, weight, backend, wanted):
    whole = [torch.empty_like(each, memory_format=torch.contiguous_format) for each in (image, weight)]
    return tuple(
        each if asked else torch.empty(0, device=image.device) for each, asked in zip(whole, wanted, strict=True)
    )


def _keep_for_backward(ctx, inputs, output) -> None:
    image, weight, bias, ctx.backend = inputs
    ctx.bias_precision = None if bias is None else bias.dtype
    ctx.save_for_backward(image, weight)


def _backward(ctx, gradient):
    image, weight = ctx.saved_tensors
    wanted = list(ctx.needs_input_grad[:2])
    of_image, of_weight = torch.ops.repro.depthwise_conv_backward(gradient, image, weight, ctx.backend, wanted)
    of_bias = None
    if ctx.needs_input_grad[2]:
        precision = torch.promote_types(gradient.dtype, torch.float32)
        of_bias = gradient.sum(dim=(0, 2, 3), dtype=precision).to(ctx.bias_precision)
    return of_image if wanted[0] else None, of_weight if wanted[1] else None, of_bias, None


depthwise_operator.register_autograd(_backward, setup_context=_keep_for_backward)


# Counted as the direct convolution's operations, whichever way computes it: a network's cost must not depend on that.
@register_flop_formula(torch.ops.repro.depthwise_conv)
def _operations(image_shape, weight_shape, *args, out_shape=None, **kwargs) -> int:
    count, channels, height, width = image_shape
    return 2 * count * channels * height * width * weight_shape[-2] * weight_shape[-1]


@register_flop_formula(torch.ops.repro.depthwise_conv_backward)
def _backward_operations(gradient_shape, image_shape, weight_shape, backend, wanted, **kwargs) -> int:
    return sum(wanted) * _operations(image_shape, weight_shape)
