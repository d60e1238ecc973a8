"""What a cluster of three nodes survives, and what handing out very many runs costs."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import torch
from rich.console import Console

from repro import machine, records
from repro.bench import faults, tiny_runs
from repro.bench.sheet import Sheet
from repro.collect import collect
from repro.command import DONE, Stop
from repro.jobs.cluster import Demand, connected, over_ray
from repro.jobs.livetable import LiveTable
from repro.jobs.messages import Board, Report
from repro.plan import Split, from_identity

HEADERS = ("what", "value", "unit", "n", "kind")
GOAL = "no run lost, no bit changed; the extrapolation to 500 workers says what would break first"
WORKERS = 500
MIB = 2**20

Row = tuple[str, str, str, str, str]


def measure(
    *, noops: int = 10_000, memory_gib: float = 8.0, collected: int = 1000, runs: int = 4, epochs: int = 12
) -> Sheet:
    """Return the faults survived, and the cost of `noops` runs that are done already on the workers that fit.

    Args:
        noops: runs handed out that find their record there.
        memory_gib: for workers; as many are started as that holds.
        collected: records brought together, each verified.
        runs, epochs: of the runs during which something is killed.
    """
    with tempfile.TemporaryDirectory() as folder:
        rows = [*_survived(Path(folder), runs=runs, epochs=epochs)]
        handed, a_second = _handed_out(Path(folder), noops, memory_gib * 2**30)
        rows += [*handed, *_collected(Path(folder), collected)]
    return Sheet(
        row="cluster",
        about="Ray on one machine: what is killed in mid-run, runs handed out, records brought together",
        headers=HEADERS,
        rows=tuple(rows),
        goal=GOAL,
        machine=machine.describe(torch.device("cpu")),
        found=f"{WORKERS} workers would wait for the driver where a run takes less than {WORKERS / a_second:.0f} s",
    )


def _survived(folder: Path, *, runs: int, epochs: int) -> Iterator[Row]:
    """A line a fault."""
    data = tiny_runs.draw(folder / "data")
    jobs = [tiny_runs.job(seed, epochs=epochs) for seed in range(runs)]
    tiny_runs.one_after_another(jobs, tiny_runs.setting(folder / "alone", data))
    with faults.three_nodes() as nodes:
        for name in ("worker", "driver", "node"):  # the node last: it does not come back
            found = faults.suffer(folder, (name,), runs=runs, epochs=epochs, cluster=nodes)
            if name != "driver" and not found.begun_again:
                raise ValueError(f"no run was lost with the {name}: nothing was shown; measure with more epochs")
            said = f"kill -9 of a {name}: "
            yield said + "runs equal to the bit", str(found.equal), "runs", str(runs), "measured"
            yield said + "runs begun again", str(found.begun_again), "runs", str(runs), "measured"
            yield said + "calls of the command", str(found.calls), "calls", str(runs), "measured"


@contextmanager
def _one_node(workers: int) -> Iterator[str]:
    """Start a head that takes so many runs at once; yield its address."""
    from ray.cluster_utils import Cluster

    facts = {"num_cpus": workers, "object_store_memory": 80 * MIB, "include_dashboard": False}
    started = Cluster(initialize_head=True, head_node_args=facts)
    try:
        yield started.address
    finally:
        started.shutdown()


def _handed_out(folder: Path, noops: int, memory: float) -> tuple[list[Row], float]:
    """The lines about runs that are done already, and how many the driver handed out a second."""
    how = tiny_runs.setting(folder / "noops", folder / "data" / "own")
    jobs = [tiny_runs.job(seed, epochs=1) for seed in range(noops)]
    for job in jobs:
        (how.runs / job.run.id).mkdir(parents=True)
        (how.runs / job.run.id / "record.json").touch()
    with _one_node(1) as address, connected(address):
        _do(jobs[:1], how)
        of_one = max(_memory(process) for process in _workers())
    workers = max(int(memory // of_one), 1)
    with _one_node(workers) as address, connected(address):
        _do(jobs[: 4 * workers], how)  # processes are started, torch is loaded
        at_work, before = len(_workers()), psutil.Process().memory_info().rss
        began = time.monotonic()
        _do(jobs, how)
        seconds, grown = time.monotonic() - began, psutil.Process().memory_info().rss - before
        reports = _reports_a_second(1000)
    a_second = noops / seconds
    rows = [
        ("memory of a worker", f"{of_one / MIB:.0f}", "MiB", "1", "measured"),
        (f"workers that fit in {memory / 2**30:.0f} GiB", str(workers), "workers", str(at_work), "measured"),
        ("handing out a run that is done", f"{1e3 * seconds / noops:.2f}", "ms", str(noops), "measured"),
        ("memory of the driver a run", f"{grown / noops / 1024:.1f}", "KiB", str(noops), "measured"),
        ("reports that the board takes", f"{reports:.0f}", "a second", "1000", "measured"),
        (f"shortest run that keeps {WORKERS} workers busy", f"{WORKERS / a_second:.1f}", "s", "", "extrapolated"),
        (f"load of the board with {WORKERS} workers", f"{100 * WORKERS / reports:.0f}", "%", "", "extrapolated"),
    ]
    return rows, a_second


def _do(jobs: list, how) -> None:
    """Hand jobs out and wait for them, as the command does."""
    with LiveTable(Console(quiet=True), {job.run.id: (job.run.id, 0) for job in jobs}) as table:
        for job, outcome in over_ray(jobs, how, table, Stop(), Demand(0, 1)):
            assert outcome.code == DONE, outcome
            table.end(job.run.id, "done", 0.0)


def _workers() -> list[psutil.Process]:
    """The processes of this Ray that have done a run: torch is loaded in them."""
    ours = os.environ["RAY_AUTH_TOKEN"]
    found = []
    for process in psutil.process_iter():
        try:
            if process.name().startswith("ray::IDLE") and process.environ().get("RAY_AUTH_TOKEN") == ours:
                found.append(process)
        except psutil.Error:  # it has just ended
            continue
    return found


def _memory(process: psutil.Process) -> int:
    """A process's memory, of what is shared its part."""
    return process.memory_full_info().pss


