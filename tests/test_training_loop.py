import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import tiny
import torch
from torch import nn

from repro import checkpoint
from repro.losses import Loss
from repro.schedule import learning_rate
from repro.training import Events, Interrupted, NonFinite, Trainer, batch_at, read_log

STEPS = 24  # 8 epochs of ceil(10 / 4) = 3 steps


def stopping_at(*steps):
    """Events that ask to stop once at each of `steps`."""
    left, seen = set(steps), []
    return Events(
        on_step=lambda progress: seen.append(progress.step),
        should_stop=lambda: "asked to" if seen[-1] in left and not left.discard(seen[-1]) else "",
    )


def outcome(trainer, trained):
    """Everything of a finished training that has to be equal to the bit."""
    curve = [{key: value for key, value in point.items() if key != "seconds"} for point in trained.curve]
    facts = {key: value for key, value in vars(trained.progress).items() if key not in ("seconds", "loss_sum")}
    return trainer.last_weights(), trained.selected, curve, facts


def assert_equal_bits(one, other):
    for weights, others in zip(one[:2], other[:2]):
        assert list(weights) == list(others)
        for name in weights:
            assert torch.equal(weights[name], others[name]), name
    assert one[2:] == other[2:]


def finish(folder, **changes):
    """Train to the end, going on after every stop as a new process would: with a new network and optimiser."""
    while True:
        trainer = tiny.trainer(folder, of=tiny.network(seed=0), **changes)
        try:
            return outcome(trainer, trainer.train())
        except Interrupted:
            torch.manual_seed(123)  # what a new process finds in the random state is anything


def test_the_curve_has_a_point_every_twenty_steps_and_at_each_epochs_end(tmp_path):
    trainer = tiny.trainer(tmp_path)
    trained = trainer.train()
    assert [point["step"] for point in trained.curve] == [3, 6, 9, 12, 15, 18, 20, 21, 24]
    assert [point["epoch"] for point in trained.curve] == [1, 2, 3, 4, 5, 6, 7, 7, 8]
    assert ["selection_loss" in point for point in trained.curve] == [True] * 6 + [False] + [True] * 2
    rates = [point["learning_rate"] for point in trained.curve]
    assert rates == [learning_rate(point["step"] - 1, STEPS, trainer.recipe) for point in trained.curve]
    assert trained.progress.finished == "all epochs"
    assert trained.curve[-1]["train_loss"] < trained.curve[0]["train_loss"]


