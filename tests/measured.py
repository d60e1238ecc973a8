"""Records as a run would leave them, from counts small enough to work out by hand."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from repro import plan, records
from repro.metrics import Evidence
from repro.plan import Run
from repro.records import Folder, Record
from repro.schedule import learning_rate

KIND = "cpu-torch2.15"
CLASSES = ("road", "pole")
ROOT = Path(__file__).resolve().parents[1]


def matrix(miou: float) -> list[list[int]]:
    """Return the (2, 2) confusion matrix of two classes alike with that mIoU, to a thousandth.

    With h hits and e errors a class, IoU = h / (h + 2 e) and pixel accuracy = h / (h + e): 0.765 is 1530 hits and 235
    errors, 1530 of 2000, and a pixel accuracy of 1530 / 1765.
    """
    hits = round(1000 * miou) * 2
    errors = (2000 - hits) // 2
    return [[hits, errors], [errors, hits]]


def evidence(*matrices: list[list[int]], images: Sequence[str] = (), units: Sequence[str] = ()) -> Evidence:
    """Return the evidence of one image a confusion matrix; every pixel counts as near a boundary."""
    counts = np.array(matrices, dtype=np.int64)
    hit, predicted, labelled = np.diagonal(counts, axis1=1, axis2=2), counts.sum(1), counts.sum(2)
    return Evidence(
        images=np.array(images or [f"{index:016x}" for index in range(len(counts))]),
        units=np.array(units or ["lindau"] * len(counts)),
        intersection=hit,
        predicted=predicted,
        labelled=labelled,
        boundary_intersection=hit,
        boundary_predicted=predicted,
        boundary_labelled=labelled,
        confusion=counts.sum(0),
    )


def run_of(cell: str, suite: str, *, seed: int = 0) -> Run:
    """Return the run behind a cell ("table/row"), on the first of the table's data sets that the suite has."""
    id, _, name = cell.partition("/")
    of, table = plan.suite(suite), plan.exhibit(id)
    row = next(row for row in table.rows if row.name == name)
    return plan.run_of(table, row, next(iter(plan.stands(table, of))), of, seed=seed)


def point(step: int, epoch: int, train: float, selection: float | None = None) -> dict:
    """Return a point of a training curve."""
    found = {"step": step, "epoch": epoch, "learning_rate": 0.0005, "train_loss": train, "seconds": 1.0}
    return found if selection is None else found | {"selection_loss": selection, "selection_score": 0.5}


def rated(curve: Sequence[dict], run: Run) -> list[dict]:
    """Return a curve with the learning rates of the run's recipe, as if its last step were the training's."""
    total = curve[-1]["step"] if curve else 0
    return [point | {"learning_rate": learning_rate(point["step"] - 1, total, run.recipe)} for point in curve]


def contents(run: Run, counted: dict[str, Evidence], *, kind: str = KIND, curve: Sequence[dict] = ()) -> dict:
    """Return the JSON object of a record, its training list as long as the curve's steps ask for."""
    steps = curve[-1]["step"] if curve else 0
    n = run.recipe.batch * steps // run.recipe.epochs if curve and run.trained else 3
    losses = {point["selection_loss"]: point["epoch"] for point in curve if "selection_loss" in point}
    first = next(iter(counted.values()))
    report = {"units": sorted(set(first.units.tolist()))}
    selection = {"images": ["f" * 16], "units": ["aachen"]}
    lists = {
        "train": {"data": run.train.data, "list": run.train.list, "n": n, "sha256": "0" * 16, "units": ["bonn"]},
        "selection": {"data": run.train.data, "list": run.train.selection, "n": 1, "sha256": "1" * 16} | selection,
        "report": {"data": run.test.data, "list": run.test.list, "n": len(first.images), "sha256": "2" * 16} | report,
    }
    machine = {
        "device": "cpu", "cpu": "An invented processor", "memory_gib": 8, "system": "Linux", "python": "3.11.9",
        "cuda": None, "libraries": {"torch": "2.15.0", "torchvision": "0.29.2"},
    }  # fmt: skip
    training = {"steps": steps, "ended": "all epochs", "label_pixels": [2, 1]}
    training["selected_epoch"] = losses[min(losses)] if losses else 0
    return {
        "id": run.id,
        "run": run.identity(),
        "classes": list(CLASSES),
        "scores": records.scores_of(counted, CLASSES),
        "lists": lists,
        "training": training if run.trained else None,
        "network": {"parameters": 1000, "size": [64, 128], "flops": 2000},
        "structure": None,
        "provenance": {"commit": "unknown", "clean": True, "machines": [machine], "kind": kind, "seconds": 1.5},
    }


def write_run(
    runs: Path,
    run: Run,
    *matrices: list[list[int]],
    selected: float | None = None,
    curve: Sequence[dict] = (),
    kind: str = KIND,
    units: Sequence[str] = (),
) -> Path:
    """Write what a finished run leaves in its folder below `runs` and return the folder.

    Args:
        runs: where run folders are.
        run: whose.
        matrices: a confusion matrix an image, for the last weights.
        selected: mIoU of the selected weights; as the last ones unless given.
        curve: points of the training curve.
        kind: the machine kind.
        units: of the images.
    """
    last = evidence(*matrices, units=units)
    counted = {"last native whole": last, "last input whole": last}
    if run.trained:
        other = last if selected is None else evidence(*[matrix(selected)] * len(matrices), units=units)
        counted |= {"selected native whole": other, "selected input whole": other}
    folder = runs / run.id
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "evidence.npz").write_bytes(records.evidence_bytes(counted))
    (folder / "curve.csv").write_bytes(records.curve_bytes(rated(curve, run)))
    data = contents(run, counted, kind=kind, curve=curve)
    (folder / "record.json").write_bytes(records.record_bytes(data))
    return folder


def publish(folder: Folder, runs: Path, run: Run, *matrices: list[list[int]], kind: str = KIND, **facts) -> Record:
    """Write a finished run below `runs` and publish it; return the record."""
    return records.publish(write_run(runs, run, *matrices, kind=kind, **facts), folder.records, run.id, kind)


def with_seed(run: Run, seed: int) -> Run:
    """Return the same run from another seed."""
    return replace(run, seed=seed)


def snapshot(folder: Path) -> dict[str, str]:
    """Return every file below a folder by its path, with the hash of its bytes: equal where nothing was written."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }
