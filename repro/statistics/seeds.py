"""Spread over seeds of one network, and exact tests between two networks."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from math import comb, sqrt

import numpy as np

LEVEL = 0.95  # of every interval; 1 - LEVEL is the size of every test
SPLITS = 200_000  # the permutation test is exact up to this many splits: 10 + 10 seeds have 184 756


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """How one network stands to another over seeds: above, below, tie or n too small, with what that rests
    on.

    Attributes:
        word: "above" or "below" where the adjusted p is at most 0.05, else "tie"; "n too small" where no
            outcome of so few seeds in a table of so many comparisons could have been at most 0.05.
        difference: mean of the first network's scores minus the second's, a fraction.
        n: seeds, or turns of a clock, of the first and of the second network.
        p: two-sided p of the permutation test, or of the t test beside a system without seeds.
        adjusted: the same after Holm's correction over the table.
        smallest: the smallest adjusted p that was possible.
    """

    word: str
    difference: float
    n: tuple[int, int]
    p: float
    adjusted: float
    smallest: float

    def __str__(self) -> str:
        if self.word == "n too small":
            return f"n too small (n = {self.n[0]} and {self.n[1]}: no p under {self.smallest:.3f} possible)"
        return f"{self.word} (p = {self.adjusted:.3f}, n = {self.n[0]} and {self.n[1]})"


def describe(scores: Sequence[float], *, unit: str = "percent", digits: int = 1) -> str:
    """Return mean, standard deviation (divisor n - 1) and n as printed: `75.1 ± 0.4 (n = 3)`; one score has
    no ±.

    Args:
        scores: fractions, one a seed, all of one machine kind.
        unit: "percent" or "fraction".
        digits: after the point.
    """
    values = np.asarray(_finite(scores)) * (100 if unit == "percent" else 1)
    spread = f" ± {values.std(ddof=1):.{digits}f}" if len(values) > 1 else ""
    return f"{values.mean():.{digits}f}{spread} (n = {len(values)})"


def t_interval(scores: Sequence[float]) -> tuple[float, float] | None:
    """Return the 95 % interval of the mean over seeds, for bars and verdicts; None for fewer than two seeds.

    Mean ± t(0.975, n - 1) sd / sqrt(n): where the mean of ever more seeds would lie, not where the next seed
    will.

    Args:
        scores: fractions, one a seed. Seeds are independent runs; images of one run are not.

    Raises:
        ValueError: a score is NaN.

    Source: Student 1908, "The probable error of a mean".
    """
    values = np.asarray(_finite(scores))
    if len(values) < 2:
        return None
    half = _quantile(len(values) - 1) * values.std(ddof=1) / sqrt(len(values))
    return float(values.mean() - half), float(values.mean() + half)


def permutation_p(first: Sequence[float], second: Sequence[float]) -> float:
    """Return the two-sided p of the exact two-sample permutation test of equal means.

    The share of all splits of the n + m scores into n and m whose difference of means is as far out as the
    one found, on the smaller side, doubled. Seeds of different networks are no pairs. Beyond 200 000 splits
    (more than 10 + 10 seeds) as many random ones, from a fixed seed.

    Raises:
        ValueError: a score is NaN, or a network has fewer than two.

    Source: Pitman 1937; `scipy.stats.permutation_test` with independent samples.
    """
    from scipy.stats import permutation_test

    first, second = _finite(first), _finite(second)
    if min(len(first), len(second)) < 2:
        raise ValueError(f"permutation test: {len(first)} and {len(second)} scores, expected at least 2 of each")
    found = permutation_test(
        (first, second),
        lambda a, b, axis: np.mean(a, axis=axis) - np.mean(b, axis=axis),
        vectorized=True,
        n_resamples=SPLITS,
        batch=10_000,
        rng=np.random.default_rng(0),
    )
    return float(found.pvalue)


def smallest_p(n: int, m: int) -> float:
    """Return the smallest two-sided p that n and m seeds can give: 3 + 3 .10, 4 + 4 .029, 5 + 5 .008, 6 + 6
    .002."""
    return min(1.0, 2 / min(comb(n + m, n), SPLITS + 1))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return the adjusted p of each test of a family, so that any false finding has a probability of at most
    5 %.

    The k p-values in rising order are multiplied by k, k - 1, ..., 1; none may be under the one before it, or
    over 1.

    Source: Holm 1979, "A simple sequentially rejective multiple test procedure".
    """
    adjusted, floor = [0.0] * len(p_values), 0.0
    for rank, i in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        floor = max(floor, min(1.0, (len(p_values) - rank) * p_values[i]))
        adjusted[i] = floor
    return adjusted


def t_p(scores: Sequence[float], value: float) -> float:
    """Return the two-sided p of the one-sample t test that the mean over seeds is `value`; 0 or 1 without a spread.

    Source: Student 1908, "The probable error of a mean".
    """
    from scipy.special import stdtr  # scipy.stats would cost 0.65 s to import

    values = np.asarray(_finite(scores))
    error, distance = values.std(ddof=1) / sqrt(len(values)), abs(values.mean() - value)
    if error == 0:
        return float(distance == 0)
    return float(2 * stdtr(len(values) - 1, -distance / error))


def compare(
    pairs: Sequence[tuple[Sequence[float], Sequence[float]]], *, fixed: Collection[int] = ()
) -> list[Comparison]:
    """Return how the first network of each pair stands to the second; all pairs of a table are one family for
    Holm.

    A pair in which a network has fewer than two seeds is "n too small" and does not count in the family. One of a
    system without seeds has the p of the one-sample t test, and needs three seeds of the other.

    Args:
        pairs: scores over seeds of two networks each, fractions.
        fixed: the places of pairs in which one side is the single value of a system without seeds.
    """
    usable = [i for i, pair in enumerate(pairs) if (max(map(len, pair)) > 2 if i in fixed else min(map(len, pair)) > 1)]
    p_values = [_fixed_p(*pairs[i]) if i in fixed else permutation_p(*pairs[i]) for i in usable]
    limits = [0.0 if i in fixed else smallest_p(*map(len, pairs[i])) for i in usable]
    tests = dict(zip(usable, zip(p_values, holm(p_values), holm(limits))))
    return [_comparison(*pair, *tests.get(i, (1.0, 1.0, 1.0))) for i, pair in enumerate(pairs)]


def _fixed_p(first: Sequence[float], second: Sequence[float]) -> float:
    one, seeds = sorted((first, second), key=len)
    return t_p(seeds, one[0])


def _comparison(
    first: Sequence[float], second: Sequence[float], p: float, adjusted: float, smallest: float
) -> Comparison:
    difference = float(np.mean(first) - np.mean(second)) if len(first) and len(second) else float("nan")
    if smallest > 1 - LEVEL:
        word = "n too small"
    elif adjusted > 1 - LEVEL:
        word = "tie"
    else:
        word = "above" if difference > 0 else "below"
    n = (len(first), len(second))
    return Comparison(word=word, difference=difference, n=n, p=p, adjusted=adjusted, smallest=smallest)


@cache
def _quantile(degrees: int) -> float:
    """Return Student's t at the upper end of the interval."""
    from scipy.special import stdtrit  # scipy.stats would cost 0.65 s to import

    return float(stdtrit(degrees, (1 + LEVEL) / 2))


def _finite(scores: Sequence[float]) -> list[float]:
    values = [float(score) for score in scores]
    if not np.isfinite(values).all():
        raise ValueError(f"{values}: a score is not a number; leave undefined scores out and say how many")
    return values
