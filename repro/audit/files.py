"""The audit of somebody else's table: a file, and what its reader knows of the data behind it."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from repro.audit.finding import Finding
from repro.audit.group import Group, PrintedRow, true_shares
from repro.audit.headers import ReadTable, audited, column_scores, understand
from repro.audit.known import KNOWN_SETS, Counts, known_set
from repro.audit.readings import AGGREGATIONS, OVER_CLASSES, POOLED, Reading, any_share, of_counts, of_set, within
from repro.audit.rows import check_group
from repro.audit.sweep import SweepRow, check_sweep, identical_rows
from repro.audit.tablefile import read_tables
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
    """

    data: str | None = None
    region: str | None = None
    split: str | None = None
    resized: bool = False
    counts: Counts | None = None
    prevalence: str | None = None
    aggregation: str | None = None
    unit: str | None = None

    @property
    def aggregations(self) -> tuple[str, ...]:
        return {None: AGGREGATIONS, "pooled": AGGREGATIONS[:1], "mean": AGGREGATIONS[1:]}[self.aggregation]


def check_file(path: Path, asked: Asked) -> tuple[list[Finding], list[str]]:
    """Return the findings on the tables of a file, and notes on what was not audited.

    Raises:
        ValueError: the file, a table in it or what was asked cannot be understood.
    """
    findings, notes = [], []
    tables = read_tables(path)
    for number, raw in enumerate(tables, 1):
        place = path.name + (f", table {number}" if len(tables) > 1 else "")
        try:
            found, said = _check_table(understand(raw), place, asked)
        except ValueError as error:
            raise ValueError(f"{place}: {error}") from None
        findings, notes = findings + found, notes + said
    return findings, notes


def groups_of_file(path: Path, asked: Asked) -> list[Group]:
    """Return every group of two-class scores of a file; errors as `check_file`."""
    return [group for raw in read_tables(path) for group in groups(understand(raw), path.name, asked)]


def groups(table: ReadTable, place: str, asked: Asked) -> list[Group]:
    """Return the two-class scores of a table, one group a data set; means over classes are groups of their own."""
    _check_asked(asked, [column.group for column in table.columns])
    numbers = {column.index: column_scores(table, column, asked.unit) for column in table.columns}
    found = []
    for title, over_classes in dict.fromkeys((one.group, one.metric.startswith("class ")) for one in table.columns):
        columns = [
            one
            for one in table.columns
            if one.group == title and audited(one.metric) and one.metric.startswith("class ") == over_classes
        ]
        rows = []
        for i, (name, _) in enumerate(table.rows):
            scores = {one.metric.removeprefix("class "): numbers[one.index][i] for one in columns}
            rows.append(PrintedRow(name=name, scores={metric: score for metric, score in scores.items() if score}))
        readings = _over_classes() if over_classes else readings_of(asked, title)
        rows = tuple(row for row in rows if len(row.scores) > 1)
        if rows:
            known = None if over_classes else _known(asked, title)
            found.append(
                Group(
                    place=place,
                    title=title,
                    rows=rows,
                    readings=readings,
                    truth=true_shares(readings),
                    resized=_of_known(known, asked, resized=True) if known and not asked.resized else (),
                )
            )
    return found


def readings_of(asked: Asked, title: str) -> tuple[Reading, ...]:
    """Return what the rows of a group may mean: by counts, prevalence, data set or the set its heading names."""
    if asked.counts is not None:
        if len(asked.counts.positives) > 1:
            return of_counts(asked.counts, resized=asked.resized, aggregations=asked.aggregations)
        pooled, unbound = _split(asked.aggregations)
        return (*of_counts(asked.counts, resized=asked.resized, aggregations=pooled), *any_share(unbound))
    if asked.prevalence is not None:
        return _by_prevalence(asked.prevalence, asked.aggregations)
    known = _known(asked, title)
    return _of_known(known, asked, resized=asked.resized) if known else any_share(asked.aggregations)


def read_counts(path: Path) -> Counts:
    """Return the counts of a CSV with the columns positives and negatives (pixels), one row an image.

    Raises:
        ValueError: no such file or columns, or a count is no whole number.
    """
    try:
        rows = list(csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines()))
        counts = [(int(row["positives"]), int(row["negatives"])) for row in rows]
    except (OSError, UnicodeDecodeError):
        raise ValueError(f"{path}: cannot be read; expected a CSV with the columns positives and negatives") from None
    except (KeyError, TypeError, ValueError):
        raise ValueError(f"{path}: expected a CSV with whole numbers in the columns positives and negatives") from None
    return counts_of(counts)


