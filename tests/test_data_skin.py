import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from repro.data import dataset_class, find_root
from repro.data.isic2017 import FOLDERS as FOLDERS_2017
from repro.data.isic2017 import ISIC2017
from repro.data.isic2017_256 import ISIC2017At256
from repro.data.isic2018 import FOLDERS as FOLDERS_2018
from repro.data.isic2018 import ISIC2018
from repro.data.ph2 import PH2
from repro.data.splits import read_rows
from repro.data.synthetic.skin_trees import write_isic2017, write_ph2

REAL = Path(os.environ.get("REPRO_DATA", "")) / "ISIC2017-256"
needs_real = pytest.mark.skipif(
    not os.environ.get("REPRO_DATA") or not REAL.is_dir(), reason="$REPRO_DATA holds no ISIC2017-256"
)


def link_tree(root, folders, names, size=(6, 8)):
    """Make the folders of each split with as many names as given, all of them links to one pair."""
    root.mkdir(parents=True)
    label = np.zeros(size, np.uint8)
    label[2:4, 2:5] = 255
    Image.fromarray(np.full((*size, 3), 128, np.uint8)).save(root / "image.jpg")
    Image.fromarray(label).save(root / "label.png")
    for split, found in names.items():
        for folder, original, ending in zip(
            folders[split], ("image.jpg", "label.png"), (".jpg", "_segmentation.png"), strict=True
        ):
            (root / folder).mkdir()
            for name in found:
                os.link(root / original, root / folder / f"{name}{ending}")
    return root


def numbered(first, number):
    return [f"ISIC_{place:07d}" for place in range(first, first + number)]


def names_2017():
    drawn = dataset_class("isic2017").lists["train"]
    return {
        "train": list(read_rows(drawn.file, drawn.sha256)), "val": numbered(50_000, 150), "test": numbered(60_000, 600)
    }  # fmt: skip


@pytest.fixture(scope="module")
def isic2017(tmp_path_factory):
    return link_tree(tmp_path_factory.mktemp("data") / "ISIC2017", FOLDERS_2017, names_2017())


def test_isic2017_with_the_official_counts_is_divided_as_in_the_paper(isic2017):
    dataset = ISIC2017(find_root("isic2017", [isic2017.parent]))
    counts = {name: len(dataset.samples(name)) for name in ("train", "selection", "report")}
    assert counts == {"train": 720, "selection": 80, "report": 350}
    official = {name: len(dataset.samples(f"official-{name}")) for name in ("train", "val", "test")}
    assert official == {"train": 2000, "val": 150, "test": 600}
    lists = [{s.name for s in dataset.samples(name)} for name in counts]
    assert len(set.union(*lists)) == 1150
    sample = dataset.samples("train")[0]
    assert sample.unit == sample.name and dataset.unit == "patient"
    assert dataset.binary and dataset.class_names == ("background", "lesion")
    label = dataset.read_label(sample)
    assert label.shape == (6, 8) and label.sum() == 6 and set(np.unique(label)) == {0, 1}
    assert dataset.read_field_of_view(sample) is None and dataset.read_second_label(sample) is None


def test_isic2018_with_the_official_counts_is_divided_as_in_the_paper(tmp_path):
    names = {"train": numbered(0, 2594), "val": numbered(50_000, 100), "test": numbered(60_000, 1000)}
    dataset = ISIC2018(link_tree(tmp_path / "isic2018", FOLDERS_2018, names))
    counts = {name: len(dataset.samples(name)) for name in ("train", "selection", "report", "report-1")}
    assert counts == {"train": 1678, "selection": 187, "report": 635, "report-1": 500}
    assert len(dataset.samples("official-val")) == 100 and len(dataset.samples("official-test")) == 1000


@pytest.mark.slow
def test_no_copy_of_a_picture_trains_while_the_other_is_scored(tmp_path):
    names = {
        "train": sorted([*numbered(0, 2588), *(name for pair in ISIC2018.equal_images[:3] for name in pair)])
    }
    dataset = ISIC2018(link_tree(tmp_path / "isic2018", FOLDERS_2018, names))
    folds = [((f"train-{fold}", f"selection-{fold}"), f"report-{fold}") for fold in range(1, 6)]
    apart = 0
    for train, scored in [(("train", "selection"), "report"), *folds]:
        trained = {sample.name for name in train for sample in dataset.samples(name)}
        reported = {sample.name for sample in dataset.samples(scored)}
        for one, other in dataset.equal_images:
            assert not ({one, other} & trained and {one, other} & reported)
        apart += len(dataset.left_out(train[0]))
    assert apart >= 3  # three pairs over five folds: it did happen


