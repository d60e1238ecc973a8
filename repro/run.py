"""Train what a suite still lacks, and rewrite its tables and figures after every run."""

import argparse
import re
import shutil
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from repro import plan, records
from repro.compare import find_suite, folder_of
from repro.data import DATASETS, find_root, search_folders
from repro.networks import NETWORKS
from repro.papers.spec import Suite
from repro.papers.suites import SUITES
from repro.plan import Job

DONE, FAILED, BAD_INPUT, BUSY, STOPPED = 0, 1, 2, 3, 75  # 75: stopped with a checkpoint, the same call goes on
EXIT_CODES = f"""exit codes: {DONE} done, {FAILED} a run failed, {BAD_INPUT} bad input (nothing was written),
{BUSY} another process is at a run, {STOPPED} stopped (time limit or signal): the same call goes on where it was"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code; bad input is one sentence on stderr."""
    try:
        return _main(arguments)
    except (ValueError, OSError) as error:
        print(f"run_all.sh: {error}", file=sys.stderr)
        return BAD_INPUT


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of `./run_all.sh`."""
    parser = argparse.ArgumentParser(
        prog="./run_all.sh",
        description="Train every entry of a suite that this checkout has not trained yet, publish the records, and "
        "regenerate every table and figure. `./run_all.sh test` runs the tests instead.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=EXIT_CODES,
        add_help=False,
    )
    add = parser.add_argument
    add("suite", nargs="?", default="demo", help="which suite; default demo; `all`: every suite whose data are found")
    add("--only", default="*", metavar="GLOB", help="only cells whose table/row matches, e.g. 'paper1_table1/*'")
    add("--seeds", type=_seeds, metavar="0,1", help="seeds to train; default: the suite's own")
    add("--epochs", type=_positive, metavar="N", help="fewer epochs: a reduced suite with a name of its own")
    add("--limit", type=_positive, metavar="N", help="N training images spread evenly over the list; likewise")
    add("--ablations", action="store_true", help="also our own ablations and the other readings of the protocol")
    add("--time-limit", type=_duration, metavar="9m", help="stop in time with a checkpoint; 90s, 9m, 2h")
    add("--data", action="append", default=[], metavar="DIR", help="data folder, or NAME=DIR for one set; repeatable")
    add("--device", choices=("auto", "cuda", "cpu"), default="auto")
    add("--workers", type=int, default=None, metavar="N", help="loader processes; changes nothing but speed")
    add("--deterministic", action="store_true", help="on a GPU: the same bits each time, slower")
    add("--dry-run", action="store_true", help="print the plan and do nothing")
    add("--lock", action="store_true", help="demo only: make this checkout's demo the committed golden")
    add("--quiet", action="store_true", help="say nothing but errors")
    add("-h", "--help", action="store_true", help="this page, with the suites and the data found here")
    return parser


def _main(arguments: Sequence[str] | None) -> int:
    parser = make_parser()
    options = parser.parse_args(arguments)
    if options.help:
        print(parser.format_help() + "\n" + describe_suites(options.data))
        return DONE
    if options.lock and options.suite != "demo":
        raise ValueError(f"--lock goes with demo, not with {options.suite}")
    suites = _suites(options)
    if options.dry_run:
        for suite in suites:
            print(describe_plan(suite, _jobs(suite, options)))
        return DONE
    code = max([_run_suite(suite, options) for suite in suites], default=DONE)
    if options.lock and code == DONE:
        lock(suites[0])
    return code


def _suites(options: argparse.Namespace) -> list[Suite]:
    """The suites that were asked for, reduced as asked; ValueError where data are missing."""
    if options.suite == "all":
        found = [suite for suite in SUITES.values() if not missing_data(suite, options.data)]
    else:
        found = [find_suite(options.suite)]
        for sentence in missing_data(found[0], options.data)[:1]:
            if not options.dry_run:
                raise ValueError(sentence)
    if options.epochs or options.limit:
        found = [plan.reduced(suite, options.epochs or suite.epochs, options.limit or suite.limit) for suite in found]
    return found


def missing_data(suite: Suite, data: Sequence[str]) -> list[str]:
    """Return a sentence for each data set of a suite that is not found; those that cannot be read yet are passed over."""
    sentences = {}
    for stand in suite.data.values():
        for name in (stand.train, stand.test):
            if name in DATASETS:
                try:
                    find_root(name, search_folders(name, data))
                except ValueError as error:
                    sentences[name] = str(error)
    return list(sentences.values())


def _jobs(suite: Suite, options: argparse.Namespace) -> list[Job]:
    """The suite's runs that this version can do."""
    jobs = plan.plan(suite, only=options.only, seeds=options.seeds, ablations=options.ablations)
    return [job for job in jobs if is_built(job)]


