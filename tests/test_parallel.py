import copy
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import golden_losses
import numpy as np
import psutil
import pytest
import tiny
import torch
from crew import Crew
from measured import ROOT
from torch import nn

from repro import checkpoint
from repro.losses import make_loss
from repro.metrics import BINS
from repro.networks import build
from repro.parallel import ALONE, Agreed, Apart, Processes, Slice, from_environment
from repro.parallel.layers import BatchNormOnCpu, Here, synchronised
from repro.runner.shares import evaluate_together
from repro.training import Events, Interrupted, NonFinite, read_log

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def crew(tmp_path_factory):
    crew = Crew(tmp_path_factory.mktemp("meetings"))
    yield crew
    crew.end()


# Who takes what.


def test_slices_differ_by_at_most_one_image_and_hold_each_image_once():
    parts = [range(2), range(2, 4), range(4, 7)]
    assert [Processes(rank, 3).slices(7, None) for rank in range(3)] == [[Slice(0, part, 7)] for part in parts]
    assert ALONE.slices(7, None) == [Slice(0, range(7), 7)]
    for size in range(1, 9):
        parts = [Processes(rank, size).slices(8, None)[0].positions for rank in range(size)]
        assert [position for part in parts for position in part] == [*range(8)]
        assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_each_micro_batch_is_cut_so_that_the_same_images_are_normalised_together():
    assert [part.positions for part in ALONE.slices(7, 4)] == [range(4), range(4, 7)]
    assert [part.positions for part in Processes(0, 2).slices(7, 4)] == [range(2), range(4, 5)]
    assert [part.positions for part in Processes(1, 2).slices(7, 4)] == [range(2, 4), range(5, 7)]


@pytest.mark.parametrize(
    ("size", "micro", "sentence"),
    [
        (5, None, "a batch of 4 has 4 images at a time for 5 processes, expected one or more .*; start at most 4"),
        (2, 3, "a batch of 4 in micro-batches of 3 has 1 images at a time for 2 processes, .*; start at most 1"),
    ],
)
def test_more_processes_than_images_are_refused_in_a_sentence(size, micro, sentence, tmp_path):
    with pytest.raises(ValueError, match=sentence):
        tiny.trainer(tmp_path, processes=Processes(0, size), micro_batch=micro)
    assert list(tmp_path.iterdir()) == []


