"""A plan as a table: runs, done or due, with the steps, time and memory that earlier runs let expect."""

import json
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from repro import records
from repro.columns import columns
from repro.compare import home_of
from repro.data import find_root, open_dataset, search_folders
from repro.folders import every
from repro.papers.spec import Suite
from repro.plan import Job, Run, Split
from repro.schedule import steps_per_epoch
from repro.suite import Order, is_done, jobs_of, runs_folder, short
from repro.words import duration, many

HEADS = ("state", "run", "seed", "table/row", "steps", "time", "memory")
UNKNOWN = "?"
BACKWARD = 3  # a training step is about three forward passes


@dataclass(frozen=True)
class Cost:
    """What a run should take: None where it is unknown; `mark` says where the seconds are from."""

    steps: int | None = None
    seconds: float | None = None
    memory: int | None = None
    mark: str = ""  # "" measured here, "*" of a committed record, "~" from operations


class Known:
    """What finished runs tell of others: seconds a step, memory, lists' lengths, operations."""

    def __init__(self, here: Sequence[dict], elsewhere: Sequence[dict]):
        """Take the records of this checkout's own runs, and the committed ones."""
        self.speeds: dict[str, tuple[float, int | None, str]] = {}
        self.lengths: dict[tuple, int] = {}
        self.flops: dict[str, float] = {}  # of one image, a pixel
        self.rates: list[float] = []  # operations a second, of training here
        self.parameters: dict[str, int] = {}
        self.kinds: set[str] = set()
        for record in elsewhere:
            self._add(record, "*")
        for record in here:
            self._add(record, "")

    def _add(self, record: dict, mark: str) -> None:
        run, cost, facts = record["run"], record["network"], record["provenance"]
        train = record["lists"]["train"]
        self.lengths[train["data"], train["list"], run["train"].get("limit")] = train["n"]
        self.parameters[_network(run)] = cost["parameters"]
        training = record["training"]
        seconds = facts["seconds"] / training["steps"] if training else facts["seconds"]
        self.speeds[_shape(run)] = seconds, facts.get("peak_memory_bytes"), mark
        if mark:
            self.kinds.add(facts["kind"])
        if cost["flops"] and training:
            height, width = cost["size"]
            self.flops[_network(run)] = cost["flops"] / (height * width)
            if not mark:
                self.rates.append(self._operations(run) / seconds)

    def _operations(self, run: dict) -> float:
        """Operations of a training step of a run whose network is known."""
        height, width = run["recipe"].get("crop") or run["recipe"].get("size") or (0, 0)
        return BACKWARD * self.flops[_network(run)] * height * width * run["recipe"]["batch"]

    def of(self, run: Run, data: Sequence[str]) -> Cost:
        """Return what a run should take."""
        identity = run.identity()
        steps = self._steps(run, data) if run.trained else 0
        seconds, memory, mark = self.speeds.get(_shape(identity), (None, None, ""))
        if seconds is None and self.rates and _network(identity) in self.flops:
            seconds, mark = self._operations(identity) / statistics.median(self.rates) or None, "~"
        total = seconds if not run.trained else seconds * steps if seconds and steps else None
        return Cost(steps, total, memory, mark if total is not None else "")

    def _steps(self, run: Run, data: Sequence[str]) -> int | None:
        n = self._length(run.train, data)
        return None if n is None else run.recipe.epochs * steps_per_epoch(n, run.recipe.batch)

    def _length(self, split: Split, data: Sequence[str]) -> int | None:
        """How many images a training list has: as records say, or the data set itself where it is found."""
        for limit in (split.limit, None):
            found = self.lengths.get((split.data, split.list, limit))
            if found is None and limit is None:
                found = self.lengths[split.data, split.list, None] = _count(split, data)
            if found is not None:
                return min(found, split.limit or found)
        return None