def test_ph2_with_its_200_images_is_for_testing_only(tmp_path):
    write_ph2(tmp_path, {"test": 200}, size=(12, 16), seed=0)
    dataset = PH2(tmp_path)
    assert dataset.check() == len(dataset.samples("report")) == 200
    sample = dataset.samples("report")[0]
    assert (sample.image.name, sample.label.name) == ("IMD002.bmp", "IMD002_lesion.bmp")
    assert set(np.unique(dataset.read_label(sample))) == {0, 1}
    assert dataset.read_image(sample).shape == (12, 16, 3)
    with pytest.raises(ValueError, match="ph2 has no list 'train', but report, official-test"):
        dataset.samples("train")
    shutil.rmtree(tmp_path / "PH2 Dataset images" / "IMD050")
    with pytest.raises(
        ValueError, match=r"199 images in split 'test', expected 200\. Unpack PH2Dataset\.rar"
    ):
        dataset.samples("report")


class SmallISIC2017(ISIC2017):
    counts = {"train": 3}


@pytest.fixture
def small(tmp_path):
    write_isic2017(tmp_path, {"train": 3}, size=(24, 32), seed=0)
    return SmallISIC2017(tmp_path)


def test_superpixels_among_the_images_are_ignored(small):
    assert len(list((small.root / FOLDERS_2017["train"][0]).glob("*_superpixels.png"))) == 3
    assert [s.image.name for s in small.samples("official-train")] == [
        "ISIC_0000000.jpg", "ISIC_0000001.jpg", "ISIC_0000002.jpg"
    ]  # fmt: skip


def test_a_label_of_0_and_1_is_refused_and_not_taken_for_0_and_255(small):
    sample = small.samples("official-train")[1]
    Image.fromarray(np.array(Image.open(sample.label)) // 255).save(sample.label)
    with pytest.raises(ValueError, match=r"ISIC_0000001.*label value 1 is out of range, expected 0, 255"):
        small.check(["official-train"])


def test_an_image_without_its_label_is_named(small):
    small.samples("official-train")[2].label.unlink()
    with pytest.raises(ValueError, match=r"2 labels for the 3 images .* ISIC_0000002\.jpg has none"):
        small.samples("official-train")


def test_a_missing_folder_of_labels_is_a_half_unpacked_archive(small):
    shutil.rmtree(small.root / FOLDERS_2017["train"][1])
    with pytest.raises(ValueError, match=r"Part1_GroundTruth: no such folder, but .* Unpack the ISIC-2017"):
        small.samples("official-train")


def test_the_published_set_and_its_small_copy_are_not_taken_for_each_other(tmp_path, isic2017):
    small = link_tree(tmp_path / "anything", FOLDERS_2017, {"train": numbered(0, 2)}, size=(256, 256))
    assert find_root("isic2017_256", [small]) == small and find_root("isic2017", [isic2017]) == isic2017
    for name, folder in (("isic2017", small), ("isic2017_256", isic2017)):
        with pytest.raises(ValueError, match=f"{name}: no folder called"):
            find_root(name, [folder])
    with pytest.raises(ValueError, match=r"squashed to 256x256, .* is the set isic2017_256"):
        ISIC2017(small).samples("official-train")
    with pytest.raises(ValueError, match="not 256x256; this folder is the set isic2017"):
        ISIC2017At256(isic2017).samples("report")


@needs_real
def test_the_copy_at_256_has_its_counts_and_leaves_out_what_is_also_scored():
    dataset = ISIC2017At256(find_root("isic2017_256", [os.environ["REPRO_DATA"]]))
    assert len(dataset.samples("official-train")) == 2000
    counts = {name: len(dataset.samples(name)) for name in ("train", "selection", "report")}
    assert counts == {"train": 1797, "selection": 200, "report": 150}
    assert dataset.left_out() == {
        "ISIC_0012970": "ISIC_0012127", "ISIC_0012175": "ISIC_0015982", "ISIC_0012271": "ISIC_0016018"
    }  # fmt: skip
    assert not set(dataset.left_out()) & {
        s.name for s in (*dataset.samples("train"), *dataset.samples("selection"))
    }
    with pytest.raises(ValueError, match="20 labels for the 600 images of split 'test'"):
        dataset.samples("official-test")


@needs_real
def test_the_listed_equal_images_are_equal_to_the_byte():
    folders = {
        "test": FOLDERS_2017["test"][0],
        "val": FOLDERS_2017["val"][0],
        "train": FOLDERS_2017["train"][0],
    }

    def read(name):
        return next(p for f in folders.values() if (p := REAL / f / f"{name}.jpg").is_file()).read_bytes()

    for one, other in ISIC2017At256.equal_images:
        assert read(one) == read(other)


@needs_real
@pytest.mark.slow
def test_the_share_of_lesion_at_256_is_the_known_one():
    dataset = ISIC2017At256(REAL)
    for split, share in (("train", 0.1940), ("val", 0.1737)):
        found = np.mean([dataset.read_label(s).mean() for s in dataset.samples(f"official-{split}")])
        assert abs(found - share) < 0.00006
