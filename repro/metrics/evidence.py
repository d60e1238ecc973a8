"""What one evaluation counted: the counts of pixels that every score follows from."""

from dataclasses import dataclass

import numpy as np

BINS = 1024
HISTOGRAM_LIMIT = 5.0  # of asinh(difference / 2): a difference of 148; a float32 sigmoid is 1 from 17 on
BOUNDARY_PIXELS = 3  # the boundary counts hold pixels at most this far from a label boundary


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What one evaluation counted: enough for every score, small enough to publish.

    n images, C classes; ignored pixels are in no count, and a prediction is always one of the C classes. Of
    two classes the second is the foreground ("positive").

    Attributes:
        images: (n,) content hashes.
        units: (n,) names of what was sampled: the child, drive, city or patient an image comes from.
        intersection: (n, C) int64, pixels labelled and predicted as the class.
        predicted: (n, C) int64, pixels predicted as the class.
        labelled: (n, C) int64, pixels labelled as the class.
        boundary_intersection: (n, C) int64, the same counts over pixels within 3 px of a label boundary.
        boundary_predicted: (n, C) int64.
        boundary_labelled: (n, C) int64.
        confusion: (C, C) int64 over all images, row = label, column = prediction.
        histogram: (n, 2, 1024), or (1, 2, 1024) where pooled, int64 counts by true class (background,
            foreground) and bin (see `histogram_bins`); None for more than two classes.

    Raises:
        ValueError: shapes do not fit each other, or counts contradict each other.
    """

    images: np.ndarray
    units: np.ndarray
    intersection: np.ndarray
    predicted: np.ndarray
    labelled: np.ndarray
    boundary_intersection: np.ndarray
    boundary_predicted: np.ndarray
    boundary_labelled: np.ndarray
    confusion: np.ndarray
    histogram: np.ndarray | None = None

    def __post_init__(self) -> None:
        _check_shapes(self)
        _check_counts(self)
        if self.histogram is not None:
            _check_histogram(self)

    def counts(self, *, boundary: bool = False) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return intersection, predicted and labelled pixels, each (n, C), of all pixels or of the
        boundary's."""
        prefix = "boundary_" if boundary else ""
        return tuple(getattr(self, prefix + name) for name in ("intersection", "predicted", "labelled"))


def histogram_bins(logit_difference: np.ndarray) -> np.ndarray:
    """Return each pixel's bin of asinh((foreground - background logit) / 2): 1024 equal bins over [-5, 5].

    asinh resolves the middle as probabilities do and the tails as logarithms do, so that a network that is
    sure of itself still has a ranking. The end bins take what lies outside.

    Args:
        logit_difference: any shape, foreground minus background logit.

    Returns:
        int64 of the same shape, in 0..1023; bin 512 begins at a probability of one half.

    Raises:
        ValueError: a difference is NaN.
    """
    scaled = np.arcsinh(np.asarray(logit_difference, np.float64) / 2) / HISTOGRAM_LIMIT
    if np.isnan(scaled).any():
        raise ValueError("histogram: a logit is NaN and has no place in a ranking; the network diverged")
    return np.floor(np.clip((scaled + 1) / 2 * BINS, 0, BINS - 1)).astype(np.int64)


def _check_shapes(evidence: Evidence) -> None:
    """Raise unless every array fits the number of images and classes."""
    n, classes = len(evidence.images), len(evidence.confusion)
    if not classes:
        raise ValueError("evidence: no class is in it")
    expected = {"units": (n,), "confusion": (classes, classes)}
    for name in ("intersection", "predicted", "labelled"):
        expected |= {name: (n, classes), f"boundary_{name}": (n, classes)}
    for name, shape in expected.items():
        found = np.shape(getattr(evidence, name))
        if found != shape:
            raise ValueError(
                f"evidence: {name} has shape {found}, expected {shape} of {n} images and {classes} classes"
            )


def _check_counts(evidence: Evidence) -> None:
    """Raise unless per-image counts and the pooled matrix are counts of the same pixels."""
    for boundary in (False, True):
        hit, predicted, labelled = evidence.counts(boundary=boundary)
        where = "boundary " if boundary else ""
        if (hit < 0).any() or (hit > np.minimum(predicted, labelled)).any():
            raise ValueError(f"evidence: {where}intersection is not within 0 and its class's pixels")
        uneven = predicted.sum(1) != labelled.sum(1)
        if uneven.any():
            raise ValueError(
                f"evidence: image {evidence.images[uneven][0]} has other numbers of predicted and labelled "
                f"{where}pixels; count predictions on valid pixels only"
            )
    if any((near > whole).any() for near, whole in zip(evidence.counts(boundary=True), evidence.counts())):
        raise ValueError("evidence: more pixels near a boundary than there are; evaluate again")
    hit, predicted, labelled = (counts.sum(0) for counts in evidence.counts())
    matrix = evidence.confusion
    margins = ((matrix.sum(1), labelled), (matrix.sum(0), predicted), (np.diag(matrix), hit))
    if any((found != expected).any() for found, expected in margins):
        raise ValueError("evidence: the confusion matrix does not sum the images' counts; evaluate again")


def _check_histogram(evidence: Evidence) -> None:
    """Raise unless the histogram counts every labelled pixel of a two-class set once."""
    n, shape = len(evidence.images), evidence.histogram.shape
    if evidence.labelled.shape[1] != 2 or shape[1:] != (2, BINS) or shape[0] not in (1, n):
        raise ValueError(f"evidence: histogram has shape {shape}, expected ({n} or 1, 2, {BINS}) of two classes")
    labelled = evidence.labelled if shape[0] == n else evidence.labelled.sum(0, keepdims=True)
    if (evidence.histogram.sum(2) != labelled).any():
        raise ValueError("evidence: the histogram does not count each labelled pixel once; evaluate again")
