"""The verdict on one reported number."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from repro.statistics.seeds import t_interval

FEWEST_SEEDS = 3
_SCALE = {"percent": 100, "fraction": 1}


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """A word on one reported number, with what it rests on.

    Attributes:
        word: "reproduced", "below", "above", "undecided", "other data", "other protocol", "not run", "not
            built" or "not stated".
        n: seeds measured.
        interval: 95 % interval over seeds, fractions; None under two seeds or without them.
        target: the printed digit's interval widened by the tolerance, fractions; None where nothing is
            stated.
        differences: what is not as the paper states it, for "other protocol".
    """

    word: str
    n: int = 0
    interval: tuple[float, float] | None = None
    target: tuple[float, float] | None = None
    differences: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"undecided (n = {self.n})" if self.word == "undecided" else self.word


def printed_interval(printed: str, unit: str = "fraction") -> tuple[Fraction, Fraction]:
    """Return what may have been rounded to a printed number, both ends included, as exact fractions of 1.

    "76.5" in percent means 76.45 to 76.55, so 0.7645 to 0.7655; "76.50" means 76.495 to 76.505. Both ends,
    because papers round halves up, down or to even.

    Raises:
        ValueError: not a plain decimal number, or no such unit.
    """
    text = printed.strip()
    whole, _, decimals = text.removeprefix("-").partition(".")
    if not (whole + decimals).isdecimal() or not (whole + decimals).isascii():
        raise ValueError(f"{printed!r} is not a printed number; expected digits such as 76.5")
    if unit not in _SCALE:
        raise ValueError(f"{unit!r} is not a unit; expected percent or fraction")
    half = Fraction(1, 2 * 10 ** len(decimals))
    return (Fraction(text) - half) / _SCALE[unit], (Fraction(text) + half) / _SCALE[unit]


def verdict(
    reported: str | None,
    unit: str,
    tolerance: str,
    scores: Sequence[float],
    *,
    built: bool = True,
    own_data: bool = True,
    differences: Sequence[str] = (),
) -> Verdict:
    """Return the verdict on one cell: the first of these rules that applies.

    1. "not built": there is no network for the row.
    2. "not stated": the paper prints no number.
    3. "not run": nothing was measured.
    4. "other data": what was measured is not the paper's own data set.
    5. "other protocol": something the paper states was done otherwise. What it does not state is no difference.
    6. "undecided": fewer than three seeds.
    7. With [a, b] the 95 % t interval over seeds and [low, high] the interval of what rounds to the printed number,
       widened by the tolerance on both sides: "reproduced" where low <= a and b <= high, "below" where b < low,
       "above" where a > high, else "undecided". Better than reported is a mismatch too.

    Args:
        reported: the printed string, in the column's unit; its last digit gives the rounding interval.
        unit: "percent" or "fraction", of `reported` and `tolerance`.
        tolerance: in the column's unit, declared before any run.
        scores: fractions, one a seed, all of one machine kind.
        built: whether the row has a network.
        own_data: whether the scores are on the paper's own data.
        differences: what was done otherwise than the paper states, one phrase each.

    Raises:
        ValueError: `reported` or `tolerance` is not a number, a score is NaN.
    """
    target = _target(reported, unit, tolerance) if reported is not None else None
    interval = t_interval(scores)
    word = _word(target, interval, len(scores), built=built, own_data=own_data, protocol=not differences)
    return Verdict(
        word=word,
        n=len(scores),
        interval=interval,
        target=target and (float(target[0]), float(target[1])),
        differences=tuple(differences),
    )


def _word(
    target: tuple[Fraction, Fraction] | None,
    interval: tuple[float, float] | None,
    n: int,
    *,
    built: bool,
    own_data: bool,
    protocol: bool,
) -> str:
    """Return the word of the first rule that applies."""
    obstacles = {
        "not built": not built,
        "not stated": target is None,
        "not run": n == 0,
        "other data": not own_data,
        "other protocol": not protocol,
        "undecided": n < FEWEST_SEEDS,
    }
    return next((word for word, applies in obstacles.items() if applies), "") or _position(*interval, *target)


def _position(low: float, high: float, target_low: Fraction, target_high: Fraction) -> str:
    """Return where the interval lies; scores a billionth beyond an end count as on it (they are sums of
    floats)."""
    slack = Fraction(1, 10**9)
    if target_low - slack <= low and high <= target_high + slack:
        return "reproduced"
    if high < target_low - slack:
        return "below"
    return "above" if low > target_high + slack else "undecided"


def _target(reported: str, unit: str, tolerance: str) -> tuple[Fraction, Fraction]:
    low, high = printed_interval(reported, unit)
    margin = Fraction(tolerance) / _SCALE[unit]
    if margin < 0:
        raise ValueError(f"tolerance {tolerance!r} is negative; it widens the printed digit's interval on both sides")
    return low - margin, high + margin
