"""A freshly trained demo against its lock: data exactly, numbers within what processors differ by."""

from dataclasses import dataclass

import numpy as np

from repro import plan, records
from repro.compare import Comparison, compare
from repro.papers.spec import Suite
from repro.records import Folder, Record


@dataclass(frozen=True)
class Tolerance:
    """How far a trained demo may lie from the lock.

    Attributes:
        train_loss: of any point of a training curve.
        points: of any cell's mean, in points of a printed per cent; None compares none.
    """

    train_loss: float
    points: float | None


# Three times the largest spread between processors, by paper; docs/demo-tolerance.md has the measurement. Paper
# 2's networks, 80 steps old, sit where a last digit decides what passes the threshold: their scores move by tens of
# points between processors, so that their losses and data are compared, and their scores are not.
TOLERANCES = {
    "paper1": Tolerance(train_loss=0.10, points=15.0),
    "paper2": Tolerance(train_loss=0.58, points=None),
}


def demo_differences(suite: Suite, locked: Folder, trained: Folder) -> list[str]:
    """Return what lies outside the tolerance of the lock, a sentence each: cells, curves, and any other data."""
    found = []
    for id in plan.tables_of(suite):
        table = plan.exhibit(id)
        points = TOLERANCES[plan.paper_of(id).id].points
        if points is not None:
            found += table_differences(compare(table, suite, locked), compare(table, suite, trained), points)
    for job in plan.plan(suite):
        tolerance = TOLERANCES[plan.paper_of(job.cells[0].partition("/")[0]).id]
        for record in records.find(locked.records, job.run.id):
            for mine in records.find(trained.records, job.run.id):
                found += data_differences(record, mine) + curve_differences(record, mine, tolerance)
    return found


def data_differences(locked: Record, trained: Record) -> list[str]:
    """Return what differs between the images and labels that two runs saw; these are the same on every processor."""
    for name in ("train", "selection", "report"):
        one, other = (record.data["lists"][name] for record in (locked, trained))
        if one["sha256"] != other["sha256"]:
            return [f"run {locked.id}: other files in its {name} list than locked"]
    one, other = ((record.data["training"] or {}).get("label_pixels") for record in (locked, trained))
    if one != other:
        return [f"run {locked.id}: training labels of {other} pixels a class, locked {one}"]
    mine = trained.evidence()
    for name, evidence in locked.evidence().items():
        if name not in mine or not np.array_equal(evidence.labelled, mine[name].labelled):
            return [f"run {locked.id}: {name} counts other labels than locked"]
    return []


def table_differences(locked: Comparison, trained: Comparison, points: float) -> list[str]:
    """Return the cells whose measured means lie further apart than `points`, or are defined on one side only.

    A cell that was not run at all on one side is left to the missing runs.
    """
    found = []
    for expected, row in zip(locked.rows, trained.rows):
        for one, other in zip(expected, row):
            if one.kind and other.kind and not _close(one.mean, other.mean, points / 100):
                found.append(
                    f"{locked.table.id}/{one.row.name}, {one.column.name}: {_percent(other.mean)}, "
                    f"locked {_percent(one.mean)}, tolerated {points} points"
                )
    return found


def _percent(mean: float | None) -> str:
    return "undefined" if mean is None else f"{100 * mean:.2f} %"


def _close(one: float | None, other: float | None, tolerance: float) -> bool:
    """Whether two numbers are within the tolerance of each other, or both undefined."""
    if one is None or other is None:
        return one is other
    return abs(one - other) <= tolerance  # NaN is close to nothing


def curve_differences(locked: Record, trained: Record, tolerance: Tolerance) -> list[str]:
    """Return the first point at which two training curves of one run lie further apart than tolerated."""
    one, other = locked.curve(), trained.curve()
    if [point["step"] for point in one] != [point["step"] for point in other]:
        return [f"run {locked.id}: the curve has other steps than the locked one"]
    for expected, point in zip(one, other):
        loss, locked_loss = point["train_loss"], expected["train_loss"]
        if not _close(locked_loss, loss, tolerance.train_loss):
            return [f"run {locked.id}: train_loss {loss} at step {point['step']:.0f}, locked {locked_loss}"]
    return []
