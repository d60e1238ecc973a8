"""SegNet of Badrinarayanan et al. 2017, arXiv 1511.00561."""

import itertools

import torch
from torch import nn
from torch.nn import functional as F

from baselines.blocks import conv_relu, initialise, vgg_encoder


def unpool(feature: torch.Tensor, indices: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Return (N, C, height, width) with each value of `feature` where its maximum once stood and zeros elsewhere.

    Equal to `max_unpool2d`, which has no deterministic CUDA kernel; windows must not overlap.

    Args:
        feature: (N, C, h, w).
        indices: (N, C, h, w) positions in the flattened (height, width) plane, as `max_pool2d` returns them.
        size: (height, width) before the pooling.
    """
    height, width = size
    plane = feature.new_zeros(*feature.shape[:2], height * width)
    return plane.scatter(2, indices.flatten(2), feature.flatten(2)).unflatten(2, (height, width))


class SegNet(nn.Module):
    """The thirteen convolutions of VGG16-BN and their mirror image, which un-pools by the encoder's indices.

    Nothing but the indices goes from the encoder to the decoder. The last convolution of each decoder stage has as
    many channels as the encoder stage above it, that of the last stage as many as there are classes.
    """

    stride = 32

    def __init__(self, in_channels: int = 3, classes: int = 1, *, encoder_name: str = "vgg16_bn", width: int = 64):
        """Build the network with random weights.

        Args:
            in_channels: how many channels the image has.
            classes: how many channels the logits have.
            encoder_name: one of smp's VGG encoders; un-pooling needs their max-pools.
            width: channels of the first stage, 64 in the paper; other widths scale every stage.
        """
        super().__init__()
        self.encoder_name = encoder_name
        self.encoder = vgg_encoder(encoder_name, in_channels=in_channels, width=width)
        self.decoder = nn.ModuleList(_mirror(self.encoder.features))
        self.head = nn.Conv2d(width, classes, 3, padding=1)
        initialise(self.decoder)
        initialise(self.head)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return (N, classes, H, W) logits for (N, in_channels, H, W), H and W divisible by 32."""
        feature, pooled = image, []
        for layer in self.encoder.features:
            if isinstance(layer, nn.MaxPool2d):
                size = feature.shape[-2:]
                feature, indices = F.max_pool2d(feature, 2, return_indices=True)
                pooled.append((indices, size))
            else:
                feature = layer(feature)
        for stage, (indices, size) in zip(self.decoder, reversed(pooled), strict=True):
            feature = stage(unpool(feature, indices, size))
        return self.head(feature)


def _mirror(features: nn.Sequential) -> list[nn.Sequential]:
    """Return the decoder's stages, deepest first: each undoes the channels of one encoder stage."""
    convolutions = [layer for layer in features if isinstance(layer, nn.Conv2d | nn.MaxPool2d)]
    stages = [
        [layer for layer in group]
        for pools, group in itertools.groupby(convolutions, lambda layer: isinstance(layer, nn.MaxPool2d))
        if not pools
    ]
    mirrored = []
    for level, stage in reversed(list(enumerate(stages))):
        # the convolution that would undo the image's own channels is the network's head
        mirror = reversed(stage if level else stage[1:])
        mirrored.append(nn.Sequential(*(conv_relu(each.out_channels, each.in_channels) for each in mirror)))
    return mirrored
