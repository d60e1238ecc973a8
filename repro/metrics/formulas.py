"""The formulas of the scores, from counts of pixels to fractions."""

import numpy as np


def iou(confusion: np.ndarray) -> np.ndarray:
    """Return each class's intersection over union, pooled over the whole split.

    Pixels are counted over all images before dividing: neither the mean of per-image scores nor the
    class-blind ("micro") score, both of which some papers also call mIoU.

    Args:
        confusion: (C, C) pixel counts, row = label, column = prediction; ignored pixels are not in it.

    Returns:
        (C,) fractions in [0, 1]; NaN for a class that is neither labelled nor predicted.

    Raises:
        ValueError: `confusion` is not square.

    Source: Long et al. 2015, Sec. 5, "mean IU", before the mean.
    """
    return class_iou(*_margins(confusion))


def mean_iou(confusion: np.ndarray) -> float:
    """Return the mean of `iou` over the classes that are labelled or predicted; NaN without one.

    Source: Long et al. 2015, Sec. 5, "mean IU".
    """
    return float(mean(iou(confusion)))


def pixel_accuracy(confusion: np.ndarray) -> float:
    """Return the share of valid pixels that are right; NaN without valid pixels. Long et al. 2015, Sec. 5."""
    return float(_right(*_margins(confusion)))


def class_accuracy(confusion: np.ndarray) -> np.ndarray:
    """Return (C,) each class's share of its labelled pixels that are right; NaN for a class without
    labels."""
    return class_recall(*_margins(confusion))


def mean_class_accuracy(confusion: np.ndarray) -> float:
    """Return the mean of `class_accuracy` over the labelled classes. Long et al. 2015, "mean accuracy"."""
    return float(mean(class_accuracy(confusion)))


def two_class_scores(confusion: np.ndarray) -> dict[str, float]:
    """Return accuracy, sensitivity, specificity, precision, jaccard and dice of two classes, the second
    positive.

    Undefined scores are NaN; Jaccard and Dice are 1 where neither label nor prediction has foreground.

    Args:
        confusion: (2, 2) pixel counts, row = label, column = prediction.

    Raises:
        ValueError: `confusion` is not (2, 2).
    """
    if np.shape(confusion) != (2, 2):
        raise ValueError(f"two-class scores: confusion has shape {np.shape(confusion)}, expected (2, 2)")
    return {name: float(formula(*_margins(confusion))) for name, formula in TWO_CLASS.items()}


def auc(histogram: np.ndarray) -> np.ndarray:
    """Return the area under the ROC curve by trapezoid over the bins: pixels of one bin count as ties.

    Args:
        histogram: (..., 2, bins) pixel counts, background and foreground, bins by rising logit difference.

    Returns:
        (...) fractions; NaN where background or foreground has no pixel.

    Source: Fawcett 2006, "An introduction to ROC analysis", Algorithm 3.
    """
    background, foreground = _by_class(histogram)
    won = background * (_above(foreground) + foreground / 2)
    return divide(won.sum(-1), background.sum(-1) * foreground.sum(-1))


def auc_slack(histogram: np.ndarray) -> np.ndarray:
    """Return how far `auc` can be from the area of the unbinned logits, up or down: half the pairs that share a bin.

    Args:
        histogram: as for `auc`.

    Returns:
        (...) fractions in 0..0.5; NaN where `auc` is.
    """
    background, foreground = _by_class(histogram)
    return divide((background * foreground).sum(-1) / 2, background.sum(-1) * foreground.sum(-1))


def average_precision(histogram: np.ndarray) -> np.ndarray:
    """Return the area under the precision-recall curve: each bin's recall times its mean precision.

    The pixels of a bin are taken as evenly mixed, and the precision is integrated over them: at the bin's midpoint
    alone it is off by up to 1e-4 for a network whose logits hardly differ. Not interpolated (no running maximum).

    Args:
        histogram: (..., 2, bins) pixel counts, background and foreground, bins by rising logit difference.

    Returns:
        (...) fractions; NaN where background or foreground has no pixel, as for `auc`.
    """
    background, foreground = _by_class(histogram)
    hits, chosen = _above(foreground), _above(foreground + background)
    width = foreground + background
    share = divide(foreground, width)
    # the integral of (hits + foreground t) / (chosen + width t) over t in [0, 1]; nothing chosen: share alone
    bend = divide(hits - chosen * share, width) * np.log1p(np.nan_to_num(divide(width, chosen)))
    precision = share + bend
    area = divide(np.where(foreground > 0, precision * foreground, 0).sum(-1), foreground.sum(-1))
    return np.where(background.sum(-1) > 0, area, np.nan)


