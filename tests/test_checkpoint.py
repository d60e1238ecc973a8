import hashlib
import os
import pickle
import resource
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import tiny
import torch

from repro import checkpoint
from repro.checkpoint import clear, generations, load, save
from repro.training import Events, Interrupted


def state(value):
    return {"step": value, "weights": {"a": torch.full((50,), float(value))}, "names": ["x", "y"], "best": float("inf")}


def assert_is(found, value):
    expected = state(value)
    assert torch.equal(found.pop("weights")["a"], expected.pop("weights")["a"])
    assert found == expected


def test_what_is_saved_is_loaded(tmp_path):
    path = save(tmp_path, 7, state(7))
    assert path.name == f"checkpoint-000000007.{hashlib.sha256(path.read_bytes()).hexdigest()}.pt"
    assert_is(load(tmp_path), 7)


def test_a_folder_without_a_checkpoint_has_none(tmp_path):
    (tmp_path / "checkpoint-000000001.pt").write_bytes(b"not a name of ours")
    assert load(tmp_path) is None


def test_the_last_two_generations_are_kept_and_the_newest_is_loaded(tmp_path):
    for step in (5, 10, 15):
        save(tmp_path, step, state(step))
    assert [step for step, _ in generations(tmp_path)] == [15, 10]
    assert_is(load(tmp_path), 15)


def test_of_two_checkpoints_of_one_step_the_later_is_loaded(tmp_path):
    os.utime(save(tmp_path, 5, state(1)), (1, 1))
    save(tmp_path, 5, state(2))
    assert_is(load(tmp_path), 2)


def damage_newest(folder, how):
    _, path = generations(folder)[0]
    data = bytearray(path.read_bytes())
    path.write_bytes(how(data))


def flipped(place):
    def how(data):
        data[int(place * (len(data) - 1))] ^= 1
        return data

    return how


def cut(place):
    return lambda data: data[: int(place * len(data))]


PLACES = (0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.999)


@pytest.mark.parametrize("how", [damage(place) for damage in (flipped, cut) for place in PLACES])
def test_a_damaged_generation_is_named_and_the_one_before_it_used(tmp_path, how):
    save(tmp_path, 5, state(5))
    save(tmp_path, 10, state(10))
    damage_newest(tmp_path, how)
    with pytest.warns(UserWarning, match=r"checkpoint-000000010.*damaged.*going back"):
        found = load(tmp_path)
    assert_is(found, 5)


@pytest.mark.parametrize("how", [flipped(0.5), cut(0.5)])
def test_where_all_are_damaged_nothing_starts_silently(tmp_path, how):
    for step in (5, 10):
        save(tmp_path, step, state(step))
        damage_newest(tmp_path, how)
    with pytest.warns(UserWarning), pytest.raises(ValueError, match=r"all 2 checkpoints are damaged.*Delete"):
        load(tmp_path)


def test_training_from_an_earlier_generation_keeps_that_one_and_drops_the_damaged(tmp_path):
    save(tmp_path, 5, state(5))
    for step in (10, 15):
        save(tmp_path, step, state(step))
    damage_newest(tmp_path, flipped(0.5))
    with pytest.warns(UserWarning, match="step 15"):
        load(tmp_path)
    save(tmp_path, 12, state(12))  # fewer steps than the damaged one has
    assert [step for step, _ in generations(tmp_path)] == [12, 10]
    assert_is(load(tmp_path), 12)


def test_the_earlier_generation_stays_where_the_damaged_ones_step_is_saved_again(tmp_path):
    for step in (80, 100):
        save(tmp_path, step, state(step))
    damage_newest(tmp_path, flipped(0.5))
    with pytest.warns(UserWarning, match="step 100"):
        load(tmp_path)
    again = save(tmp_path, 100, state(101))
    assert generations(tmp_path)[0] == (100, again)
    assert [step for step, _ in generations(tmp_path)] == [100, 80]


@pytest.mark.parametrize("how", [flipped(0.3), cut(0.3)])
def test_a_training_whose_newest_checkpoint_is_damaged_ends_with_the_same_bits(tmp_path, how):
    def train(folder, stop):
        steps = []
        events = Events(on_step=lambda p: steps.append(p.step), should_stop=lambda: stop if steps[-1] == stop else "")
        trainer = tiny.trainer(folder, of=tiny.network(), events=events)
        return trainer.train() and trainer.last_weights()

    whole, damaged = tmp_path / "whole", tmp_path / "damaged"
    whole.mkdir(), damaged.mkdir()
    expected = train(whole, None)
    with pytest.raises(Interrupted):
        train(damaged, 13)
    damage_newest(damaged, how)
    with pytest.warns(UserWarning, match="step 13"):
        found = train(damaged, None)
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())


