"""What stands behind a score: the IoU of each class, and which class each class's pixels were taken for."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from repro.compare import Comparison, Finding
from repro.records import Record
from repro.table.grid import Entry, Grid, above_of, rules_of, title_of


@dataclass(frozen=True)
class Matrix:
    """The counts of one system on one data set, added up over its seeds.

    Attributes:
        row, data: which.
        classes: names, in the order of the counts.
        counts: (C, C) int64 pixels, row = label, column = prediction.
        n: seeds.
    """

    row: str
    data: str
    classes: tuple[str, ...]
    counts: np.ndarray
    n: int

    @property
    def shares(self) -> np.ndarray:
        """(C, C) the share of each label's pixels, 0 to 1; NaN for a class that is not labelled."""
        labelled = self.counts.sum(1, keepdims=True)
        return np.divide(self.counts, labelled, out=np.full(self.counts.shape, np.nan), where=labelled > 0)


def matrices_of(comparison: Comparison) -> list[Matrix]:
    """Return a matrix for each measured system and data set, by the evaluation of the first column of that data."""
    return [_matrix(finding) for finding in _first(comparison)]


def _first(comparison: Comparison) -> Iterator[Finding]:
    """The first measured finding of each system and data set."""
    for findings in (*comparison.rows, *comparison.externals):
        yield from {finding.column.data: finding for finding in reversed(findings) if finding.records}.values()


def _evaluation(finding: Finding, record: Record) -> str:
    column = finding.column
    weights = column.weights if record.data["training"] is not None else "last"
    return f"{weights} {column.labels} {column.region}"


def _matrix(finding: Finding) -> Matrix:
    counts = [record.evidence()[_evaluation(finding, record)].confusion for record in finding.records]
    classes = tuple(finding.records[0].data["classes"])
    return Matrix(finding.row.name, finding.stand.name, classes, np.sum(counts, axis=0), len(counts))


def classes_grid(comparison: Comparison) -> Grid:
    """Return the IoU of each class in per cent, the mean over seeds: a line a measured system and data set."""
    found = list(_first(comparison))
    names = list(dict.fromkeys(name for finding in found for name in finding.records[0].data["classes"]))
    rows = []
    for finding in found:
        means = [_mean_iou(finding, name) for name in names]
        rows.append((Entry(finding.row.name), Entry(finding.stand.name), *map(Entry, means)))
    return _grid(
        comparison, "IoU of each class", ("system", "data", *names), rows,
        "IoU in per cent, pooled over the report list, mean over seeds; –: neither labelled nor predicted.",
    )  # fmt: skip


def _mean_iou(finding: Finding, name: str) -> str:
    scores = [record.score(_evaluation(finding, record), f"iou:{name}") for record in finding.records]
    known = [score for score in scores if score == score]
    return f"{100 * sum(known) / len(known):.1f}" if known else "–"


def confusion_grid(comparison: Comparison) -> Grid:
    """Return where each class's pixels went, in per cent of the label's: a line a system, data set and label."""
    found = matrices_of(comparison)
    names = list(dict.fromkeys(name for matrix in found for name in matrix.classes))
    rows = []
    for matrix in found:
        for label, shares in zip(matrix.classes, matrix.shares):
            of_name = dict(zip(matrix.classes, shares))
            entries = [Entry(_percent(of_name.get(name, np.nan))) for name in names]
            rows.append((Entry(matrix.row), Entry(matrix.data), Entry(label), *entries))
    return _grid(
        comparison, "Confusion matrices", ("system", "data", "label", *names), rows,
        "Columns: predictions, in per cent of the label's pixels, added up over the report list and the seeds.",
    )  # fmt: skip


def _percent(share: float) -> str:
    return "–" if np.isnan(share) else f"{100 * share:.1f}"


def _grid(comparison: Comparison, what: str, headers: tuple[str, ...], rows: list, below: str) -> Grid:
    """A grid in which the first line of an own row that is not in the paper begins a part."""
    extra = {row[0].row.name for row in (*comparison.rows, *comparison.externals) if row[0].row.extra}
    first = next((place for place, row in enumerate(rows) if row[0].text in extra), 0)
    return Grid(
        id=comparison.table.id,
        title=f"{what}: {title_of(comparison)}",
        above=above_of(comparison),
        headers=headers,
        rows=tuple(rows),
        rule_before=(first,) if first and rules_of(comparison) else (),
        below=(below,) if rows else ("nothing was run",),
    )
