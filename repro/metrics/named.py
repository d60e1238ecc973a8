"""Scores by name: which score, over which classes, of which images."""

from collections.abc import Sequence
from difflib import get_close_matches

import numpy as np

from repro.metrics.evidence import BOUNDARY_PIXELS, Evidence
from repro.metrics.formulas import CLASS_MEANS, RANKING, TWO_CLASS, divide, mean

_TWO_CLASS_SCORES = {
    "accuracy": "(TP + TN) / N",
    "sensitivity": "TP / (TP + FN); undefined without labelled foreground",
    "specificity": "TN / (TN + FP); undefined without labelled background",
    "precision": "TP / (TP + FP); undefined without predicted foreground",
    "jaccard": "TP / (TP + FP + FN); 1 where neither label nor prediction has foreground",
    "dice": "2 TP / (2 TP + FP + FN); 1 where neither label nor prediction has foreground",
    "auc": "area under the ROC curve, by trapezoid over the histogram",
    "average_precision": "area under the precision-recall curve, from the histogram",
}
SCORES = {
    "miou": "mean over classes of pooled intersection over union",
    "pixel_accuracy": "share of valid pixels that are right",
    "mean_class_accuracy": "mean over classes of the share of the class's pixels that are right",
    "boundary_iou": f"mean over classes of the IoU within {BOUNDARY_PIXELS} px of label boundaries",
    "iou": "IoU of a named class, or the mean over several: iou:pole,person",
    **_TWO_CLASS_SCORES,
    **{f"mean_{name}": f"mean over images of {name}: {what}" for name, what in _TWO_CLASS_SCORES.items()},
}


def score(evidence: Evidence, metric: str, class_names: Sequence[str]) -> float:
    """Return one score as a fraction; NaN where it is undefined on this split.

    Args:
        evidence: the counts.
        metric: a name of `SCORES`; `iou:pole,person` is the mean over the named classes.
        class_names: the C classes in the order of the counts.

    Raises:
        ValueError: no such score or class (the nearest names are given), or this evidence cannot give it.
    """
    return float(resampled(evidence, metric, class_names, np.ones((1, len(evidence.images)), np.int64))[0])


def scores(evidence: Evidence, class_names: Sequence[str]) -> dict[str, float]:
    """Return every score this evidence can give, by name; each class's IoU as `iou:NAME`."""
    names = [name for name in SCORES if name != "iou" and name.removeprefix("mean_") not in _TWO_CLASS_SCORES]
    names += [f"iou:{name}" for name in class_names]
    if len(class_names) == 2:
        names += [*TWO_CLASS, *(f"mean_{name}" for name in TWO_CLASS)]
    if evidence.histogram is not None:
        names += RANKING
        if len(evidence.histogram) == len(evidence.images):
            names += [f"mean_{name}" for name in RANKING]
    return {name: score(evidence, name, class_names) for name in names}


def per_image(evidence: Evidence, metric: str, class_names: Sequence[str]) -> np.ndarray:
    """Return (n,) the score of each image by itself, NaN where an image does not define it.

    The prefix `mean_` changes nothing here: `mean_dice` is the mean of what `dice` gives.
    """
    name, named = _parse(metric, evidence, class_names)
    name = name if name in CLASS_MEANS else name.removeprefix("mean_")
    if name in RANKING:
        return RANKING[name](_image_histograms(evidence, metric))
    return _from_counts(name, named, *evidence.counts(boundary=name == "boundary_iou"))


def counted(evidence: Evidence, metric: str, class_names: Sequence[str]) -> tuple[int, int]:
    """Return how many terms a mean is taken over, and how many there are: images for `mean_` scores, else
    classes.

    (17, 19) says that two classes occur neither in labels nor in predictions and were left out. A score that
    is no mean has (1, 1), or (0, 1) where it is undefined.
    """
    name, named = _parse(metric, evidence, class_names)
    if name in CLASS_MEANS:
        totals = (counts.sum(0) for counts in evidence.counts(boundary=name == "boundary_iou"))
        terms = CLASS_MEANS[name](*totals)[named]
    elif name.startswith("mean_"):
        terms = per_image(evidence, metric, class_names)
    else:
        terms = np.array([score(evidence, metric, class_names)])
    return int((~np.isnan(terms)).sum()), len(terms)


