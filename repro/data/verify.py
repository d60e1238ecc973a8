"""Whether a data set on disk is the one it should be: every file, every pair, every count, no picture twice."""

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from repro.data.base import VOID, Sample, SegmentationSet
from repro.data.synthetic.once import cache_folder
from repro.files import write_atomically

SHOWN = 10  # findings of one kind that a table shows; the JSON has all


@dataclass(frozen=True)
class Check:
    """One line of the report. `state` is "ok", "note" (known, harmless) or "wrong"."""

    what: str
    state: str
    found: str
    details: tuple[str, ...] = ()


@dataclass(frozen=True)
class Report:
    """What was found; `wrong` is empty for a set that can be trained on."""

    name: str
    root: str
    checks: tuple[Check, ...]
    manifest: Mapping[str, str] = field(repr=False)  # path relative to the root -> SHA-256

    @property
    def wrong(self) -> tuple[Check, ...]:
        return tuple(check for check in self.checks if check.state == "wrong")

    def as_json(self) -> dict[str, object]:
        """Return the report as a JSON object: everything but the manifest's lines."""
        facts = {"name": self.name, "root": self.root, "files": len(self.manifest), "ok": not self.wrong}
        return {**facts, "checks": [asdict(check) for check in self.checks]}


@dataclass(frozen=True)
class _Seen:
    """What reading one sample gave."""

    sample: Sample
    split: str
    problems: tuple[str, ...]
    hashes: Mapping[str, str]
    picture: str  # SHA-256 of the decoded pixels
    pixels: np.ndarray  # (256,) pixels of the label by train id


def verify(
    dataset: SegmentationSet, *, on_sample: Callable[[int, int], None] = lambda done, total: None
) -> Report:
    """Read every file of the data set and return what is right and wrong with it; nothing is written.

    Args:
        dataset: an opened set.
        on_sample: is told how many of how many images have been read.
    """
    used = {part.split for part in dataset.lists.values()}
    counts, splits = [], {}
    for split in dataset.counts:
        check, samples = _count(dataset, split, needed=split in used)
        counts.append(check)
        splits[split] = samples
    work = [(split, sample) for split, samples in splits.items() for sample in samples]
    seen = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for result in pool.map(lambda item: _read(dataset, *item, needed=item[0] in used), work):
            seen.append(result)
            on_sample(len(seen), len(work))
    manifest = {path: digest for each in seen for path, digest in each.hashes.items()}
    content = [_files(seen), _shares(dataset, seen), _twice(dataset, seen)]
    checks = [*counts, *content, *_lists(dataset), *_published(dataset, seen)]
    return Report(dataset.name, str(dataset.root), tuple(checks), dict(sorted(manifest.items())))


def _count(dataset: SegmentationSet, split: str, *, needed: bool) -> tuple[Check, Sequence[Sample]]:
    """Whether the split is complete; one that no list uses may be missing or without labels."""
    what, expected = f"images of split {split!r}", dataset.counts[split]
    try:
        samples = tuple(dataset.split(split))
    except (ValueError, OSError) as error:
        return Check(what, "wrong" if needed else "note", f"0 of {expected}", (str(error),)), ()
    try:
        dataset.samples(f"official-{split}")
    except ValueError as error:
        state = "wrong" if needed else "note"
        return Check(what, state, f"{len(samples)} of {expected}", (str(error),)), samples
    return Check(what, "ok", f"{len(samples)} of {expected}"), samples


def _read(dataset: SegmentationSet, split: str, sample: Sample, *, needed: bool) -> _Seen:
    """Decode, measure and hash every file of one sample."""
    problems, hashes, shapes, picture, counted = [], {}, {}, "", np.zeros(256, np.int64)
    readers = {
        "image": dataset.read_image,
        "label": dataset.read_label,
        "second_label": dataset.read_second_label,
        "field_of_view": dataset.read_field_of_view,
    }
    for kind, read in readers.items():
        path = getattr(sample, kind)
        if path is None or (not path.exists() and not needed):
            continue  # a split that no list uses may lack labels; its line in the report says so
        try:
            hashes[os.path.relpath(path, dataset.root)] = _hash_inside(path, dataset)
            pixels = read(sample)
        except (ValueError, OSError) as error:
            problems.append(" ".join(str(error).split()))
            continue
        shapes[kind] = pixels.shape[:2]
        if kind == "image":
            picture = hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).hexdigest()
        if kind == "label":
            counted = np.bincount(pixels.ravel(), minlength=256)
    if len(set(shapes.values())) > 1:
        found = ", ".join(f"{kind} {height} x {width}" for kind, (height, width) in shapes.items())
        problems.append(
            f"{sample.image}: sizes differ ({found}); a pair must be of one size. {dataset.remedy}"
        )
    return _Seen(sample, split, tuple(problems), hashes, picture, counted)


def _hash_inside(path: Path, dataset: SegmentationSet) -> str:
    """The SHA-256 of a file that really lies in the set's folder, or in a folder beside it."""
    if not path.resolve().is_relative_to(dataset.root.resolve()):
        beside = path.parent.resolve().parent == dataset.root.resolve().parent
        if path.is_symlink() or not beside:
            raise ValueError(f"{path}: a link out of the data folder; refused, put the file itself there.")
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _files(seen: Sequence[_Seen]) -> Check:
    problems = tuple(problem for each in seen for problem in each.problems)
    files = sum(len(each.hashes) for each in seen)
    return Check(
        "files decode, sizes agree, label values", "wrong" if problems else "ok", f"{files} files", problems
    )