def _reports_a_second(calls: int) -> float:
    """How many reports a board takes from one process."""
    import ray

    board = ray.remote(Board).options(num_cpus=0).remote()
    ray.get(board.hear.remote(Report("a")))
    began = time.monotonic()
    ray.get([board.hear.remote(Report("a", step=step)) for step in range(calls)])
    return calls / (time.monotonic() - began)


def _collected(folder: Path, count: int) -> Iterator[Row]:
    """The time to verify and copy records, made from a finished tiny run under the name of a set that is published."""
    (original, *_) = sorted((folder / "alone").iterdir())
    record = records.Record(original / "record.json").data
    run = replace(
        from_identity(record["run"]), train=Split(data="isic2017", list="train"),
        test=Split(data="isic2017", list="report"),
    )  # fmt: skip
    for seed in range(count):
        each = replace(run, seed=seed)
        at = folder / "many" / each.id
        at.mkdir(parents=True)
        lists = {role: facts | {"data": "isic2017"} for role, facts in record["lists"].items()}
        (at / "record.json").write_bytes(
            records.record_bytes(record | {"id": each.id, "run": each.identity(), "lists": lists})
        )
        for name in ("curve.csv", "evidence.npz"):
            shutil.copy(original / name, at / name)
    began = time.monotonic()
    found = collect([folder / "many"], folder / "collected")
    seconds = time.monotonic() - began
    assert len(found.added) == count, found
    yield "verifying and collecting a record", f"{1e3 * seconds / count:.1f}", "ms", str(count), "measured"
    yield "collecting 10 000 records", f"{10_000 * seconds / count / 60:.1f}", "min", "", "extrapolated"
