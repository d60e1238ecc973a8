"""Attention on a skip connection: paper 1's eq. 1 to 3, and the well-known modules that can take its place.

Every module maps a feature map and the decoder's next coarser map to a feature map of the same shape as the first;
all but the gate ignore the second.
"""

import torch
from segmentation_models_pytorch.base.modules import SCSEModule
from torch import nn
from torch.nn import functional as F

ATTENTION = ("none", "channel", "spatial", "hybrid", "cbam", "scse", "gate")


class ChannelWeights(nn.Module):
    """Eq. 1: w_c = sigmoid(W2 ReLU(W1 GAP(F))), from average pooling only."""

    def __init__(self, channels: int, *, reduction: int):
        """Build W1 (channels / reduction, channels) and W2 (channels, channels / reduction), without biases."""
        super().__init__()
        self.first = nn.Linear(channels, max(channels // reduction, 1), bias=False)
        self.second = nn.Linear(max(channels // reduction, 1), channels, bias=False)

    def forward(self, feature: torch.Tensor) -> torch.Tensor:
        """Return (N, C, 1, 1) weights in (0, 1) for (N, C, H, W)."""
        pooled = feature.mean(dim=(2, 3))
        return torch.sigmoid(self.second(F.relu(self.first(pooled))))[:, :, None, None]


class SpatialWeights(nn.Module):
    """Eq. 2: w_s = sigmoid(Conv([MaxPool(F), AvgPool(F)])), pooled over channels, the maximum first."""

    def __init__(self, *, kernel: int):
        """Build the kernel x kernel convolution from two channels to one, padded by zeros, without bias."""
        super().__init__()
        if kernel % 2 == 0:
            raise ValueError(f"The kernel of spatial attention is {kernel}; it must be odd to keep the map's size.")
        self.convolution = nn.Conv2d(2, 1, kernel, padding=kernel // 2, bias=False)

    def forward(self, feature: torch.Tensor) -> torch.Tensor:
        """Return (N, 1, H, W) weights in (0, 1) for (N, C, H, W)."""
        pooled = torch.cat([feature.amax(dim=1, keepdim=True), feature.mean(dim=1, keepdim=True)], dim=1)
        return torch.sigmoid(self.convolution(pooled))


class ChannelAttention(nn.Module):
    """F' = F x w_c: eq. 1 alone."""

    def __init__(self, channels: int, *, reduction: int):
        """Build eq. 1 for a map of `channels`."""
        super().__init__()
        self.channel = ChannelWeights(channels, reduction=reduction)

    def forward(self, feature: torch.Tensor, signal: torch.Tensor | None = None) -> torch.Tensor:
        """Return (N, C, H, W)."""
        return feature * self.channel(feature)


class SpatialAttention(nn.Module):
    """F' = F x w_s: eq. 2 alone."""

    def __init__(self, *, kernel: int):
        """Build eq. 2 for a map of any number of channels."""
        super().__init__()
        self.spatial = SpatialWeights(kernel=kernel)

    def forward(self, feature: torch.Tensor, signal: torch.Tensor | None = None) -> torch.Tensor:
        """Return (N, C, H, W)."""
        return feature * self.spatial(feature)


class HybridAttention(nn.Module):
    """Eq. 3: F' = F x w_c x w_s, both weights from the same F: parallel and multiplied.

    Neither in sequence as in CBAM nor added as in scSE.
    """

    def __init__(self, channels: int, *, reduction: int, kernel: int):
        """Build eq. 1 and 2 for a map of `channels`."""
        super().__init__()
        self.channel = ChannelWeights(channels, reduction=reduction)
        self.spatial = SpatialWeights(kernel=kernel)

    def forward(self, feature: torch.Tensor, signal: torch.Tensor | None = None) -> torch.Tensor:
        """Return (N, C, H, W)."""
        return feature * self.channel(feature) * self.spatial(feature)


class CBAM(nn.Module):
    """Channel attention from average and maximum through shared layers, then spatial attention of its result.

    Source: Woo et al. 2018, arXiv 1807.06521, eq. 1 to 3.
    """

    def __init__(self, channels: int, *, reduction: int, kernel: int):
        """Build both parts for a map of `channels`."""
        super().__init__()
        hidden = max(channels // reduction, 1)
        self.shared = nn.Sequential(nn.Linear(channels, hidden), nn.ReLU(), nn.Linear(hidden, channels))
        self.spatial = SpatialWeights(kernel=kernel)

    def forward(self, feature: torch.Tensor, signal: torch.Tensor | None = None) -> torch.Tensor:
        """Return (N, C, H, W)."""
        scores = self.shared(feature.mean(dim=(2, 3))) + self.shared(feature.amax(dim=(2, 3)))
        refined = feature * torch.sigmoid(scores)[:, :, None, None]
        return refined * self.spatial(refined)


class ScSE(nn.Module):
    """smp's module: F x channel weights + F x spatial weights, added rather than multiplied.

    Source: Roy et al. 2018, arXiv 1808.08127.
    """

    def __init__(self, channels: int, *, reduction: int):
        """Build smp's module for a map of `channels`."""
        super().__init__()
        self.module = SCSEModule(in_channels=channels, reduction=min(reduction, channels))

    def forward(self, feature: torch.Tensor, signal: torch.Tensor | None = None) -> torch.Tensor:
        """Return (N, C, H, W)."""
        return self.module(feature)


class Gate(nn.Module):
    """F' = F x alpha, alpha = sigmoid(psi(ReLU(Wx F + Wg g + b)) + b') on the grid of the coarser map g.

    F is averaged down to that grid and alpha resized bilinearly back. Source: Oktay et al. 2018, arXiv 1804.03999,
    eq. 1 and 2.
    """

    def __init__(self, channels: int, *, signal_channels: int):
        """Gate a map of `channels` by a decoder's map of `signal_channels` at half its height and width."""
        super().__init__()
        hidden = max(channels // 2, 1)
        self.of_feature = nn.Conv2d(channels, hidden, 1, bias=False)
        self.of_signal = nn.Conv2d(signal_channels, hidden, 1)
        self.psi = nn.Conv2d(hidden, 1, 1)

    def forward(self, feature: torch.Tensor, signal: torch.Tensor) -> torch.Tensor:
        """Return (N, C, H, W)."""
        agreed = F.relu(self.of_feature(F.avg_pool2d(feature, 2)) + self.of_signal(signal))
        alpha = torch.sigmoid(self.psi(agreed))
        return feature * F.interpolate(alpha, size=feature.shape[-2:], mode="bilinear", align_corners=False)


class Unchanged(nn.Module):
    """F' = F: a plain skip connection."""

    def forward(self, feature: torch.Tensor, signal: torch.Tensor | None = None) -> torch.Tensor:
        """Return the feature map as it came."""
        return feature


def make_attention(name: str, channels: int, *, signal_channels: int, reduction: int, kernel: int) -> nn.Module:
    """Return the attention module of that name for one skip connection; a map without channels passes unchanged.

    Args:
        name: one of `ATTENTION`.
        channels: of the skip connection; some encoders' finest map has none.
        signal_channels: of the decoder's next coarser map.
        reduction: how many times fewer channels the hidden layer of channel attention has; at least one is left.
        kernel: side of the convolution of spatial attention, odd.

    Raises:
        ValueError: no such attention, or an even kernel.
    """
    if name not in ATTENTION:
        raise ValueError(f"Attention {name!r} is not known: choose one of {', '.join(ATTENTION)}.")
    if channels == 0:
        return Unchanged()
    match name:
        case "none":
            return Unchanged()
        case "channel":
            return ChannelAttention(channels, reduction=reduction)
        case "spatial":
            return SpatialAttention(kernel=kernel)
        case "hybrid":
            return HybridAttention(channels, reduction=reduction, kernel=kernel)
        case "cbam":
            return CBAM(channels, reduction=reduction, kernel=kernel)
        case "scse":
            return ScSE(channels, reduction=reduction)
        case "gate":
            return Gate(channels, signal_channels=signal_channels)
