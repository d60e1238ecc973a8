"""The audit of somebody else's table: the rows of a file, grouped by data set."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

from repro.audit.asked import Asked
from repro.audit.finding import Finding
from repro.audit.group import Group, Printed, PrintedRow, true_shares
from repro.audit.headers import ReadTable, audited, column_scores, counts_rows, has_scores, understand
from repro.audit.known import KNOWN_SETS, known_set
from repro.audit.names import has_spread, is_mean, is_spread
from repro.audit.readings import over_classes
from repro.audit.rows import RATES, check_group, possible
from repro.audit.sweep import SweepRow, check_sweep, identical_rows
from repro.audit.tablefile import read_tables

_Numbers = dict[int, list[Printed | None]]  # of each score column, row by row


def check_file(path: Path, asked: Asked) -> tuple[list[Finding], list[str]]:
    """Return the findings on the tables of a file, and notes on what was not audited.

    Raises:
        ValueError: the file, a table in it or what was asked cannot be understood.
    """
    tables, notes = _tables(path)
    findings = []
    for place, table in tables:
        try:
            found, said = _check_table(table, place, asked)
        except ValueError as error:
            raise ValueError(f"{place}: {error}") from None
        findings, notes = findings + found, notes + said
    return findings, notes


def groups_of_file(path: Path, asked: Asked) -> list[Group]:
    """Return every group of two-class scores of a file; errors as `check_file`."""
    return [group for place, table in _tables(path)[0] for group in groups(table, place, asked)]


def groups(table: ReadTable, place: str, asked: Asked) -> list[Group]:
    """Return the scores of a table: a group each data set and part of the table, or each row where rows are data sets.

    Means over classes are groups of their own.
    """
    headings = [column.group for column in table.columns]
    asked = asked.under([*headings, *table.parts])
    asked.check([*headings, *(name for name, _ in table.rows), *table.parts])
    numbers = _numbers(table, asked)
    averaged, found = _has_means(table, asked), []
    for heading, of_classes in dict.fromkeys((one.group, one.metric.startswith("class ")) for one in table.columns):
        for part in dict.fromkeys(table.parts):
            rows = _rows(table, numbers, heading, of_classes, part)
            means = averaged or ((is_mean(part) or is_mean(heading)) and not asked.aggregation)
            how = replace(asked, aggregation="mean") if means else asked
            if of_classes:
                title = _title(heading, part, rows)
                found.append(Group(place=place, title=title, rows=rows, readings=over_classes()))
            elif asked.rows_are_sets:
                found += [_group(place, _title(heading, part or row.name, (row,)), (row,), how) for row in rows]
            else:
                found.append(_group(place, _title(heading, part, rows), rows, how))
    return [group for group in found if group.rows]


def _tables(path: Path) -> tuple[list[tuple[str, ReadTable]], list[str]]:
    """Return the tables of scores in a file, each with its place, and notes on the others.

    A place is the file's name, with the table's number where there are several.

    Raises:
        ValueError: no table of the file has scores, or one with scores cannot be understood.
    """
    tables, notes = [], []
    raw_tables = read_tables(path)
    scored = [raw for raw in raw_tables if has_scores(raw)] or raw_tables[:1]
    for number, raw in enumerate(raw_tables, 1):
        place = path.name + (f", table {number}" if len(raw_tables) > 1 else "")
        try:
            if raw in scored:
                tables.append((place, understand(raw)))
            else:
                notes.append(f"{place}: not audited: no column is called like a score.")
        except ValueError as error:
            raise ValueError(f"{place}: {error}") from None
    return tables, notes


def _group(place: str, heading: str, rows: tuple[PrintedRow, ...], asked: Asked) -> Group:
    readings = asked.readings(heading)
    return Group(
        place=place,
        title=heading,
        rows=rows,
        readings=readings,
        truth=true_shares(readings),
        resized=asked.resized_readings(heading),
        both_classes=True,
    )


def _rows(table: ReadTable, numbers: _Numbers, heading: str, over_classes: bool, part: str) -> tuple[PrintedRow, ...]:
    """Return the rows of a part of the table that have at least two audited scores under a heading."""
    columns = [
        one
        for one in table.columns
        if one.group == heading and audited(one.metric) and one.metric.startswith("class ") == over_classes
    ]
    rows = []
    for i, (name, _) in enumerate(table.rows):
        if table.parts[i] != part:
            continue
        printed = {one.metric.removeprefix("class "): numbers[one.index][i] for one in columns}
        rows.append(PrintedRow(name=name, scores={metric: score for metric, score in printed.items() if score}))
    return tuple(row for row in rows if len(row.scores) > 1)


def _has_means(table: ReadTable, asked: Asked) -> bool:
    """Return whether a spread, as in 92.5 ± 0.3, says that scores are means, where nothing else was asked for."""
    columns = table.columns
    cells = (cell for one in columns for cell in (one.header, *(row[one.index] for _, row in table.rows)))
    beside = any(is_spread(one) and not one.startswith("row ") for one in table.others)
    return asked.aggregation is None and (beside or any(map(has_spread, cells)))


def _title(heading: str, part: str, rows: tuple[PrintedRow, ...]) -> str:
    """Return the data set of rows: what is counted of their heading and their part, else both, but no row's name."""
    known = [one for one in (heading, part) if known_set(one)]
    words = known[:1] or [heading, part if part not in [row.name for row in rows] else ""]
    return ", ".join(filter(None, words))


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
    elif alone := _alone(table):
        notes.append(f"{place}: no other score of the same data to test with: {', '.join(alone)}.")
    if tested and _has_means(table, asked):
        notes.append(
            f"{place}: scores are taken as means, as some have a spread beside; --aggregation pooled asks otherwise."
        )
        if refused := _refused_over_seeds(table, place, asked):
            notes.append(
                f"{place}: if the spreads are over repetitions on one test set and not over images, Acc = p Sen + "
                f"(1 - p) Sp holds for the means too, and these rows cannot be: {', '.join(refused)}."
            )
    parts = list(dict.fromkeys(table.parts))
    if tested and (asked.rows_are_sets or len(parts) == len(table.rows) > 1):
        notes.append(f"{place}: each row is taken as scored on other images.")
    elif tested and len(parts) > 1:
        notes.append(f"{place}: taken as scored on other images each: {'; '.join(parts).strip('; ')}.")
    under = asked.under([group.title for group in tested])
    known = dict.fromkeys(under.set_of(group.title) for group in tested if group.truth)
    return findings, notes + [f"{KNOWN_SETS[name].title}: {KNOWN_SETS[name].source}." for name in known if name]


