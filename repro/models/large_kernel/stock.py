"""Depth-wise convolution by torch's own kernels, in float32 or float64."""

import torch
from torch.nn import functional as F


def forward(image: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    """Return (N, C, H, W) in the image's precision, from (N, C, H, W) images and (C, 1, k, l) odd weights."""
    precision = _precision(image, weight)
    padding = (weight.shape[-2] // 2, weight.shape[-1] // 2)
    bias = None if bias is None else bias.to(precision)
    with _full_precision():
        result = F.conv2d(image.to(precision), weight.to(precision), bias, padding=padding, groups=image.shape[1])
    return result.to(image.dtype)


def backward(
    gradient: torch.Tensor, image: torch.Tensor, weight: torch.Tensor, *, of_image: bool, of_weight: bool
) -> tuple[torch.Tensor | None, torch.Tensor | None]:
    """Return the gradients of image and weight, in their precisions; None in the place of one not asked for."""
    precision = _precision(image, weight)
    padding = [weight.shape[-2] // 2, weight.shape[-1] // 2]
    with _full_precision():
        of = torch.ops.aten.convolution_backward(
            gradient.to(precision),
            image.to(precision),
            weight.to(precision),
            None,
            [1, 1],
            padding,
            [1, 1],
            False,
            [0, 0],
            image.shape[1],
            [of_image, of_weight, False],
        )
    return of[0].to(image.dtype) if of_image else None, of[1].to(weight.dtype) if of_weight else None


def _precision(image: torch.Tensor, weight: torch.Tensor) -> torch.dtype:
    """Return float64 where either is, else float32: half precisions are computed in float32."""
    return torch.promote_types(torch.promote_types(image.dtype, weight.dtype), torch.float32)


def _full_precision():
    """Return a context in which cuDNN neither rounds float32 to TF32 nor chooses a kernel by timing."""
    now = {"enabled": torch.backends.cudnn.enabled, "deterministic": torch.backends.cudnn.deterministic}
    return torch.backends.cudnn.flags(benchmark=False, allow_tf32=False, **now)  # not said, cuDNN would be off
