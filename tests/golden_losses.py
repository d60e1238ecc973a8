"""Losses of a network's first ten steps, in float64 at small width on fixed images: the same on any processor.

Weights and dropout's masks are drawn in float64, since the float32 generators differ between processors in the last
bit; everything else is the trainer of every run: stream, schedule, loss, optimiser, auxiliary outputs.
"""

import json
from pathlib import Path

import numpy as np
import torch
from torch import nn

from repro.losses import make_loss
from repro.networks import NETWORKS, build
from repro.papers.spec import Recipe
from repro.training import Trainer

FILE = Path(__file__).parent / "golden" / "ten_step_losses.json"
PINNED = "2.15"
STEPS, CLASSES, BATCH, IMAGES = 10, 2, 4, 7
WITHOUT_PARAMETERS = {"position_prior", "second_observer", "isl_msca", "ssls"}

_ENCODER = {"encoder_name": "tu-test_resnet"}
_DECODER = {"decoder_channels": (32, 24, 16, 8, 8)}
OPTIONS: dict[str, dict[str, object]] = {  # network -> what makes it small
    "attention_unet": {**_ENCODER, **_DECODER},
    "canet": {"width": 4},
    "cenet": _ENCODER,
    "deeplabv3": _ENCODER,
    "deeplabv3plus": _ENCODER,
    "fcn": _ENCODER,
    "fcn8s": {"width": 4, "hidden": 16},
    "medt": {"width": 4, "groups": 2, "embedded_size": 32},
    "mfcn_pi": _ENCODER,
    "oktay_attention_unet": {"width": 4},
    "pspnet": _ENCODER,
    "segnet": {"width": 4},
    "tcnet": {"width": 8, "heads": 2},
    "unet": {"width": 4},
    "unet3plus": {"width": 4, "deep_supervision": True, "classification_guided": True},
    "unetplusplus": {**_ENCODER, **_DECODER},
    "utnet": {"width": 4, "heads": 2},
}
SIZE = (32, 32)
RECIPE = Recipe(
    weights="none", loss="cross_entropy_dice", alpha=0.5, auxiliary_weights=(0.4, 0.3, 0.2, 0.1), optimiser="adamw",
    learning_rate=1e-4, final_learning_rate=1e-6, schedule="cosine", weight_decay=0.01, epochs=5, batch=BATCH,
    precision="float32",
)  # fmt: skip


class Pictures(torch.utils.data.Dataset):
    """Seven images with a bright ellipse each, class 1, and a void frame; of integers alone, no library's noise."""

    def __len__(self):
        return IMAGES

    def __getitem__(self, key):
        _, index = key
        rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
        inside = 2 * (rows - 9 - 3 * index) ** 2 + (columns - 24 + 4 * index) ** 2 < 120
        grain = (rows * 7919 + columns * 104729 + index * 1299709) ** 2 % 61
        image = np.stack([grain + 40 + 90 * inside, 2 * grain + 60 * inside, 200 - grain - 50 * inside])
        label = inside.astype(np.uint8)
        label[0], label[:, 0] = 255, 255
        return torch.from_numpy(image.astype(np.uint8)), torch.from_numpy(label)


class Float64Dropout(nn.Module):
    """Dropout with a mask drawn in float64: of elements, or of whole channels in place of `Dropout2d`."""

    def __init__(self, p: float, channels: bool):
        super().__init__()
        self.p, self.channels = p, channels

    def forward(self, x):
        if not self.training:
            return x
        shape = (*x.shape[:2], *(1 for _ in x.shape[2:])) if self.channels else x.shape
        return x * (torch.rand(shape, dtype=torch.float64) >= self.p) / (1 - self.p)


class Float64(nn.Module):
    """A network that takes the trainer's float32 images and computes in float64."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network.double()

    def forward(self, image):
        return self.network(image.double())

    def begin_epoch(self, epoch):
        if hasattr(self.network, "begin_epoch"):
            self.network.begin_epoch(epoch)


class Watched(Trainer):
    """A trainer that keeps the loss of every step, unrounded."""

    def _loss(self, image, label, totals):
        loss = super()._loss(image, label, totals)
        self.kept = [*getattr(self, "kept", []), float(loss.detach())]
        return loss


def small_network(name: str) -> nn.Module:
    """Return a network at small width whose weights are drawn in float64 from a fixed seed."""
    torch.manual_seed(0)
    network = Float64(build(name, classes=CLASSES, **OPTIONS.get(name, {})))
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in network.parameters():
            if weight.numel() > 1 and (weight != weight.flatten()[0]).any():  # constants stay: norms, gates, biases
                uniform = 2 * torch.rand(weight.shape, dtype=torch.float64, generator=generator) - 1
                weight.copy_(uniform * (6 / max(weight[0].numel(), 8)) ** 0.5)
    for module in list(network.modules()):
        for child_name, child in module.named_children():
            if isinstance(child, (nn.Dropout, nn.Dropout2d)):
                setattr(module, child_name, Float64Dropout(child.p, isinstance(child, nn.Dropout2d)))
    return network


def ten_losses(name: str, folder: Path) -> list[float]:
    """Return the losses of the first ten steps of a network of `NETWORKS`."""
    torch.use_deterministic_algorithms(False)
    trainer = Watched(
        network=small_network(name), loss=make_loss(RECIPE.loss, alpha=RECIPE.alpha), samples=Pictures(),
        select=lambda network: (0.0, 0.0), recipe=RECIPE, seed=0, folder=folder, device=torch.device("cpu"),
        identity={"network": name},
    )  # fmt: skip
    trainer.train()
    return trainer.kept[:STEPS]


def trained_networks() -> list[str]:
    """Return the names of all networks that have something to train."""
    return [name for name in NETWORKS if name not in WITHOUT_PARAMETERS]


def stored() -> dict[str, list[float]]:
    """Return the golden losses by network."""
    return json.loads(FILE.read_text()) if FILE.exists() else {}
