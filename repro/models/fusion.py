"""Multi-scale fusion of an encoder's maps: every skip connection with its neighbours, the deepest map with all.

The paper names a "multi-scale feature fusion strategy" for the skip connections and a "global feature fusion module"
and gives no equation. What stands here is chosen: a residual bottleneck over several scales.
"""

import torch
from torch import nn
from torch.nn import functional as F

FUSION = ("none", "adjacent", "full")


def resample(feature: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Return (N, C, height, width): means over whole blocks of a finer map, a coarser map bilinearly.

    Args:
        feature: (N, C, h, w), of which h is a multiple or a divisor of height, and w likewise of width.
        size: (height, width).
    """
    if feature.shape[-2] > size[0]:
        return F.avg_pool2d(feature, feature.shape[-2] // size[0])
    return F.interpolate(feature, size=size, mode="bilinear", align_corners=False)


class AdjacentFusion(nn.Module):
    """F_i + W ReLU(BN(V ReLU(BN(sum over neighbours j of U_j F_j)))), all brought to the grid of F_i.

    U_j and W are 1x1 convolutions to and from a fourth of F_i's channels, V is a 3x3 one. The neighbours are the map
    itself, the next finer and the next coarser one.
    """

    def __init__(self, channels: int, *, neighbours: tuple[int, ...]):
        """Build the fusion into a map of `channels`; `neighbours` are the channels of every map, itself included."""
        super().__init__()
        narrow = max(channels // 4, 1)
        self.of_neighbours = nn.ModuleList(nn.Conv2d(each, narrow, 1, bias=False) for each in neighbours)
        self.mix = nn.Sequential(
            nn.BatchNorm2d(narrow),
            nn.ReLU(inplace=True),
            nn.Conv2d(narrow, narrow, 3, padding=1, bias=False),
            nn.BatchNorm2d(narrow),
            nn.ReLU(inplace=True),
            nn.Conv2d(narrow, channels, 1),
        )

    def forward(self, feature: torch.Tensor, neighbours: list[torch.Tensor]) -> torch.Tensor:
        """Return (N, C, H, W) like `feature`; `neighbours` are maps at half, the same and twice its stride."""
        size = feature.shape[-2:]
        gathered = [
            _reduced(convolution, each, size) for convolution, each in zip(self.of_neighbours, neighbours, strict=True)
        ]
        return feature + self.mix(sum(gathered))


class GlobalFusion(nn.Module):
    """F_5 + W ReLU(BN(sum over all scales i of U_i F_i + U_g GAP(F_5))), brought to the grid of the deepest map F_5.

    U_i, U_g and W are 1x1 convolutions to and from a fourth of F_5's channels: the bottom of the network sees the fine
    details of every scale and the mean of the whole image.
    """

    def __init__(self, channels: tuple[int, ...]):
        """Build the fusion of maps with so many channels, finest first, into the last of them."""
        super().__init__()
        narrow = max(channels[-1] // 4, 1)
        self.of_scales = nn.ModuleList(nn.Conv2d(each, narrow, 1, bias=False) for each in channels)
        self.of_image = nn.Conv2d(channels[-1], narrow, 1, bias=False)
        self.mix = nn.Sequential(nn.BatchNorm2d(narrow), nn.ReLU(inplace=True), nn.Conv2d(narrow, channels[-1], 1))

    def forward(self, features: list[torch.Tensor]) -> torch.Tensor:
        """Return (N, C, H, W) like the last of `features`, which come finest first."""
        deepest = features[-1]
        gathered = [
            _reduced(convolution, each, deepest.shape[-2:])
            for convolution, each in zip(self.of_scales, features, strict=True)
        ]
        return deepest + self.mix(sum(gathered) + self.of_image(deepest.mean(dim=(2, 3), keepdim=True)))


class MultiScaleFusion(nn.Module):
    """Fuse an encoder's maps: nothing, each skip connection with its neighbours, or also the deepest map with all."""

    def __init__(self, channels: tuple[int, ...], *, kind: str):
        """Build the fusion.

        Args:
            channels: of the maps of stride 2, 4, and so on; the last one is the deepest. Some encoders have no map of
                stride 2; it has 0 channels then, passes unchanged and is nobody's neighbour.
            kind: "none", "adjacent" or "full".

        Raises:
            ValueError: no such kind.
        """
        super().__init__()
        if kind not in FUSION:
            raise ValueError(f"Fusion {kind!r} is not known: choose one of {', '.join(FUSION)}.")
        present = [level for level, each in enumerate(channels) if each]
        skips = [level for level in present if level < len(channels) - 1 and kind != "none"]
        self.neighbours = {level: [each for each in present if abs(each - level) <= 1] for level in skips}
        self.adjacent = nn.ModuleDict(
            {
                str(level): AdjacentFusion(channels[level], neighbours=tuple(channels[each] for each in around))
                for level, around in self.neighbours.items()
            }
        )
        self.present = present
        self.bottom = GlobalFusion(tuple(channels[level] for level in present)) if kind == "full" else None

    def forward(self, features: list[torch.Tensor]) -> list[torch.Tensor]:
        """Return maps of the same shapes, each made of the unfused ones."""
        fused = list(features)
        for level, around in self.neighbours.items():
            fused[level] = self.adjacent[str(level)](features[level], [features[each] for each in around])
        if self.bottom is not None:
            fused[-1] = self.bottom([features[level] for level in self.present])
        return fused


def _reduced(convolution: nn.Conv2d, feature: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Return the 1x1 convolution of a map on another grid, computed on the smaller of the two grids.

    Both steps are linear and the convolution looks at no neighbours, so their order is free.
    """
    if feature.shape[-2] > size[0]:
        return convolution(resample(feature, size))
    return resample(convolution(feature), size)
