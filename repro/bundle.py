"""Bundles: records without pixels in one file that somebody can send, and what is wrong with one that came."""

import hashlib
import io
import json
import re
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from repro import forms, plan, records
from repro.compare import SEEDS, home_of
from repro.data import DATASETS, dataset_class
from repro.data.archive import Limits, unpack
from repro.faults import UNREADABLE, contradictions, record_faults, unreadable
from repro.files import write_atomically
from repro.records import FILES, Record

MANIFEST, VERSION = "bundle.json", 1
LIMITS = Limits(entries=40_000, bytes=2 * 2**30, ratio=200)
UNPACKED_BYTES = 64 * 2**20  # of one record's evidence
TEXT = 300  # characters of the longest string in a record: an image in letters is longer
LOG_FIELDS = {*records.CURVE, "skipped"}  # of a point of a training log; numbers all
_NAME = re.compile(r"records/([0-9a-f]{12}@[A-Za-z0-9._-]{1,80})(\.json|\.csv|\.npz|\.log\.jsonl)")
_HASH = re.compile(r"[0-9a-f]{16}")
_PATH = re.compile(r"(?:^|[\s=:,;'\"(\[])(?:~?/[A-Za-z0-9_.-]+/|[A-Za-z]:[\\/]|\\\\)")


@dataclass(frozen=True)
class Verdict:
    """What is to be said of a bundle: `faults` keep it out; `records` is how many it holds."""

    records: int
    faults: tuple[str, ...]


def pack(found: Sequence[Record], logs: Mapping[str, Path], to: Path) -> int:
    """Write a bundle of records and return its bytes; the same records give the same file.

    Args:
        found: whose three files go in.
        logs: `log.jsonl` of a run, by the record's name without its ending, where it is at hand.
        to: the zip to write.

    Raises:
        ValueError: nothing to pack, or a record has something wrong with it that would keep the bundle out.
    """
    if not found:
        raise ValueError("there is no record to pack; train the suite first, or name a folder that holds records")
    contents: dict[str, bytes] = {}
    for record in found:
        stem = f"records/{record.path.stem}"
        contents |= {f"{stem}{path.suffix}": path.read_bytes() for path in record.files}
        if record.path.stem in logs:
            contents[f"{stem}.log.jsonl"] = logs[record.path.stem].read_bytes()
    manifest = {
        "version": VERSION,
        "data": _manifest_hashes(found),
        "files": {name: hashlib.sha256(data).hexdigest() for name, data in sorted(contents.items())},
    }
    contents[MANIFEST] = (json.dumps(manifest, indent=1, sort_keys=True) + "\n").encode()
    data = _zipped(contents)
    with tempfile.TemporaryDirectory() as folder:
        trial = Path(folder) / to.name
        trial.write_bytes(data)
        if faults := judge(trial).faults:
            raise ValueError(f"{to}: not written, {len(faults)} things are wrong with it; first: {faults[0]}")
    to.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(to, data)
    return len(data)


def _zipped(contents: Mapping[str, bytes]) -> bytes:
    """A zip without dates, owners or an order of its own."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in sorted(contents):
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, contents[name], zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _manifest_hashes(found: Sequence[Record]) -> dict[str, list[str]]:
    """The hashes of the image lists behind the records, by "data list": who has the same data has the same hashes."""
    hashes: dict[str, set[str]] = {}
    for record in found:
        for each in record.data["lists"].values():
            hashes.setdefault(f"{each['data']} {each['list']}", set()).add(each["sha256"])
    return {name: sorted(each) for name, each in sorted(hashes.items())}


def judge(path: Path) -> Verdict:
    """Return what is wrong with a bundle, before any of it is published.

    Raises:
        ValueError: not an archive, or one that would not be unpacked: a link, a name that leads elsewhere, a bomb.
    """
    with tempfile.TemporaryDirectory() as folder:
        opened = Path(folder) / "bundle"
        unpack(path, opened, limits=LIMITS)
        found = records.every(opened / "records")
        faults = [*manifest_faults(opened, found)]
        for record in found:
            name = record.path.stem
            faults += [f"{name}: {fault.replace(str(opened), 'bundle')}" for fault in content_faults(record)]
        faults += [] if faults else [fault.replace(str(opened), "bundle") for fault in contradictions(found)]
        return Verdict(len(found), tuple(faults))


def manifest_faults(opened: Path, found: Sequence[Record]) -> Iterator[str]:
    """Yield in what an unpacked bundle's files are not its manifest's, each a record's, with the bytes it names."""
    there = {path.relative_to(opened).as_posix() for path in opened.rglob("*") if path.is_file()}
    try:
        manifest = json.loads((opened / MANIFEST).read_bytes())
        version, files, data = manifest["version"], manifest["files"], manifest["data"]
        named = {str(name): str(digest) for name, digest in files.items()}
    except UNREADABLE as error:
        yield f"{MANIFEST} is not one ({type(error).__name__}: {error}); make it by repro collect --pack"
        return
    if version != VERSION:
        yield f"it is of version {version!r}, this suite reads {VERSION}"
    whole = {record.path.stem for record in found}
    for name in sorted(there - {MANIFEST}):
        match = _NAME.fullmatch(name)
        if not match or match[1] not in whole:
            yield f"{name}: part of no whole record; a bundle holds evidence, curves and logs of records alone"
        elif hashlib.sha256((opened / name).read_bytes()).hexdigest() != named.get(name):
            yield f"{name}: its bytes are not those that {MANIFEST} names"
    yield from (f"{name}: named in {MANIFEST} and not there" for name in sorted({*named} - there))
    if not found:
        yield "no whole record is in it"
    try:
        if data != _manifest_hashes(found):
            yield f"the data hashes of {MANIFEST} are not those of the records' lists"
    except UNREADABLE:
        return  # a record that cannot be read, which `content_faults` says


