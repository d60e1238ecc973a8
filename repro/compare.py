"""Cells × records → findings: what stands in each cell, and what is said of it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from repro import plan, records
from repro.data import DATASETS
from repro.external import External, find_external
from repro.metrics import auc_slack
from repro.networks import NETWORKS
from repro.papers.spec import Column, Reading, Row, Stand, Suite, Table
from repro.records import Folder, Record
from repro.statistics import Verdict, verdict
from repro.words import many

SEEDS = range(16)  # seeds a cell looks for
COMPARED = ("reproduced", "below", "above", "undecided")  # words for what was measured as the paper states it
OWN = "papers"  # the suite of the papers' own data, when no suite is named


@dataclass(frozen=True)
class Finding:
    """One cell: what the paper reports, what was measured, and the verdict.

    Attributes:
        row, column: of the declaration.
        stand: the data behind the cell, None where the suite has none.
        reported: the printed string, or None where the paper gives no number.
        scores: one fraction a seed, of the headline machine kind, in the order of the seeds.
        seeds: which.
        kind: the headline machine kind, "" where nothing was measured.
        records: the records behind `scores`.
        reruns: scores of other machine kinds, by kind.
        verdict: its word and what it rests on; None for what is not in the paper.
        why: one sentence where there is nothing to measure.
    """

    row: Row
    column: Column
    stand: Stand | None
    reported: str | None
    scores: tuple[float, ...] = ()
    seeds: tuple[int, ...] = ()
    kind: str = ""
    records: tuple[Record, ...] = ()
    reruns: tuple[tuple[str, tuple[float, ...]], ...] = ()
    verdict: Verdict | None = None
    why: str = ""

    @property
    def mean(self) -> float | None:
        """Mean over seeds, a fraction; None where nothing was measured."""
        return sum(self.scores) / len(self.scores) if self.scores else None

    @property
    def difference(self) -> float | None:
        """Measured mean minus printed number, a fraction; None where the two are not of one data set and protocol."""
        if self.verdict is None or self.verdict.word not in COMPARED:
            return None
        return self.mean - sum(self.verdict.target) / 2

    @property
    def spread(self) -> float | None:
        """Standard deviation over seeds (n - 1), a fraction; None under two."""
        if len(self.scores) < 2:
            return None
        return (sum((score - self.mean) ** 2 for score in self.scores) / (len(self.scores) - 1)) ** 0.5

    @cached_property
    def unresolved(self) -> float:
        """How far a network's AUC can be from that of its logits, a fraction; 0 within the tolerance and of others.

        The most over the seeds. What a row without training ties is tied.
        """
        trained = [record for record in self.records if record.data["training"] is not None]
        if self.column.metric != "auc" or not trained:
            return 0.0
        found = [each.evidence()[_evaluation(each, self.column)].histogram for each in trained]
        most = max(float(auc_slack(histogram.sum(0))) for histogram in found)
        return most if most > float(self.column.tolerance) else 0.0


@dataclass(frozen=True)
class Comparison:
    """A table of one suite: rows of findings in the order of the columns.

    `externals` are rows like the others, of other tools' predictions on the same images: nothing is judged by them.
    """

    table: Table
    suite: Suite
    columns: tuple[Column, ...]
    rows: tuple[tuple[Finding, ...], ...]
    reading: Reading | None = None
    externals: tuple[tuple[Finding, ...], ...] = ()

    @property
    def measured(self) -> bool:
        """Whether any cell has a number."""
        return any(finding.scores for row in self.rows for finding in row)


def own_suite() -> Suite:
    """Return the suite of the papers' own data: the union of those that replace nothing."""
    from repro.papers.suites import SUITES

    data = {}
    for each in filter(is_own, SUITES.values()):
        data |= each.data
    return Suite(name=OWN, title="the papers' own data", data=data)


def find_suite(name: str | None) -> Suite:
    """Return a suite by name, reduced ones included; None is the papers' own data."""
    return own_suite() if name in (None, OWN) else plan.suite(name)


