"""From a run to its record: the only module where plans and torch meet."""

import fcntl
import functools
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from repro import machine, records
from repro.checkpoint import clear
from repro.data import find_root, open_dataset, search_folders
from repro.data.base import content_hash, fingerprint
from repro.data.samples import EvaluationSamples, TrainingSamples
from repro.evaluation import evaluate, selection_scores
from repro.files import write_atomically
from repro.losses import CLASS_WEIGHTS, Loss, make_loss
from repro.models.cost import cost_and_structure
from repro.networks import build
from repro.plan import Run, Split
from repro.training import Events, Progress, Trained, Trainer, read_log

HISTOGRAMS = {"vessel": "image", "lesion": "pooled"}  # of two-class sets by foreground: vessels per image, skin pooled


class Busy(RuntimeError):
    """Another process is at work in this run's folder."""


@dataclass(frozen=True)
class Setting:
    """Where and how runs are made; nothing in it changes a score.

    Attributes:
        runs: the folder that holds a folder a run.
        data: what `--data` said.
        device: where tensors are.
        workers: loader processes.
        deterministic: on a GPU, only kernels that give the same bits each time.
    """

    runs: Path
    data: tuple[str, ...]
    device: torch.device
    workers: int = 0
    deterministic: bool = False


@dataclass(frozen=True)
class Lists:
    """The three lists of a run, opened."""

    train: Sequence
    selection: Sequence
    report: Sequence
    train_set: object
    test_set: object


def run_folder(setting: Setting, run: Run) -> Path:
    """Return where a run lives."""
    return setting.runs / run.id


def is_done(setting: Setting, run: Run) -> bool:
    """Whether this checkout has finished the run: its record is there, written last."""
    return (run_folder(setting, run) / "record.json").exists()


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a run's folder for one writer; the system frees it however the process ends.

    Raises:
        Busy: another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy(f"{folder}: another process is training this run") from None
        yield


