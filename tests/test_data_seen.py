"""What was looked at is not looked at again until it changes."""

import os

import numpy as np
import pytest
from PIL import Image

from repro.data import open_dataset
from repro.data.seen import look
from repro.data.synthetic.fundus_trees import write_chasedb1


@pytest.fixture
def eyes(tmp_path, monkeypatch):
    monkeypatch.setenv("REPRO_CACHE", str(tmp_path / "cache"))
    root = tmp_path / "CHASEDB1"
    root.mkdir()
    write_chasedb1(root, 14, size=(60, 64), seed=3)
    return root


def looked_at(root, monkeypatch) -> list[str]:
    dataset, found = open_dataset("chasedb1", root), []
    real = type(dataset).read_image
    monkeypatch.setattr(type(dataset), "read_image", lambda self, s: found.append(s.image.name) or real(self, s))
    assert look(dataset) == 28
    monkeypatch.setattr(type(dataset), "read_image", real)
    return sorted(found)


def test_a_second_look_is_at_what_has_changed_alone(eyes, monkeypatch):
    assert len(looked_at(eyes, monkeypatch)) == 28
    assert looked_at(eyes, monkeypatch) == []
    os.utime(eyes / "Image_03L.jpg", ns=(1, 1))
    label = eyes / "Image_05R_1stHO.png"
    Image.fromarray(np.zeros((60, 64), bool)).save(label)
    assert looked_at(eyes, monkeypatch) == ["Image_03L.jpg", "Image_05R.jpg"]


def test_a_file_that_went_wrong_after_it_was_sound_is_found(eyes, monkeypatch):
    looked_at(eyes, monkeypatch)
    path = eyes / "Image_02R.jpg"
    path.write_bytes(path.read_bytes()[:200])
    for _ in range(2):  # what is wrong is never remembered
        with pytest.raises(ValueError, match=r"Image_02R\.jpg"):
            look(open_dataset("chasedb1", eyes))


def test_a_cache_that_cannot_be_read_or_written_remembers_nothing(eyes, tmp_path, monkeypatch):
    looked_at(eyes, monkeypatch)
    (path,) = (tmp_path / "cache" / "manifests").glob("chasedb1-seen.json")
    path.write_text("{")
    assert len(looked_at(eyes, monkeypatch)) == 28
    monkeypatch.setenv("REPRO_CACHE", str(eyes / "Image_01L.jpg"))  # a file where a folder should be
    assert len(looked_at(eyes, monkeypatch)) == 28
