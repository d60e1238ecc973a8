"""TCNet's decoder: up-sampling, the skip connection, two convolutional units; and its heads."""

import torch
from torch import nn

from repro.models.tcnet.blocks import ConvolutionUnit, Placement, upsample


class DecoderStage(nn.Module):
    """Up-sampling by two, concatenation with the skip connection, two convolutional units."""

    def __init__(self, channels: int, skip: int, result: int, placement: Placement):
        """Build the stage from `channels` at half the size and `skip` at this size to `result`."""
        super().__init__()
        self.on_upsampled = placement.at("upsampling", channels)
        self.on_skip = placement.at("skip", skip)
        self.units = nn.Sequential(
            ConvolutionUnit(channels + skip, result, placement),
            ConvolutionUnit(result, result, placement, place="decoder"),
        )

    def forward(self, feature: torch.Tensor, skip: torch.Tensor) -> torch.Tensor:
        """Return (N, result, H, W) for (N, channels, H / 2, W / 2) and (N, skip, H, W)."""
        enlarged = self.on_upsampled(upsample(feature))
        return self.units(torch.cat([enlarged, self.on_skip(skip)], dim=1))


class Head(nn.Module):
    """A 1x1 convolution to the classes, enlarged to the size of the image."""

    def __init__(self, channels: int, classes: int, *, stride: int):
        """Build the head of a map at that stride."""
        super().__init__()
        self.classify = nn.Conv2d(channels, classes, 1)
        self.stride = stride

    def forward(self, feature: torch.Tensor) -> torch.Tensor:
        """Return (N, classes, stride * H, stride * W) logits."""
        logits = self.classify(feature)
        return logits if self.stride == 1 else upsample(logits, self.stride)
