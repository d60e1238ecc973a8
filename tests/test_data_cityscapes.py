import shutil

import numpy as np
import pytest
from PIL import Image

from repro.data.cityscapes import Cityscapes
from repro.data.synthetic.cityscapes_tree import write_cityscapes


class SmallCityscapes(Cityscapes):
    """Two training cities and Ulm with two images each, and Lindau with one."""

    counts = {"train": 6, "val": 1, "test": 1525}


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    root = tmp_path_factory.mktemp("data") / "cityscapes"
    root.mkdir()
    cities = {"train": {"ulm": 2, "aachen": 2, "zurich": 2}, "val": {"lindau": 1}}
    write_cityscapes(root, cities, size=(32, 64), seed=0)
    return root


@pytest.fixture
def copy(tree, tmp_path):
    return shutil.copytree(tree, tmp_path / "cityscapes")


LABEL = "gtFine/train/ulm/ulm_000001_000019_gtFine_labelIds.png"


def test_label_ids_become_the_nineteen_train_ids_and_the_rest_void():
    ids = Cityscapes.train_ids  # as trainId in cityscapesscripts/helpers/labels.py
    assert [ids[i] for i in (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)] == [
        *range(19)
    ]
    assert {ids[i] for i in (0, 1, 2, 3, 4, 5, 6, 9, 10, 14, 15, 16, 18, 29, 30, 255)} == {255}
    assert len(ids) == 35


def test_selection_is_cut_from_training_by_city_and_report_is_the_official_val(tree):
    dataset = SmallCityscapes(tree)
    assert [s.name for s in dataset.samples("train")] == [
        "aachen_000000_000019", "aachen_000001_000019", "zurich_000000_000019", "zurich_000001_000019"
    ]  # fmt: skip
    assert [s.unit for s in dataset.samples("selection")] == ["ulm", "ulm"]
    assert [s.unit for s in dataset.samples("report")] == ["lindau"]
    assert len(dataset.samples("official-train")) == 6
    assert dataset.check() == 7


def test_a_label_is_read_as_train_ids(tree):
    dataset = SmallCityscapes(tree)
    sample = dataset.samples("train")[0]
    ids, label = np.array(Image.open(sample.label)), dataset.read_label(sample)
    np.testing.assert_array_equal(label == 0, ids == 7)  # road
    np.testing.assert_array_equal(label == 10, ids == 23)  # sky
    np.testing.assert_array_equal(label == 255, np.isin(ids, (0, 1, 3, 4, 5, 6)))
    assert dataset.read_image(sample).shape == (32, 64, 3)
    assert dataset.read_field_of_view(sample) is None


def test_another_number_of_images_than_declared_is_refused(tree):
    with pytest.raises(ValueError, match=r"6 images in split 'train', expected 2975\. Unpack"):
        Cityscapes(tree).samples("train")


def test_an_image_without_its_label_is_named(copy):
    (copy / LABEL).unlink()
    with pytest.raises(
        ValueError, match=r"5 labels for the 6 images .* ulm_000001_000019_leftImg8bit\.png has none"
    ):
        SmallCityscapes(copy).samples("train")


def test_a_half_unpacked_archive_is_refused(copy):
    shutil.rmtree(copy / "gtFine")
    with pytest.raises(
        ValueError, match=r"gtFine/train: no such folder, but gtFine of cityscapes's split .* Unpack"
    ):
        SmallCityscapes(copy).samples("train")


def test_a_label_value_out_of_range_is_named_before_the_first_step(copy):
    label = np.array(Image.open(copy / LABEL))
    label[3, 4] = 200
    Image.fromarray(label).save(copy / LABEL)
    with pytest.raises(
        ValueError, match=r"ulm_000001.*label value 200 is out of range, expected 0\.\.33, 255"
    ):
        SmallCityscapes(copy).check()


def test_an_image_and_a_label_of_different_sizes_are_refused(copy):
    Image.fromarray(np.zeros((16, 64), np.uint8)).save(copy / LABEL)
    with pytest.raises(ValueError, match=r"32 x 64 pixels \(height x width\), but its label .* has 16 x 64"):
        SmallCityscapes(copy).check()


def test_the_withheld_test_labels_and_unknown_lists_are_refused(tree):
    with pytest.raises(ValueError, match="withheld by the publisher"):
        Cityscapes(tree).samples("official-test")
    with pytest.raises(
        ValueError, match="no list 'validation', but train, selection, report, official-train"
    ):
        Cityscapes(tree).samples("validation")
