"""Train networks under a paper's recipe on a folder of your own pairs, and score them on its test part."""

import argparse
import hashlib
import io
import os
import re
import shutil
import sys
import time
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path

from repro.command import DONE, STOPPED, Parser, Stop, size, time_span
from repro.command import run as run_command
from repro.networks import NETWORKS, constructor
from repro.papers import PAPERS
from repro.papers.spec import Recipe, Row, Table
from repro.plan import PRECISIONS, Job, Run, Split
from repro.records import ROOT, read_run
from repro.words import many

OURS = {"paper1": "attention_unet", "paper2": "tcnet"}  # the network each paper ends with
SCORES = {  # of two classes, of more
    True: ("jaccard", "dice", "accuracy", "sensitivity", "specificity"),
    False: ("miou", "pixel_accuracy"),
}
EXAMPLES = (
    "repro own --images photos --labels masks --classes classes.txt --recipe paper2 --network unet",
    "repro own --images photos --labels masks --classes classes.txt --network fcn --network pspnet --epochs 20",
    "repro own --images photos --labels masks --classes classes.txt --group '^(patient\\d+)_'",
)
STRIDE = 32  # a crop's sides are multiples of it


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    return run_command(_main, arguments, "repro.own")


def make_parser() -> Parser:
    """Return the parser of `./run_all.sh own`."""
    parser = Parser(prog="repro.own", description=__doc__, examples=EXAMPLES)
    add = parser.add_argument
    add("--images", type=Path, required=True, metavar="DIR", help="8-bit RGB pictures, in subfolders or not")
    add("--labels", type=Path, required=True, metavar="DIR", help="labels of the same names; a.jpg, a_mask.png")
    add("--classes", type=Path, required=True, metavar="FILE", help="a line a label value, '255: lesion'; name void")
    add("--split", type=Path, metavar="FILE", help="lines 'train|selection|test name'; default: 70/15/15 by hash")
    add("--group", metavar="REGEX", help="images whose names it matches alike stay together, e.g. '^(patient\\d+)_'")
    add("--recipe", choices=sorted(OURS), default="paper1", help="whose; default paper1")
    add("--network", action="append", metavar="NAME", help="repeatable; default: the paper's own")
    add("--epochs", type=_whole, metavar="N", help="default: the recipe's")
    add("--batch", type=_whole, metavar="N", help="default: the recipe's")
    add("--size", type=size, metavar="HxW", help="resize to this; default: the recipe's")
    add("--crop", type=size, metavar="HxW", help="default: the recipe's, or what the smallest image holds")
    add("--precision", choices=PRECISIONS, help="default: the recipe's")
    add("--weights", choices=("none", "imagenet"), default="none", help="of the encoder; default none")
    add("--seed", type=int, default=0, metavar="N")
    add("--device", choices=("auto", "cuda", "cpu"), default="auto")
    add("--time-limit", type=time_span, metavar="9m", help="stop in time with a checkpoint; the same call goes on")
    add("--quiet", action="store_true", help="say nothing but errors")
    add("--no-cache", action="store_true", help="read original images, prepare nothing")
    return parser


