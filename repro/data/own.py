"""A user's own data: a folder of images, a folder of labels, a file of classes, and a split that is written out."""

import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from repro import forms
from repro.data.base import VOID, Part, Sample, SegmentationSet, content_hashes, require_folder
from repro.files import all_there, pictures_below
from repro.words import many

ENDINGS = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif")
PARTS = ("train", "selection", "test")
SHARE = 0.15  # of the images, for selection and for the test each
COLOURS = ((0, 0, 0), (230, 60, 60), (60, 160, 60), (70, 90, 220), (240, 180, 40), (150, 80, 190), (60, 190, 200))
DESCRIPTION, SPLIT = "own.json", "split.txt"


class OwnData(SegmentationSet):
    """Pairs in a user's folders, as `own.json` and `split.txt` in the set's folder describe them; see `describe`."""

    name = "own"
    folders = ("own",)
    markers = (DESCRIPTION,)
    class_names = colours = ()  # these four follow from the description
    train_ids = {}
    counts = dict.fromkeys(PARTS, 0)
    lists = {"train": Part("train"), "selection": Part("selection"), "report": Part("test")}
    unit = "group"
    citation = "the user's own"
    terms = "the user's own"
    where = "your own folders (python -m repro.own --images DIR --labels DIR --classes FILE)"
    remedy = "Correct the file, or the list of classes."

    def __init__(self, root: str | Path):
        super().__init__(root)
        path, complaint = self.root / DESCRIPTION, "not a description of data ({}); delete its folder."
        form = {"classes": [str], "train_ids": {str: int}, "pairs": [[str]], "groups": {str: str}}
        about = forms.read(path, form, complaint)
        self.class_names, self._groups = tuple(about["classes"]), about["groups"]
        try:
            self.train_ids = {int(value): train_id for value, train_id in about["train_ids"].items()}
            self._files = {name: (Path(image), Path(label)) for name, image, label in about["pairs"]}
        except ValueError as error:
            raise ValueError(f"{path}: {complaint.format(error)}") from None
        self.colours = tuple(COLOURS[place % len(COLOURS)] for place in range(len(self.class_names)))
        self._parts = read_split(self.root / SPLIT, [*self._files])
        self.counts = {part: sum(each == part for each in self._parts.values()) for part in PARTS}

    def split(self, split: str) -> Sequence[Sample]:
        """Return the samples of "train", "selection" or "test", sorted by name."""
        return [
            Sample(name, self._groups[name], *files)
            for name, files in self._files.items()
            if self._parts[name] == split
        ]


def describe(
    folder: Path, *, images: Path, labels: Path, classes: Path, split: Path | None = None, group: str | None = None
) -> OwnData:
    """Write what `OwnData` reads into `folder` and return the set; nothing is written beside the user's files.

    Raises:
        ValueError: a pair is incomplete, a class or a part is unknown, a part is empty, or a group is in two parts.
    """
    pairs = find_pairs(images, labels)
    groups = groups_of([*pairs], group)
    names, train_ids = read_classes(classes)
    parts = read_split(split, [*pairs]) if split else divide(groups)
    for one in sorted(set(groups.values())):
        found = sorted({parts[name] for name in pairs if groups[name] == one})
        if len(found) > 1:
            raise ValueError(f"{split}: group {one!r} is in {' and '.join(found)}; keep a group in one part.")
    folder.mkdir(parents=True, exist_ok=True)
    about = {
        "classes": names,
        "train_ids": train_ids,
        "pairs": [[name, str(image), str(label)] for name, (image, label) in pairs.items()],
        "groups": groups,
    }
    (folder / DESCRIPTION).write_text(json.dumps(about, indent=1) + "\n")
    (folder / SPLIT).write_text("".join(f"{parts[name]}\t{name}\n" for name in pairs), encoding="utf-8")
    return OwnData(folder)


def require_apart(dataset: OwnData) -> None:
    """Raise where one picture is in two parts under two names: what is learnt by heart would be scored."""
    placed = [(part, sample.image) for part in PARTS for sample in dataset.split(part)]
    seen: dict[str, tuple[str, Path]] = {}
    for (part, image), picture in zip(placed, content_hashes(image for _, image in placed)):
        other_part, other = seen.setdefault(picture, (part, image))
        if other_part != part:
            raise ValueError(
                f"{image} ({part}) and {other} ({other_part}) are one picture; remove one, or keep them in one part "
                "with --group or --split."
            )


def find_pairs(images: Path, labels: Path) -> dict[str, tuple[Path, Path]]:
    """Return name -> (image, label), sorted by name, which is the image's path in its folder without the ending.

    A label has its image's name, or that name followed by "_" or "-" and more ("a.jpg" and "a_mask.png").

    Raises:
        ValueError: no image, or one without exactly one label, or a label without an image.
    """
    of_image, of_label = _by_name(images, "images"), _by_name(labels, "labels")
    pairs: dict[str, Path] = {}
    for name, path in of_label.items():
        stems = [name, *(name[: match.start()] for match in reversed([*re.finditer("[_-]", name)]))]
        image = next((stem for stem in stems if stem in of_image), None)
        if image is None:
            raise ValueError(f"{path}: a label without an image in {images}; name them as a.jpg and a_mask.png.")
        if image in pairs:
            raise ValueError(f"{of_image[image]}: has two labels, {pairs[image].name} and {path.name}; remove one.")
        pairs[image] = path
    lacking = sorted(of_image.keys() - pairs.keys())
    if lacking:
        raise ValueError(
            f"{of_image[lacking[0]]}: has no label in {labels} ({len(lacking)} of {len(of_image)} images have none); "
            "names must agree, as a.jpg and a_mask.png."
        )
    return {name: (of_image[name], pairs[name]) for name in of_image}


