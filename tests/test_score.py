"""Scoring masks that any tool made: as the suite scores its own networks, and refused where they do not fit."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny
import tiny_data
import torch
from measured import matrix, publish, run_of
from PIL import Image

from repro import check, compare, external, plan, records, score
from repro.data import DATASETS
from repro.data.cityscapes import Cityscapes
from repro.data.encodings import Decoder, detect
from repro.data.isic2017 import ISIC2017
from repro.evaluation import logits_of, resize_logits
from repro.plan import Run, Split
from repro.runner import Setting, make_network, open_lists, perform
from repro.table import render

CPU = torch.device("cpu")


@pytest.fixture
def squares(tmp_path: Path, monkeypatch) -> Path:
    """A data set of five report images, and nothing written outside `tmp_path`."""
    monkeypatch.setitem(DATASETS, "tiny_squares", "tiny_data:Squares")
    monkeypatch.setattr(records, "ROOT", tmp_path / "checkout")
    return tiny_data.draw(tmp_path)


@pytest.fixture
def masks(squares: Path, tmp_path: Path) -> Path:
    """Its labels as predictions, void as ground: right everywhere."""
    folder = tmp_path / "my-masks"
    folder.mkdir()
    for sample in tiny_data.Squares(squares).samples("report"):
        label = np.array(Image.open(sample.label))
        Image.fromarray(np.where(label == 255, 0, label).astype(np.uint8)).save(folder / f"{sample.name}.png")
    return folder


def run(folder: Path, root: Path, *options: str) -> int:
    return score.main([str(folder), "--dataset", "tiny_squares", "--data", f"tiny_squares={root}", *options])


def written(tmp_path: Path, name: str = "my-masks") -> dict:
    return json.loads((tmp_path / "checkout" / "tables" / "external" / f"{name}.json").read_text())


def test_a_networks_own_predictions_have_exactly_the_scores_of_its_record(squares: Path, tmp_path: Path):
    recipe = tiny.recipe(epochs=1, size=(12, 16))  # so that predictions are resized to the labels
    split = {"train": Split(data="tiny_squares", list="train"), "test": Split(data="tiny_squares", list="report")}
    made = Run(network="unet", options={"width": 2}, recipe=recipe, seed=1, **split)
    setting = Setting(tmp_path / "runs", (f"tiny_squares={squares}",), CPU)
    folder = perform(made, setting)
    from safetensors.torch import load_file

    lists = open_lists(made, setting.data)
    network = make_network(made, lists, CPU).eval()
    network.load_state_dict(load_file(folder / "last.safetensors"))
    target = tmp_path / "theirs"
    target.mkdir()
    from repro.data.samples import EvaluationSamples

    samples = EvaluationSamples(lists.test_set, lists.report, size=recipe.size)
    with torch.inference_mode():
        for sample in (samples[index] for index in range(len(samples))):
            logits = resize_logits(logits_of(network, sample.image, recipe, CPU), sample.label.shape)
            Image.fromarray(logits[0].argmax(0).numpy().astype(np.uint8)).save(target / f"{sample.name}.png")
    assert run(target, squares) == 0
    theirs = written(tmp_path, "theirs")["scores"]["last native whole"]
    ours = json.loads((folder / "record.json").read_text())["scores"]["last native whole"]
    assert theirs == ours and 0 < theirs["miou"] < 1


def test_labels_as_predictions_are_right_everywhere(squares: Path, masks: Path, tmp_path: Path, capsys):
    assert run(masks, squares) == 0
    data = written(tmp_path)
    assert data["scores"]["last native whole"]["miou"] == 1.0
    assert data["predictions"]["n"] == 5 and data["predictions"]["encoding"] == "train"
    said = capsys.readouterr().out
    assert data["predictions"]["sha256"] in said and "jaccard 100.00" in said


def test_the_folders_hash_is_what_sha256sum_says(masks: Path):
    line = "find * -type f | LC_ALL=C sort | xargs sha256sum | sha256sum"
    said = subprocess.run(["bash", "-c", line], cwd=masks, capture_output=True, text=True, check=True).stdout
    assert score.folder_hash(masks, sorted(masks.glob("*.png"))) == said.split()[0]


def test_what_is_missing_extra_and_double_is_said_in_one_sentence(squares: Path, masks: Path, tmp_path: Path, capsys):
    (masks / "west_3.png").rename(masks / "east_3.png")
    (masks / "west_4.png").unlink()
    (masks / "west_0_color.png").write_bytes((masks / "west_0.png").read_bytes())
    assert run(masks, squares) == 2
    said = capsys.readouterr().err
    assert "without a mask, of the list's 5 images: 2 (west_3 for one)" in said
    assert "masks of no image in the list: 1 (east_3.png for one)" in said
    assert "second masks of an image: 1 (west_0_color.png for one)" in said
    assert said.count("\n") == 1 and not (tmp_path / "checkout").exists()


def test_masks_of_another_size_are_counted_and_the_first_is_named(squares: Path, masks: Path, capsys):
    for name in ("west_1", "west_2"):
        Image.fromarray(np.zeros((8, 12), np.uint8)).save(masks / f"{name}.png")
    assert run(masks, squares) == 2
    assert "2 of 5 masks have another size than their labels: west_1.png is 8x12" in capsys.readouterr().err


def test_other_predictions_are_not_written_under_a_name_that_is_taken(squares: Path, masks: Path, capsys):
    assert run(masks, squares) == run(masks, squares) == 0  # the same again is no harm
    Image.fromarray(np.ones((16, 24), np.uint8)).save(masks / "west_0.png")
    assert run(masks, squares) == 2
    assert "other predictions are there under this name" in capsys.readouterr().err
    assert run(masks, squares, "--name", "second try") == 0


@pytest.mark.parametrize("name", ["../up", "", "a/b", "-x", "a" * 61])
def test_a_name_that_is_no_file_name_is_refused(name: str):
    with pytest.raises(ValueError, match="--name"):
        external.check_name(name)


def write(path: Path, pixels, mode: str | None = None) -> Path:
    Image.fromarray(np.asarray(pixels, np.uint8), mode).save(path)
    return path


def test_the_encoding_is_found_by_the_stated_rule(tmp_path: Path):
    low, high = write(tmp_path / "low.png", [[7, 8, 11]]), write(tmp_path / "high.png", [[7, 33, 0]])
    streets, skin = Cityscapes.__new__(Cityscapes), ISIC2017.__new__(ISIC2017)  # their declarations alone
    with pytest.raises(ValueError, match=r"hold 7..8, 11, which may be train ids .* say which with --encoding"):
        detect(streets, [low])  # as label ids road, sidewalk and building, as train ids light, sign and person
    assert detect(streets, [low, write(tmp_path / "road.png", [[0, 1]])]) == "train"  # label id 0 is no class
    assert detect(streets, [low, high]) == "label"  # 33 is no train id, and the folder has one encoding
    assert detect(streets, [write(tmp_path / "void.png", [[18, 255]])]) == "train"
    assert detect(skin, [write(tmp_path / "one.png", [[0, 1]])]) == "train"
    assert detect(skin, [write(tmp_path / "white.png", [[0, 255]])]) == "label"
    assert detect(skin, [write(tmp_path / "colour.png", [[[255, 180, 60]]])]) == "palette"
    with pytest.raises(ValueError, match="value 7 is no label id of isic2017"):
        detect(skin, [low])


def test_label_ids_and_colours_become_train_ids(tmp_path: Path):
    streets = Cityscapes.__new__(Cityscapes)
    label = np.array([[0, 1, 255]], np.uint8)  # road, sidewalk, void
    ids = write(tmp_path / "ids.png", [[7, 8, 0]])
    assert Decoder.of(streets, [ids], "label").read(ids, label).tolist() == [[0, 1, 0]]
    colours = write(tmp_path / "colours.png", [[[128, 64, 128], [244, 35, 232], [0, 0, 0]]])
    assert Decoder.of(streets, [colours]).read(colours, label).tolist() == [[0, 1, 0]]
    wrong = write(tmp_path / "wrong.png", [[[128, 64, 129]] * 3])
    with pytest.raises(ValueError, match=r"colour \(128, 64, 129\) is of no class"):
        Decoder.of(streets, [wrong]).read(wrong, label)
    grey = write(tmp_path / "grey.png", [[[255, 255, 255]] * 3])
    with pytest.raises(ValueError, match="is of no class; save grey masks with one channel"):
        Decoder.of(streets, [wrong, grey]).read(grey, label)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "I;16"])
def test_a_mask_of_numbers_is_read_whatever_channels_hold_it(tmp_path: Path, mode: str):
    skin, path = ISIC2017.__new__(ISIC2017), tmp_path / "mask.png"
    numbers = Image.fromarray(np.array([[0, 255, 255]], np.uint8))
    numbers = Image.fromarray(np.array([[0, 255, 255]], np.uint16)) if mode == "I;16" else numbers.convert(mode)
    numbers.save(path)
    decoder = Decoder.of(skin, [path])
    assert decoder.encoding == "label" and decoder.read(path, np.zeros((1, 3), np.uint8)).tolist() == [[0, 1, 1]]


def test_a_number_of_sixteen_bits_above_255_is_no_class(tmp_path: Path):
    Image.fromarray(np.array([[0, 300]], np.uint16)).save(tmp_path / "mask.png")
    with pytest.raises(ValueError, match="holds 300, expected numbers of classes below 256"):
        Decoder.of(ISIC2017.__new__(ISIC2017), [tmp_path / "mask.png"])


def test_void_where_the_label_is_a_class_is_refused(tmp_path: Path):
    streets = Cityscapes.__new__(Cityscapes)
    mask = write(tmp_path / "mask.png", [[255, 255, 3]])
    with pytest.raises(ValueError, match="1 pixels are predicted as no class"):
        Decoder.of(streets, [mask]).read(mask, np.array([[255, 0, 3]], np.uint8))


def test_own_labels_of_black_and_white_need_no_classes(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(records, "ROOT", tmp_path)
    for name in ("labels", "theirs"):
        (tmp_path / name).mkdir()
    write(tmp_path / "labels" / "a.png", [[0, 255, 255, 0]])
    write(tmp_path / "theirs" / "a_pred.png", [[0, 1, 0, 0]])
    assert score.main([str(tmp_path / "theirs"), "--labels", str(tmp_path / "labels")]) == 0
    data = json.loads((tmp_path / "runs" / "external" / "theirs.json").read_text())
    assert data["scores"]["last native whole"]["jaccard"] == 1 / 2  # one of two foreground pixels, none beside
    write(tmp_path / "labels" / "a.png", [[0, 7, 7, 0]])
    assert score.main([str(tmp_path / "theirs"), "--labels", str(tmp_path / "labels")]) == 2
    (tmp_path / "classes.txt").write_text("0: ground\n7: vessel\n")
    options = ["--labels", str(tmp_path / "labels"), "--classes", str(tmp_path / "classes.txt"), "--name", "again"]
    assert score.main([str(tmp_path / "theirs"), *options]) == 0


@pytest.mark.parametrize(("mask", "asks"), [([[255, 0, 0, 255]], True), ([[0, 255, 0, 0]], False)])
def test_masks_that_score_far_better_with_their_classes_swapped_are_asked_about(
    tmp_path: Path, monkeypatch, capsys, mask, asks
):
    monkeypatch.setattr(records, "ROOT", tmp_path)
    for name, pixels in (("labels", [[0, 255, 255, 0]]), ("theirs", mask)):
        (tmp_path / name).mkdir()
        write(tmp_path / name / "a.png", pixels)
    assert score.main([str(tmp_path / "theirs"), "--labels", str(tmp_path / "labels")]) == 0
    said = capsys.readouterr().out
    assert ("inverted? With their two classes swapped the jaccard would be 100.00." in said) == asks


def test_an_external_score_is_a_row_of_every_table_of_its_data(squares: Path, masks: Path, tmp_path: Path):
    assert run(masks, squares) == 0
    theirs = tmp_path / "checkout" / "tables" / "external" / "my-masks.json"
    data = json.loads(theirs.read_text()) | {"data": "camvid"}
    theirs.write_bytes(records.record_bytes(data))
    folder = records.folder_of("camvid", toy=False, root=tmp_path / "checkout")
    publish(folder, tmp_path / "runs", run_of("paper1_table1/FCN", "camvid"), matrix(0.5))
    camvid, table = plan.suite("camvid"), plan.exhibit("paper1_table1")
    for suite in (camvid, plan.suite("camvid-e4-n96")):
        text = render(table, suite, folder, "md")
        row = next(line for line in text.splitlines() if line.startswith("| external: my-masks"))
        assert "100.0" in row and row.endswith("| external |")
        assert data["predictions"]["sha256"] in text
    assert "external: my-masks,,100.000,,1,external" in render(table, camvid, folder, "csv")
    ranked = replace(table, columns=(replace(table.columns[0], metric="auc"), *table.columns[1:]))
    (theirs,) = compare.compare(ranked, camvid, folder).externals  # a mask ranks nothing
    assert [bool(each.records) for each in theirs] == [each.mean is not None for each in theirs]
    assert theirs[0].mean is None
    elsewhere = compare.compare(table, plan.suite("cityscapes"), folder)
    assert elsewhere.externals == ()


def test_check_finds_an_external_score_that_does_not_follow_from_its_evidence(squares, masks, tmp_path: Path):
    assert run(masks, squares) == 0
    folder = records.folder_of(None, toy=False, root=tmp_path / "checkout")
    report = check.Report()
    check.check_external(folder, report)
    assert report.failures == []
    path = external.external_folder(folder) / "my-masks.json"
    data = json.loads(path.read_text())
    data["scores"]["last native whole"]["miou"] = 0.5
    path.write_bytes(records.record_bytes(data))
    (path.parent / "stray.npz").write_bytes(b"")
    check.check_external(folder, report)
    assert ["miou of last native whole is 0.5" in report.failures[0], "stray.npz" in report.failures[1]] == [True, True]
