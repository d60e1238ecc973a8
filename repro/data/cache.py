"""Prepared pairs: decoded and resized once, mapped into memory ever after."""

import ast
import errno
import fcntl
import hashlib
import inspect
import json
import mmap
import os
import shutil
import struct
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import PIL

from repro.data import images
from repro.data.base import Sample, SegmentationSet
from repro.data.synthetic.once import cache_folder
from repro.data.transforms import Size, resize_image, resize_label
from repro.files import write_atomically

FORMAT = 1  # raised when the bytes of a prepared file get another meaning
HEADER = struct.Struct("<8sII32s")  # magic, height, width, SHA-256 of what follows: the image, then the label
MAGIC = b"repro\x00\x00\x01"
SPARE = 2 * 2**30  # bytes that are left free on the disk when a cache is made unasked
FULL = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)
Pair = tuple[np.ndarray, np.ndarray]


def read_pair(dataset: SegmentationSet, sample: Sample, size: Size | None = None) -> Pair:
    """Return the (H, W, 3) image and (H, W) train ids of `sample`, decoded, and resized where `size` is given.

    Raises:
        ValueError: a file is damaged, or their sizes differ.
    """
    image, label = dataset.read_image(sample), dataset.read_label(sample)
    if image.shape[:2] != label.shape:
        found = f"{image.shape[:2]} and {label.shape}"
        raise ValueError(f"{sample.image}: image and label differ in size, {found}; a pair must be of one size.")
    return (resize_image(image, size), resize_label(label, size)) if size else (image, label)


class Prepared:
    """The prepared pairs of some samples at one size, `[index]` is a pair; a file a pair, named by what it is made of.

    The name of a file is the SHA-256 of: both source files' SHA-256, the code that decodes and resizes with the
    versions of its libraries, how the set reads labels, and the size. So nothing prepared can be out of date, lists
    that share images share files, and what is there after a stop or a crash is used. The sources' hashes are kept
    beside them with their sizes and times, so that an unchanged file is hashed once.

    Args:
        dataset: the set the samples belong to.
        samples: of any of its lists.
        size: (height, width) that pairs are resized to; None keeps them as they are.
    """

    def __init__(self, dataset: SegmentationSet, samples: Sequence[Sample], *, size: Size | None):
        self.dataset, self.samples, self.size = dataset, tuple(samples), size and tuple(size)
        self.folder = folder_of(dataset, size)
        key = f"{code_version(type(dataset))} {sorted(dataset.train_ids.items())} {dataset.binary} {self.size}"
        sources = iter(_source_hashes(dataset, [path for s in self.samples for path in (s.image, s.label)]))
        keys = (f"{key} {image} {label}" for image, label in zip(sources, sources))
        self.paths = tuple(self.folder / f"{hashlib.sha256(each.encode()).hexdigest()[:32]}.pair" for each in keys)
        self._sound: set[int] = set()

    @property
    def missing(self) -> list[int]:
        """The indices of the samples that are not prepared yet."""
        names = set(os.listdir(self.folder)) if self.folder.is_dir() else set()
        return [index for index, path in enumerate(self.paths) if path.name not in names]

    def needed_bytes(self, indices: Sequence[int]) -> int:
        """Return the size on disk of the prepared pairs at `indices`, from the images' headers alone."""
        sizes = (self.size or images.size_of(self.samples[index].image) for index in indices)
        return sum(HEADER.size + 4 * height * width for height, width in sizes)

    def make(self, *, on_pair: Callable[[int, int], None] = lambda done, total: None) -> int:
        """Prepare what is missing or damaged, on all cores; return how many were made.

        Raises:
            ValueError: a source file is damaged, or the disk is full; what was made is kept.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with _alone(self.folder):
            missing = [*{self.paths[index]: index for index in self.missing}.values()]  # equal pairs share a file
            pool = ThreadPoolExecutor(os.cpu_count())
            try:
                for done, _ in enumerate(pool.map(self._make, missing), 1):
                    on_pair(done, len(missing))
            except OSError as error:
                if error.errno not in FULL:
                    raise
                raise ValueError(self._full()) from None
            finally:
                pool.shutdown(cancel_futures=True)
        return len(missing)

    def _full(self) -> str:
        left = self.missing
        return (
            f"{self.folder}: the disk is full; {len(self.paths) - len(left)} of {len(self.paths)} pairs are prepared "
            f"and kept, the others need {self.needed_bytes(left) / 1e9:.1f} GB. Make room, or name another "
            "folder with $REPRO_CACHE."
        )

    def _make(self, index: int) -> None:
        image, label = read_pair(self.dataset, self.samples[index], self.size)
        payload = image.tobytes() + label.tobytes()
        header = HEADER.pack(MAGIC, *label.shape, hashlib.sha256(payload).digest())
        write_atomically(self.paths[index], header + payload)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Pair:
        """Return the image and the label at `index`, mapped from the file and read-only.

        Its size is looked at each time and its SHA-256 the first time; a damaged file is said, deleted and made again.
        """
        pair = self._mapped(index)
        if pair is None:
            source = self.samples[index].image
            print(f"{self.paths[index]}: damaged or gone; prepared again from {source}.", file=sys.stderr)
            self.paths[index].unlink(missing_ok=True)
            pair = read_pair(self.dataset, self.samples[index], self.size)
            try:
                self._make(index)
            except OSError:
                print(f"{self.folder}: cannot be written; the original is read instead.", file=sys.stderr)
        return pair

    def _mapped(self, index: int) -> Pair | None:
        """The pair, or None where its file is not what was written."""
        try:
            with open(self.paths[index], "rb") as file:
                pages = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError):  # mmap's ValueError: an empty file
            return None
        if len(pages) < HEADER.size:
            return None
        magic, height, width, digest = HEADER.unpack_from(pages)
        if magic != MAGIC or len(pages) != HEADER.size + 4 * height * width:
            return None
        if index not in self._sound:
            if hashlib.sha256(memoryview(pages)[HEADER.size :]).digest() != digest:
                return None
            self._sound.add(index)
        pixels = np.frombuffer(pages, np.uint8, offset=HEADER.size)
        colours = 3 * height * width
        return pixels[:colours].reshape(height, width, 3), pixels[colours:].reshape(height, width)

    def check(self) -> int:
        """Read every prepared file whole, delete the damaged ones and return how many there were."""
        damaged = [i for i, path in enumerate(self.paths) if path.exists() and self._mapped(i) is None]
        for index in damaged:
            self.paths[index].unlink(missing_ok=True)
        return len(damaged)


def for_training(
    dataset: SegmentationSet, samples: Sequence[Sample], *, size: Size | None, kept_bytes: int
) -> Prepared | None:
    """Return the prepared pairs for a training: those that are there, or made now where room allows.

    None where the decoded pairs fit into `kept_bytes` of memory, which is as fast, or where the disk has no room.
    """
    sizes = (size or images.size_of(sample.image) for sample in samples)
    total = sum(4 * height * width for height, width in sizes)
    if total <= kept_bytes and not folder_of(dataset, size).is_dir():
        return None
    prepared = Prepared(dataset, samples, size=size)
    missing = prepared.missing
    if not missing:
        return prepared
    if total <= kept_bytes:
        return None
    needed, free = prepared.needed_bytes(missing), free_bytes(prepared.folder)
    if needed + SPARE > free:
        print(
            f"{dataset.name}: no room for prepared pairs in {prepared.folder} ({needed / 1e9:.1f} GB needed, "
            f"{free / 1e9:.1f} GB free); originals are read. $REPRO_CACHE names another folder.",
            file=sys.stderr,
        )
        return None
    amount = f"{len(missing)} pairs, {needed / 1e9:.1f} GB"
    print(f"{dataset.name}: preparing {amount}, in {prepared.folder}.", file=sys.stderr)
    prepared.make()
    return prepared


def folder_of(dataset: SegmentationSet, size: Size | None) -> Path:
    """Return where a set's prepared pairs are: in the cache, never in the data folder."""
    return cache_folder() / "prepared" / f"{dataset.name}-{f'{size[0]}x{size[1]}' if size else 'native'}"


