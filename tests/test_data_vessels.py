import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from repro.data import find_root
from repro.data.chasedb1 import ChaseDB1
from repro.data.drive import Drive
from repro.data.samples import EvaluationSamples
from repro.data.synthetic.fundus_trees import write_chasedb1, write_drive
from repro.data.vessels import derive_field_of_view

REAL = Path(os.environ.get("REPRO_DATA", "")) / "CHASEDB1"
needs_real = pytest.mark.skipif(
    not os.environ.get("REPRO_DATA") or not REAL.is_dir(), reason="$REPRO_DATA holds no CHASEDB1"
)
SIZE = (36, 40)


@pytest.fixture(scope="module")
def drive_tree(tmp_path_factory):
    root = tmp_path_factory.mktemp("data") / "DRIVE"
    root.mkdir()
    write_drive(root, {"train": 20, "test": 20}, size=SIZE, seed=0)
    return root


@pytest.fixture(scope="module")
def chase_tree(tmp_path_factory):
    root = tmp_path_factory.mktemp("data") / "CHASEDB1"
    root.mkdir()
    write_chasedb1(root, 14, size=SIZE, seed=0)
    return root


@pytest.fixture
def drive_copy(drive_tree, tmp_path):
    return shutil.copytree(drive_tree, tmp_path / "DRIVE")


@pytest.fixture
def chase_copy(chase_tree, tmp_path):
    return shutil.copytree(chase_tree, tmp_path / "CHASEDB1")


def test_drive_with_its_40_images_has_the_publishers_split_and_a_selection_cut_from_training(drive_tree):
    dataset = Drive(find_root("drive", [drive_tree.parent]))
    assert dataset.check() == 40
    counts = {name: len(dataset.samples(name)) for name in ("train", "selection", "report")}
    assert counts == {"train": 16, "selection": 4, "report": 20}
    assert [s.unit for s in dataset.samples("selection")] == ["25", "30", "35", "40"]
    assert [s.unit for s in dataset.samples("report")] == [f"{number:02d}" for number in range(1, 21)]
    assert dataset.binary and dataset.class_names == ("background", "vessel") and dataset.unit == "patient"


def test_drive_has_a_second_observer_of_the_test_images_only(drive_tree):
    dataset = Drive(drive_tree)
    assert all(s.second_label is None for s in dataset.samples("official-train"))
    sample = dataset.samples("report")[0]
    assert sample.second_label.name == "01_manual2.gif" and sample.field_of_view.name == "01_test_mask.gif"
    first, second = dataset.read_label(sample), dataset.read_second_label(sample)
    assert first.shape == second.shape == SIZE and set(np.unique(second)) == {0, 1}
    assert (first != second).any()


def test_drive_without_the_labels_of_the_test_images_says_so_plainly(drive_copy):
    shutil.rmtree(drive_copy / "test" / "1st_manual")
    dataset = Drive(drive_copy)
    assert len(dataset.samples("train")) == 16
    with pytest.raises(ValueError, match="labels of the test images are missing, as in the present download"):
        dataset.samples("report")


def test_drive_without_the_second_observer_is_scored_without_one(drive_copy):
    shutil.rmtree(drive_copy / "test" / "2nd_manual")
    assert Drive(drive_copy).samples("report")[0].second_label is None


def test_a_missing_field_of_view_or_second_label_is_named(drive_copy):
    (drive_copy / "test" / "mask" / "07_test_mask.gif").unlink()
    with pytest.raises(ValueError, match=r"19 fields of view for the 20 images .* 07_test\.tif has none"):
        Drive(drive_copy).samples("report")
    (drive_copy / "test" / "mask" / "07_test_mask.gif").touch()
    (drive_copy / "test" / "2nd_manual" / "03_manual2.gif").unlink()
    with pytest.raises(ValueError, match=r"19 second labels for the 20 images .* 03_test\.tif has none"):
        Drive(drive_copy).samples("report")


def test_a_second_label_of_another_size_is_refused(drive_copy):
    Image.fromarray(np.zeros((5, 5), np.uint8)).save(drive_copy / "test" / "2nd_manual" / "03_manual2.gif")
    with pytest.raises(ValueError, match=r"36 x 40 pixels .* its second label 03_manual2\.gif has 5 x 5"):
        Drive(drive_copy).check(["report"])


def test_a_palette_in_which_index_0_is_white_is_read_as_it_is_seen(drive_copy):
    dataset = Drive(drive_copy)
    sample = dataset.samples("report")[0]
    label, field_of_view = dataset.read_label(sample), dataset.read_field_of_view(sample)
    for path in (sample.label, sample.field_of_view):
        indices = 1 - np.array(Image.open(path).convert("L")) // 255
        turned = Image.fromarray(indices)
        turned.putpalette([255, 255, 255, 0, 0, 0])
        turned.save(path)
    np.testing.assert_array_equal(dataset.read_label(sample), label)
    np.testing.assert_array_equal(dataset.read_field_of_view(sample), field_of_view)


