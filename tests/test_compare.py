"""What stands in a cell: which records, which machine, which word."""

import dataclasses
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from measured import matrix, publish, run_of, with_seed

from repro import compare, plan, records
from repro.compare import Finding
from repro.papers import PAPERS
from repro.papers.spec import Figure, Recipe, Suite, Table
from repro.records import Folder

TABLE: Table = plan.exhibit("paper1_table1")
H200 = "nvidia-h200-torch2.11"


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return records.folder_of(None, toy=False, root=tmp_path)


def measure(folder: Folder, tmp_path: Path, cell: str, suite: str, scores: list[float], **facts) -> None:
    """Publish a record a score for seeds 0, 1, ..."""
    runs = tmp_path / "runs" / facts.get("kind", "here")
    for seed, miou in enumerate(scores):
        publish(folder, runs, with_seed(run_of(cell, suite), seed), matrix(miou), **facts)


def finding(folder: Folder, suite: str | None, row: str = "FCN", column: str = "mIoU", table: Table = TABLE) -> Finding:
    """Return what stands in one cell."""
    found = compare.compare(table, compare.find_suite(suite), folder)
    rows, columns = [row.name for row in table.rows], [column.name for column in table.columns]
    return found.rows[rows.index(row)][columns.index(column)]


def word(each: Finding) -> str:
    return str(each.verdict)


def test_three_seeds_within_the_tolerance_of_the_printed_digit_reproduce_it(folder: Folder, tmp_path: Path):
    # Printed 62.4, tolerance 1.0: 61.35 to 63.45. Mean .624, deviation .001, t(2) = 4.303: .624 +- .00248.
    measure(folder, tmp_path, "paper1_table1/FCN", "cityscapes", [0.623, 0.624, 0.625])
    each = finding(folder, None)
    assert each.scores == (0.623, 0.624, 0.625) and each.seeds == (0, 1, 2)
    assert each.mean == pytest.approx(0.624) and each.spread == pytest.approx(0.001)
    assert each.verdict.interval == pytest.approx((0.62152, 0.62648), abs=1e-5)
    assert word(each) == "reproduced"


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([0.500, 0.501, 0.502], "below"),
        ([0.800, 0.801, 0.802], "above"),
        ([0.600, 0.624, 0.650], "undecided (n = 3)"),  # +- .062: it reaches out on both sides
        ([0.624], "undecided (n = 1)"),
        ([0.623, 0.625], "undecided (n = 2)"),
    ],
)
def test_the_word_for_what_was_measured_on_the_papers_own_data(
    scores: list[float], expected: str, folder: Folder, tmp_path: Path
):
    measure(folder, tmp_path, "paper1_table1/FCN", "cityscapes", scores)
    assert word(finding(folder, None)) == expected


def test_what_was_not_measured_is_not_run(folder: Folder):
    each = finding(folder, None)
    assert word(each) == "not run" and each.mean is None and each.kind == "" and each.records == ()


def test_a_stand_ins_number_is_other_data(folder: Folder, tmp_path: Path):
    measure(folder, tmp_path, "paper1_table1/FCN", "camvid", [0.624, 0.624, 0.624])
    assert word(finding(folder, "camvid")) == "other data"
    assert word(finding(folder, None)) == "not run"  # CamVid's records say nothing of the paper's own data


def test_a_reduced_suite_on_the_papers_data_is_another_protocol(folder: Folder, tmp_path: Path):
    measure(folder, tmp_path, "paper1_table1/FCN", "cityscapes-e4-n96", [0.624])
    each = finding(folder, "cityscapes-e4-n96")
    assert word(each) == "other protocol"
    assert each.verdict.differences == ("4 epochs", "96 training images")


def test_a_number_beside_which_the_paper_prints_none_is_not_stated(folder: Folder, tmp_path: Path):
    figure = plan.exhibit("paper1_figure2")
    assert isinstance(figure, Figure)
    measure(folder, tmp_path, "paper1_figure2/ours", "cityscapes", [0.7])
    each = finding(folder, None, row="ours", table=figure)
    assert each.mean == pytest.approx(0.7) and word(each) == "not stated"


