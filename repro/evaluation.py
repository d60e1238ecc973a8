"""Evaluation image by image: pixels counted on the device, nothing averaged, nothing padded, nothing repeated."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from repro.losses import Loss
from repro.metrics import BINS, BOUNDARY_PIXELS, HISTOGRAM_LIMIT, Evidence
from repro.papers.spec import Recipe
from repro.parallel import ALONE, Processes
from repro.training import AUTOCAST, normalise

IGNORED = 255


def logits_of(network: nn.Module, image: torch.Tensor, recipe: Recipe, device: torch.device) -> torch.Tensor:
    """Return the (1, C, h, w) float32 logits of one (3, h, w) uint8 image, by the recipe's evaluation protocol.

    With flips or scales these are log-probabilities, averaged as probabilities over the views.
    """
    normalised = normalise(image[None], device)
    sides = (False, True) if recipe.flips else (False,)
    views = [(scale, flip) for scale in recipe.scales or (1.0,) for flip in sides]
    if views == [(1.0, False)]:
        return _windowed(network, normalised, recipe)
    total = sum(_view(network, normalised, recipe, scale, flip).softmax(1) for scale, flip in views)
    return (total / len(views)).clamp(min=torch.finfo(total.dtype).tiny).log()  # -inf times 0 is NaN when resized


def _view(network: nn.Module, image: torch.Tensor, recipe: Recipe, scale: float, flip: bool) -> torch.Tensor:
    """Logits of the scaled, mirrored image, brought back to the image's own size and side."""
    size = [max(round(side * scale), 1) for side in image.shape[-2:]]  # not scale_factor: it shifts where sides round
    seen = image if scale == 1 else F.interpolate(image, size=size, mode="bilinear", antialias=scale < 1)
    logits = _windowed(network, seen.flip(-1) if flip else seen, recipe)
    return resize_logits(logits.flip(-1) if flip else logits, image.shape[-2:])


def _windowed(network: nn.Module, image: torch.Tensor, recipe: Recipe) -> torch.Tensor:
    """Logits of the whole image, or the mean of overlapping windows (stride two thirds of the window)."""
    if recipe.window is None:
        return _forward(network, image, recipe)
    height, width = image.shape[-2:]
    window = tuple(min(w, full) for w, full in zip(recipe.window, (height, width)))
    total, count = None, image.new_zeros((1, 1, height, width))
    for top in _starts(height, window[0]):
        for left in _starts(width, window[1]):
            here = (..., slice(top, top + window[0]), slice(left, left + window[1]))
            logits = _forward(network, image[here], recipe)
            if total is None:
                total = logits.new_zeros((1, logits.shape[1], height, width))
            total[here] += logits
            count[here] += 1
    return total / count


