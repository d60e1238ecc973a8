"""Gains of one system over another, in Jaccard and in Dice: what the two together say of the scores themselves."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import sqrt

from repro.audit.finding import IF_POOLED, Finding, decimals, interval
from repro.audit.group import Printed


@dataclass(frozen=True, kw_only=True)
class Gain:
    """Printed gains of `row` over `other` in Jaccard and in Dice, and the lowest Jaccard published on that data."""

    row: str
    other: str
    jaccard: Printed
    dice: Printed
    lowest: Fraction | None


def check_gains(gains: Sequence[Gain], place: str) -> list[Finding]:
    """Return the gains that pooled counts give only at scores below any published ones, or at none."""
    return [finding for gain in gains if (finding := _check(gain, place))]


def implied_jaccard(jaccard_gain: tuple[float, float], dice_gain: tuple[float, float]) -> tuple[float, float]:
    """Return the interval of the lower Jaccard at which pooled counts turn one gain into the other.

    dDI = 2 dJA / ((1 + J1)(1 + J2)) with J2 = J1 + dJA, from DI = 2 JA / (1 + JA); it falls as J1 rises.
    """
    return _lower(jaccard_gain[0], dice_gain[1]), _lower(jaccard_gain[1], dice_gain[0])


def _lower(jaccard: float, dice: float) -> float:
    """Return J1 for exact gains: (1 + J1)(1 + J1 + dJA) = 2 dJA / dDI."""
    return (sqrt(jaccard**2 + 8 * jaccard / dice) - jaccard) / 2 - 1


def _check(gain: Gain, place: str) -> Finding | None:
    jaccard, dice = (tuple(map(float, printed.interval)) for printed in (gain.jaccard, gain.dice))
    if jaccard[0] <= 0 or dice[0] <= 0:
        return None
    low, high = implied_jaccard(jaccard, dice)
    lowest = float(gain.lowest) if gain.lowest is not None else 0.0
    if high >= lowest:
        return None
    middle = _lower(float(gain.jaccard.value), float(gain.dice.value))
    ratio = float(gain.dice.value / gain.jaccard.value)
    usual = 2 * float(gain.jaccard.value) / ((1 + lowest) * (1 + lowest + float(gain.jaccard.value)))
    relative = "; read as relative gains, pooled DI never gains more than JA" if dice[0] > jaccard[1] else ""
    where = f"{gain.row} over {gain.other}"
    return Finding(
        check="gains in Jaccard and Dice",
        place=f"{place}, {where}",
        word=IF_POOLED,
        under="mean over images",
        inputs={"gain in JA": decimals(gain.jaccard.value), "gain in DI": decimals(gain.dice.value)},
        inequalities=(
            f"pooled, dDI/dJA = 2/((1 + J1)(1 + J2)) = {ratio:.1f} needs JA = {decimals(middle)} "
            f"{interval((low, high))}; at JA {decimals(lowest)}, the lowest published on this data, the gain in DI is "
            f"{decimals(usual)}{relative}",
        ),
        explanation="Scores averaged over images would explain it, where the systems fail on different images.",
        sentence=f"The gains of {where} ({decimals(gain.jaccard.value)} in JA, {decimals(gain.dice.value)} in DI) "
        f"agree only at a JA of {decimals(middle)} if counts were pooled: please state how the scores were averaged.",
        cells=tuple(printed.cell for printed in (gain.jaccard, gain.dice) if printed.cell),
    )