def spread(samples: Sequence, limit: int | None) -> Sequence:
    """Return `limit` samples spread evenly over the list, or all of it."""
    if limit is None or limit >= len(samples):
        return samples
    return tuple(samples[index * len(samples) // limit] for index in range(limit))


@functools.lru_cache(maxsize=16)
def _dataset(name: str, data: tuple[str, ...]):
    return open_dataset(name, find_root(name, search_folders(name, data)))


@functools.lru_cache(maxsize=16)
def check_data(name: str, data: tuple[str, ...]) -> int:
    """Look at every pair of a data set before the first step; ValueError names what is wrong."""
    return _dataset(name, data).check()


def open_lists(run: Run, data: tuple[str, ...]) -> Lists:
    """Return a run's three image lists; ValueError where data are missing or incomplete."""
    train_set, test_set = _dataset(run.train.data, data), _dataset(run.test.data, data)
    whole, selection = train_set.samples(run.train.list), train_set.samples("selection")
    train = spread(whole, run.train.limit)
    return Lists(
        train,
        spread(selection, -(-len(selection) * len(train) // len(whole))),  # both are cut from the training images
        test_set.samples(run.test.list),
        train_set,
        test_set,
    )


def make_network(run: Run, lists: Lists, device: torch.device) -> nn.Module:
    """Return the run's network with its initial weights: drawn from the seed, or fitted where it has a `fit`."""
    torch.manual_seed(run.seed)
    network = build(run.network, classes=len(lists.train_set.class_names), **run.options)
    if run.recipe.weights != "none":
        from repro.models.encoders import load_encoder_weights

        load_encoder_weights(network, run.recipe.weights)
    if hasattr(network, "fit"):
        network.fit(torch.from_numpy(lists.train_set.read_label(sample)) for sample in lists.train)
    if device.type == "cuda" and hasattr(network, "checkpoint"):
        getattr(network, "network", network).checkpoint = True  # blocks are computed twice; changes no number
    return network.to(device).to(memory_format=torch.channels_last)


def make_run_loss(run: Run, lists: Lists) -> Loss:
    """Return the run's loss; its class weights are computed from the training labels."""
    weights = None
    if run.recipe.class_weights:
        if run.recipe.class_weights not in CLASS_WEIGHTS:
            raise ValueError(f"there are no class weights {run.recipe.class_weights!r}: {', '.join(CLASS_WEIGHTS)}")
        weights = CLASS_WEIGHTS[run.recipe.class_weights](label_counts(lists.train_set, lists.train))
    return make_loss(run.recipe.loss, alpha=run.recipe.alpha, class_weights=weights)


def label_counts(dataset, samples: Sequence) -> torch.Tensor:
    """Return (C,) int64 labelled pixels of each class over a list, at native size."""
    return torch.tensor(_label_counts(dataset, tuple(samples)))


@functools.lru_cache(maxsize=16)
def _label_counts(dataset, samples: tuple) -> list[int]:
    total = torch.zeros(256, dtype=torch.int64)
    for sample in samples:
        total += torch.from_numpy(dataset.read_label(sample)).flatten().long().bincount(minlength=256)
    return total[: len(dataset.class_names)].tolist()


def make_trainer(
    run: Run, lists: Lists, network: nn.Module, setting: Setting, events: Events, *, report_loss: bool = False
) -> Trainer:
    """Return the trainer of a run, ready to go on from its folder's newest checkpoint."""
    recipe, device = run.recipe, setting.device
    loss = make_run_loss(run, lists)
    samples = TrainingSamples(
        lists.train_set,
        lists.train,
        size=recipe.size,
        crop=recipe.crop,
        augmentations=recipe.augmentations,
        seed=run.seed,
    )
    selection = EvaluationSamples(lists.train_set, lists.selection, size=recipe.size)
    report = EvaluationSamples(lists.test_set, lists.report, size=recipe.size)
    classes = len(lists.train_set.class_names)

    def scores(network: nn.Module, samples: EvaluationSamples) -> tuple[float, float]:
        return selection_scores(network, _each(samples), loss, recipe=recipe, device=device, classes=classes)

    return Trainer(
        network=network,
        loss=loss,
        samples=samples,
        select=lambda network: scores(network, selection),
        report_loss=(lambda network: scores(network, report)[0]) if report_loss else None,
        recipe=recipe,
        seed=run.seed,
        folder=run_folder(setting, run),
        device=device,
        identity=run.identity(),
        events=events,
        workers=setting.workers,
    )


def _each(samples) -> Iterator:
    """The samples one after another (their classes have no iterator of their own that ends)."""
    return (samples[index] for index in range(len(samples)))


def perform(run: Run, setting: Setting, events: Events | None = None, *, report_loss: bool = False) -> Path:
    """Train and evaluate one run, unless this checkout has; return its folder with `record.json` in it.

    With `report_loss` the reported list's loss is recorded at each epoch's end, for a figure; nothing follows from it.

    Raises:
        Busy: another process is at it.
        repro.training.Interrupted: stopped at a step boundary; the same call goes on.
        ValueError: data, options or checkpoint are not what they should be.
    """
    folder = run_folder(setting, run)
    with locked(folder):
        if is_done(setting, run):
            return folder
        prepare_torch(setting)
        started = time.monotonic()
        lists = open_lists(run, setting.data)
        network = make_network(run, lists, setting.device)
        weights, trained = {"last": None}, None
        if run.trained:
            trainer = make_trainer(run, lists, network, setting, events or Events(), report_loss=report_loss)
            _note_machine(folder, setting.device)
            trained = trainer.train()
            weights = {"last": trainer.last_weights(), "selected": trained.selected}
            _save_weights(folder, weights)
        evidence = _evaluate(run, lists, network, weights, setting)
        record = _record(run, lists, network, trained, evidence, setting)
        record["provenance"]["seconds"] = round(
            time.monotonic() - started if trained is None else _trained_seconds(folder, trained.progress), 2
        )
        _write(folder, evidence, record)
        clear(folder)
    return folder


def prepare_torch(setting: Setting) -> None:
    """Set what the process has to agree on before the first tensor."""
    torch.use_deterministic_algorithms(setting.deterministic and setting.device.type == "cuda")
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = setting.deterministic


def _evaluate(run: Run, lists: Lists, network: nn.Module, weights: dict, setting: Setting) -> dict:
    """Evidence by evaluation name, "last native whole"; weights that are equal are evaluated once."""
    samples = EvaluationSamples(lists.test_set, lists.report, size=run.recipe.size)
    found: dict = {}
    network.eval()
    for name, state in weights.items():
        if state is not None:
            if name == "selected" and _equal(state, weights["last"]):
                found |= {f"selected{key.removeprefix('last')}": each for key, each in found.items()}
                continue
            network.load_state_dict(state)
        each = evaluate(
            network, _each(samples), recipe=run.recipe, device=setting.device, classes=len(lists.test_set.class_names),
            histograms=HISTOGRAMS.get(lists.test_set.class_names[-1]),
        )  # fmt: skip
        found |= {f"{name} {evaluation}": evidence for evaluation, evidence in each.items()}
    return found


def _equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


def _record(
    run: Run, lists: Lists, network: nn.Module, trained: Trained | None, evidence: dict, setting: Setting
) -> dict:
    """The JSON object of a finished run."""
    names = lists.test_set.class_names
    revision, clean = machine.commit(records.ROOT)
    cost, structure = _cost(run, lists, network, setting.device)
    return {
        "id": run.id,
        "run": run.identity(),
        "classes": list(names),
        "scores": records.scores_of(evidence, names),
        "lists": {
            "train": _list(run.train, lists.train),
            "selection": _list(Split(data=run.train.data, list="selection"), lists.selection),
            "report": _list(run.test, lists.report) | _field_of_view(lists.test_set),
        },
        "training": None if trained is None else {
            "steps": trained.progress.step,
            "ended": trained.progress.finished,
            "selected_epoch": trained.progress.best_epoch,
            "label_pixels": label_counts(lists.train_set, lists.train).tolist(),
        },
        "network": cost,
        "structure": structure,
        "provenance": {
            "commit": revision,
            "clean": clean,
            "machines": _machines(run_folder(setting, run), setting.device),
            "kind": machine.kind(setting.device),
            "exact": setting.device.type == "cpu" or setting.deterministic,
            "peak_memory_bytes": machine.peak_memory_bytes(setting.device),
        },
    }  # fmt: skip


def _list(split: Split, samples: Sequence) -> dict:
    """What a record says of an image list: enough to see that two lists share nothing."""
    described = {
        "data": split.data,
        "list": split.list,
        "n": len(samples),
        "sha256": fingerprint(samples),
        "units": sorted({sample.unit for sample in samples}),
    }
    if split.list != "train":
        described["images"] = [content_hash(sample.image) for sample in samples]
    return described


def _field_of_view(dataset) -> dict:
    """Where the field of view came from, of a data set that has one."""
    source = getattr(dataset, "field_of_view_source", None)
    return {"field_of_view": source} if source else {}


def _cost(run: Run, lists: Lists, network: nn.Module, device: torch.device) -> tuple[dict, dict | None]:
    """Cost and structure of the network at the size of the images that it sees."""
    sample = EvaluationSamples(lists.test_set, lists.report[:1], size=run.recipe.size)[0]
    return cost_and_structure(network, size=run.recipe.crop or tuple(sample.image.shape[-2:]), device=device)


def _note_machine(folder: Path, device: torch.device) -> None:
    """Remember that the run was on this machine, once."""
    described = machine.describe(device)
    known = _machines(folder, None)
    if described not in known:
        write_atomically(folder / "machines.json", json.dumps([*known, described]).encode())


def _machines(folder: Path, device: torch.device | None) -> list[dict]:
    path = folder / "machines.json"
    if path.exists():
        return json.loads(path.read_text())
    return [machine.describe(device)] if device else []


def _trained_seconds(folder: Path, progress: Progress) -> float:
    points = read_log(folder / "log.jsonl")
    return max(progress.seconds, points[-1]["seconds"] if points else 0.0)


def _save_weights(folder: Path, weights: dict[str, dict[str, torch.Tensor]]) -> None:
    """Keep the weights that were evaluated, for prediction and export."""
    from safetensors.torch import save

    for name, state in weights.items():
        contiguous = {key: tensor.detach().cpu().contiguous() for key, tensor in state.items()}
        write_atomically(folder / f"{name}.safetensors", save(contiguous))


def _write(folder: Path, evidence: dict, record: dict) -> None:
    """Write the three files of a record, the record itself last."""
    write_atomically(folder / "evidence.npz", records.evidence_bytes(evidence))
    write_atomically(folder / "curve.csv", records.curve_bytes(read_log(folder / "log.jsonl")))
    write_atomically(folder / "record.json", records.record_bytes(record))
