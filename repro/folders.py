"""The run folders of this checkout: the state each is in, and the one that the beginning of an id means."""

import difflib
import fcntl
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from repro import forms, records

ID = re.compile(r"[0-9a-f]{12}")
RUNNING, DONE, FAILED, INTERRUPTED = STATES = ("running", "done", "failed", "interrupted")
WEIGHTS = ("last", "selected")  # what a finished run keeps, each in a file of that name


@dataclass(frozen=True)
class RunFolder:
    """What a run has left behind so far.

    Attributes:
        path: `runs/<id>`, `runs/<suite>/<id>` or `runs/own/<data>/<id>`.
        home: what stands between: "", "demo" or "own/photos-1a2b3c4d".
    """

    path: Path
    home: str = ""

    @property
    def id(self) -> str:
        """The run's id."""
        return self.path.name

    @property
    def state(self) -> str:
        """One of `STATES`. Failed: it ended by an error. Interrupted: neither that nor done; the same call goes on."""
        if is_held(self.path / "lock"):
            return RUNNING
        if (self.path / "record.json").exists():
            return DONE
        return FAILED if (self.path / "failure.txt").exists() else INTERRUPTED

    @cached_property
    def record(self) -> dict | None:
        """The record of a finished run, None of another; ValueError where it is damaged."""
        path = self.path / "record.json"
        return records.read_run(path) if path.exists() else None

    @cached_property
    def identity(self) -> dict | None:
        """The run's identity; None where it left none, as runs of earlier versions did before they were done."""
        if self.record:
            return self.record["run"]
        path = self.path / "run.json"
        return records.read_run(path, forms.IDENTITY) if path.exists() else None

    @property
    def damage(self) -> str:
        """What is wrong with its files, "" where they can be read."""
        try:
            _ = self.identity
        except ValueError as error:
            return str(error)
        return ""

    @property
    def failure(self) -> str:
        """Why it failed, as it left it."""
        return (self.path / "failure.txt").read_text(encoding="utf-8", errors="replace")

    @property
    def points(self) -> list[dict]:
        """The points of its training curve so far, oldest first."""
        return forms.read_log(self.path / "log.jsonl")

    @property
    def seconds(self) -> float | None:
        """Seconds of training so far, over all sessions."""
        if self.record:
            return self.record["provenance"]["seconds"]
        points = self.points
        return points[-1]["seconds"] if points else None

    @property
    def best(self) -> float | None:
        """The best mIoU on the selection list so far, a fraction."""
        return max((point["selection_score"] for point in self.points if "selection_score" in point), default=None)

    @property
    def score(self) -> tuple[str, float] | None:
        """(name, fraction) of a finished run's headline: Jaccard of two classes, mIoU of more; the last weights'."""
        found = (self.record or {}).get("scores", {}).get("last native whole", {})
        return next(((name, found[name]) for name in ("jaccard", "miou") if found.get(name) is not None), None)

    def surplus(self) -> list[Path]:
        """Return the files that hold weights which a finished run does not keep; none of another run."""
        if self.state != DONE:
            return []
        kept = {f"{name}.safetensors" for name in WEIGHTS}
        found = [path for pattern in ("*.pt", "*.safetensors", ".*.aside") for path in self.path.glob(pattern)]
        return sorted(path for path in found if path.name not in kept)


def kept_predictions(predictions: Path) -> list[dict]:
    """Return what a run says of the predictions it kept: name, image, kind and score; none where it kept none.

    Raises:
        ValueError: the list is damaged.
    """
    index = predictions / "kept.json"
    form = [{"name": str, "image": str, "kind": str, "score": float}]
    complaint = "not a list of kept predictions ({}); evaluate the run again"
    return forms.read(index, form, complaint) if index.exists() else []


def is_held(lock: Path) -> bool:
    """Whether a process holds the lock file; it is shared for the moment of the look, and nothing is written."""
    try:
        with open(lock) as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def every(root: Path = records.ROOT) -> list[RunFolder]:
    """Return the run folders of a checkout, those of real data first, by folder and id."""
    return sorted(_below(root / "runs", ""), key=lambda each: (each.home, each.id))


def _below(folder: Path, home: str) -> Iterator[RunFolder]:
    """The run folders in `folder`, whose place below `runs/` is `home`, and in its folders: no deeper than own data."""
    for path in folder.iterdir() if folder.is_dir() else ():
        if ID.fullmatch(path.name):
            yield RunFolder(path, home)
        elif home.count("/") == 0 and path.name not in ("tables", "figures"):
            yield from _below(path, f"{home}/{path.name}".strip("/"))


def find(beginning: str, root: Path = records.ROOT) -> RunFolder:
    """Return the folder of the one run whose id begins so; of equal runs in two folders the one with more in it.

    Runs on a user's data have one id whichever data these are; "photos-1a2b3c4d/0123" is the one in that folder.

    Raises:
        ValueError: no run or several begin so, or one of that id on several data; the sentence names the nearest.
    """
    home, _, start = beginning.rpartition("/")
    there = [each for each in every(root) if not home or each.home in (home, f"own/{home}")]
    found = [each for each in there if each.id.startswith(start)] if start else []
    ids = sorted({each.id for each in found})
    if len(ids) == 1:
        return _of_one_data(found, beginning)
    if ids:
        shown = ", ".join(ids[:4]) + (f" and {len(ids) - 4} more" if len(ids) > 4 else "")
        raise ValueError(f"{beginning!r} begins the ids of {len(ids)} runs, {shown}; give more of it")
    raise ValueError(f"no run in {root / 'runs'} has an id that begins with {beginning!r}; {_near(beginning, root)}")


def _of_one_data(found: list[RunFolder], beginning: str) -> RunFolder:
    """The fullest of equal runs' folders; refused where they are on different data of the user's, failed ones aside."""
    tried = [each for each in found if each.state != FAILED] or found
    homes = [each.home.removeprefix("own/") for each in tried if each.home.startswith("own/")]
    if len(homes) > 1:
        shown = ", ".join(homes[:4]) + (f" and {len(homes) - 4} more" if len(homes) > 4 else "")
        raise ValueError(
            f"{beginning!r} is a run on each of {len(homes)} data sets of your own, {shown}; name one: "
            f"{homes[0]}/{tried[0].id[:4]}"
        )
    return max(tried, key=lambda each: len([*each.path.iterdir()]))


def _near(beginning: str, root: Path) -> str:
    """The end of a sentence about an id that is not there."""
    published = [id for id in records.ids(root / "tables" / "records") if beginning and id.startswith(beginning)]
    if published:
        return f"the record of {published[0]} is published, its weights stayed where it was trained"
    ids = sorted({each.id for each in every(root)})
    length = max(len(beginning), 1)
    close = difflib.get_close_matches(beginning, {id[:length] for id in ids}, n=3)
    near = [id for id in ids if id[:length] in close][:3]
    if near:
        return f"the nearest are {', '.join(near)} (`repro runs` lists them all)"
    return "`repro runs` lists them" if ids else "nothing was trained in this checkout yet"
