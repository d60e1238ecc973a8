"""How far TCNet's convolutional branch looks, with its 31x31 kernels and with 3x3 ones in their place."""

import numpy as np
import torch
from torch import nn

from repro import machine
from repro.bench.sheet import Sheet
from repro.models.receptive_field import area_share, effective_receptive_field
from repro.networks import build
from repro.papers.paper2.recipe import TCNET

KERNELS = (31, 3)
SIZE = (224, 224)
WIDTH = 32
SEEDS = 3  # initialisations that are averaged
IMAGES = 4  # of each
CHANNELS = 4  # of the last map
CELL = 4  # pixels: shares are summed over cells of so many rows and columns, and kept in millionths
GOAL = "the paper's argument for large kernels, drawn: the area that holds half of the effective receptive field"
HEADERS = ("kernel", "size", "width", "initialisations", "images", "area of 50 %", "area of 90 %", "cells")


def measure(*, size: tuple[int, int] = SIZE, width: int = WIDTH, seeds: int = SEEDS, images: int = IMAGES) -> Sheet:
    """Return, a line a kernel, the effective receptive field of the centre of the branch's last map at random weights.

    The branch is TCNet's two first units and four convolutional stages, to stride 32, at a smaller width and without
    attention, whose pooling looks at the whole image anyhow. Images are noise. `cells` are the summed shares in
    millionths, row by row.
    """
    rows = []
    for kernel in KERNELS:
        field = np.mean([_field(kernel, size, width, seed, images) for seed in range(seeds)], axis=0)
        height, across = (side // CELL for side in size)
        cells = field[: height * CELL, : across * CELL].reshape(height, CELL, across, CELL).sum((1, 3))
        areas = (f"{100 * area_share(field, mass):.1f}" for mass in (0.5, 0.9))
        numbers = " ".join(f"{1e6 * cell:.0f}" for cell in cells.flat)
        shape = f"{size[0]}x{size[1]}"
        rows.append((f"{kernel}x{kernel}", shape, str(width), str(seeds), str(images), *areas, numbers))
    return Sheet(
        row="receptive-field",
        about="effective receptive field of TCNet's convolutional branch at stride 32, random weights, cells of "
        f"{CELL}x{CELL} pixels, area in per cent of the image",
        headers=HEADERS, rows=tuple(rows), goal=GOAL, machine=machine.describe(torch.device("cpu")),
        found=f"half of it lies in {rows[0][5]} % of the image with 31x31 kernels, in {rows[1][5]} % with 3x3",
        unprinted=("cells",),
    )  # fmt: skip


def _field(kernel: int, size: tuple[int, int], width: int, seed: int, images: int) -> np.ndarray:
    torch.manual_seed(seed)
    network = build("tcnet", classes=2, **TCNET | {"attention": "none", "kernel_size": kernel, "width": width})
    branch = nn.Sequential(*network.stem, *network.convolutional, _First())
    generator = torch.Generator().manual_seed(seed)
    return effective_receptive_field(branch, (torch.randn(1, 3, *size, generator=generator) for _ in range(images)))


class _First(nn.Module):
    """The first channels of a map: each is differentiated on its own, and they are alike."""

    def forward(self, feature: torch.Tensor) -> torch.Tensor:
        """Return (N, CHANNELS, H, W)."""
        return feature[:, :CHANNELS]
