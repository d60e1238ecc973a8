"""Loss curves and the files of a figure: numbers by hand, the same bytes each time, nothing written elsewhere."""

import csv
import io
import re
from pathlib import Path

import numpy as np
import pytest
from measured import ROOT, matrix, point, publish, run_of, snapshot, with_seed

from repro import compare, figure, plan, records
from repro.figure import curves
from repro.figure.__main__ import main
from repro.papers.spec import Figure
from repro.records import Folder

FIGURE: Figure = plan.exhibit("paper1_figure2")
CAMVID = plan.suite("camvid")
# Two epochs of 15 steps, with a point each 10 steps and at each epoch's end.
CURVE = [
    point(10, 1, 1.0), point(15, 1, 0.4, 0.9), point(20, 2, 0.5), point(30, 2, 0.2, 0.7),
]  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    made = records.folder_of("camvid", toy=False, root=tmp_path)
    publish(made, tmp_path / "runs", run_of("paper1_figure2/ours", "camvid"), matrix(0.6), curve=CURVE)
    return made


def test_over_epochs_the_training_loss_is_the_mean_over_the_epochs_steps():
    # Epoch 1: 10 steps at 1.0 and 5 at 0.4 make (10 + 2) / 15 = 0.8; epoch 2: 5 at 0.5, 10 at 0.2: 4.5 / 15 = 0.3.
    assert curves.points_of(CURVE, "train_loss", "epoch") == [(1, pytest.approx(0.8)), (2, pytest.approx(0.3))]


def test_over_steps_each_point_is_its_own_mean():
    assert curves.points_of(CURVE, "train_loss", "step") == [(10, 1.0), (15, 0.4), (20, 0.5), (30, 0.2)]


def test_the_selection_loss_is_shown_where_it_was_measured():
    assert curves.points_of(CURVE, "selection_loss", "epoch") == [(1, 0.9), (2, 0.7)]
    assert curves.points_of(CURVE, "selection_loss", "step") == [(15, 0.9), (30, 0.7)]
    assert curves.points_of(CURVE, "report_loss", "epoch") == []


def test_a_curve_is_the_mean_over_the_seeds_that_reach_a_position(folder: Folder, tmp_path: Path):
    longer = [*CURVE, point(45, 3, 0.1, 0.6)]
    other = [{**each, "train_loss": each["train_loss"] + 0.2} for each in longer]
    publish(folder, tmp_path / "runs", with_seed(run_of("paper1_figure2/ours", "camvid"), 1), matrix(0.6), curve=other)
    found = curves.curves_of(compare.compare(FIGURE, CAMVID, folder))
    train = next(curve for curve in found if curve.quantity == "train_loss")
    np.testing.assert_array_equal(train.position, [1, 2, 3])
    np.testing.assert_allclose(train.mean, [0.9, 0.4, 0.3])  # of .8 and 1.0, .3 and .5, and .3 alone
    np.testing.assert_allclose(train.spread, [0.1 * 2**0.5, 0.1 * 2**0.5, np.nan])
    assert train.n.tolist() == [2, 2, 1] and train.row == "ours"
    np.testing.assert_allclose(train.shared().mean, [0.9, 0.4])  # drawn as far as both go
    rows = curves.as_csv(compare.compare(FIGURE, CAMVID, folder)).splitlines()
    assert "ours,train_loss,2,0.4,0.141421,2" in rows and "ours,train_loss,3,0.3,,1" in rows


def test_a_training_loss_that_counts_more_than_one_output_is_said(folder: Folder, tmp_path: Path):
    assert curves.auxiliary(curves.curves_of(compare.compare(FIGURE, CAMVID, folder))) == ""
    for row in ("FCN", "SegNet", "PSPNet"):
        publish(folder, tmp_path / "runs", run_of(f"paper1_figure2/{row}", "camvid"), matrix(0.6), curve=CURVE)
    found = curves.curves_of(compare.compare(FIGURE, CAMVID, folder))
    said = "The training loss of FCN, PSPNet counts auxiliary outputs too; other losses are the main output's."
    assert curves.auxiliary(found) == said
    assert said in " ".join(figure.files_of(FIGURE, CAMVID, folder)[".svg"].decode().split())


