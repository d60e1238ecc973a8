"""A second opinion: mlscorecheck on the readings it offers (pip install 'repro-segmentation[audit]')."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from repro.audit.group import Group, PrintedRow
from repro.audit.known import Counts
from repro.audit.readings import POOLED, Reading
from repro.audit.rows import possible

_NAMES = {
    "accuracy": "acc",
    "sensitivity": "sens",
    "specificity": "spec",
    "precision": "ppv",
    "jaccard": "ji",
    "dice": "f1p",
}
_MEANS = ("accuracy", "sensitivity", "specificity")  # of these it can test means over images
_MOST_PIXELS = 10_000_000  # more take minutes; counts are scaled down to this many


@dataclass(frozen=True, kw_only=True)
class Opinion:
    """What both say of one row under one reading: whether it is possible."""

    place: str
    reading: str
    ours: bool
    theirs: bool


def cross_check(groups: Sequence[Group]) -> list[Opinion]:
    """Return both opinions on every row and every reading whose images have been counted.

    Raises:
        ValueError: mlscorecheck is not installed.
    """
    opinions = []
    for group in groups:
        for row in group.rows:
            ours = possible(row, group.readings)
            for reading in group.readings:
                if reading.counts is not None and (scores := _scores(row, reading)):
                    place = f"{group.heading}, row {row.name}"
                    theirs = _possible(scores, row, reading)
                    opinions.append(Opinion(place=place, reading=reading.name, ours=reading in ours, theirs=theirs))
    return opinions


def in_words(opinions: Sequence[Opinion]) -> str:
    """Return how often both agree, and where they do not."""
    if not opinions:
        return "mlscorecheck: no row with counted images to ask about; give --set or --counts."
    apart = [one for one in opinions if one.ours != one.theirs]
    lines = [f"mlscorecheck agrees on {len(opinions) - len(apart)} of {len(opinions)} rows and readings it offers."]
    for one in apart:
        ours, theirs = ("possible" if word else "inconsistent" for word in (one.ours, one.theirs))
        lines.append(f"  {one.place}, {one.reading}: {ours} here, {theirs} there")
    return "\n".join(lines)


def _scores(row: PrintedRow, reading: Reading) -> tuple[str, ...]:
    """Return the metrics that mlscorecheck takes under a reading; () where it cannot test the whole row."""
    roundings = {high - low for low, high in row.intervals.values()}
    testable = set(row.scores) <= set(_MEANS) and len(roundings) == 1  # of means it takes one rounding for all
    return tuple(row.scores) if reading.aggregation == POOLED or testable else ()


def _possible(metrics: Sequence[str], row: PrintedRow, reading: Reading) -> bool:
    """Return whether mlscorecheck finds counts for the row."""
    try:
        from mlscorecheck.check.binary import check_1_testset_no_kfold, check_n_testsets_mos_no_kfold
    except ImportError:
        raise ValueError("--cross-check needs mlscorecheck; install it with pip install mlscorecheck==1.0.3") from None
    logging.getLogger("mlscorecheck").setLevel(logging.ERROR)
    scores = {_NAMES[metric]: float(row.scores[metric].value) for metric in metrics}
    eps = {_NAMES[metric]: float(row.intervals[metric][1] - row.scores[metric].value) for metric in metrics}
    counts = reading.counts
    if reading.aggregation == POOLED:
        found = check_1_testset_no_kfold(testset=_pooled(counts), scores=scores, eps=eps)
    else:
        testsets = [{"p": p, "n": n - p} for p, n in zip(counts.positives, counts.pixels)]
        found = check_n_testsets_mos_no_kfold(testsets=testsets, scores=scores, eps=max(eps.values()), verbosity=0)
    return not found["inconsistency"]


def _pooled(counts: Counts) -> dict[str, int]:
    positives, pixels = sum(counts.positives), sum(counts.pixels)
    scale = max(1, pixels / _MOST_PIXELS)
    return {"p": round(positives / scale), "n": round((pixels - positives) / scale)}
