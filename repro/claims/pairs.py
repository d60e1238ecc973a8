"""Two rows of a table against each other, tested over seeds: the stuff most claims are made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from repro import plan
from repro.claims.outcome import NOT_BUILT, NOT_MEASURED, NOT_RUN
from repro.compare import Finding, compare
from repro.papers.spec import Above, Paper, Rising, Suite
from repro.records import Folder
from repro.statistics import compare as compare_seeds
from repro.statistics import describe

DIGITS = {"percent": 1, "fraction": 3}


@dataclass(frozen=True)
class Pair:
    """`row` against `other` in one column of a table or figure."""

    table: str
    column: str
    row: str
    other: str


@dataclass(frozen=True)
class Tested:
    """How a pair came out.

    Attributes:
        word: "above" or "below" (of `row`), "tie", "n too small", "not run", "not built" or "not measured".
        text: the two means with their n, and what the test says.
        n: seeds of the networks that were trained.
        absent: rows without a number, each with the word for it.
    """

    word: str
    text: str
    n: tuple[int, ...] = ()
    absent: tuple[tuple[str, str], ...] = ()

    @property
    def missing(self) -> bool:
        """Whether there is nothing to compare."""
        return self.word in (NOT_RUN, NOT_BUILT, NOT_MEASURED)


@dataclass(frozen=True)
class Side:
    """One row's values over seeds, by machine kind, the headline kind first; `why` where there are none."""

    name: str
    values: Mapping[str, Sequence[float]]
    untrained: bool = False
    why: str = ""


def pairs_of(predicate: Above | Rising) -> tuple[Pair, ...]:
    """Return the comparisons a predicate asks for; it holds where in every one `row` is above `other`."""
    if isinstance(predicate, Above):
        steps = [(predicate.row, other) for other in predicate.others]
    else:
        steps = list(zip(predicate.rows[1:], predicate.rows[:-1]))
    return tuple(Pair(predicate.table, column, *step) for column in predicate.columns for step in steps)


def tables_tested(paper: Paper, suite: Suite, folder: Folder) -> dict[Pair, Tested]:
    """Return every comparison that a paper's claims ask for, tested.

    The family of Holm's correction is everything that the claims ask of one table on one data set, each once.
    """
    asked = [pair for claim in paper.claims if isinstance(claim.predicate, Above | Rising)
             for pair in pairs_of(claim.predicate)]  # fmt: skip
    tested: dict[Pair, Tested] = {}
    for id in dict.fromkeys(pair.table for pair in asked):
        pairs = list(dict.fromkeys(pair for pair in asked if pair.table == id))
        tested |= _table_tested(id, pairs, suite, folder)
    return tested


def _table_tested(id: str, pairs: Sequence[Pair], suite: Suite, folder: Folder) -> dict[Pair, Tested]:
    table = plan.exhibit(id)
    wanted = {pair.column for pair in pairs}
    columns = [column for column in table.columns if column.name in wanted and column.data in suite.data]
    found = {(f.row.name, f.column.name): f for row in compare(table, suite, folder, columns=columns).rows for f in row}
    tested = {}
    for data in dict.fromkeys(column.data for column in columns):
        names = {column.name for column in columns if column.data == data}
        family = [pair for pair in pairs if pair.column in names]
        sides = [(_side(found[pair.row, pair.column]), _side(found[pair.other, pair.column])) for pair in family]
        units = [found[pair.row, pair.column].column.unit for pair in family]
        labels = [f"{pair.column}: " for pair in family]
        tested |= dict(zip(family, sides_compared(sides, labels, units)))
    return tested


def _side(finding: Finding) -> Side:
    values = {finding.kind: finding.scores} | dict(finding.reruns) if finding.scores else {}
    why = "" if finding.scores else NOT_BUILT if finding.why else NOT_RUN
    return Side(finding.row.name, values, finding.row.untrained, why)


def sides_compared(sides: Sequence[tuple[Side, Side]], labels: Sequence[str], units: Sequence[str]) -> list[Tested]:
    """Return how the first of each two sides stands to the second; all of them are one family for Holm's correction.

    Values of both are of one machine kind where they have one in common: the one with most seeds. Two trained networks
    are compared by the exact two-sample permutation test over seeds. A system without parameters has one value and no
    seeds: the other is held against it by the one-sample t test over its seeds, three at least.
    """
    chosen = [_chosen(one, other) if not (one.why or other.why) else None for one, other in sides]
    there = [index for index, each in enumerate(chosen) if each]
    fixed = {place for place, index in enumerate(there) if any(side.untrained for side in sides[index])}
    found = dict(zip(there, compare_seeds([chosen[index][:2] for index in there], fixed=fixed)))
    tested = []
    for index, (one, other) in enumerate(sides):
        if chosen[index] is None:
            tested.append(_untested(labels[index], one, other))
            continue
        first, second, remark = chosen[index]
        means = [describe(values, unit=units[index], digits=DIGITS[units[index]]) for values in (first, second)]
        text = f"{labels[index]}{one.name} {means[0]} against {other.name} {means[1]}: {found[index]}{remark}"
        n = tuple(len(v) for v, side in ((first, one), (second, other)) if not side.untrained)
        tested.append(Tested(found[index].word, text, n))
    return tested


def _chosen(one: Side, other: Side) -> tuple[Sequence[float], Sequence[float], str]:
    """The values to compare, and a remark where they are of different machine kinds."""
    common = [kind for kind in one.values if kind in other.values]
    if common:
        kind = max(common, key=lambda kind: min(len(one.values[kind]), len(other.values[kind])))
        return one.values[kind], other.values[kind], ""
    first, second = next(iter(one.values)), next(iter(other.values))
    return one.values[first], other.values[second], f"; different machines, {first} and {second}"


def _untested(label: str, one: Side, other: Side) -> Tested:
    absent = tuple((side.name, side.why) for side in (one, other) if side.why)
    reasons = [why for _, why in absent]
    said = ", ".join(" ".join(each) for each in absent)
    return Tested(NOT_BUILT if NOT_BUILT in reasons else reasons[0], f"{label}{said}", absent=absent)
