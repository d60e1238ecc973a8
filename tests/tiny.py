"""A training small enough for milliseconds: images of noise and a network of a few hundred weights."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from torch import nn

from repro.evaluation import selection_scores
from repro.losses import make_loss
from repro.papers.spec import Recipe
from repro.training import Trainer

CLASSES = 3
RECIPE = {
    "weights": "none", "loss": "cross_entropy_dice", "alpha": 0.5, "optimiser": "adamw", "learning_rate": 0.01,
    "schedule": "cosine", "weight_decay": 0.01, "epochs": 8, "batch": 4, "precision": "float32",
}  # fmt: skip


def recipe(**changes) -> Recipe:
    """Return the tiny recipe: 8 epochs of 3 steps over 10 images."""
    return Recipe(**(RECIPE | changes))


def pair(seed: list[int], size: tuple[int, int] = (8, 8)) -> tuple[torch.Tensor, torch.Tensor]:
    """Return a uint8 (3, H, W) image and its uint8 (H, W) label: the brightest channel, void in one pixel of ten."""
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (3, *size), dtype=np.uint8)
    label = np.where(rng.random(size) < 0.1, 255, image.argmax(0)).astype(np.uint8)
    return torch.from_numpy(image), torch.from_numpy(label)


class Noise(torch.utils.data.Dataset):
    """Ten training pairs, another picture in every epoch, as an augmentation would make it."""

    def __init__(self, n: int = 10):
        self.n = n

    def __len__(self):
        return self.n

    def __getitem__(self, key):
        epoch, index = key
        return pair([epoch, index])

    def name(self, index):
        return f"picture {index}"


class Network(nn.Module):
    """Convolution, batch-norm, dropout, convolution."""

    def __init__(self, classes: int = CLASSES, dropout: float = 0.2):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(dropout), nn.Conv2d(8, classes, 1)
        )

    def forward(self, image):
        return self.layers(image)


def network(seed: int = 0, **options) -> Network:
    """Return the network with weights drawn from `seed`."""
    torch.manual_seed(seed)
    return Network(**options).to(memory_format=torch.channels_last)


def evaluation_sample(number: int, size: tuple[int, int] = (8, 8), **changes) -> SimpleNamespace:
    """Return what `EvaluationSamples` would give."""
    image, label = pair([99, number], size)
    fields = {"image": image, "label": label, "input_label": None, "field_of_view": None, "second_label": None}
    names = {"name": f"picture {number}", "unit": f"unit {number % 2}", "content_hash": f"{number:016x}"}
    return SimpleNamespace(**(fields | names | changes))


def trainer(folder: Path, *, of=None, samples=None, **changes) -> Trainer:
    """Return a trainer of the tiny network; `changes` are fields of the trainer or of the recipe."""
    fields = {name: changes.pop(name) for name in list(changes) if name in Trainer.__dataclass_fields__}
    how = fields.pop("recipe", None) or recipe(**changes)
    loss = fields.pop("loss", None) or make_loss(how.loss, alpha=how.alpha)
    device = torch.device("cpu")
    selection = [evaluation_sample(number) for number in range(3)]

    def select(network):
        return selection_scores(network, selection, loss, recipe=how, device=device, classes=CLASSES)

    settings = {"select": select, "seed": 5, "identity": {"network": "tiny", "recipe": {"epochs": how.epochs}}} | fields
    samples = samples if samples is not None else Noise()
    return Trainer(of or network(), loss, samples, recipe=how, folder=folder, device=device, **settings)


class Failing(nn.Module):
    """The tiny network, whose logits or gradient become infinite at the n-th training step."""

    def __init__(self, at, how):
        super().__init__()
        self.inner, self.at, self.how, self.calls = network(), at, how, 0

    def forward(self, image):
        logits = self.inner(image)
        if self.training:
            self.calls += 1
        if self.training and self.calls == self.at:
            if self.how == "gradient":
                logits.register_hook(lambda gradient: gradient * float("nan"))
            else:
                logits = logits * float("inf")
        return logits