def shown_as(suite: Suite) -> Suite:
    """Return the suite whose views show a suite's numbers: all on the papers' own data share the papers' own views."""
    return own_suite() if is_own(suite) else suite


def home_of(suite: Suite, root: Path = records.ROOT) -> Folder:
    """Return the folder that a suite's records and views are written to."""
    return records.folder_of(None if is_own(suite) else suite.name, toy=suite.toy, root=root)


def folder_of(suite: Suite, root: Path = records.ROOT) -> Folder:
    """Return the folder a suite's views are read from; a generated one's lock where it was not trained here."""
    folder = home_of(suite, root)
    if suite.toy and not records.ids(folder.records):
        return records.lock_of(suite.name, root)
    return folder


def is_own(suite: Suite) -> bool:
    """Whether a suite's numbers stand beside the papers' in the papers' own tables: own data, nothing replaced."""
    own = all(stand.own and not stand.folds for stand in suite.data.values())
    replaced = suite.changes or suite.table_changes or suite.row_changes or suite.options
    return own and not replaced and not plan.is_reduced(suite)


def compare(
    table: Table,
    suite: Suite,
    folder: Folder,
    *,
    columns: Sequence[Column] | None = None,
    reading: Reading | None = None,
) -> Comparison:
    """Return the findings of a table in a suite, from the records of `folder`.

    Args:
        table: as declared; figures are tables too.
        suite: whose data stand behind the columns.
        folder: where its records are.
        columns: which; all declared ones unless given.
        reading: another reading of the protocol than the headline.
    """
    columns = tuple(columns or table.columns)
    there = records.by_id(folder.records)
    seeds = [_Seeds(table, row, suite, there, reading) for row in table.rows]
    rows = tuple(
        tuple(_finding(table, row, column, suite, found) for column in columns) for row, found in zip(table.rows, seeds)
    )
    return Comparison(table, suite, columns, rows, reading, _externals(suite, columns, folder))


def _externals(suite: Suite, columns: Sequence[Column], folder: Folder) -> tuple[tuple[Finding, ...], ...]:
    """A row for each external score of a data set behind any of the columns."""
    stands = [suite.data.get(column.data) for column in columns]
    found = find_external(folder, {stand.test for stand in stands if stand})
    return tuple(
        tuple(_external(each, column, stand) for column, stand in zip(columns, stands)) for each in found
    )


def _external(each: External, column: Column, stand: Stand | None) -> Finding:
    row = Row(name=f"external: {each.id}", extra=True, untrained=True)
    fits = stand is not None and stand.test == each.data["data"]
    scores = _all_scores([each], column, stand) if fits else ()
    return Finding(row, column, stand, None, scores, (0,) * len(scores), each.kind, (each,) if scores else ())


class _Seeds:
    """The records of a row by data set: of each machine kind, one a seed. Looked up once for all columns."""

    def __init__(self, table: Table, row: Row, suite: Suite, there: dict[str, list[Record]], reading: Reading | None):
        self.by_data: dict[str, dict[str, dict[int, Record]]] = {}
        for data in {column.data for column in table.columns}:
            kinds: dict[str, dict[int, Record]] = {}
            once = range(suite.data[data].folds or 1) if data in suite.data else ()
            for seed in once if row.untrained else SEEDS:
                run = plan.run_of(table, row, data, suite, seed=seed, reading=reading)
                if run is None:
                    break
                for record in there.get(run.id, ()):
                    kinds.setdefault(record.kind, {})[seed] = record
            self.by_data[data] = kinds


