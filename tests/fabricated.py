"""Records that no run made, for tests of what is drawn from records."""

import json
from pathlib import Path

from repro import plan
from repro.papers.spec import Figure, Suite
from repro.records import Folder

KIND = "cpu-torch2.15"


def folder_in(path: Path) -> Folder:
    """Return an empty folder of records and views below `path`."""
    folder = Folder(path / "records", path / "tables", path / "figures")
    folder.records.mkdir(parents=True)
    return folder


def write_records(
    folder: Folder,
    figure: Figure,
    suite: Suite,
    row: str,
    scores: dict[str, list[float]],
    *,
    kind: str = KIND,
    structure: dict | None = None,
) -> None:
    """Write a record a seed for one row of a figure: metric -> a fraction each seed, the same in every evaluation."""
    declared = next(each for each in figure.rows if each.name == row)
    training = {"steps": 10, "ended": "all epochs", "selected_epoch": 1, "label_pixels": [2, 1]}
    for seed in range(max(len(each) for each in scores.values())):
        for data in plan.stands(figure, suite):
            run = plan.run_of(figure, declared, data, suite, seed=seed)
            images = {"data": data, "list": "report", "n": 1, "sha256": "", "units": []}
            found = {metric: values[seed] for metric, values in scores.items() if seed < len(values)}
            record = {
                "id": run.id,
                "run": run.identity(),
                "scores": {f"last {labels} whole": found for labels in ("native", "input")},
                "classes": ["road", "sky"],
                "lists": {"train": images, "selection": images | {"images": []}, "report": images},
                "training": None if declared.untrained else training,
                "network": {"parameters": 1234567, "size": [512, 1024], "flops": 1},
                "structure": structure,
                "provenance": {"commit": "", "clean": True, "kind": kind, "machines": [], "seconds": 1.0},
            }
            path = folder.records / f"{run.id}@{kind}.json"
            path.write_text(json.dumps(record))
            path.with_suffix(".csv").write_text("step,epoch,train_loss\n")
            path.with_suffix(".npz").write_bytes(b"")
