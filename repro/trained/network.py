"""A trained network from what a run keeps or an export wrote, with all that using it takes."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import nn

from repro import checkpoint
from repro.data import DATASETS, dataset_class
from repro.data.own import COLOURS, OwnData
from repro.data.transforms import resize_image
from repro.evaluation import logits_of, resize_logits
from repro.folders import WEIGHTS
from repro.networks import build
from repro.papers.spec import Recipe
from repro.plan import Run, from_identity
from repro.records import read_run

KEY = "repro"  # of our entry in a safetensors file's metadata
MODEL = "model.safetensors"  # the file of an export


@dataclass(frozen=True)
class About:
    """What has to be known of weights to use them: the run, which of its weights, the classes and their colours."""

    run: Run
    weights: str
    class_names: tuple[str, ...]
    colours: tuple[tuple[int, int, int], ...]

    def as_json(self) -> str:
        """Return it as the metadata of a safetensors file holds it."""
        fields = {"run": self.run.identity(), "weights": self.weights}
        return json.dumps(fields | {"classes": self.class_names, "colours": self.colours}, sort_keys=True)


@dataclass(frozen=True)
class TrainedNetwork:
    """A network in evaluation mode with its weights, and how it was evaluated.

    Attributes:
        network: maps (N, 3, H, W) float32 images, normalised by ImageNet's mean and deviation, to (N, C, H, W) logits.
        about: the run, the classes.
        device: where it is.
    """

    network: nn.Module
    about: About
    device: torch.device

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes in the order of the predicted numbers."""
        return self.about.class_names

    @property
    def recipe(self) -> Recipe:
        """The run's recipe, with the protocol it was evaluated by."""
        return self.about.run.recipe

    @torch.inference_mode()
    def logits(
        self, image: np.ndarray, *, recipe: Recipe | None = None, size: tuple[int, int] | None = None
    ) -> torch.Tensor:
        """Return the (C, H, W) float32 logits of an image, as the run's evaluation computes them.

        Args:
            image: (H, W, 3) uint8 RGB of any size; resized for the network where the recipe resizes.
            recipe: another protocol than the run's: window, flips, scales, size, precision.
            size: (height, width) of the logits; the image's own unless given.

        Raises:
            ValueError: a logit is not a number.
        """
        recipe = recipe or self.recipe
        seen = resize_image(image, recipe.size) if recipe.size else image
        planes = torch.from_numpy(np.ascontiguousarray(seen.transpose(2, 0, 1)))
        logits = logits_of(self.network, planes, recipe, self.device)
        if logits.isnan().any():
            raise ValueError("a logit is not a number; the network diverged in training")
        return resize_logits(logits, size or image.shape[:2])[0]

    def predict(self, image: np.ndarray, *, recipe: Recipe | None = None) -> np.ndarray:
        """Return the (H, W) uint8 number of each pixel's class; see `logits`."""
        return self.logits(image, recipe=recipe).argmax(0).to(torch.uint8).cpu().numpy()


def load(path: str | Path, *, weights: str | None = None, device: str | torch.device = "cpu") -> TrainedNetwork:
    """Return a trained network.

    Args:
        path: what `repro.export` wrote (a folder or its .safetensors), a run's folder, its last.safetensors or
            selected.safetensors, or a checkpoint of an unfinished run.
        weights: "last" or "selected"; by default what the file holds, of a run's folder or a checkpoint the last.
        device: where to put it.

    Raises:
        ValueError: nothing of that kind is there, it is damaged, it holds other weights, or this version builds the
            network otherwise.
    """
    path, device = Path(path), torch.device(device)
    if weights not in (None, *WEIGHTS):
        raise ValueError(f"there are no weights {weights!r}; there are {' and '.join(WEIGHTS)}")
    about, state = _read(path, weights)
    try:
        network = build(about.run.network, classes=len(about.class_names), **about.run.options)
        network.load_state_dict(state)
    except (RuntimeError, TypeError) as error:
        reason = " ".join(str(error).split())[:300]
        raise ValueError(f"{path}: weights of another form than {about.run.network} has here ({reason})") from None
    network = network.to(device).to(memory_format=torch.channels_last).eval()
    return TrainedNetwork(network, about, device)


