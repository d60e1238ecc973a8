"""Declarations × suite → the runs that fill its cells, each with its id."""

import dataclasses
import difflib
import fnmatch
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from repro.papers import PAPERS
from repro.papers.spec import Column, FactTable, Figure, Paper, Reading, Recipe, Row, Stand, Suite, Table
from repro.papers.suites import SUITES

# network, data set or loss -> its revision where a fix changed what its runs mean
REVISIONS: dict[str, int] = {"utnet": 2}

PRECISIONS = ("float32", "bfloat16", "float16")
_REDUCED = re.compile(
    r"(?P<base>.+?)(?:-e([1-9][0-9]{0,8}))?(?:-n([1-9][0-9]{0,8}))?(?:-m([1-9][0-9]{0,3}))?"
    rf"(?:-({'|'.join(PRECISIONS)}))?"
)

_UNTRAINED = {  # of a system without parameters only the sizes of the evaluation can change a score
    "weights": "none", "loss": "none", "alpha": None, "class_weights": None, "auxiliary_weights": (),
    "optimiser": "none", "learning_rate": 0.0, "final_learning_rate": None, "schedule": None, "weight_decay": None,
    "epochs": 0, "batch": 1, "micro_batch": None, "crop": None, "augmentations": (), "patience": None,
    "precision": "float32", "averaging": None, "window": None,
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Split:
    """A list of images of a data set, "train" or "report" or a fold's "train-1", and how many of them at most."""

    data: str
    list: str
    limit: int | None = None

    @property
    def selection(self) -> str:
        """The list that selects for a training list: "selection" for "train", "selection-1" for "train-1"."""
        return self.list.replace("train", "selection", 1)


@dataclass(frozen=True, kw_only=True)
class Run:
    """Exactly what can change a score. Device, workers, paths, commit, row and suite are not in it."""

    network: str
    options: dict[str, object] = field(default_factory=dict)
    train: Split
    test: Split
    recipe: Recipe
    seed: int = 0

    @property
    def trained(self) -> bool:
        """Whether there is anything to train; a floor or a classical method is evaluated only."""
        return self.recipe.epochs > 0

    def identity(self) -> dict:
        """Return the JSON object whose hash is the id: fields at "off" (None, False, ()) are left out.

        A network's options stand as they are given, since what is off for one constructor is not for another.
        """
        identity = _on({each.name: getattr(self, each.name) for each in dataclasses.fields(self)})
        identity |= {name: _on(vars(getattr(self, name))) for name in ("train", "test", "recipe")}
        identity["options"] = {name: _plain(value) for name, value in self.options.items()}
        names = (self.network, self.train.data, self.test.data, self.recipe.loss)
        revisions = {name: REVISIONS[name] for name in names if REVISIONS.get(name, 1) != 1}
        return identity | ({"revisions": revisions} if revisions else {})

    @cached_property  # a table asks for hundreds of ids, several times each
    def id(self) -> str:
        """Twelve hex digits of the SHA-256 of the identity's canonical JSON (sorted keys, no spaces)."""
        canonical = json.dumps(self.identity(), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(canonical.encode()).hexdigest()[:12]


def from_identity(identity: dict) -> Run:
    """Return the run that `identity` describes: the inverse of `Run.identity`, whatever fields were off.

    Raises:
        ValueError: a field this version does not know.
    """
    try:
        fields = {name: _declared(value) for name, value in identity.items() if name != "revisions"}
        splits = {name: Split(**fields[name]) for name in ("train", "test")}
        return Run(**(fields | splits | {"recipe": Recipe(**fields["recipe"])}))
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"this run was made by another version of the suite: {error}") from None


def _declared(value):
    """`value` from JSON as declarations have it: lists are tuples."""
    if isinstance(value, dict):
        return {key: _declared(item) for key, item in value.items()}
    return tuple(_declared(item) for item in value) if isinstance(value, list) else value


def _plain(value):
    """`value` as JSON has it: tuples are lists."""
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def _on(fields: dict[str, object]) -> dict[str, object]:
    """`fields` as JSON has them, without those that are None, False or ()."""
    return {
        name: _plain(value)
        for name, value in fields.items()
        if value is not None and value is not False and value != ()
    }


@dataclass(frozen=True)
class Job:
    """A run with the cells that wait for it.

    Attributes:
        run: what to train and evaluate.
        cells: "table/row" names.
        report_loss: a figure shows the loss on the reported list; it is recorded, and used for nothing else.
    """

    run: Run
    cells: tuple[str, ...]
    report_loss: bool = False


def exhibits() -> dict[str, Table | FactTable]:
    """Return every table and figure by id, in the papers' order (figures are tables with a kind)."""
    return {exhibit.id: exhibit for paper in PAPERS for exhibit in (*paper.tables, *paper.figures)}


def paper_of(exhibit_id: str) -> Paper:
    """Return the paper that declares a table or figure."""
    return next(p for p in PAPERS if any(e.id == exhibit_id for e in (*p.tables, *p.figures)))


def exhibit(name: str) -> Table | FactTable:
    """Return one table or figure; ValueError with the nearest names if there is none of that name."""
    return named("table or figure", name, exhibits())


def named(kind: str, name: str, among: dict, also: Iterable[str] = ()):
    """Return `among[name]`; ValueError with the nearest names, of `also` too, if it is not there."""
    if name in among:
        return among[name]
    near = difflib.get_close_matches(name, [*among, *also], n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(among)}"
    raise ValueError(f"there is no {kind} {name!r}; {hint}")


def suite(name: str, also: Iterable[str] = ()) -> Suite:
    """Return a suite by name, reduced where the name says so: "camvid-e4-n96" is camvid at 4 epochs and 96 images.

    "camvid-m2" is camvid in micro-batches of 2, which batch-norm sees; "camvid-float32" is camvid in that precision.
    """
    match = _REDUCED.fullmatch(name)
    base, *sizes, precision = match.groups() if match else (name, None)
    sizes = (int(size) if size else None for size in sizes)
    return reduced(named("suite", base, SUITES, also), *sizes, precision=precision)


def reduced(
    of: Suite,
    epochs: int | None = None,
    limit: int | None = None,
    micro_batch: int | None = None,
    precision: str | None = None,
) -> Suite:
    """Return `of` at so many epochs, training images and images a forward pass, and in a precision, with its own name.

    Fewer epochs or images leave one seed; without any of the four it is as declared.
    """
    if not (epochs or limit or micro_batch or precision):
        return of
    base, _, _, micro_before, precision_before = _REDUCED.fullmatch(of.name).groups()
    micro_batch = micro_batch or (int(micro_before) if micro_before else None)
    precision = precision or precision_before
    name = base + "".join(f"-{letter}{n}" for letter, n in zip("enm", (epochs, limit, micro_batch), strict=True) if n)
    name += f"-{precision}" if precision else ""
    recipe = {"micro_batch": micro_batch, "precision": precision}
    changes = of.changes | {field: value for field, value in recipe.items() if value}
    seeds = of.seeds[:1] if epochs or limit else of.seeds
    return replace(of, name=name, epochs=epochs, limit=limit, changes=changes, seeds=seeds)


def is_reduced(of: Suite) -> bool:
    """Whether a suite trains for other epochs or on fewer images than its declaration says."""
    return of.epochs is not None or of.limit is not None


def readings(table: Table, of: Suite, data: str) -> tuple[Reading | None, ...]:
    """Return the readings of a table that a suite can give: the headline (None), and others on the paper's own data."""
    return (None, *(table.readings if of.data[data].own else ()))


def run_of(
    table: Table, row: Row, data: str, of: Suite, *, seed: int = 0, reading: Reading | None = None
) -> Run | None:
    """Return the run behind a row's cells on one of the paper's data sets, or None where suite or row has none."""
    stand = of.data.get(data)
    if stand is None or row.network is None:
        return None
    changes = (
        of.changes | matching(of.table_changes, table.id) | (reading.changes if reading else {})
        | row.changes | matching(of.row_changes, f"{table.id}/{row.name}")
    )  # fmt: skip
    recipe = replace(table.recipe, **changes)
    if recipe.micro_batch and recipe.micro_batch >= recipe.batch:
        recipe = replace(recipe, micro_batch=None)  # off is the whole batch
    fold = f"-{seed % stand.folds + 1}" if stand.folds else ""
    if row.untrained:
        recipe, seed = replace(recipe, **_UNTRAINED), 0
    elif of.epochs is not None:
        recipe = replace(recipe, epochs=of.epochs)
    return Run(
        network=row.network,
        options=row.options | of.options.get(row.network, {}),
        train=Split(data=stand.train, list=f"train{fold}", limit=of.limit),
        test=Split(data=stand.test, list=f"report{fold}"),
        recipe=recipe,
        seed=seed,
    )


def matching(changes: dict[str, dict], name: str) -> dict:
    """Return the union of the changes whose glob matches `name`; of two that replace a field the later counts."""
    merged: dict = {}
    for glob, change in changes.items():
        if fnmatch.fnmatchcase(name, glob):
            merged |= change
    return merged


def stands(table: Table, of: Suite) -> dict[str, Stand]:
    """Return the data sets behind a table's columns that the suite has, in column order."""
    return {column.data: of.data[column.data] for column in table.columns if column.data in of.data}


def check_stands(table: Table, of: Suite) -> None:
    """Raise a ValueError where a suite has no data for a table or figure."""
    if not stands(table, of):
        raise ValueError(f"suite {of.name} has no data for {table.id}; it has {', '.join(tables_of(of))}")


def headline_columns(table: Table) -> tuple[Column, ...]:
    """Return the columns as the paper prints them, without other readings and our own extras."""
    return tuple(column for column in table.columns if not column.extra and column.reading_of is None)


def plan(of: Suite, *, only: str = "*", seeds: Sequence[int] | None = None, ablations: bool = False) -> list[Job]:
    """Return a suite's runs, each once, in the order they are worth doing.

    Seed 0 of every cell the papers print, then our own rows, then further seeds; longest first within each.

    Raises:
        ValueError: no table and row matches `only`.
    """
    rank: dict[str, tuple] = {}
    runs: dict[str, Run] = {}
    cells: dict[str, list[str]] = {}
    watched: set[str] = set()
    if not fnmatch.filter(cells_of(of, ablations=ablations), only):
        raise ValueError(_no_match(of, only))
    for seed in of.seeds if seeds is None else seeds:
        for table, row, data, reading in _rows(of, ablations):
            run = run_of(table, row, data, of, seed=seed, reading=reading)
            if run is None:
                continue
            if isinstance(table, Figure) and "report_loss" in table.curves:
                watched.add(run.id)
            cell = f"{table.id}/{row.name}"
            if not fnmatch.fnmatchcase(cell, only):
                continue
            ours = row.extra or reading is not None or table.ablation or row.ablation
            runs.setdefault(run.id, run)
            cells.setdefault(run.id, []).append(cell)
            order = (run.seed != 0, run.seed, ours, -run.recipe.epochs)
            rank[run.id] = min(rank.get(run.id, order), order)
    ordered = sorted(runs, key=rank.__getitem__)
    return [Job(runs[id], tuple(dict.fromkeys(cells[id])), id in watched) for id in ordered]


def cells_of(of: Suite, *, ablations: bool = False) -> list[str]:
    """Return the "table/row" names that a suite has data for: what the glob of `--only` is matched against."""
    return list(dict.fromkeys(f"{table.id}/{row.name}" for table, row, *_ in _rows(of, ablations)))


def _no_match(of: Suite, only: str) -> str:
    """What to say of a glob that matches nothing."""
    everything = cells_of(of, ablations=True)
    if fnmatch.filter(everything, only):
        return f"--only {only!r} matches ablations only; give --ablations too"
    near = difflib.get_close_matches(only, everything, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"tables: {', '.join(tables_of(of))}"
    return f"--only {only!r} matches no table/row of suite {of.name}; {hint}"


def _rows(of: Suite, ablations: bool) -> Iterator[tuple[Table, Row, str, Reading | None]]:
    """Every (table, row, data, reading) a suite fills; ablations and other readings only if asked for."""
    for table in exhibits().values():
        if isinstance(table, FactTable) or (table.ablation and not ablations):
            continue
        for row in table.rows:
            if row.ablation and not ablations:
                continue
            for data in stands(table, of):
                for reading in readings(table, of, data) if ablations else (None,):
                    yield table, row, data, reading


def written(value: object) -> str:
    """Return a recipe's or an option's value as people write it: sizes 512x1024, names in a row, None as off."""
    if isinstance(value, (list, tuple)):
        return ("x" if value and all(isinstance(each, int) for each in value) else ", ").join(map(str, value))
    return "off" if value is None else str(value)


def tables_of(of: Suite) -> list[str]:
    """Return the ids of the tables and figures that a suite has data for."""
    return [id for id, table in exhibits().items() if not isinstance(table, FactTable) and stands(table, of)]


def is_figure(table: Table | FactTable) -> bool:
    """Whether an exhibit is drawn, not only printed."""
    return isinstance(table, Figure)
