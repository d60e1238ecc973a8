import os
import resource
import sys

import numpy as np
import pytest
import tiny
import tiny_data
import torch
from PIL import Image

from repro.data import DATASETS, cache
from repro.data.base import VOID, Part, Sample, SegmentationSet
from repro.data.cache import Prepared, for_training, read_pair
from repro.data.samples import TrainingSamples
from repro.plan import Run, Split
from repro.runner import Setting, make_network, make_trainer, open_lists
from repro.training import Events

PAIR = cache.HEADER.size + 24 * 32 * 4  # bytes of a prepared pair of 24 x 32
AUGMENTED = ("horizontal_flip", "shift", "scale", "brightness", "colour")


class Noise(SegmentationSet):
    """Pictures of noise, `<name>.png` beside `<name>_label.png`; counts what is decoded."""

    name = "noise"
    class_names = ("ground", "thing")
    train_ids = {0: 0, 1: 1, 9: VOID}
    counts = {"train": 5}
    lists = {"train": Part("train")}
    remedy = "Draw them again."
    decoded = 0

    def split(self, split):
        names = sorted(path.stem for path in self.root.glob("?.png"))
        return [Sample(n, n, self.root / f"{n}.png", self.root / f"{n}_label.png") for n in names]

    def read_image(self, sample):
        type(self).decoded += 1
        return super().read_image(sample)