def test_the_first_step_by_hand_is_adams(tmp_path):
    network = tiny.network(dropout=0)
    trainer = tiny.trainer(tmp_path, of=network, weight_decay=0.5, epochs=1)
    before = network.layers[4].weight.detach().clone()
    pairs = [trainer.samples[key] for key in batch_at(0, n=10, batch=4, seed=5)]
    trainer._step(*(torch.stack(each) for each in zip(*pairs)))
    # Adam's first step is the rate against the gradient's sign; AdamW first shrinks the weight by rate * decay
    expected = before * (1 - 0.01 * 0.5) - 0.01 * network.layers[4].weight.grad.sign()
    torch.testing.assert_close(network.layers[4].weight.detach(), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("steps", [(1,), (4,), (9,), (20,), (21, 22), (23,), tuple(range(1, STEPS, 2))])
@pytest.mark.parametrize("changes", [{}, {"averaging": 0.9, "micro_batch": 2}], ids=["plain", "averaged"])
def test_a_stopped_training_ends_with_the_same_bits(tmp_path, steps, changes):
    whole = finish(tmp_path / "whole", **prepare(tmp_path / "whole", changes))
    stopped = finish(tmp_path / "stopped", events=stopping_at(*steps), **prepare(tmp_path / "stopped", changes))
    assert_equal_bits(stopped, whole)


def prepare(folder, changes):
    folder.mkdir()
    return changes


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_a_stopped_training_in_half_precision_ends_with_the_same_bits(tmp_path, precision):
    whole = finish(tmp_path / "whole", **prepare(tmp_path / "whole", {"precision": precision, "epochs": 3}))
    changes = {"precision": precision, "epochs": 3, "events": stopping_at(4, 6)}
    assert_equal_bits(finish(tmp_path / "stopped", **prepare(tmp_path / "stopped", changes)), whole)
    single = finish(tmp_path / "single", **prepare(tmp_path / "single", {"epochs": 3}))
    assert any(not torch.equal(single[0][name], whole[0][name]) for name in single[0])
    assert whole[2][-1]["train_loss"] == pytest.approx(single[2][-1]["train_loss"], rel=0.05)


@pytest.mark.slow
def test_loader_processes_change_no_bit_of_a_stopped_training(tmp_path):
    whole = finish(tmp_path / "whole", **prepare(tmp_path / "whole", {}))
    changes = {"workers": 2, "events": stopping_at(5, 12)}
    assert_equal_bits(finish(tmp_path / "workers", **prepare(tmp_path / "workers", changes)), whole)


KILLED = """
import os, pathlib, sys
import tiny
from repro.training import Events

folder, at = pathlib.Path(sys.argv[1]), int(sys.argv[2])
seen = []

def kill(progress):
    seen.append(progress.step)
    if len(seen) == at:  # so many steps after the start, wherever that was
        os.kill(os.getpid(), 9)

trainer = tiny.trainer(folder, of=tiny.network(seed=0), events=Events(on_step=kill), every_steps=2)
trainer.train()
"""


@pytest.mark.slow
def test_a_training_killed_again_and_again_ends_with_the_same_bits(tmp_path):
    whole = finish(tmp_path / "whole", **prepare(tmp_path / "whole", {}))
    killed = prepare(tmp_path / "killed", tmp_path / "killed")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(tiny.__file__).parent), *sys.path])}
    for at in (1, 5, 8):
        process = subprocess.run([sys.executable, "-c", KILLED, str(killed), str(at)], env=environment)
        assert process.returncode == -signal.SIGKILL
    assert 0 < checkpoint.generations(killed)[0][0] < STEPS
    assert_equal_bits(finish(killed), whole)


def test_a_second_call_after_the_end_trains_nothing_and_returns_the_same(tmp_path):
    first = finish(tmp_path)
    steps = []
    again = tiny.trainer(tmp_path, of=tiny.network(seed=7), events=Events(on_step=steps.append))
    assert_equal_bits(outcome(again, again.train()), first)
    assert steps == []


def test_the_points_after_the_checkpoint_are_cut_from_the_log(tmp_path):
    with pytest.raises(Interrupted):
        tiny.trainer(tmp_path, events=stopping_at(4)).train()
    with open(tmp_path / "log.jsonl", "a") as log:
        log.write('{"step": 6, "train_loss": 1}\n{"step": 9, "trai')  # a kill after the point, before its checkpoint
    with pytest.raises(Interrupted):
        tiny.trainer(tmp_path, events=stopping_at(5)).train()
    assert [point["step"] for point in read_log(tmp_path / "log.jsonl")] == [3]


def test_a_log_that_lost_a_point_before_the_checkpoint_is_refused_and_left_as_it_is(tmp_path):
    with pytest.raises(Interrupted):
        tiny.trainer(tmp_path, events=stopping_at(7)).train()
    first, second = (tmp_path / "log.jsonl").read_text().splitlines(keepends=True)  # of steps 3 and 6
    for damaged in (second, "[]\n" + second, first + second[:20]):
        (tmp_path / "log.jsonl").write_text(damaged)
        with pytest.raises(ValueError, match=r"log\.jsonl: the curve's point of step (3|6) is not in it"):
            tiny.trainer(tmp_path).train()
        assert (tmp_path / "log.jsonl").read_text() == damaged


def test_a_log_without_any_checkpoint_is_started_anew(tmp_path):
    (tmp_path / "log.jsonl").write_text('{"step": 1, "train_loss": 1}\n')
    with pytest.raises(Interrupted):
        tiny.trainer(tmp_path, events=stopping_at(1)).train()
    assert read_log(tmp_path / "log.jsonl") == []


