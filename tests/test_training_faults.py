"""Faults under a training: bad numbers, a full disk, dead and silent loader processes, no memory."""

import os
import resource
import signal
import subprocess
import time

import pytest
import tiny
import torch
from torch import nn

from repro import checkpoint
from repro.training import Events, Failed, Interrupted, NonFinite, explained, loading, read_log
from repro.training.saving import Saver

CPU = torch.device("cpu")


class Poisoned(nn.Module):
    """The tiny network; the loss of some steps of the training is not finite, by the image or by the gradient."""

    def __init__(self, at, how="image"):
        super().__init__()
        self.inner, self.at, self.how, self.calls = tiny.network(), at, how, 0

    def forward(self, image):
        if self.training:
            self.calls += 1
            if self.calls - 1 in self.at and self.how == "image":
                image = image * float("nan")  # the running statistics of batch-norm become NaN too
        logits = self.inner(image)
        if self.training and self.calls - 1 in self.at and self.how == "gradient":
            logits.register_hook(lambda gradient: gradient * float("inf"))
        return logits


@pytest.mark.parametrize("how", ["image", "gradient"])
@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_a_counted_few_bad_steps_are_left_out_and_noted(tmp_path, how, precision):
    if (how, precision) == ("gradient", "float16"):
        pytest.skip("float16's own scaler leaves out steps whose scaled gradient overflows")
    network = Poisoned({4, 9}, how)
    trained = tiny.trainer(tmp_path, of=network, skip_nonfinite=2, precision=precision).train()
    assert trained.progress.skipped == [4, 9]
    assert trained.progress.finished == "all epochs"
    assert all(tensor.isfinite().all() for tensor in network.state_dict().values())
    assert all(point["train_loss"] < 2 for point in trained.curve)  # finite, and a mean over the steps that counted


def test_a_loader_process_that_dies_while_it_hands_a_batch_over_is_said_to_have_died():
    def batches():
        yield "a batch"
        raise ConnectionResetError(104, "Connection reset by peer")

    received = loading._received(batches())
    assert next(received) == "a batch"
    with pytest.raises(Failed, match="a loader process died"), explained(tiny.recipe(), CPU):
        next(received)


def test_a_step_that_is_left_out_moves_nothing(tmp_path):
    states = []
    network = Poisoned({1})
    note = Events(on_step=lambda progress: states.append({n: t.clone() for n, t in network.state_dict().items()}))
    tiny.trainer(tmp_path, of=network, skip_nonfinite=1, epochs=1, events=note).train()
    first, second, third = states
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert any(not torch.equal(second[name], third[name]) for name in first)


def test_one_bad_step_too_many_stops_and_says_how_many_were_left_out(tmp_path):
    with pytest.raises(NonFinite, match=r"step 9 is not finite .after 1 that were left out.; its images: picture"):
        tiny.trainer(tmp_path, of=Poisoned({4, 9, 10}), skip_nonfinite=1).train()
    assert [step for step, _ in checkpoint.generations(tmp_path)] == [9, 6]  # each epoch's end, before the bad step


def test_the_steps_left_out_survive_a_stop_and_count_against_a_lower_limit(tmp_path):
    steps = []
    events = Events(lambda progress: steps.append(progress.step), should_stop=lambda: "now" if steps[-1] == 7 else "")
    with pytest.raises(Interrupted):
        tiny.trainer(tmp_path, of=Poisoned({4, 5}), skip_nonfinite=2, events=events).train()
    again = tiny.trainer(tmp_path, of=Poisoned(set()), skip_nonfinite=2)
    assert again.train().progress.skipped == [4, 5]


def test_a_lower_limit_than_was_used_up_stops_the_resumed_training(tmp_path):
    events = Events(should_stop=lambda: "now")
    with pytest.raises(Interrupted):
        tiny.trainer(tmp_path, of=Poisoned({0}), skip_nonfinite=1, events=events).train()
    with pytest.raises(NonFinite, match="step 0 is not finite"):
        tiny.trainer(tmp_path, of=Poisoned(set())).train()


def test_without_bad_steps_the_limit_changes_no_bit(tmp_path):
    weights = []
    for limit in (0, 3):
        folder = tmp_path / str(limit)
        folder.mkdir()
        trainer = tiny.trainer(folder, skip_nonfinite=limit)
        trainer.train()
        weights.append(trainer.last_weights())
    assert all(torch.equal(weights[0][name], tensor) for name, tensor in weights[1].items())


def test_a_save_returns_before_the_disk_is_done_and_holds_what_was_then(tmp_path):
    weight = torch.zeros(5)
    with Saver(tmp_path) as saver:
        saver.save(3, {"weight": weight}, settled={})
        weight += 1
    assert torch.equal(checkpoint.load(tmp_path)["weight"], torch.zeros(5))


def test_at_most_one_write_goes_on_and_the_next_waits_for_it(tmp_path, monkeypatch):
    writing, most = [], []
    real = checkpoint.write_atomically

    def slow(path, data):
        writing.append(path)
        most.append(len(writing))
        time.sleep(0.05)
        real(path, data)
        writing.remove(path)

    monkeypatch.setattr(checkpoint, "write_atomically", slow)
    with Saver(tmp_path) as saver:
        for step in range(4):
            saver.save(step, {"a": torch.zeros(3)}, settled={})
    assert most == [1, 1, 1, 1] and [step for step, _ in checkpoint.generations(tmp_path)] == [3, 2]


