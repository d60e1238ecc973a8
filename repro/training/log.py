"""The training curve on disk: one JSON object a line, cut back to the checkpoint on resume."""

import json
import os
from collections.abc import Iterable
from pathlib import Path

from repro.files import write_atomically
from repro.forms import read_log


def append_point(path: Path, point: dict) -> None:
    """Add one point to a `log.jsonl`; it is on disk before any checkpoint of its step."""
    with open(path, "a") as file:
        file.write(json.dumps(point) + "\n")
        file.flush()
        os.fsync(file.fileno())


def cut_log(path: Path, step: int, due: Iterable[int]) -> None:
    """Drop the points after `step`, which a resumed run writes again.

    Raises:
        ValueError: the point of a step in `due` is not in the file; it was damaged, and a curve with a gap would be
            published.
    """
    kept = [point for point in read_log(path) if point["step"] <= step]
    if lacking := sorted({*due} - {point["step"] for point in kept}):
        raise ValueError(
            f"{path}: the curve's point of step {lacking[0]} is not in it, and the checkpoint is of step {step}; put "
            "the file back, or delete its folder to train from the start."
        )
    write_atomically(path, "".join(json.dumps(point) + "\n" for point in kept).encode())