def free_bytes(folder: Path) -> int:
    """Return the free room on the disk of a folder that may not be there yet."""
    return shutil.disk_usage(next(p for p in (folder, *folder.absolute().parents) if p.exists())).free


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One process prepares while others wait, and what a killed one left half written is removed."""
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for left in folder.glob(".*.aside"):
            left.unlink(missing_ok=True)
        yield


def code_version(dataset: type) -> str:
    """Return a hash of the code that makes pixels out of a set's files, comments left out, with its libraries."""
    parts = [images, *(sys.modules[kind.__module__] for kind in dataset.__mro__ if kind is not object)]
    sources = [inspect.getsource(module) for module in dict.fromkeys(parts) if getattr(module, "__file__", None)]
    sources += [inspect.getsource(function) for function in (resize_image, resize_label, read_pair)]
    code = [ast.dump(ast.parse(source)) for source in sources]
    versions = f"{FORMAT} {PIL.__version__} {cv2.__version__} {np.__version__}"
    return hashlib.sha256("\n".join([versions, *code]).encode()).hexdigest()


def _source_hashes(dataset: SegmentationSet, paths: Sequence[Path]) -> list[str]:
    """The SHA-256 of each file; of one that has not changed since it was hashed, by its size and times, as known."""
    known_at = cache_folder() / "manifests" / f"{dataset.name}-hashes.json"
    try:
        known = {path: [state, digest] for path, (state, digest) in json.loads(known_at.read_bytes()).items()}
    except (OSError, ValueError, AttributeError, TypeError):
        known = {}
    states = [state_of(path) for path in paths]
    changed = [i for i, path in enumerate(paths) if known.get(str(path.absolute()), [None])[0] != states[i]]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for index, digest in zip(changed, pool.map(_sha256, [paths[index] for index in changed])):
            known[str(paths[index].absolute())] = [states[index], digest]
    if changed:
        known_at.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(known_at, json.dumps(known).encode())
    return [known[str(path.absolute())][1] for path in paths]


def state_of(path: Path) -> str:
    """Return what tells whether a file has changed: its size and times."""
    found = path.stat()
    return f"{found.st_size} {found.st_mtime_ns} {found.st_ctime_ns}"


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