def _read(path: Path, weights: str | None) -> tuple[About, dict[str, torch.Tensor]]:
    if path.is_dir():
        found = [path / name for name in (MODEL, f"{weights or 'last'}.safetensors") if (path / name).is_file()]
        if not found:
            raise ValueError(f"{path}: {_why_without(path)}")
        path = found[0]
    if not path.is_file():
        raise ValueError(f"{path}: no such file; name a run's folder, an export, or a file of weights")
    if path.suffix == ".pt":
        return _of_checkpoint(path, weights or "last")
    metadata, state = _tensors(path)
    about = _about(metadata[KEY], path) if KEY in metadata else None
    if about is None and path.stem in WEIGHTS and (path.parent / "record.json").exists():
        about = about_run(path.parent, path.stem)
    if about and about.weights != (weights or about.weights):
        raise ValueError(f"{path}: holds the {about.weights} weights of its run, and --weights asks for {weights}")
    if about:
        return about, state
    if path.stem in WEIGHTS and (path.parent / "run.json").exists():
        raise ValueError(f"{path.parent}: this run is trained and not evaluated yet; the call that trains it goes on")
    raise ValueError(f"{path}: weights without a word on what they are of; export them with repro.export")


def _why_without(folder: Path) -> str:
    """Why a folder holds no weights, as the end of a sentence."""
    if (folder / "record.json").exists():
        record = read_run(folder / "record.json")
        if record["training"] is None:
            return f"{record['run']['network']} was evaluated only, so that there are no weights to load"
        return "the weights of this run are gone; only its record is left"
    if any(folder.glob("checkpoint-*.pt")):
        return "this run is not finished; finish it, or name one of its checkpoints with --checkpoint"
    if any(folder.glob("*.onnx")):
        return "an export that another program reads; export the run with --format safetensors to load it here"
    return f"neither a finished run nor an export ({MODEL} is not in it)"


def _tensors(path: Path) -> tuple[dict[str, str], dict[str, torch.Tensor]]:
    """The metadata and the tensors of a safetensors file."""
    try:
        with safe_open(path, framework="pt") as file:
            return file.metadata() or {}, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(f"{path}: not a whole file of safetensors ({error}); export or copy it again") from None


def _about(text: str, path: Path) -> About:
    """What an export says of its weights."""
    try:
        said = json.loads(text)
        names, colours = tuple(map(str, said["classes"])), tuple(tuple(map(int, each)) for each in said["colours"])
        return About(_run_of(said["run"]), str(said["weights"]), names, colours)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"{path}: its metadata are not what repro.export writes ({error})") from None


def about_run(folder: Path, weights: str) -> About:
    """Return what a finished run's record says of its weights."""
    record = read_run(folder / "record.json")
    run, names = _run_of(record["run"]), tuple(record["classes"])
    return About(run, weights, names, _colours(run.test.data, len(names)))


def _of_checkpoint(path: Path, weights: str) -> tuple[About, dict[str, torch.Tensor]]:
    try:
        state = checkpoint.read(path)
    except ValueError as error:
        raise ValueError(f"{path}: {error}; copy the checkpoint again, under the name it was given") from None
    if missing := checkpoint.lacking(state, checkpoint.TRAINED):
        raise ValueError(f"{path}: no checkpoint of this version of the suite; it lacks {missing}")
    try:
        run = _run_of(json.loads(state["identity"]))
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"{path}: does not say what it is of ({error})") from None
    names = (OwnData(path.parents[1] / "own") if run.train.data == "own" else dataset_class(run.train.data)).class_names
    about = About(run, weights, tuple(names), _colours(run.train.data, len(names)))
    tensors = state["selected"] if weights == "selected" else state["average"] or state["network"]
    if not tensors:
        raise ValueError(f"{path}: nothing is selected before the end of the first epoch; take --weights last")
    return about, tensors


def _run_of(identity: dict) -> Run:
    """The run of an identity; ValueError where a revision of its network or data is not this version's."""
    run = from_identity(identity)
    if run.identity() != identity:
        raise ValueError(f"this run of {run.network} was made by a version of the suite that computes otherwise")
    return run


def _colours(data: str, classes: int) -> tuple[tuple[int, int, int], ...]:
    """A colour a class: the data set's own, or ours where it has none."""
    own = dataset_class(data).colours if data in DATASETS else ()
    return tuple(own) if len(own) == classes else tuple(COLOURS[place % len(COLOURS)] for place in range(classes))


def with_protocol(recipe: Recipe, *, window=None, flips: bool = False, scales: tuple[float, ...] = ()) -> Recipe:
    """Return the recipe with what is given of the evaluation's protocol replaced."""
    given = {"window": window, "flips": flips, "scales": scales}
    return replace(recipe, **{name: value for name, value in given.items() if value})