def test_the_processes_are_what_torchrun_says():
    started = {"RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "4"}
    assert from_environment(started) == Processes(rank=5, size=8, local=1, here=4)
    assert from_environment({}) == from_environment({"WORLD_SIZE": "8"}) == ALONE
    assert from_environment(started | {"RANK": "0", "WORLD_SIZE": "1"}) == ALONE
    for wrong in ({"RANK": "8"}, {"RANK": "-1"}, {"WORLD_SIZE": "many"}):
        with pytest.raises(ValueError, match="expected numbers as of torchrun"):
            from_environment(started | wrong)


# What they exchange.


def exchange(processes):
    tensors = [torch.full((2, 3), 1.0 + processes.rank).t(), torch.tensor(0.1 * (processes.rank + 1))]
    processes.add_up(tensors)
    reasons = ["", "", "time limit"][processes.rank], ["", "SIGTERM", "time limit"][processes.rank]
    agreed = [processes.agree(reason) for reason in (*reasons, "")]
    gathered = processes.gather(lambda: {"rank": processes.rank, "tensor": torch.arange(processes.rank)})
    shares = {n: processes.in_order(lambda n=n: [10 * i for i in processes.share(n)]) for n in (7, 3, 2, 0)}
    return tensors, agreed, gathered, shares, processes.first(lambda: f"of {processes.rank}")


def test_sums_reasons_and_things_are_the_same_on_every_process(crew):
    answers = crew.do(3, exchange)
    for tensors, agreed, gathered, shares, first in answers:
        assert torch.equal(tensors[0], torch.full((3, 2), 6.0))
        assert torch.equal(tensors[1], answers[0][0][1]) and float(tensors[1]) == pytest.approx(0.6)
        assert agreed == ["time limit", "SIGTERM", ""]
        assert [each["rank"] for each in gathered] == [0, 1, 2]
        assert [each["tensor"].tolist() for each in gathered] == [[], [0], [0, 1]]
        assert shares == {n: [10 * i for i in range(n)] for n in (7, 3, 2, 0)}
        assert first == "of 0"


def failing(processes):
    def make():
        if processes.rank == 1:
            raise OSError("no such disk")

    processes.gather(make)


def test_a_failure_of_one_is_raised_by_all_at_one_place(crew):
    first, second, third = crew.try_(3, failing)
    assert isinstance(second, OSError) and all(isinstance(each, Agreed) for each in (first, third))
    assert {str(each) for each in (first, second, third)} == {"no such disk"}


def in_turn(processes, path):
    def make():
        found = path.exists()
        path.write_text("made")
        return found

    local = Processes(processes.rank, processes.size, local=processes.rank)
    return local.node_first(make)


def test_one_process_of_a_node_makes_what_the_others_find(crew, tmp_path):
    assert crew.do(3, in_turn, tmp_path / "cache") == [False, True, True]


# Batch normalisation.


def normalise(processes, layer, features, weights):
    part = processes.slices(len(features), None)[0].rows
    mine = features[part.start : part.stop].clone().requires_grad_()
    with synchronised(layer, processes, CPU, Here()):
        kind = type(layer.inner).__name__
        normalised = layer(mine)
        (normalised * weights[part.start : part.stop]).sum().backward()
    gradients = [each.grad for each in layer.parameters()]
    processes.add_up(gradients)
    assert type(layer.inner) in (nn.BatchNorm1d, nn.BatchNorm2d)
    return kind, normalised.detach(), mine.grad, gradients, dict(layer.named_buffers())


class Holder(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, features):
        return self.inner(features)


@pytest.mark.parametrize("size", [2, 3])
@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.BatchNorm2d(4), (7, 4, 5, 3)),
        (nn.BatchNorm2d(4, momentum=None), (3, 4, 1, 1)),  # one pixel an image, and a process may have one image
        (nn.BatchNorm2d(4, affine=False, momentum=0.3), (4, 4, 2, 2)),
        (nn.BatchNorm1d(4), (5, 4, 6)),
        (nn.BatchNorm1d(4), (5, 4)),
    ],
)
def test_batch_norm_over_processes_is_that_of_one_process(crew, size, layer, shape):
    torch.manual_seed(0)
    features, weights = (torch.randn(shape, dtype=torch.float64) * 3 + 2 for _ in range(2))
    holder = Holder(copy.deepcopy(layer).double())
    _, expected, gradient, gradients, buffers = normalise(ALONE, holder, features, weights)
    answers = crew.do(size, normalise, Holder(copy.deepcopy(layer).double()), features, weights)
    assert {answer[0] for answer in answers} == {"BatchNormOnCpu"}
    close = {"rtol": 1e-10, "atol": 1e-12}
    torch.testing.assert_close(torch.cat([answer[1] for answer in answers]), expected, **close)
    torch.testing.assert_close(torch.cat([answer[2] for answer in answers]), gradient, **close)
    for answer in answers:
        torch.testing.assert_close(answer[3], gradients, **close)
        torch.testing.assert_close(answer[4], buffers, **close)


def test_batch_norm_gradients_are_those_of_finite_differences():
    layer = BatchNormOnCpu(2).double()
    torch.distributed.init_process_group("gloo", store=torch.distributed.HashStore(), rank=0, world_size=1)
    try:
        features = torch.randn(3, 2, 2, 2, dtype=torch.float64, requires_grad=True)
        assert torch.autograd.gradcheck(layer, features)
    finally:
        torch.distributed.destroy_process_group()


def halves(processes, features):
    layer = Holder(nn.BatchNorm2d(4))
    part = processes.slices(len(features), None)[0].rows
    with synchronised(layer, processes, CPU, Here()), torch.autocast("cpu", dtype=torch.bfloat16):
        return layer(features[part.start : part.stop]).detach()


def test_batch_norm_of_half_precision_computes_in_single_and_returns_half(crew):
    features = torch.randn(6, 4, 8, 8).bfloat16() * 100 + 1000
    found = torch.cat(crew.do(2, halves, features))
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found, nn.BatchNorm2d(4)(features.float()).bfloat16(), rtol=1e-2, atol=1e-2)


