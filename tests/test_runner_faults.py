"""Faults under a whole run: what a kill leaves, what its record says."""

import json
import os
import signal
import sys
import time
from dataclasses import replace

import pytest
import tiny
import tiny_data
import torch

from repro.data import DATASETS
from repro.plan import Run, Split
from repro.runner import Setting, is_exact, locked, perform, prepare_torch
from repro.training import Events

PERFORM = sys.modules["repro.runner.perform"]  # the package's name of it is the function


@pytest.fixture
def setting(tmp_path, monkeypatch):
    monkeypatch.setitem(DATASETS, "tiny_squares", "tiny_data:Squares")
    root = tiny_data.draw(tmp_path)
    return Setting(tmp_path / "runs", (f"tiny_squares={root}",), torch.device("cpu"))


def make_run(**changes):
    lists = {"train": Split(data="tiny_squares", list="train"), "test": Split(data="tiny_squares", list="report")}
    return Run(network="unet", options={"width": 2}, recipe=tiny.recipe(epochs=2, crop=(16, 16), **changes), **lists)


def test_a_kill_between_record_and_clearing_leaves_a_finished_run_whose_checkpoints_go_with_the_next_call(setting):
    run, steps = make_run(), []
    folder = perform(run, setting)
    record = (folder / "record.json").read_bytes()
    left = folder / f"checkpoint-000000004.{'0' * 64}.pt"
    left.write_bytes(b"left by a kill")
    (folder / ".checkpoint-000000004.1.aside").write_bytes(b"half")
    perform(run, setting, Events(on_step=steps.append))
    assert steps == [] and (folder / "record.json").read_bytes() == record
    assert not list(folder.glob("*checkpoint*"))


def test_the_record_says_which_steps_were_left_out(setting, monkeypatch):
    class Poisoned(torch.nn.Module):
        def __init__(self, inner):
            super().__init__()
            self.inner, self.calls = inner, 0

        def forward(self, image):
            self.calls += self.training
            return self.inner(image * float("nan") if self.training and self.calls == 2 else image)

    real = PERFORM.make_network
    monkeypatch.setattr(PERFORM, "make_network", lambda *given: Poisoned(real(*given)))
    with pytest.raises(ValueError, match=r"step 1 is not finite.*north_.*--skip-nonfinite"):
        perform(make_run(), setting)
    folder = perform(make_run(), replace(setting, skip_nonfinite=1))
    data = json.loads((folder / "record.json").read_text())
    assert data["training"]["skipped_steps"] == [1]
    assert all(value is None or value == value for value in data["scores"]["last native whole"].values())


def test_on_a_gpu_a_record_is_exact_only_where_that_was_asked_for(setting):
    class Device:
        type = "cuda"

    assert is_exact(setting)
    assert not is_exact(replace(setting, device=Device()))
    assert is_exact(replace(setting, device=Device(), deterministic=True))


def test_a_run_in_float32_is_not_rounded_to_less_by_a_card(setting, monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    prepare_torch(setting)
    assert not torch.backends.cudnn.allow_tf32


def test_a_forked_loader_process_does_not_hold_the_lock_of_its_killed_parent(tmp_path):
    def hold():  # a process that locks the folder, forks a child that stays, and is killed
        lock = locked(tmp_path)
        lock.__enter__()
        child = os.fork()
        if child == 0:
            time.sleep(60)
            os._exit(0)
        os.write(writing, f"{child}\n".encode())
        os.kill(os.getpid(), signal.SIGKILL)

    reading, writing = os.pipe()
    parent = os.fork()
    if parent == 0:
        hold()
    child = int(os.read(reading, 20))
    assert os.waitstatus_to_exitcode(os.waitpid(parent, 0)[1]) == -signal.SIGKILL
    try:
        with locked(tmp_path):
            os.kill(child, 0)  # it is still there
    finally:
        os.kill(child, signal.SIGKILL)
