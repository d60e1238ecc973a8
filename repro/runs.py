"""List the runs of this checkout with their state, time and scores, or free what finished ones no longer need."""

import fcntl
import functools
import sys
from collections.abc import Sequence
from pathlib import Path

from repro import plan
from repro.columns import columns
from repro.command import BAD_INPUT, DONE, Parser, run
from repro.compare import SEEDS
from repro.folders import RUNNING, STATES, RunFolder, every
from repro.progress import make_console
from repro.words import duration, many

DAMAGED = "damaged"  # what stands in place of a state
HEADS = ("state", "run", "network", "trained on", "epoch", "seed", "time", "best", "score", "")
COLOURS = {"running": "cyan", "done": "green", "failed": "red", "damaged": "red", "interrupted": "yellow"}
LEGEND = """best: highest mIoU on the selection list so far; score: the last weights on the reported list; per cent."""
EXAMPLES = (
    "repro runs                         every run of this checkout",
    "repro runs --suite demo            of one suite",
    "repro runs --prune --dry-run       what --prune would free",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    return run(_main, arguments, "repro.runs")


def _main(arguments: Sequence[str] | None) -> int:
    parser = Parser(prog="repro.runs", description=__doc__, epilog=LEGEND, examples=EXAMPLES)
    parser.add_argument("--suite", metavar="S", help="only runs of this suite; `own` for those on your own data")
    parser.add_argument("--prune", action="store_true", help="a finished run keeps its last and selected weights only")
    parser.add_argument("--dry-run", action="store_true", help="with --prune: say what would be freed, free nothing")
    parser.add_argument("--quiet", action="store_true", help="say nothing but errors")
    options = parser.parse_args(arguments)
    if options.dry_run and not options.prune:
        parser.error("--dry-run goes with --prune")
    if options.suite not in (None, "own"):
        plan.suite(options.suite)  # an unknown one is no empty list, in an empty checkout neither
    found = [each for each in every() if options.suite is None or _is_of(each, options.suite)]
    if options.prune:
        return _prune(found, quiet=options.quiet, dry_run=options.dry_run)
    damaged = [each for each in found if each.damage]
    if not options.quiet:
        show(found, options.suite)
    for each in damaged:
        print(f"repro.runs: {each.damage}.", file=sys.stderr)
    return BAD_INPUT if damaged else DONE


def _is_of(folder: RunFolder, suite: str) -> bool:
    """Whether a run is one of a suite's; ValueError where there is no such suite."""
    if suite == "own":
        return folder.home.startswith("own/")
    of = plan.suite(suite)
    if of.toy:
        return folder.home == of.name
    return not folder.home and folder.id in _ids(of.name)


@functools.cache
def _ids(suite: str) -> set[str]:
    """The ids of every run that a suite's tables look for."""
    return {job.run.id for job in plan.plan(plan.suite(suite), seeds=SEEDS, ablations=True)}


def show(found: Sequence[RunFolder], suite: str | None = None) -> None:
    """Print a line a run, coloured on a terminal, and how many are in which state."""
    if not found:
        print(f"No run of {suite} here yet." if suite else "No run here yet; ./run_all.sh trains the demo.")
        return
    rows = [row_of(each) for each in found]
    head, *lines = columns(HEADS, rows, right=("epoch", "seed", "time", "best", "score"))
    console = make_console()
    console.print(head, style="bold", markup=False, soft_wrap=True)
    for row, line in zip(rows, lines):
        console.print(line, style=COLOURS[row[0]], markup=False, soft_wrap=True)
    states = [row[0] for row in rows]
    counts = ", ".join(f"{states.count(state)} {state}" for state in (*STATES, DAMAGED) if state in states)
    console.print(f"{many(len(rows), 'run')}: {counts}. {LEGEND[0].upper()}{LEGEND[1:]}", markup=False, soft_wrap=True)


def row_of(folder: RunFolder) -> list[str]:
    """Return the words of a run under `HEADS`."""
    if folder.damage:
        return [DAMAGED, folder.id, *["?"] * (len(HEADS) - 3), "see below"]
    identity, points = folder.identity, folder.points
    run_of, data, epochs, seed = "?", "?", "?", "?"
    if identity:
        limit = identity["train"].get("limit")
        run_of, seed, epochs = identity["network"], str(identity["seed"]), str(identity["recipe"]["epochs"])
        data = folder.home.removeprefix("own/") if folder.home.startswith("own/") else identity["train"]["data"]
        data += f", {limit} images" if limit else ""
    score, best, state = folder.score, folder.best, folder.state
    return [
        state,
        folder.id,
        run_of,
        data,
        "" if epochs == "0" else f"{points[-1]['epoch'] if points else 0}/{epochs}",
        seed,
        "" if folder.seconds is None else duration(folder.seconds),
        "" if best is None else f"{100 * best:.1f}",
        "" if score is None else f"{100 * score[1]:.1f}",
        _failure(folder) if state == "failed" else score[0] if score else "",
    ]


def _failure(folder: RunFolder) -> str:
    """Why a run failed, on one line of some length."""
    return " ".join(folder.failure.split())[:100]


def _prune(found: Sequence[RunFolder], *, quiet: bool, dry_run: bool) -> int:
    """Say which files go, then remove them; a run that somebody holds is left alone."""
    files = {folder: surplus for folder in found if (surplus := folder.surplus())}
    if not quiet:
        for path in (path for surplus in files.values() for path in surplus):
            print(f"{amount(path.stat().st_size):>9}  {path}")
        total = sum(path.stat().st_size for surplus in files.values() for path in surplus)
        running = sum(folder.state == RUNNING for folder in found)
        print(f"{'Would free' if dry_run else 'Freeing'} {amount(total)} of {len(files)} finished runs"
              + (f"; {running} running are left alone." if running else "."))  # fmt: skip
    for folder, surplus in () if dry_run else files.items():
        _remove(folder.path, surplus)
    return DONE


def _remove(folder: Path, surplus: Sequence[Path]) -> None:
    """Delete files of a run's folder while nobody else is at it."""
    with open(folder / "lock", "a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return  # it has begun again since the look
        for path in surplus:
            path.unlink(missing_ok=True)


def amount(count: float) -> str:
    """Bytes as people say them: "1.7 MB", "302 MB", "4.5 GB"."""
    for unit, length in (("GB", 1e9), ("MB", 1e6)):
        if count >= length:
            return f"{count / length:.{0 if count >= 100 * length else 1}f} {unit}"
    return f"{count / 1e3:.0f} kB"


if __name__ == "__main__":
    sys.exit(main())