def test_a_batch_norm_that_does_more_than_normalise_is_refused():
    class WithActivation(nn.BatchNorm2d):
        pass

    with pytest.raises(ValueError, match="share WithActivation between"), synchronised(
        Holder(WithActivation(3)), Processes(0, 2), CPU, Here()
    ):
        pass


def drop(processes, layer, features):
    holder, here = Holder(layer), Here()
    torch.manual_seed(3)
    dropped = []
    with synchronised(holder, processes, CPU, here):
        for here.slice in processes.slices(len(features), 4):
            mine = features[here.slice.positions.start : here.slice.positions.stop]
            dropped.append(holder(mine.contiguous(memory_format=torch.channels_last)))
        holder.eval()
        assert torch.equal(holder(features), features)
        holder.train()
    return dropped


@pytest.mark.parametrize("layer", [nn.Dropout(0.4), nn.Dropout2d(0.4)])
def test_dropout_over_processes_has_the_mask_of_one_process(crew, layer):
    features = torch.randn(7, 16, 3, 5)
    expected = drop(ALONE, layer, features)  # 4 images, then 3
    assert 0.2 < float((expected[0] == 0).float().mean()) < 0.6
    for size in (2, 3):
        parts = crew.do(size, drop, layer, features)
        for micro, whole in enumerate(expected):
            assert torch.equal(torch.cat([part[micro] for part in parts]), whole)


def logits_of(processes, name):
    torch.manual_seed(0)
    network, here = build(name, classes=2, **golden_losses.OPTIONS[name]).double().train(), Here()
    for each in network.parameters():
        if not each.any():  # a head that starts at zero would hide what is before it
            nn.init.normal_(each, std=0.1)
    image = torch.randn(4, 3, 64, 64, dtype=torch.double, generator=torch.Generator().manual_seed(1))
    torch.manual_seed(7)
    with synchronised(network, processes, CPU, here):
        (here.slice,) = processes.slices(4, None)
        logits = network(image[here.slice.positions.start : here.slice.positions.stop])
        return (logits[0] if isinstance(logits, tuple) else logits).detach()


@pytest.mark.slow
@pytest.mark.parametrize("name", golden_losses.OPTIONS)
def test_every_network_in_training_is_over_two_processes_what_it_is_in_one(crew, name):
    whole = logits_of(ALONE, name)
    parts = torch.cat(crew.do(2, logits_of, name))
    assert (parts - whole).abs().max() < 1e-9 * whole.std()


def test_paths_that_are_dropped_by_a_function_are_refused_over_processes():
    network = build("fcn", classes=2, encoder_name="efficientnet-b0")
    with pytest.raises(ValueError, match="share EfficientNetEncoder between"), synchronised(
        network, Processes(0, 2), CPU, Here()
    ):
        pass


# Training.


class Double(nn.Module):
    """The tiny network in float64, with or without batch-norm, with dropout."""

    def __init__(self, norm):
        super().__init__()
        torch.manual_seed(0)
        norm = nn.BatchNorm2d(8) if norm else nn.Identity()
        drop = nn.Dropout(0.2)
        self.layers = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), norm, nn.ReLU(), drop, nn.Conv2d(8, 3, 1)).double()

    def forward(self, image):
        return self.layers(image.double())


def double_trainer(folder, processes, *, norm, **changes):
    loss = make_loss("cross_entropy_dice", alpha=0.5, class_weights=torch.tensor([0.3, 1.7, 1.1], dtype=torch.float64))
    return tiny.trainer(folder, of=Double(norm), processes=processes, loss=loss, batch=7, **changes)


def train_double(processes, folder, norm, changes, stop_at=None):
    folder.mkdir(parents=True, exist_ok=True)
    seen = []
    events = Events(
        on_step=lambda progress: seen.append(progress.step),
        # one process alone is asked to stop
        should_stop=lambda: "asked" if seen[-1] == stop_at and processes.rank == processes.size - 1 else "",
    )
    trainer = double_trainer(folder, processes, norm=norm, events=events, **changes)
    trained = trainer.train()
    gradients = [each.grad for each in trainer.network.parameters()]
    return trainer.last_weights(), trained.selected, gradients, trained.curve, vars(trained.progress)


