"""Train what a suite still lacks, publish the records, and regenerate every table and figure."""

import argparse
import fnmatch
import importlib.util
import math
import os
import re
import sys
import time
from collections.abc import Sequence
from dataclasses import replace

from repro import plan
from repro.__main__ import VERBS
from repro.command import DONE, STOPPED, Parser, Stop, time_span
from repro.command import run as run_command
from repro.compare import SEEDS
from repro.data import DATASETS, check_options, dataset_class, find_root, search_folders
from repro.dry_run import describe_plan
from repro.papers.spec import Suite
from repro.papers.suites import REPRODUCTION, SUITES
from repro.parallel import Processes, from_environment, silent_others, together
from repro.suite import Order, jobs_of, lock, runs_folder, work

EXAMPLES = (
    "./run_all.sh                                               the demo: no data needed",
    "./run_all.sh camvid --data DIR --dry-run                   the plan: runs, steps, time, memory",
    "./run_all.sh camvid --data DIR --only 'paper1_table1/*'    some cells; the same call goes on",
    "./run_all.sh camvid --epochs 4 --limit 96                  a reduced suite, camvid-e4-n96",
)
EXIT_CODES = """exit codes: 0 done; 1 a run failed; 2 bad input, nothing written; 3 another
process is at a run; 75 stopped by a time limit or a signal, the same call goes on where it was"""

WORDS = ("test", "all", "reproduction", *(verb for verb in VERBS if verb != "run"))  # that may stand for a suite


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    with silent_others():
        return run_command(_main, arguments, "run_all.sh")


def make_parser() -> Parser:
    """Return the parser of `./run_all.sh`."""
    parser = Parser(
        prog="run_all.sh",
        description=f"{__doc__} `./run_all.sh test` runs the tests instead.",
        examples=EXAMPLES,
        epilog=EXIT_CODES,
        add_help=False,
    )
    add = parser.add_argument
    add("suite", nargs="?", default="demo", help="which suite; default demo; `all`: every suite whose data are found")
    add("--only", default="*", metavar="GLOB", help="only cells whose table/row matches, e.g. 'paper1_table1/*'")
    add("--seeds", type=_seeds, metavar="0,1", help="seeds to train; default: the suite's own")
    add("--epochs", type=_positive, metavar="N", help="other epochs: a reduced suite with a name of its own")
    add("--limit", type=_positive, metavar="N", help="N training images spread evenly over the list; likewise")
    add("--ablations", action="store_true", help="also our own ablations and the other readings of the protocol")
    add("--time-limit", type=time_span, metavar="9m", help="stop in time with a checkpoint; 90s, 9m, 2h")
    add("--data", action="append", default=[], metavar="DIR", help="data folder, or NAME=DIR for one set; repeatable")
    add("--device", choices=("auto", "cuda", "cpu"), default="auto")
    add("--workers", type=_count, default=None, metavar="N", help="loader processes; changes nothing but speed")
    add("--jobs", type=_positive, metavar="N", help="runs side by side; default: one a GPU, on a CPU 2 for the demo")
    add("--per-gpu", type=_per_gpu, metavar="K", help="K runs share each GPU; auto: as many as its memory holds")
    add("--cluster", metavar="ADDRESS", help="do the runs over Ray; auto: join one that is running or start one here")
    add("--deterministic", action="store_true", help="on a GPU: the same bits each time, slower")
    add("--micro-batch", type=_micro_batch, metavar="auto|N", help="images a forward pass; auto: as many as fit")
    add("--precision", choices=plan.PRECISIONS, help="of all runs, as a suite with a name of its own")
    add("--skip-nonfinite", type=_count, default=0, metavar="N", help="leave out up to N steps without a finite loss")
    add("--save-steps", type=_positive, default=2000, metavar="N", help="a checkpoint at least every N steps")
    add("--save-every", type=time_span, default=300.0, metavar="5m", help="and at least so often; each epoch anyway")
    add("--cache", metavar="DIR", help="prepared and generated data; default: $REPRO_CACHE or ~/.cache/repro")
    add("--no-cache", action="store_true", help="read original images, prepare nothing")
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
    _check_lock(options)
    check_options(options.data)
    _check_places(options)
    processes = from_environment()
    _check_together(options, processes)
    order = Order(
        only=options.only,
        seeds=options.seeds,
        ablations=options.ablations,
        data=tuple(options.data),
        device=options.device,
        workers=options.workers,
        deterministic=options.deterministic,
        jobs=options.jobs,
        per_gpu=options.per_gpu,
        cluster=options.cluster,
        cache=not options.no_cache,
        skip_nonfinite=options.skip_nonfinite,
        every_steps=options.save_steps,
        every_seconds=options.save_every,
        processes=processes,
    )
    if options.cache:
        os.environ["REPRO_CACHE"] = options.cache
    stop = Stop(time.monotonic() + options.time_limit if options.time_limit else None, at_once=processes.size == 1)
    legs = [(_fitted(suite, order, options), order) for suite, order in _legs(options, order)]
    _check_limit([suite for suite, _ in legs])
    if options.dry_run:
        print("\n".join([*(describe_plan(suite, order) for suite, order in legs), *_missing(legs, options.data)]))
        return DONE
    from repro.progress import make_console

    console = make_console(quiet=options.quiet or not processes.leads)
    code = together(processes, options.device, lambda: _work(legs, console, stop))
    if options.lock and code == DONE:
        print(lock(legs[0][0]))
    return code


