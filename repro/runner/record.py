"""What a finished run leaves behind: its record with the evidence, its curve, its weights."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import torch
from torch import nn

from repro import forms, machine, records
from repro.command import sentence
from repro.data.base import content_hash, fingerprint
from repro.data.samples import EvaluationSamples
from repro.files import write_atomically
from repro.forms import read_log
from repro.models.cost import cost_and_structure
from repro.parallel import Processes
from repro.plan import Run, Split
from repro.runner.lists import Lists, label_counts
from repro.runner.setting import Setting, is_exact, run_folder
from repro.training import Interrupted, Progress, Trained


def make_record(
    run: Run, lists: Lists, network: nn.Module, trained: Trained | None, evidence: dict, setting: Setting
) -> dict:
    """Return the JSON object of a finished run, without the seconds it took."""
    names = lists.test_set.class_names
    revision, clean = machine.commit(records.ROOT)
    machines = _machines(run_folder(setting, run)) or [machine.describe(setting.device)]
    cost, structure = _cost(run, lists, network, setting.device)
    return {
        "id": run.id,
        "run": run.identity(),
        "classes": list(names),
        "scores": records.scores_of(evidence, names),
        "lists": {
            "train": _list(run.train, lists.train) | _fitted(network, lists),
            "selection": _list(Split(data=run.train.data, list=run.train.selection), lists.selection) | {
                "images": [content_hash(sample.image) for sample in lists.selection],
            },
            "report": _list(run.test, lists.report) | _field_of_view(lists.test_set),
        },
        "training": None if trained is None else {
            "steps": trained.progress.step,
            "ended": trained.progress.finished,
            "selected_epoch": trained.progress.best_epoch,
            "label_pixels": label_counts(lists.train_set, lists.train).tolist(),
            **({"skipped_steps": trained.progress.skipped} if trained.progress.skipped else {}),
        },
        "network": cost,
        "structure": records.short_structure(structure),
        "provenance": {
            "commit": revision,
            "clean": clean,
            "machines": machines,
            "kind": machine.kind(setting.device),
            "exact": is_exact(setting) and not any("processes" in each for each in machines),  # they round elsewhere
            "peak_memory_bytes": machine.peak_memory_bytes(setting.device),
        },
    }  # fmt: skip


def _list(split: Split, samples: Sequence) -> dict:
    """What a record says of an image list; the images of the report's stand in the evidence, one by one."""
    return {
        "data": split.data,
        "list": split.list,
        "n": len(samples),
        "sha256": fingerprint(samples),
        "units": sorted({sample.unit for sample in samples}),
    }


def _fitted(network: nn.Module, lists: Lists) -> dict:
    """The labels that a floor was fitted to, counted: a trained run's stand with its training."""
    return {"label_pixels": label_counts(lists.train_set, lists.train).tolist()} if hasattr(network, "fit") else {}


def _field_of_view(dataset) -> dict:
    """Where the field of view came from, of a data set that has one."""
    source = getattr(dataset, "field_of_view_source", None)
    return {"field_of_view": source} if source else {}


def _cost(run: Run, lists: Lists, network: nn.Module, device: torch.device) -> tuple[dict, dict | None]:
    """Cost and structure of the network at the size of the images that it sees."""
    sample = EvaluationSamples(lists.test_set, lists.report[:1], size=run.recipe.size)[0]
    return cost_and_structure(network, size=run.recipe.crop or tuple(sample.image.shape[-2:]), device=device)


@contextmanager
def noted(folder: Path, run: Run) -> Iterator[None]:
    """Say in the run's folder which run is at work there, and if it fails why, for `repro runs`."""
    if not (folder / "record.json").exists():
        write_atomically(folder / "run.json", json.dumps(run.identity()).encode())
        (folder / "failure.txt").unlink(missing_ok=True)
    try:
        yield
    except Interrupted:
        raise
    except Exception as error:
        note_failure(folder, sentence(error))
        raise


def note_failure(folder: Path, why: str) -> None:
    """Leave in the run's folder why it failed."""
    with suppress(OSError):  # a full disk may be the reason
        write_atomically(folder / "failure.txt", why.encode())


def note_machines(folder: Path, device: torch.device, processes: Processes) -> None:
    """Remember in the run's folder that it was on these machines, each once, and by how many processes if several."""
    together = {"processes": processes.size} if processes.size > 1 else {}
    here = processes.gather(lambda: machine.describe(device) | together)

    def write() -> None:
        known = _machines(folder)
        found = [each for index, each in enumerate(here) if each not in [*known, *here[:index]]]
        if found:
            write_atomically(folder / "machines.json", json.dumps([*known, *found]).encode())

    processes.first(write)


def _machines(folder: Path) -> list[dict]:
    path = folder / "machines.json"
    return records.read_run(path, [forms.MACHINE]) if path.exists() else []


def trained_seconds(folder: Path, progress: Progress) -> float:
    """Return the seconds of training over all sessions."""
    points = read_log(folder / "log.jsonl")
    return max(progress.seconds, points[-1]["seconds"] if points else 0.0)


def save_weights(folder: Path, weights: dict[str, dict[str, torch.Tensor]]) -> None:
    """Keep the weights that were evaluated, for prediction and export."""
    from safetensors.torch import save

    for name, state in weights.items():
        contiguous = {key: tensor.detach().cpu().contiguous() for key, tensor in state.items()}
        write_atomically(folder / f"{name}.safetensors", save(contiguous))


def write(folder: Path, evidence: dict, record: dict) -> None:
    """Write the three files of a record, the record itself last."""
    write_atomically(folder / "evidence.npz", records.evidence_bytes(evidence))
    write_atomically(folder / "curve.csv", records.curve_bytes(read_log(folder / "log.jsonl")))
    write_atomically(folder / "record.json", records.record_bytes(record))
