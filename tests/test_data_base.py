import numpy as np
import pytest
from PIL import Image

from repro.data import DATASETS, dataset_class, find_root, open_dataset, search_folders
from repro.data.base import Sample, content_hash, fingerprint, ranges


def test_every_name_resolves_to_a_class_of_that_name_with_lists_cut_from_declared_splits():
    for name in DATASETS:
        declared = dataset_class(name)
        assert declared.name == name
        assert len(declared.class_names) == len(declared.colours)
        assert set(declared.train_ids.values()) - {255} == set(range(len(declared.class_names)))
        assert {part.split for part in declared.lists.values()} <= set(declared.counts)
        for fact in (declared.unit, declared.citation, declared.terms, declared.where, declared.remedy):
            assert fact


def test_an_unknown_data_set_is_answered_with_the_nearest_name():
    with pytest.raises(ValueError, match=r"'citiscapes' is not a data set; the nearest names are cityscapes"):
        find_root("citiscapes", ["."])


def test_folders_are_searched_in_the_order_option_environment_working_folder(monkeypatch):
    monkeypatch.setenv("REPRO_DATA", "/environment")
    found = search_folders("camvid", ["/general", "cityscapes=/other", "camvid=/own"])
    assert [str(folder) for folder in found] == ["/own", "/general", "/environment", "data"]


def test_a_set_is_found_in_a_data_folder_whatever_its_case(tmp_path):
    (tmp_path / "camVID").mkdir()
    assert find_root("camvid", [tmp_path / "missing", tmp_path]) == tmp_path / "camVID"


def test_the_folder_given_may_be_the_sets_own_by_name_or_by_content(tmp_path):
    (tmp_path / "CamVid").mkdir()
    (tmp_path / "streets" / "leftImg8bit").mkdir(parents=True)
    assert find_root("camvid", [tmp_path / "CamVid"]) == tmp_path / "CamVid"
    assert find_root("cityscapes", [tmp_path / "streets"]) == tmp_path / "streets"


def test_missing_data_says_where_it_looked_where_to_get_it_and_which_option_to_set(tmp_path):
    with pytest.raises(ValueError) as error:
        find_root("cityscapes", [tmp_path])
    sentence = str(error.value)
    assert str(tmp_path) in sentence
    for part in ("www.cityscapes-dataset.com", "--data DIR", "$REPRO_DATA", "./data"):
        assert part in sentence


def test_a_file_where_the_data_folder_should_be_is_refused(tmp_path):
    (tmp_path / "data.zip").touch()
    with pytest.raises(ValueError, match=r"data\.zip: a file, but a data folder should be here"):
        find_root("camvid", [tmp_path / "data.zip"])


def test_a_file_where_the_sets_folder_should_be_is_refused(tmp_path):
    (tmp_path / "camvid").touch()
    with pytest.raises(ValueError, match="a file, but the folder of camvid should be here"):
        find_root("camvid", [tmp_path])
    with pytest.raises(ValueError, match="a file, but the folder of camvid should be here"):
        open_dataset("camvid", tmp_path / "camvid")


def test_numbers_are_written_as_ranges():
    assert ranges([255, 0, 1, 2, 7]) == "0..2, 7, 255"


def test_a_content_hash_is_the_head_of_the_sha256_of_the_files_bytes(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")
    assert content_hash(tmp_path / "abc") == "ba7816bf8f01cfea"  # FIPS 180-2, appendix B.1


def test_a_fingerprint_changes_with_a_pixel_of_a_label_and_with_the_order(tmp_path):
    def sample(name: str, grey: int) -> Sample:
        path = tmp_path / f"{name}.png"
        Image.fromarray(np.full((2, 2), grey, np.uint8)).save(path)
        return Sample(name, "unit", path, path)

    first, second = sample("first", 1), sample("second", 2)
    before = fingerprint([first, second])
    assert before == fingerprint([first, second])
    assert before != fingerprint([second, first])
    sample("second", 3)
    assert before != fingerprint([first, second])
