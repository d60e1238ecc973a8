"""A table on the command line: a process from its start to its end."""

import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from repro import machine, plan, records
from repro.bench.result import Result, in_turn
from repro.compare import own_suite
from repro.papers.spec import FactTable

TABLE = "paper1_table1"
RECORDS = 10_000
GOAL = "a table under 0.7 s, with 10 000 records under 2 s"


def measure(*, rounds: int = 7, count: int = RECORDS) -> Result:
    """Return the processor time of `python -m repro.table`, without records and with `count` of them, in turn.

    A process and its children are measured, so that other processes change little; a wall clock would show the same
    on an idle machine. Both are run in a copy of the package, whose records are made up.
    """
    with tempfile.TemporaryDirectory(prefix="repro-views-") as folder:
        few, many = (Path(folder) / name for name in ("few", "many"))
        for root in (few, many):
            _copy(root)
        write_records(many, count)
        ways = {
            f"with {count} records": lambda _: _table(many),
            "with none": lambda _: _table(few),
            "python alone": lambda _: _run(few, "-c", "pass"),
        }
        lines = in_turn(ways, clock=_children, rounds=rounds)
        walls = in_turn(ways, clock=time.perf_counter, rounds=1)
    said = ", ".join(f"{line.name} {line.median:.2f} s" for line in walls)
    alone = lines[2].median
    return Result(
        row="views", of=f"repro.table {TABLE}", unit="call", lines=tuple(lines), goal=GOAL,
        limit=(alone, "starting Python"), machine=machine.describe(torch.device("cpu")), clock="seconds of one core",
        notes=(f"by the wall, once: {said}",),
    )  # fmt: skip


def _copy(root: Path) -> None:
    ignored = shutil.ignore_patterns("__pycache__")
    for package in ("repro", "baselines"):
        shutil.copytree(records.ROOT / package, root / package, ignore=ignored)


def write_records(root: Path, count: int) -> None:
    """Write so many made-up records: of every cell of the papers' tables for sixteen seeds, and of unknown runs."""
    suite, runs = own_suite(), {}
    for table in plan.exhibits().values():
        for row in () if isinstance(table, FactTable) else table.rows:
            for data in plan.stands(table, suite):
                for seed in range(16):
                    run = plan.run_of(table, row, data, suite, seed=seed)
                    if run is not None:
                        runs[run.id] = run
    example = next(iter(runs.values()))
    (root / "tables" / "records").mkdir(parents=True, exist_ok=True)
    ids = [*runs, *(f"{number:012x}" for number in range(count))][:count]
    for id in ids:
        path = root / "tables" / "records" / f"{id}@cpu-torch2.15.json"
        path.write_text(json.dumps(_record(runs.get(id, example), id)))
        for ending in (".csv", ".npz"):
            path.with_suffix(ending).write_bytes(b"")


def _record(run: plan.Run, id: str) -> dict:
    """A record with what a table reads of it, as large as a real one by the bulk that lists of images have."""
    scores = {name: 0.5 for name in ("miou", "pixel_accuracy", "boundary_iou", "dice", "jaccard", "accuracy")}
    images = {"data": run.test.data, "list": "report", "n": 500, "sha256": "", "units": []}
    names = [f"{number:016x}" for number in range(500)]
    return {
        "id": id, "run": run.identity(), "classes": ["road"], "structure": None,
        "scores": {f"{weights} native whole": scores for weights in ("last", "selected")},
        "lists": {"train": images, "selection": images | {"images": names}, "report": images},
        "training": {"steps": 1, "ended": "finished", "selected_epoch": 1, "label_pixels": [1]},
        "network": {"parameters": 1, "flops": 1, "size": [1, 1]},
        "provenance": {"commit": "", "clean": True, "kind": "cpu-torch2.15", "machines": [], "seconds": 1.0},
    }  # fmt: skip


def _table(root: Path) -> None:
    _run(root, "-m", "repro.table", TABLE)


def _run(root: Path, *arguments: str) -> None:
    subprocess.run([sys.executable, *arguments], cwd=root, check=True, stdout=subprocess.DEVNULL)


def _children() -> float:
    """Seconds of processor time of the processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