def _work(legs: Sequence[tuple[Suite, Order]], console, stop: Stop) -> int:
    """Work at one suite after another until one is stopped; return the worst exit code."""
    code = DONE
    for suite, order in legs:
        code = max(code, work(suite, order, console, stop))
        if code == STOPPED:
            break
    return code


def _check_together(options: argparse.Namespace, processes: Processes) -> None:
    """Raise where an option does not go with several processes a run."""
    for name in ("jobs", "per_gpu", "cluster", "lock"):
        if processes.size > 1 and getattr(options, name):
            option = f"--{name.replace('_', '-')}"
            raise ValueError(f"{option} does not go with torchrun, whose processes train one run after another")


def _check_places(options: argparse.Namespace) -> None:
    """Raise unless the options that say where runs go agree with each other."""
    if options.jobs and options.per_gpu:
        raise ValueError("--jobs N and --per-gpu K both say how many runs go on at once; give one of them")
    if options.jobs and options.cluster:
        raise ValueError("--jobs N is for one machine; on a cluster give --per-gpu K, or leave both out")
    if options.cluster is not None:
        if options.cluster != "auto" and not re.fullmatch(r"[A-Za-z0-9._-]+:\d{1,5}", options.cluster):
            raise ValueError(f"--cluster {options.cluster!r}: expected auto or the HOST:PORT of a Ray head node")
        if not options.dry_run and importlib.util.find_spec("ray") is None:
            raise ValueError(
                "--cluster needs Ray, which is not installed here; pip install -e '.[cluster]', on every node alike"
            )


def _check_lock(options: argparse.Namespace) -> None:
    """Raise unless `--lock`, if given, is about the whole demo."""
    names = ("only", "seeds", "epochs", "limit", "micro_batch", "precision")
    partial = [name.replace("_", "-") for name in names if getattr(options, name) not in (None, "*")]
    if options.lock and options.suite != "demo":
        raise ValueError(f"--lock goes with demo, not with {options.suite}")
    if options.lock and partial:
        raise ValueError(f"--lock locks the demo as a whole; leave out --{partial[0]}")


def _check_limit(suites: Sequence[Suite]) -> None:
    """Raise where no training list of any suite has as many images as the suites are limited to."""
    most = [max(map(_most_images, {stand.train for stand in suite.data.values()})) for suite in suites]
    beyond = [suite.limit is not None and suite.limit > images for suite, images in zip(suites, most)]
    if suites and all(beyond):
        raise ValueError(f"--limit {suites[0].limit}: {suites[0].name} trains on {most[0]} images at most; give fewer")


def _most_images(data: str) -> float:
    """How many images a data set can have in its training list; no end where none is declared."""
    return (dataset_class(data).most_images("train") if data in DATASETS else None) or math.inf


def _legs(options: argparse.Namespace, order: Order) -> list[tuple[Suite, Order]]:
    """What is to be done, one after another; ValueError where data are missing."""
    if options.suite != "reproduction":
        return [(suite, order) for suite in _suites(options)]
    if options.only != "*" or options.ablations:
        raise ValueError("reproduction says itself which cells it does; name a suite to use --only or --ablations")
    suites = [(_reduced(plan.suite(leg.suite), options), leg) for leg in REPRODUCTION]
    missing = {suite.name: missing_data(suite, options.data) for suite, _ in suites}
    nothing = all(missing.values())
    if nothing and not options.dry_run:
        raise ValueError(next(iter(missing.values()))[0])
    return [
        (suite, replace(order, only=leg.only, ablations=leg.ablations, go_on=True))
        for suite, leg in suites
        if nothing or not missing[suite.name]
    ]


def _reduced(suite: Suite, options: argparse.Namespace) -> Suite:
    return plan.reduced(
        suite, options.epochs or suite.epochs, options.limit or suite.limit, precision=options.precision
    )


