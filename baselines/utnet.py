"""UTNet: a residual U-Net whose levels attend to a small set of keys and values."""

import itertools

import torch
from torch import nn
from torch.nn import functional as F


class UTNet(nn.Module):
    """(N, in_channels, H, W) images to (N, classes, H, W) logits, H and W divisible by 16.

    Every level but the finest has an efficient attention: in the encoder, after its residual block, of the map to
    itself; in the decoder of the skip to the map below. 10.02 M parameters at width 32.

    Source: Gao et al. 2021 (arXiv 2107.00781), Sec. 2.1 and 2.2 (efficient attention), 2.3 (relative position), 2.4
    and Fig. 1 (architecture; no attention at full resolution). Widths, the blocks of each level and the head are those
    of the authors' release, and so are its side outputs, an option here.
    """

    stride = 16

    def __init__(
        self,
        in_channels: int = 3,
        classes: int = 1,
        *,
        width: int = 32,
        heads: int = 4,
        reduced: int = 8,
        dropout: float = 0.1,
        deep_supervision: bool = False,
    ):
        """Build the network with random weights.

        Args:
            in_channels: how many channels the image has.
            classes: how many channels the logits have.
            width: channels of the finest level; those below have 2, 4, 8 and 16 times it.
            heads: of every attention; they share out twice the width.
            reduced: keys and values are resized to a map of at most this height and width.
            dropout: of the attention's weights and of its result.
            deep_supervision: in training also return the logits of the three levels below the finest, finest first.

        Raises:
            ValueError: `width` cannot be shared out among the heads.
        """
        super().__init__()
        if 2 * width % heads:
            raise ValueError(f"width={width} and heads={heads}: twice the width has to be a multiple of the heads.")
        widths = [width * 2**level for level in range(5)]
        options = {"heads": heads, "reduced": reduced, "dropout": dropout}
        self.stem = nn.Sequential(ResidualBlock(in_channels, width), ResidualBlock(width, width))
        self.encoder = nn.ModuleList(
            nn.Sequential(nn.MaxPool2d(2), ResidualBlock(above, here), AttentionBlock(here, **options))
            for above, here in itertools.pairwise(widths)
        )
        attended = list(zip(widths[4:1:-1], widths[3:0:-1], strict=True))
        self.attention = nn.ModuleList(AttentionBlock(here, below=below, **options) for below, here in attended)
        self.decoder = nn.ModuleList(ResidualBlock(2 * here, here) for _, here in attended)
        self.finest_cut = nn.Conv2d(widths[1], width, 1)
        self.finest = nn.Sequential(ResidualBlock(2 * width, width), ResidualBlock(width, width))
        self.head = nn.Conv2d(width, classes, 1)
        sides = widths[1:4] if deep_supervision else ()
        self.side_heads = nn.ModuleList(nn.Conv2d(side, classes, 1) for side in sides)

    def forward(self, image: torch.Tensor) -> torch.Tensor | tuple[torch.Tensor, ...]:
        """Return (N, classes, H, W) logits for (N, in_channels, H, W), while training with those of the sides."""
        maps = [self.stem(image)]
        for block in self.encoder:
            maps.append(block(maps[-1]))
        features, decoded = maps.pop(), []
        for attention, block in zip(self.attention, self.decoder, strict=True):
            skip = maps.pop()
            features = block(torch.cat([attention(skip, features), skip], dim=1))
            decoded.insert(0, features)
        skip = maps.pop()
        features = self.finest(torch.cat([_resize(self.finest_cut(features), skip.shape[-2:]), skip], dim=1))
        logits = self.head(features)
        if not (self.training and self.side_heads):
            return logits
        sides = (head(side) for head, side in zip(self.side_heads, decoded, strict=True))
        return logits, *(_resize(side, image.shape[-2:]) for side in sides)


class AttentionBlock(nn.Module):
    """Efficient attention and a 1x1 convolution, each behind a batch normalisation and around a residual.

    With `below`, (N, C, 2h, 2w) queries attend to a map of so many channels, (N, D, h, w), which also is the first
    residual: resized and cut to C channels by a 1x1 convolution. Without it a map attends to itself.
    """

    def __init__(self, channels: int, *, heads: int, reduced: int, dropout: float, below: int | None = None):
        super().__init__()
        self.normalise_query = nn.BatchNorm2d(channels)
        self.normalise_below = nn.BatchNorm2d(below) if below else None
        self.cut = nn.Conv2d(below, channels, 1) if below else None
        self.attention = EfficientAttention(channels, below=below, heads=heads, reduced=reduced, dropout=dropout)
        self.mlp = nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU(), nn.Conv2d(channels, channels, 1, bias=False))

    def forward(self, query: torch.Tensor, below: torch.Tensor | None = None) -> torch.Tensor:
        """Return (N, C, H, W) like `query`."""
        normalised = self.normalise_query(query)
        if self.cut is None:
            features = query + self.attention(normalised)
        else:
            residual = _resize(self.cut(below), query.shape[-2:])
            features = residual + self.attention(normalised, self.normalise_below(below))
        return features + self.mlp(features)


