"""The declarations only declare, and everything they name exists."""

import ast
import dataclasses
import fnmatch
import inspect
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from repro import plan
from repro.networks import NETWORKS
from repro.papers import PAPERS, spec
from repro.papers.spec import Claim, FactTable, Figure, Recipe, Table
from repro.papers.suites import SUITES

FOLDER = Path(spec.__file__).parent
MODULES = sorted(path for path in FOLDER.rglob("*.py") if path != FOLDER / "spec.py")
TABLES: dict[str, Table] = {id: each for id, each in plan.exhibits().items() if not isinstance(each, FactTable)}
FACTS: dict[str, FactTable] = {id: each for id, each in plan.exhibits().items() if isinstance(each, FactTable)}
CLAIMS: dict[str, Claim] = {claim.id: claim for paper in PAPERS for claim in paper.claims}
ROWS = [(table, row) for table in TABLES.values() for row in table.rows]
RECIPE_FIELDS = {field.name for field in dataclasses.fields(Recipe)}
CELLS = [f"{table.id}/{row.name}" for table, row in ROWS] + [f"{t.id}/{r.name}" for t in FACTS.values() for r in t.rows]


FORBIDDEN = (
    *(ast.For, ast.AsyncFor, ast.While, ast.If, ast.IfExp, ast.Match, ast.Try, ast.With, ast.Assert, ast.BoolOp),
    *(ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda, ast.Import, ast.Compare, ast.NamedExpr),
    *(ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp),
)


def beyond_declaring(source: str) -> list[str]:
    """Return what a module does beside importing from repro.papers, assigning and calling spec's dataclasses."""
    tree = ast.parse(source)
    wrong = [type(node).__name__ for node in ast.walk(tree) if isinstance(node, FORBIDDEN)]
    words: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            wrong += [] if (node.module or "").startswith("repro.papers") else [f"import from {node.module}"]
            words |= {alias.name for alias in node.names} if node.module == "repro.papers.spec" else set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and not (isinstance(node.func, ast.Name) and node.func.id in words):
            wrong.append(f"call of {ast.unparse(node.func)}")
    return wrong


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(FOLDER)))
def test_a_paper_module_only_declares(path: Path):
    assert beyond_declaring(path.read_text()) == []


@pytest.mark.parametrize(
    "source",
    [
        "rows = [row for row in (1, 2)]",
        "for row in (1, 2): row",
        "rate = 1 if True else 2",
        "name = (lambda: 3)",
        "import math",
        "from repro.losses import LOSSES",
        "from repro.papers.spec import Row\nrows = tuple(())",
        "def row(): return 1",
    ],
)
def test_the_rule_finds_a_module_that_computes(source: str):
    assert beyond_declaring(source)


def test_importing_the_papers_loads_nothing_but_the_standard_library():
    heavy = "[name for name in ('numpy', 'torch', 'pandas', 'scipy', 'matplotlib') if name in sys.modules]"
    code = f"import sys, repro.papers.suites; print({heavy})"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


@pytest.mark.parametrize("table", plan.exhibits().values(), ids=lambda table: table.id)
def test_rows_and_columns_of_a_table_have_unique_names_without_wildcards(table: Table | FactTable):
    rows = [row.name for row in table.rows]
    columns = list(table.columns) if isinstance(table, FactTable) else [column.name for column in table.columns]
    assert len(set(rows)) == len(rows) > 0
    assert len(set(columns)) == len(columns) > 0
    assert not any(set(name) & set("*?[]/") for name in rows)  # "table/row" is a glob