def numbers(curve):
    return [[value for key, value in sorted(point.items()) if key != "seconds"] for point in curve]


@pytest.mark.parametrize("size", [2, 3])
@pytest.mark.parametrize(
    ("norm", "changes"),
    [(False, {}), (True, {}), (True, {"micro_batch": 4, "averaging": 0.9})],
    ids=["without", "batch-norm", "micro-batches"],
)
def test_losses_of_uneven_slices_add_up_to_weights_and_gradient_of_one_process(crew, tmp_path, size, norm, changes):
    changes = {"epochs": 3, **changes}  # six steps
    whole = train_double(ALONE, tmp_path / "one", norm, changes)
    for answer in crew.do(size, train_double, tmp_path / "several", norm, changes):
        for found, expected in zip(answer[:3], whole[:3]):
            torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)
    curve = read_log(tmp_path / "several" / "log.jsonl")
    assert [point["step"] for point in curve] == [2, 4, 6]
    np.testing.assert_allclose(numbers(curve), numbers(whole[3]), rtol=1e-6)  # the curve's loss is summed in float32


def train_apart(processes, root, changes):
    """Each process in a folder of its own, as on machines that share no disk."""
    folder = root / str(processes.rank)
    folder.mkdir(parents=True, exist_ok=True)
    tiny.trainer(folder, of=tiny.network(), processes=processes, **changes).train()
    return sorted(path.name.split(".")[0] for path in folder.iterdir())


def test_the_first_process_alone_writes(crew, tmp_path):
    first, second = crew.do(2, train_apart, tmp_path, {"epochs": 2})
    assert first == ["checkpoint-000000003", "checkpoint-000000006", "log"]
    assert second == []


def stop_apart(processes, root, stop_at):
    return train_double(processes, root / str(processes.rank), True, {"epochs": 3}, stop_at)


def test_one_that_is_asked_to_stop_stops_all_and_any_number_goes_on(crew, tmp_path):
    whole = {size: crew.do(size, train_double, tmp_path / f"whole{size}", True, {"epochs": 3})[0] for size in (2, 3)}
    for stopped in crew.try_(2, stop_apart, tmp_path / "stopped", 3):
        assert isinstance(stopped, Interrupted) and str(stopped) == "asked"
    assert [step for step, _ in checkpoint.generations(tmp_path / "stopped" / "0")] == [3, 2]
    same, *_ = crew.do(2, stop_apart, copied(tmp_path / "stopped", tmp_path / "again"), None)
    for found, expected in zip(same[:2], whole[2][:2]):
        assert all(torch.equal(found[name], expected[name]) for name in expected)  # equal numbers, equal bits
    other, *_ = crew.do(3, stop_apart, copied(tmp_path / "stopped", tmp_path / "other"), None)
    torch.testing.assert_close(other[0], whole[3][0], rtol=0, atol=1e-10)
    alone = stop_apart(ALONE, copied(tmp_path / "stopped", tmp_path / "alone"), None)
    torch.testing.assert_close(alone[0], whole[2][0], rtol=0, atol=1e-10)
    assert [point["step"] for point in alone[3]] == [2, 4, 6]


def copied(source: Path, target: Path) -> Path:
    (target / "0").mkdir(parents=True)
    for path in (source / "0").iterdir():
        (target / "0" / path.name).write_bytes(path.read_bytes())
    return target


def train_failing(processes, root, how, changes):
    folder = root / str(processes.rank)
    folder.mkdir(parents=True)
    network = tiny.Failing(5 if processes.rank == 1 else -1, how)
    trainer = tiny.trainer(folder, of=network, processes=processes, epochs=3, **changes)
    trained = trainer.train()
    return trainer.last_weights(), trained.progress.skipped, trainer.scaler.get_scale()


@pytest.mark.parametrize("how", ["loss", "gradient"])
def test_what_is_not_finite_on_one_stops_all_with_the_same_sentence(crew, tmp_path, how):
    errors = crew.try_(2, train_failing, tmp_path / "stops", how, {})
    assert all(isinstance(error, NonFinite) for error in errors) and len({*map(str, errors)}) == 2
    assert all("step 4 is not finite" in str(error) for error in errors)
    one, other = crew.do(2, train_failing, tmp_path / "skips", how, {"skip_nonfinite": 1})
    assert one[1] == other[1] == [4]
    assert all(torch.equal(one[0][name], other[0][name]) for name in one[0])