def test_a_failed_write_is_raised_by_the_next_look_and_once(tmp_path):
    saver = Saver(tmp_path / "missing")
    saver.save(1, {"a": 1}, settled={})
    saver._thread.join()
    with pytest.raises(FileNotFoundError):
        saver.check()
    saver.check()
    with pytest.raises(FileNotFoundError), saver:
        saver.save(2, {"a": 1}, settled={})
    with pytest.raises(ZeroDivisionError), saver:  # the failure at hand is what is said
        saver.save(3, {"a": 1}, settled={})
        raise ZeroDivisionError


def test_a_full_disk_ends_the_training_at_the_next_point_and_keeps_the_last_checkpoint(tmp_path):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    steps = []

    def fill(progress):
        steps.append(progress.step)
        if progress.step == 5:
            trainer.saver.wait()
            resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limits[1]))

    trainer = tiny.trainer(tmp_path, events=Events(on_step=fill))
    try:
        with pytest.raises(OSError, match="File too large"):
            trainer.train()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert steps[-1] <= 9  # the save of step 6 failed: the point of step 9 hears of it
    assert [step for step, _ in checkpoint.generations(tmp_path)] == [3]
    assert not list(tmp_path.glob(".*"))
    whole = tmp_path / "whole"
    whole.mkdir()
    weights = []
    for folder in (tmp_path, whole):
        again = tiny.trainer(folder, of=tiny.network(seed=0))
        again.train()
        weights.append(again.last_weights())
    assert all(torch.equal(weights[0][name], tensor) for name, tensor in weights[1].items())


class Deadly(tiny.Noise):
    """Samples whose loader process is killed, sleeps or raises at one index of the list."""

    def __init__(self, what):
        super().__init__()
        self.what = what

    def __getitem__(self, key):
        if key[0] == 1 and torch.utils.data.get_worker_info() is not None:  # the second epoch
            if self.what == "dies":
                os.kill(os.getpid(), signal.SIGKILL)
            elif self.what == "hangs":
                time.sleep(60)
            else:
                raise ValueError("/data/picture 7.png: truncated; get it again.")
        return super().__getitem__(key)


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("dies", r"a loader process died .DataLoader worker .* The same call goes on from the last checkpoint"),
        pytest.param("hangs", "a loader process gave no batch for 2 s", marks=pytest.mark.slow),
        ("raises", "^/data/picture 7.png: truncated; get it again.$"),
    ],
)
def test_a_loader_process_that_fails_ends_in_a_sentence_and_the_run_goes_on(tmp_path, monkeypatch, what, said):
    monkeypatch.setattr("repro.training.loading.SECONDS", 2)
    with pytest.raises(ValueError, match=said) as error, explained(tiny.recipe(), CPU):
        tiny.trainer(tmp_path, samples=Deadly(what), workers=1).train()
    assert "\n" not in str(error.value)
    subprocess.run(["true"], check=True)  # another process that ends must not bring the dead one up again
    again = tiny.trainer(tmp_path, of=tiny.network(seed=0), samples=tiny.Noise())
    assert again.train().progress.finished == "all epochs"


ENDS = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:117] . DefaultCPUAllocator: can't allocate memory: you tried to"),
    RuntimeError("std::bad_alloc"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    MemoryError(),
]


@pytest.mark.parametrize("end", ENDS, ids=lambda end: f"{type(end).__name__} {str(end)[:20]}")
def test_out_of_memory_names_batch_and_crop_and_what_to_do(end):
    said = r"out of memory on cpu with a batch of 4 in micro-batches of 2, 512x1024 images, float32; give --micro-batch"
    with pytest.raises(Failed, match=said), explained(tiny.recipe(crop=(512, 1024), micro_batch=2), CPU):
        raise end


def test_a_real_allocation_that_fails_is_recognised():
    with pytest.raises(Failed, match="out of memory on cpu"), explained(tiny.recipe(), CPU):
        torch.empty(2**60, dtype=torch.uint8)


def test_a_missing_deterministic_kernel_is_named_and_other_errors_pass():
    said = "max_unpooling2d_forward_out does not have a deterministic implementation, but you set"
    with pytest.raises(Failed, match="max_unpooling2d_forward_out has no deterministic kernel"), \
            explained(tiny.recipe(), CPU):  # fmt: skip
        raise RuntimeError(said)
    with pytest.raises(RuntimeError, match="shapes"), explained(tiny.recipe(), CPU):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")


def test_the_flag_is_read_at_points_only(tmp_path):
    """Between two points nothing asks the device for a number: a tensor that counts its readings is the flag."""
    class Counting(torch.Tensor):
        @classmethod
        def __torch_function__(cls, function, types, args=(), kwargs=None):
            if function in (torch.Tensor.tolist, torch.Tensor.item, torch.Tensor.__bool__, torch.Tensor.__int__):
                read.append(trainer.progress.step)
            return super().__torch_function__(function, types, args, kwargs or {})

    read = []
    trainer = tiny.trainer(tmp_path, samples=tiny.Noise(100), epochs=2)  # 25 steps an epoch
    trainer.bad_steps = trainer.bad_steps.as_subclass(Counting)
    trainer.bad = trainer.bad.as_subclass(Counting)
    trainer.train()
    assert sorted(set(read)) == [20, 25, 40, 50]
    assert [point["step"] for point in read_log(tmp_path / "log.jsonl")] == [20, 25, 40, 50]
