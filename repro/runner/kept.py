"""The predictions that a run keeps to be looked at: of the first report images, and of those it got worst."""

import heapq
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from repro.files import write_atomically
from repro.parallel import Processes

FIRST, WORST = 4, 3  # images of each kind
INDEX = "kept.json"


@dataclass(frozen=True)
class Kept:
    """One prediction: (H, W) uint8 train ids at the label's size, and the image's own mean IoU."""

    name: str
    image: str  # content hash
    score: float
    prediction: np.ndarray = field(repr=False, compare=False)


@dataclass
class Keeper:
    """Watches an evaluation and holds the first four predictions, and the three worst of the others."""

    first: list[Kept] = field(default_factory=list)
    worst: list[tuple[float, int, Kept]] = field(default_factory=list)  # a heap, the best of the worst on top
    seen: int = 0

    def __call__(self, sample, prediction: torch.Tensor, counts: torch.Tensor) -> None:
        """See one image: its sample, its (H, W) prediction and its (C, C) counts, row = label."""
        score, number = own_score(counts.cpu().numpy()), self.seen
        self.seen += 1
        if number >= FIRST and len(self.worst) == WORST and -score <= self.worst[0][0]:
            return  # nothing leaves the device for the others
        self._take(number, Kept(sample.name, sample.content_hash, score, prediction.to(torch.uint8).cpu().numpy()))

    def _take(self, number: int, kept: Kept) -> None:
        entry = (-kept.score, -number, kept)
        if number < FIRST:
            self.first.append(kept)
        elif len(self.worst) < WORST:
            heapq.heappush(self.worst, entry)
        elif entry[0] > self.worst[0][0]:
            heapq.heapreplace(self.worst, entry)

    def of_all(self, processes: Processes) -> "Keeper":
        """Return the keeper of a whole list, out of those that saw each process's share of it."""
        if processes.size == 1:
            return self
        mine = [*enumerate(self.first), *((-number, kept) for _, number, kept in self.worst)]
        plain = [(number, k.name, k.image, k.score, torch.from_numpy(k.prediction)) for number, k in mine]
        parts = processes.gather(lambda: plain)
        found = [(n * processes.size + rank, facts) for rank, part in enumerate(parts) for n, *facts in part]
        whole = Keeper()
        for number, (*facts, prediction) in sorted(found, key=lambda each: each[0]):
            whole._take(number, Kept(*facts, prediction.numpy()))
        return whole

    def write(self, folder: Path, colours: Sequence[tuple[int, int, int]]) -> None:
        """Write `<content hash>.png` of each, indexed by train ids in the classes' colours, and what they are.

        `kept.json` lists them, the first ones in the order of the list, then the worst, the very worst before the
        others: name, image (content hash), kind ("first" or "worst") and score (mean IoU of the image by itself).
        """
        folder.mkdir(parents=True, exist_ok=True)
        worst = [kept for *_, kept in sorted(self.worst, key=lambda each: each[:2], reverse=True)]
        listed = [("first", kept) for kept in self.first] + [("worst", kept) for kept in worst]
        for _, kept in listed:
            write_atomically(folder / f"{kept.image}.png", indexed_png(kept.prediction, colours))
        index = [{"name": k.name, "image": k.image, "kind": kind, "score": round(k.score, 6)} for kind, k in listed]
        write_atomically(folder / INDEX, (json.dumps(index, indent=1) + "\n").encode())


def own_score(counts: np.ndarray) -> float:
    """Return the mean over its classes of an image's IoU; 1 where nothing is labelled, which is never among the worst.

    Args:
        counts: (C, C), row = label.
    """
    hit = np.diag(counts)
    union = counts.sum(0) + counts.sum(1) - hit
    return float((hit[union > 0] / union[union > 0]).mean()) if union.any() else 1.0


def indexed_png(prediction: np.ndarray, colours: Sequence[tuple[int, int, int]]) -> bytes:
    """Return (H, W) uint8 train ids as an indexed PNG."""
    picture = Image.fromarray(prediction)
    picture.putpalette([channel for colour in colours for channel in colour])
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()
