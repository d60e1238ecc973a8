"""Reported against measured: a point a system, on the line where both are equal."""

import csv
import io

from matplotlib.lines import Line2D

from repro.compare import Comparison, Finding
from repro.figure.said import context, headline_findings
from repro.figure.style import COLOURS, MARKERS, canvas, empty, headline, notes
from repro.papers.spec import Column
from repro.statistics import t_interval
from repro.table.grid import SCALE

ACROSS = 3  # panels in a row
BAND = "#DDDDDD"


def pairs_of(findings: list[Finding]) -> list[tuple[Finding, float, float]]:
    """Return (finding, reported, measured) of one column, in its unit, where both are of the same data."""
    return [
        (finding, float(finding.reported), SCALE[finding.column.unit] * finding.mean)
        for finding in findings
        if finding.reported and finding.mean is not None and finding.stand.own
    ]


def draw(comparison: Comparison, title: str):
    """Yield the drawn figure: one panel a printed column."""
    panels = headline_findings(comparison)
    across = min(ACROSS, len(panels))
    down = -(-len(panels) // across)
    width, height = (7.2, 0.9 + 2.35 * down) if across > 1 else (4.6, 3.9)
    rows = [row[0].row.name for row in comparison.rows if any(finding.reported for finding in row)]
    with canvas(rows=down, columns=across, width=width, height=height, squeeze=False) as (figure, axes):
        cells = list(axes.flat)
        drawn: set[str] = set()
        for cell, (column, findings) in zip(cells, panels):
            drawn |= _panel(cell, column, findings, rows, comparison)
        for cell in cells[len(panels) :]:
            cell.axis("off")
        if drawn:
            keys = [Line2D([], [], **_look(rows, name), label=name) for name in rows if name in drawn]
            keys.append(Line2D([], [], color="black", linewidth=0.9, label="reported = measured"))
            figure.legend(handles=keys, loc="outside right center", fontsize=7.5)
        headline(figure, f"Reported against measured: {title}", letters=11.5)
        notes(figure, (*_said(comparison, panels), *context(comparison)))
        yield figure


def _look(rows: list[str], name: str) -> dict:
    """Colour and form of a system's point: either alone tells it from its neighbours."""
    place = rows.index(name)
    return {
        "color": COLOURS[place % len(COLOURS)],
        "marker": MARKERS[place % len(MARKERS)],
        "markersize": 6,
        "linestyle": "none",
        "markeredgecolor": "white",
        "markeredgewidth": 0.6,
    }


def _panel(panel, column: Column, findings: list[Finding], rows: list[str], comparison: Comparison) -> set[str]:
    """One column: the identity line with the tolerance around it, and the points; return whose points there are."""
    panel.set_title(f"{column.name} (%)" if column.unit == "percent" else column.name, fontsize=9)
    pairs = pairs_of(findings)
    if not pairs:
        empty(panel, _nothing(column, comparison))
        return set()
    scale = SCALE[column.unit]
    values = [value for _, reported, measured in pairs for value in (reported, measured)]
    intervals = [interval for finding, *_ in pairs if (interval := t_interval(finding.scores))]
    values += [scale * min(max(end, 0.0), 1.0) for interval in intervals for end in interval]
    room = 0.08 * (max(values) - min(values)) or 0.05 * scale
    low, high = min(values) - room, max(values) + room
    tolerance = float(column.tolerance)
    panel.fill_between((low, high), (low - tolerance, high - tolerance), (low + tolerance, high + tolerance),
                       color=BAND, linewidth=0)  # fmt: skip
    panel.plot((low, high), (low, high), color="black", linewidth=0.9)
    for finding, reported, measured in pairs:
        interval = t_interval(finding.scores)
        if interval:
            ends = [scale * min(max(end, 0.0), 1.0) for end in interval]
            panel.plot((reported, reported), ends, color=_look(rows, finding.row.name)["color"], linewidth=1)
        panel.plot(reported, measured, **_look(rows, finding.row.name), zorder=3)
    panel.set(xlim=(low, high), ylim=(low, high), aspect="equal")
    panel.set_xlabel("reported", fontsize=8)
    panel.set_ylabel("measured", fontsize=8)
    panel.locator_params(nbins=5)
    panel.tick_params(labelsize=7.5)
    return {finding.row.name for finding, *_ in pairs}


def _nothing(column: Column, comparison: Comparison) -> str:
    stand = comparison.suite.data.get(column.data)
    if stand is not None and not stand.own:
        return f"{stand.name} is not the paper's data:\nnothing to compare"
    if any(row for findings in comparison.rows for row in findings if row.column == column and row.reported):
        return "not run"
    return "the paper gives no numbers"


def _said(comparison: Comparison, panels: list) -> list[str]:
    pairs = [pair for _, findings in panels for pair in pairs_of(findings)]
    if not pairs:
        return []
    counts = sorted({len(finding.scores) for finding, *_ in pairs})
    seeds = f"n = {counts[0]}" if len(counts) == 1 else f"n = {counts[0]} to {counts[-1]}"
    spread = "bars: the 95 % interval of the mean; " if counts[-1] > 1 else ""
    kinds = ", ".join(sorted({finding.kind for finding, *_ in pairs}))
    return [f"Points: means over seeds ({seeds}; {kinds}); {spread}grey: the declared tolerance of each column."]


def as_csv(comparison: Comparison) -> str:
    """Return the points: row, column, reported, measured, n."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["row", "column", "reported", "measured", "n"])
    for column, findings in headline_findings(comparison):
        for finding, _, measured in pairs_of(findings):
            n = len(finding.scores)
            writer.writerow([finding.row.name, column.name, finding.reported, f"{measured:.6g}", n])
    return buffer.getvalue()
