"""Figures that no paper prints: confusion, agreement and panels of any table."""

import csv
import io
from pathlib import Path

import numpy as np
import pytest
import tiny_data
import torch
from measured import matrix, publish, run_of, with_seed
from PIL import Image

from repro import compare, plan, records
from repro.data.base import content_hash
from repro.figure import cost, derived, panels, tiles
from repro.figure.__main__ import main
from repro.records import Folder
from repro.runner.kept import Keeper

TABLE, CAMVID = plan.exhibit("paper1_table1"), plan.suite("camvid")


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return records.folder_of("camvid", toy=False, root=tmp_path)


def draw(ending: str, suite, folder: Folder, **how) -> dict[str, bytes]:
    return derived.files_of(TABLE, ending, suite, folder, runs=folder.tables.parent / "runs", **how)


def test_a_derived_figure_is_named_after_its_table():
    assert derived.of_id("paper1_table1_confusion") == (TABLE, "confusion")
    assert derived.of_id("paper1_table1_shape") is None and derived.of_id("paper9_table1_confusion") is None
    assert derived.of_id("paper2_table1_confusion") is None  # a table of facts


def test_confusion_is_drawn_from_the_counts_of_the_records(folder: Folder, tmp_path: Path):
    publish(folder, tmp_path / "runs", run_of("paper1_table1/FCN", "camvid"), [[3, 1], [0, 4]])
    files = draw("confusion", CAMVID, folder)
    assert {*files} == {"_confusion.png", "_confusion.svg", "_confusion.csv"}
    lines = list(csv.reader(io.StringIO(files["_confusion.csv"].decode())))[1:]
    assert [(line[0], *line[3:]) for line in lines] == [
        ("FCN", "road", "road", "3"), ("FCN", "road", "pole", "1"),
        ("FCN", "pole", "road", "0"), ("FCN", "pole", "pole", "4"),
    ]  # fmt: skip


def test_score_against_cost_marks_every_system_of_its_own():
    assert len({tuple(cost.mark(number).values()) for number in range(16)}) == 16
    assert {cost.mark(number)["fillstyle"] for number in range(8)} == {"full"}


def test_agreement_has_a_point_where_both_numbers_are_of_the_papers_own_data(folder: Folder, tmp_path: Path):
    for seed, miou in enumerate((0.6, 0.62)):
        run = with_seed(run_of("paper1_table1/FCN", "cityscapes"), seed)
        publish(folder, tmp_path / "runs", run, matrix(miou))
    publish(folder, tmp_path / "runs", run_of("paper1_table1/SegNet", "camvid"), matrix(0.5))
    own = csv.reader(io.StringIO(draw("agreement", compare.own_suite(), folder)["_agreement.csv"].decode()))
    assert [line for line in own if line[1] == "mIoU"] == [["FCN", "mIoU", "62.4", "61", "2"]]
    camvid = draw("agreement", CAMVID, folder)["_agreement.csv"].decode()
    assert camvid == "row,column,reported,measured,n\n"  # another data set's number is never set beside the paper's


def test_errors_of_two_classes_tell_missed_from_invented_and_void_is_white():
    label, prediction = np.array([[1, 1, 0, 0, 255]]), np.array([[1, 0, 1, 0, 1]])
    expected = [tiles.FOUND, tiles.MISSED, tiles.INVENTED, tiles.RIGHT, tiles.UNCOUNTED]
    assert [tuple(pixel) for pixel in tiles.errors(label, prediction, binary=True)[0]] == expected
    of_more = [tiles.RIGHT, tiles.WRONG, tiles.WRONG, tiles.RIGHT, tiles.UNCOUNTED]
    assert [tuple(pixel) for pixel in tiles.errors(label, prediction, binary=False)[0]] == of_more


def test_tiles_are_small_and_no_id_is_invented():
    ids = np.zeros((720, 960), np.uint8)
    ids[:, 480:] = 10
    small = tiles.nearest(ids)
    assert small.shape == (270, 360) and set(np.unique(small)) == {0, 10}
    assert tiles.photograph(np.zeros((720, 960, 3), np.uint8)).shape == (270, 360, 3)