class EfficientAttention(nn.Module):
    """Attention of (N, C, H, W) queries to a (N, D, h, w) map of which only `reduced` x `reduced` keys are kept.

    Without a map of its own channels, `below`, a map attends to itself: one depth-wise convolution for all three.

    Cost grows with the number of pixels, not with its square. The relative bias is one number for each head and each
    offset of two cells of the reduced grid; a query takes those of its place in that grid, bilinearly (the authors
    repeat them, which asks for sizes divisible by the grid), so that no size of image changes a parameter.
    """

    def __init__(self, channels: int, *, heads: int, reduced: int, dropout: float = 0.0, below: int | None = None):
        super().__init__()
        self.heads, self.reduced = heads, reduced
        self.query = _separable(channels, channels if below else 3 * channels)
        self.key_value = _separable(below, 2 * channels) if below else None
        self.dropout = nn.Dropout(dropout)
        self.out = nn.Sequential(_separable(channels, channels), nn.Dropout(dropout))
        side = 2 * reduced - 1
        self.offsets = nn.Parameter(0.02 * torch.randn(heads, side * side))
        cell = torch.arange(reduced)
        offset = cell[:, None] - cell[None, :] + reduced - 1  # (query, key) along one axis
        index = offset[:, None, :, None] * side + offset[None, :, None, :]  # (query y, query x, key y, key x)
        self.register_buffer("index", index.flatten(), persistent=False)

    def forward(self, query: torch.Tensor, below: torch.Tensor | None = None) -> torch.Tensor:
        """Return (N, C, H, W) attended values."""
        channels, height, width = query.shape[1:]
        query = self.query(query)
        if self.key_value is None:
            query, key_value = query.split([channels, 2 * channels], dim=1)
        else:
            key_value = self.key_value(below)
        grid = tuple(min(self.reduced, side) for side in key_value.shape[-2:])
        key, value = (self._split(each) for each in _resize(key_value, grid).chunk(2, dim=1))
        queries = self._split(query)
        scale = queries.shape[-1] ** -0.5
        bias = (scale * self.bias((height, width), grid)).to(queries.dtype)
        if self.training and self.dropout.p:  # a layer, not an argument of torch's function: several processes share it
            weights = torch.softmax(scale * queries @ key.transpose(2, 3) + bias, dim=-1)
            attended = self.dropout(weights) @ value
        else:
            attended = F.scaled_dot_product_attention(queries, key, value, attn_mask=bias[None])
        return self.out(attended.transpose(2, 3).flatten(1, 2).unflatten(2, (height, width)))

    def bias(self, size: tuple[int, int], grid: tuple[int, int]) -> torch.Tensor:
        """Return the (heads, H * W, keys) relative bias of a query map of `size` to a key map of `grid`."""
        reduced = self.reduced
        bias = self.offsets[:, self.index].view(self.heads, reduced, reduced, reduced * reduced)
        bias = _resize(bias.permute(0, 3, 1, 2), size).flatten(2)  # (heads, keys, H * W)
        bias = bias.transpose(1, 2).reshape(self.heads, -1, reduced, reduced)
        return _resize(bias, grid).flatten(2)

    def _split(self, features: torch.Tensor) -> torch.Tensor:
        """(N, C, h, w) to (N, heads, h * w, C / heads)."""
        return features.flatten(2).unflatten(1, (self.heads, -1)).transpose(2, 3)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions, each behind batch normalisation and ReLU, around a shortcut (pre-activation)."""

    def __init__(self, in_channels: int, out_channels: int):
        super().__init__()
        self.body = nn.Sequential(*_before(in_channels, out_channels, 3), *_before(out_channels, out_channels, 3))
        same = in_channels == out_channels
        self.shortcut = nn.Identity() if same else nn.Sequential(*_before(in_channels, out_channels, 1))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return (N, out_channels, H, W)."""
        return self.body(features) + self.shortcut(features)


def _before(in_channels: int, out_channels: int, kernel: int) -> tuple[nn.Module, ...]:
    """Batch normalisation and ReLU before a convolution."""
    convolution = nn.Conv2d(in_channels, out_channels, kernel, padding=kernel // 2, bias=False)
    return nn.BatchNorm2d(in_channels), nn.ReLU(), convolution


def _separable(in_channels: int, out_channels: int) -> nn.Sequential:
    """A 3x3 depth-wise and a 1x1 convolution."""
    return nn.Sequential(
        nn.Conv2d(in_channels, in_channels, 3, padding=1, groups=in_channels, bias=False),
        nn.Conv2d(in_channels, out_channels, 1, bias=False),
    )


def _resize(features: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Bilinear resizing to (height, width), corners on corners as the paper's release does it."""
    if tuple(features.shape[-2:]) == tuple(size):
        return features
    return F.interpolate(features, size=tuple(size), mode="bilinear", align_corners=True)