def counts_of(counts: Sequence[tuple[int, int]]) -> Counts:
    """Return counts of (foreground, background) pixels, one pair an image.

    Raises:
        ValueError: there is none, or a pair is negative or empty.
    """
    if not counts or any(min(pair) < 0 or sum(pair) == 0 for pair in counts):
        raise ValueError(f"{len(counts)} images with counts; expected at least one, and at least one pixel in each")
    positives, negatives = zip(*counts)
    return Counts(split="as counted", positives=positives, pixels=tuple(map(sum, zip(positives, negatives))))


def _check_table(table: ReadTable, place: str, asked: Asked) -> tuple[list[Finding], list[str]]:
    tested = groups(table, place, asked)
    findings = [finding for group in tested for finding in check_group(group)]
    rows = _sweep_rows(table, place, asked)
    findings += [*identical_rows(rows), *check_sweep(rows, place)]
    left_out = dict.fromkeys([one.header for one in table.columns if not audited(one.metric)] + table.others)
    notes = [f"{place}: not audited: {', '.join(left_out)}."] if left_out else []
    if not tested:
        notes.append(f"{place}: no row has two scores of one data set, so no arithmetic ties them.")
    for group in tested:
        known = _known(asked, group.title)
        if known and group.truth:
            notes.append(f"{group.heading}: {KNOWN_SETS[known].title}; {KNOWN_SETS[known].source}.")
    return findings, notes


def _sweep_rows(table: ReadTable, place: str, asked: Asked) -> list[SweepRow]:
    """Return the rows with scores; a row called by a number is a setting of a sweep."""
    numbers = {column.index: column_scores(table, column, asked.unit) for column in table.columns}
    rows = []
    for i, (name, _) in enumerate(table.rows):
        printed = {
            " ".join(filter(None, (one.group, one.header))): numbers[one.index][i]
            for one in table.columns
            if numbers[one.index][i]
        }
        rows.append(SweepRow(name=name, place=place, system=f"{i}", setting=_setting(table, name), scores=printed))
    return [row for row in rows if row.scores]


def _setting(table: ReadTable, name: str) -> tuple[str, float] | None:
    try:
        return (table.name_header or "setting", float(name))
    except ValueError:
        return None


def _check_asked(asked: Asked, titles: Sequence[str]) -> None:
    """Raise where something was asked that no group of the file can answer."""
    known = any(_known(asked, title) for title in titles)
    if (asked.region or asked.split) and not known:
        raise ValueError("--region and --split need a counted data set; give --set, or name it over the columns")
    if asked.resized and not known and asked.counts is None:
        raise ValueError("--resized needs counted labels; give --set or --counts, or a range as --prevalence")


def _known(asked: Asked, title: str) -> str | None:
    """Return the counted data set behind a group, by request or by its heading, unless its counts were given."""
    given = asked.counts is not None or asked.prevalence is not None
    return None if given else asked.data or known_set(title)


def _of_known(name: str, asked: Asked, *, resized: bool) -> tuple[Reading, ...]:
    return of_set(name, region=asked.region, split=asked.split, resized=resized, aggregations=asked.aggregations)


def _split(aggregations: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the pooled aggregation and the others: a total binds the first only."""
    return [one for one in aggregations if one == POOLED], [one for one in aggregations if one != POOLED]


def _over_classes() -> tuple[Reading, ...]:
    (reading,) = any_share([OVER_CLASSES])
    return (reading,)


def _by_prevalence(text: str, aggregations: Sequence[str]) -> tuple[Reading, ...]:
    """Return the readings for one share, as printed, or for a range of the images' shares."""
    low, dash, high = text.partition("-")
    try:
        ends = printed_interval(low, "fraction"), printed_interval(high if dash else low, "fraction")
    except ValueError:
        raise ValueError(
            f"--prevalence {text}: expected a fraction such as 0.0876, or a range such as 0.07-0.10"
        ) from None
    share = (Fraction(low), Fraction(high)) if dash else (ends[0][0], ends[0][1])
    if not 0 <= share[0] <= share[1] <= 1 or share[1] == 0:
        raise ValueError(f"--prevalence {text}: expected fractions in (0, 1), the lower first")
    if dash:
        return within(*share, aggregations)
    pooled, unbound = _split(aggregations)
    return (*within(*share, pooled), *any_share(unbound))
