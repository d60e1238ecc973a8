"""The Attention U-Net of Oktay et al. 2018, arXiv 1804.03999, in two dimensions."""

import torch
from torch import nn
from torch.nn import functional as F

from baselines.blocks import conv_relu, double_conv, initialise, upsample


class AdditiveGate(nn.Module):
    """Scale a skip connection by coefficients that it and the coarser gating signal agree on.

    alpha = sigmoid(psi(ReLU(Wx x + Wg g + b)) + b'), computed on the gating signal's grid and resampled to the skip's.
    Source: eq. 1 and 2; 1x1 convolutions, x brought down to the grid of g, Sec. 2.1.
    """

    def __init__(self, channels: int, *, signal_channels: int):
        """Gate a skip connection of `channels` by a signal of `signal_channels` at half its height and width."""
        super().__init__()
        self.of_skip = nn.Conv2d(channels, channels // 2, 1, bias=False)
        self.of_signal = nn.Conv2d(signal_channels, channels // 2, 1)
        self.psi = nn.Conv2d(channels // 2, 1, 1)

    def forward(self, skip: torch.Tensor, signal: torch.Tensor) -> torch.Tensor:
        """Return (N, channels, H, W), the skip connection times its (N, 1, H, W) coefficients in (0, 1)."""
        on_grid = F.avg_pool2d(skip, 2)
        alpha = torch.sigmoid(self.psi(F.relu(self.of_skip(on_grid) + self.of_signal(signal))))
        return skip * upsample(alpha, skip.shape[-2:])


class OktayAttentionUNet(nn.Module):
    """A U-Net with an additive gate on each skip connection, upsampling by repetition and a 3x3 convolution.

    Levels, widths and normalisation as in the usual two-dimensional port, which gates the first skip connection too;
    the paper leaves that one open. Deep supervision, used in some of the paper's experiments, is left out.
    """

    stride = 16

    def __init__(self, in_channels: int = 3, classes: int = 1, *, width: int = 64):
        """Build the network with random weights.

        Args:
            in_channels: how many channels the image has.
            classes: how many channels the logits have.
            width: channels of the first level; each deeper one has twice as many.
        """
        super().__init__()
        widths = [width * 2**level for level in range(5)]
        upwards = list(reversed(widths[:-1]))
        self.down = nn.ModuleList(
            double_conv(below, above) for below, above in zip([in_channels, *widths], widths, strict=False)
        )
        self.pool = nn.MaxPool2d(2)
        self.gates = nn.ModuleList(AdditiveGate(each, signal_channels=2 * each) for each in upwards)
        self.up = nn.ModuleList(
            nn.Sequential(nn.Upsample(scale_factor=2), conv_relu(2 * each, each)) for each in upwards
        )
        self.merge = nn.ModuleList(double_conv(2 * each, each) for each in upwards)
        self.head = nn.Conv2d(width, classes, 1)
        initialise(self)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return (N, classes, H, W) logits for (N, in_channels, H, W), H and W divisible by 16."""
        feature, skips = image, []
        for level, convolutions in enumerate(self.down):
            feature = convolutions(self.pool(feature) if level else feature)
            skips.append(feature)
        upwards = zip(self.gates, self.up, self.merge, reversed(skips[:-1]), strict=True)
        for gate, up, merge, skip in upwards:
            feature = merge(torch.cat([gate(skip, feature), up(feature)], dim=1))
        return self.head(feature)
