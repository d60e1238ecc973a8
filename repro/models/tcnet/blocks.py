"""TCNet's basic convolutional unit, its self-attention, and the places where the hybrid attention module can stand."""

import torch
from torch import nn
from torch.nn import functional as F

from repro.models.attention import CBAM

# The switch `attention`: at which places the hybrid attention module (channel, then spatial) stands.
#   input         after the first convolutional unit
#   convolution   after every basic convolutional unit of encoder and decoder: 3x3 convolution, BN, ReLU; and every LKM
#   encoder       at the end of every stage of the encoder
#   decoder       at the end of every stage of the decoder
#   skip          on every skip connection into the decoder
#   upsampling    after every up-sampling of the decoder
#   output        before the head
#   four_outputs  before each of the four heads that deep supervision has, whether or not it is on
PLACES: dict[str, frozenset[str]] = {
    "none": frozenset(),
    "encoder_decoder": frozenset({"encoder", "decoder"}),
    "skip": frozenset({"skip"}),
    "upsampling": frozenset({"upsampling"}),
    "all_convolution": frozenset({"convolution"}),
    "single_output": frozenset({"input", "output"}),
    "four_output": frozenset({"input", "four_outputs"}),
}


class Placement:
    """Where the hybrid attention module stands, and what it looks like."""

    def __init__(self, attention: str, *, reduction: int, kernel: int):
        """Take a key of `PLACES`, the reduction of its channel part and the kernel of its spatial part."""
        if attention not in PLACES:
            raise ValueError(f"Attention {attention!r} is not known: choose one of {', '.join(PLACES)}.")
        self.places = PLACES[attention]
        self.reduction, self.kernel = reduction, kernel

    def at(self, place: str, channels: int) -> nn.Module:
        """Return the module for a map of `channels` at one place: hybrid attention, or what changes nothing."""
        if place not in self.places:
            return nn.Identity()
        return CBAM(channels, reduction=bounded(self.reduction, channels), kernel=self.kernel)


def bounded(reduction: int, channels: int) -> int:
    """Return the reduction, or less where it would leave fewer than four hidden units.

    A single unit behind a ReLU is dead for every image at about every other start, and the attention with it.
    """
    return max(1, min(reduction, channels // 4))


class ConvolutionUnit(nn.Sequential):
    """3x3 convolution, batch normalisation, ReLU; hybrid attention after it where the placement says so."""

    def __init__(
        self, channels: int, result: int, placement: Placement, *, place: str = "convolution", stride: int = 1
    ):
        """Build the unit from `channels` to `result`, at 1 / `stride` of the size rounded up."""
        attentions = [placement.at(each, result) for each in dict.fromkeys(("convolution", place))]
        super().__init__(
            nn.Conv2d(channels, result, 3, stride=stride, padding=1, bias=False),
            nn.BatchNorm2d(result),
            nn.ReLU(),
            *(each for each in attentions if not isinstance(each, nn.Identity)),
        )


class SelfAttention(nn.Module):
    """Multi-head self-attention over all positions of a map: softmax(Q K^T / sqrt(d_k)) V in each head, eq. 2."""

    def __init__(self, channels: int, *, heads: int):
        """Build the projections; there is no position embedding."""
        super().__init__()
        if channels % heads:
            raise ValueError(f"{channels} channels cannot be shared among {heads} heads: choose heads or width anew.")
        self.heads = heads
        self.project = nn.Linear(channels, 3 * channels)
        self.join = nn.Linear(channels, channels)

    def forward(self, feature: torch.Tensor) -> torch.Tensor:
        """Return (N, H, W, C) for (N, H, W, C): channels last."""
        count, height, width, channels = feature.shape
        projected = self.project(feature).view(count, height * width, 3, self.heads, channels // self.heads)
        query, key, value = projected.permute(2, 0, 3, 1, 4).unbind(0)
        attended = F.scaled_dot_product_attention(query, key, value)
        return self.join(attended.transpose(1, 2).reshape(count, height, width, channels))


class AttendedMap(nn.Module):
    """x + MHSA(LN x) on a map with channels first; on means of squares, resized back, where the grid is too fine."""

    def __init__(self, channels: int, *, heads: int, square: int):
        """Build it for a map of `channels`; it attends to the means of squares of `square` positions a side."""
        super().__init__()
        self.normalise = nn.LayerNorm(channels)
        self.attend = SelfAttention(channels, heads=heads)
        self.square = square

    def forward(self, feature: torch.Tensor) -> torch.Tensor:
        """Return (N, C, H, W) for (N, C, H, W), H and W divisible by `square`."""
        grid = F.avg_pool2d(feature, self.square) if self.square > 1 else feature
        attended = self.attend(self.normalise(grid.permute(0, 2, 3, 1))).permute(0, 3, 1, 2)
        return feature + (upsample(attended, self.square) if self.square > 1 else attended)


def upsample(feature: torch.Tensor, factor: int = 2) -> torch.Tensor:
    """Return (N, C, factor * H, factor * W), bilinear."""
    return F.interpolate(feature, scale_factor=factor, mode="bilinear", align_corners=False)