def _starts(full: int, window: int) -> list[int]:
    """Where windows begin so that they cover `full` pixels, the last one flush with the end."""
    stride = max(window * 2 // 3, 1)
    return [*range(0, full - window, stride), full - window]


def _forward(network: nn.Module, image: torch.Tensor, recipe: Recipe) -> torch.Tensor:
    dtype = AUTOCAST.get(recipe.precision)
    with torch.autocast(image.device.type, dtype=dtype, enabled=dtype is not None):
        return network(image.to(memory_format=torch.channels_last)).float()


def resize_logits(logits: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
    """Return logits at `size` (height, width), bilinear: predictions go to the label's size, never the reverse."""
    if tuple(logits.shape[-2:]) == tuple(size):
        return logits
    return F.interpolate(logits, size=tuple(size), mode="bilinear", align_corners=False)


def near_boundary(label: torch.Tensor) -> torch.Tensor:
    """Return (H, W) bool: a pixel of another class is at most 3 px away in rows and columns; void counts for none."""
    label = label.to(torch.uint8)
    valid = label != IGNORED
    highest = _highest_near(torch.where(valid, label, 0))
    lowest = IGNORED - _highest_near(IGNORED - label)  # there void is the least
    return valid & (highest != lowest)


def _highest_near(label: torch.Tensor) -> torch.Tensor:
    """The greatest value at most 3 px away in rows and columns; in bytes, a twentieth of the time of a pooling."""
    for dimension, length in enumerate(label.shape):
        found = label.clone()
        for step in range(1, min(BOUNDARY_PIXELS, length - 1) + 1):
            for start, other in ((step, 0), (0, step)):
                part = found.narrow(dimension, start, length - step)
                torch.maximum(part, label.narrow(dimension, other, length - step), out=part)
        label = found
    return label


def confusion(label: torch.Tensor, prediction: torch.Tensor, classes: int) -> torch.Tensor:
    """Return the (C, C) int64 counts of one image, row = label, column = prediction; 255 in `label` is left out."""
    pairs = torch.add(prediction, label, alpha=classes).flatten()  # void has rows of its own, behind the classes'
    return torch.bincount(pairs, minlength=(IGNORED + 1) * classes)[: classes * classes].view(classes, classes)


def histogram(logits: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
    """Return the (2, 1024) int64 counts of valid pixels by true class and bin (see `repro.metrics.histogram_bins`).

    Args:
        logits: (2, H, W), background and foreground.
        label: (H, W) int64.
    """
    scaled = torch.asinh((logits[1] - logits[0]).double() / 2) / HISTOGRAM_LIMIT
    bins = ((scaled + 1) / 2 * BINS).clamp(0, BINS - 1).long()
    valid = label != IGNORED
    return torch.bincount((label * BINS + bins)[valid], minlength=2 * BINS).view(2, BINS)


@dataclass
class Counts:
    """The counts of one evaluation as they grow, image by image, on the device."""

    classes: int
    histograms: str | None  # "image", "pooled" or None
    whole: list[torch.Tensor] = field(default_factory=list)
    boundary: list[torch.Tensor] = field(default_factory=list)
    histogram: list[torch.Tensor] = field(default_factory=list)

    def add(self, logits: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        """Count one image, (C, H, W) logits against an (H, W) int64 label of the same size; return the prediction."""
        prediction = logits.max(0).indices  # argmax's, in a quarter of its time
        self.add_prediction(prediction, label)
        if self.histograms:
            self.histogram.append(histogram(logits, label))
        return prediction

    def add_prediction(self, prediction: torch.Tensor, label: torch.Tensor) -> None:
        """Count one (H, W) int64 prediction against its label; nothing is known of how sure it was."""
        self.whole.append(confusion(label, prediction, self.classes))
        near = torch.where(near_boundary(label), label, IGNORED)
        self.boundary.append(confusion(near, prediction, self.classes))

    def evidence(self, images: Sequence[str], units: Sequence[str]) -> Evidence:
        """Return what was counted, in the order the images came."""
        whole, boundary = (torch.stack(counts).cpu().numpy() for counts in (self.whole, self.boundary))
        counts = {}
        for prefix, matrices in (("", whole), ("boundary_", boundary)):
            counts[f"{prefix}intersection"] = np.diagonal(matrices, axis1=1, axis2=2).copy()
            counts[f"{prefix}predicted"] = matrices.sum(1)
            counts[f"{prefix}labelled"] = matrices.sum(2)
        bins = torch.stack(self.histogram).cpu().numpy() if self.histograms else None
        if self.histograms == "pooled":
            bins = bins.sum(0, keepdims=True)
        names = {"images": np.array(images), "units": np.array(units)}
        return Evidence(**names, **counts, confusion=whole.sum(0), histogram=bins)


Watch = Callable[[object, torch.Tensor, torch.Tensor], None]  # a sample, its (H, W) prediction, its (C, C) counts


@torch.inference_mode()
def evaluate(
    network: nn.Module,
    samples: Iterable,
    *,
    recipe: Recipe,
    device: torch.device,
    classes: int,
    histograms: str | None,
    watch: Watch | None = None,
) -> dict[str, Evidence]:
    """Return the evidence of every evaluation of one set of weights, by name: "native whole", "input whole", ...

    Labels are scored at native size, also at the network's input size where the recipe resizes; over the whole image,
    and inside the field of view where the data set has one.

    Args:
        network: in evaluation mode, on `device`; one with `logits_of_sample(sample)` is asked that way instead.
        samples: of `repro.data.samples.EvaluationSamples`.
        histograms: "image" (vessels), "pooled" (skin) or None (more than two classes).
        watch: sees each sample with its prediction and counts at native size, over the whole image.
    """
    counts: dict[str, Counts] = {}
    images, units = [], []
    for sample in samples:
        if hasattr(network, "logits_of_sample"):
            logits = network.logits_of_sample(sample).to(device)
        else:
            logits = logits_of(network, sample.image, recipe, device)
        if logits.isnan().any():
            raise ValueError(f"{sample.name}: a logit is not a number; the network diverged, train it anew")
        images.append(sample.content_hash)
        units.append(sample.unit)
        for name, label in _labels(sample):
            label = label.to(device).long()
            counted = counts.setdefault(name, Counts(classes, histograms))
            prediction = counted.add(resize_logits(logits, label.shape)[0], label)
            if watch is not None and name == "native whole":
                watch(sample, prediction, counted.whole[-1])
    return {name: each.evidence(images, units) for name, each in counts.items()}


@torch.inference_mode()
def evaluate_predictions(pairs: Iterable[tuple[object, torch.Tensor]], *, classes: int) -> dict[str, Evidence]:
    """Return the evidence of predictions made elsewhere, as `evaluate` does of a network's; without histograms.

    Args:
        pairs: a sample as `evaluate` takes them, and its (H, W) prediction of train ids at the label's size.
        classes: how many.
    """
    counts: dict[str, Counts] = {}
    images, units = [], []
    for sample, prediction in pairs:
        images.append(sample.content_hash)
        units.append(sample.unit)
        for name, label in _labels(sample):
            counts.setdefault(name, Counts(classes, None)).add_prediction(prediction.long(), label.long())
    return {name: each.evidence(images, units) for name, each in counts.items()}


def _labels(sample) -> list[tuple[str, torch.Tensor]]:
    """(name, label) of each evaluation of a sample: its size and its region."""
    labels = [("native", sample.label)]
    if sample.input_label is not None:
        labels.append(("input", sample.input_label))
    named = [(f"{size} whole", label) for size, label in labels]
    if sample.field_of_view is not None:
        for size, label in labels:
            inside = sample.field_of_view
            if inside.shape != label.shape:
                inside = F.interpolate(inside[None, None].float(), size=label.shape, mode="nearest-exact")[0, 0] > 0
            named.append((f"{size} field_of_view", torch.where(inside, label, IGNORED)))
    return named


@torch.inference_mode()
def selection_scores(
    network: nn.Module,
    samples: Iterable,
    loss: Loss,
    *,
    recipe: Recipe,
    device: torch.device,
    classes: int,
    processes: Processes = ALONE,
) -> tuple[float, float]:
    """Return the (loss, score) of a list: the mean over images of the training loss, and mIoU pooled over the list.

    Both at the network's input size, where training labels are too; the protocol's windows, flips and scales are off.
    With several processes `samples` are this one's share, and the same comes back on each.
    """

    def counted(sample) -> tuple[torch.Tensor, torch.Tensor]:
        logits = _forward(network, normalise(sample.image[None], device), recipe)
        label = (sample.label if sample.input_label is None else sample.input_label).to(device).long()
        return loss(logits, label[None], loss.totals(label[None])), confusion(label, logits[0].max(0).indices, classes)

    of_images = processes.in_order(lambda: [counted(sample) for sample in samples])
    losses, matrix = (torch.stack(each).to(device) for each in zip(*of_images))
    matrix = matrix.sum(0)
    hit, union = matrix.diagonal(), matrix.sum(0) + matrix.sum(1) - matrix.diagonal()
    present = union > 0
    score = (hit[present] / union[present]).mean() if present.any() else torch.zeros(())
    return float(losses.mean()), float(score)
