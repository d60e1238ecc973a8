"""Which shares of foreground pooled scores allow: exact linear arithmetic over all possible counts.

With x, y and p the shares of true positives, false positives and labelled foreground among all pixels, every score of
two classes is a quotient of two linear forms in (x, y, p), so a rounding interval is two linear inequalities. The
shares p for which some x and y satisfy all of them are an interval; x and y are eliminated one after the other.
"""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from itertools import combinations
from math import gcd

Interval = tuple[Fraction, Fraction]
_Form = tuple[int, int, int, int]  # coefficients of x, y, p and 1; a constraint says that the form is >= 0

_QUOTIENTS: dict[str, tuple[_Form, _Form]] = {  # numerator, denominator
    "accuracy": ((1, -1, -1, 1), (0, 0, 0, 1)),
    "sensitivity": ((1, 0, 0, 0), (0, 0, 1, 0)),
    "specificity": ((0, -1, -1, 1), (0, 0, -1, 1)),
    "precision": ((1, 0, 0, 0), (1, 1, 0, 0)),
    "jaccard": ((1, 0, 0, 0), (0, 1, 1, 0)),
    "dice": ((2, 0, 0, 0), (1, 1, 1, 0)),
}
TWO_CLASS = tuple(_QUOTIENTS)
_COUNTS: tuple[_Form, ...] = ((1, 0, 0, 0), (0, 1, 0, 0), (-1, 0, 1, 0), (0, -1, -1, 1))  # 0 <= x <= p, 0 <= y <= 1 - p
_UNDEFINED_WITHOUT_FOREGROUND = ("sensitivity", "precision", "jaccard", "dice")


def share_interval(scores: Mapping[str, Interval]) -> tuple[Fraction, Fraction] | None:
    """Return the shares of foreground for which some pooled counts give all these scores; None if there is none.

    Counts are taken as real numbers, so that no possible table is refused. A score that is 0 / 0 is left free: papers
    differ on it.

    Args:
        scores: by name of `TWO_CLASS`, the interval of what rounds to the printed number, fractions of 1.
    """
    constraints = {_integers(form) for form in _COUNTS}
    for name, (low, high) in scores.items():
        numerator, denominator = _QUOTIENTS[name]
        constraints.add(_integers(n - low * d for n, d in zip(numerator, denominator)))
        constraints.add(_integers(high * d - n for n, d in zip(numerator, denominator)))
    shares = _solve(_eliminate(_eliminate(constraints, 0), 1))
    if shares is None or (shares[1] == 0 and not _by_convention(scores, _UNDEFINED_WITHOUT_FOREGROUND)):
        return None
    return None if shares[0] == 1 and not _by_convention(scores, ("specificity",)) else shares


def _by_convention(scores: Mapping[str, Interval], undefined: Iterable[str]) -> bool:
    """Return whether scores that are 0 / 0, or 0, on such images may be printed so: as 0 or as 1."""
    printed = (scores[name] for name in undefined if name in scores)
    return all(low <= 0 <= high or low <= 1 <= high for low, high in printed)


def smallest_conflict(scores: Mapping[str, Interval]) -> tuple[str, ...]:
    """Return the fewest of these scores that no counts give together; () where all of them go together."""
    for size in range(1, len(scores) + 1):
        for names in combinations(scores, size):
            if share_interval({name: scores[name] for name in names}) is None:
                return names
    return ()


def _integers(form: Iterable[Fraction | int]) -> _Form:
    """Return the form times a positive number that makes it whole and as small as possible."""
    numbers = [Fraction(number) for number in form]
    scale = 1
    for number in numbers:
        scale = scale * number.denominator // gcd(scale, number.denominator)
    whole = [int(number * scale) for number in numbers]
    return tuple(number // (gcd(*whole) or 1) for number in whole)


def _eliminate(constraints: set[_Form], i: int) -> set[_Form]:
    """Return what the constraints say of the other variables (Fourier 1827, Motzkin 1936)."""
    kept = {form for form in constraints if form[i] == 0}
    upper = [form for form in constraints if form[i] < 0]
    for low in (form for form in constraints if form[i] > 0):
        kept |= {_integers(-high[i] * a + low[i] * b for a, b in zip(low, high)) for high in upper}
    return kept


def _solve(constraints: set[_Form]) -> tuple[Fraction, Fraction] | None:
    """Return the interval of p in [0, 1] that satisfies a p + b >= 0 for all, or None."""
    low, high = Fraction(0), Fraction(1)
    for _, _, slope, constant in constraints:
        if slope == 0 and constant < 0:
            return None
        if slope > 0:
            low = max(low, Fraction(-constant, slope))
        if slope < 0:
            high = min(high, Fraction(-constant, slope))
    return (low, high) if low <= high else None