def _whole(text: str) -> int:
    if not re.fullmatch(r"0*[1-9]\d{0,8}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def _main(arguments: Sequence[str] | None) -> int:
    options = make_parser().parse_args(arguments)
    with redirect_stdout(io.StringIO() if options.quiet else sys.stdout):
        return _own(options)


def _own(options) -> int:
    networks = options.network or [OURS[options.recipe]]
    untrained = {row.network for _, row in _rows(options.recipe) if row.untrained}
    for network in networks:
        constructor(network)  # an unknown name, before anything is read
        if network in untrained:
            others = ", ".join(name for name in NETWORKS if name not in untrained)
            raise ValueError(f"{network} has no parameters to train; name another of {others}.")
    if not 0 <= options.seed < 2**63:
        raise ValueError(f"--seed {options.seed}: expected 0 or above, and less than 2 to the 63rd.")
    _check_networks(networks, options)
    _check_classes(options)
    _warn(options)
    folder, dataset = keep(options, ROOT / "runs" / "own")
    _show(dataset)
    recipe = recipe_of(options, dataset)
    code, lines = DONE, []
    stop = Stop(time.monotonic() + options.time_limit if options.time_limit else None)
    for network in networks:
        run = run_of(network, options.recipe, recipe, options.seed)
        found, line = train(run, folder, options, dataset, stop)
        code = max(code, found)
        lines += [line] if line else []
        if code == STOPPED:
            break
    if lines:
        print(table(lines))
    return code


def _check_classes(options) -> None:
    """Raise where the recipe weighs two classes and the list of classes names more."""
    from repro.data.own import read_classes

    classes = len(read_classes(options.classes)[0])
    if declared(options.recipe).class_weights and classes != 2:
        named = f"{options.classes} names {classes}"
        raise ValueError(f"--recipe {options.recipe} weighs 2 classes and {named}; give another recipe.")


def _check_networks(networks: Sequence[str], options) -> None:
    """Raise unless every network can have the weights and the batch asked for, before the data are looked at."""
    from repro.runner import check_batches, check_weights  # torch takes seconds to import

    recipe = declared(options.recipe)
    recipe = replace(recipe, weights=options.weights, batch=options.batch or recipe.batch)
    runs = [run_of(network, options.recipe, recipe, options.seed) for network in networks]
    check_weights(runs)
    check_batches(runs)
    shape = options.crop or recipe.crop or options.size or recipe.size
    if "diagonal_flip" in recipe.augmentations and shape and shape[0] != shape[1]:
        raise ValueError(
            f"--recipe {options.recipe} flips along the diagonal, and {shape[0]}x{shape[1]} is no square; give a "
            "square --size or --crop"
        )


def keep(options, below: Path):
    """Look at every pair, describe the data in a folder named by their content; return it and the opened set."""
    from repro.data.base import fingerprint
    from repro.data.own import DESCRIPTION, PARTS, SPLIT, OwnData, describe, require_apart
    from repro.data.seen import look

    fresh = below / f".{os.getpid()}.new"
    try:
        given = {"images": options.images, "labels": options.labels, "classes": options.classes}
        dataset = describe(fresh, **given, split=options.split, group=options.group)
        look(dataset)
        require_apart(dataset)
        if options.batch and options.batch > (n := dataset.counts["train"]):
            raise ValueError(f"--batch {options.batch}: the train part has {many(n, 'image')}; give at most as many")
        for sentence in (*_turned(dataset), *_unlabelled(dataset, options.classes)):
            print(sentence)
        content = [fingerprint([sample for part in PARTS for sample in dataset.split(part)])]
        content += [(fresh / name).read_text(encoding="utf-8") for name in (DESCRIPTION, SPLIT)]
        key = hashlib.sha256("\n".join(content).encode()).hexdigest()[:8]
        slug = re.sub(r"[^A-Za-z0-9_-]+", "-", options.images.resolve().name)[:40]
        folder = below / f"{slug}-{key}"
        folder.mkdir(exist_ok=True)
        if (folder / "own").exists():
            _require_same(fresh, folder / "own")
        else:
            fresh.rename(folder / "own")
        return folder, OwnData(folder / "own")
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _require_same(fresh: Path, kept: Path) -> None:
    """Raise where the description of the same data was changed: its runs would be of other lists than they say."""
    for path in fresh.iterdir():
        there = kept / path.name
        if not there.is_file() or there.read_bytes() != path.read_bytes():
            raise ValueError(
                f"{there}: changed since it was written; delete {kept}, and give a split of your own with --split."
            )


def _turned(dataset) -> list[str]:
    """Return a sentence where viewers show pictures otherwise than they are stored: labels may be drawn on either."""
    from repro.data.images import is_turned

    found = [sample.image for sample in dataset.listed() if is_turned(sample.image)]
    if not found:
        return []
    said = f"{many(len(found), 'picture')} with an EXIF rotation, {found[0]} for one"
    return [f"{said}: it is not applied; labels have to lie over the pixels as they are stored."]


def _unlabelled(dataset, classes: Path) -> list[str]:
    """Return a sentence for each class that no pixel of the training or of the test part has.

    Raises:
        ValueError: all pixels of a part are void: there would be nothing to learn, or nothing to score.
    """
    from repro.runner.lists import label_counts  # torch takes seconds to import

    sentences = []
    for list_name, name in (("train", "training"), ("selection", "selection"), ("report", "test")):
        counts = label_counts(dataset, dataset.samples(list_name)).tolist()
        if not any(counts):
            raise ValueError(f"every pixel of the {name} part's labels is void; is {classes} right about them?")
        absent = [each for each, count in zip(dataset.class_names, counts) if not count]
        if absent and name != "selection":
            sentences.append(f"No pixel of the {name} part is labelled {' or '.join(absent)}.")
    return sentences


def _show(dataset) -> None:
    """Print how the images are divided, and where that is written."""
    from repro.data.own import SPLIT

    print(f"{len(dataset.class_names)} classes: {', '.join(dataset.class_names)}")
    for part, number in dataset.counts.items():
        groups = {sample.unit for sample in dataset.split(part)}
        print(f"  {part:9} {number:6} images, {many(len(groups), 'group')}")
    print(f"The split is {dataset.root / SPLIT}; give it with --split to keep it.")


def _warn(options) -> None:
    """Print a line where the processor would only emulate the recipe's precision; ValueError without the device."""
    from repro import machine  # torch takes seconds to import

    precision = options.precision or declared(options.recipe).precision
    if machine.emulates(precision, machine.pick_device(options.device)):
        print(f"{machine.EMULATED.format(precision)}: see --precision float32.")


def _rows(recipe: str) -> list[tuple[Table, Row]]:
    """The rows of the paper with that recipe, then those of the others."""
    papers = sorted(PAPERS, key=lambda paper: paper.id != recipe)
    tables = [table for paper in papers for table in paper.tables if isinstance(table, Table)]
    return [(table, row) for table in tables for row in table.rows]


def declared(paper: str) -> Recipe:
    """Return a paper's recipe as declared: that of its first row."""
    return _rows(paper)[0][0].recipe


def recipe_of(options, dataset) -> Recipe:
    """Return the paper's recipe with what the command line replaces, a crop no larger than the smallest image."""
    from repro.data.images import size_of

    recipe = declared(options.recipe)
    fields = ("epochs", "batch", "size", "crop", "precision")
    given = {name: getattr(options, name) for name in fields if getattr(options, name)}
    recipe = replace(recipe, weights=options.weights, **given)
    if recipe.crop and not options.crop:
        samples = [sample for part in dataset.counts for sample in dataset.split(part)]
        sizes = [recipe.size] if recipe.size else [size_of(sample.image) for sample in samples]
        smallest = [min(size[side] for size in sizes) // STRIDE * STRIDE or STRIDE for side in (0, 1)]
        recipe = replace(recipe, crop=tuple(map(min, recipe.crop, smallest)))
    if recipe.micro_batch and recipe.micro_batch > recipe.batch:
        recipe = replace(recipe, micro_batch=None)
    shape = recipe.crop or recipe.size
    how = f"{many(recipe.epochs, 'epoch')}, batch {recipe.batch}, {shape[0]}x{shape[1]}, weights {recipe.weights}"
    print(f"{options.recipe}: {how}.")
    return recipe


def run_of(network: str, paper: str, recipe: Recipe, seed: int) -> Run:
    """Return the run of a network, with the options and changes of its first row in the papers."""
    row = next((row for _, row in _rows(paper) if row.network == network), Row(name=network))
    changes = {name: value for name, value in row.changes.items() if name == "auxiliary_weights"}
    train, test = Split(data="own", list="train"), Split(data="own", list="report")
    recipe = replace(recipe, **changes)
    return Run(network=network, options=row.options, train=train, test=test, recipe=recipe, seed=seed)


def train(run: Run, folder: Path, options, dataset, stop: Stop) -> tuple[int, list[str] | None]:
    """Train and score a run unless it is done; return the exit code and its line of the table."""
    from repro.jobs.handout import LOADERS  # torch takes seconds to import
    from repro.jobs.one import one_by_one
    from repro.machine import pick_device
    from repro.progress import Watch, make_console
    from repro.runner import Setting

    device = pick_device(options.device)
    workers = min(LOADERS, os.cpu_count() or 1) if device.type == "cuda" else 0
    setting = Setting(folder, (f"own={dataset.root}",), device, workers, cache=not options.no_cache)
    stop.listen()
    job = Job(run, (f"own/{run.network}",))
    with Watch(make_console(), 1) as watch:
        (_, outcome), *_ = one_by_one([job], setting, watch, stop)
    if outcome.code != DONE:
        print(outcome.said, file=sys.stderr)
        return outcome.code, None
    record = read_run(folder / run.id / "record.json")
    print(f"record: {folder / run.id / 'record.json'}")
    scores = record["scores"]["last native whole"]
    names = SCORES[len(dataset.class_names) == 2]
    values = {name: "" if scores.get(name) is None else f"{100 * scores[name]:.2f}" for name in names}
    facts = {"network": run.network, "epochs": str(run.recipe.epochs), "seed": str(run.seed)}
    return DONE, facts | values | {"test images": str(dataset.counts["test"])}


def table(lines: list[dict[str, str]]) -> str:
    """Return the lines under their heads; scores in per cent, of the test part, last weights, native size."""
    wide = {head: max(len(head), *(len(line[head]) for line in lines)) for head in lines[0]}
    rows = [dict(zip(wide, wide)), *lines]
    return "\n".join("  ".join(f"{row[head]:{width}}" for head, width in wide.items()).rstrip() for row in rows)


if __name__ == "__main__":
    sys.exit(main())