def _finding(table: Table, row: Row, column: Column, suite: Suite, found: _Seeds) -> Finding:
    stand = suite.data.get(column.data)
    reported = row.reported.get(column.reading_of or column.name)
    why = _unbuilt(row, stand)
    kinds = {} if why else found.by_data.get(column.data, {})
    kind = max(kinds, key=lambda name: (len(kinds[name]), name), default="")
    by_seed = {seed: kinds[kind][seed] for seed in sorted(kinds[kind])} if kind else {}
    scores = {seed: _score(record, column, stand) for seed, record in by_seed.items()}
    scores = {seed: score for seed, score in scores.items() if score == score}
    return Finding(
        row=row,
        column=column,
        stand=stand,
        reported=reported,
        scores=tuple(scores.values()),
        seeds=tuple(scores),
        kind=kind,
        records=tuple(by_seed[seed] for seed in scores),
        reruns=tuple((k, _all_scores(kinds[k].values(), column, stand)) for k in sorted(kinds) if k != kind),
        verdict=None
        if row.extra or column.extra
        else verdict(
            reported,
            column.unit,
            column.tolerance,
            tuple(scores.values()),
            built=not why,
            own_data=stand is None or stand.own,
            differences=_differences(table, row, suite),
        ),
        why=why,
    )


def _all_scores(behind: Iterable[Record], column: Column, stand: Stand) -> tuple[float, ...]:
    return tuple(score for record in behind if (score := _score(record, column, stand)) == score)


def _score(record: Record, column: Column, stand: Stand) -> float:
    """The column's score of one record, a fraction; NaN where it is undefined."""
    return record.score(_evaluation(record, column), _metric(column, stand))


def _evaluation(record: Record, column: Column) -> str:
    trained = record.data["training"] is not None  # where nothing was trained, nothing was selected
    return f"{column.weights if trained else 'last'} {column.labels} {column.region}"


def _differences(table: Table, row: Row, suite: Suite) -> tuple[str, ...]:
    """What a suite on the paper's own data does otherwise in a row than the paper says, a phrase each.

    What the paper does not state is no difference: the views list it with all that the suite replaces.
    """
    replaced = suite.changes | plan.matching(suite.table_changes, table.id)
    replaced |= plan.matching(suite.row_changes, f"{table.id}/{row.name}")
    silent = plan.paper_of(table.id).not_stated
    found = [f"{key} {plan.written(value)}" for key, value in replaced.items() if key not in silent]
    found += [f"{row.network} with {suite.options[row.network]}"] if row.network in suite.options else []
    found += [f"{stand.folds}-fold cross-validation" for stand in suite.data.values() if stand.folds]
    if suite.epochs is not None:
        found.append(many(suite.epochs, "epoch"))
    if suite.limit is not None:
        found.append(many(suite.limit, "training image"))
    return tuple(found)


def _metric(column: Column, stand: Stand) -> str:
    """The column's score with the paper's class names as the standing data set calls them."""
    name, _, classes = column.metric.partition(":")
    if not classes:
        return name
    return f"{name}:{','.join(stand.classes.get(each, each) for each in classes.split(','))}"


def _unbuilt(row: Row, stand: Stand | None) -> str:
    """Why a cell cannot be measured by this version, "" if it can."""
    if row.network is None:
        return row.why
    if row.network not in NETWORKS:
        return f"the network {row.network} does not exist yet"
    for name in (stand.train, stand.test) if stand else ():
        if name not in DATASETS:
            return f"the data set {name} cannot be read yet"
    return ""


def suite_called(name: str) -> Suite | None:
    """Return the suite that a folder is named after, None where none is."""
    try:
        suite = plan.suite(name)
    except ValueError:
        return None
    return suite if suite.name == name else None


def suites_with_numbers(table: Table, root: Path = records.ROOT) -> list[str]:
    """Return the names of the suites, reduced ones included, that have a record for any cell of a table."""
    from repro.papers.suites import SUITES

    folders = [path for kind in ("tables", "runs") for path in sorted((root / kind).glob("*")) if path.is_dir()]
    found = []
    for name in dict.fromkeys([*SUITES, *(path.name for path in folders)]):
        suite = suite_called(name)
        if suite is None or is_own(suite):
            continue
        there = records.ids(folder_of(suite, root).records)
        if there and any(run.id in there for run in _runs(table, suite)):
            found.append(name)
    return found


def _runs(table: Table, suite: Suite) -> Iterator[plan.Run]:
    for row in table.rows:
        for data in plan.stands(table, suite):
            for seed in SEEDS:
                run = plan.run_of(table, row, data, suite, seed=seed)
                if run is not None:
                    yield run