@pytest.fixture
def scenes(tmp_path: Path, monkeypatch) -> panels.Scenes:
    from repro.data import DATASETS

    monkeypatch.setitem(DATASETS, "tiny_squares", "tiny_data:Squares")
    return panels.Scenes("tiny_squares", [f"tiny_squares={tiny_data.draw(tmp_path)}"])


def keep(folder: Path, samples) -> None:
    """Leave what a run leaves: here every pixel is predicted as ground."""
    keeper = Keeper()
    for sample in samples:
        shape = np.array(Image.open(sample.label)).shape
        each = type("Seen", (), {"name": sample.name, "content_hash": content_hash(sample.image)})
        keeper(each, torch.zeros(shape, dtype=torch.int64), torch.tensor([[90, 0], [10, 0]]))
    keeper.write(folder / "predictions", tiny_data.Squares.colours)


def test_panels_show_image_label_prediction_and_errors_and_name_what_is_missing(
    scenes: panels.Scenes, folder: Folder, tmp_path: Path
):
    fcn, segnet = (run_of(f"paper1_table1/{name}", "camvid") for name in ("FCN", "SegNet"))
    for run in (fcn, segnet):
        publish(folder, tmp_path / "made", run, matrix(0.5))
    samples = scenes.dataset.samples("report")
    keep(tmp_path / "runs" / fcn.id, samples)
    found = compare.compare(TABLE, CAMVID, folder)
    kept, missing = panels.kept_of(found, "cityscapes", tmp_path / "runs", "first")
    assert [(each.system, each.name) for each in kept] == [("FCN", sample.name) for sample in samples[:4]]
    assert missing[1:] == [f"SegNet: run {segnet.id} left no predictions in this checkout."]
    assert missing[0].startswith("Not run: DeepLabv3+, PSPNet, ours")
    bands = list(panels._first(kept, scenes))
    assert len(bands) == 4 and [text for text, _ in bands[0].above] == ["image, label", "FCN"]
    label = scenes.dataset.read_label(samples[0])
    expected = tiles.errors(label, np.zeros_like(label), binary=True)
    np.testing.assert_array_equal(bands[0].below[1], expected)
    worst, _ = panels.kept_of(found, "cityscapes", tmp_path / "runs", "worst")
    assert [each.name for each in worst] == [samples[4].name]  # of five images one is left


def test_an_image_that_has_changed_is_not_drawn(scenes: panels.Scenes):
    sample = scenes.dataset.samples("report")[0]
    right = panels.Kept("FCN", content_hash(sample.image), sample.name, 0.5, Path("none"))
    assert scenes.get(right) is not None
    assert scenes.get(panels.Kept("FCN", "0" * 16, sample.name, 0.5, Path("none"))) is None
    assert scenes.get(panels.Kept("FCN", right.image, "gone", 0.5, Path("none"))) is None


def test_without_images_the_figure_says_so(folder: Folder, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("REPRO_DATA", raising=False)
    files = draw("panels", CAMVID, folder, options=[str(tmp_path)])
    assert files["_panels.png"].startswith(b"\x89PNG") and "_panels.csv" not in files


@pytest.mark.parametrize(("suite", "refused"), [("camvid", True), ("demo", False), ("cityscapes", True)])
def test_only_images_that_may_be_passed_on_enter_the_repository(suite: str, refused: bool):
    inside, below_runs = records.ROOT / "docs", records.ROOT / "runs" / "x"
    derived.check_target(TABLE, "panels", plan.suite(suite), below_runs)
    derived.check_target(TABLE, "confusion", plan.suite(suite), inside)
    if refused:
        with pytest.raises(ValueError, match="its terms forbid to pass images of"):
            derived.check_target(TABLE, "panels", plan.suite(suite), inside)
    else:
        derived.check_target(TABLE, "panels", plan.suite(suite), inside)


def test_an_ending_that_is_none_is_refused_with_those_there_are(capsys):
    assert main(["paper1_table1_shape"]) == 2
    said = capsys.readouterr().err
    assert "there is no figure 'paper1_table1_shape'" in said and "_agreement (reported against measured" in said
