"""Counting pixels: the suite's confusion counts, beside torchmetrics."""

import torch
from torchmetrics.classification import MulticlassConfusionMatrix, MulticlassJaccardIndex

from repro import machine
from repro.bench.rates import clock_name, copy_rate, synchronised
from repro.bench.result import Result, in_turn
from repro.evaluation import IGNORED, Counts, confusion

SIZE = (1024, 2048)  # of a street scene
CLASSES = 19
GOAL = "at least 10 times torchmetrics, on the device, no copy of logits to the host"


def measure(
    *, device: torch.device | None = None, size: tuple[int, int] = SIZE, rounds: int = 9, classes: int = CLASSES
) -> Result:
    """Return what it costs to count one image's prediction, (H, W) class indices that are on the device, on each path.

    Beside it: the prediction out of (C, H, W) logits, and all that the suite counts of an image, its boundaries too.
    """
    device = device or machine.pick_device("auto")
    with machine.threads(1, device):
        prediction, label, logits = _image(size, classes, device)
        jaccard = MulticlassJaccardIndex(classes, ignore_index=IGNORED).to(device)
        bare = MulticlassConfusionMatrix(classes, ignore_index=IGNORED, validate_args=False).to(device)
        ways = {
            "ours": lambda _: confusion(label, prediction, classes),
            "torchmetrics": lambda _: jaccard.update(prediction, label),
            "torchmetrics, without its checks": lambda _: bare.update(prediction, label),
            "prediction of logits": lambda _: logits.max(0).indices,
            "all that ours counts": lambda _: Counts(classes, None).add(logits, label),
        }
        lines = in_turn(ways, clock=synchronised(device), rounds=rounds)
        least = 2 * 8 * label.numel() / copy_rate(device)
    counts = f"counts a second: {1 / lines[0].median:.0f}, torchmetrics {1 / lines[1].median:.1f}"
    return Result(
        row="evaluate", of=f"{size[0]}x{size[1]}", unit="image", lines=tuple(lines), goal=GOAL,
        limit=(least, "reading label and prediction once at the measured memory rate"),
        machine=machine.describe(device), wanted=10, paths=3, clock=clock_name(device), notes=(counts,),
    )  # fmt: skip


def _image(size: tuple[int, int], classes: int, device: torch.device) -> tuple[torch.Tensor, ...]:
    """(H, W) prediction and label in broad areas, a tenth of it void and a tenth wrong, and (C, H, W) logits."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(1, classes, max(size[0] // 64, 1), max(size[1] // 64, 1), generator=generator)
    logits = torch.nn.functional.interpolate(coarse, size=size, mode="bilinear")[0]
    prediction = logits.argmax(0)
    draw = torch.rand(size, generator=generator)
    label = torch.where(draw < 0.1, (prediction + 1) % classes, prediction)
    label = torch.where(draw > 0.9, IGNORED, label)
    return tuple(each.to(device) for each in (prediction, label, logits))