def class_iou(hit: np.ndarray, predicted: np.ndarray, labelled: np.ndarray) -> np.ndarray:
    """Return each class's intersection over union of (..., C) counts; NaN where there is no union."""
    return divide(hit, predicted + labelled - hit)


def class_recall(hit: np.ndarray, _predicted: np.ndarray, labelled: np.ndarray) -> np.ndarray:
    """Return each class's share of its labelled pixels that are right, of (..., C) counts; NaN without
    labels."""
    return divide(hit, labelled)


def mean(terms: np.ndarray) -> np.ndarray:
    """Return the mean over the last axis of what is not NaN; NaN where nothing is left."""
    return divide(np.nansum(terms, -1), (~np.isnan(terms)).sum(-1))


def divide(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Return the quotient in float64, NaN where the denominator is 0."""
    numerator, denominator = np.asarray(numerator, np.float64), np.asarray(denominator, np.float64)
    result = np.full(np.broadcast_shapes(numerator.shape, denominator.shape), np.nan)
    return np.divide(numerator, denominator, out=result, where=denominator != 0)


def _right(hit: np.ndarray, _predicted: np.ndarray, labelled: np.ndarray) -> np.ndarray:
    return divide(hit.sum(-1), labelled.sum(-1))


def _sensitivity(hit: np.ndarray, _predicted: np.ndarray, labelled: np.ndarray) -> np.ndarray:
    return divide(hit[..., 1], labelled[..., 1])


def _specificity(hit: np.ndarray, _predicted: np.ndarray, labelled: np.ndarray) -> np.ndarray:
    return divide(hit[..., 0], labelled[..., 0])


def _precision(hit: np.ndarray, predicted: np.ndarray, _labelled: np.ndarray) -> np.ndarray:
    return divide(hit[..., 1], predicted[..., 1])


def _jaccard(hit: np.ndarray, predicted: np.ndarray, labelled: np.ndarray) -> np.ndarray:
    return _overlap(hit[..., 1], (predicted + labelled - hit)[..., 1], labelled)


def _dice(hit: np.ndarray, predicted: np.ndarray, labelled: np.ndarray) -> np.ndarray:
    return _overlap(2 * hit[..., 1], (predicted + labelled)[..., 1], labelled)


def _overlap(numerator: np.ndarray, denominator: np.ndarray, labelled: np.ndarray) -> np.ndarray:
    """Return the quotient, 1 where label and prediction are both empty, NaN without valid pixels."""
    share = np.where(denominator == 0, 1.0, divide(numerator, denominator))
    return np.where(labelled.sum(-1) == 0, np.nan, share)


def _margins(confusion: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (C,) hit, predicted and labelled pixels."""
    confusion = np.asarray(confusion)
    if confusion.ndim != 2 or confusion.shape[0] != confusion.shape[1]:
        raise ValueError(f"confusion matrix has shape {confusion.shape}, expected (classes, classes)")
    return np.diag(confusion), confusion.sum(0), confusion.sum(1)


def _by_class(histogram: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    histogram = np.asarray(histogram, np.float64)  # the product of two counts of 10^10 overflows int64
    return histogram[..., 0, :], histogram[..., 1, :]


def _above(counts: np.ndarray) -> np.ndarray:
    """Return how many lie in the bins above each bin."""
    return np.flip(np.cumsum(np.flip(counts, -1), -1), -1) - counts


CLASS_MEANS = {  # name -> each class's term; the score is the mean of the terms that are defined
    "miou": class_iou,
    "iou": class_iou,
    "boundary_iou": class_iou,
    "mean_class_accuracy": class_recall,
}
TWO_CLASS = {
    "accuracy": _right,
    "sensitivity": _sensitivity,
    "specificity": _specificity,
    "precision": _precision,
    "jaccard": _jaccard,
    "dice": _dice,
}
RANKING = {"auc": auc, "average_precision": average_precision}
