"""CE-Net: dense atrous convolutions and multi-kernel pooling between a residual encoder and a light decoder."""

import segmentation_models_pytorch as smp
import torch
from torch import nn
from torch.nn import functional as F

from baselines.blocks import check_encoder, upsample


class CENet(nn.Module):
    """(N, in_channels, H, W) images to (N, classes, H, W) logits, H and W divisible by 32.

    29.00 M parameters on ResNet-34.

    Source: Gu et al. 2019 (arXiv 1903.02740), Sec. II-A (encoder), II-B (`DenseAtrous`, `MultiKernelPooling`), II-C
    (decoder: 1x1 convolution, 3x3 transposed convolution, 1x1 convolution; skips are added). The text has no head; the
    one here, a transposed convolution and two of 3x3 at half the channels of the first stage, is LinkNet's, like the
    decoder.
    """

    stride = 32

    def __init__(
        self,
        in_channels: int = 3,
        classes: int = 1,
        *,
        encoder_name: str = "resnet34",
        pools: tuple[int, ...] = (2, 3, 5, 6),
    ):
        """Build the network with random weights.

        Args:
            in_channels: how many channels the image has.
            classes: how many channels the logits have.
            encoder_name: any encoder of smp or timm with five levels.
            pools: kernels of the multi-kernel pooling, each cut to the map's own size.

        Raises:
            ValueError: no such encoder.
        """
        super().__init__()
        check_encoder(encoder_name)
        self.encoder_name = encoder_name
        self.encoder = smp.encoders.get_encoder(encoder_name, in_channels=in_channels, depth=5, weights=None)
        _, _, first, second, third, deepest = self.encoder.out_channels
        self.dense_atrous = DenseAtrous(deepest)
        self.pooling = MultiKernelPooling(deepest, pools)
        steps = [(deepest + len(pools), third), (third, second), (second, first), (first, first)]
        self.decoder = nn.ModuleList(DecoderBlock(*step) for step in steps)
        self.head = nn.Sequential(
            nn.ConvTranspose2d(first, first // 2, 4, stride=2, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(first // 2, first // 2, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(first // 2, classes, 3, padding=1),
        )

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return (N, classes, H, W) logits for (N, in_channels, H, W)."""
        _, _, *skips, deepest = self.encoder(image)
        features = self.pooling(self.dense_atrous(deepest))
        for block, skip in zip(self.decoder, [*reversed(skips), None], strict=True):
            features = block(features)
            if skip is not None:
                features = features + skip
        return self.head(features)


class DenseAtrous(nn.Module):
    """The dense atrous convolution block (DAC): x plus four branches, (N, C, H, W) to the same shape.

    With A, B, D 3x3 convolutions of dilation 1, 3, 5 and P a 1x1 one, the branches are A, PB, PBA and PDBA, each under
    a ReLU, with receptive fields of 3, 7, 9 and 19 pixels. A convolution of one dilation is one and the same in all
    branches, as the authors' 29 M parameters tell: with weights of their own they would be 39 M.
    """

    def __init__(self, channels: int):
        super().__init__()
        self.dilated = nn.ModuleList(
            nn.Conv2d(channels, channels, 3, padding=dilation, dilation=dilation) for dilation in (1, 3, 5)
        )
        self.point = nn.Conv2d(channels, channels, 1)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return (N, C, H, W)."""
        one, three, five = self.dilated
        first = one(features)
        chain = three(first)
        branches = (first, self.point(three(features)), self.point(chain), self.point(five(chain)))
        return features + sum(F.relu(branch) for branch in branches)


class MultiKernelPooling(nn.Module):
    """The residual multi-kernel pooling block (RMP): (N, C, H, W) to (N, C + number of pools, H, W).

    The map is max-pooled at each kernel, which is its stride too, cut to one channel by one shared 1x1 convolution and
    brought back to its size; the map itself comes last. A kernel is never larger than the map: the paper's 448x448
    images give maps of 14x14 here, a 64x64 one only 2x2.
    """

    def __init__(self, channels: int, pools: tuple[int, ...]):
        super().__init__()
        self.pools = tuple(pools)
        self.point = nn.Conv2d(channels, 1, 1)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return (N, C + number of pools, H, W)."""
        height, width = features.shape[-2:]
        pooled = (F.max_pool2d(features, (min(pool, height), min(pool, width))) for pool in self.pools)
        return torch.cat([*(upsample(self.point(each), (height, width)) for each in pooled), features], dim=1)


class DecoderBlock(nn.Sequential):
    """(N, C, H, W) to (N, out_channels, 2H, 2W): 1x1 to a quarter of C, 3x3 transposed, 1x1, each with BN and ReLU."""

    def __init__(self, in_channels: int, out_channels: int):
        inner = in_channels // 4
        super().__init__(
            *_normalised(nn.Conv2d(in_channels, inner, 1)),
            *_normalised(nn.ConvTranspose2d(inner, inner, 3, stride=2, padding=1, output_padding=1)),
            *_normalised(nn.Conv2d(inner, out_channels, 1)),
        )


def _normalised(convolution: nn.Module) -> tuple[nn.Module, ...]:
    """A convolution with batch normalisation and ReLU."""
    return convolution, nn.BatchNorm2d(convolution.out_channels), nn.ReLU(inplace=True)