def content_faults(record: Record) -> list[str]:
    """Return what keeps a record from being published: besides what `check` looks at, schema, counts, paths, pixels."""
    try:
        faults = [*_schema_faults(record), *_size_faults(record)]
        if not faults:
            faults = [*record_faults(record), *_count_faults(record.data), *_text_faults(record)]
    except UNREADABLE as error:
        faults = [unreadable(record, error).removesuffix("; restore it from git")]
    return faults


def _schema_faults(record: Record) -> Iterator[str]:
    """Fields that no record has, and numbers that nothing comes to."""
    for name in sorted({*record.data} - {*forms.RECORD}):
        yield f"the field {name[:40]!a} is in no record"
    if not record.data["provenance"]["machines"]:
        yield "it names no machine"
    if any(not abs(number) < forms.LARGEST for number in _numbers(record.data)):
        yield f"a number is not finite or beyond {forms.LARGEST}"


def _size_faults(record: Record) -> Iterator[str]:
    """Evidence too large to be counts, before it is read."""
    with zipfile.ZipFile(record.path.with_suffix(FILES["evidence"])) as archive:
        unpacked = sum(entry.file_size for entry in archive.infolist())
        other = [entry.filename for entry in archive.infolist() if not entry.filename.endswith(".npy")]
    if other:
        yield f"its evidence holds {other[0][:40]!a}, which is no array of counts"
    if unpacked > UNPACKED_BYTES:
        yield f"its evidence holds {unpacked} bytes, counts take at most {UNPACKED_BYTES}"


def _count_faults(data: dict) -> Iterator[str]:
    """Image lists of other lengths than they say or the data set has, and data whose numbers nobody publishes."""
    for role, each in data["lists"].items():
        if "images" in each and len(each["images"]) != each["n"]:
            yield f"the {role} list names {len(each['images'])} images and says {each['n']}"
        if each["data"] not in DATASETS:
            yield f"the {role} list is of {each['data']!r}, a data set this suite does not know"
            return
        elif is_unpublished(each["data"]):
            yield f"the {role} list is of {each['data']}, whose numbers are not published"
    report = data["lists"]["report"]
    dataset = dataset_class(report["data"])
    most = dataset.most_images(report["list"])
    if most is not None:
        part = dataset.lists[report["list"]]
        if report["n"] > most or (part.is_whole and report["n"] != most):
            yield f"the report list has {report['n']} images, {report['data']} has {most} in {part.split}"


def is_unpublished(data: str) -> bool:
    """Whether a data set is generated or a user's own: its records stay where they were made."""
    return data.startswith("toy_") or data == "own"


def _text_faults(record: Record) -> Iterator[str]:
    """Paths of a machine, and strings long enough to hide a picture, in the record, its evidence and its log."""
    counts = record.evidence().values()
    images = {str(image) for each in counts for image in each.images}
    if odd := sorted(image for image in images if not _HASH.fullmatch(image)):
        yield f"its evidence names an image {odd[0][:40]!a}; expected 16 hex digits of a hash"
    units = {str(unit) for each in counts for unit in each.units}
    for text in (*_strings(record.data), *sorted(units)):
        if not text.isprintable():
            yield f"{text[:100]!a} holds what no terminal should be sent"
        elif len(text) > TEXT:
            yield f"a string of {len(text)} characters, {text[:20]!a} ..., is longer than any in a record"
        elif _PATH.search(text):
            yield f"{text[:100]!a} is a path of a machine"
    log = record.path.with_suffix(".log.jsonl")
    for number, line in enumerate(log.read_text(encoding="utf-8").splitlines() if log.exists() else (), 1):
        point = json.loads(line)
        odd = [name for name, value in point.items() if name not in LOG_FIELDS or not _is_number(value)]
        if odd:
            yield f"line {number} of its log has {odd[0][:40]!a}, which is no number of a training curve"


def _is_number(value: object) -> bool:
    return value is None or (isinstance(value, (int, float)) and not isinstance(value, bool))


def _numbers(value: object) -> Iterator[float]:
    """Every number in a JSON value."""
    if isinstance(value, (int, float)):
        yield value
    elif isinstance(value, (dict, list)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _numbers(item)


def _strings(value: object) -> Iterator[str]:
    """Every string in a JSON value, keys too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)


def of_suite(name: str, root: Path = records.ROOT) -> list[Record]:
    """Return the published records of a suite's own runs; ValueError for an unknown one."""
    suite = plan.suite(name)
    there = records.by_id(home_of(suite, root).records)
    jobs = plan.plan(suite, seeds=SEEDS, ablations=True)
    return [record for job in jobs for record in there.get(job.run.id, ())]
