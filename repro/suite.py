"""A suite at work: its due runs one after another, its records published, its views rewritten."""

import json
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from repro import plan, records, views
from repro.compare import folder_of
from repro.data import DATASETS
from repro.networks import NETWORKS
from repro.papers.spec import Suite
from repro.plan import Job

DONE, FAILED, BAD_INPUT, BUSY, STOPPED = 0, 1, 2, 3, 75  # 75: stopped with a checkpoint, the same call goes on


@dataclass(frozen=True)
class Order:
    """What a user asked of a suite, besides the suite.

    Attributes:
        only: glob of table/row.
        seeds: None for the suite's own.
        ablations: our own ablations too.
        seconds: the time limit, None for none.
        data: what `--data` said.
        device: "auto", "cuda" or "cpu".
        workers: loader processes; None for the device's default.
        deterministic: on a GPU the same bits each time.
    """

    only: str = "*"
    seeds: tuple[int, ...] | None = None
    ablations: bool = False
    seconds: float | None = None
    data: tuple[str, ...] = ()
    device: str = "auto"
    workers: int | None = None
    deterministic: bool = False


@dataclass
class Stop:
    """When to stop: a deadline, or a signal that came."""

    deadline: float | None
    signal: str = ""

    def __call__(self) -> str:
        """Return the reason to stop now, or ""."""
        if self.signal:
            return self.signal
        return "time limit" if self.deadline and time.monotonic() > self.deadline else ""

    def listen(self) -> None:
        """Let SIGTERM and SIGINT stop at the next step; a second one at once."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, _) -> None:
        if self.signal:
            sys.exit(128 + number)
        self.signal = signal.Signals(number).name


def runs_folder(suite: Suite, root: Path = records.ROOT) -> Path:
    """Return the folder that holds a suite's runs: `runs/`, or `runs/demo/` where nothing is published."""
    return root / "runs" / suite.name if suite.toy else root / "runs"


def jobs_of(suite: Suite, order: Order) -> list[Job]:
    """Return the suite's runs that were asked for and that this version can do, in the order they are worth doing."""
    jobs = plan.plan(suite, only=order.only, seeds=order.seeds, ablations=order.ablations)
    return [job for job in jobs if is_built(job)]


def is_built(job: Job) -> bool:
    """Whether this version has the job's network and data sets."""
    return job.run.network in NETWORKS and {job.run.train.data, job.run.test.data} <= set(DATASETS)


def is_done(suite: Suite, job: Job) -> bool:
    """Whether this checkout has finished the job."""
    return (runs_folder(suite) / job.run.id / "record.json").exists()


def work(suite: Suite, order: Order, console) -> int:
    """Do a suite's due runs, publish the records, rewrite the views; return the exit code."""
    jobs = jobs_of(suite, order)
    due = [job for job in jobs if not is_done(suite, job)]
    console.print(f"{suite.title}: {len(jobs)} runs, {len(jobs) - len(due)} done, {len(due)} due.", markup=False)
    code = _perform(suite, due, order, console) if due else DONE
    count = publish(suite, jobs)
    views.rewrite(suite)
    for id in dict.fromkeys(cell.split("/")[0] for job in jobs for cell in job.cells):
        console.print(views.as_text(suite, id), markup=False)
    target = folder_of(suite)
    where = f"tables in {short(target.tables)}, figures in {short(target.figures)}"
    console.print(f"{count} records; {where}.", markup=False)
    return code


def _perform(suite: Suite, due: Sequence[Job], order: Order, console) -> int:
    """Train and evaluate the due runs; the views they touch follow after each."""
    from repro.estimate import announce  # torch takes seconds to import: only where there is something to train
    from repro.machine import pick_device
    from repro.progress import Watch
    from repro.runner import Setting, check_data

    device = pick_device(order.device)
    workers = order.workers if order.workers is not None else (8 if device.type == "cuda" else 0)
    setting = Setting(runs_folder(suite), order.data, device, workers, order.deterministic)
    for name in dict.fromkeys(name for job in due for name in (job.run.train.data, job.run.test.data)):
        check_data(name, setting.data)
    announce(suite, due, setting, console, asked=order.device)
    stop = Stop(time.monotonic() + order.seconds if order.seconds else None)
    stop.listen()
    code = DONE
    with Watch(console, len(due)) as watch:
        for job in due:
            outcome = _do(suite, job, setting, watch, stop, console)
            if outcome == STOPPED:
                return STOPPED
            code = max(code, outcome)
    return code


def _do(suite: Suite, job: Job, setting, watch, stop: Stop, console) -> int:
    """One job: train, evaluate, publish, rewrite its views; a failure is said and does not stop the others."""
    import torch

    from repro.runner import Busy, perform
    from repro.training import Interrupted

    name = f"{job.cells[0]}, seed {job.run.seed}" if job.run.seed else job.cells[0]
    if reason := stop():
        console.print(f"Stopped ({reason}); the same call goes on from here.")
        return STOPPED
    try:
        events = watch.begin(name, _steps(job, setting), job.run.recipe.batch, stop)
        folder = perform(job.run, setting, events)
    except Interrupted as why:
        console.print(f"Stopped ({why}) with a checkpoint; the same call goes on from it.")
        return STOPPED
    except Busy as why:
        console.print(str(why), markup=False)
        return BUSY
    except (ValueError, OSError, torch.OutOfMemoryError) as error:
        print(f"{name}: {error}", file=sys.stderr)
        return FAILED
    watch.end(_outcome(folder))
    publish(suite, [job])
    views.rewrite(suite, list(dict.fromkeys(cell.split("/")[0] for cell in job.cells)))
    return DONE


def _steps(job: Job, setting) -> int:
    from repro.runner import open_lists
    from repro.training import steps_per_epoch

    if not job.run.trained:
        return 0
    return job.run.recipe.epochs * steps_per_epoch(len(open_lists(job.run, setting.data).train), job.run.recipe.batch)


def _outcome(folder: Path) -> str:
    """The scores a run ends with, in a few words."""
    scores = json.loads((folder / "record.json").read_text())["scores"]["last native whole"]
    names = ("jaccard", "dice", "accuracy") if "jaccard" in scores else ("miou", "pixel_accuracy")
    return ", ".join(f"{name} {100 * scores[name]:.1f}" for name in names if scores.get(name) is not None)


def publish(suite: Suite, jobs: Sequence[Job]) -> int:
    """Copy the finished runs' records to the suite's records folder; return how many are there."""
    target = records.folder_of(suite.name, toy=suite.toy).records
    count = 0
    for job in jobs:
        folder = runs_folder(suite) / job.run.id
        if not is_done(suite, job):
            continue
        kind = json.loads((folder / "record.json").read_text())["provenance"]["kind"]
        if records.publish(folder, target, job.run.id, kind) is None:
            print(f"{folder}: a record of this name with other numbers is published; this stays here", file=sys.stderr)
        count += 1
    return count


def lock(suite: Suite) -> str:
    """Make the demo trained here the committed golden, as a whole; return what to say of it."""
    trained = records.folder_of(suite.name, toy=True)
    locked = records.lock_of(suite.name)
    for source, target in ((trained.tables, locked.tables), (trained.figures, locked.figures)):
        shutil.rmtree(target, ignore_errors=True)
        if source.is_dir():
            shutil.copytree(source, target)
    return f"Locked {short(locked.tables)} and {short(locked.figures)}: say in the commit why the numbers moved."


def short(path: Path) -> str:
    """Return a path as the user would type it."""
    return str(path.relative_to(records.ROOT)) if path.is_relative_to(records.ROOT) else str(path)
