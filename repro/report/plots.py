"""What the page draws: loss curves, and scores against what they cost, as JSON objects."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from repro import plan
from repro.compare import Comparison, Finding, compare
from repro.figure.curves import NAMES, Curve, auxiliary, curves_of
from repro.papers.spec import Figure, Table
from repro.records import Folder
from repro.report.tables import Exhibit
from repro.table.grid import SCALE

_POINTS = 240  # of a curve at most: a page is 700 pixels wide
_DIGITS = 5  # significant, of a loss
_GIBIBYTE = 2**30


def curves(exhibits: list[Exhibit], folder: Folder) -> list[dict]:
    """Return a plot for each table and data set that has training curves; a curve is the mean over seeds.

    A figure of curves keeps its own quantities and axis; of a table the losses over epochs are shown.
    """
    return [plot for exhibit in exhibits for plot in _plots(exhibit, folder)]


def _plots(exhibit: Exhibit, folder: Folder) -> Iterator[dict]:
    table, suite = exhibit.table, exhibit.comparison.suite
    for data, stand in plan.stands(table, suite).items():
        column = next(column for column in table.columns if column.data == data)
        comparison = compare(table, suite, folder, columns=[column])
        figure = _as_curves(table)
        found = curves_of(replace(comparison, table=figure))
        if found:
            yield {
                "id": table.id,
                "name": f"{table.id}: {table.title}, {stand.name}",
                "axis": figure.axis,
                "panels": [_panel(quantity, found) for quantity in figure.curves],
                "note": auxiliary(found),
            }


def _as_curves(table: Table) -> Figure:
    """The table as a figure of its losses."""
    if isinstance(table, Figure) and table.kind == "curves":
        return table
    fields = {**vars(table), "kind": "curves", "axis": "epoch", "curves": ("train_loss", "selection_loss")}
    return Figure(**fields)


def _panel(quantity: str, found: list[Curve]) -> dict:
    curves = [_curve(curve.shared()) for curve in found if curve.quantity == quantity]
    return {"name": NAMES[quantity], "curves": curves}


def _curve(curve: Curve) -> dict:
    kept = _kept(len(curve.position))
    drawn = {
        "row": curve.row,
        "n": curve.seeds,
        "x": [float(f"{each:g}") for each in curve.position[kept]],
        "y": _short(curve.mean[kept]),
    }
    return drawn | ({"spread": _short(curve.spread[kept])} if curve.seeds > 1 else {})


def _kept(count: int) -> np.ndarray:
    """Which points are drawn: all, or so many spread evenly with the first and the last."""
    return np.unique(np.linspace(0, count - 1, min(count, _POINTS)).round().astype(int))


def _short(values: np.ndarray) -> list[float]:
    return [float(f"{value:.{_DIGITS}g}") for value in values]


def costs(exhibits: list[Exhibit]) -> list[dict]:
    """Return for each table and data set what its trained systems cost and score; none of fewer than two systems."""
    found = []
    for exhibit in exhibits:
        for data, stand in plan.stands(exhibit.table, exhibit.comparison.suite).items():
            points = _points(exhibit.comparison, data)
            if len(points) > 1:
                name = f"{exhibit.table.id}: {exhibit.table.title}, {stand.name}"
                found.append({"id": exhibit.table.id, "name": name, "points": points})
    return found


def _points(comparison: Comparison, data: str) -> list[dict]:
    points = []
    for row in comparison.rows:
        findings = [finding for finding in row if finding.column.data == data and finding.scores]
        if findings and not findings[0].row.untrained:
            points.append({"row": findings[0].row.name, "cost": _cost(findings[0]), "scores": _scores(findings)})
    return points


def _cost(finding: Finding) -> dict[str, float | None]:
    """What a system costs, in the units that the page names."""
    network = finding.records[0].data["network"]
    provenance = [record.data["provenance"] for record in finding.records]
    memory = [each["peak_memory_bytes"] for each in provenance if each.get("peak_memory_bytes")]
    return {
        "GFLOP an image": None if network["flops"] is None else network["flops"] / 1e9,
        "parameters (M)": network["parameters"] / 1e6,
        "training (s)": sum(each["seconds"] for each in provenance) / len(provenance),
        "peak memory (GiB)": max(memory) / _GIBIBYTE if memory else None,
    }


def _scores(findings: list[Finding]) -> dict[str, float]:
    return {each.column.name: round(SCALE[each.column.unit] * each.mean, 4) for each in findings}
