"""TCNet's enhanced transformer module (ETM), and a stage of the encoder's second branch made of it."""

import torch
from torch import nn

from repro.models.large_kernel import LargeKernelConv2d
from repro.models.tcnet.blocks import SelfAttention


class TransformerHalf(nn.Module):
    """x += DW(LN x); x += MHSA(LN x); x += MLP(LN x): three layer normalisations, one of each of the others.

    The large depth-wise convolution DW gives position, so there is no position embedding.
    """

    def __init__(self, channels: int, *, kernel_size: int, heads: int, mlp_ratio: int):
        """Build it for a map of `channels`."""
        super().__init__()
        self.before_large, self.before_attention, self.before_mlp = (nn.LayerNorm(channels) for _ in range(3))
        self.large = LargeKernelConv2d(channels, kernel_size)
        self.attention = SelfAttention(channels, heads=heads)
        self.mlp = nn.Sequential(
            nn.Linear(channels, mlp_ratio * channels), nn.GELU(), nn.Linear(mlp_ratio * channels, channels)
        )

    def forward(self, feature: torch.Tensor) -> torch.Tensor:
        """Return (N, H, W, C) for (N, H, W, C): channels last."""
        large = self.large(self.before_large(feature).permute(0, 3, 1, 2))
        feature = feature + large.permute(0, 2, 3, 1)
        feature = feature + self.attention(self.before_attention(feature))
        return feature + self.mlp(self.before_mlp(feature))


class EnhancedTransformerModule(nn.Module):
    """Two like halves, one after the other."""

    def __init__(self, channels: int, *, kernel_size: int, heads: int, mlp_ratio: int):
        """Build it for a map of `channels`."""
        super().__init__()
        sizes = {"kernel_size": kernel_size, "heads": heads, "mlp_ratio": mlp_ratio}
        self.halves = nn.Sequential(TransformerHalf(channels, **sizes), TransformerHalf(channels, **sizes))

    def forward(self, feature: torch.Tensor) -> torch.Tensor:
        """Return (N, C, H, W) for (N, C, H, W)."""
        return self.halves(feature.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class TransformerStage(nn.Module):
    """Merging of 2x2 patches, then an enhanced transformer module, or nothing where the grid is too fine for one."""

    def __init__(self, channels: int, result: int, *, module: EnhancedTransformerModule | None):
        """Build the stage from `channels` to `result`."""
        super().__init__()
        self.merge = nn.Conv2d(channels, result, 2, stride=2)
        self.module = module

    def forward(self, feature: torch.Tensor) -> torch.Tensor:
        """Return (N, result, H / 2, W / 2) for (N, channels, H, W)."""
        merged = self.merge(feature)
        return merged if self.module is None else self.module(merged)