def test_a_row_without_a_network_is_not_built_and_says_why(folder: Folder):
    figure = plan.exhibit("paper2_figure4")
    each = finding(folder, None, row="SBPSF", column=figure.columns[0].name, table=figure)
    assert word(each) == "not built" and each.why and each.mean is None


def test_a_network_or_a_data_set_that_this_version_lacks_is_not_built(
    folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    measure(folder, tmp_path, "paper1_table1/FCN", "camvid", [0.6])
    monkeypatch.delitem(compare.NETWORKS, "fcn")
    assert word(finding(folder, "camvid")) == "not built"
    assert finding(folder, "camvid").why == "the network fcn does not exist yet"
    monkeypatch.delitem(compare.DATASETS, "camvid")
    assert finding(folder, "camvid", row="SegNet").why == "the data set camvid cannot be read yet"


def test_rows_and_columns_that_the_paper_does_not_print_get_no_verdict(folder: Folder, tmp_path: Path):
    measure(folder, tmp_path, "paper1_table1/U-Net", "cityscapes", [0.6])
    measure(folder, tmp_path, "paper1_table1/FCN", "cityscapes", [0.6])
    assert finding(folder, None, row="U-Net").verdict is None
    assert finding(folder, None, column="boundary IoU").verdict is None
    assert finding(folder, None, column="boundary IoU").mean == pytest.approx(0.6)


def test_a_cell_is_of_one_machine_kind_and_the_others_are_re_runs_never_a_mean(folder: Folder, tmp_path: Path):
    measure(folder, tmp_path, "paper1_table1/FCN", "camvid", [0.600, 0.602])
    measure(folder, tmp_path, "paper1_table1/FCN", "camvid", [0.700, 0.702, 0.704], kind=H200)
    each = finding(folder, "camvid")
    assert each.kind == H200  # more seeds
    assert each.mean == pytest.approx(0.702)
    assert dict(each.reruns) == {"cpu-torch2.15": pytest.approx((0.600, 0.602))}
    assert {record.kind for record in each.records} == {H200}


def test_a_seed_that_only_another_machine_ran_does_not_fill_the_headline(folder: Folder, tmp_path: Path):
    measure(folder, tmp_path, "paper1_table1/FCN", "camvid", [0.600, 0.602])
    third = with_seed(run_of("paper1_table1/FCN", "camvid"), 2)
    publish(folder, tmp_path / "runs" / "gpu", third, matrix(0.9), kind=H200)
    each = finding(folder, "camvid")
    assert each.seeds == (0, 1) and each.mean == pytest.approx(0.601)


def test_the_last_weights_are_the_headline_and_selected_ones_a_reading_of_it(folder: Folder, tmp_path: Path):
    run = run_of("paper1_table1/FCN", "cityscapes")
    publish(folder, tmp_path / "runs", run, matrix(0.6), selected=0.65)
    assert finding(folder, None).mean == pytest.approx(0.6)
    selected = finding(folder, None, column="mIoU, selected")
    assert selected.mean == pytest.approx(0.65) and selected.reported == "62.4"


def test_what_was_not_trained_has_no_selected_weights_and_shows_its_only_ones(folder: Folder, tmp_path: Path):
    measure(folder, tmp_path, "paper1_table1/position prior", "camvid", [0.2])
    assert finding(folder, "camvid", row="position prior", column="mIoU, selected").mean == pytest.approx(0.2)


def test_named_classes_are_those_of_the_standing_data_set(folder: Folder, tmp_path: Path):
    # Small targets: pole, traffic sign, person, bicycle; this record knows only "road" and "pole".
    run = run_of("paper1_table1/FCN", "camvid")
    publish(folder, tmp_path / "runs", run, [[3, 1], [1, 5]])
    assert finding(folder, "camvid", column="small targets").mean == pytest.approx(5 / 7)
    column = next(column for column in TABLE.columns if column.name == "small targets")
    stand = plan.suite("camvid").data["cityscapes"]
    assert compare._metric(column, stand) == "iou:pole,sign,pedestrian,bicyclist"


def test_an_undefined_score_is_no_number(folder: Folder, tmp_path: Path):
    run = run_of("paper2_figure1/0.5", "isic2017_256")
    publish(folder, tmp_path / "runs", run, [[4, 0], [0, 0]])  # no lesion anywhere: sensitivity is undefined
    table = plan.exhibit("paper2_figure1")
    sensitivity = next(c.name for c in table.columns if c.metric.endswith("sensitivity") and c.weights == "last")
    each = finding(folder, "isic2017_256", row="0.5", column=sensitivity, table=table)
    assert each.mean is None and each.kind and each.scores == ()


def test_another_reading_has_runs_of_its_own(folder: Folder, tmp_path: Path):
    suite, reading = compare.find_suite(None), TABLE.readings[0]
    run = plan.run_of(TABLE, TABLE.rows[0], "cityscapes", suite, reading=reading)
    publish(folder, tmp_path / "runs", run, matrix(0.55))
    assert compare.compare(TABLE, suite, folder, reading=reading).rows[0][0].mean == pytest.approx(0.55)
    assert compare.compare(TABLE, suite, folder).rows[0][0].mean is None


def test_the_papers_own_suites_share_the_papers_own_views_and_others_have_theirs(tmp_path: Path):
    assert compare.is_own(plan.suite("cityscapes")) and compare.is_own(compare.find_suite(None))
    assert not any(compare.is_own(plan.suite(name)) for name in ("camvid", "demo", "cityscapes-e4", "isic2017_256"))
    assert compare.shown_as(plan.suite("cityscapes")) == compare.own_suite()
    assert compare.shown_as(plan.suite("camvid")) == plan.suite("camvid")
    assert compare.home_of(plan.suite("drive"), tmp_path).tables == tmp_path / "tables"
    assert compare.home_of(plan.suite("cityscapes-e4"), tmp_path).tables == tmp_path / "tables" / "cityscapes-e4"
    assert set(compare.own_suite().data) == {"cityscapes", "isic2017", "isic2018", "ph2", "drive", "chasedb1"}


def test_the_demo_is_read_from_its_lock_where_it_was_not_trained_but_never_written_there(tmp_path: Path):
    demo = plan.suite("demo")
    locked, trained = records.lock_of("demo", tmp_path), records.folder_of("demo", toy=True, root=tmp_path)
    assert compare.folder_of(demo, tmp_path) == locked
    assert compare.home_of(demo, tmp_path) == trained
    publish(trained, tmp_path / "runs" / "demo", run_of("paper1_table1/FCN", "demo"), matrix(0.6))
    assert compare.folder_of(demo, tmp_path) == trained


def test_the_suites_with_numbers_for_a_table_are_those_with_a_record_of_one_of_its_runs(tmp_path: Path):
    folder = records.folder_of(None, toy=False, root=tmp_path)
    assert compare.suites_with_numbers(TABLE, tmp_path) == []
    publish(folder, tmp_path / "runs", run_of("paper1_table1/FCN", "camvid"), matrix(0.6))
    publish(folder, tmp_path / "runs", run_of("paper1_table1/FCN", "camvid-e4-n96"), matrix(0.5))
    publish(folder, tmp_path / "runs", run_of("paper1_table1/FCN", "cityscapes"), matrix(0.7))
    for name in ("camvid-e4-n96", "camvid-extra", "records", "somebody-elses"):
        (tmp_path / "tables" / name).mkdir(exist_ok=True)
    trained = records.folder_of("demo-e2", toy=True, root=tmp_path)
    publish(trained, tmp_path / "runs" / "demo-e2", run_of("paper1_table1/FCN", "demo-e2"), matrix(0.6))
    assert compare.suites_with_numbers(TABLE, tmp_path) == ["camvid", "camvid-e4-n96", "demo-e2"]
    assert compare.suites_with_numbers(plan.exhibit("paper2_table3"), tmp_path) == []


def test_what_a_suite_on_the_papers_data_would_replace_is_named(folder: Folder, tmp_path: Path):
    own = plan.suite("cityscapes")
    suite: Suite = replace(own, name="other", changes={"batch": 8}, options={"fcn": {"auxiliary": False}})
    run = plan.run_of(TABLE, TABLE.rows[0], "cityscapes", suite)
    publish(folder, tmp_path / "runs", run, matrix(0.6))
    each = compare.compare(TABLE, suite, folder).rows[0][0]
    assert str(each.verdict) == "other protocol"
    assert each.verdict.differences == ("batch 8", "fcn with {'auxiliary': False}")


def test_what_the_paper_does_not_state_is_no_other_protocol(folder: Folder, tmp_path: Path):
    suite = plan.suite("cityscapes-float32")
    for seed in range(3):
        run = with_seed(plan.run_of(TABLE, TABLE.rows[0], "cityscapes", suite), seed)
        publish(folder, tmp_path / "runs", run, matrix(0.624))
    each = compare.compare(TABLE, suite, folder).rows[0][0]
    assert str(each.verdict) == "reproduced" and each.verdict.differences == ()


def test_what_is_replaced_in_other_tables_rows_and_networks_is_no_difference_of_a_cell(folder: Folder, tmp_path: Path):
    changes = {"table_changes": {"paper2_*": {"batch": 4}}, "row_changes": {"*/SegNet": {"crop": None}}}
    suite = replace(plan.suite("cityscapes"), name="other", options={"pspnet": {"bins": 3}}, **changes)
    publish(folder, tmp_path / "runs", plan.run_of(TABLE, TABLE.rows[0], "cityscapes", suite), matrix(0.6))
    found = compare.compare(TABLE, suite, folder)
    differences = {row[0].row.name: row[0].verdict.differences for row in found.rows if row[0].verdict}
    assert differences["FCN"] == () and differences["SegNet"] == ("crop off",)
    assert differences["PSPNet"] == ("pspnet with {'bins': 3}",)


def test_what_a_paper_does_not_state_are_fields_of_a_recipe():
    fields = {field.name for field in dataclasses.fields(Recipe)}
    assert all(set(paper.not_stated) <= fields and paper.not_stated for paper in PAPERS)


def test_records_of_another_recipe_are_not_of_this_cell(folder: Folder, tmp_path: Path):
    run = run_of("paper1_table1/FCN", "camvid")
    publish(folder, tmp_path / "runs", replace(run, recipe=replace(run.recipe, alpha=0.25)), matrix(0.9))
    assert finding(folder, "camvid").mean is None


def test_whether_anything_was_measured_is_known_of_a_table(folder: Folder, tmp_path: Path):
    assert not compare.compare(TABLE, plan.suite("camvid"), folder).measured
    measure(folder, tmp_path, "paper1_table1/FCN", "camvid", [0.6])
    assert compare.compare(TABLE, plan.suite("camvid"), folder).measured


@pytest.mark.parametrize(
    ("bins", "trained", "expected"),
    [
        ([[3, 0], [0, 5]], True, 0),  # no pair shares a bin
        ([[3], [5]], True, 0.5),
        ([[2, 0, 1], [1, 1, 2]], True, 2 / 12),
        ([[1000, 1], [0, 10]], True, 0),  # 10 of 10 010 pairs: half of them is less than the tolerance, 0.003
        ([[3], [5]], False, 0),  # what gives one answer by its nature ties by its nature
    ],
)
def test_an_auc_whose_pixels_share_bins_is_unresolved(bins, trained, expected):
    table = plan.exhibit("paper2_table3")
    column = next(each for each in table.columns if each.name == "CHASEDB AUC")
    evaluation = SimpleNamespace(histogram=np.array(bins)[None])
    record = SimpleNamespace(
        data={"training": {} if trained else None},
        evidence=lambda: {f"last {column.labels} {column.region}": evaluation},
    )
    finding = compare.Finding(table.rows[0], column, None, None, (0.5,), (0,), "cpu", (record,))
    assert finding.unresolved == pytest.approx(expected)
    others = [each for each in table.columns if each.metric != "auc"]
    assert all(replace(finding, column=each).unresolved == 0 for each in others)
