"""Score a folder of masks, whichever tool made them, with the suite's own evaluation; tables show it as `external`."""

import hashlib
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from repro import external, records
from repro.command import DONE, Parser, run
from repro.data import check_options, find_root, open_dataset, search_folders
from repro.data.base import content_hash, fingerprint, require_folder
from repro.data.encodings import ENCODINGS, Decoder
from repro.data.images import size_of
from repro.data.labels import LabelFolder
from repro.files import files_below

ENDINGS = (".png", ".gif", ".tif", ".tiff", ".bmp", ".jpg", ".jpeg")  # the last two are refused, and not overlooked
EXAMPLES = (
    "repro score masks --dataset camvid --name their-net    of a data set's report list",
    "repro score masks --labels labels                      of your own labels, 0 and 255",
)
SHOWN = ("miou", "pixel_accuracy", "boundary_iou")
SHOWN_OF_TWO = ("jaccard", "dice", "accuracy", "sensitivity", "specificity", "mean_jaccard", "mean_dice")


@dataclass(frozen=True)
class Labelled:
    """What the evaluation needs to know of an image besides the prediction."""

    label: object  # tensor, (H, W) uint8 train ids
    field_of_view: object  # tensor, (H, W) bool, or None
    name: str
    unit: str
    content_hash: str
    input_label: None = None  # a mask has no input size


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    return run(_main, arguments, "repro.score")


def make_parser() -> Parser:
    """Return the parser of `python -m repro.score`."""
    parser = Parser(prog="repro.score", description=__doc__, examples=EXAMPLES)
    add = parser.add_argument
    add("predictions", type=Path, metavar="PREDICTIONS", help="a folder of masks, in subfolders or not, one an image")
    add("--dataset", metavar="NAME", help="the data set whose report list was predicted")
    add("--labels", type=Path, metavar="DIR", help="your own labels instead, named as the masks are")
    add("--classes", type=Path, metavar="FILE", help="with --labels: a line a value, '255: lesion'; not for 0 and 255. "
        "Of two classes the second is the foreground")  # fmt: skip
    add("--data", action="append", default=[], metavar="DIR", help="where data are; NAME=DIR for one set")
    add("--name", metavar="NAME", help="what tables call it; default: the folder's name")
    add("--encoding", choices=("auto", *ENCODINGS), default="auto", help="what the numbers are; default: found out")
    return parser


def _main(arguments: Sequence[str] | None) -> int:
    parser = make_parser()
    options = parser.parse_args(arguments)
    check_options(options.data)
    if (options.dataset is None) == (options.labels is None):
        parser.error("give --dataset NAME or --labels DIR")
    if options.classes and not options.labels:
        parser.error("--classes goes with --labels; a data set has its classes")
    name = external.check_name(options.name or options.predictions.resolve().name)
    dataset, samples, to = _labels(options)
    masks = match(find_masks(options.predictions), samples)
    evidence, encoding = evaluate(dataset, samples, masks, options.encoding)
    data = describe(options.predictions, dataset, samples, masks, evidence, encoding)
    written = external.write(to, name, {"name": name, **data}, evidence)
    print(as_text(written))
    if options.dataset:
        print("It is a row of every table of this data set; repro.table --all rewrites those that are committed.")
    return DONE


def _labels(options) -> tuple:
    """The data set, the samples that are scored, and the folder that the score goes to."""
    if options.labels:
        dataset = LabelFolder(options.labels, options.classes)
        return dataset, dataset.samples("report"), records.ROOT / "runs" / "external"
    dataset = open_dataset(options.dataset, find_root(options.dataset, search_folders(options.dataset, options.data)))
    toy = options.dataset.startswith("toy_")
    folder = records.folder_of("demo" if toy else None, toy=toy, root=records.ROOT)
    return dataset, dataset.samples("report"), external.external_folder(folder)


def find_masks(folder: Path) -> dict[str, Path]:
    """Return the pictures below a folder by their names without folder and ending; ValueError for two of one name."""
    require_folder(folder, "a folder of predicted masks")
    found: dict[str, Path] = {}
    for path in files_below(folder):
        if path.suffix.lower() not in ENDINGS or path.name.startswith(".") or not path.is_file():
            continue
        if path.stem in found:
            raise ValueError(f"{path}: {found[path.stem]} has the same name; give one mask an image.")
        found[path.stem] = path
    if not found:
        raise ValueError(f"{folder}: no masks here, expected one PNG for each image of the list.")
    return found


def match(masks: dict[str, Path], samples: Sequence) -> list[Path]:
    """Return the mask of each sample, in the order of the list.

    A mask is called as its image in the list, as the image's or the label's file, or so with more behind "_" or "-".

    Raises:
        ValueError: masks are missing, are of no image of the list, or two are of one.
    """
    of_name = {name: sample for sample in samples for name in (sample.name, sample.image.stem, sample.label.stem)}
    found: dict[str, Path] = {}
    extra, twice = [], []
    for stem, path in masks.items():
        sample = next((of_name[name] for name in _shorter(stem) if name in of_name), None)
        if sample is None:
            extra.append(path.name)
        elif sample.name in found:
            twice.append(path.name)
        else:
            found[sample.name] = path
    missing = [sample.name for sample in samples if sample.name not in found]
    faults = [
        f"{what}: {len(names)} ({names[0]} for one)"
        for names, what in (
            (missing, f"without a mask, of the list's {len(samples)} images"),
            (extra, "masks of no image in the list"),
            (twice, "second masks of an image"),
        )
        if names
    ]
    if faults:
        raise ValueError(f"{'; '.join(faults)}; expected one mask an image, called {samples[0].name}.png or so.")
    return [found[sample.name] for sample in samples]