def is_built(job: Job) -> bool:
    """Whether this version has the job's network and data sets."""
    return job.run.network in NETWORKS and {job.run.train.data, job.run.test.data} <= set(DATASETS)


def describe_suites(data: Sequence[str]) -> str:
    """Return the suites, what each needs and which of it is found, as text."""
    lines = ["suites (what stands behind the papers' tables), and the data found here:"]
    for suite in SUITES.values():
        lines.append(f"  {suite.name:14}{suite.title}")
        for name in dict.fromkeys(name for stand in suite.data.values() for name in (stand.train, stand.test)):
            lines.append(f"  {'':14}  {name}: {_found(name, data)}")
    lines.append("  all           every suite above whose data are found")
    return "\n".join(lines)


def _found(name: str, data: Sequence[str]) -> str:
    if name not in DATASETS:
        return "cannot be read yet"
    if name.startswith("toy_"):
        return "generated on first use"
    try:
        return f"found in {find_root(name, search_folders(name, data))}"
    except ValueError:
        return "not found"


def describe_plan(suite: Suite, jobs: Sequence[Job]) -> str:
    """Return the plan as text: a line a run, due or done, with its steps' recipe."""
    folder = runs_folder(suite)
    lines = [f"{suite.name}: {suite.title}; {len(jobs)} runs, in this order"]
    for job in jobs:
        state = "done" if (folder / job.run.id / "record.json").exists() else "due "
        recipe = job.run.recipe
        steps = f"{recipe.epochs} epochs of batch {recipe.batch}" if job.run.trained else "evaluated only"
        lines.append(f"  {state} {job.run.id} seed {job.run.seed}  {job.cells[0]}  {steps}")
        lines += [f"       {'':19}  also {cell}" for cell in job.cells[1:]]
    return "\n".join(lines)


def runs_folder(suite: Suite, root: Path = records.ROOT) -> Path:
    """Return the folder that holds a suite's runs: `runs/`, or `runs/demo/` where nothing is published."""
    return root / "runs" / suite.name if suite.toy else root / "runs"


@dataclass
class Stop:
    """When to stop: a deadline, or a signal that came."""

    deadline: float | None
    signal: str = ""

    def __call__(self) -> str:
        """Return the reason to stop now, or ""."""
        if self.signal:
            return self.signal
        return "time limit" if self.deadline and time.monotonic() > self.deadline else ""

    def listen(self) -> None:
        """Let SIGTERM and SIGINT stop at the next step; a second one at once."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, _) -> None:
        if self.signal:
            sys.exit(128 + number)
        self.signal = signal.Signals(number).name


def _run_suite(suite: Suite, options: argparse.Namespace) -> int:
    """Do a suite's due runs one after another; return the exit code."""
    jobs = _jobs(suite, options)
    folder = runs_folder(suite)
    due = [job for job in jobs if not (folder / job.run.id / "record.json").exists()]
    stop = Stop(time.monotonic() + options.time_limit if options.time_limit else None)
    from repro.progress import make_console

    console = make_console(quiet=options.quiet)
    console.print(f"{suite.title}: {len(jobs)} runs, {len(jobs) - len(due)} done, {len(due)} due.", markup=False)
    code = DONE
    if due:
        code = _perform(suite, jobs, due, options, stop, console)
    published = publish_all(suite, jobs)
    views = rewrite_views(suite, None if due or not _views_stand(suite) else ())
    for table in views:
        console.print(table, markup=False)
    target = folder_of(suite)
    console.print(f"{published} records; tables in {_short(target.tables)}, figures in {_short(target.figures)}.", markup=False)
    return code