def test_a_gradient_that_overflows_float16_on_one_is_skipped_by_all(crew, tmp_path):
    one, other = crew.do(2, train_failing, tmp_path, "gradient", {"precision": "float16"})
    assert all(torch.equal(one[0][name], other[0][name]) for name in one[0])
    assert one[2] == other[2] == 2.0**15  # halved once, from 2 ** 16


def train_selected(processes, root, losses):
    folder = root / str(processes.rank)
    folder.mkdir()
    left = iter(losses[processes.rank])
    select = lambda network: (next(left), 0.5)  # noqa: E731
    trained = tiny.trainer(folder, of=tiny.network(), processes=processes, select=select, patience=1).train()
    return trained.progress.step, trained.progress.best_loss, trained.progress.finished


def test_the_first_process_decides_what_is_selected_and_when_to_stop(crew, tmp_path):
    answers = crew.do(2, train_selected, tmp_path, [[3.0, 2.0, 2.0], [3.0, 3.0, 1.0]])
    assert answers == [(9, 2.0, "stopped early")] * 2


def drift(processes, folder):
    network = tiny.network(seed=processes.rank)
    tiny.trainer(folder, of=network, processes=processes).train()


def test_processes_whose_weights_differ_stop_at_the_epochs_end(crew, tmp_path):
    for error in crew.try_(2, drift, tmp_path):
        assert isinstance(error, Agreed) and "no longer hold the same weights" in str(error)


class Damaged(tiny.Noise):
    def __getitem__(self, key):
        if key == (1, 3):
            raise ValueError("picture 3 is damaged")
        return super().__getitem__(key)


def read_damaged(processes, root):
    folder = root / str(processes.rank)
    folder.mkdir()
    with processes.or_apart():
        tiny.trainer(folder, of=tiny.network(), samples=Damaged(), processes=processes).train()


@pytest.mark.slow
def test_an_error_of_one_alone_ends_that_one_with_a_sentence_and_the_others_with_another(tmp_path):
    crew = Crew(tmp_path, most=2)  # of its own: one of them ends
    answers = crew.try_(2, read_damaged, tmp_path)
    crew.end()
    assert all(isinstance(error, Apart) for error in answers)
    failed, lost = sorted(answers, key=lambda error: error.code)
    assert (failed.code, lost.code) == (1, 75)
    rank = answers.index(failed)
    assert failed.sentence == f"process {rank} of 2: picture 3 is damaged"
    assert "another process of this run ended or hangs; the same call goes on" in lost.sentence
    assert checkpoint.generations(tmp_path / "0")[0][0] == 3  # the first epoch's end


# Evaluation.


def evaluate(processes, n, classes, histograms):
    samples = [tiny.evaluation_sample(number) for number in range(n)]
    for sample in samples:
        sample.label[(sample.label >= classes) & (sample.label != 255)] = 0
    network = tiny.network(classes=classes).eval()
    recipe = tiny.recipe()
    return evaluate_together(
        network, samples, processes, recipe=recipe, device=CPU, classes=classes, histograms=histograms
    )


@pytest.mark.parametrize(
    ("n", "classes", "histograms"), [(7, 3, None), (7, 2, "image"), (7, 2, "pooled"), (2, 2, "pooled")]
)
def test_every_number_of_processes_counts_the_same_pixels_in_the_order_of_the_images(crew, n, classes, histograms):
    whole = evaluate(ALONE, n, classes, histograms)
    assert whole["native whole"].images.tolist() == [f"{number:016x}" for number in range(n)]
    for size in (2, 3):
        for found in crew.do(size, evaluate, n, classes, histograms):
            assert list(found) == list(whole)
            for name, evidence in whole.items():
                for field, expected in vars(evidence).items():
                    array = getattr(found[name], field)
                    np.testing.assert_array_equal(array, expected, err_msg=field)
                    assert expected is None or array.dtype == expected.dtype
    if histograms:
        assert whole["native whole"].histogram.shape[-1] == BINS