def test_the_csv_beside_the_figure_holds_its_points(folder: Folder):
    text = figure.files_of(FIGURE, CAMVID, folder)[".csv"].decode()
    rows = list(csv.reader(io.StringIO(text)))
    assert rows[0] == ["row", "curve", "epoch", "mean", "spread", "n"]
    assert ["ours", "train_loss", "1", "0.8", "", "1"] in rows
    assert ["ours", "train_loss", "2", "0.3", "", "1"] in rows
    assert ["ours", "selection_loss", "2", "0.7", "", "1"] in rows
    assert len(rows) == 1 + 4


@pytest.mark.parametrize("id", [id for id, each in plan.exhibits().items() if isinstance(each, Figure)])
def test_a_figure_is_a_png_an_svg_and_a_csv_of_the_same_bytes_each_time_and_without_a_date(id: str, tmp_path: Path):
    drawn = plan.exhibit(id)
    if not figure.is_drawn(drawn):
        pytest.skip(f"{drawn.kind} figures are not built")
    suite = CAMVID if id.startswith("paper1") else plan.suite("isic2017_256")
    made = records.folder_of(suite.name, toy=False, root=tmp_path)
    first, second = (figure.files_of(drawn, suite, made) for _ in range(2))
    assert set(first) == {".png", ".svg", ".csv"}
    assert first == second
    assert first[".png"].startswith(b"\x89PNG") and b"Software" not in first[".png"] and b"tIME" not in first[".png"]
    assert b"<dc:date>" not in first[".svg"] and not re.search(rb"20\d\d-\d\d-\d\d", first[".svg"])


def test_curves_are_drawn_with_the_same_bytes_whatever_was_drawn_before(folder: Folder, tmp_path: Path):
    before = figure.files_of(FIGURE, CAMVID, folder)
    figure.files_of(FIGURE, plan.suite("demo"), records.folder_of("demo", toy=True, root=tmp_path))
    assert figure.files_of(FIGURE, CAMVID, folder) == before


def test_a_figure_shows_what_was_measured(folder: Folder, tmp_path: Path):
    empty = figure.files_of(FIGURE, CAMVID, records.folder_of("camvid", toy=False, root=tmp_path / "none"))
    assert empty[".csv"].decode().splitlines() == ["row,curve,epoch,mean,spread,n"]
    assert figure.files_of(FIGURE, CAMVID, folder)[".png"] != empty[".png"]


def test_the_command_writes_three_files_where_it_is_told(tmp_path: Path, capsys: pytest.CaptureFixture):
    before = snapshot(ROOT / "tables") | snapshot(ROOT / "figures")
    assert main(["paper1_figure2", "--to", str(tmp_path / "out")]) == 0
    expected = [tmp_path / "out" / f"paper1_figure2{ending}" for ending in (".png", ".svg", ".csv")]
    assert set((tmp_path / "out").iterdir()) == set(expected)
    assert capsys.readouterr().out.splitlines() == [str(path) for path in expected]
    assert snapshot(ROOT / "tables") | snapshot(ROOT / "figures") == before


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["paper1_figur2"], "did you mean paper1_figure2"),
        (["paper1_table1"], "paper1_table1 is a table; see it with python -m repro.table paper1_table1"),
        (["paper1_figure2", "--suite", "camvit"], "did you mean camvid"),
        (["paper1_figure2", "--suite", "ph2"], "suite ph2 has no data for paper1_figure2; it has paper2_"),
        (["paper2_figure3", "--suite", "camvid"], "suite camvid has no data for paper2_figure3; it has paper1_"),
        (["paper1_table1_cost", "--suite", "ph2"], "suite ph2 has no data for paper1_table1; it has paper2_"),
    ],
)
def test_bad_input_is_one_sentence_and_nothing_is_written(
    arguments: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture
):
    assert main([*arguments, "--to", str(tmp_path / "out")]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("repro.figure: ") and sentence in err and err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_file_where_the_folder_should_be_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture):
    (tmp_path / "out").write_text("a file")
    assert main(["paper1_figure2", "--to", str(tmp_path / "out")]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and str(tmp_path / "out") in err
    assert "is a file; expected a folder" in err
    assert (tmp_path / "out").read_text() == "a file"


def test_a_figure_of_a_kind_that_is_not_built_says_where_its_numbers_are(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.delitem(figure.KINDS, "curves")
    with pytest.raises(ValueError, match=r"curves figures are not built; for its numbers: repro.table paper1"):
        figure.files_of(FIGURE, CAMVID, records.folder_of("camvid", toy=False, root=tmp_path))
