"""A suite's tables as the page shows them: rows of cells, each with what is reported, measured and said of it."""

import glob
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from repro import plan
from repro.compare import Comparison, Finding, compare, is_own
from repro.papers.spec import Column, FactTable, Suite, Table
from repro.papers.suites import SUITES
from repro.records import Folder
from repro.report.verdicts import WORDS, Word
from repro.table import grid_of
from repro.table.facts import facts_grid
from repro.table.grid import Grid, digits_of, make_grid
from repro.table.notes import Notes, notes_of
from repro.views import fact_tables


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One printed number and what was measured beside it.

    Attributes:
        id: unique on the page, fit for an address: "paper1_table1-2-0".
        finding: what the comparison says.
        digits: after the point, in its column.
        text: "75.1 ± 0.4", with n where cells differ in it, or what stands where no number is.
        rank: 1 for the best measured number of its column, 2 for the second, else 0.
        mark: the audit's mark behind the printed number, "†" or "".
        word: its verdict; None where there is nothing to judge.
        command: what measures it anew; "" where nothing can.
    """

    id: str
    finding: Finding
    digits: int
    text: str
    rank: int
    mark: str
    word: Word | None
    command: str

    @property
    def label(self) -> str:
        """The cell in words: "FCN, mIoU"."""
        return f"{self.finding.row.name}, {self.finding.column.name}"


@dataclass(frozen=True, kw_only=True)
class Exhibit:
    """A table, or a figure's numbers as one.

    Attributes:
        table: as declared.
        comparison: of all its columns.
        grid: title and small print.
        rows: cells by row, in declared order; what other tools predicted comes last.
        marks: row name -> " [1, 3]".
        headline: for each column whether the paper prints it so.
        headers: for each column the header over the paper's numbers, "" where it prints none.
        cost: what the systems cost.
    """

    table: Table
    comparison: Comparison
    grid: Grid
    rows: tuple[tuple[Cell, ...], ...]
    marks: dict[str, str]
    headline: tuple[bool, ...]
    headers: tuple[str, ...]
    cost: Grid

    @property
    def printed(self) -> list[Cell]:
        """The cells in which the paper prints a number, as it prints them, row by row."""
        return [cell for row in self.rows for cell, shown in zip(row, self.headline) if shown and cell.word is not None]

    @property
    def words(self) -> list[Word]:
        """The verdicts that occur, in the order they are always given in."""
        there = {cell.word for row in self.rows for cell in row}
        return [word for word in WORDS.values() if word in there]


def exhibits(suite: Suite, folder: Folder) -> list[Exhibit]:
    """Return every table and figure of a suite that declares scores, in the papers' order.

    A figure of a table's scores against its cost is none of them: the page draws its own, and counts no number twice.
    """
    tables = [plan.exhibit(id) for id in plan.tables_of(suite)]
    return [_exhibit(table, suite, folder) for table in tables if getattr(table, "kind", "") != "cost"]


def facts(suite: Suite, folder: Folder) -> list[Grid]:
    """Return the tables that report no score: machines and counts of data."""
    found = [plan.exhibit(id) for id in fact_tables(suite)]
    return [facts_grid(table, folder) for table in found if isinstance(table, FactTable)]


def _exhibit(table: Table, suite: Suite, folder: Folder) -> Exhibit:
    comparison = compare(table, suite, folder)
    headline = set(plan.headline_columns(table) or table.columns)
    notes = notes_of(comparison)
    full = make_grid(comparison)
    reported = [any(row[index].reported for row in comparison.rows) for index in range(len(table.columns))]
    names = [header for header in full.headers if " reported" in header]
    return Exhibit(
        table=table,
        comparison=comparison,
        grid=full,
        rows=tuple(_cells(comparison, full, notes, index) for index in range(len(full.rows))),
        marks=notes.rows,
        headline=tuple(column in headline for column in table.columns),
        headers=tuple(
            names.pop(0).removeprefix(f"{column.name} ") if has else "" for column, has in zip(table.columns, reported)
        ),
        cost=grid_of(table, suite, folder, columns="cost"),
    )


def _cells(comparison: Comparison, grid: Grid, notes: Notes, index: int) -> tuple[Cell, ...]:
    """The cells of a row, with the ranks that the grid gave to its measured numbers."""
    measured = [place for place, header in enumerate(grid.headers) if header.endswith(" measured")]
    entries = [grid.rows[index][place] for place in measured]
    findings = (*comparison.rows, *comparison.externals)[index]
    return tuple(
        _cell(comparison, finding, f"{comparison.table.id}-{index}-{place}", entry.shown, entry.rank, notes)
        for place, (finding, entry) in enumerate(zip(findings, entries))
    )


def _cell(comparison: Comparison, finding: Finding, id: str, shown: str, rank: int, notes: Notes) -> Cell:
    digits = digits_of(comparison.table, finding.column)
    word = finding.verdict.word if finding.verdict is not None and finding.reported else ""
    return Cell(
        id=id,
        finding=finding,
        digits=digits,
        text=shown,
        rank=rank,
        mark=notes.cells.get((finding.row.name, finding.column.reading_of or finding.column.name), ""),
        word=WORDS.get(word),
        command=command(comparison.table, finding, comparison.suite),
    )


def command(table: Table, finding: Finding, suite: Suite) -> str:
    """Return what trains a cell (again) in a shell; "" where nothing can."""
    if finding.why or finding.row.network is None or finding.stand is None:
        return ""
    parts = ["./run_all.sh", _suite_for(finding.column, suite), "--only"]
    parts.append(shlex.quote(glob.escape(f"{table.id}/{finding.row.name}")))
    if finding.seeds and not finding.row.untrained:
        parts += ["--seeds", ",".join(map(str, finding.seeds))]
    if table.ablation or finding.row.ablation:
        parts.append("--ablations")
    return " ".join(parts)


def _suite_for(column: Column, suite: Suite) -> str:
    """The name of a suite that can be trained: the papers' own data are several."""
    if not is_own(suite):
        return suite.name
    return next(name for name, each in SUITES.items() if is_own(each) and column.data in each.data)


def printed_cells(found: list[Exhibit]) -> Iterator[Cell]:
    """Yield the cells in which the papers print a number, table by table."""
    for exhibit in found:
        yield from exhibit.printed
