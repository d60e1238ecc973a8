"""TCNet's multi-scale fusion module (MFM), and what takes its place in the ablation."""

import torch
from torch import nn
from torch.nn import functional as F

from repro.models.attention import SpatialWeights
from repro.models.tcnet.blocks import AttendedMap, bounded, upsample


class ChannelWeights(nn.Module):
    """sigmoid(MLP(AvgPool F) + MLP(MaxPool F)) with one MLP for both: CBAM's channel attention, arXiv 1807.06521."""

    def __init__(self, channels: int, *, reduction: int):
        """Build the MLP with channels / reduction hidden units, at least four."""
        super().__init__()
        hidden = channels // bounded(reduction, channels)
        self.shared = nn.Sequential(nn.Linear(channels, hidden), nn.ReLU(), nn.Linear(hidden, channels))

    def forward(self, feature: torch.Tensor) -> torch.Tensor:
        """Return (N, C, 1, 1) weights in (0, 1) for (N, C, H, W)."""
        scores = self.shared(feature.mean(dim=(2, 3))) + self.shared(feature.amax(dim=(2, 3)))
        return torch.sigmoid(scores)[:, :, None, None]


class MultiScaleFusion(nn.Module):
    """Three branches, concatenated, then 3x3 convolution, BN and ReLU.

    middle: both branches' maps of this level through a 1x1 convolution, times their channel weights.
    lower: the finer level's map through max-pooling and a convolution to more channels, times its spatial weights.
    upper: the coarser level's map through a convolution to fewer channels and up-sampling, then self-attention;
        at the coarsest level, which has no coarser one, this level's own map in its place. Where attention is said
        to come after the concatenation there is none here.

    The text of the upper branch is lost: it is taken by symmetry with the lower one.
    """

    def __init__(
        self,
        channels: int,
        *,
        finer: int,
        coarser: int | None,
        branches: int,
        attention: str,
        square: int,
        heads: int,
        reduction: int,
        kernel: int,
    ):
        """Build the module of one level.

        Args:
            channels: of this level.
            finer, coarser: channels of the neighbouring levels; no coarser one is None.
            branches: how many branches the encoder has at this level, 1 or 2.
            attention: "upper" or "after", where the self-attention stands.
            square: positions a side over whose means the self-attention runs; 1 is every position.
            heads: of the self-attention.
            reduction, kernel: of the channel and the spatial attention.
        """
        super().__init__()
        self.join = nn.Conv2d(branches * channels, channels, 1)
        self.channel = ChannelWeights(channels, reduction=reduction)
        self.rise = nn.Conv2d(finer, channels, 3, padding=1)
        self.spatial = SpatialWeights(kernel=kernel)
        self.cut = nn.Conv2d(coarser or channels, channels, 1)
        self.enlarge = coarser is not None
        upper, after = attention == "upper", attention == "after"
        self.upper = AttendedMap(channels, heads=heads, square=square) if upper else nn.Identity()
        self.after = AttendedMap(3 * channels, heads=heads, square=square) if after else nn.Identity()
        self.end = nn.Sequential(
            nn.Conv2d(3 * channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels), nn.ReLU()
        )

    def forward(self, maps: list[torch.Tensor], finer: torch.Tensor, coarser: torch.Tensor) -> torch.Tensor:
        """Return (N, C, H, W).

        Args:
            maps: each branch's (N, C, H, W) of this level.
            finer: (N, finer, 2 H, 2 W).
            coarser: (N, coarser, H / 2, W / 2); at the coarsest level (N, C, H, W).
        """
        middle = self.join(torch.cat(maps, dim=1))
        middle = middle * self.channel(middle)
        lower = self.rise(F.max_pool2d(finer, 2))
        lower = lower * self.spatial(lower)
        upper = self.cut(coarser)
        upper = self.upper(upsample(upper) if self.enlarge else upper)
        return self.end(self.after(torch.cat([upper, middle, lower], dim=1)))


class Concatenation(nn.Module):
    """Both branches' maps of one level through a 1x1 convolution: what stands where the MFM is left out."""

    def __init__(self, channels: int, *, branches: int):
        """Build it for `branches` maps of `channels` each."""
        super().__init__()
        self.join = nn.Conv2d(branches * channels, channels, 1)

    def forward(self, maps: list[torch.Tensor], finer: torch.Tensor, coarser: torch.Tensor) -> torch.Tensor:
        """Return (N, C, H, W); the neighbouring levels are not looked at."""
        return self.join(torch.cat(maps, dim=1))