def _shorter(stem: str) -> Iterator[str]:
    """A name, then what stands before its last "_" or "-", and so on."""
    yield stem
    for separator in reversed([*re.finditer("[_-]", stem)]):
        yield stem[: separator.start()]


def evaluate(dataset, samples: Sequence, masks: Sequence[Path], encoding: str) -> tuple[dict, str]:
    """Return the evidence by evaluation ("last native whole", ...) and how the masks were read.

    Raises:
        ValueError: a mask is of another size than its label, has a value that is no class, or is damaged; or every
            label is void throughout.
    """
    import torch  # takes seconds

    from repro.evaluation import evaluate_predictions

    check_sizes(samples, masks)
    decoder = Decoder.of(dataset, masks, encoding)

    def pairs() -> Iterator[tuple[Labelled, torch.Tensor]]:
        for sample, path in zip(samples, masks):
            label = dataset.read_label(sample)
            yield labelled(dataset, sample, label), torch.from_numpy(decoder.read(path, label))

    found = evaluate_predictions(pairs(), classes=len(dataset.class_names))
    if not any(each.confusion.any() for each in found.values()):
        raise ValueError(f"every pixel of the {len(samples)} labels is void, so that nothing can be scored")
    return {f"last {name}": each for name, each in found.items()}, decoder.encoding


def labelled(dataset, sample, label: np.ndarray) -> Labelled:
    """Return a sample as the evaluation takes it."""
    import torch

    view = dataset.read_field_of_view(sample)
    view = None if view is None else torch.from_numpy(view)
    return Labelled(torch.from_numpy(label), view, sample.name, sample.unit, content_hash(sample.image))


def check_sizes(samples: Sequence, masks: Sequence[Path]) -> None:
    """Raise a ValueError that counts the masks of another size than their labels."""
    wrong = [
        (path, found, expected)
        for sample, path in zip(samples, masks)
        if (found := size_of(path)) != (expected := size_of(sample.label))
    ]
    if wrong:
        path, found, expected = wrong[0]
        raise ValueError(
            f"{len(wrong)} of {len(masks)} masks have another size than their labels: {path.name} is "
            f"{found[0]}x{found[1]} (height x width), expected {expected[0]}x{expected[1]}; resize predictions to the "
            "labels, never the reverse."
        )


def folder_hash(folder: Path, masks: Sequence[Path]) -> str:
    """Return the SHA-256 over the lines "<SHA-256 of the file>  <path in the folder>" of the masks, sorted by path.

    In the folder, if it holds nothing else: `find * -type f | LC_ALL=C sort | xargs sha256sum | sha256sum`.
    """
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder).as_posix()}\n"
        for path in sorted(masks, key=lambda path: path.relative_to(folder).as_posix())
    ]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def describe(folder: Path, dataset, samples: Sequence, masks: Sequence[Path], evidence: dict, encoding: str) -> dict:
    """Return what is written of a score, besides its name and the evidence."""
    from repro import machine  # loads torch

    first = next(iter(evidence.values()))
    revision, clean = machine.commit(records.ROOT)
    return {
        "data": dataset.name,
        "classes": list(dataset.class_names),
        "training": None,  # nothing is known of it
        "scores": records.scores_of(evidence, dataset.class_names),
        "list": {
            "list": "report",
            "n": len(samples),
            "sha256": fingerprint(samples),
            "units": sorted(set(first.units.tolist())),
        },
        "predictions": {"sha256": folder_hash(folder, masks), "n": len(masks), "encoding": encoding},
        "provenance": {"commit": revision, "clean": clean},
    }


def as_text(written: external.External) -> str:
    """Return a score for a terminal, in per cent."""
    data = written.data
    masks, scores = data["predictions"], data["scores"]
    lines = [
        f"{written.id}: {masks['n']} masks of {data['data']}, read as {ENCODINGS[masks['encoding']]}",
        f"sha256 of the folder: {masks['sha256']}",
    ]
    if len(data["classes"]) == 2:
        lines.append(f"foreground: {data['classes'][1]}")
    for evaluation, found in scores.items():
        names = SHOWN_OF_TWO if len(data["classes"]) == 2 else SHOWN
        shown = ", ".join(f"{name} {100 * found[name]:.2f}" for name in names if found.get(name) is not None)
        lines.append(f"{evaluation.removeprefix('last ').replace('_', ' ')}: {shown}")
    if len(data["classes"]) > 2:
        whole = scores["last native whole"]
        ious = {name: whole[f"iou:{name}"] for name in data["classes"]}
        lines.append("IoU: " + ", ".join(f"{name} {100 * iou:.1f}" for name, iou in ious.items() if iou is not None))
    if len(data["classes"]) == 2 and (turned := _turned(written)):
        lines.append(f"Are the masks inverted? With their two classes swapped the jaccard would be {100 * turned:.2f}.")
    lines.append(f"written: {written.path}")
    return "\n".join(lines)


def _turned(written: external.External) -> float:
    """Return the foreground's pooled Jaccard with the predicted classes swapped, 0 unless it is far the better one."""
    (ground, alarms), (missed, hit) = written.evidence()["last native whole"].confusion.tolist()
    swapped = missed / max(missed + ground + hit, 1)
    return swapped if swapped > 0.5 + hit / max(hit + alarms + missed, 1) else 0.0


if __name__ == "__main__":
    sys.exit(main())
