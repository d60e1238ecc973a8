"""The plain U-Net of Ronneberger et al. 2015, arXiv 1505.04597."""

import torch
from torch import nn

from baselines.blocks import double_conv, initialise


class PlainUNet(nn.Module):
    """Double convolutions on five levels, max-pooling down, up-convolutions and concatenated skip connections up.

    Two departures from the paper that everybody makes: convolutions are padded, so that the logits have the image's
    size, and followed by batch normalisation (`batch_norm=False` is the paper's form).
    """

    stride = 16

    def __init__(
        self,
        in_channels: int = 3,
        classes: int = 1,
        *,
        width: int = 64,
        batch_norm: bool = True,
        dropout: float = 0.5,
    ):
        """Build the network with random weights.

        Args:
            in_channels: how many channels the image has.
            classes: how many channels the logits have.
            width: channels of the first level; each deeper one has twice as many, 64 to 1024 in the paper.
            batch_norm: normalise after every convolution.
            dropout: share of features dropped at the end of the contracting path, Sec. 3.1; on its last two levels
                and at 0.5 in the authors' released network.
        """
        super().__init__()
        widths = [width * 2**level for level in range(5)]
        self.down = nn.ModuleList(
            double_conv(below, above, batch_norm=batch_norm)
            for below, above in zip([in_channels, *widths], widths, strict=False)
        )
        self.pool = nn.MaxPool2d(2)
        self.dropout = nn.Dropout(dropout)
        self.up = nn.ModuleList(nn.ConvTranspose2d(2 * each, each, 2, stride=2) for each in reversed(widths[:-1]))
        self.merge = nn.ModuleList(double_conv(2 * each, each, batch_norm=batch_norm) for each in reversed(widths[:-1]))
        self.head = nn.Conv2d(width, classes, 1)
        initialise(self)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return (N, classes, H, W) logits for (N, in_channels, H, W), H and W divisible by 16."""
        feature, skips = image, []
        for level, convolutions in enumerate(self.down):
            feature = convolutions(self.pool(feature) if level else feature)
            if level >= 3:
                feature = self.dropout(feature)
            skips.append(feature)
        for up, merge, skip in zip(self.up, self.merge, reversed(skips[:-1]), strict=True):
            feature = merge(torch.cat([skip, up(feature)], dim=1))
        return self.head(feature)
