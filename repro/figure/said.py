"""The sentences under a figure: what was measured, what the suite replaced, and what the paper states of it."""

from collections.abc import Iterator, Sequence

from repro import plan
from repro.compare import Comparison, Finding
from repro.papers.spec import Column, Difference
from repro.table.grid import DEFAULT_DIGITS, SCALE, make_grid, number

POINTS = {"percent": " points", "fraction": ""}


def headline_findings(comparison: Comparison) -> list[tuple[Column, list[Finding]]]:
    """Return the columns the paper prints with their findings, in the order of the rows."""
    columns = plan.headline_columns(comparison.table) or comparison.columns
    return [
        (column, [row[index] for row in comparison.rows])
        for index, column in enumerate(comparison.columns)
        if column in columns
    ]


def nothing(finding: Finding) -> str:
    """Return what stands where no number is."""
    return "not built" if finding.why else "not run"


def seeds_text(findings: Sequence[Finding], marks: str) -> str:
    """Return how many seeds are behind the marks of a figure, and of which machines; "" where nothing was measured.

    Args:
        findings: all that are drawn.
        marks: what the means are drawn as: "Bars", "Points".
    """
    counts = sorted({len(finding.scores) for finding in findings if finding.scores and not finding.row.untrained})
    kinds = ", ".join(sorted({finding.kind for finding in findings if finding.kind}))
    if not kinds:
        return ""
    if not counts:
        return f"{marks}: what needs no training; no network was trained ({kinds})."
    n = f"n = {counts[0]}" if len(counts) == 1 else f"n = {counts[0]} to {counts[-1]}"
    if counts[-1] == 1:
        return f"{marks}: last weights, one seed (n = 1), so no spread is shown ({kinds})."
    return f"{marks}: last weights, means over seeds ({n}) with the 95 % interval of the mean ({kinds})."


def context(comparison: Comparison) -> Iterator[str]:
    """Yield what a suite replaced, why systems are not there, and the figure's own notes."""
    _, *suite = make_grid(comparison).above  # the first line is the paper
    yield from suite
    yield from dict.fromkeys(
        f"{finding.row.name} is not built: {finding.why}"
        for row in comparison.rows
        for finding in row
        if finding.row.network is None
    )
    yield from comparison.table.notes


def differences(comparison: Comparison) -> Iterator[str]:
    """Yield a sentence for each difference that the text states where the numbers are lost, with ours beside it."""
    found = {(f.row.name, f.column.name): f for row in comparison.rows for f in row}
    for stated in comparison.table.differences:
        row, other = found[stated.row, stated.column], found[stated.other, stated.column]
        yield f"Stated: {_difference(stated, row.column)}. {_measured(stated, row, other)}"


def _difference(stated: Difference, column: Column) -> str:
    unit = f" % of {stated.other}'s" if stated.relative else POINTS[column.unit]
    return f"{stated.column} of {stated.row} − {stated.other} = {stated.reported}{unit}"


def _measured(stated: Difference, row: Finding, other: Finding) -> str:
    missing = [finding for finding in (row, other) if finding.mean is None]
    if missing:
        return f"Here {' and '.join(f'{finding.row.name} is {nothing(finding)}' for finding in missing)}."
    value = row.mean - other.mean
    unit = POINTS[row.column.unit]
    if stated.relative:
        value, unit = value / other.mean / SCALE[row.column.unit] * 100, f" % of {stated.other}'s"
    text = number(abs(value), row.column, DEFAULT_DIGITS[row.column.unit])
    seeds = " and ".join(dict.fromkeys(str(len(finding.scores)) for finding in (row, other)))
    return f"Measured on {row.stand.name}: {'−' if value < 0 else ''}{text}{unit} (n = {seeds})."
