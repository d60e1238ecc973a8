"""Printed rows as the audit takes them: the scores of one data set, with the readings they may have."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from repro.audit.pooled import Interval
from repro.audit.readings import Reading
from repro.statistics import printed_interval

SHORT = {
    "accuracy": "Acc",
    "sensitivity": "Sen",
    "specificity": "Sp",
    "precision": "precision",
    "jaccard": "JA",
    "dice": "DI",
}


@dataclass(frozen=True, kw_only=True)
class Printed:
    """One printed number: the string, its unit ("percent" or "fraction"), and the address of its cell."""

    text: str
    unit: str
    cell: str = ""

    @property
    def value(self) -> Fraction:
        """The number as a fraction of 1."""
        low, high = self.interval
        return (low + high) / 2

    @property
    def digits(self) -> int:
        """How many decimals it has as a fraction."""
        return len(self.text.partition(".")[2]) + (2 if self.unit == "percent" else 0)

    @property
    def interval(self) -> Interval:
        """What rounds to it, both ends included."""
        return printed_interval(self.text, self.unit)


@dataclass(frozen=True, kw_only=True)
class PrintedRow:
    """One row: its name and its scores by metric ("accuracy", ..., see `SHORT`)."""

    name: str
    scores: Mapping[str, Printed]

    @property
    def intervals(self) -> dict[str, Interval]:
        return {metric: printed.interval for metric, printed in self.scores.items()}

    @property
    def digits(self) -> int:
        """How many decimals, as fractions, the finest of the numbers has; at least three."""
        return max(3, *(printed.digits for printed in self.scores.values()))

    @property
    def cells(self) -> tuple[str, ...]:
        return tuple(printed.cell for printed in self.scores.values() if printed.cell)


@dataclass(frozen=True, kw_only=True)
class Group:
    """The rows of one table on one data set.

    Attributes:
        place: where they stand, "Table 3".
        title: the data set as printed, or "".
        rows: with the two-class scores printed for them.
        readings: what the rows may mean.
        truth: the true shares of foreground in words, or "" where they are unknown.
        resized: the same readings with labels resized, where that is not asked for; only to explain.
        both_classes: whether IoU, F1 or precision may be printed for its mean over foreground and background.
        published_hits: the lowest and highest share of true positives that other published rows on this data imply.
    """

    place: str
    title: str
    rows: tuple[PrintedRow, ...]
    readings: tuple[Reading, ...]
    truth: str = ""
    resized: tuple[Reading, ...] = ()
    both_classes: bool = False
    published_hits: tuple[Fraction, Fraction] | None = None

    @property
    def heading(self) -> str:
        return ", ".join(part for part in (self.place, self.title) if part)


def true_shares(readings: Sequence[Reading]) -> str:
    """Return in words the true shares of foreground behind the readings; "" where any share is possible."""
    regions: dict[str, dict[str, str]] = {}
    for reading in readings:
        if reading.split:
            low, high = reading.images.lowest, reading.images.highest
            images = f" ({low:.3f} to {high:.3f} by image)" if low < high else ""
            share = f"{float(sum(reading.share)) / 2:.4f}".removesuffix("0")
            regions.setdefault(reading.region, {})[reading.split] = f"{reading.split} {share}{images}"
    return "; ".join(f"{region} {', '.join(shares.values())}".strip() for region, shares in regions.items())
