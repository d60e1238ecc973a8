"""Depth-wise convolution with a large kernel: exactly torch's, at a fraction of the cost."""

import torch
from torch import nn
from torch.nn import functional as F

from repro.models.large_kernel.backends import BACKENDS, backend_for
from repro.models.large_kernel.operator import depthwise_operator

__all__ = ["BACKENDS", "LargeKernelConv2d", "backend_for", "depthwise_conv"]


def depthwise_conv(
    image: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None, *, backend: str | None = None
) -> torch.Tensor:
    """Return what `conv2d(image, weight, bias, padding=k // 2, groups=C)` returns, sooner.

    Half precisions are computed in float32 and come back in the image's precision; under autocast that is autocast's,
    as of `conv2d`. Taps that meet nothing but padding, of a kernel more than twice as large as the map, are left out:
    the result is the same and their gradient is exactly 0. While a network is exported it is `conv2d` itself.

    Args:
        image: (N, C, H, W), any floating-point type.
        weight: (C, 1, k, l), k and l odd.
        bias: (C,) or None.
        backend: one of `BACKENDS`; None follows the fixed rules of `backend_for`.

    Raises:
        ValueError: shapes do not fit each other, an even kernel, or a backend that cannot run here.
    """
    _check(image, weight)
    padding = (weight.shape[-2] // 2, weight.shape[-1] // 2)
    if torch.compiler.is_exporting() or torch.onnx.is_in_onnx_export():
        return F.conv2d(image, weight, bias, padding=padding, groups=image.shape[1])
    image = _as_autocast_says(image)
    weight = _within_reach(weight, image.shape[-2:])
    return depthwise_operator(image, weight, bias, backend or backend_for(image.device.type, weight.shape[-2:]))


class LargeKernelConv2d(nn.Module):
    """A depth-wise convolution of a map by a large odd kernel, padded by zeros to the map's size."""

    def __init__(self, channels: int, kernel_size: int = 31, *, bias: bool = False):
        """Build a (channels, 1, kernel_size, kernel_size) kernel, initialised as torch does."""
        super().__init__()
        if kernel_size % 2 == 0:
            raise ValueError(f"The large kernel is {kernel_size} wide; it must be odd to keep the map's size.")
        like = nn.Conv2d(channels, channels, kernel_size, groups=channels, bias=bias)
        self.weight, self.bias = like.weight, like.bias
        self.kernel_size = kernel_size

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return (N, C, H, W) for (N, C, H, W)."""
        return depthwise_conv(image, self.weight, self.bias)

    def extra_repr(self) -> str:
        """Return what stands between the brackets of the module's description."""
        return f"{self.weight.shape[0]}, kernel_size={self.kernel_size}, bias={self.bias is not None}"


def _as_autocast_says(image: torch.Tensor) -> torch.Tensor:
    """Return the image in autocast's precision if it is on; float64 stays, as autocast leaves it."""
    device = image.device.type
    if image.dtype == torch.float64 or not torch.amp.is_autocast_available(device):
        return image
    return image.to(torch.get_autocast_dtype(device)) if torch.is_autocast_enabled(device) else image


def _within_reach(weight: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Return the middle of the kernel, at most 2 * length - 1 taps along each length of the map."""
    for dimension, length in ((-2, size[0]), (-1, size[1])):
        excess = weight.shape[dimension] // 2 - (length - 1)
        if excess > 0:
            weight = weight.narrow(dimension, excess, 2 * length - 1)
    return weight


def _check(image: torch.Tensor, weight: torch.Tensor) -> None:
    """Raise a ValueError unless the kernel is odd and has one plane for each channel."""
    if image.ndim != 4 or weight.ndim != 4 or weight.shape[:2] != (image.shape[1], 1):
        raise ValueError(
            f"An image of shape {tuple(image.shape)} and a kernel of shape {tuple(weight.shape)} do not fit: expected "
            "(N, C, H, W) and (C, 1, k, l)."
        )
    if weight.shape[-2] % 2 == 0 or weight.shape[-1] % 2 == 0:
        raise ValueError(f"The kernel is {tuple(weight.shape[-2:])}; both sides must be odd to keep the map's size.")
