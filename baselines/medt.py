"""Medical Transformer: gated axial attention in a global branch and in a local one over patches."""

import itertools

import torch
from torch import nn
from torch.nn import functional as F

FROZEN_EPOCHS = 10  # the gates learn from the eleventh epoch on


class MedT(nn.Module):
    """(N, in_channels, H, W) images to (N, classes, H, W) logits, H and W divisible by 64.

    A shallow branch sees the whole image, a deep one each of 4x4 patches by itself; the maps of both are added before
    the head. 1.56 M parameters at width 16 with embeddings for 128x128 images.

    All patches go through as one batch: in training, batch normalisation sees the whole image rather than a patch.

    Source: Valanarasu et al. 2021 (arXiv 2102.10662), Sec. 2.1 to 2.3 (gated axial attention, local-global training),
    Fig. 2, Sec. 3 (gates frozen for ten epochs). Widths and depths are not in the text but in the authors' release.
    """

    stride = 64

    def __init__(
        self,
        in_channels: int = 3,
        classes: int = 2,
        *,
        width: int = 16,
        groups: int = 8,
        depths: tuple[int, ...] = (1, 2, 4, 1),
        embedded_size: int = 128,
        local_position: bool = True,
    ):
        """Build the network with random weights.

        Args:
            in_channels: how many channels the image has.
            classes: how many channels the logits have.
            width: planes of the first level; the next have 2, 4 and 8 times it. A multiple of twice the groups.
            groups: heads of every attention.
            depths: attention blocks of the local branch's levels; the global branch has the first two.
            embedded_size: height and width of the images that the relative embeddings are made for; on others they
                are resized linearly to the map at hand.
            local_position: gated relative embeddings in the local branch too, as the paper has it; off, that branch
                has plain axial attention, as in the authors' release.

        Raises:
            ValueError: `width` cannot be shared out among the groups.
        """
        super().__init__()
        if width % (2 * groups):
            raise ValueError(f"width={width}: a multiple of twice the {groups} groups is needed, {2 * groups} say.")
        patch = embedded_size // 4 if local_position else None
        self.global_branch = Branch(in_channels, width // 2, width, depths[:2], groups=groups, size=embedded_size)
        self.local_branch = Branch(in_channels, 4 * width, width, depths, groups=groups, size=patch, local=True)
        self.fuse = nn.Conv2d(width, width, 3, padding=1)
        self.head = nn.Conv2d(width, classes, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return (N, classes, H, W) logits for (N, in_channels, H, W)."""
        local = from_patches(self.local_branch(to_patches(image)))
        return self.head(F.relu(self.fuse(self.global_branch(image) + local)))

    def begin_epoch(self, epoch: int) -> None:
        """Freeze the gates in epochs 0 to 9 and let them learn from epoch 10 on."""
        for module in self.modules():
            if isinstance(module, Gates):
                module.learning.fill_(float(epoch >= FROZEN_EPOCHS))


def to_patches(image: torch.Tensor, side: int = 4) -> torch.Tensor:
    """Return (N * side^2, C, H / side, W / side): the patches of each image row by row, image after image."""
    batch, channels, height, width = image.shape
    grid = image.reshape(batch, channels, side, height // side, side, width // side)
    return grid.permute(0, 2, 4, 1, 3, 5).flatten(0, 2)


def from_patches(patches: torch.Tensor, side: int = 4) -> torch.Tensor:
    """Return (N, C, H, W) from what `to_patches` makes of it."""
    count, channels, height, width = patches.shape
    grid = patches.reshape(count // side**2, side, side, channels, height, width).permute(0, 3, 1, 4, 2, 5)
    return grid.reshape(count // side**2, channels, side * height, side * width)


class Branch(nn.Module):
    """A stem at half size, levels of axial attention, and a decoder that adds the encoder's maps on the way up.

    (N, in_channels, H, W) to (N, width, H, W). The local branch's decoder begins at half the size of the deepest map.
    """

    def __init__(
        self,
        in_channels: int,
        stem: int,
        width: int,
        depths: tuple[int, ...],
        *,
        groups: int,
        size: int | None,
        local: bool = False,
    ):
        """Make relative embeddings for (size, size) images, none if it is None."""
        super().__init__()
        self.stem = nn.Sequential(
            *_normalised(nn.Conv2d(in_channels, stem, 7, stride=2, padding=3, bias=False)),
            *_normalised(nn.Conv2d(stem, 8 * width, 3, padding=1, bias=False)),
            *_normalised(nn.Conv2d(8 * width, stem, 3, padding=1, bias=False)),
        )
        self.levels = nn.ModuleList()
        channels, side = stem, size and size // 2
        for level, depth in enumerate(depths):
            planes, blocks = width * 2**level, []
            for index in range(depth):
                stride = 2 if level and not index else 1
                blocks.append(AxialBlock(channels, planes, groups, side, stride=stride, mixing=local))
                channels, side = 2 * planes, side and side // stride
            self.levels.append(nn.Sequential(*blocks))
        self.bottom = nn.Conv2d(channels, channels, 3, stride=2, padding=1) if local else None
        steps = itertools.pairwise(width * 2**step for step in range(len(depths), -1, -1))
        self.decoder = nn.ModuleList(nn.Conv2d(*step, 3, padding=1) for step in steps)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return (N, width, H, W)."""
        features, maps = self.stem(image), []
        for level in self.levels:
            features = level(features)
            maps.append(features)
        if self.bottom is not None:
            # oneDNN's bfloat16 gradient of a strided convolution reads past a map of width 1; a column of zeros beside
            # it is what the padding puts there anyway
            whole = F.pad(features, (0, 1)) if features.shape[-1] == 1 else features
            features = features + _up(self.bottom(whole), features.shape[-2:])
        for convolve, skip in zip(self.decoder, maps[-2::-1]):
            features = skip + _up(convolve(features), skip.shape[-2:])
        return _up(self.decoder[-1](features), image.shape[-2:])


class AxialBlock(nn.Module):
    """(N, in_channels, H, W) to (N, 2 * planes, H / stride, W / stride): a bottleneck around axial attention.

    1x1 to `planes`, attention along the height, then along the width, 1x1 to twice `planes`, added to the input. With
    `mixing` there is one more 1x1 convolution before the attention. The authors' release has it in the local branch
    (and never calls it); linear before the linear map to q, k and v, it adds parameters but no function.
    """

    def __init__(
        self, in_channels: int, planes: int, groups: int, size: int | None, *, stride: int = 1, mixing: bool = False
    ):
        """Make relative embeddings for lines of `size` pixels, none if it is None."""
        super().__init__()
        self.down = nn.Sequential(*_normalised(nn.Conv2d(in_channels, planes, 1, bias=False)))
        self.mix = nn.Conv2d(planes, planes, 1) if mixing else nn.Identity()
        self.along_height = AxialAttention(planes, groups, size)
        self.along_width = AxialAttention(planes, groups, size)
        self.pool = nn.AvgPool2d(stride) if stride > 1 else nn.Identity()
        self.up = nn.Sequential(*_normalised(nn.Conv2d(planes, 2 * planes, 1, bias=False))[:2])
        same = stride == 1 and in_channels == 2 * planes
        shortcut = nn.Conv2d(in_channels, 2 * planes, 1, stride=stride, bias=False)
        self.shortcut = nn.Identity() if same else nn.Sequential(*_normalised(shortcut)[:2])

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return the map at 1 / `stride` of its size."""
        attended = self.along_height(self.mix(self.down(features)))
        attended = self.along_width(attended.transpose(2, 3)).transpose(2, 3)
        return F.relu(self.up(F.relu(self.pool(attended))) + self.shortcut(features))


class AxialAttention(nn.Module):
    """Attention of each pixel of (N, C, H, W) to those of its column.

    With q, k, v of `groups` heads, r the relative embeddings of the offset j - i and G the gates,

        a_ij = softmax_j(q_i k_j + G0 q_i rq_ij + G1 k_j rk_ij),    y_i = sum_j a_ij (G2 v_j + G3 rv_ij).

    Each of the five products has a batch normalisation. It comes before the gate: after it, as in the authors'
    release, it would divide the gate out again. One set of embeddings serves all heads.
    """

    def __init__(self, channels: int, groups: int, size: int | None):
        """Make relative embeddings for columns of `size` pixels, or do without embeddings and gates."""
        super().__init__()
        self.groups, head = groups, channels // groups
        self.parts = (head // 2, head // 2, head)  # channels of a head's query, key and value
        self.qkv = nn.Conv1d(channels, 2 * channels, 1, bias=False)
        nn.init.normal_(self.qkv.weight, std=channels**-0.5)
        self.normalise_qkv = nn.BatchNorm1d(2 * channels)
        self.normalise_similarity = nn.BatchNorm2d(groups if size is None else 3 * groups)
        self.normalise_values = nn.BatchNorm1d(channels if size is None else 2 * channels)
        self.gates = None if size is None else Gates()
        self.embeddings = None if size is None else nn.Parameter(torch.randn(2 * head, 2 * size - 1) * head**-0.5)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return (N, C, H, W)."""
        batch, _, height, width = features.shape
        columns = features.permute(0, 3, 1, 2).flatten(0, 1)  # (N * W, C, H)
        heads = self.normalise_qkv(self.qkv(columns)).unflatten(1, (self.groups, -1))
        query, key, value = heads.split(self.parts, dim=2)  # (N * W, groups, c, H)
        similarity = torch.einsum("bgci,bgcj->bgij", query, key)
        if self.gates is None:
            attention = self.normalise_similarity(similarity).softmax(dim=-1)
            attended = self.normalise_values(torch.einsum("bgij,bgcj->bgci", attention, value).flatten(1, 2))
        else:
            gates = self.gates().to(similarity.dtype)
            of_query, of_key, of_value = self.relative(height).to(similarity.dtype).split(self.parts)
            by_query = torch.einsum("bgci,cij->bgij", query, of_query)
            by_key = torch.einsum("bgcj,cij->bgij", key, of_key)
            terms = self.normalise_similarity(torch.cat([similarity, by_query, by_key], dim=1)).chunk(3, dim=1)
            attention = (terms[0] + gates[0] * terms[1] + gates[1] * terms[2]).softmax(dim=-1)
            plain = torch.einsum("bgij,bgcj->bgci", attention, value)
            by_place = torch.einsum("bgij,cij->bgci", attention, of_value)
            values = self.normalise_values(torch.cat([plain, by_place], dim=1).flatten(1, 2)).chunk(2, dim=1)
            attended = gates[2] * values[0] + gates[3] * values[1]
        return attended.unflatten(0, (batch, width)).permute(0, 2, 3, 1)

    def relative(self, length: int) -> torch.Tensor:
        """Return (c, length, length): for query i and key j the embedding of the offset j - i."""
        line = self.embeddings
        if line.shape[-1] != 2 * length - 1:
            # as a map of height 1: only for maps is the gradient of resizing deterministic on a GPU
            size = (1, 2 * length - 1)
            line = F.interpolate(line[None, :, None], size=size, mode="bilinear", align_corners=True)[0, :, 0]
        pixel = torch.arange(length, device=line.device)
        return line[:, pixel[None, :] - pixel[:, None] + length - 1]


class Gates(nn.Module):
    """Four learned weights: of the query's and the key's embeddings, of the values, of the values' embeddings.

    The parameter is what they have moved from where they started, and while `learning` is 0 its gradient is 0: then no
    optimiser moves it, weight decay included, and processes that share gradients see one graph throughout.
    """

    def __init__(self, start: tuple[float, ...] = (0.1, 0.1, 1.0, 0.1)):
        super().__init__()
        self.moved = nn.Parameter(torch.zeros(len(start)))
        self.register_buffer("start", torch.tensor(start), persistent=False)
        self.register_buffer("learning", torch.zeros(()), persistent=False)

    def forward(self) -> torch.Tensor:
        """Return the (4,) gates."""
        frozen = self.moved.detach()
        return self.start + frozen + self.learning * (self.moved - frozen)


def _normalised(convolution: nn.Conv2d) -> tuple[nn.Module, ...]:
    """A convolution with batch normalisation and ReLU."""
    return convolution, nn.BatchNorm2d(convolution.out_channels), nn.ReLU(inplace=True)


def _up(features: torch.Tensor, size: torch.Size) -> torch.Tensor:
    """Bilinear resizing to (height, width), then ReLU."""
    return F.relu(F.interpolate(features, size=size, mode="bilinear", align_corners=False))
