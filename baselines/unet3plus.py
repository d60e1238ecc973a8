"""U-Net 3+: every decoder level takes all five scales."""

import itertools

import torch
from torch import nn
from torch.nn import functional as F

from baselines.blocks import upsample


class UNet3Plus(nn.Module):
    """(N, in_channels, H, W) images to (N, classes, H, W) logits, H and W divisible by 16.

    Each of the four decoder levels max-pools the encoder maps above it, takes the one beside it as it is, up-samples
    the decoder maps below it, turns each into `width` channels by a 3x3 convolution and joins the five by another.
    26.97 M parameters at width 64; with deep supervision and class guidance 26.99 M for one class.

    Source: Huang et al. 2020 (arXiv 2004.08790), Sec. 2.1 (full-scale skips, 64 x 5 = 320 channels), 2.2 (deep
    supervision: 3x3 convolution and bilinear up-sampling), 2.3 (class guidance: dropout, 1x1 convolution, max-pooling,
    sigmoid). The encoder is U-Net's with batch normalisation and padded convolutions.
    """

    stride = 16

    def __init__(
        self,
        in_channels: int = 3,
        classes: int = 1,
        *,
        width: int = 64,
        deep_supervision: bool = False,
        classification_guided: bool = False,
    ):
        """Build the network with random weights.

        Args:
            in_channels: how many channels the image has.
            classes: how many channels the logits have; class guidance takes the first for the background.
            width: channels of the first encoder level and of every skip; the levels below have 2, 4, 8, 16 times it.
            deep_supervision: in training also return the logits of the four lower levels, finest first.
            classification_guided: a branch on the deepest map decides for each class but the background whether the
                image holds it, and a class that is absent is taken out of every output (see `guided`).

        Raises:
            ValueError: class guidance without a background.
        """
        super().__init__()
        if classification_guided and classes < 2:
            raise ValueError(f"classes={classes}: class guidance needs a background and a class, so 2.")
        widths = [width * 2**level for level in range(5)]
        self.encoder = nn.ModuleList(
            nn.Sequential(_convolution(above, here), _convolution(here, here))
            for above, here in itertools.pairwise([in_channels, *widths])
        )
        self.decoder = nn.ModuleList(FullScaleFusion(level, widths) for level in range(4))
        self.head = nn.Conv2d(5 * width, classes, 3, padding=1)
        self.side_heads = nn.ModuleList()
        if deep_supervision:
            side_widths = [5 * width] * 3 + [widths[-1]]
            self.side_heads.extend(nn.Conv2d(side, classes, 3, padding=1) for side in side_widths)
        self.presence = PresenceBranch(widths[-1], classes) if classification_guided else None

    def forward(self, image: torch.Tensor) -> torch.Tensor | tuple[torch.Tensor, ...]:
        """Return (N, classes, H, W) logits for (N, in_channels, H, W), while training with those of the sides."""
        maps = []
        for level, block in enumerate(self.encoder):
            maps.append(block(F.max_pool2d(maps[-1], 2) if level else image))
        present = self.presence(maps[-1]) if self.presence is not None else None
        for level in (3, 2, 1, 0):  # from here on maps[level] is the decoder's, the deepest being shared by both
            maps[level] = self.decoder[level]([*maps])  # a list of its own: recomputed blocks look again
        outputs = [self.head(maps[0])]
        if self.training:
            outputs += [head(side) for head, side in zip(self.side_heads, maps[1:], strict=False)]
        outputs = [upsample(each, image.shape[-2:]) for each in outputs]
        if present is not None:
            outputs = [guided(each, present) for each in outputs]
        return tuple(outputs) if len(outputs) > 1 else outputs[0]


class FullScaleFusion(nn.Module):
    """One decoder level: the maps of all five levels, each brought to this level's size and to `widths[0]` channels."""

    def __init__(self, level: int, widths: list[int]):
        """Take level `level` (0 is the finest) of an encoder with these widths."""
        super().__init__()
        self.level = level
        width = widths[0]
        decoded = [5 * width] * 3 + [widths[4]]  # decoder maps of levels 1 to 3; level 4 is the encoder's
        channels = [*widths[: level + 1], *decoded[level:]]
        self.skips = nn.ModuleList(_convolution(each, width) for each in channels)
        self.fuse = _convolution(5 * width, 5 * width)

    def forward(self, maps: list[torch.Tensor]) -> torch.Tensor:
        """Return this level's map from those of all levels: encoder maps down to this one, decoder maps below it."""
        size = maps[self.level].shape[-2:]
        skips = []
        for level, (convolve, each) in enumerate(zip(self.skips, maps, strict=True)):
            if level < self.level:
                each = F.max_pool2d(each, 2 ** (self.level - level))
            skips.append(convolve(upsample(each, size)))
        return self.fuse(torch.cat(skips, dim=1))


class PresenceBranch(nn.Module):
    """Whether the image holds each class but the background: (N, C, h, w) -> (N, classes - 1) gates in [0, 1]."""

    def __init__(self, in_channels: int, classes: int, dropout: float = 0.5):
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.score = nn.Conv2d(in_channels, 2 * (classes - 1), 1)  # an absent and a present score for each

    def forward(self, deepest: torch.Tensor) -> torch.Tensor:
        """Return the probability of presence while training, the decision for the larger score otherwise."""
        scores = self.score(self.dropout(deepest)).amax(dim=(2, 3))
        absent, present = scores.unflatten(1, (2, -1)).unbind(dim=1)
        return (present - absent).sigmoid() if self.training else (present > absent).to(scores.dtype)


def guided(logits: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
    """Return (N, C, H, W) logits whose softmax is that of `logits` with each class weighed by its presence.

    What a class loses goes to the background, channel 0. The paper multiplies sigmoid outputs by a 0/1 decision and
    trains the branch, two sigmoids, by an image-level label; a softmax needs the mass to go somewhere, and without such
    a label the branch learns from the segmentation loss, for which the factor stays soft in training: the softmax of
    the two scores, as two sigmoids of one size can both be saturated and learn no more.

    Args:
        logits: (N, C, H, W).
        present: (N, C - 1) factors in [0, 1] of the classes 1 to C - 1.
    """
    probability = logits.softmax(dim=1, dtype=torch.promote_types(logits.dtype, torch.float32))
    kept = probability[:, 1:] * present[:, :, None, None]
    background = probability[:, :1] + (probability[:, 1:] - kept).sum(dim=1, keepdim=True)
    return torch.cat([background, kept], dim=1).clamp_min(1e-12).log()


def _convolution(in_channels: int, out_channels: int) -> nn.Sequential:
    """A 3x3 convolution with batch normalisation and ReLU."""
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 3, padding=1),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    )