def test_checkpoints_come_every_n_steps_and_at_each_epochs_end(tmp_path):
    def note(progress):
        trainer.saver.wait()  # it writes beside training
        saved.append([step for step, _ in checkpoint.generations(tmp_path)])

    saved = []
    trainer = tiny.trainer(tmp_path, events=Events(on_step=note), every_steps=2, epochs=2)
    trainer.train()
    # steps 2, 3 (epoch), 4, 6; the hook of a step runs before its checkpoint
    assert saved == [[], [], [2], [3, 2], [4, 3], [4, 3]]


def test_checkpoints_come_after_so_many_seconds(tmp_path):
    with pytest.raises(Interrupted):
        tiny.trainer(tmp_path, events=stopping_at(2), every_seconds=0).train()
    assert [step for step, _ in checkpoint.generations(tmp_path)] == [2, 1]


def test_another_runs_checkpoint_is_refused_with_the_difference(tmp_path):
    finish(tmp_path)
    identity = {"network": "tiny", "recipe": {"epochs": 9, "patience": 2}}
    other = tiny.trainer(tmp_path, of=tiny.network(), identity=identity)
    difference = r"another run .recipe.epochs: 8 then, 9 now, recipe.patience: off then, 2 now"
    with pytest.raises(ValueError, match=difference):
        other.train()


def test_training_stops_after_so_many_epochs_without_a_better_selection_loss(tmp_path):
    losses = iter([3.0, 2.0, 2.5, 2.0, 1.0])  # equal is not better
    weights = []

    def select(network):
        weights.append({name: tensor.clone() for name, tensor in network.state_dict().items()})
        return next(losses), 0.5

    trained = tiny.trainer(tmp_path, select=select, patience=2).train()
    assert trained.progress.finished == "stopped early"
    assert (trained.progress.step, trained.progress.best_epoch, trained.progress.best_loss) == (12, 2, 2.0)
    assert all(torch.equal(weights[1][name], tensor) for name, tensor in trained.selected.items())


def test_a_selection_loss_that_is_not_a_number_is_beaten_by_any_other(tmp_path):
    losses = iter([float("nan"), 2.0, float("nan"), 3.0])
    trained = tiny.trainer(tmp_path, select=lambda network: (next(losses), 0.5), epochs=4).train()
    assert (trained.progress.best_epoch, trained.progress.best_loss, trained.progress.stale) == (2, 2.0, 2)


@pytest.mark.parametrize("how", ["loss", "gradient"])
def test_a_loss_or_gradient_that_is_not_finite_stops_with_step_and_images_before_anything_is_saved(tmp_path, how):
    network = tiny.Failing(at=8, how=how)
    after_seven = finish_at(tmp_path / "good", 7)
    (tmp_path / "bad").mkdir()
    with pytest.raises(NonFinite) as error:
        tiny.trainer(tmp_path / "bad", of=network).train()
    names = [f"picture {index}" for _, index in batch_at(7, n=10, batch=4, seed=5)]  # the 8th step is step 7
    assert f"step 7 is not finite; its images: {', '.join(names)}" in str(error.value)
    assert [step for step, _ in checkpoint.generations(tmp_path / "bad")] == [6, 3]
    assert [point["step"] for point in read_log(tmp_path / "bad" / "log.jsonl")] == [3, 6]
    state = checkpoint.load(tmp_path / "bad")["network"]
    assert all(tensor.isfinite().all() for tensor in state.values())
    for name, weight in network.inner.named_parameters():  # nothing moved after step 6, the last good one
        assert torch.equal(weight, after_seven[name]), name


def finish_at(folder, step):
    """The tiny network's parameters after `step` steps."""
    folder.mkdir()
    network = tiny.network()
    with pytest.raises(Interrupted):
        tiny.trainer(folder, of=network, events=stopping_at(step)).train()
    return dict(network.named_parameters())