def _perform(suite: Suite, jobs, due, options, stop: Stop, console) -> int:
    """Train and evaluate the due runs; views follow after each."""
    import torch

    from repro.estimate import announce
    from repro.machine import pick_device
    from repro.progress import Watch
    from repro.runner import Busy, Setting, check_data, perform
    from repro.training import Interrupted

    device = pick_device(options.device)
    workers = options.workers if options.workers is not None else (8 if device.type == "cuda" else 0)
    setting = Setting(runs_folder(suite), tuple(options.data), device, workers, options.deterministic)
    for name in dict.fromkeys(name for job in due for name in (job.run.train.data, job.run.test.data)):
        check_data(name, setting.data)
    announce(suite, due, setting, console, asked=options.device)
    stop.listen()
    code = DONE
    with Watch(console, len(due)) as watch:
        for job in due:
            reason = stop()
            if reason:
                console.print(f"Stopped ({reason}); the same call goes on from here.")
                return STOPPED
            total = _steps(job, setting)
            name = f"{job.cells[0]}, seed {job.run.seed}" if job.run.seed else job.cells[0]
            try:
                done = perform(job.run, setting, watch.begin(name, total, job.run.recipe.batch, stop))
            except Interrupted as why:
                console.print(f"Stopped ({why}) with a checkpoint; the same call goes on from it.")
                return STOPPED
            except Busy as why:
                console.print(str(why), markup=False)
                code = max(code, BUSY)
                continue
            except (ValueError, OSError, torch.OutOfMemoryError) as error:
                print(f"{name}: {error}", file=sys.stderr)
                code = FAILED
                continue
            watch.end(_outcome(done))
            publish_all(suite, [job])
            rewrite_views(suite, tables={cell.split("/")[0] for cell in job.cells})
    return code


def _steps(job: Job, setting) -> int:
    from repro.runner import open_lists
    from repro.training import steps_per_epoch

    if not job.run.trained:
        return 0
    return job.run.recipe.epochs * steps_per_epoch(len(open_lists(job.run, setting.data).train), job.run.recipe.batch)


def _outcome(folder: Path) -> str:
    """The scores a run ends with, in a few words."""
    import json

    scores = json.loads((folder / "record.json").read_text())["scores"]["last native whole"]
    names = ("jaccard", "dice", "accuracy") if "jaccard" in scores else ("miou", "pixel_accuracy")
    return ", ".join(f"{name} {100 * scores[name]:.1f}" for name in names if scores.get(name) is not None)


def publish_all(suite: Suite, jobs: Sequence[Job]) -> int:
    """Copy the finished runs' records to the suite's records folder; return how many are there."""
    import json

    target = records.folder_of(None, toy=False).records if not suite.toy else records.folder_of(suite.name, toy=True).records
    count = 0
    for job in jobs:
        folder = runs_folder(suite) / job.run.id
        if (folder / "record.json").exists():
            kind = json.loads((folder / "record.json").read_text())["provenance"]["kind"]
            if records.publish(folder, target, job.run.id, kind) is None:
                print(f"{folder}: a record of this name with other numbers is published; this one stays here", file=sys.stderr)
            count += 1
    return count


def rewrite_views(suite: Suite, tables: Sequence[str] | None = None) -> list[str]:
    """Rewrite a suite's tables and figures (all, or the given ones); return the tables as text."""
    from repro import views

    return views.rewrite(suite, tables)


def _views_stand(suite: Suite) -> bool:
    """Whether a suite's tables are there already."""
    return any(folder_of(suite).tables.glob("*.csv"))


def lock(suite: Suite) -> None:
    """Make the demo trained here the committed golden, as a whole."""
    trained = records.folder_of(suite.name, toy=True)
    locked = records.lock_of(suite.name)
    for source, target in ((trained.tables, locked.tables), (trained.figures, locked.figures)):
        shutil.rmtree(target, ignore_errors=True)
        if source.is_dir():
            shutil.copytree(source, target)
    print(f"Locked: {_short(locked.tables)} and {_short(locked.figures)}. Say in the commit why the numbers moved.")


def _short(path: Path) -> str:
    """A path as the user would type it."""
    return str(path.relative_to(records.ROOT)) if path.is_relative_to(records.ROOT) else str(path)


def _typed(kind: str, pattern: str) -> Callable[[str], re.Match]:
    def match(text: str) -> re.Match:
        found = re.fullmatch(pattern, text)
        if not found:
            raise argparse.ArgumentTypeError(f"{text!r} is not {kind}")
        return found

    return match


def _seeds(text: str) -> tuple[int, ...]:
    _typed("a list of seeds; expected whole numbers such as 0,1,2", r"\d{1,6}(,\d{1,6})*")(text)
    return tuple(dict.fromkeys(int(seed) for seed in text.split(",")))


def _positive(text: str) -> int:
    return int(_typed("a whole number above 0", r"0*[1-9]\d{0,8}")(text)[0])


def _duration(text: str) -> float:
    number, unit = _typed("a duration; expected such as 90s, 9m or 2h", r"(\d+(?:\.\d+)?)([smh])")(text).groups()
    return float(number) * {"s": 1, "m": 60, "h": 3600}[unit]


if __name__ == "__main__":
    sys.exit(main())
