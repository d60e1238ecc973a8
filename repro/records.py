"""Records: what was measured, with the evidence behind it. The only module that touches a records folder."""

import csv
import dataclasses
import io
import json
import lzma
import re
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np

from repro import forms
from repro.files import write_atomically
from repro.metrics import Evidence, scores

ROOT = Path(__file__).resolve().parents[1]
FILES = {"record": ".json", "curve": ".csv", "evidence": ".npz"}
CURVE = ("step", "epoch", "learning_rate", "train_loss", "selection_loss", "selection_score", "report_loss", "seconds")
_NAME = re.compile(r"([0-9a-f]{12})@([A-Za-z0-9._-]{1,80})\.json")
UNREADABLE = (  # what numpy and zipfile raise for bytes that are no archive of arrays
    *(OSError, ValueError, KeyError, TypeError, EOFError, MemoryError, SyntaxError),
    *(NotImplementedError, RuntimeError, zipfile.BadZipFile, zlib.error, lzma.LZMAError),
)
_BREAK = re.compile(r"\n\s+")
_LIST = re.compile(r"\[\n\s+([^\[\]{}]*?)\n\s+\]")
_OBJECT = re.compile(r"\{\n\s+([^{}]*?)\n\s+\}")
_LINE = 240  # letters of an object on one line, at most: a traced block, a list's description
_KEPT = 6  # digits of a curve's numbers: enough to draw, few enough to publish


@dataclass(frozen=True)
class Folder:
    """Where a suite's records and views are: `records/` below `tables`, views beside it and in `figures`."""

    records: Path
    tables: Path
    figures: Path


def folder_of(suite: str | None, *, toy: bool, root: Path = ROOT) -> Folder:
    """Return where a suite's records and views are; None is the papers' own data.

    Real data share `tables/records`. A generated suite publishes nothing: it lives below `runs/`, in the same layout.
    """
    if toy:
        base = root / "runs" / suite
        return Folder(base / "tables" / "records", base / "tables", base / "figures")
    tables, figures = root / "tables", root / "figures"
    return Folder(tables / "records", tables / suite if suite else tables, figures / suite if suite else figures)


def lock_of(suite: str, root: Path = ROOT) -> Folder:
    """Return where the golden records and views of a generated suite are committed."""
    return Folder(root / "tables" / suite / "records", root / "tables" / suite, root / "figures" / suite)


@dataclass(frozen=True)
class Record:
    """A finished run as published: `<id>@<machine kind>` with three endings."""

    path: Path
    form: ClassVar[dict] = forms.RECORD
    complaint: ClassVar[str] = "not a record ({}); restore it from git"

    @property
    def id(self) -> str:
        """The run's id."""
        return _NAME.fullmatch(self.path.name)[1]

    @property
    def kind(self) -> str:
        """The machine kind: device and torch's minor version, "cpu-torch2.15"."""
        return _NAME.fullmatch(self.path.name)[2]

    @cached_property
    def data(self) -> dict:
        """The record: identity, scores, lists, provenance; ValueError where the file is damaged."""
        return forms.read(self.path, self.form, self.complaint)

    @property
    def structure(self) -> dict | None:
        """The network's traced structure (see `repro.models.structure.trace`), None where there is none."""
        found = self.data.get("structure")
        return found and {"blocks": [_block_of(block) | block for block in found["blocks"]]}

    def score(self, evaluation: str, metric: str) -> float:
        """Return a score as a fraction; NaN where it is undefined or was not recorded.

        Args:
            evaluation: weights, label size and region: "last native whole".
            metric: a name of `repro.metrics.SCORES`; "iou:a,b" is the mean over the named classes.
        """
        found = self.data["scores"].get(evaluation, {})
        if metric.startswith("iou:"):
            values = [found.get(f"iou:{name}") for name in metric[4:].split(",")]
            known = [value for value in values if value is not None]
            return float(np.mean(known)) if known else float("nan")
        value = found.get(metric)
        return float("nan") if value is None else value

    def curve(self) -> list[dict]:
        """Return the points of the training curve, oldest first; numbers, or None where a point has none.

        Raises:
            ValueError: the file is damaged.
        """
        path = self.path.with_suffix(FILES["curve"])
        header, *rows = path.read_text(encoding="utf-8", errors="replace").split("\n")
        names = header.split(",")
        try:
            if names[0] != CURVE[0] or not set(names) <= {*CURVE} or rows[-1:] != [""]:
                raise ValueError("its first or its last line is cut or of another file")
            values = [[float(value) if value else None for value in row.split(",")] for row in rows[:-1]]
            return [dict(zip(names, row, strict=True)) for row in values]
        except ValueError as error:
            raise ValueError(f"{path}: not a training curve ({error}); restore it from git") from None

    def evidence(self) -> dict[str, Evidence]:
        """Return the counts behind the scores, by evaluation."""
        return read_evidence(self.path.with_suffix(FILES["evidence"]))

    @property
    def files(self) -> tuple[Path, ...]:
        """The three files."""
        return tuple(self.path.with_suffix(ending) for ending in FILES.values())