def _count(split: Split, data: Sequence[str]) -> int | None:
    """The length of a list of a data set that is found and, if it is a generated one, was generated before."""
    try:
        root = find_root(split.data, search_folders(split.data, data))
        return len(open_dataset(split.data, root).samples(split.list)) if root.is_dir() else None
    except (ValueError, OSError):
        return None


def _network(identity: dict) -> str:
    return json.dumps([identity["network"], identity["options"], identity["train"]["data"]], sort_keys=True)


def _shape(identity: dict) -> str:
    """What decides a step's time: network, data and the sizes of the recipe."""
    recipe = identity["recipe"]
    sizes = [recipe.get(name) for name in ("size", "crop", "batch", "micro_batch", "precision")]
    return json.dumps([_network(identity), sizes])


def known_of(suite: Suite) -> Known:
    """Return what this checkout's runs and the committed records tell."""
    folders = [records.folder_of(None, toy=False).records]
    folders += [records.lock_of(suite.name).records] if suite.toy else []
    here = [folder.record for folder in every() if not folder.damage and folder.record]
    return Known(here, [record.data for folder in folders for record in records.every(folder)])


def describe_plan(suite: Suite, order: Order) -> str:
    """Return the plan as text: a line a run, due or done, and what the due ones take and write."""
    jobs, known = jobs_of(suite, order), known_of(suite)
    costs = [known.of(job.run, order.data) for job in jobs]
    done = [is_done(suite, job) for job in jobs]
    head, *lines = columns(HEADS, list(map(_row, jobs, costs, done)), right=("seed", "steps", "time", "memory"))
    text = [f"{suite.name}: {suite.title}; {many(len(jobs), 'run')}, in this order", f"  {head}"]
    for job, line in zip(jobs, lines):
        text += [f"  {line}", *(f"  {'':26}also {cell}" for cell in job.cells[1:])]
    due = [(job, cost) for job, cost, finished in zip(jobs, costs, done) if not finished]
    return "\n".join([*text, *(f"  {line}" for line in _total(suite, due, known))])


def _row(job: Job, cost: Cost, done: bool) -> tuple[str, ...]:
    """The words of a run under `HEADS`."""
    return (
        "done" if done else "due",
        job.run.id,
        str(job.run.seed),
        job.cells[0],
        "evaluated only" if not job.run.trained else UNKNOWN if cost.steps is None else str(cost.steps),
        UNKNOWN if cost.seconds is None else f"{cost.mark}{duration(cost.seconds)}",
        UNKNOWN if cost.memory is None else f"{cost.memory / 2**30:.1f} GiB",
    )


def _total(suite: Suite, due: Sequence[tuple[Job, Cost]], known: Known) -> Iterable[str]:
    """What the due runs take together, where they are written, and what the marks mean."""
    if not due:
        return
    seconds = [cost.seconds for _, cost in due if cost.seconds is not None]
    open_ones = len(due) - len(seconds)
    memory = max((cost.memory or 0 for _, cost in due), default=0)
    took = f"{duration(sum(seconds))} one after another" if seconds else "time unknown until measured"
    took += f" without {open_ones} that are unknown until measured" if open_ones and seconds else ""
    yield f"due: {many(len(due), 'run')}, {took}" + (f", {memory / 2**30:.1f} GiB of memory" if memory else "")
    home = home_of(suite)
    size = sum(disk_of(known.parameters.get(_network(job.run.identity()), 0)) for job, _ in due if job.run.trained)
    about = f" (about {size / 2**30:.1f} GiB)" if size else ""
    places = f"records in {short(home.records)}, tables in {short(home.tables)}, figures in {short(home.figures)}"
    yield f"they write weights and curves to {short(runs_folder(suite))}{about}, {places}"
    marks = {cost.mark for _, cost in due}
    if "*" in marks:
        yield f"* as the committed records say ({', '.join(sorted(known.kinds))}); this machine may differ"
    if "~" in marks:
        yield "~ from the network's operations and the speed of earlier runs here"


def disk_of(parameters: int) -> int:
    """Return the bytes that a finished run keeps: its last and its selected weights in float32."""
    return 2 * 4 * parameters
