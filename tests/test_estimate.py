"""What is said before the first step: time, memory, disk, and where everything goes."""

import io
import itertools
import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from rich.console import Console

from repro import plan, records
from repro.dry_run import disk_of
from repro.jobs import estimate as estimating
from repro.jobs.estimate import CHECKPOINT_BYTES, Estimate, announce, measure
from repro.runner import Setting

GIB = 2**30


def said(suite: str, expected: Estimate, *, at_once: int = 1, asked: str = "auto", runs: Path = Path("runs")) -> str:
    console = Console(file=io.StringIO(), width=1000)
    setting = Setting(runs, (), torch.device("cpu"))
    announce(plan.suite(suite), expected, setting, console, at_once=at_once, asked=asked)
    return console.file.getvalue()


def test_the_first_words_are_runs_hours_memory_disk_and_folders():
    expected = Estimate({"a": 1800.0, "b": 5400.0}, 0.5, 3 * GIB, 8 * GIB, 2, "cpu", checkpoint_gib=1.5)
    first, second = said("demo", expected, at_once=2, runs=records.ROOT / "runs" / "demo").splitlines()
    assert first == "2 runs to train, about 60 min on cpu (measured on a few steps of 2 networks), 3.0 GiB of memory."
    assert second == (
        "They write weights and curves to runs/demo, about 0.5 GiB, and while they train 3.0 GiB of checkpoints; "
        "records to runs/demo/tables/records, tables to runs/demo/tables, figures to runs/demo/figures."
    )


def test_where_nothing_is_trained_nothing_is_said():
    assert said("demo", Estimate({}, 0.0, 0, 0, 0, "cpu")) == ""


def test_days_on_a_cpu_are_refused_unless_asked_for():
    days = Estimate({"a": 86400.0 * 3}, 0.1, GIB, 8 * GIB, 1, "cpu")
    with pytest.raises(ValueError, match="cityscapes would take about 3 days; give --device cpu"):
        said("cityscapes", days)
    assert "1 run to train, about 3.0 d" in said("cityscapes", days, asked="cpu")
    assert "about 3.0 d" in said("camvid", days)  # no paper's own data: nobody expects hours


def test_memory_that_a_cpu_lacks_is_said_with_the_way_out():
    assert "free here" not in said("camvid-e4", Estimate({"a": 60.0}, 0.1, 3 * GIB, 8 * GIB, 1, "cpu"), at_once=2)
    text = said("camvid-e4", Estimate({"a": 60.0}, 0.1, 4 * GIB, 8 * GIB, 1, "cpu"), at_once=2)
    assert "Only 8.0 GiB are free here" in text and "--micro-batch auto" in text


def test_a_precision_that_is_only_emulated_is_said_with_the_way_out():
    text = said("camvid-e4", Estimate({"a": 60.0}, 0.1, GIB, 8 * GIB, 1, "cpu", emulated="bfloat16"))
    assert "only emulates bfloat16" in text and "as suite camvid-e4-float32" in text
    assert "emulates" not in said("camvid-e4", Estimate({"a": 60.0}, 0.1, GIB, 8 * GIB, 1, "cpu"))


def test_the_time_of_a_step_of_few_images_is_scaled_to_the_whole_batch(monkeypatch):
    (job, *_) = plan.plan(plan.suite("demo"), only="paper1_table1/U-Net")
    assert job.run.recipe.batch == 4
    seconds = itertools.count()
    monkeypatch.setattr(estimating.time, "monotonic", lambda: next(seconds))  # a step begins and ends: one second
    setting = Setting(None, (), torch.device("cpu"))
    assert measure(job.run, 19, setting, steps=1).seconds_per_step == 1
    assert measure(job.run, 19, setting, steps=1, images=2).seconds_per_step == 2
    assert measure(job.run, 19, setting, steps=1, images=9).seconds_per_step == 1  # never more than the batch


CPU = Setting(None, (), torch.device("cpu"))


def test_a_measured_step_is_that_of_a_training_with_its_auxiliary_outputs(monkeypatch):
    (job, *_) = plan.plan(plan.suite("demo"), only="paper1_table1/FCN")
    real, seen = estimating.make_loss, []

    def make(*given, **named):
        loss = real(*given, **named)

        class Counted:
            totals = loss.totals

            def __call__(self, logits, *rest):
                seen.append(logits.requires_grad)
                return loss(logits, *rest)

        return Counted()

    monkeypatch.setattr(estimating, "make_loss", make)
    measure(job.run, 19, CPU, steps=1, images=2)
    assert seen == [True, True] and len(job.run.recipe.auxiliary_weights) == 1


def test_what_cublas_reads_once_is_set_before_the_first_measured_step(monkeypatch):
    name, value = estimating.WORKSPACE
    monkeypatch.setenv(name, "")  # so that it is as before afterwards
    monkeypatch.delenv(name)
    (job, *_) = plan.plan(plan.suite("demo"), only="paper1_table1/U-Net")
    monkeypatch.setattr(estimating, "build", lambda *_, **__: 1 / 0)  # nothing has reached a card yet
    with pytest.raises(ZeroDivisionError):
        measure(job.run, 19, replace(CPU, deterministic=True))
    assert os.environ[name] == value


def test_a_step_that_does_not_fit_into_memory_is_said_before_anything_is_begun(monkeypatch):
    def full(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory")

    class Lists:
        class train_set:
            class_names = ("a", "b")

    monkeypatch.setattr(estimating, "measure", full)
    monkeypatch.setattr(estimating, "open_lists", lambda run, data: Lists)
    with pytest.raises(ValueError, match=r"out of memory on cpu with a batch of 4 .* give --micro-batch auto"):
        estimating.estimate(plan.plan(plan.suite("demo"), only="paper1_table1/U-Net"), CPU)


def test_a_finished_run_keeps_two_sets_of_weights_and_a_training_one_three_checkpoints():
    assert disk_of(31_038_283) == 2 * 124_153_132  # as the U-Net of CamVid has them, but for counters and names
    assert CHECKPOINT_BYTES == 3 * (4 + 4 + 8)
