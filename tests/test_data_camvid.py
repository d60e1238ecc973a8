import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from repro.data import find_root, open_dataset
from repro.data.camvid import CamVid


class SmallCamVid(CamVid):
    """Three training frames of two drives, and one test frame."""

    counts = {"train": 3, "val": 0, "test": 1}


@pytest.fixture
def tree(tmp_path):
    for split, names in {
        "train": ["0006R0_1.png", "0001TP_2.jpg", "0001TP_1.png"],
        "test": ["Seq05VD_1.png"],
    }.items():
        for folder in (split, f"{split}annot"):
            (tmp_path / folder).mkdir()
        stems = [name.partition(".")[0] for name in names]
        lines = [
            f"/SegNet/CamVid/{split}/{stem}.png /SegNet/CamVid/{split}annot/{stem}.png\n" for stem in stems
        ]
        (tmp_path / f"{split}.txt").write_text("".join(lines))
        for name, stem in zip(names, stems, strict=True):
            Image.fromarray(np.zeros((6, 8, 3), np.uint8)).save(tmp_path / split / name)
            Image.fromarray(np.full((6, 8), 11, np.uint8)).save(tmp_path / f"{split}annot" / f"{stem}.png")
    return tmp_path


def test_pairs_go_by_stem_png_or_jpeg_in_the_order_of_the_list(tree):
    samples = SmallCamVid(tree).samples("official-train")
    assert [sample.image.name for sample in samples] == ["0006R0_1.png", "0001TP_2.jpg", "0001TP_1.png"]
    assert [sample.unit for sample in samples] == ["0006R0", "0001TP", "0001TP"]


def test_value_11_is_void(tree):
    dataset = SmallCamVid(tree)
    assert dataset.check() == 4
    assert set(np.unique(dataset.read_label(dataset.samples("report")[0]))) == {255}


def test_value_12_is_no_class(tree):
    Image.fromarray(np.full((6, 8), 12, np.uint8)).save(tree / "testannot" / "Seq05VD_1.png")
    with pytest.raises(ValueError, match=r"Seq05VD_1\.png: label value 12 is out of range, expected 0\.\.11"):
        SmallCamVid(tree).check()


def test_a_listed_image_that_is_missing_is_named(tree):
    (tree / "train" / "0001TP_2.jpg").unlink()
    with pytest.raises(ValueError, match=r"0001TP_2\.png: missing, and no \.jpg either"):
        SmallCamVid(tree).samples("train")


def test_a_list_that_climbs_out_or_repeats_itself_is_refused(tree):
    (tree / "train.txt").write_text("train/..\\..\\secret.png x\n")
    with pytest.raises(ValueError, match=r"train\.txt: names .*secret"):
        SmallCamVid(tree).samples("train")
    (tree / "train.txt").write_text("train/0001TP_1.png x\n" * 3)
    with pytest.raises(ValueError, match="an image twice"):
        SmallCamVid(tree).samples("train")


def test_a_missing_list_or_folder_is_named(tree):
    (tree / "train.txt").unlink()
    with pytest.raises(ValueError, match=r"train\.txt: the list of the split is missing"):
        SmallCamVid(tree).samples("train")
    with pytest.raises(ValueError, match=r"val: no such folder"):
        SmallCamVid(tree).samples("official-val")


@pytest.fixture(scope="module")
def real():
    folder = os.environ.get("REPRO_DATA")
    if not folder or not any(path.name.lower() == "camvid" for path in Path(folder).iterdir()):
        pytest.skip("needs the real CamVid: set REPRO_DATA to a folder that holds it")
    return open_dataset("camvid", find_root("camvid", [folder]))


def test_real_camvid_has_the_official_counts_and_drives(real):
    units = {
        name: [sample.unit for sample in real.samples(name)] for name in ("train", "selection", "report")
    }
    assert {name: len(found) for name, found in units.items()} == {
        "train": 266,
        "selection": 101,
        "report": 233,
    }
    assert {drive: units["train"].count(drive) for drive in set(units["train"])} == {
        "0001TP": 62,
        "0016E5": 204,
    }
    assert set(units["selection"]) == {"0006R0"}
    assert {drive: units["report"].count(drive) for drive in set(units["report"])} == {
        "0001TP": 62,
        "Seq05VD": 171,
    }
    assert {sample.unit for sample in real.samples("official-val")} == {"0016E5"}


def test_real_camvid_passes_the_check_and_has_its_known_share_of_classes(real):
    assert real.check() == 600
    counts = np.zeros(256, int)
    for sample in real.samples("official-train"):
        counts += np.bincount(real.read_label(sample).ravel(), minlength=256)
    percent = 100 * counts[[*range(11), 255]] / counts.sum()
    published = [
        16.9,
        23.3,
        1.0,
        31.7,
        4.5,
        9.7,
        1.2,
        1.1,
        5.9,
        0.6,
        0.3,
        4.0,
    ]  # rounded twice: sky is 16.845
    np.testing.assert_allclose(percent, published, atol=0.06)
