"""The audit of somebody else's table: the rows of a file, grouped by data set."""

from collections.abc import Iterator
from pathlib import Path

from repro.audit.asked import Asked
from repro.audit.finding import Finding
from repro.audit.group import Group, Printed, PrintedRow, true_shares
from repro.audit.headers import ReadTable, audited, column_scores, understand
from repro.audit.known import KNOWN_SETS, known_set
from repro.audit.readings import OVER_CLASSES, any_share
from repro.audit.rows import check_group
from repro.audit.sweep import SweepRow, check_sweep, identical_rows
from repro.audit.tablefile import read_tables

# Heads of a first column whose rows were not scored on the same pixels.
_SETS_IN_ROWS = {"dataset", "datasets", "database", "data", "testset", "image", "fold", "class", "category", "organ"}
_SETS_IN_ROWS |= {"case", "subject", "patient"}
_Numbers = dict[int, list[Printed | None]]  # of each score column, row by row


def check_file(path: Path, asked: Asked) -> tuple[list[Finding], list[str]]:
    """Return the findings on the tables of a file, and notes on what was not audited.

    Raises:
        ValueError: the file, a table in it or what was asked cannot be understood.
    """
    findings, notes = [], []
    for place, table in _tables(path):
        try:
            found, said = _check_table(table, place, asked)
        except ValueError as error:
            raise ValueError(f"{place}: {error}") from None
        findings, notes = findings + found, notes + said
    return findings, notes


def groups_of_file(path: Path, asked: Asked) -> list[Group]:
    """Return every group of two-class scores of a file; errors as `check_file`."""
    return [group for place, table in _tables(path) for group in groups(table, place, asked)]


def groups(table: ReadTable, place: str, asked: Asked) -> list[Group]:
    """Return the scores of a table: a group each data set, or each row where rows are data sets.

    Means over classes are groups of their own.
    """
    headings = [column.group for column in table.columns]
    asked.check([*headings, *(name for name, _ in table.rows)])
    numbers = _numbers(table, asked)
    found = []
    for heading, over_classes in dict.fromkeys((one.group, one.metric.startswith("class ")) for one in table.columns):
        rows = _rows(table, numbers, heading, over_classes)
        if over_classes:
            found.append(Group(place=place, title=heading, rows=rows, readings=any_share([OVER_CLASSES])))
        elif _rows_are_sets(table, asked):
            found += [_group(place, _set_name(row, heading), (row,), asked) for row in rows]
        else:
            found.append(_group(place, heading, rows, asked))
    return [group for group in found if group.rows]


def _tables(path: Path) -> Iterator[tuple[str, ReadTable]]:
    """Yield each table of a file with its place: the file's name, and its number where there are several."""
    raw_tables = read_tables(path)
    for number, raw in enumerate(raw_tables, 1):
        place = path.name + (f", table {number}" if len(raw_tables) > 1 else "")
        try:
            yield place, understand(raw)
        except ValueError as error:
            raise ValueError(f"{place}: {error}") from None


def _group(place: str, heading: str, rows: tuple[PrintedRow, ...], asked: Asked) -> Group:
    readings = asked.readings(heading)
    return Group(
        place=place,
        title=heading,
        rows=rows,
        readings=readings,
        truth=true_shares(readings),
        resized=asked.resized_readings(heading),
    )


def _rows(table: ReadTable, numbers: _Numbers, heading: str, over_classes: bool) -> tuple[PrintedRow, ...]:
    """Return the rows that have at least two audited scores under a heading."""
    columns = [
        one
        for one in table.columns
        if one.group == heading and audited(one.metric) and one.metric.startswith("class ") == over_classes
    ]
    rows = []
    for i, (name, _) in enumerate(table.rows):
        printed = {one.metric.removeprefix("class "): numbers[one.index][i] for one in columns}
        rows.append(PrintedRow(name=name, scores={metric: score for metric, score in printed.items() if score}))
    return tuple(row for row in rows if len(row.scores) > 1)


def _rows_are_sets(table: ReadTable, asked: Asked) -> bool:
    head = "".join(letter for letter in table.name_header.lower() if letter.isalpha())
    return asked.rows_are_sets or head in _SETS_IN_ROWS


def _set_name(row: PrintedRow, heading: str) -> str:
    """Return the heading of one row: its own name where that is a counted data set."""
    return row.name if known_set(row.name) else heading


def _numbers(table: ReadTable, asked: Asked) -> _Numbers:
    return {column.index: column_scores(table, column, asked.unit) for column in table.columns}


def _check_table(table: ReadTable, place: str, asked: Asked) -> tuple[list[Finding], list[str]]:
    tested = groups(table, place, asked)
    findings = [finding for group in tested for finding in check_group(group)]
    rows = _sweep_rows(table, place, asked)
    findings += [*identical_rows(rows), *check_sweep(rows, place)]
    left_out = dict.fromkeys([one.header for one in table.columns if not audited(one.metric)] + table.others)
    notes = [f"{place}: not audited: {', '.join(left_out)}."] if left_out else []
    if not tested:
        notes.append(f"{place}: no row has two scores of one data set, so no arithmetic ties them.")
    if tested and _rows_are_sets(table, asked):
        notes.append(f"{place}: each row is taken as scored on other images.")
    known = dict.fromkeys(asked.set_of(group.title) for group in tested if group.truth)
    return findings, notes + [f"{KNOWN_SETS[name].title}: {KNOWN_SETS[name].source}." for name in known if name]


def _sweep_rows(table: ReadTable, place: str, asked: Asked) -> list[SweepRow]:
    """Return the rows with scores; a row called by a number is a setting of a sweep."""
    numbers = _numbers(table, asked)
    rows = []
    for i, (name, _) in enumerate(table.rows):
        printed = {
            " ".join(filter(None, (one.group, one.header))): numbers[one.index][i]
            for one in table.columns
            if numbers[one.index][i]
        }
        setting = _setting(table, name)
        rows.append(SweepRow(name=name, place=place, system=str(i), setting=setting, scores=printed))
    return [row for row in rows if row.scores]


def _setting(table: ReadTable, name: str) -> tuple[str, float] | None:
    try:
        return (table.name_header or "setting", float(name))
    except ValueError:
        return None
