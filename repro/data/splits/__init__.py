"""Lists of images that no publisher gives: drawn once by a named seed, written to a file, read by its hash."""

import functools
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import TypeVar

UNUSED = "unused"
Named = TypeVar("Named")


@dataclass(frozen=True)
class Drawn:
    """The samples of an official split that a file of this folder gives a word to.

    Attributes:
        split: the official split that the file divides; the file has a line for each of its images.
        file: name of the file. A line is an image's name, or its place (from 0) in the sorted split, and its words.
        sha256: of the file's bytes, first 16 hex digits.
        word: "train", "selection", "report", or "fold-1" and on; "" takes every line in use.
        without: leave out the lines with any of these words.
    """

    split: str
    file: str
    sha256: str
    word: str = ""
    without: tuple[str, ...] = ()

    def choose(self, samples: Sequence[Named]) -> tuple[Named, ...]:
        """Return the chosen ones of the split's samples, in their order.

        Raises:
            ValueError: the split has not the images that the file names.
        """
        rows = read_rows(self.file, self.sha256)
        keys = [str(place) for place in range(len(samples))] if "0" in rows else [s.name for s in samples]
        if set(keys) != set(rows):
            strange = sorted(set(keys) ^ set(rows))[0]
            raise ValueError(
                f"split {self.split!r} has {len(keys)} images and the list {self.file} divides {len(rows)}; first "
                f"that only one of them has: {strange}. Unpack the publisher's archives again, unchanged."
            )
        return tuple(sample for key, sample in zip(keys, samples, strict=True) if self._takes(rows[key]))

    def _takes(self, words: tuple[str, ...]) -> bool:
        return words != (UNUSED,) and (not self.word or self.word in words) and not set(self.without) & set(words)


@functools.lru_cache(maxsize=16)
def read_rows(file: str, sha256: str) -> Mapping[str, tuple[str, ...]]:
    """Return the lines of a list, key -> words.

    Raises:
        ValueError: the file's hash is not `sha256`: it was edited, and scores on it would have another meaning.
    """
    data = (files(__package__) / file).read_bytes()
    found = hashlib.sha256(data).hexdigest()[:16]
    if found != sha256:
        raise ValueError(
            f"{file}: its SHA-256 begins with {found}, expected {sha256}; the list was changed, check it out again."
        )
    lines = (line.split() for line in data.decode().splitlines() if not line.startswith("#"))
    return {key: tuple(words) for key, *words in lines}


def drawn_order(seed: str, keys: Iterable[str]) -> list[str]:
    """Return the keys shuffled: sorted by the SHA-256 of "seed/key", which is the same everywhere and for ever."""
    return sorted(keys, key=lambda key: hashlib.sha256(f"{seed}/{key}".encode()).hexdigest())


def write_rows(
    seed: str,
    keys: Sequence[str],
    *,
    heading: str,
    numbers: Mapping[str, int],
    folds: int = 0,
    skip: Sequence[str] = (),
) -> str:
    """Return the text of a list: in drawn order the first keys get the first word of `numbers`, and so on.

    Args:
        seed: names the draw.
        keys: all images of the split, in the order of the lines.
        heading: what is divided, and why.
        numbers: word -> how many; the keys left over are "unused".
        folds: deal the keys in use to so many folds, in drawn order.
        skip: keys that are left unused, wherever they were drawn.
    """
    order = [key for key in drawn_order(seed, keys) if key not in skip]
    words, place = {}, 0
    for word, number in numbers.items():
        for key in order[place : place + number]:
            words[key] = word + (f" fold-{place % folds + 1}" if folds else "")
            place += 1
    drawn = ", ".join(f"{number} {word}" for word, number in numbers.items())
    left = f" Never drawn: {', '.join(skip)}." if skip else ""
    rule = f'Drawn in the order of the SHA-256 of "{seed}/" and the line\'s key: {drawn}, the rest {UNUSED}.{left}'
    return f"# {heading}\n# {rule}\n" + "".join(f"{key} {words.get(key, UNUSED)}\n" for key in keys)
