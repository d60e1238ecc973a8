"""What the reader of somebody's table knows of the data behind it, and so what its rows may mean."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from repro.audit.known import Counts, known_set
from repro.audit.readings import AGGREGATIONS, POOLED, Reading, any_share, of_counts, of_set, within
from repro.statistics import printed_interval


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What the reader of a table knows: the data set, or its counts, and how scores were taken; None is unknown.

    Attributes:
        data: a key of KNOWN_SETS.
        region: "whole" or "field_of_view".
        split: a split's name in that set.
        resized: whether labels may have been resized.
        counts: of each image, or of all together (then only pooled scores are bound by them).
        prevalence: "0.0876", or "0.07-0.10" for the range of single images.
        aggregation: "pooled" or "mean"; None tests both.
        unit: "percent" or "fraction" of every column; None decides by column.
        rows_are_sets: whether every row was scored on another set of images.
    """

    data: str | None = None
    region: str | None = None
    split: str | None = None
    resized: bool = False
    counts: Counts | None = None
    prevalence: str | None = None
    aggregation: str | None = None
    unit: str | None = None
    rows_are_sets: bool = False

    @property
    def aggregations(self) -> tuple[str, ...]:
        return {None: AGGREGATIONS, "pooled": AGGREGATIONS[:1], "mean": AGGREGATIONS[1:]}[self.aggregation]

    def under(self, titles: Sequence[str]) -> "Asked":
        """Return what is asked of a table with these titles: each stands for itself where one names the set asked for.

        Columns headed HRF beside others headed DRIVE are not DRIVE's because somebody said `--set drive`.
        """
        sets = {known_set(title) for title in titles if title}
        return replace(self, data=None) if self.data in sets and len(sets) > 1 else self

    def set_of(self, title: str) -> str | None:
        """Return the counted data set behind rows, by request or by their heading, unless counts were given."""
        given = self.counts is not None or self.prevalence is not None
        return None if given else self.data or known_set(title)

    def readings(self, title: str) -> tuple[Reading, ...]:
        """Return what rows under a heading may mean: by counts, prevalence or data set, else any share of foreground.

        Raises:
            ValueError: the data set has no such region or split, or the prevalence is no share.
        """
        pooled = [one for one in self.aggregations if one == POOLED]
        unbound = any_share([one for one in self.aggregations if one != POOLED])
        if self.counts is not None and len(self.counts.positives) > 1:
            return of_counts(self.counts, resized=self.resized, aggregations=self.aggregations)
        if self.counts is not None:
            return (*of_counts(self.counts, resized=self.resized, aggregations=pooled), *unbound)
        if self.prevalence is not None and "-" in self.prevalence:
            return within(*_range(self.prevalence), self.aggregations)
        if self.prevalence is not None:
            return (*within(*_range(self.prevalence), pooled), *unbound)
        return self._of_set(title, resized=self.resized) or any_share(self.aggregations)

    def resized_readings(self, title: str) -> tuple[Reading, ...]:
        """Return the readings with labels resized, where they were not asked for and the labels are counted."""
        return () if self.resized else self._of_set(title, resized=True)

    def check(self, titles: Sequence[str]) -> None:
        """Raise ValueError where something was asked that can have no effect on rows under these headings."""
        known = any(self.set_of(title) for title in titles)
        if (self.region or self.split) and not known:
            raise ValueError("--region and --split need a counted data set; give --set, or name it over the columns")
        if self.resized and not known and self.counts is None:
            raise ValueError("--resized needs counted labels; give --set or --counts, or a range as --prevalence")

    def _of_set(self, title: str, *, resized: bool) -> tuple[Reading, ...]:
        name = self.set_of(title)
        if name is None:
            return ()
        return of_set(name, region=self.region, split=self.split, resized=resized, aggregations=self.aggregations)


def read_counts(path: Path) -> Counts:
    """Return the counts of a CSV with the columns positives and negatives (pixels), one row an image.

    Raises:
        ValueError: no such file or columns, or a count is no whole number.
    """
    try:
        reader = csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines(), strict=True)
        rows = list(reader)
        if len({*reader.fieldnames}) < len(reader.fieldnames) or any(None in {*row, *row.values()} for row in rows):
            raise ValueError("a cell too many or too few, or a column twice")
        counts = [(int(row["positives"]), int(row["negatives"])) for row in rows]
    except (OSError, UnicodeDecodeError):
        raise ValueError(f"{path}: cannot be read; expected a CSV with the columns positives and negatives") from None
    except (KeyError, TypeError, ValueError, csv.Error):
        raise ValueError(f"{path}: expected a CSV with whole numbers in the columns positives and negatives") from None
    return counts_of(counts)


def counts_of(counts: Sequence[tuple[int, int]]) -> Counts:
    """Return counts of (foreground, background) pixels, one pair an image.

    Raises:
        ValueError: there is none, or a pair is negative or empty.
    """
    if not counts:
        raise ValueError("no image with counts; expected at least one, with its pixels in columns positives, negatives")
    for number, pair in enumerate(counts, 1):
        if min(pair) < 0 or sum(pair) == 0:
            found = f"{pair[0]} foreground and {pair[1]} background pixels"
            raise ValueError(
                f"image {number} of the counts: {found}; expected at least one pixel in all, none negative"
            )
    positives, negatives = zip(*counts)
    return Counts(split="as counted", positives=positives, pixels=tuple(map(sum, zip(positives, negatives))))


def _range(text: str) -> tuple[Fraction, Fraction]:
    """Return the ends of "0.07-0.10", or what rounds to "0.0876"."""
    low, dash, high = text.partition("-")
    try:
        share = (Fraction(low), Fraction(high)) if dash else printed_interval(low, "fraction")
    except (ValueError, ZeroDivisionError):
        raise ValueError(f"--prevalence {text}: expected a fraction such as 0.0876, or a range, 0.07-0.10") from None
    if not 0 <= share[0] <= share[1] <= 1 or share[1] == 0:
        raise ValueError(f"--prevalence {text}: expected fractions in (0, 1), the lower first")
    return share