def test_float16_stops_at_the_first_infinite_loss_too(tmp_path):
    network = tiny.Failing(at=8, how="loss")
    with pytest.raises(NonFinite, match="step 7 is not finite"):
        tiny.trainer(tmp_path, of=network, precision="float16").train()
    assert all(weight.isfinite().all() for weight in network.parameters())


def test_a_checkpoint_is_never_written_after_a_bad_step(tmp_path):
    with pytest.raises(NonFinite):
        tiny.trainer(tmp_path, of=tiny.Failing(at=8, how="loss"), every_steps=1).train()
    assert [step for step, _ in checkpoint.generations(tmp_path)] == [7, 6]


def test_micro_batches_take_the_step_of_the_whole_batch(tmp_path):
    class Linear(nn.Module):
        """Without batch-norm, which alone sees the micro-batch."""

        def __init__(self):
            super().__init__()
            self.sizes, self.layer = [], nn.Conv2d(3, 3, 3, padding=1)

        def forward(self, image):
            self.sizes.append(len(image))
            return self.layer(image)

    networks = {}
    for micro in (None, 3, 1):
        torch.manual_seed(0)
        networks[micro] = Linear()
        folder = tmp_path / str(micro)
        folder.mkdir()
        tiny.trainer(folder, of=networks[micro], micro_batch=micro, epochs=1, select=lambda network: (0, 0)).train()
    assert [networks[micro].sizes[:4] for micro in (None, 3, 1)] == [[4, 4, 4], [3, 1, 3, 1], [1, 1, 1, 1]]
    for micro in (3, 1):
        torch.testing.assert_close(networks[micro].layer.weight, networks[None].layer.weight, rtol=1e-3, atol=1e-4)


