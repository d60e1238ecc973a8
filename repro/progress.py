"""What a person sees while runs go on: bars on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from repro.words import duration

if TYPE_CHECKING:
    from repro.training import Events
    from repro.training import Progress as Training

Thing = TypeVar("Thing")


class _Console(Console):
    def on_broken_pipe(self) -> None:
        raise BrokenPipeError  # rich would leave with 1; a reader that left is no failure, see repro.command.run


def make_console(*, quiet: bool = False) -> Console:
    """Return the console of a command: colours only on a terminal, and none with `NO_COLOR`."""
    return _Console(quiet=quiet, highlight=False, soft_wrap=not sys.stdout.isatty())


class Watch:
    """Follows one run after another; `events` are the hooks of a training."""

    def __init__(self, console: Console, runs: int):
        """Follow `runs` runs on `console`."""
        self.console, self.runs = console, runs
        self.bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[facts]}"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        )
        self.live = console.is_terminal and not console.quiet
        self.index = 0

    def __enter__(self) -> "Watch":
        if self.live:
            self.bars.start()
            self.all = self.bars.add_task("runs", total=self.runs, facts="")
        return self

    def __exit__(self, *_) -> None:
        if self.live:
            self.bars.stop()

    def begin(self, name: str, total: int, batch: int, should_stop) -> "Events":
        """Return the hooks for a run of `total` steps of `batch` images; `name` is what people call it."""
        from repro.training import Events  # torch takes seconds to import: only where there is something to train

        self.index += 1
        self.name, self.total, self.batch = name, total, batch
        self.loss, self.best = float("nan"), float("nan")
        self.started, self.first_step, self.rate = time.monotonic(), None, 0.0
        if self.live:
            self.task = self.bars.add_task(f"{self.index}/{self.runs} {name}", total=total or None, facts="")
        return Events(on_step=self._step, on_point=self._point, should_stop=should_stop)

    def end(self, facts: str, seconds: float) -> None:
        """The run is over after `seconds`; `facts` is what came out."""
        if self.live:
            self.bars.remove_task(self.task)
            self.bars.advance(self.all)
        self.console.print(f"[{self.index}/{self.runs}] {self.name}: {facts} ({duration(seconds)})", markup=False)

    def _step(self, progress: "Training") -> None:
        if self.first_step is None:
            self.first_step = progress.step - 1
        self.rate = (progress.step - self.first_step) * self.batch / max(time.monotonic() - self.started, 1e-9)
        if self.live:
            values = {"loss": self.loss, "best": self.best}
            known = [f"{name} {value:.3f}" for name, value in values.items() if value == value]
            facts = "  ".join([*known, f"{self.rate:.1f} images/s"])
            self.bars.update(self.task, completed=progress.step, facts=facts)

    def _point(self, point: dict) -> None:
        self.loss = point["train_loss"]
        if "selection_score" not in point:
            return
        score = point["selection_score"]
        self.best = score if self.best != self.best else max(self.best, score)
        if not self.live:
            left = (self.total - point["step"]) * self.batch / self.rate if self.rate else None
            facts = [
                f"epoch {point['epoch']}", f"step {point['step']}/{self.total}", f"loss {self.loss:.4f}",
                f"selection loss {point['selection_loss']:.4f}",
                f"mIoU {100 * score:.1f} (best {100 * self.best:.1f})",
                *([] if left is None else [f"{self.rate:.1f} images/s", f"{duration(left)} left"]),
            ]  # fmt: skip
            self.console.print(f"  {self.name}: {', '.join(facts)}", markup=False)


def track(console: Console, what: str, things: Sequence[Thing]) -> Iterator[Thing]:
    """Yield things one after another under a bar called `what`; without a terminal, or if quiet, there is no bar."""
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    live = console.is_terminal and not console.quiet
    with Progress(*columns, console=console, transient=True, disable=not live) as bars:
        task = bars.add_task(what, total=len(things))
        for thing in things:
            yield thing
            bars.advance(task)