def _block_of(block: dict) -> dict[str, object]:
    """What a record does not say of a block: most are of their own name, without layers of torch, and called once."""
    return {"part": block["name"], "layers": "", "parameters": 0, "times": 1}


def short_structure(structure: dict | None) -> dict | None:
    """Return a traced structure as records hold it: without what `Record.structure` fills in."""
    if structure is None:
        return None
    blocks = structure["blocks"]
    return {"blocks": [{k: v for k, v in each.items() if _block_of(each).get(k) != v} for each in blocks]}


def find(folder: Path, id: str) -> list[Record]:
    """Return the records of a run, one a machine kind, sorted by it; those half copied are not among them."""
    found = [Record(path) for path in sorted(folder.glob(f"{id}@*.json")) if _NAME.fullmatch(path.name)]
    return [record for record in found if all(path.exists() for path in record.files)]


def by_id(folder: Path) -> dict[str, list[Record]]:
    """Return the whole records of a folder by run id, one a machine kind, sorted by it: `find` of each, in one pass."""
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    found: dict[str, list[Record]] = {}
    for name in sorted(name for name in names if _NAME.fullmatch(name)):
        record = Record(folder / name)
        if all(path.name in names for path in record.files):
            found.setdefault(record.id, []).append(record)
    return found


def every(folder: Path) -> list[Record]:
    """Return all records of a folder, sorted by name."""
    return find(folder, "*") if folder.is_dir() else []


def strays(folder: Path) -> list[Path]:
    """Return the files of a folder that belong to no whole record: halves of one, and what is none."""
    whole = {path for record in every(folder) for path in record.files}
    there = sorted(path for path in folder.iterdir() if not path.name.startswith(".")) if folder.is_dir() else []
    return [path for path in there if path not in whole]


def is_name(name: str) -> bool:
    """Whether a file of this name would be a record: `<id>@<machine kind>.json`."""
    return bool(_NAME.fullmatch(name))


def ids(folder: Path) -> set[str]:
    """Return the ids of the runs a folder has records of, from the names alone."""
    return {match[1] for path in folder.glob("*.json") if (match := _NAME.fullmatch(path.name))}


def evidence_bytes(evidence: dict[str, Evidence]) -> bytes:
    """Return the `.npz` of an evaluation's counts: no pickle, no dates, the same bytes for the same counts.

    It holds `images`, `units`, and the counts stacked by shape: `counts 0` (k, ...) and their `names 0` (k,), such as
    "last native whole/labelled". Evaluations repeat each other, so a stack takes a third of what its parts would.
    """
    arrays: dict[str, np.ndarray] = {}
    counts: dict[tuple[int, ...], dict[str, np.ndarray]] = {}
    for name, each in evidence.items():
        for field in dataclasses.fields(each):
            value = getattr(each, field.name)
            if value is None:
                continue
            if field.name in ("images", "units"):  # the same for every evaluation of a run
                arrays[field.name] = np.asarray(value, dtype=np.str_)
            else:
                counts.setdefault(value.shape, {})[f"{name}/{field.name}"] = value
    for number, (_, stack) in enumerate(sorted(counts.items())):
        arrays[f"names {number}"] = np.asarray(sorted(stack), dtype=np.str_)
        arrays[f"counts {number}"] = _smallest(np.stack([stack[name] for name in sorted(stack)]))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in sorted(arrays):
            inner = io.BytesIO()
            np.lib.format.write_array(inner, arrays[name], allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0))
            archive.writestr(entry, inner.getvalue(), zipfile.ZIP_LZMA)
    return buffer.getvalue()


def _smallest(counts: np.ndarray) -> np.ndarray:
    """Counts in the smallest unsigned integers that hold them."""
    return counts.astype(np.min_scalar_type(int(counts.max(initial=0))))


