"""Spread over seeds and images, tests between networks, and the verdict on a reported number."""

from repro.statistics.decision import FEWEST_SEEDS, Verdict, printed_interval, verdict
from repro.statistics.seeds import Comparison, compare, describe, holm, permutation_p, smallest_p, t_interval
from repro.statistics.units import FEWEST_UNITS, Spread, spread_over_units

CAPTION = "Intervals and tests over seeds are about the method; those over images are about these weights."

__all__ = [
    "CAPTION",
    "FEWEST_SEEDS",
    "FEWEST_UNITS",
    "Comparison",
    "Spread",
    "Verdict",
    "compare",
    "describe",
    "holm",
    "permutation_p",
    "printed_interval",
    "smallest_p",
    "spread_over_units",
    "t_interval",
    "verdict",
]
