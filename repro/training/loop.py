"""The training loop: it reads like a methods section, and goes on from a checkpoint as if it had never stopped."""

import json
import math
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import Dataset

from repro import checkpoint
from repro.forms import read_log
from repro.losses import Loss, Totals
from repro.papers.spec import Recipe
from repro.parallel import ALONE, Processes
from repro.parallel.layers import Here, synchronised
from repro.schedule import learning_rate, steps_per_epoch
from repro.training.loading import loading
from repro.training.log import append_point, cut_log
from repro.training.saving import Saver
from repro.training.state import Events, Interrupted, NonFinite, Progress, Trained, difference
from repro.training.step import AUTOCAST, all_finite, copy_weights, evaluating, make_optimiser, move_average, normalise
from repro.training.stream import Stream, batch_at, seed_of

INTERVAL = 20  # steps between two readings of the device: curve points, the non-finite flag


@dataclass
class Trainer:
    """One run's training. `train()` goes on from the newest checkpoint in `folder` and returns when it is over.

    Attributes:
        network: maps (N, 3, H, W) to logits, or in training to (main, *auxiliary); on `device` already.
        loss: of logits, labels and the global batch's totals.
        samples: map-style, `samples[(epoch, index)]` a (3, H, W) uint8 image and an (H, W) uint8 label.
        select: the selection list's (loss, score) of a network in evaluation mode.
        recipe, seed: as declared.
        folder: where checkpoints and `log.jsonl` go.
        identity: the run's identity; a checkpoint of another is refused.
        report_loss: the reported list's loss of a network in evaluation mode, recorded for a figure and used for
            nothing; None records none.
        workers: loader processes; changes nothing but speed.
        processes: those that train this run together, each with its slices of the same batches; the first one writes.
        every_steps, every_seconds: a checkpoint at least so often, besides each epoch's end.
        skip_nonfinite: so many steps whose loss or gradient is not finite are left out before training stops.
    """

    network: nn.Module
    loss: Loss
    samples: Dataset
    select: Callable[[nn.Module], tuple[float, float]]
    recipe: Recipe
    seed: int
    folder: Path
    device: torch.device
    identity: dict
    events: Events = field(default_factory=Events)
    report_loss: Callable[[nn.Module], float] | None = None
    workers: int = 0
    processes: Processes = ALONE
    every_steps: int = 2000
    every_seconds: float = 300.0
    skip_nonfinite: int = 0

    def __post_init__(self):
        self.epoch_steps = steps_per_epoch(len(self.samples), self.recipe.batch)
        self.total = self.recipe.epochs * self.epoch_steps
        self.slices, self.here = self.processes.slices(self.recipe.batch, self.recipe.micro_batch), Here()
        self.optimiser = make_optimiser(self.network, self.recipe)
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=self.recipe.precision == "float16")
        self.progress = Progress()
        self.selected: dict[str, torch.Tensor] = {}
        self.average = copy_weights(self.network.state_dict()) if self.recipe.averaging else {}
        self.loss_sum = torch.zeros((), device=self.device)
        self.bad_steps = torch.full((self.skip_nonfinite + 1,), -1, dtype=torch.int64, device=self.device)
        self.bad = torch.zeros((), dtype=torch.int64, device=self.device)  # how many of them there are
        self.log, self.saver = self.folder / "log.jsonl", Saver(self.folder)

    def train(self) -> Trained:
        """Train to the end of the recipe or an early stop.

        Raises:
            Interrupted: `events.should_stop` gave a reason; a checkpoint is on disk.
            NonFinite: the loss was NaN or infinite; names the step and the images.
            OSError: a checkpoint could not be written; the ones before it are as they were.
            ValueError: the folder's checkpoint is another run's, or damaged.
        """
        self._restore()
        self.network.train()
        self._begin_epoch()
        if not self.progress.finished:
            together = synchronised(self.network, self.processes, self.device, self.here)
            with together, self.saver, self._batches() as batches:
                self._train(batches)
        return Trained(self.progress, self.selected, read_log(self.log))

    def _train(self, batches: Iterator) -> None:
        """Steps, each with what follows from it, until the training is over."""
        started, before = time.monotonic(), self.progress.seconds
        saved_at = started
        for image, label in batches:
            self._step(image, label)
            now = time.monotonic()
            self.progress.seconds = before + now - started
            at_end = self.progress.step % self.epoch_steps == 0
            if self._has_point(self.progress.step):
                self._point(at_end)
            if at_end:
                self._begin_epoch()
            self.events.on_step(self.progress)
            reason = "" if self.progress.finished else self.processes.agree(self.events.should_stop())
            due = "" if now - saved_at <= self.every_seconds else "due"
            if at_end or reason or self.progress.step % self.every_steps == 0 or self.processes.agree(due):
                self._save()
                saved_at = time.monotonic()
            if reason:
                raise Interrupted(reason)
            if self.progress.finished:
                return

    def _batches(self) -> AbstractContextManager[Iterator]:
        """The (image, label) batches of the steps still to be done."""
        stream = Stream(
            start=self.progress.step, total=self.total, n=len(self.samples), batch=self.recipe.batch, seed=self.seed,
            of=[position for part in self.slices for position in part.positions],
        )  # fmt: skip
        return loading(self.samples, stream, workers=self.workers, pin=self.device.type == "cuda")

    def _step(self, image: torch.Tensor, label: torch.Tensor) -> None:
        """One optimiser step on a global batch, in micro-batches whose losses add up."""
        step = self.progress.step
        torch.manual_seed(seed_of(self.seed, step))  # dropout: a function of (seed, step), on every device
        rate = learning_rate(step, self.total, self.recipe)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        label = label.to(self.device, non_blocking=True).long()
        weight = self.loss.totals(label).weight
        self.processes.add_up([weight])
        totals, sizes = Totals(weight, self.recipe.batch), [len(part) for part in self.slices]
        loss = torch.zeros((), device=self.device)
        self.optimiser.zero_grad(set_to_none=True)
        statistics = copy_weights(dict(self.network.named_buffers())) if self.skip_nonfinite else {}
        for here, part_image, part_label in zip(self.slices, image.split(sizes), label.split(sizes)):
            self.here.slice = here
            part = self._loss(normalise(part_image, self.device), part_label, totals)
            self.scaler.scale(part).backward()
            loss += part.detach()
        self._update(loss, step, statistics)
        self.progress.step += 1

    def _loss(self, image: torch.Tensor, label: torch.Tensor, totals) -> torch.Tensor:
        """The main loss plus the auxiliary ones, weighed as the recipe says."""
        dtype = AUTOCAST.get(self.recipe.precision)
        image = image.to(memory_format=torch.channels_last)
        with torch.autocast(self.device.type, dtype=dtype, enabled=dtype is not None):
            outputs = self.network(image)
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        weights = (1.0, *self.recipe.auxiliary_weights)
        return sum(w * self.loss(logits, label, totals) for w, logits in zip(weights, outputs))

    def _update(self, loss: torch.Tensor, step: int, statistics: dict[str, torch.Tensor]) -> None:
        """Take the step, unless loss or gradient is not finite, and none after one too many of those.

        All of it stays on the device until the flag is read. `statistics` is what batch-norm had before the step.
        """
        weights = (each for group in self.optimiser.param_groups for each in group["params"])  # no walk of the modules
        gradients = [each.grad for each in weights if each.grad is not None]
        self.processes.add_up([*gradients, loss])
        bad = ~torch.isfinite(loss)
        if not self.scaler.is_enabled():  # float16's scaled gradients may overflow: the scaler then skips the step
            bad = bad | ~all_finite(gradients)
        self._count(bad, step)
        left_out = bad | (self.bad > self.skip_nonfinite)
        if self.scaler.is_enabled():
            torch._foreach_mul_(gradients, torch.where(left_out, math.nan, 1.0))  # NaN: the scaler skips
        else:
            self.optimiser.grad_scale = None
            self.optimiser.found_inf = left_out.float()  # fused Adam skips the update where this is 1
        self.scaler.step(self.optimiser)
        self.scaler.update()
        self.loss_sum += torch.where(bad, 0, loss)
        for name, buffer in self.network.named_buffers() if statistics else ():
            buffer.copy_(torch.where(bad, statistics[name], buffer))
        if self.average:
            move_average(self.average, self.network.state_dict(), self.recipe.averaging)

    def _count(self, bad: torch.Tensor, step: int) -> None:
        """Note a bad step, and none after one too many: the first of those is what will be said."""
        new = bad & (self.bad <= self.skip_nonfinite)
        place = torch.arange(len(self.bad_steps), device=self.device) == self.bad
        self.bad_steps = torch.where(place & new, step, self.bad_steps)
        self.bad = self.bad + new

    def _point(self, at_end: bool) -> None:
        """Read the device: check the flag, write a point of the curve, at an epoch's end select."""
        self.saver.check()
        self._raise_if_bad()
        previous = self._last_point_step()
        steps = self.progress.step - previous - sum(step >= previous for step in self.progress.skipped)
        point = {
            "step": self.progress.step,
            "epoch": -(-self.progress.step // self.epoch_steps),
            "learning_rate": learning_rate(self.progress.step - 1, self.total, self.recipe),
            "train_loss": float(self.loss_sum) / max(steps, 1),
        }
        self.loss_sum.zero_()
        if at_end:
            point |= self._select(point["epoch"])
        if self.processes.leads:
            append_point(self.log, point | {"seconds": round(self.progress.seconds, 2)})
        self.events.on_point(point)

    def _has_point(self, step: int) -> bool:
        """Whether the curve has a point after this many steps."""
        return step % INTERVAL == 0 or step % self.epoch_steps == 0

    def _last_point_step(self) -> int:
        """The step of the curve's point before this one: the last multiple of the interval or end of an epoch."""
        step = self.progress.step - 1
        return max(step // INTERVAL * INTERVAL, step // self.epoch_steps * self.epoch_steps)

    def _raise_if_bad(self) -> None:
        """Read which steps were bad, and stop if they are more than are left out."""
        found = [step for step in self.bad_steps.tolist() if step >= 0]
        if len(found) <= self.skip_nonfinite:
            self.progress.skipped = found
            self._raise_if_overflowing()
            return
        step = found[-1]
        pairs = batch_at(step, n=len(self.samples), batch=self.recipe.batch, seed=self.seed)
        names = [getattr(self.samples, "name", str)(index) for _, index in pairs]
        before = f" (after {len(found) - 1} that were left out)" if len(found) > 1 else ""
        raise NonFinite(
            f"the loss or gradient of step {step} is not finite{before}; its images: {', '.join(names)}. Nothing was "
            f"updated from there on, and {self.folder} holds the last checkpoint. Lower the learning rate, use "
            "float32, or leave out a few such steps with --skip-nonfinite N."
        )

    def _raise_if_overflowing(self) -> None:
        """Stop where float16's gradients are not finite whatever the scale: each step is left out, and none learns."""
        if self.scaler.is_enabled() and self.scaler.get_scale() < 0.5**self.skip_nonfinite:  # a skipped step halves it
            raise NonFinite(
                f"the gradients of step {self.progress.step - 1} and of those before it are not finite in float16, "
                f"however small the loss is scaled, and nothing is learned; {self.folder} holds the last checkpoint. "
                "Lower the learning rate, or use bfloat16 or float32."
            )

    def _select(self, epoch: int) -> dict:
        """The selection list's loss and score, and what follows: the selected weights, the early stop, the end."""
        with evaluating(self.network, self.average):
            loss, score = self.select(self.network)
            watched = {} if self.report_loss is None else {"report_loss": self.report_loss(self.network)}
        self.processes.check_alike(self.network.state_dict().values())
        loss, score = self.processes.first(lambda: (loss, score))  # what ends the training ends it everywhere
        progress = self.progress
        if loss < progress.best_loss or not self.selected:
            progress.best_loss = loss if math.isfinite(loss) else math.inf  # nothing would ever be below NaN
            progress.best_epoch, progress.stale = epoch, 0
            self.selected = self.last_weights()
        else:
            progress.stale += 1
        if progress.step >= self.total:
            progress.finished = "all epochs"
        elif self.recipe.patience is not None and progress.stale >= self.recipe.patience:
            progress.finished = "stopped early"
        return {"selection_loss": loss, "selection_score": score} | watched

    def _begin_epoch(self) -> None:
        if hasattr(self.network, "begin_epoch"):
            self.network.begin_epoch(self.progress.step // self.epoch_steps)

    def last_weights(self) -> dict[str, torch.Tensor]:
        """Return the weights to be evaluated at the end: the average where the recipe keeps one."""
        return copy_weights(self.average or self.network.state_dict())

    def _save(self) -> None:
        self._raise_if_bad()  # a checkpoint is always from before a bad step
        if not self.processes.leads:
            return
        self.progress.loss_sum = float(self.loss_sum)
        state = {
            "identity": json.dumps(self.identity, sort_keys=True),
            "progress": {**vars(self.progress), "skipped": list(self.progress.skipped)},
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "scaler": self.scaler.state_dict(),
            "average": self.average,
        }
        self.saver.save(self.progress.step, state, settled={"selected": self.selected})

    def _load(self) -> dict | None:
        """The newest state in the folder, whose log is cut to it; None where there is none yet."""
        checkpoint.clear_aside(self.folder)
        state = checkpoint.load(self.folder, self.device)
        if state is None:
            self.log.unlink(missing_ok=True)
            return None
        if missing := checkpoint.lacking(state):
            raise ValueError(
                f"{self.folder}: its checkpoint was written by another version of the suite, without {missing}; delete "
                "the folder to train from the start"
            )
        if json.loads(state["identity"]) != self.identity:
            changed = difference(json.loads(state["identity"]), self.identity)
            raise ValueError(f"{self.folder}: the checkpoint is of another run ({changed}); use another folder")
        step = state["progress"]["step"]
        cut_log(self.log, step, due=filter(self._has_point, range(1, step + 1)))
        return state

    def _restore(self) -> None:
        state = self.processes.first(self._load)
        if state is None:
            return
        self.progress = Progress(**state["progress"])
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.scaler.load_state_dict(state["scaler"])
        kept = [{name: weight.to(self.device) for name, weight in state[of].items()} for of in ("selected", "average")]
        self.selected, self.average = kept
        self.loss_sum.fill_(self.progress.loss_sum)
        self._remember(self.progress.skipped)

    def _remember(self, skipped: list[int]) -> None:
        """Put the steps that were left out before a stop back on the device; too many for now stop the run again."""
        kept = skipped[: len(self.bad_steps)]
        self.bad_steps[: len(kept)] = torch.tensor(kept, dtype=torch.int64)
        self.bad.fill_(len(kept))
