"""CA-Net: attention over places, channels and scales in a small U-Net."""

import itertools

import torch
from torch import nn
from torch.nn import functional as F

from baselines.blocks import conv_relu, double_conv, upsample


class CANet(nn.Module):
    """(N, in_channels, H, W) images to (N, classes, H, W) logits, H and W divisible by 16.

    A U-Net whose lowest decoder level is seen by a non-local block and whose higher skips pass a dual attention gate
    (places), whose decoder levels recalibrate their channels (channels), and whose four decoder maps are weighed
    against each other before the head (scales). 2.79 M parameters at width 16.

    Source: Gu et al. 2021 (arXiv 2009.10549), Sec. III-A (joint spatial attention), III-B (channel attention, r = 2),
    III-C (scale attention). Where the text is silent: the gates' joint, the dropout and the head
    are plain, and the decoder's width meets the published number of parameters.
    """

    stride = 16

    def __init__(self, in_channels: int = 3, classes: int = 2, *, width: int = 16, dropout: float = 0.5):
        """Build the network with random weights.

        Args:
            in_channels: how many channels the image has.
            classes: how many channels the logits have.
            width: channels of the first level; those below have 2, 4, 8 and 16 times it.
            dropout: of whole channels, in the two deepest encoder levels and the lowest decoder level.
        """
        super().__init__()
        widths = [width * 2**level for level in range(5)]
        self.encoder = nn.ModuleList(double_conv(*pair) for pair in itertools.pairwise([in_channels, *widths]))
        self.dropout = nn.Dropout2d(dropout)
        self.up = nn.ModuleList(nn.ConvTranspose2d(2 * each, each, 2, stride=2) for each in widths[:4])
        self.non_local = NonLocal(widths[4])
        self.gates = nn.ModuleList(DualGate(each, 2 * each) for each in widths[:3])
        self.decoder = nn.ModuleList(ChannelAttention(2 * each, each) for each in widths[:4])
        self.scale_attention = ScaleAttention(widths[:4])
        self.head = nn.Conv2d(4 * self.scale_attention.channels, classes, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return (N, classes, H, W) logits for (N, in_channels, H, W)."""
        maps = []
        for level, block in enumerate(self.encoder):
            maps.append(block(F.max_pool2d(maps[-1], 2) if level else image))
            if level >= 3:
                maps[-1] = self.dropout(maps[-1])
        features, decoded = maps[4], []
        for level in (3, 2, 1, 0):
            skip = maps[level] if level == 3 else self.gates[level](maps[level], features)
            joined = torch.cat([skip, self.up[level](features)], dim=1)
            features = self.decoder[level](self.non_local(joined) if level == 3 else joined)
            decoded.insert(0, self.dropout(features) if level == 3 else features)
        return self.head(self.scale_attention(decoded))


class NonLocal(nn.Module):
    """A non-local block: every place of (N, C, H, W) sees every other, added to the map (embedded Gaussian)."""

    def __init__(self, channels: int):
        super().__init__()
        inner = channels // 4
        self.query, self.key, self.value = (nn.Conv2d(channels, inner, 1) for _ in range(3))
        self.out = nn.Sequential(nn.Conv2d(inner, channels, 1), nn.BatchNorm2d(channels))
        nn.init.zeros_(self.out[1].weight)  # the block begins as the identity (Wang et al. 2018, Sec. 4.1)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return (N, C, H, W)."""
        # One head: ONNX knows this attention of (N, heads, places, channels) only.
        query, key, value = (each(features).flatten(2).mT[:, None] for each in (self.query, self.key, self.value))
        seen = F.scaled_dot_product_attention(query, key, value, scale=1.0)[:, 0]
        return features + self.out(seen.mT.unflatten(2, features.shape[2:]))


class DualGate(nn.Module):
    """Two attention gates side by side on one skip, joined by a 1x1 convolution: (N, C, H, W) to the same shape."""

    def __init__(self, skip: int, gate: int):
        super().__init__()
        self.single = nn.ModuleList(Gate(skip, gate) for _ in range(2))
        self.join = nn.Sequential(nn.Conv2d(2 * skip, skip, 1), nn.BatchNorm2d(skip), nn.ReLU())

    def forward(self, skip: torch.Tensor, gate: torch.Tensor) -> torch.Tensor:
        """Return the skip as the (N, D, h, w) map below lets it through."""
        return self.join(torch.cat([single(skip, gate) for single in self.single], dim=1))


class Gate(nn.Module):
    """An additive attention gate: alpha * skip, alpha = sigmoid(psi(ReLU(Wx skip + Wg gate)))."""

    def __init__(self, skip: int, gate: int):
        super().__init__()
        self.of_skip = nn.Conv2d(skip, skip, 1, bias=False)
        self.of_gate = nn.Conv2d(gate, skip, 1)
        self.psi = nn.Conv2d(skip, 1, 1)

    def forward(self, skip: torch.Tensor, gate: torch.Tensor) -> torch.Tensor:
        """Return (N, C, H, W) like `skip`."""
        of_gate = upsample(self.of_gate(gate), skip.shape[2:])
        return skip * self.psi(F.relu(self.of_skip(skip) + of_gate)).sigmoid()


class ChannelAttention(nn.Module):
    """A decoder level: (N, in_channels, H, W) to (N, channels, H, W), its channels recalibrated.

    3x3 to C, 3x3 to 2C; with x this map, x * beta + x; 3x3 to C, added to the level's input cut by a 1x1 convolution.
    The text gives the recalibration; how wide the convolutions around it are is chosen to meet the published count.
    """

    def __init__(self, in_channels: int, channels: int):
        super().__init__()
        self.widen = nn.Sequential(conv_relu(in_channels, channels), conv_relu(channels, 2 * channels))
        self.weights = PooledWeights(2 * channels)
        self.narrow = nn.Sequential(nn.Conv2d(2 * channels, channels, 3, padding=1), nn.BatchNorm2d(channels))
        self.shortcut = nn.Sequential(nn.Conv2d(in_channels, channels, 1), nn.BatchNorm2d(channels))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return (N, channels, H, W)."""
        wide = self.widen(features)
        return F.relu(self.narrow(wide * self.weights(wide) + wide) + self.shortcut(features))


class PooledWeights(nn.Module):
    """beta = sigmoid(MLP(average of x) + MLP(maximum of x)), one MLP for both: (N, C, H, W) to (N, out, 1, 1)."""

    def __init__(self, channels: int, *, out: int | None = None, reduction: int = 2):
        super().__init__()
        hidden = channels // reduction
        self.mlp = nn.Sequential(nn.Linear(channels, hidden), nn.ReLU(), nn.Linear(hidden, out or channels))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return (N, out, 1, 1) weights in [0, 1]."""
        weights = self.mlp(features.mean(dim=(2, 3))) + self.mlp(features.amax(dim=(2, 3)))
        return weights.sigmoid()[:, :, None, None]


class ScaleAttention(nn.Module):
    """The maps of all decoder levels, finest first, as one (N, 4 * levels, H, W) map whose scales are weighed.

    Each map is cut to four channels and brought to the finest one's size. With F the maps side by side, gamma a weight
    for each scale and g one for each scale and place, both made of F, the result is F * gamma * g + F * gamma + F.
    """

    def __init__(self, widths: list[int], channels: int = 4):
        """Cut maps of these widths to `channels` each."""
        super().__init__()
        levels, self.channels = len(widths), channels
        self.cut = nn.ModuleList(nn.Conv2d(width, channels, 1) for width in widths)
        self.of_scale = PooledWeights(levels * channels, out=levels)
        self.of_place = nn.Sequential(
            nn.Conv2d(levels * channels, levels, 3, padding=1), nn.ReLU(), nn.Conv2d(levels, levels, 1), nn.Sigmoid()
        )

    def forward(self, maps: list[torch.Tensor]) -> torch.Tensor:
        """Return (N, 4 * levels, H, W)."""
        size = maps[0].shape[2:]
        scales = torch.cat([upsample(cut(each), size) for cut, each in zip(self.cut, maps, strict=True)], dim=1)
        weighed = scales * self.of_scale(scales).repeat_interleave(self.channels, dim=1)
        return weighed * self.of_place(weighed).repeat_interleave(self.channels, dim=1) + weighed + scales