def _refused_over_seeds(table: ReadTable, place: str, asked: Asked) -> list[str]:
    """Return the rows whose three rates no pooled counts give; a mean over seeds keeps what is linear in them."""
    found = []
    for group in groups(table, place, replace(asked, aggregation="pooled")):
        for row in group.rows:
            rates = {name: row.scores[name] for name in RATES if name in row.scores}
            if len(rates) == len(RATES) and not possible(replace(row, scores=rates), group.readings):
                found.append(row.name)
    return list(dict.fromkeys(found))


def _alone(table: ReadTable) -> list[str]:
    """Return the headers of scores that no other stands beside, for one data set."""
    kinds = {one.index: (one.group, one.metric.startswith("class ")) for one in table.columns if audited(one.metric)}
    beside = Counter(kinds.values())
    return [one.header for one in table.columns if beside.get(kinds.get(one.index)) == 1]


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
        part = f" ({table.parts[i]})" if table.parts[i] not in ("", name) else ""
        rows.append(SweepRow(name=name + part, place=place, system=str(i), setting=setting, scores=printed))
    return [row for row in rows if row.scores]


def _setting(table: ReadTable, name: str) -> tuple[str, float] | None:
    if counts_rows(table.name_header):
        return None
    try:
        return (table.name_header or "setting", float(name))
    except ValueError:
        return None
