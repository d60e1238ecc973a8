"""Runs small enough to kill by the dozen: a U-Net of width 2 that learns bright squares."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from repro import machine
from repro.command import DONE, Stop
from repro.data.own import describe
from repro.jobs import cluster
from repro.jobs.handout import follow
from repro.jobs.one import Outcome, attempt
from repro.papers.spec import Recipe
from repro.plan import Job, Run, Split
from repro.progress import make_console
from repro.runner import Setting
from repro.training import Events

SIZE = (16, 24)
PARTS = {"train": 8, "selection": 3, "test": 5}
PROVENANCE = "provenance"  # the one part of a record that another machine or another hour may change


def draw(root: Path) -> Path:
    """Write sixteen images of a bright square, their labels and split below `root`; return the set's folder."""
    rng = np.random.default_rng(0)
    lines = []
    for kind in ("images", "labels"):
        (root / kind).mkdir(parents=True)
    for part, count in PARTS.items():
        for number in range(count):
            top, left = rng.integers(0, 10, 2)
            label = np.zeros(SIZE, np.uint8)
            label[top : top + 6, left : left + 8] = 1
            image = rng.integers(0, 80, (*SIZE, 3)) + 150 * label[..., None]
            Image.fromarray(image.astype(np.uint8)).save(root / "images" / f"{part}{number}.png")
            Image.fromarray(label).save(root / "labels" / f"{part}{number}.png")
            lines.append(f"{part}\t{part}{number}\n")
    (root / "classes.txt").write_text("0: ground\n1: square\n")
    (root / "parts.txt").write_text("".join(lines))
    described = describe(
        root / "own", images=root / "images", labels=root / "labels", classes=root / "classes.txt",
        split=root / "parts.txt",
    )  # fmt: skip
    return described.root


def job(seed: int, *, epochs: int, network: str = "unet") -> Job:
    """Return a job of two steps an epoch."""
    recipe = Recipe(
        weights="none", loss="cross_entropy_dice", alpha=0.5, optimiser="adamw", learning_rate=0.01, schedule="cosine",
        weight_decay=0.01, epochs=epochs, batch=4, precision="float32", crop=(16, 16),
        augmentations=("horizontal_flip", "brightness"),
    )  # fmt: skip
    test = Split(data="own", list="report")
    run = Run(
        network=network, options={"width": 2}, train=Split(data="own", list="train"), test=test, recipe=recipe,
        seed=seed,
    )  # fmt: skip
    return Job(run, (f"tiny/{network}",))


def setting(runs: Path, data: Path) -> Setting:
    """Return the setting of runs on the processor, in the folder `runs`."""
    return Setting(runs, (f"own={data}",), torch.device("cpu"), cache=False)


def results(runs: Path) -> dict[str, tuple[dict, bytes, bytes]]:
    """Return what the finished runs of a folder came to, by id: record without provenance, evidence, last weights."""
    found = {}
    for path in sorted(runs.glob("*/record.json")):
        record = json.loads(path.read_bytes())
        del record[PROVENANCE]
        files = (path.with_name(name).read_bytes() for name in ("evidence.npz", "last.safetensors"))
        found[path.parent.name] = (record, *files)
    return found


def one_after_another(jobs: Sequence[Job], how: Setting) -> list[Outcome]:
    """Return how each job ended, done in this process on one thread, as a Ray task has it."""
    with machine.threads(1, how.device):
        return [attempt(job, how, Events()) for job in jobs]


def main(folder: str, address: str, runs: str, epochs: str) -> int:
    """Do so many runs over the Ray at an address, in `folder`, and return the exit code: a driver to be killed."""
    how = setting(Path(folder) / "runs", Path(folder) / "data" / "own")
    jobs, stop = [job(seed, epochs=int(epochs)) for seed in range(int(runs))], Stop()
    due = [each for each in jobs if not (how.runs / each.run.id / "record.json").exists()]
    with cluster.connected(address):
        stop.listen()
        demand = cluster.demand_of([], per_gpu=1)
        return follow(due, how, make_console(), lambda each: "done", lambda table: cluster.over_ray(
            due, how, table, stop, demand
        )) if due else DONE  # fmt: skip


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