def test_auxiliary_outputs_are_weighed_by_the_recipe_and_left_out_where_it_has_no_weight(tmp_path):
    class Three(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.ModuleList([nn.Conv2d(3, 3, 1) for _ in range(3)])

        def forward(self, image):
            return tuple(layer(image) for layer in self.layers)

    loss = Loss(1, 0)
    image, label = torch.randn(2, 3, 4, 4), torch.randint(0, 3, (2, 4, 4))
    network, totals = Three(), loss.totals(label)
    parts = [float(loss(layer(image), label, totals)) for layer in network.layers]
    found = {}
    for weights in ((), (0.4,), (0.4, 0.2)):
        trainer = tiny.trainer(tmp_path, of=network, loss=loss, auxiliary_weights=weights)
        found[weights] = float(trainer._loss(image, label, totals))
    assert found[()] == pytest.approx(parts[0])
    assert found[0.4,] == pytest.approx(parts[0] + 0.4 * parts[1])
    assert found[0.4, 0.2] == pytest.approx(parts[0] + 0.4 * parts[1] + 0.2 * parts[2])


def test_the_moving_average_is_what_is_selected_and_evaluated(tmp_path):
    history, seen = [], []
    network = tiny.network()
    start = {name: tensor.clone() for name, tensor in network.state_dict().items()}

    def select(network):
        seen.append({name: tensor.clone() for name, tensor in network.state_dict().items()})
        return -len(seen), 0.0

    copies = Events(
        on_step=lambda progress: history.append({n: t.clone() for n, t in network.state_dict().items()})
    )
    trainer = tiny.trainer(tmp_path, of=network, averaging=0.75, epochs=1, select=select, events=copies)
    trained = trainer.train()
    for name in ("layers.0.weight", "layers.1.running_mean"):
        a, b, c = (step[name] for step in history)
        # 3/4 of the old, 1/4 of the new, three times
        expected = 27 / 64 * start[name] + 9 / 64 * a + 3 / 16 * b + 1 / 4 * c
        for found in (seen[0][name], trained.selected[name], trainer.last_weights()[name]):
            torch.testing.assert_close(found, expected)
    assert not torch.equal(network.state_dict()["layers.0.weight"], seen[0]["layers.0.weight"])
    assert network.training


def test_a_network_hears_of_each_epoch_also_after_a_resume(tmp_path):
    class Hearing(tiny.Network):
        def begin_epoch(self, epoch):
            heard.append(epoch)

    heard = []
    with pytest.raises(Interrupted):
        tiny.trainer(tmp_path, of=Hearing(), events=stopping_at(4)).train()
    assert heard == [0, 1]
    heard.clear()
    with pytest.raises(Interrupted):
        tiny.trainer(tmp_path, of=Hearing(), events=stopping_at(7)).train()
    assert heard == [1, 2]


def test_an_unknown_optimiser_is_refused_before_the_first_step(tmp_path):
    with pytest.raises(ValueError, match="no optimiser 'sgd'; there are adam, adamw"):
        tiny.trainer(tmp_path, optimiser="sgd")


def test_the_log_is_json_a_line_with_the_seconds_of_all_sessions(tmp_path):
    with pytest.raises(Interrupted):
        tiny.trainer(tmp_path, events=stopping_at(4)).train()
    tiny.trainer(tmp_path, of=tiny.network()).train()
    points = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [point["step"] for point in points] == [3, 6, 9, 12, 15, 18, 20, 21, 24]
    seconds = [point["seconds"] for point in points]
    assert seconds == sorted(seconds)


def test_in_float16_a_resumed_training_has_the_bits_of_one_that_was_not_stopped(tmp_path):
    for name in ("whole", "stopped"):
        (tmp_path / name).mkdir()
    whole = tiny.trainer(tmp_path / "whole", precision="float16")
    expected = outcome(whole, whole.train())
    with pytest.raises(Interrupted):
        tiny.trainer(tmp_path / "stopped", precision="float16", events=stopping_at(7)).train()
    again = tiny.trainer(tmp_path / "stopped", of=tiny.network(), precision="float16")
    assert_equal_bits(outcome(again, again.train()), expected)


class NoGradient(nn.Module):
    """The tiny network, whose gradient is NaN at every step but whose loss is not."""

    def __init__(self):
        super().__init__()
        self.inner = tiny.network()

    def forward(self, image):
        logits = self.inner(image)
        if self.training:
            logits.register_hook(lambda gradient: gradient * float("nan"))
        return logits


def test_in_float16_gradients_that_no_scale_makes_finite_stop_the_training(tmp_path):
    for name in ("one", "all"):
        (tmp_path / name).mkdir()
    one = tiny.trainer(tmp_path / "one", of=tiny.Failing(5, "gradient"), precision="float16")
    assert one.train().progress.finished == "all epochs"  # the scale is halved and found again: float16's ordinary way
    with pytest.raises(NonFinite, match="not finite in float16, however small the loss is scaled"):
        tiny.trainer(tmp_path / "all", of=NoGradient(), precision="float16").train()


WITHOUT_CARD = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU that torch can use")


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("where", ["cpu", pytest.param("cuda", marks=WITHOUT_CARD)])
def test_a_step_waits_for_nothing_that_a_card_has_to_do(tmp_path, where, precision):
    device = torch.device(where)
    loss = Loss(0.5, 0.5, torch.tensor([1.0, 2.0, 3.0], device=device))
    trainer = Trainer(
        tiny.network().to(device), loss, tiny.Noise(), lambda _: (0.0, 0.0), seed=0, folder=tmp_path, device=device,
        recipe=tiny.recipe(precision=precision, averaging=0.9, micro_batch=2), identity={}, skip_nonfinite=1,
    )  # fmt: skip
    image, label = (torch.stack(each) for each in zip(*(tiny.pair([0, number]) for number in range(4))))
    if where == "cuda":
        image, label = image.pin_memory(), label.pin_memory()
    trainer._step(image, label)  # what is made once may wait
    if where == "cuda":
        torch.cuda.set_sync_debug_mode("error")
    try:
        for _ in range(3):
            trainer._step(image, label)
    finally:
        if where == "cuda":
            torch.cuda.set_sync_debug_mode("default")
    assert trainer.loss_sum.isfinite() and int(trainer.bad) == 0
