"""The training curve on disk: one JSON object a line, cut back to the checkpoint on resume."""

import json
import os
from pathlib import Path

from repro.files import read_json_lines as read_log
from repro.files import write_atomically


def append_point(path: Path, point: dict) -> None:
    """Add one point to a `log.jsonl`; it is on disk before any checkpoint of its step."""
    with open(path, "a") as file:
        file.write(json.dumps(point) + "\n")
        file.flush()
        os.fsync(file.fileno())


def cut_log(path: Path, step: int) -> None:
    """Drop the points after `step`: a resumed run writes them again."""
    kept = [point for point in read_log(path) if point["step"] <= step]
    write_atomically(path, "".join(json.dumps(point) + "\n" for point in kept).encode())
