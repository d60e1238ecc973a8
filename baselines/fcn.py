"""Fully convolutional networks: Long et al. 2015, arXiv 1411.4038, in the modern and in the classic form."""

import torch
from torch import nn
from torch.nn import functional as F
from torchvision.models.segmentation.fcn import FCNHead

from baselines.blocks import dilated_encoder, upsample, vgg_encoder


class DilatedFCN(nn.Module):
    """A dilated encoder of stride 8 with torchvision's head on its last stage and another on the stage before.

    What reports call "FCN-R50-D8". While training the network returns (main, auxiliary) logits.
    """

    stride = 8

    def __init__(
        self, in_channels: int = 3, classes: int = 1, *, encoder_name: str = "resnet50", auxiliary: bool = True
    ):
        """Build the network with random weights.

        Args:
            in_channels: how many channels the image has.
            classes: how many channels the logits have.
            encoder_name: any encoder of smp or timm that can be dilated.
            auxiliary: build the auxiliary head; without it there is one output in training too.
        """
        super().__init__()
        self.encoder_name = encoder_name
        self.encoder = dilated_encoder(encoder_name, in_channels=in_channels, stride=self.stride)
        *_, before_last, last = self.encoder.out_channels
        self.head = FCNHead(last, classes)
        self.auxiliary_head = FCNHead(before_last, classes) if auxiliary else None

    def forward(self, image: torch.Tensor) -> torch.Tensor | tuple[torch.Tensor, torch.Tensor]:
        """Return (N, classes, H, W) logits for (N, in_channels, H, W), while training with the auxiliary ones."""
        size = image.shape[-2:]
        *_, before_last, last = self.encoder(image)
        logits = upsample(self.head(last), size)
        if self.training and self.auxiliary_head is not None:
            return logits, upsample(self.auxiliary_head(before_last), size)
        return logits


class ReachingConv2d(nn.Conv2d):
    """A convolution of stride 1 whose kernel is cut to what reaches its map: the taps beyond see padding alone.

    The numbers are the same, and those taps' gradients are zero. The library leaves them unwritten: in bfloat16 on
    processors with AVX512_BF16 (torch 2.15's oneDNN; 7x7 kernels on maps of one and two pixels) it returns what the
    memory held before.
    """

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return (N, out_channels, H, W) for (N, in_channels, H, W)."""
        down, right = (max(far - side + 1, 0) for far, side in zip(self.padding, image.shape[-2:]))
        if not (down or right):
            return super().forward(image)
        height, width = self.kernel_size
        reached = self.weight[..., down : height - down, right : width - right]
        return F.conv2d(image, reached, self.bias, padding=(self.padding[0] - down, self.padding[1] - right))


class FCN8s(nn.Module):
    """VGG16 with its two fully connected layers as convolutions, and scores of three strides added up.

    The scores at stride 32 are brought to stride 16 and 8, where those of pool4 and pool3 join them, and then to the
    image: by transposed convolutions that begin as bilinear interpolation, of which the last one stays so (Sec. 4.1).
    Score layers begin at zero (Sec. 4.2). Where the authors pad the image by 100 pixels and crop, fc6 is padded by 3.
    Their fc6 and fc7 begin as ImageNet's; ours at random, whatever the encoder's weights: smp's VGG has none.
    """

    stride = 32

    def __init__(
        self,
        in_channels: int = 3,
        classes: int = 1,
        *,
        encoder_name: str = "vgg16",
        width: int = 64,
        hidden: int = 4096,
        dropout: float = 0.5,
    ):
        """Build the network with random weights.

        Args:
            in_channels: how many channels the image has.
            classes: how many channels the logits have.
            encoder_name: one of smp's VGG encoders.
            width: channels of the first stage, 64 in the paper; other widths scale every stage.
            hidden: channels of fc6 and fc7.
            dropout: share of features dropped after fc6 and after fc7.
        """
        super().__init__()
        self.encoder_name = encoder_name
        self.encoder = vgg_encoder(encoder_name, in_channels=in_channels, width=width)
        _, _, pool3, pool4, pool5, _ = self.encoder.out_channels  # a pool passes on the channels that it is given
        self.fully_connected = nn.Sequential(
            ReachingConv2d(pool5, hidden, 7, padding=3),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Conv2d(hidden, hidden, 1),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
        )
        self.scores = nn.ModuleList(_zero_scores(each, classes) for each in (hidden, pool4, pool3))
        self.twice = nn.ModuleList(_bilinear(classes, factor=2) for _ in range(2))
        self.eightfold = _bilinear(classes, factor=8).requires_grad_(False)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return (N, classes, H, W) logits for (N, in_channels, H, W), H and W divisible by 32."""
        pool3, pool4, pool5 = self._pooled(image)
        of_fully_connected, of_pool4, of_pool3 = self.scores
        logits = of_fully_connected(self.fully_connected(pool5))
        logits = self.twice[0](logits) + of_pool4(pool4)
        logits = self.twice[1](logits) + of_pool3(pool3)
        return self.eightfold(logits)

    def _pooled(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return the maps after the third, fourth and fifth max-pool, at strides 8, 16 and 32."""
        feature, pooled = image, []
        for layer in self.encoder.features:
            feature = layer(feature)
            if isinstance(layer, nn.MaxPool2d):
                pooled.append(feature)
        return tuple(pooled[2:])


def _zero_scores(in_channels: int, classes: int) -> nn.Conv2d:
    """Return a 1x1 convolution to class scores that starts at zero."""
    scores = nn.Conv2d(in_channels, classes, 1)
    nn.init.zeros_(scores.weight)
    nn.init.zeros_(scores.bias)
    return scores


def _bilinear(classes: int, *, factor: int) -> nn.ConvTranspose2d:
    """Return a transposed convolution that upsamples each class by an even `factor`, bilinearly to begin with."""
    kernel = 2 * factor
    layer = nn.ConvTranspose2d(classes, classes, kernel, stride=factor, padding=factor // 2, bias=False)
    ramp = 1 - (torch.arange(kernel) - (kernel - 1) / 2).abs() / factor  # 1/4, 3/4, 3/4, 1/4 for a factor of 2
    with torch.no_grad():
        layer.weight.zero_()
        layer.weight[range(classes), range(classes)] = torch.outer(ramp, ramp)
    return layer