def test_ids_are_unique_over_papers():
    ids = [each.id for paper in PAPERS for each in (paper, *paper.tables, *paper.figures)]
    ids += [each.id for paper in PAPERS for each in (*paper.claims, *paper.contradictions)]
    assert len(set(ids)) == len(ids)
    for paper in PAPERS:
        named = (*paper.tables, *paper.figures, *paper.claims, *paper.contradictions)
        assert all(each.id.startswith(paper.id) for each in named)


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.id)
def test_reported_strings_are_decimals_in_their_columns_range_and_stand_in_printed_cells(table: Table):
    columns = {column.name: column for column in table.columns}
    for row in table.rows:
        for name, text in row.reported.items():
            column = columns[name]
            assert not row.extra and not column.extra and column.reading_of is None and not table.ablation
            assert 0 <= Decimal(text) <= {"percent": 100, "fraction": 1}[column.unit]
            assert re.fullmatch(r"\d+\.\d+", text)


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.id)
def test_columns_measure_scores_that_exist_with_a_tolerance_and_readings_of_printed_ones(table: Table):
    from repro.metrics import SCORES

    columns = {column.name: column for column in table.columns}
    for column in table.columns:
        assert column.metric.partition(":")[0] in SCORES
        assert Decimal(column.tolerance) > 0
        assert (column.weights, column.labels, column.region) in {
            (weights, labels, region)
            for weights in ("last", "selected")
            for labels in ("native", "input")
            for region in ("whole", "field_of_view")
        }
        if column.reading_of:
            original = columns[column.reading_of]
            assert original.reading_of is None and not original.extra
            assert (column.data, column.unit) == (original.data, original.unit)
            assert dataclasses.replace(column, name="", reading_of=None) != dataclasses.replace(original, name="")


def test_every_table_has_the_position_prior_as_its_floor_and_vessels_the_second_observer():
    for table in TABLES.values():
        curves = isinstance(table, Figure) and table.kind in ("curves", "architecture")
        networks = {row.network for row in table.rows}
        assert curves or "position_prior" in networks
        assert ("second_observer" in networks) == any(column.region == "field_of_view" for column in table.columns)
        assert all(row.untrained and row.extra for row in table.rows if row.network == "position_prior")


def test_changes_are_of_recipe_fields():
    changes = [row.changes for _, row in ROWS]
    changes += [reading.changes for table in TABLES.values() for reading in table.readings]
    for suite in SUITES.values():
        changes += [suite.changes, *suite.table_changes.values(), *suite.row_changes.values()]
    assert {name for each in changes for name in each} <= RECIPE_FIELDS


def test_a_row_without_a_network_says_why_and_an_untrained_one_changes_nothing():
    assert [(table.id, row.name) for table, row in ROWS if row.network is None] == [("paper2_figure4", "SBPSF")]
    for _, row in ROWS:
        assert row.network or (row.why and not row.reported and not row.options)
        assert not (row.untrained and row.changes)


def test_losses_class_weights_and_augmentations_exist():
    from repro.data.transforms import AUGMENTATIONS
    from repro.losses import CLASS_WEIGHTS, LOSSES

    for table, row in ROWS:
        recipe = dataclasses.replace(table.recipe, **row.changes)
        assert recipe.loss in LOSSES
        assert recipe.class_weights is None or recipe.class_weights in CLASS_WEIGHTS
        assert set(recipe.augmentations) <= set(AUGMENTATIONS)


def networks() -> Iterator[tuple[str, dict[str, object], str]]:
    """Every network with the options of each row, once."""
    seen = []
    for table, row in ROWS:
        if row.network and (row.network, row.options) not in seen:
            seen.append((row.network, row.options))
            yield row.network, row.options, f"{table.id}/{row.name}"


def test_every_network_that_a_row_names_is_listed():
    assert {network for network, *_ in networks()} <= set(NETWORKS)


@pytest.mark.parametrize(("network", "options", "cell"), networks(), ids=[cell for *_, cell in networks()])
def test_a_row_writes_out_every_option_of_its_networks_constructor(network: str, options: dict, cell: str):
    parameters = set(inspect.signature(pkgutil.resolve_name(NETWORKS[network])).parameters)
    free = {"in_channels", "classes", "encoder_weights", "checkpoint"}  # checkpoint changes no number
    assert set(options) == parameters - free


def test_only_rows_with_an_encoder_start_from_imagenet_weights():
    for table, row in ROWS:
        recipe = dataclasses.replace(table.recipe, **row.changes)
        if row.network and not row.untrained and recipe.weights == "imagenet":
            assert "encoder_name" in row.options, f"{table.id}/{row.name}"