# As a user starts them.

CALL = ["-m", "repro.run", "demo", "--epochs", "2", "--only", "paper2_figure4/UNet", "--seeds", "0", "--device", "cpu"]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for package in ("repro", "baselines"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def start(folder: Path, *command: str) -> subprocess.Popen:
    environment = {**os.environ, "PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, *command], cwd=folder, env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def torchrun(folder: Path, processes: int, *command: str) -> subprocess.Popen:
    how = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    return start(folder, *how, *command)


def kill_second(launcher: subprocess.Popen, log: Path) -> None:
    """Kill the second process, as the system does where memory runs out, once a point is in the log."""
    while not log_has_a_point(log):
        assert launcher.poll() is None, launcher.communicate()
        time.sleep(0.05)
    for child in psutil.Process(launcher.pid).children():
        if child.environ().get("RANK") == "1":
            child.send_signal(signal.SIGKILL)


def log_has_a_point(folder: Path) -> bool:
    return any(path.stat().st_size for path in folder.glob("runs/demo-e2/*/log.jsonl"))


@pytest.mark.slow
def test_where_one_is_killed_the_others_end_in_a_sentence_and_another_number_goes_on(checkout: Path):
    launcher = torchrun(checkout, 2, *CALL)
    kill_second(launcher, checkout)
    out, err = launcher.communicate(timeout=120)
    assert launcher.returncode == 1  # torchrun's own, whatever its processes return
    assert "run_all.sh: another process of this run ended or hangs; the same call goes on from the last" in err
    assert out.count("2 processes train each run together.") == 1
    alone = start(checkout, *CALL)
    _, err = alone.communicate(timeout=120)
    assert alone.returncode == 0, err
    (folder,) = (path.parent for path in checkout.glob("runs/demo-e2/*/record.json"))
    provenance = json.loads((folder / "record.json").read_text())["provenance"]
    assert [machine.get("processes") for machine in provenance["machines"]] == [2, None]
    assert provenance["exact"] is False
    points = read_log(folder / "log.jsonl")
    assert [point["step"] for point in points] == [10, 20]
    assert points[1]["seconds"] > points[0]["seconds"]  # it went on, and did not begin anew


@pytest.mark.slow
def test_two_and_three_processes_come_to_the_scores_of_one(tmp_path: Path):
    """Within .01 of training loss and a point of each score: docs/demo-tolerance.md has a longer measurement."""
    call = ["-m", "repro.run", "demo", "--epochs", "1", "--only", "paper1_table1/PSPNet", "--device", "cpu"]
    found = []
    for processes in (1, 2, 3):
        folder = tmp_path / str(processes)
        for package in ("repro", "baselines"):
            shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
        command = start(folder, *call) if processes == 1 else torchrun(folder, processes, *call)
        _, err = command.communicate(timeout=300)
        assert command.returncode == 0, err
        (run,) = (path.parent for path in folder.glob("runs/demo-e1/*/record.json"))
        record = json.loads((run / "record.json").read_text())
        losses = [point["train_loss"] for point in read_log(run / "log.jsonl")]
        found.append((record["training"]["label_pixels"], losses, record["scores"]["last native whole"]))
    pixels, losses, scores = found[0]
    for other_pixels, other_losses, other_scores in found[1:]:
        assert other_pixels == pixels  # the same images, crops and flips, whoever takes them
        np.testing.assert_allclose(other_losses, losses, rtol=0, atol=0.01)
        for name in ("miou", "pixel_accuracy"):
            assert other_scores[name] == pytest.approx(scores[name], abs=0.01)


def test_torchrun_goes_without_what_spreads_runs_and_with_one_process_it_is_none(
    capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    from repro.run import main

    for name, value in {"RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "2"}.items():
        monkeypatch.setenv(name, value)
    for option in (["--jobs", "2"], ["--lock"], ["--per-gpu", "2"]):
        assert main(["demo", *option]) == 2
        said = capsys.readouterr()
        assert said.out == "" and f"{option[0]} does not go with torchrun" in said.err and said.err.count("\n") == 1
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert main(["demo", "--jobs", "2"]) == 2
    assert capsys.readouterr() == ("", "")  # the first process of the machine says it