def resampled(evidence: Evidence, metric: str, class_names: Sequence[str], weights: np.ndarray) -> np.ndarray:
    """Return (B,) the score of B resamples of the images, for the bootstrap and for one unit's own score.

    Args:
        evidence: the counts of n images.
        metric: a name of `SCORES`.
        class_names: the C classes.
        weights: (B, n) int64, how often a resample takes each image.

    Raises:
        ValueError: as `score`; also a histogram of all images together, which cannot be weighted by image.
    """
    name, named = _parse(metric, evidence, class_names)
    weights = np.asarray(weights, np.int64)
    if name.startswith("mean_") and name not in CLASS_MEANS:
        terms = per_image(evidence, metric, class_names)
        defined = ~np.isnan(terms)
        return divide(weights[:, defined] @ terms[defined], weights[:, defined].sum(1))
    if name not in RANKING:
        counts = evidence.counts(boundary=name == "boundary_iou")
        return _from_counts(name, named, *(weights @ count for count in counts))
    if (weights == 1).all():
        return np.full(len(weights), RANKING[name](evidence.histogram.sum(0)))
    histograms = _image_histograms(evidence, metric)
    return np.array([RANKING[name](np.tensordot(row, histograms, 1)) for row in weights])


def _parse(metric: str, evidence: Evidence, class_names: Sequence[str]) -> tuple[str, list[int] | slice]:
    """Return the score's name without classes, and the classes it is about; raise on what cannot be given."""
    name, _, listed = metric.partition(":")
    alone = name.removeprefix("mean_")
    if name not in SCORES or (listed and name != "iou"):
        raise ValueError(f"no score is called {metric!r}; {_nearest(name, SCORES)}")
    if len(class_names) != len(evidence.confusion):
        raise ValueError(f"{len(class_names)} class names, but counts of {len(evidence.confusion)} classes")
    if alone in _TWO_CLASS_SCORES and len(class_names) != 2:
        raise ValueError(f"{metric} is a score of two classes, not {len(class_names)}; use miou or iou:NAME")
    if alone in RANKING and evidence.histogram is None:
        raise ValueError(f"{metric} needs the histogram of logits, which this evidence lacks; evaluate again")
    return name, _class_indices(listed, class_names) if name == "iou" else slice(None)


def _class_indices(listed: str, class_names: Sequence[str]) -> list[int]:
    wanted = [name.strip() for name in listed.split(",") if name.strip()]
    if not wanted:
        raise ValueError(f"iou names no class; write iou:{class_names[0]}, or miou for the mean over all")
    for name in wanted:
        if name not in class_names:
            raise ValueError(f"no class is called {name!r}; {_nearest(name, class_names)}")
    return [list(class_names).index(name) for name in wanted]


def _nearest(name: str, names: Sequence[str]) -> str:
    close = get_close_matches(name, list(names), n=3)
    return "nearest: " + ", ".join(close) if close else "there are " + ", ".join(names)


def _image_histograms(evidence: Evidence, metric: str) -> np.ndarray:
    if len(evidence.histogram) != len(evidence.images):
        raise ValueError(f"{metric} by image needs a histogram for each, and this evidence has one for all")
    return evidence.histogram


def _from_counts(
    name: str, named: list[int] | slice, hit: np.ndarray, predicted: np.ndarray, labelled: np.ndarray
) -> np.ndarray:
    """Return (...) the score of (..., C) counts."""
    if name in CLASS_MEANS:
        return mean(CLASS_MEANS[name](hit, predicted, labelled)[..., named])
    formula = TWO_CLASS["accuracy" if name == "pixel_accuracy" else name]
    return formula(hit, predicted, labelled)
