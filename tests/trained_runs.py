"""A finished run with weights as training leaves it, without training: random weights, made-up scores."""

from dataclasses import replace
from pathlib import Path

import torch
from measured import contents, evidence, matrix, point, run_of
from torch import nn

from repro import records
from repro.data.cityscapes import CLASSES
from repro.networks import build
from repro.plan import Run
from repro.runner.record import save_weights

STREET = tuple(CLASSES)


def network_of(run: Run, classes: int, seed: int = 0) -> nn.Module:
    """Return a run's network in evaluation mode; batch norms have seen something, so that they are not the identity."""
    torch.manual_seed(seed)
    network = build(run.network, classes=classes, **run.options).to(memory_format=torch.channels_last)
    with torch.no_grad():
        network.train()(torch.randn(2, 3, 64, 64))
    return network.eval()


def finish(root: Path, cell: str = "paper1_table1/FCN", class_names: tuple[str, ...] = STREET, **recipe) -> Path:
    """Leave a finished run of the demo below `root` and return its folder; `recipe` are fields of its recipe."""
    run = run_of(cell, "demo")
    run = replace(run, recipe=replace(run.recipe, **recipe))
    folder = root / "runs" / "demo" / run.id
    folder.mkdir(parents=True)
    names = ("last", "selected")
    networks = [network_of(run, len(class_names), seed) for seed in range(2)]
    save_weights(folder, {name: network.state_dict() for name, network in zip(names, networks)})
    data = contents(run, {"last native whole": evidence(matrix(0.5))}, curve=[point(80, 1, 0.5)])
    scores = {"miou": 0.5, "pixel_accuracy": 0.75} | {f"iou:{name}": 0.25 for name in class_names}
    data |= {"classes": list(class_names), "scores": {f"{name} native whole": scores for name in names}}
    data["training"] = {"steps": 80, "ended": "all epochs", "selected_epoch": 4, "label_pixels": [2, 1]}
    (folder / "record.json").write_bytes(records.record_bytes(data))
    (folder / "lock").touch()
    return folder