def _fitted(suite: Suite, order: Order, options: argparse.Namespace) -> Suite:
    """The suite in micro-batches as asked: its own name says so where they are smaller than the batch.

    A plan alone (`--dry-run`) looks for none: that takes a training step of every network.
    """
    micro = options.micro_batch
    if micro == "auto":
        from repro.jobs.fitting import micro_batch_of  # torch takes seconds to import
        from repro.machine import pick_device
        from repro.runner import Setting

        if order.processes.size > 1:
            raise ValueError("--micro-batch auto looks for it in one process; give these the number it finds")
        setting = Setting(runs_folder(suite), order.data, pick_device(order.device))
        whole = replace(order, only="*", ablations=True)  # for what is kept goes for later calls too
        jobs = () if options.dry_run else jobs_of(suite, whole)
        micro = micro_batch_of(jobs, setting, name=suite.name, keep=not options.dry_run)
    batches = [job.run.recipe.batch for job in jobs_of(suite, order) if job.run.trained] if micro else []
    whole = bool(batches) and micro >= max(batches)  # no part of any batch, and so nothing to name
    return plan.reduced(suite, suite.epochs, suite.limit, None if whole else micro)


def _suites(options: argparse.Namespace) -> list[Suite]:
    """The suites that were asked for, reduced as asked; ValueError where data are missing."""
    if options.suite == "all":
        found = [suite for suite in SUITES.values() if not missing_data(suite, options.data)]
        found = [suite for suite in found if _matches(suite, options)] or found[:1]
    else:
        found = [plan.suite(options.suite, also=WORDS)]
        for sentence in missing_data(found[0], options.data)[:1]:
            if not options.dry_run:
                raise ValueError(sentence)
    return [_reduced(suite, options) for suite in found]


def _matches(suite: Suite, options: argparse.Namespace) -> bool:
    """Whether a suite has a cell that `--only` asks for."""
    return bool(fnmatch.filter(plan.cells_of(suite, ablations=options.ablations), options.only))


def missing_data(suite: Suite, data: Sequence[str]) -> list[str]:
    """Return a sentence for each data set of a suite that is not found; unreadable ones are passed over."""
    sentences = {}
    for stand in suite.data.values():
        for name in (stand.train, stand.test):
            if name in DATASETS:
                try:
                    find_root(name, search_folders(name, data))
                except ValueError as error:
                    sentences[name] = str(error)
    return list(sentences.values())


def _missing(legs: Sequence[tuple[Suite, Order]], data: Sequence[str]) -> list[str]:
    """A line for each data set that a plan lacks here: carried out, it would be refused."""
    sentences = dict.fromkeys(sentence for suite, _ in legs for sentence in missing_data(suite, data))
    return [f"  missing: {sentence}" for sentence in sentences]


def describe_suites(data: Sequence[str]) -> str:
    """Return the suites, what each needs and which of it is found, as text."""
    lines = ["suites (what stands behind the papers' tables), and the data found here:"]
    for suite in SUITES.values():
        lines.append(f"  {suite.name:14}{suite.title}")
        for name in dict.fromkeys(name for stand in suite.data.values() for name in (stand.train, stand.test)):
            lines.append(f"  {'':14}  {name}: {_found(name, data)}")
    lines.append("  all           every suite above whose data are found")
    lines.append("  reproduction  what open data can say of both papers, most valuable first, from where records stand")
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


def _match(text: str, pattern: str, kind: str) -> re.Match:
    """The match of all of `text`, refused as a parser expects it."""
    found = re.fullmatch(pattern, text, re.ASCII)
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} is not {kind}")
    return found


def _seeds(text: str) -> tuple[int, ...]:
    _match(text, r"\d{1,6}(,\d{1,6})*", "a list of seeds, expected whole numbers such as 0,1,2")
    seeds = tuple(dict.fromkeys(int(seed) for seed in text.split(",")))
    if max(seeds) not in SEEDS:
        raise argparse.ArgumentTypeError(f"{text!r} is beyond the seeds that tables look for, 0 to {SEEDS[-1]}")
    return seeds


def _positive(text: str) -> int:
    return int(_match(text, r"0*[1-9]\d{0,8}", "a whole number above 0")[0])


def _micro_batch(text: str) -> int | str:
    return text if text == "auto" else int(_match(text, r"0*[1-9]\d{0,3}", "auto or a whole number above 0")[0])


def _per_gpu(text: str) -> int | str:
    return text if text == "auto" else int(_match(text, r"0*[1-9]\d{0,2}", "auto or a whole number above 0")[0])


def _count(text: str) -> int:
    return int(_match(text, r"\d{1,4}", "a whole number, 0 or above")[0])


if __name__ == "__main__":
    sys.exit(main())