@pytest.mark.parametrize("claim", CLAIMS.values(), ids=lambda claim: claim.id)
def test_what_a_claim_compares_exists(claim: Claim):
    said = dataclasses.asdict(claim.predicate)
    if "data" in said:
        assert said["data"] in {column.data for table in TABLES.values() for column in table.columns}
        return
    table = TABLES[said.get("table") or said["figure"]]
    rows = {row.name for row in table.rows}
    named = {*said.get("rows", ()), *said.get("others", ()), *([said["row"]] if "row" in said else [])}
    assert named and named <= rows
    assert set(said.get("columns", ())) <= {column.name for column in table.columns}
    if "figure" in said:
        assert isinstance(table, Figure) and table.kind == "curves"
        needed = said.get("curve") or ("train_loss" if "step" in said else "selection_loss")
        assert needed in table.curves
    assert "row" not in said or said["row"] not in said.get("others", ())


def test_curves_and_axes_are_given_where_a_figure_has_them():
    for table in TABLES.values():
        if isinstance(table, Figure):
            assert bool(table.curves) == (table.kind == "curves")
            assert bool(table.axis) == (table.kind in ("curves", "sweep"))
            assert table.kind in ("curves", "sweep", "bars", "architecture")


def test_the_sweeps_rows_are_the_values_they_set():
    sweep = TABLES["paper2_figure1"]
    values = {row.name: row.changes["alpha"] for row in sweep.rows if not row.extra}
    assert values == {str(alpha): alpha for alpha in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)}
    rates = {row.name: row.changes["learning_rate"] for row in TABLES["paper1_table2"].rows if not row.extra}
    assert {float(name): rate for name, rate in rates.items()} == {rate: rate for rate in rates.values()}


def test_deviations_touch_cells_that_exist():
    for paper in PAPERS:
        for deviation in paper.deviations:
            for glob in deviation.rows:
                assert fnmatch.filter(CELLS, glob), f"{paper.id}: {deviation.subject}: {glob}"


def test_rows_of_the_deviation_tables_change_one_thing_each():
    for id in ("paper1_deviations", "paper2_deviations"):
        network = TABLES[id].rows[0].network
        first, *rest = (row for row in TABLES[id].rows if row.network == network)
        assert first.name == "as declared" and not first.changes
        for row in rest:
            changed = [name for name, value in row.options.items() if value != first.options[name]]
            assert len(changed) + bool(row.changes) == 1, row.name


def resolve(place: str) -> object:
    """Return what a reference of a contradiction stands for."""
    first, *middle, last = place.split("/")
    if first in CLAIMS:
        return getattr(CLAIMS[first].predicate, last)
    middle = "/".join(middle)
    if first in FACTS:
        return next(row.reported[last] for row in FACTS[first].rows if row.name == middle)
    if middle == "recipe":
        return getattr(TABLES[first].recipe, last)
    table = TABLES[first]
    given = {f"{row.name}/{column}": text for row in table.rows for column, text in row.reported.items()}
    if isinstance(table, Figure):
        given |= {f"{each.row} - {each.other}/{each.column}": each.reported for each in table.differences}
    return given[f"{middle}/{last}"]


def test_the_numbers_that_contradictions_rest_on_are_declared_somewhere():
    assert resolve("paper1_converges/epoch") == 175
    assert resolve("paper1_table1/recipe/epochs") == 100
    assert resolve("paper2_figure4/TCNet - UNet/JA") == "2.475"
    for paper in PAPERS:
        for contradiction in paper.contradictions:
            for place in contradiction.inputs.values():
                assert "/" not in place or resolve(place) is not None


def test_references_have_scores_that_are_fractions_and_a_whole_protocol():
    from repro.metrics import SCORES

    for paper in PAPERS:
        for reference in paper.references:
            assert set(reference.scores) <= set(SCORES)
            assert all(0 < Decimal(text) < 1 for text in reference.scores.values())
            assert {"backbone", "weights", "schedule", "resolution", "region"} <= set(reference.protocol)
