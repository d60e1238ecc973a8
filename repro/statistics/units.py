"""Spread over images: the bootstrap of what was sampled, which is seldom the image."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from repro.statistics.seeds import LEVEL

FEWEST_UNITS = 10  # under ten, an interval would be made of a handful of numbers: each is shown instead
RESAMPLES = 2000


@dataclass(frozen=True, kw_only=True)
class Spread:
    """Spread of one run's score over the sampled units.

    Attributes:
        interval: 95 % interval, or None under ten units.
        unit_scores: each unit's own score, by name; NaN where a unit does not define it.
        undefined: resamples without a score, left out of the interval.
    """

    interval: tuple[float, float] | None
    unit_scores: dict[str, float]
    undefined: int = 0


def spread_over_units(units: Sequence[str], statistic: Callable[[np.ndarray], np.ndarray], *, seed: int = 0) -> Spread:
    """Return the bootstrap interval of one run's score over units, or under ten units only each unit's score.

    Units (children, drives, cities, patients) are drawn with replacement and bring all their images: frames
    of one drive are no independent samples. The interval is the 2.5th to 97.5th percentile of 2000 resamples.
    It is about these weights on other images; the interval over seeds is about the method on these images.

    Args:
        units: (n,) the unit of each image.
        statistic: takes (B, n) int64, how often each of B resamples takes each image, and returns (B,)
            scores; `repro.metrics.resampled`, or the difference of two of them for two networks on the same
            images.
        seed: of the draws.

    Source: Efron and Tibshirani 1993, "An Introduction to the Bootstrap", ch. 8 (clustered data) and 13.
    """
    names, index = np.unique(np.asarray(units), return_inverse=True)
    members = (index == np.arange(len(names))[:, None]).astype(np.int64)  # (units, n)
    unit_scores = dict(zip(names.tolist(), statistic(members).tolist()))
    if len(names) < FEWEST_UNITS:
        return Spread(interval=None, unit_scores=unit_scores)
    drawn = np.random.default_rng(seed).multinomial(len(names), [1 / len(names)] * len(names), size=RESAMPLES)
    scores = statistic(drawn[:, index])
    defined = scores[~np.isnan(scores)]
    tail = (1 - LEVEL) / 2
    interval = tuple(np.quantile(defined, [tail, 1 - tail]).tolist()) if len(defined) else None
    return Spread(interval=interval, unit_scores=unit_scores, undefined=RESAMPLES - len(defined))