def _shares(dataset: SegmentationSet, seen: Sequence[_Seen]) -> Check:
    """What share of all labelled pixels each class has, void among them: a line to hold against published figures."""
    pixels = sum((each.pixels for each in seen), np.zeros(256, np.int64))
    total = max(int(pixels.sum()), 1)
    named = {**dict(enumerate(dataset.class_names)), VOID: "void"}
    shares = [f"{named[id]} {pixels[id] / total:.4f}" for id in named if id != VOID or pixels[VOID]]
    if dataset.binary:
        shares = [f"{shares[1]} ({pixels[1]} of {total})", *shares[2:]]
    return Check("share of the pixels", "ok", ", ".join(shares))


def _twice(dataset: SegmentationSet, seen: Sequence[_Seen]) -> Check:
    """Pictures that are there twice: listed ones are known, any other is wrong."""
    by_picture: dict[str, list[_Seen]] = {}
    for each in seen:
        if each.picture:
            by_picture.setdefault(each.picture, []).append(each)
    listed = {frozenset(pair) for pair in dataset.equal_images}
    known, strange = [], []
    for one, other in _pairs(by_picture.values()):
        words = f"{one.sample.name} ({one.split}) and {other.sample.name} ({other.split}) are one picture"
        if frozenset((one.sample.name, other.sample.name)) in listed:
            known.append(f"{words}: {dataset.equal_images_reason}{_left_out(dataset, one, other)}")
        else:
            strange.append(f"{words}, and the data set's declaration does not list them; get the set again.")
    found = f"{len(known) + len(strange)} pairs, {len(known)} listed"
    state = "wrong" if strange else "note" if known else "ok"
    return Check("pictures that are there twice", state, found, (*strange, *known))


def _pairs(groups) -> Iterator[tuple[_Seen, _Seen]]:
    for group in groups:
        yield from ((group[0], other) for other in group[1:])


def _left_out(dataset: SegmentationSet, one: _Seen, other: _Seen) -> str:
    try:
        left = {**dataset.left_out("train")} if "train" in dataset.lists else {}
    except ValueError:
        return ""
    names = [each.sample.name for each in (one, other) if each.sample.name in left]
    return f"; {names[0]} is left out of training" if names else ""


def _lists(dataset: SegmentationSet) -> Iterator[Check]:
    """What each list holds; no unit is in two of train, selection and report."""
    units: dict[str, set[str]] = {}
    for name in dataset.lists:
        try:
            samples = dataset.samples(name)
        except (ValueError, OSError) as error:
            yield Check(f"list {name!r}", "wrong", "cannot be made", (str(error),))
            continue
        units[name] = {sample.unit for sample in samples}
        yield Check(f"list {name!r}", "ok", f"{len(samples)} images; {dataset.unit}: {len(units[name])}")
    shared = units.get("report", set()) & (units.get("train", set()) | units.get("selection", set()))
    if shared:
        details = tuple(f"{dataset.unit} {unit} is in training and in the report" for unit in sorted(shared))
        yield Check("units in training and report", "note", str(len(shared)), details)


def _published(dataset: SegmentationSet, seen: Sequence[_Seen]) -> Iterator[Check]:
    """Foreground pixels of each image against what others counted: a genuine copy or not."""
    if not dataset.published_pixels:
        return
    found = {each.sample.name: int(each.pixels[1]) for each in seen if not each.problems}
    wrong = tuple(
        f"{name}: {found[name]} foreground pixels, published are {number}; this is not a genuine copy."
        for name, number in dataset.published_pixels.items()
        if name in found and found[name] != number
    )
    same = sum(found.get(name) == number for name, number in dataset.published_pixels.items())
    state = "wrong" if wrong else "ok"
    yield Check(
        "foreground pixels as published", state, f"{same} of {len(dataset.published_pixels)} images", wrong
    )


def manifest_path(name: str) -> Path:
    """Return where the manifest of a data set is kept: in the cache, never in the data folder."""
    return cache_folder() / "manifests" / f"{name}.sha256"


def compare_manifest(report: Report) -> Check:
    """Return whether the files are those of the last time; there may not have been one."""
    path = manifest_path(report.name)
    if not path.is_file():
        return Check("manifest", "note", "none yet; written now if nothing is wrong")
    lines = (line.split("  ", 1) for line in path.read_text().splitlines())
    before = {name: digest for digest, name in lines}
    changed = sorted(
        name for name in before.keys() | report.manifest if before.get(name) != report.manifest.get(name)
    )
    details = tuple(
        f"{name}: {_change(name, before, report.manifest)} since the last time" for name in changed
    )
    advice = (f"If that was meant, delete {path}.",) if changed else ()
    state = "wrong" if changed else "ok"
    same = len(before.keys() - set(changed))
    return Check("manifest", state, f"{same} of {len(before)} files as before", (*details, *advice))


def _change(name: str, before: Mapping[str, str], now: Mapping[str, str]) -> str:
    return "new" if name not in before else "gone" if name not in now else "changed"


def write_manifest(report: Report) -> Path:
    """Write the files' SHA-256, as `sha256sum` would in the data folder, into the cache and return where."""
    path = manifest_path(report.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(
        path, "".join(f"{digest}  {name}\n" for name, digest in report.manifest.items()).encode()
    )
    return path
