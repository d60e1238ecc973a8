"""Scores of predictions that other tools made: kept beside the records, shown as rows of any table of their data."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from repro.files import write_atomically
from repro.forms import LIST, RECORD
from repro.records import Folder, Record, evidence_bytes, record_bytes

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._+-]{0,59}")
WORD = "external"  # what stands in place of a verdict


@dataclass(frozen=True)
class External(Record):
    """Predictions scored here: `<name>.json` with `<name>.npz` beside it, no run, no curve, no machine."""

    form: ClassVar[dict] = {
        "name": str,
        "data": str,
        "classes": RECORD["classes"],
        "training": None,  # nothing is known of it
        "scores": RECORD["scores"],
        "list": {name: LIST[name] for name in ("list", "n", "sha256", "units")},
        "predictions": {"sha256": str, "n": int, "encoding": str},
        "provenance": {"commit": str, "clean": (bool, None)},
    }
    complaint: ClassVar[str] = "not a score of predictions ({}); restore it from git, or score them again"

    @property
    def id(self) -> str:
        """The name it was given."""
        return self.path.name.removesuffix(".json")

    @property
    def kind(self) -> str:
        """What stands where a record has its machine kind."""
        return WORD

    @property
    def files(self) -> tuple[Path, ...]:
        """The two files."""
        return self.path, self.path.with_suffix(".npz")


def external_folder(folder: Folder) -> Path:
    """Return where the external scores are that go with a folder's records."""
    return folder.records.with_name("external")


def find_external(folder: Folder, data: set[str] | None = None) -> list[External]:
    """Return the whole external scores beside a folder's records, sorted by name; of some data sets only, or of all."""
    paths = sorted(external_folder(folder).glob("*.json"))
    found = [External(path) for path in paths if NAME.fullmatch(path.stem) and path.with_suffix(".npz").exists()]
    return [each for each in found if data is None or each.data["data"] in data]


def strays(folder: Folder) -> list[Path]:
    """Return the files of the folder of external scores that belong to no whole one."""
    whole = {path for each in find_external(folder) for path in each.files}
    there = sorted(path for path in external_folder(folder).glob("*") if not path.name.startswith("."))
    return [path for path in there if path not in whole]


def check_name(name: str) -> str:
    """Return the name, or raise a ValueError where it is none that a file and a table can have."""
    if not NAME.fullmatch(name):
        raise ValueError(f"--name {name[:80]!a}: expected at most 60 letters, digits, blanks and . _ + -.")
    return name


def write(folder: Path, name: str, data: dict, evidence: dict) -> External:
    """Write an external score and return it; the same predictions again change nothing.

    Raises:
        ValueError: other predictions, or other labels, are there under this name.
    """
    path = folder / f"{check_name(name)}.json"
    files = {path.with_suffix(".npz"): evidence_bytes(evidence), path: record_bytes(data)}  # the record last
    if path.exists():
        there = External(path).data
        if any(there.get(key) != data[key] for key in ("data", "list", "predictions")):
            raise ValueError(f"{path}: other predictions are there under this name; choose another with --name.")
    folder.mkdir(parents=True, exist_ok=True)
    for target, content in files.items():
        write_atomically(target, content)
    return External(path)
