"""Show the training curve of one run; with --follow as it grows."""

import sys
import time
from collections.abc import Callable, Sequence

from repro.command import DONE, Parser, run
from repro.folders import RUNNING, RunFolder, find
from repro.words import duration, many

EXAMPLES = (
    "repro log 16e6                     the run whose id begins so",
    "repro log 16e6 --follow            until it ends; Ctrl-C stops looking, not the run",
)
POLL = 1.0  # seconds between two looks


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    return run(_main, arguments, "repro.log")


def _main(arguments: Sequence[str] | None) -> int:
    parser = Parser(prog="repro.log", description=__doc__, examples=EXAMPLES)
    parser.add_argument("id", metavar="ID", help="of the run, or its beginning; `repro runs` lists them")
    parser.add_argument("--follow", action="store_true", help="print new points until the run ends")
    options = parser.parse_args(arguments)
    folder = find(options.id)
    print(heading(folder))
    for line in follow(folder) if options.follow else map(line_of, folder.points):
        print(line, flush=options.follow)
    print(ending(folder))
    return DONE


def heading(folder: RunFolder) -> str:
    """Return which run it is, in a line."""
    if folder.identity is None:
        return folder.id
    identity = folder.identity
    recipe = identity["recipe"]
    what = f"{identity['network']} on {identity['train']['data']}, seed {identity['seed']}"
    return f"{folder.id}: {what}, {many(recipe['epochs'], 'epoch')}, batch {recipe['batch']}"


def follow(folder: RunFolder, wait: Callable[[], None] = lambda: time.sleep(POLL)):
    """Yield a line a point as they come, until nobody holds the run; a resumed run goes back, which is said."""
    shown: list[dict] = []
    while True:
        running = folder.state == RUNNING  # asked first: what comes after the last look would be lost
        points = folder.points
        common = sum(1 for old, new in zip(shown, points) if old == new)
        if common < len(shown):
            yield f"(resumed after step {points[common - 1]['step'] if common else 0})"
        yield from map(line_of, points[common:])
        shown = points
        if not running:
            return
        wait()


def line_of(point: dict) -> str:
    """Return a point of the curve in a line."""
    text = f"epoch {point['epoch']:4}  step {point['step']:7}  loss {point['train_loss']:.4f}"
    if "selection_score" in point:
        text += f"  selection loss {point['selection_loss']:.4f}  mIoU {100 * point['selection_score']:5.1f}"
    return f"{text}  rate {point['learning_rate']:.2g}  {duration(point['seconds'])}"


def ending(folder: RunFolder) -> str:
    """Return how the run stands, in a line."""
    folder = RunFolder(folder.path, folder.home)  # looked at anew: a record may have come
    text = state = folder.state
    if score := folder.score:
        text += f": {score[0]} {100 * score[1]:.1f} on the reported list, last weights"
    if state == "failed":
        text += f": {' '.join(folder.failure.split())}"
    return text + ("; the same call goes on from its last checkpoint, or begins it" if state == "interrupted" else "")


if __name__ == "__main__":
    sys.exit(main())
