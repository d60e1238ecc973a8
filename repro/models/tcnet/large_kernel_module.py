"""TCNet's large kernel module (LKM), eq. 3 to 7, and the convolutional branch of the encoder made of it."""

import torch
from torch import nn
from torch.nn import functional as F

from repro.models.large_kernel import LargeKernelConv2d
from repro.models.tcnet.blocks import ConvolutionUnit, Placement


class BNConvolution(nn.Sequential):
    """Batch normalisation, then a convolution: F1 = Conv(BN(F)), eq. 3."""

    def __init__(self, channels: int, result: int, kernel: int):
        """Build it with a kernel of odd side, padded to the map's size."""
        super().__init__(nn.BatchNorm2d(channels), nn.Conv2d(channels, result, kernel, padding=kernel // 2, bias=False))


class LargeKernelModule(nn.Module):
    """Order a: F1 = BNConv(F), F2 = [DW(Conv1x1(F1)), F1], F3 = BNConv(F2), F4 = GELU(F3), F5 = Conv1x1(F4).

    Two BN-Conv (3x3 and 1x1), two dense 1x1, one large depth-wise convolution DW, one concatenation, one activation.
    The equations are lost in the text at hand; their parts are named in it, their order is this reading of it.
    """

    def __init__(self, channels: int, *, kernel_size: int, residual: bool):
        """Build it for a map of `channels`; `residual` adds the map that came in."""
        super().__init__()
        self.first = BNConvolution(channels, channels, 3)
        self.dense = nn.Conv2d(channels, channels, 1, bias=False)
        self.large = LargeKernelConv2d(channels, kernel_size)
        self.second = BNConvolution(2 * channels, channels, 1)
        self.last = nn.Conv2d(channels, channels, 1)
        self.residual = residual

    def forward(self, feature: torch.Tensor) -> torch.Tensor:
        """Return (N, C, H, W) for (N, C, H, W)."""
        first = self.first(feature)
        joined = torch.cat([self.large(self.dense(first)), first], dim=1)
        result = self.last(F.gelu(self.second(joined)))
        return feature + result if self.residual else result


class LargeKernelModuleB(nn.Module):
    """Order b: F1 = BNConv(F), F2 = BNConv(F1), F3 = [Conv1x1(F1), DW(F2)], F4 = GELU(F3), F5 = Conv1x1(F4).

    The same parts; the last convolution takes 2C channels to C.
    """

    def __init__(self, channels: int, *, kernel_size: int, residual: bool):
        """Build it for a map of `channels`; `residual` adds the map that came in."""
        super().__init__()
        self.first = BNConvolution(channels, channels, 3)
        self.second = BNConvolution(channels, channels, 1)
        self.dense = nn.Conv2d(channels, channels, 1, bias=False)
        self.large = LargeKernelConv2d(channels, kernel_size)
        self.last = nn.Conv2d(2 * channels, channels, 1)
        self.residual = residual

    def forward(self, feature: torch.Tensor) -> torch.Tensor:
        """Return (N, C, H, W) for (N, C, H, W)."""
        first = self.first(feature)
        joined = torch.cat([self.dense(first), self.large(self.second(first))], dim=1)
        result = self.last(F.gelu(joined))
        return feature + result if self.residual else result


ORDERS = {"a": LargeKernelModule, "b": LargeKernelModuleB}  # the switch `order`


class ConvolutionalStage(nn.Sequential):
    """A convolutional unit that halves the size, then a large kernel module."""

    def __init__(
        self, channels: int, result: int, placement: Placement, *, order: str, kernel_size: int, residual: bool
    ):
        """Build the stage from `channels` to `result`."""
        if order not in ORDERS:
            raise ValueError(f"Order {order!r} of the large kernel module is not known: choose 'a' or 'b'.")
        super().__init__(
            ConvolutionUnit(channels, result, placement, stride=2),
            ORDERS[order](result, kernel_size=kernel_size, residual=residual),
            placement.at("convolution", result),
            placement.at("encoder", result),
        )
