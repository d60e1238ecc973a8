"""The pyramid scene parsing network of Zhao et al. 2017, arXiv 1612.01105."""

import torch
from torch import nn

from baselines.blocks import conv_relu, dilated_encoder, upsample


def region_means(feature: torch.Tensor, bins: int) -> torch.Tensor:
    """Return (N, C, bins, bins), the mean of `feature` over each of bins x bins regions, for a map of any size.

    Equal to `adaptive_avg_pool2d`, whose backward pass has no deterministic CUDA kernel: here rows and columns are
    averaged by a matrix product each.
    """
    height, width = feature.shape[-2:]
    rows, columns = _regions(height, bins, like=feature), _regions(width, bins, like=feature)
    over_rows = torch.einsum("bh,nchw->ncbw", rows, feature) / rows.sum(1)[:, None]
    return torch.einsum("bw,ncaw->ncab", columns, over_rows) / columns.sum(1)


def _regions(length: int, bins: int, *, like: torch.Tensor) -> torch.Tensor:
    """Return (bins, length) zeros and ones: which positions belong to which region; neighbours overlap if need be."""
    index = torch.arange(bins, device=like.device)
    first, end = index * length // bins, ((index + 1) * length + bins - 1) // bins
    position = torch.arange(length, device=like.device)
    return ((position >= first[:, None]) & (position < end[:, None])).to(like.dtype)


class PyramidPooling(nn.Module):
    """Concatenate a map with its means over 1x1, 2x2, 3x3 and 6x6 regions, each reduced to a fourth of its channels."""

    def __init__(self, channels: int, *, bins: tuple[int, ...] = (1, 2, 3, 6)):
        """Build a 1x1 convolution, batch normalisation and ReLU for each of `bins`; twice `channels` come out."""
        super().__init__()
        self.bins = bins
        self.reduce = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(channels, channels // len(bins), 1, bias=False),
                nn.BatchNorm2d(channels // len(bins)),
                nn.ReLU(inplace=True),
            )
            for _ in bins
        )

    def forward(self, feature: torch.Tensor) -> torch.Tensor:
        """Return (N, 2C, H, W): the map itself first, then its region means from coarse to fine, resized bilinearly."""
        size = feature.shape[-2:]
        means = (
            upsample(reduce(region_means(feature, bins)), size)
            for bins, reduce in zip(self.bins, self.reduce, strict=True)
        )
        return torch.cat([feature, *means], dim=1)


class DilatedPSPNet(nn.Module):
    """A dilated encoder of stride 8, the pyramid on its last stage, and an auxiliary head on the stage before.

    That stage is the fourth ("res4b22", Sec. 4): the one before the last. While training the network returns
    (main, auxiliary) logits; the paper weighs the latter by 0.4. smp's network of the same name cuts the encoder at
    its third stage, does not dilate it and is another network.
    """

    stride = 8

    def __init__(
        self,
        in_channels: int = 3,
        classes: int = 1,
        *,
        encoder_name: str = "resnet50",
        auxiliary: bool = True,
        dropout: float = 0.1,
    ):
        """Build the network with random weights.

        Args:
            in_channels: how many channels the image has.
            classes: how many channels the logits have.
            encoder_name: any encoder of smp or timm that can be dilated.
            auxiliary: build the auxiliary head; without it there is one output in training too.
            dropout: share of features dropped before the class scores, in both heads.
        """
        super().__init__()
        self.encoder_name = encoder_name
        self.encoder = dilated_encoder(encoder_name, in_channels=in_channels, stride=self.stride)
        *_, before_last, last = self.encoder.out_channels
        self.pyramid = PyramidPooling(last)
        self.head = _head(2 * last, last // 4, classes, dropout=dropout)
        self.auxiliary_head = _head(before_last, before_last // 4, classes, dropout=dropout) if auxiliary else None

    def forward(self, image: torch.Tensor) -> torch.Tensor | tuple[torch.Tensor, torch.Tensor]:
        """Return (N, classes, H, W) logits for (N, in_channels, H, W), while training with the auxiliary ones."""
        size = image.shape[-2:]
        *_, before_last, last = self.encoder(image)
        logits = upsample(self.head(self.pyramid(last)), size)
        if self.training and self.auxiliary_head is not None:
            return logits, upsample(self.auxiliary_head(before_last), size)
        return logits


def _head(in_channels: int, channels: int, classes: int, *, dropout: float) -> nn.Sequential:
    """Return a 3x3 convolution, dropout and the class scores."""
    return nn.Sequential(conv_relu(in_channels, channels), nn.Dropout(dropout), nn.Conv2d(channels, classes, 1))