class Malicious:
    """What a pickle may do when it is loaded."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return Path.touch, (self.marker,)


@pytest.mark.parametrize("inside", ["archive", "bare"])
def test_a_malicious_pickle_with_a_right_hash_is_refused_and_does_nothing(tmp_path, inside):
    marker = tmp_path / "marker"
    path = tmp_path / "evil"
    if inside == "archive":
        torch.save({"weights": Malicious(marker)}, path)
    else:
        path.write_bytes(pickle.dumps({"weights": Malicious(marker)}, 2))
    data = path.read_bytes()
    torch.load(path, weights_only=False) if inside == "archive" else pickle.loads(data)
    assert marker.exists()  # so the pickle works where nobody refuses it
    marker.unlink()
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / f"checkpoint-000000009.{hashlib.sha256(data).hexdigest()}.pt").write_bytes(data)
    with pytest.warns(UserWarning, match="plain"), pytest.raises(ValueError, match="all 1 checkpoints are damaged"):
        load(folder)
    assert not marker.exists()
    save(folder, 5, state(5))
    (folder / f"checkpoint-000000009.{hashlib.sha256(data).hexdigest()}.pt").write_bytes(data)
    with pytest.warns(UserWarning, match="step 9"):
        assert_is(load(folder), 5)
    assert not marker.exists()


def test_an_archive_that_is_no_checkpoint_is_refused_as_damaged(tmp_path):
    path = tmp_path / "other.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("hello", "there")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    path.rename(tmp_path / f"checkpoint-000000001.{digest}.pt")
    with pytest.warns(UserWarning), pytest.raises(ValueError, match="all 1 checkpoints are damaged"):
        load(tmp_path)


def test_a_save_that_fails_keeps_the_generations_and_leaves_nothing(tmp_path):
    for step in (5, 10):
        save(tmp_path, step, state(step))
    before = sorted(path.name for path in tmp_path.iterdir())
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(OSError):
            save(tmp_path, 15, state(15))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    assert_is(load(tmp_path), 10)
    save(tmp_path, 15, state(15))  # there is room again
    assert_is(load(tmp_path), 15)


FULL = """
import pathlib, resource, sys
import tiny
from repro.training import Events

def fill(progress):
    if progress.step == 7:
        trainer.saver.wait()  # the checkpoint of step 6 is whole: it is the next one that meets the full disk
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, resource.RLIM_INFINITY))

trainer = tiny.trainer(pathlib.Path(sys.argv[1]), of=tiny.network(), events=Events(on_step=fill))
trainer.train()
"""


@pytest.mark.slow
def test_a_training_whose_disk_fills_keeps_its_last_checkpoint_and_ends_with_the_same_bits(tmp_path):
    full, whole = tmp_path / "full", tmp_path / "whole"
    full.mkdir(), whole.mkdir()
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(tiny.__file__).parent), *sys.path])}
    process = subprocess.run([sys.executable, "-c", FULL, str(full)], env=environment, capture_output=True, text=True)
    assert process.returncode == 1
    assert "File too large" in process.stderr
    assert [step for step, _ in generations(full)] == [6, 3]
    weights = []
    for folder in (full, whole):
        trainer = tiny.trainer(folder, of=tiny.network())
        trainer.train()
        weights.append(trainer.last_weights())
    assert all(torch.equal(weights[0][name], tensor) for name, tensor in weights[1].items())


def test_what_killed_saves_left_aside_is_gone_when_training_goes_on(tmp_path):
    (tmp_path / ".checkpoint-000000005.1234.aside").write_bytes(b"half")
    with pytest.raises(Interrupted):
        tiny.trainer(tmp_path, events=Events(should_stop=lambda: "now")).train()
    assert list(tmp_path.glob(".*")) == []


def test_a_finished_run_leaves_no_checkpoint(tmp_path):
    save(tmp_path, 5, state(5))
    (tmp_path / ".checkpoint-000000005.1234.aside").write_bytes(b"half")
    (tmp_path / "record.json").write_text("{}")
    clear(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["record.json"]


def test_nothing_is_ever_unpickled_freely():
    source = Path(checkpoint.__file__).parent
    calls = [line for path in source.rglob("*.py") for line in path.read_text().splitlines() if "torch.load(" in line]
    assert calls
    assert all("weights_only=True" in line for line in calls)


def test_a_generation_that_is_removed_while_they_are_listed_is_not_among_them(tmp_path, monkeypatch):
    for step in (2, 4, 6):
        checkpoint.save(tmp_path, step, {"weight": torch.zeros(1)})
    (_, newest), (_, older) = checkpoint.generations(tmp_path)
    glob = Path.glob

    def removing(folder, pattern):
        found = list(glob(folder, pattern))
        older.unlink()
        return found

    monkeypatch.setattr(Path, "glob", removing)
    assert checkpoint.generations(tmp_path) == [(6, newest)]
