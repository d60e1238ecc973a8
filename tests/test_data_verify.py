import json
import os
import shutil
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from repro.data import open_dataset
from repro.data.__main__ import main
from repro.data.base import Part
from repro.data.chasedb1 import ChaseDB1
from repro.data.isic2017 import ISIC2017
from repro.data.ph2 import PH2
from repro.data.synthetic.fundus_trees import write_chasedb1
from repro.data.synthetic.layouts import LAYOUTS, write_layout
from repro.data.synthetic.skin_trees import write_isic2017, write_ph2
from repro.data.verify import verify

SET = "toy_chasedb1-1"


@pytest.fixture(scope="module")
def generated(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REPRO_CACHE", str(tmp_path_factory.mktemp("cache")))
        return open_dataset("toy_chasedb1", Path(os.environ["REPRO_CACHE"]) / SET).root


@pytest.fixture
def root(generated, tmp_path, monkeypatch):
    monkeypatch.setenv("REPRO_CACHE", str(tmp_path / "cache"))
    return shutil.copytree(generated, tmp_path / "cache" / SET)


def png_header(width, height):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


def zero_bytes(image, label):
    image.write_bytes(b"")


def truncated_jpeg(image, label):
    image.write_bytes(image.read_bytes()[:1500])


def wrong_crc(image, label):
    data = bytearray(label.read_bytes())
    data[data.index(b"IDAT") + 8] ^= 0xFF
    label.write_bytes(data)


def sixteen_bits(image, label):
    Image.fromarray(np.zeros((154, 160), np.uint16)).save(label)


def rgba(image, label):
    Image.fromarray(np.zeros((154, 160, 4), np.uint8)).save(image, format="PNG")


def palette(image, label):
    coloured = Image.fromarray(np.ones((154, 160), np.uint8))
    coloured.putpalette([0, 0, 0, 0, 200, 0])
    coloured.save(label)


def wrong_size(image, label):
    Image.fromarray(np.zeros((154, 159), bool)).save(label)


def missing_pair(image, label):
    label.unlink()


def label_200(image, label):
    Image.fromarray(np.full((154, 160), 200, np.uint8)).save(label)


def jpeg_label(image, label):
    Image.open(label).convert("L").save(label, format="JPEG")


def bomb(image, label):
    label.write_bytes(png_header(100_000, 100_000))


def link_out(image, label):
    outside = image.parents[2] / "outside.jpg"
    image.rename(outside)
    image.symlink_to(outside)


def half_unpacked(image, label):
    for path in image.parent.glob("Image_1*"):
        path.unlink()


def twice(image, label):
    (image.parent / "Image_05R.jpg").write_bytes(image.read_bytes())


CORRUPTIONS = {
    zero_bytes: "Image_01L.jpg: cannot be read as an image (zero bytes); get the file again.",
    truncated_jpeg: "Image_01L.jpg: is damaged (image file is truncated",
    wrong_crc: "Image_01L_1stHO.png: is damaged (",
    sixteen_bits: "Image_01L_1stHO.png: a label of mode 'I;16', expected one 8-bit number a pixel",
    rgba: "Image_01L.jpg: an image of mode 'RGBA', expected 8-bit RGB",
    palette: "Image_01L_1stHO.png: a mask with colours, expected black and white",
    wrong_size: "sizes differ (image 154 x 160, label 154 x 159, second_label 154 x 160",
    missing_pair: "15 labels for the 16 images of split 'train'; Image_01L.jpg has none at",
    label_200: "Image_01L_1stHO.png: label value 200 is out of range, expected 0, 255",
    jpeg_label: "Image_01L_1stHO.png: a label stored as JPEG has invented values; expected PNG",
    bomb: "Image_01L_1stHO.png: declares more than 67108864 pixels; refused",
    link_out: "Image_01L.jpg: a link out of the data folder; refused, put the file itself there.",
    half_unpacked: "2 images in split 'train', expected 16",
    twice: "Image_01L (train) and Image_05R (train) are one picture, and the data set's declaration does not list",
}


@pytest.mark.parametrize("corrupt", CORRUPTIONS, ids=lambda corrupt: corrupt.__name__)
def test_each_corruption_is_one_sentence_and_nothing_is_written(corrupt, root, capsys):
    if corrupt is half_unpacked:
        for path in root.glob("Image_0[2-9]*"):
            path.unlink()
    corrupt(root / "Image_01L.jpg", root / "Image_01L_1stHO.png")
    before = sorted(root.parent.rglob("*"))
    assert main(["verify", "toy_chasedb1"]) == 1
    shown = capsys.readouterr().out
    assert CORRUPTIONS[corrupt] in shown and "toy_chasedb1 is wrong: " in shown
    assert sorted(root.parent.rglob("*")) == before


def test_a_right_set_is_reported_as_a_table_and_json_and_its_manifest_is_what_sha256sum_checks(
    root, capsys, tmp_path
):
    assert main(["verify", "toy_chasedb1", "--json", str(tmp_path / "report.json")]) == 0
    shown = capsys.readouterr().out
    assert "images of split 'train'" in shown and "16 of 16" in shown
    assert "list 'report'" in shown and "8 images; child: 4" in shown
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["ok"] and report["files"] == 3 * 24 and report["name"] == "toy_chasedb1"
    manifest = tmp_path / "cache" / "manifests" / "toy_chasedb1.sha256"
    assert len(manifest.read_text().splitlines()) == 72
    assert os.system(f"cd {root} && sha256sum --status -c {manifest}") == 0


def test_files_that_changed_since_the_last_time_are_named(root, capsys):
    assert main(["verify", "toy_chasedb1"]) == 0
    label = root / "Image_02L_1stHO.png"
    pixels = np.array(Image.open(label))
    pixels[60, 60] ^= True
    Image.fromarray(pixels).save(label)
    capsys.readouterr()
    assert main(["verify", "toy_chasedb1"]) == 1
    shown = capsys.readouterr().out
    assert "71 of 72 files as before" in shown and "Image_02L_1stHO.png: changed since the last time" in shown


def test_a_generated_chasedb1_is_not_a_genuine_copy(tmp_path):
    write_chasedb1(tmp_path, 14, size=(36, 40), seed=0)
    wrong = verify(ChaseDB1(tmp_path)).wrong
    assert [check.what for check in wrong] == ["foreground pixels as published"]
    assert wrong[0].details[0].startswith("Image_01L: ") and "published are 66885" in wrong[0].details[0]


class Small(ISIC2017):
    counts = {"train": 2, "val": 1, "test": 1}
    lists = {"train": Part("train"), "report": Part("val")}
    equal_images = (("ISIC_0000000", "ISIC_0000002"),)
    equal_images_reason = "because"

    def training_lists(self, list_name):
        return ("train",) if list_name == "train" else ()


def test_listed_equal_pictures_are_printed_left_out_of_training_and_not_wrong(tmp_path):
    write_isic2017(tmp_path, {"train": 2, "val": 1, "test": 1}, size=(24, 32), seed=0)
    for folder, ending in (("Data", ".jpg"), ("Part1_GroundTruth", "_segmentation.png")):
        source = tmp_path / f"ISIC-2017_Training_{folder}" / f"ISIC_0000000{ending}"
        shutil.copy(source, tmp_path / f"ISIC-2017_Validation_{folder}" / f"ISIC_0000002{ending}")
    dataset = Small(tmp_path)
    assert [sample.name for sample in dataset.samples("train")] == ["ISIC_0000001"]
    report = verify(dataset)
    assert not report.wrong
    check = next(check for check in report.checks if check.what == "pictures that are there twice")
    assert (check.state, check.found) == ("note", "1 pairs, 1 listed")
    assert check.details == (
        "ISIC_0000000 (train) and ISIC_0000002 (val) are one picture: because; ISIC_0000000 is left out of training",
    )


def test_a_split_that_no_list_uses_may_lack_its_labels_and_one_in_use_may_not(tmp_path):
    write_isic2017(tmp_path, {"train": 2, "val": 1, "test": 1}, size=(24, 32), seed=0)
    shutil.rmtree(tmp_path / "ISIC-2017_Test_v2_Part1_GroundTruth")
    assert not verify(Small(tmp_path)).wrong
    shutil.rmtree(tmp_path / "ISIC-2017_Validation_Part1_GroundTruth")
    assert verify(Small(tmp_path)).wrong[0].what == "images of split 'val'"


def test_every_image_is_told_to_the_progress_bar(tmp_path):
    write_ph2(tmp_path, {"test": 200}, size=(12, 16), seed=0)
    told = []
    assert not verify(PH2(tmp_path), on_sample=lambda done, total: told.append((done, total))).wrong
    assert told == [(number, 200) for number in range(1, 201)]


def test_list_refuses_a_folder_that_is_not_there(tmp_path, capsys):
    for option in (f"{tmp_path}/dta", f"camvid={tmp_path}/dta"):
        assert main(["list", "--data", option]) == 2
        assert f"{tmp_path}/dta: no such folder, but a data folder should be here" in capsys.readouterr().err


def test_verify_and_prepare_do_not_fall_back_on_other_data_where_the_folder_named_is_not_there(
    tmp_path, capsys, monkeypatch
):
    (tmp_path / "PH2Dataset").mkdir()
    write_ph2(tmp_path / "PH2Dataset", {"test": 200}, size=(12, 16), seed=0)
    monkeypatch.setenv("REPRO_DATA", str(tmp_path))
    for option, sentence in (
        (f"{tmp_path}/dta", f"{tmp_path}/dta: no such folder, but a data folder should be here"),
        (f"ph3={tmp_path}", "'ph3' is not a data set; the nearest names are ph2"),
        (f"ph2={Path(__file__).parent}", "ph2: no folder called PH2Dataset or PH2"),
    ):
        for verb in ("verify", "prepare"):
            assert main([verb, "ph2", "--data", option]) == 2
            out, err = capsys.readouterr()
            assert sentence in err and not out


def test_list_says_what_is_found_where_with_counts(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("REPRO_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data" / "PH2Dataset").mkdir(parents=True)
    write_ph2(tmp_path / "data" / "PH2Dataset", {"test": 3}, size=(12, 16), seed=0)
    assert main(["list"]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert lines["ph2"].endswith("data/PH2Dataset: test 3/200")
    assert "not found; get it from https://drive.grand-challenge.org" in lines["drive"]


def test_bad_input_is_one_sentence_and_exit_code_2(tmp_path, capsys):
    for arguments in (
        ["verify", "drvie"],
        ["verify", "toy_ph2", "--json", str(tmp_path / "a" / "report.json")],
        ["toy", "ph2", str(tmp_path)],
        ["toy", "camvid", str(tmp_path / "a"), "--images", "2"],
    ):
        assert main(arguments) == 2
        shown = capsys.readouterr().err
        assert shown.startswith("repro.data: ") and shown.count("\n") == 1
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("name", sorted(LAYOUTS))
def test_generated_data_has_the_layout_that_the_loader_reads(name, tmp_path):
    numbers = write_layout(name, tmp_path / "new" / name, images=10)
    assert sum(numbers.values()) == 10 and min(numbers.values()) >= 1
    dataset = open_dataset(name, tmp_path / "new" / name)
    for split, number in numbers.items():
        samples = dataset.split(split) if name != "chasedb1" else ()
        assert name == "chasedb1" or len(samples) == number
        for sample in samples:
            assert dataset.read_image(sample).shape[:2] == dataset.read_label(sample).shape
    assert [path.name for path in (tmp_path / "new").iterdir()] == [name]


def test_a_generated_set_of_the_official_numbers_opens_in_its_loader(tmp_path):
    write_layout("drive", tmp_path / "DRIVE", images=None)
    assert open_dataset("drive", tmp_path / "DRIVE").check() == 40
