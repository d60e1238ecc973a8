"""A suite at work: its due runs done, its records published, its views rewritten."""

import shutil
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from repro import plan, records, views
from repro.command import DONE, Stop
from repro.compare import home_of
from repro.data import DATASETS
from repro.networks import NETWORKS
from repro.papers.spec import Suite
from repro.parallel import ALONE, Processes
from repro.plan import Job
from repro.words import many


@dataclass(frozen=True)
class Order:
    """What a user asked of a suite, besides the suite.

    Attributes:
        only: glob of table/row.
        seeds: None for the suite's own.
        ablations: our own ablations too.
        go_on: a run is done, too, where a record of this kind of machine is published.
        data: what `--data` said.
        device: "auto", "cuda" or "cpu".
        workers: loader processes; None for the device's default.
        deterministic: on a GPU the same bits each time.
        jobs: runs side by side; None for the device's default.
        per_gpu: runs that share a GPU: a number, "auto" by measured memory, or None for one.
        cluster: a Ray cluster's address, "auto", or None for this machine alone.
        cache: read prepared pairs.
        skip_nonfinite: steps of a run that may be left out because their loss is not finite.
        every_steps, every_seconds: a checkpoint at least so often.
        processes: those that train each run together.
    """

    only: str = "*"
    seeds: tuple[int, ...] | None = None
    ablations: bool = False
    go_on: bool = False
    data: tuple[str, ...] = ()
    device: str = "auto"
    workers: int | None = None
    deterministic: bool = False
    jobs: int | None = None
    per_gpu: int | str | None = None
    cluster: str | None = None
    cache: bool = True
    skip_nonfinite: int = 0
    every_steps: int = 2000
    every_seconds: float = 300.0
    processes: Processes = ALONE


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


def is_done(suite: Suite, job: Job, root: Path = records.ROOT) -> bool:
    """Whether this checkout has finished the job."""
    return (runs_folder(suite, root) / job.run.id / "record.json").exists()


def work(suite: Suite, order: Order, console, stop: Stop) -> int:
    """Do a suite's due runs, publish the records, rewrite the views; return the exit code."""
    jobs = jobs_of(suite, order)
    due_ids = order.processes.first(lambda: _due(suite, order, jobs))
    due = [job for job in jobs if job.run.id in due_ids]
    if order.processes.leads:
        _clear_leftovers(runs_folder(suite) / job.run.id for job in jobs if job not in due)
    count = many(len(jobs), "run")
    console.print(f"{suite.title}: {count}, {len(jobs) - len(due)} done, {len(due)} due.", markup=False)
    code = _perform(suite, due, order, console, stop) if due else DONE
    if not order.processes.leads:
        return code
    count = publish(suite, jobs)
    target = home_of(suite)
    shown = target.tables.exists() or views.of_suite(suite, target)  # else each table would be of "not run" alone
    if shown:
        views.rewrite(suite)
    for id in dict.fromkeys(cell.split("/")[0] for job in jobs for cell in job.cells):
        console.print(views.as_text(suite, id), markup=False)
    where = f"tables in {short(target.tables)}, figures in {short(target.figures)}"
    done = f"{many(count, 'record')}; {where}." if shown else "No record yet; nothing was published."
    console.print(done, markup=False)
    return code


def _due(suite: Suite, order: Order, jobs: Sequence[Job]) -> list[str]:
    """The ids of the runs that are still to be done."""
    there = published(suite, _kind_here(order)) if order.go_on else ()
    return [job.run.id for job in jobs if not is_done(suite, job) and job.run.id not in there]


def published(suite: Suite, kind: str, root: Path = records.ROOT) -> set[str]:
    """Return the ids of the runs of which a record of a kind of machine is published."""
    return {record.id for record in records.every(home_of(suite, root).records) if record.kind == kind}


def _kind_here(order: Order) -> str:
    from repro.machine import kind, pick_device  # torch takes seconds to import

    return kind(pick_device(order.device))


def _clear_leftovers(done: Iterable[Path]) -> None:
    """Remove the checkpoints of finished runs: a kill right after the record leaves them."""
    for folder in done:
        if any(folder.glob("*checkpoint-*")):
            from repro.checkpoint import clear  # torch takes seconds to import

            clear(folder)


def _perform(suite: Suite, due: Sequence[Job], order: Order, console, stop: Stop) -> int:
    """Train and evaluate the due runs; the views they touch follow after each."""
    from repro.jobs.handout import hand_out  # torch takes seconds to import: only where there is something to train
    from repro.runner import Setting

    setting = Setting(
        runs_folder(suite), order.data, None, 0, order.deterministic, order.cache, order.skip_nonfinite,
        order.every_steps, order.every_seconds,
    )  # fmt: skip
    touched: list[str] = []
    rested = 0.0

    def finished(job: Job) -> str:
        nonlocal rested
        publish(suite, [job])
        touched.extend(cell.split("/")[0] for cell in job.cells)
        if (now := time.monotonic()) >= rested:  # drawing takes at most a tenth of the time: many runs may end at once
            views.rewrite(suite, list(dict.fromkeys(touched)))
            touched.clear()
            rested = time.monotonic() + 9 * (time.monotonic() - now)
        return _scores(runs_folder(suite) / job.run.id)

    return hand_out(suite, due, setting, order, console, stop, finished)


def _scores(folder: Path) -> str:
    """The scores a run ends with, in a few words."""
    scores = records.read_run(folder / "record.json")["scores"]["last native whole"]
    names = ("jaccard", "dice", "accuracy") if "jaccard" in scores else ("miou", "pixel_accuracy")
    return ", ".join(f"{name} {100 * scores[name]:.1f}" for name in names if scores.get(name) is not None)


def publish(suite: Suite, jobs: Sequence[Job], root: Path = records.ROOT) -> int:
    """Copy the finished runs' records to the suite's records folder; return how many are there."""
    target = home_of(suite, root).records
    count = 0
    for job in jobs:
        folder = runs_folder(suite, root) / job.run.id
        if not is_done(suite, job, root):
            continue
        kind = records.read_run(folder / "record.json")["provenance"]["kind"]
        if records.publish(folder, target, job.run.id, kind) is None:
            print(f"{folder}: a record of this name with other numbers is published; this stays here", file=sys.stderr)
        count += 1
    return count


def lock(suite: Suite, root: Path = records.ROOT) -> str:
    """Make the demo trained here the committed golden, as a whole; return what to say of it.

    Only the runs of the suite's own plan are locked: not further seeds, ablations or what older plans left behind.

    Raises:
        ValueError: a run of the plan was not trained here.
    """
    trained, locked = home_of(suite, root).records, records.lock_of(suite.name, root)
    jobs = jobs_of(suite, Order())
    missing = [job.cells[0] for job in jobs if not records.find(trained, job.run.id)]
    if missing:
        raise ValueError(
            f"{len(missing)} runs of {suite.name} were not trained here, {missing[0]} for one; none locked"
        )
    for folder in (locked.tables, locked.figures):
        shutil.rmtree(folder, ignore_errors=True)
    for job in jobs:
        for record in records.find(trained, job.run.id):
            records.copy(record, locked.records)
    views.write(suite, locked)
    return f"Locked {short(locked.tables)} and {short(locked.figures)}: say in the commit why the numbers moved."


def short(path: Path) -> str:
    """Return a path as the user would type it."""
    return str(path.relative_to(records.ROOT)) if path.is_relative_to(records.ROOT) else str(path)