@pytest.fixture
def dataset(tmp_path, monkeypatch):
    monkeypatch.setenv("REPRO_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "data"
    folder.mkdir()
    for name in "abcde":
        rng = np.random.default_rng(ord(name))
        Image.fromarray(rng.integers(0, 256, (24, 32, 3), np.uint8)).save(folder / f"{name}.png")
        Image.fromarray(rng.choice(np.array([0, 1, 9], np.uint8), (24, 32))).save(folder / f"{name}_label.png")
    Noise.decoded = 0
    return Noise(folder)


def prepared(dataset, size=None):
    return Prepared(dataset, dataset.samples("train"), size=size)


def samples(dataset, size=None, **changes):
    settings = {"crop": (16, 16), "augmentations": AUGMENTED, "seed": 3, "kept_bytes": 0, **changes}
    return TrainingSamples(dataset, dataset.samples("train"), size=size, **settings)


@pytest.mark.parametrize("size", [None, (20, 18)])
def test_samples_from_the_cache_are_those_decoded_from_the_files_to_the_bit(dataset, size):
    pairs = prepared(dataset, size)
    assert pairs.make() == 5
    ours, plain = samples(dataset, size, prepared=pairs), samples(dataset, size)
    for epoch in range(3):
        for index in range(5):
            for one, other in zip(ours[epoch, index], plain[epoch, index]):
                assert torch.equal(one, other)


def test_the_cache_is_read_in_place_of_the_files_and_by_worker_processes_too(dataset):
    pairs = prepared(dataset)
    pairs.make()
    expected = [samples(dataset)[0, index] for index in range(5)]
    for sample in dataset.samples("train"):  # what is not decoded may as well be unreadable
        sample.image.write_bytes(b"")
    loader = torch.utils.data.DataLoader(
        samples(dataset, prepared=pairs), batch_size=None, sampler=[(0, i) for i in range(5)], num_workers=2
    )
    for (image, label), (other, other_label) in zip(loader, expected, strict=True):
        assert torch.equal(image, other) and torch.equal(label, other_label)


def test_a_second_call_finds_everything_and_a_changed_file_only_is_prepared_again(dataset):
    prepared(dataset).make()
    assert prepared(dataset).missing == [] and prepared(dataset).make() == 0
    label = np.zeros((24, 32), np.uint8)
    Image.fromarray(label).save(dataset.root / "c_label.png")
    changed = prepared(dataset)
    assert changed.missing == [2] and changed.make() == 1
    assert not changed[2][1].any()


def test_another_size_other_code_and_other_classes_are_other_files(dataset, monkeypatch):
    first = prepared(dataset)
    assert not {*first.paths} & {*prepared(dataset, (20, 18)).paths}
    assert first.paths == prepared(dataset).paths
    monkeypatch.setattr(cache.PIL, "__version__", "0.0")
    assert not {*first.paths} & {*prepared(dataset).paths}
    monkeypatch.undo()
    monkeypatch.setenv("REPRO_CACHE", str(first.folder.parents[1]))
    dataset.train_ids = {0: 1, 1: 0, 9: VOID}
    assert not {*first.paths} & {*prepared(dataset).paths}


def test_its_size_is_known_beforehand_to_the_byte(dataset):
    pairs = prepared(dataset)
    assert pairs.needed_bytes(pairs.missing) == 5 * PAIR
    pairs.make()
    assert sum(path.stat().st_size for path in pairs.folder.glob("*.pair")) == 5 * PAIR


def test_a_stopped_preparation_goes_on_and_leaves_nothing_half_written(dataset):
    pairs = prepared(dataset)
    pairs.folder.mkdir(parents=True)
    pairs._make(1)
    (pairs.folder / f".{pairs.paths[3].name}.123.aside").write_bytes(b"half")
    Noise.decoded = 0
    assert pairs.missing == [0, 2, 3, 4] and pairs.make() == 4
    assert Noise.decoded == 4
    assert sorted(path.name for path in pairs.folder.iterdir()) == sorted(["lock", *(p.name for p in pairs.paths)])


@pytest.mark.parametrize("how", ["flipped", "cut", "empty", "gone", "header"])
def test_a_damaged_file_is_noticed_said_and_made_again(dataset, capsys, how):
    prepared(dataset).make()
    pairs = prepared(dataset)
    path, data = pairs.paths[1], bytearray(pairs.paths[1].read_bytes())
    data[{"header": 3}.get(how, -5)] ^= 4
    path.write_bytes({"cut": data[:-5], "empty": b"", "header": data, "flipped": data, "gone": b""}[how])
    if how == "gone":
        path.unlink()
    for image, label in (pairs[1], prepared(dataset)[1]):
        expected = read_pair(dataset, pairs.samples[1])
        np.testing.assert_array_equal(image, expected[0])
        np.testing.assert_array_equal(label, expected[1])
    assert capsys.readouterr().err.count(f"{path}: damaged or gone; prepared again from") == 1


def test_a_full_disk_is_one_sentence_and_what_was_written_is_kept(dataset):
    pairs = prepared(dataset)
    pairs.folder.mkdir(parents=True)
    pairs._make(0)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (PAIR // 2, hard))
    try:
        with pytest.raises(ValueError, match=r"the disk is full; 1 of 5 pairs are prepared and kept.*REPRO_CACHE"):
            pairs.make()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert sorted(path.name for path in pairs.folder.iterdir()) == sorted(["lock", pairs.paths[0].name])
    assert pairs.make() == 4


def test_a_damaged_source_stops_the_preparation_with_its_own_sentence(dataset):
    (dataset.root / "b.png").write_bytes((dataset.root / "b.png").read_bytes()[:200])
    with pytest.raises(ValueError, match=r"b\.png: is damaged"):
        prepared(dataset).make()


def test_training_makes_a_cache_where_memory_is_too_small_and_room_allows(dataset, capsys, monkeypatch):
    train = dataset.samples("train")
    assert for_training(dataset, train, size=None, kept_bytes=2**20) is None  # held in memory
    monkeypatch.setattr(cache, "free_bytes", lambda folder: cache.SPARE)
    assert for_training(dataset, train, size=None, kept_bytes=100) is None
    assert "noise: no room for prepared pairs in" in capsys.readouterr().err
    monkeypatch.setattr(cache, "free_bytes", lambda folder: cache.SPARE + 10**6)
    made = for_training(dataset, train, size=None, kept_bytes=100)
    assert made.missing == [] and "noise: preparing 5 pairs" in capsys.readouterr().err
    assert for_training(dataset, train, size=None, kept_bytes=2**20).missing == []  # used when present
    assert capsys.readouterr().err == ""


def test_nothing_is_written_into_the_data_folder(dataset):
    before = {path: path.stat().st_mtime_ns for path in dataset.root.iterdir()}
    prepared(dataset).make()
    assert {path: path.stat().st_mtime_ns for path in dataset.root.iterdir()} == before


def test_prepare_says_its_size_beforehand_and_makes_it_where_asked(tmp_path, monkeypatch, capsys):
    from repro.data.__main__ import main

    monkeypatch.setenv("REPRO_CACHE", str(tmp_path / "first"))
    assert main(["prepare", "toy_drive", "--size", "64x48", "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "0 of 12 training pairs are there; the others need 0.00 GB" in said
    assert not (tmp_path / "first" / "prepared").exists()
    monkeypatch.setenv("REPRO_CACHE", os.environ["REPRO_CACHE"])  # put back at the end, whatever main sets
    assert main(["prepare", "toy_drive", "--size", "64x48", "--cache", str(tmp_path / "second")]) == 0
    assert "12 pairs prepared." in capsys.readouterr().out
    assert len([*(tmp_path / "second/prepared/toy_drive-64x48").glob("*.pair")]) == 12
    assert main(["prepare", "toy_ph2"]) == 2
    assert "is for testing only" in capsys.readouterr().err


@pytest.mark.parametrize("with_cache", [True, False])
def test_a_run_trains_on_prepared_pairs_unless_told_not_to(tmp_path, monkeypatch, with_cache):
    monkeypatch.setenv("REPRO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setitem(DATASETS, "tiny_squares", "tiny_data:Squares")
    monkeypatch.setattr(sys.modules["repro.runner.perform"], "KEPT_BYTES", 0)
    monkeypatch.setattr(cache, "SPARE", 0)
    root = tiny_data.draw(tmp_path)
    setting = Setting(tmp_path / "runs", (f"tiny_squares={root}",), torch.device("cpu"), cache=with_cache)
    split = {name: Split(data="tiny_squares", list=name) for name in ("train", "report")}
    run = Run(
        network="unet", options={"width": 2}, train=split["train"], test=split["report"],
        recipe=tiny.recipe(epochs=1, crop=(16, 16)), seed=1,
    )  # fmt: skip
    lists = open_lists(run, setting.data)
    trainer = make_trainer(run, lists, make_network(run, lists, setting.device), setting, Events())
    assert len([*(tmp_path / "cache").glob("prepared/*/*.pair")]) == (len(lists.train) if with_cache else 0)
    plain = TrainingSamples(lists.train_set, lists.train, size=None, crop=(16, 16), augmentations=(), seed=1)
    for index in range(len(lists.train)):
        for one, other in zip(trainer.samples[0, index], plain[0, index]):
            assert torch.equal(one, other)


def test_the_command_line_names_the_cache_or_leaves_it(monkeypatch, tmp_path):
    from repro import run

    orders = []
    monkeypatch.setattr(run, "work", lambda suite, order, console, stop: orders.append(order) or 0)
    monkeypatch.setenv("REPRO_CACHE", "before")  # put back at the end
    assert run.main(["demo", "--quiet"]) == 0 and os.environ["REPRO_CACHE"] == "before"
    assert run.main(["demo", "--quiet", "--no-cache", "--cache", str(tmp_path)]) == 0
    assert [order.cache for order in orders] == [True, False] and os.environ["REPRO_CACHE"] == str(tmp_path)