def test_a_mask_with_colours_is_refused(drive_copy):
    path = drive_copy / "test" / "1st_manual" / "01_manual1.gif"
    coloured = Image.fromarray(np.ones(SIZE, np.uint8))
    coloured.putpalette([0, 0, 0, 255, 0, 0])
    coloured.save(path)
    dataset = Drive(drive_copy)
    with pytest.raises(ValueError, match=r"01_manual1\.gif: a mask with colours, expected black and white"):
        dataset.read_label(dataset.samples("report")[0])


def test_chasedb1_is_split_by_file_name_and_so_by_child(chase_tree):
    dataset = ChaseDB1(chase_tree)
    assert dataset.check() == 28
    units = {name: [s.unit for s in dataset.samples(name)] for name in ("train", "selection", "report")}
    assert units["report"] == ["11", "11", "12", "12", "13", "13", "14", "14"]
    assert units["selection"] == ["09", "09", "10", "10"]
    assert units["train"] == sorted(2 * [f"{child:02d}" for child in range(1, 9)])
    assert dataset.unit == "child"


def test_chasedb1_without_one_image_is_refused(chase_copy):
    (chase_copy / "Image_03R.jpg").unlink()
    with pytest.raises(ValueError, match=r"7 images in split 'test', expected 8\. Unpack CHASEDB1\.zip"):
        ChaseDB1(chase_copy).samples("report")


def test_chasedb1_reads_a_supplied_field_of_view_beside_it_and_else_derives_one(chase_copy):
    derived = ChaseDB1(chase_copy)
    sample = derived.samples("train")[0]
    assert derived.field_of_view_source == "derived from the images" and sample.field_of_view is None
    found = derived.read_field_of_view(sample)
    assert found.dtype == bool and 0.5 < found.mean() < 0.75

    folder = chase_copy.parent / "chasedb1_fov"
    folder.mkdir()
    half = np.zeros(SIZE, np.uint8)
    half[:, :20] = 255
    for path in chase_copy.glob("*.jpg"):
        Image.fromarray(half).save(folder / f"{path.stem}.gif")
    supplied = ChaseDB1(chase_copy)
    assert supplied.field_of_view_source == "supplied in chasedb1_fov"
    np.testing.assert_array_equal(supplied.read_field_of_view(supplied.samples("train")[0]), half > 0)
    (folder / "Image_01L.gif").unlink()
    with pytest.raises(ValueError, match=r"19 fields of view for the 20 images .*Image_01L\.jpg has none"):
        supplied.samples("train")


def test_the_derived_field_of_view_is_the_largest_bright_piece_without_holes():
    image = np.full((12, 12, 3), 20, np.uint8)  # the surround: nothing above 20
    image[2:9, 3:10, 0] = 21
    image[5, 5] = 0  # a hole
    image[11, 11] = 255  # a speck
    expected = np.zeros((12, 12), bool)
    expected[2:9, 3:10] = True
    np.testing.assert_array_equal(derive_field_of_view(image), expected)
    with pytest.raises(ValueError, match="no field of view"):
        derive_field_of_view(np.zeros((4, 4, 3), np.uint8))


def test_an_evaluation_sample_carries_both_observers_and_the_field_of_view(chase_tree):
    dataset = ChaseDB1(chase_tree)
    sample = EvaluationSamples(dataset, dataset.samples("report"), size=(16, 16))[0]
    assert tuple(sample.second_label.shape) == tuple(sample.label.shape) == SIZE
    assert sample.second_label.dtype == sample.label.dtype and set(sample.second_label.unique().tolist()) == {
        0,
        1,
    }
    assert sample.field_of_view.dtype.is_floating_point is False and tuple(sample.field_of_view.shape) == SIZE


@needs_real
def test_chasedb1_is_a_genuine_copy_with_the_known_vessels():
    dataset = ChaseDB1(find_root("chasedb1", [os.environ["REPRO_DATA"]]))
    vessels = {
        split: [int(dataset.read_label(s).sum()) for s in dataset.samples(f"official-{split}")]
        for split in ("train", "test")
    }
    assert (len(vessels["train"]), len(vessels["test"])) == (20, 8)
    assert sum(map(sum, vessels.values())) == 1_861_974
    pixels = 999 * 960
    assert round(sum(vessels["train"]) / (20 * pixels), 4) == 0.0719
    assert round(sum(vessels["test"]) / (8 * pixels), 4) == 0.0630
    assert round(1_861_974 / (28 * pixels), 4) == 0.0693
    assert dataset.check() == 28


@needs_real
def test_derived_and_supplied_fields_of_view_agree_on_more_than_99_per_cent_of_the_pixels():
    dataset = ChaseDB1(REAL)
    if dataset.supplied is None:
        pytest.skip("no CHASEDB1_FOV beside it")
    for sample in dataset.samples("report"):
        supplied, derived = (
            dataset.read_field_of_view(sample),
            derive_field_of_view(dataset.read_image(sample)),
        )
        assert (supplied == derived).mean() > 0.994