def read_evidence(path: Path) -> dict[str, Evidence]:
    """Return the counts of a file that `evidence_bytes` made, by the names of the evaluations.

    Raises:
        ValueError: damaged, or counts that contradict each other.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        if not all(isinstance(each, np.ndarray) and each.nbytes >= each.size for each in arrays.values()):
            raise ValueError("an array of nothing")  # its items cost no byte, so that there may be any number
    except UNREADABLE as error:
        raise ValueError(f"{path}: not a file of evidence ({error}); restore it from git") from None
    shared = {name: arrays[name] for name in ("images", "units") if name in arrays}
    stacks = [name.removeprefix("names ") for name in arrays if name.startswith("names ")]
    known = {*shared, *(f"{kind} {number}" for kind in ("names", "counts") for number in stacks)}
    try:
        if other := sorted(arrays.keys() - known):
            raise ValueError(f"{', '.join(other)}: part of no count")
        counts = {
            str(name): each.astype(np.int64)
            for number in stacks
            for name, each in zip(arrays[f"names {number}"], arrays[f"counts {number}"], strict=True)
        }
        if not counts:
            raise ValueError("no evaluation is in it")
        grouped: dict[str, dict[str, np.ndarray]] = {}
        for name in sorted(counts):
            evaluation, _, field = name.rpartition("/")
            grouped.setdefault(evaluation, {})[field] = counts[name]
        return {name: Evidence(**shared, **fields) for name, fields in grouped.items()}
    except (TypeError, ValueError, IndexError, KeyError) as error:
        raise ValueError(f"{path}: counts are missing or wrong ({error}); restore it from git") from None


def scores_of(evidence: dict[str, Evidence], class_names: Iterable[str]) -> dict[str, dict[str, float | None]]:
    """Return every score of every evaluation as JSON has it: None where undefined."""
    names = list(class_names)
    return {
        name: {metric: None if np.isnan(value) else value for metric, value in scores(each, names).items()}
        for name, each in evidence.items()
    }


def curve_bytes(points: Iterable[dict]) -> bytes:
    """Return the `.csv` of a training curve, numbers to six digits."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, CURVE, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for point in points:
        writer.writerow({key: _short(point[key]) for key in CURVE if point.get(key) is not None})
    return buffer.getvalue().encode()


def _short(value: float) -> float | str:
    """A float to six digits; an integer as it is."""
    return f"{value:.{_KEPT}g}" if isinstance(value, float) else value


def record_bytes(data: dict) -> bytes:
    """Return the `.json` of a record: sorted, indented, floats exact; a plain list or a short object takes one line."""
    text = json.dumps(data, indent=1, sort_keys=True, allow_nan=False, ensure_ascii=False)
    text = _LIST.sub(_on_one_line, text)
    return (_OBJECT.sub(_on_one_line, text) + "\n").encode()


def _on_one_line(found: re.Match) -> str:
    """What was matched without its line breaks, which JSON has between its parts alone; a long object as it is."""
    line = found[0][0] + _BREAK.sub(" ", found[1]) + found[0][-1]
    return found[0] if line[0] == "{" and len(line) > _LINE else line


def publish(run_folder: Path, to: Path, id: str, kind: str) -> Record | None:
    """Copy a finished run's three files to a records folder and return the record there.

    Records are only ever added: where the name is taken by the same bytes nothing happens, where it is taken by other
    bytes nothing happens either and None comes back; `differing` finds such runs.
    """
    return _add({ending: run_folder / f"{name}{ending}" for name, ending in FILES.items()}, to / f"{id}@{kind}.json")


def copy(record: Record, to: Path) -> Record | None:
    """Copy a record to another records folder, by the rules of `publish`."""
    return _add(dict(zip(FILES.values(), record.files)), to / record.path.name)


def _add(sources: dict[str, Path], target: Path) -> Record | None:
    """Copy the three files (by ending) to `target` and its companions, those that are missing there, or refuse."""
    if target.exists() and not _agree(sources, target):
        return None
    target.parent.mkdir(parents=True, exist_ok=True)
    written = []
    try:
        for ending in sorted(sources, key=lambda ending: ending == ".json"):  # last: it marks the three as whole
            if not (target.exists() and target.with_suffix(ending).exists()):
                write_atomically(target.with_suffix(ending), sources[ending].read_bytes())
                written.append(target.with_suffix(ending))
    except OSError:  # a full disk: no half of a record stays
        for path in written:
            path.unlink(missing_ok=True)
        raise
    return Record(target)


def _agree(sources: dict[str, Path], target: Path) -> bool:
    """Whether each file of a record that is there has the bytes of its source."""
    there = {ending: target.with_suffix(ending) for ending in sources}
    return all(not there[e].exists() or there[e].read_bytes() == source.read_bytes() for e, source in sources.items())


def read_run(path: Path, form: forms.Form = forms.RECORD):
    """Return what is in a JSON file of a run's folder; ValueError where the file is damaged."""
    return forms.read(path, form, "damaged ({}); delete its folder and train the run again")


def differing(runs: Path, published: Path) -> list[Path]:
    """Return the run folders in `runs` whose record was refused: its name is published with other bytes."""
    found = []
    for path in sorted(runs.glob("*/record.json")):
        target = published / f"{path.parent.name}@{read_run(path)['provenance']['kind']}.json"
        sources = {ending: path.parent / f"{name}{ending}" for name, ending in FILES.items()}
        if target.exists() and not _agree(sources, target):
            found.append(path.parent)
    return found
