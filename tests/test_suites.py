"""The suites: which runs the declarations come to, and what is replaced."""

import fnmatch

import pytest

from repro import plan
from repro.compare import is_own
from repro.papers.spec import FactTable, Table
from repro.papers.suites import SUITES

TABLES: dict[str, Table] = {id: each for id, each in plan.exhibits().items() if not isinstance(each, FactTable)}
ROWS = [(table, row) for table in TABLES.values() for row in table.rows]
CELLS = [f"{table.id}/{row.name}" for table, row in ROWS]


def run_id(cell: str, suite: str) -> str:
    table, _, row = cell.partition("/")
    found = next(each for each in TABLES[table].rows if each.name == row)
    return plan.run_of(TABLES[table], found, TABLES[table].columns[0].data, SUITES[suite]).id


@pytest.mark.parametrize("suite", ["cityscapes", "camvid", "demo"])
def test_ours_is_one_run_wherever_it_stands(suite: str):
    cells = ["paper1_table1/ours", "paper1_table2/0.0005", "paper1_figure1/ours", "paper1_figure2/ours"]
    cells += ["paper1_ablation/hybrid, full", "paper1_deviations/as declared"]
    assert len({run_id(cell, suite) for cell in cells}) == 1
    assert run_id("paper1_ablation/none, none", suite) == run_id("paper1_table1/U-Net on ResNet-50", suite)


@pytest.mark.parametrize("suite", ["isic2017", "isic2017_256", "demo"])
def test_tcnet_is_one_run_in_the_sweep_the_curves_and_the_deviations(suite: str):
    cells = ["paper2_figure1/0.5", "paper2_figure2/all-convolution", "paper2_figure3/all-convolution"]
    assert len({run_id(cell, suite) for cell in [*cells, "paper2_deviations/as declared"]}) == 1


@pytest.mark.parametrize("name", SUITES)
def test_rows_of_a_table_are_different_runs_unless_the_suite_replaces_what_tells_them_apart(name: str):
    replaced = {  # what a suite sets for every row is no longer a difference
        "demo": {"alpha 0.75", "from scratch", "float32", "ResNet-34", "half the width"},
        "camvid": {"from scratch"},
    }.get(name, set())
    suite = SUITES[name]
    for table in TABLES.values():
        for data in plan.stands(table, suite):
            rows = [row for row in table.rows if row.network and not (table.ablation and row.name in replaced)]
            ids = {plan.run_of(table, row, data, suite).id: row.name for row in rows}
            assert len(ids) == len(rows), f"{table.id}: {[row.name for row in rows if row.name not in ids.values()]}"


def test_the_long_run_is_twice_the_others_and_stops_for_nothing():
    for name in ("cityscapes", "camvid", "demo"):
        table = TABLES["paper1_figure2"]
        rows = {row.name: plan.run_of(table, row, "cityscapes", SUITES[name]).recipe for row in table.rows}
        assert rows["ours, 200 epochs"].epochs == 2 * rows["ours"].epochs
        assert rows["ours, 200 epochs"].patience is None and rows["ours"].patience


def test_a_suites_replacements_name_tables_rows_and_networks_that_exist():
    used = {row.network for _, row in ROWS}
    for suite in SUITES.values():
        assert suite.name and set(suite.data) <= {column.data for table in TABLES.values() for column in table.columns}
        assert set(suite.options) <= used
        for glob in suite.table_changes:
            assert fnmatch.filter(TABLES, glob)
        for glob in suite.row_changes:
            assert fnmatch.filter(CELLS, glob)
        assert SUITES[suite.name] is suite
        folds = any(stand.folds for stand in suite.data.values())
        assert bool(suite.why) == bool(suite.changes or suite.options or folds)  # what is replaced has a reason


def test_in_a_cross_validation_a_seed_is_a_fold_with_lists_of_its_own_and_every_row_has_all_of_them():
    suite = SUITES["isic2018_cv"]
    runs = [job.run for job in plan.plan(suite, only="paper2_figure5/TCNet")]
    lists = [(run.train.list, run.train.selection, run.test.list) for run in runs]
    assert lists == [(f"train-{fold}", f"selection-{fold}", f"report-{fold}") for fold in range(1, 6)]
    prior = plan.plan(suite, only="paper2_figure5/position prior")
    assert [job.run.test.list for job in prior] == [f"report-{fold}" for fold in range(1, 6)]
    assert not is_own(suite)


def test_suites_on_the_papers_own_data_replace_nothing():
    for name in ("cityscapes", "isic2017", "isic2018", "ph2", "drive", "chasedb1"):
        suite = SUITES[name]
        assert not (suite.changes or suite.options or suite.table_changes or suite.row_changes or suite.toy)
        assert all(stand.own for stand in suite.data.values())
    assert SUITES["ph2"].data["ph2"].train == "isic2017"


def test_the_demo_fills_every_table_and_tells_alpha_from_one_minus_alpha():
    demo = SUITES["demo"]
    assert set(plan.tables_of(demo)) == set(TABLES)
    for job in plan.plan(demo):
        assert job.run.recipe.precision == "float32" and job.run.recipe.weights == "none"
        if job.run.trained and job.run.train.data == "toy_cityscapes":
            assert job.run.recipe.alpha != 1 - job.run.recipe.alpha
    assert demo.toy and not any(stand.own for stand in demo.data.values())


def test_crops_and_sizes_are_whole_multiples_of_the_deepest_stride():
    for suite in SUITES.values():
        for job in plan.plan(suite, ablations=True):
            for side in (*(job.run.recipe.crop or ()), *(job.run.recipe.size or ())):
                assert side % 32 == 0
