"""Scores from counts of pixels, taken over images before anything is divided.

A score without a prefix is pooled: counts are added over all images before they are divided. The prefix
`mean_` is the mean of the images' own scores, which is another number. Nothing is averaged over batches. What
is undefined is NaN, is left out of a mean, and `counted` says how much was left out.
"""

from repro.metrics.evidence import BINS, BOUNDARY_PIXELS, HISTOGRAM_LIMIT, Evidence, histogram_bins
from repro.metrics.formulas import (
    auc,
    auc_slack,
    average_precision,
    class_accuracy,
    iou,
    mean_class_accuracy,
    mean_iou,
    pixel_accuracy,
    two_class_scores,
)
from repro.metrics.named import SCORES, counted, per_image, resampled, score, scores

__all__ = [
    "BINS",
    "BOUNDARY_PIXELS",
    "HISTOGRAM_LIMIT",
    "SCORES",
    "Evidence",
    "auc",
    "auc_slack",
    "average_precision",
    "class_accuracy",
    "counted",
    "histogram_bins",
    "iou",
    "mean_class_accuracy",
    "mean_iou",
    "per_image",
    "pixel_accuracy",
    "resampled",
    "score",
    "scores",
    "two_class_scores",
]