def _by_name(folder: Path, what: str) -> dict[str, Path]:
    """The pictures below a folder by their names, sorted."""
    require_folder(folder, f"a folder of {what}")
    found: dict[str, Path] = {}
    for path in all_there(pictures_below(folder.resolve(), ENDINGS)):
        name = path.relative_to(folder.resolve()).with_suffix("").as_posix()
        if name in found or not name.isprintable():
            raise ValueError(f"{path}: a name that is there twice or cannot be printed; rename it.")
        found[name] = path
    if not found:
        raise ValueError(f"{folder}: no pictures here, expected {what} ending in {', '.join(ENDINGS)}.")
    return found


def _lines(path: Path, what: str) -> list[str]:
    """The lines of a text file of the user's, without the mark that some editors put before the first."""
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ValueError(f"{path}: cannot be read as a file of {what} ({reason}); name a text file in UTF-8.") from None


def read_classes(path: Path) -> tuple[list[str], dict[int, int]]:
    """Return class names in order, and value -> train id, from lines such as "255: lesion".

    Values of one class share a name; the name "void", capital or not, is for pixels that count for nothing. Lines
    without a value count from 0; a number there ("255 lesion") is refused, for it would be taken for a name, and so is
    a comma, which parts names in scores. A "#" begins a comment. Of two classes the second is the foreground.

    Raises:
        ValueError: a line that is neither, a value twice, or fewer than two classes.
    """
    names: list[str] = []
    ids: dict[int, int] = {}
    for number, line in enumerate(_lines(path, "classes"), 1):
        text = line.partition("#")[0].strip()
        if not text:
            continue
        match = re.fullmatch(r"(?:(\d{1,3})\s*:\s*|(?!\d))([^:,]{1,60})", text)
        value = int(match[1]) if match and match[1] else len(ids)
        if not match or value > 255 or value in ids or not match[2].isprintable():
            raise ValueError(
                f"{path}, line {number}: {text[:80]!a} is not a new class; expected e.g. '255: lesion', no comma."
            )
        name = match[2].strip()
        void = name.lower() == "void"
        if not void and name not in names:
            names.append(name)
        ids[value] = VOID if void else names.index(name)
    if not 2 <= len(names) <= 250:
        raise ValueError(f"{path}: {len(names)} classes, expected 2 to 250; a line a class, as '255: lesion'.")
    return names, ids


def groups_of(names: Sequence[str], pattern: str | None) -> dict[str, str]:
    """Return name -> group: what the pattern (its first parentheses) matches in a name; without one the name."""
    if pattern is None:
        return {name: name for name in names}
    try:
        found = {name: re.search(pattern, name) for name in names}
    except re.error as error:
        raise ValueError(f"--group {pattern!r}: not a regular expression ({error}).") from None
    strange = [name for name, match in found.items() if match is None or not match[1 if match.re.groups else 0]]
    if strange:
        raise ValueError(f"--group {pattern!r}: matches nothing in {strange[0]!r}; every image needs a group.")
    return {name: match[1 if match.re.groups else 0] for name, match in found.items()}


def divide(groups: Mapping[str, str]) -> dict[str, str]:
    """Return name -> part: 70, 15 and 15 per cent of the images by the SHA-256 of their groups' names, groups whole.

    In the order of the hashes groups go to the test until it has its share, then to selection, the rest trains. A group
    of more than half of the images always trains.

    Raises:
        ValueError: fewer than three groups.
    """
    sizes: dict[str, int] = {}
    for group in groups.values():
        sizes[group] = sizes.get(group, 0) + 1
    if len(sizes) < 3:
        raise ValueError(
            f"{many(len(sizes), 'group')} of images, expected at least 3: to train, to select and to test on."
        )
    order = sorted(sizes, key=lambda group: (2 * sizes[group] > len(groups), hashlib.sha256(group.encode()).digest()))
    share, part_of = max(1, round(SHARE * len(groups))), {}
    for part, left in (("test", 2), ("selection", 1)):  # how many groups the other parts need
        have = 0
        while not have or (have < share and len(order) > left):
            group = order.pop(0)
            part_of[group] = part
            have += sizes[group]
    return {name: part_of.get(group, "train") for name, group in groups.items()}


def read_split(path: Path, names: Sequence[str]) -> dict[str, str]:
    """Return name -> part from lines "part name"; parts are train, selection and test, endings may stand or not.

    Raises:
        ValueError: another part, a name that is no image or there twice, an image without a part, or an empty part.
    """
    parts: dict[str, str] = {}
    known = set(names)
    for number, line in enumerate(_lines(path, "parts"), 1):
        if not line.strip():
            continue
        part, _, rest = line.lstrip().replace("\t", " ").partition(" ")
        short = rest.strip()
        spellings = (rest, short, os.path.splitext(short)[0])  # a name may begin or end with a space
        name = next((each for each in spellings if each in known), "")
        if part not in PARTS or not name or name in parts:
            expected = f"expected {', '.join(PARTS)} and an image that is not yet in the file"
            raise ValueError(f"{path}, line {number}: {line.strip()[:80]!a}; {expected}.")
        parts[name] = part
    lacking = [name for name in names if name not in parts]
    empty = [part for part in PARTS if part not in parts.values()]
    if lacking or empty:
        found = f"{lacking[0]!r} is in no part" if lacking else f"no image is in {empty[0]}"
        raise ValueError(f"{path}: {found}; every image needs one of {', '.join(PARTS)}.")
    return parts
