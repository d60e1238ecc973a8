"""A suite's due runs handed out: one after another in this process, side by side, or over Ray."""

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import torch
from rich.console import Console

from repro.command import DONE, Stop
from repro.data import find_root, search_folders
from repro.jobs.estimate import Estimate, announce, estimate, longest_first
from repro.jobs.lanes import shares, side_by_side, visible_gpus
from repro.jobs.livetable import LiveTable
from repro.jobs.one import Outcome, name_of, not_begun, one_by_one, steps_of
from repro.machine import pick_device
from repro.papers.spec import Suite
from repro.plan import Job
from repro.progress import Watch
from repro.runner import Setting, check_batches, check_data, check_weights
from repro.suite import Order

Finished = Callable[[Job], str]  # publishes a run; returns its scores in a few words
LOADERS = 8  # processes that load images beside a GPU, at most


def hand_out(
    suite: Suite, due: Sequence[Job], setting: Setting, order: Order, console: Console, stop: Stop, finished: Finished
) -> int:
    """Do the due runs as the order says and return the exit code; `finished` is called after each that is done.

    Args:
        suite: whose.
        due: in the order they are worth doing.
        setting: where; its device and workers are chosen here.
        order: device, workers, jobs, per_gpu, cluster (`repro.suite.Order`).
        console: what is said.
        stop: when to stop.
        finished: what to do with a run that is done.

    Raises:
        ValueError: data, weights, batches, device or cluster are not what they should be; nothing was begun.
    """
    looks = order.processes.local == 0  # one process of a machine is enough
    order.processes.gather(lambda: [check_data(name, setting.data) for name in _data_sets(due)] if looks else [])
    if not order.cluster:  # whose nodes have files of their own
        check_weights(job.run for job in due)
    check_batches((job.run for job in due), order.processes)
    how = _on_cluster if order.cluster else _together if order.processes.size > 1 else _here
    return how(suite, due, setting, order, console, stop, finished)


def _here(
    suite: Suite, due: Sequence[Job], setting: Setting, order: Order, console: Console, stop: Stop, finished: Finished
) -> int:
    """On this machine."""
    device = pick_device(order.device)
    if order.per_gpu and device.type == "cpu":
        raise ValueError("--per-gpu lets runs share a GPU, and this call computes on a CPU; give --jobs N instead")
    stop.listen()
    gpus = visible_gpus() if device.type == "cuda" else []
    setting = replace(setting, device=device)
    asked = order.jobs or (2 if suite.toy else 1)
    expected = estimate(due, setting, first_only=suite.toy, at_once=min(asked, len(due)))
    cores = os.cpu_count() or 1
    per_gpu = _per_gpu(order.per_gpu, expected, most=cores // max(len(gpus), 1))
    lanes = min(order.jobs or len(gpus) * per_gpu or asked, len(due))
    setting = replace(setting, workers=_workers(order, device, cores if lanes == 1 else cores // lanes - 1))
    if per_gpu > 1:
        console.print(f"{per_gpu} runs share each of {len(gpus)} GPUs.")
    announce(suite, expected, setting, console, at_once=lanes, asked=order.device)
    if lanes == 1:
        with Watch(console, len(due)) as watch:
            outcomes = one_by_one(due, setting, watch, stop)
            return _take(outcomes, finished, lambda _, facts, seconds: watch.end(facts, seconds))
    on = shares(cores, gpus, lanes=lanes, per_gpu=-(-lanes // max(len(gpus), 1)))
    ordered = longest_first(due, expected.seconds)
    return follow(due, setting, console, finished, lambda table: side_by_side(ordered, setting, table, stop, on))


def _together(
    suite: Suite, due: Sequence[Job], setting: Setting, order: Order, console: Console, stop: Stop, finished: Finished
) -> int:
    """By the processes that torchrun started: each run by all of them, one after another."""
    processes, device = order.processes, pick_device(order.device)
    stop.listen()
    cores = (os.cpu_count() or 1) // processes.here
    setting = replace(setting, device=device, processes=processes, workers=_workers(order, device, cores - 1))

    def say() -> None:
        expected = estimate(due, setting, first_only=suite.toy)
        announce(suite, expected, setting, console, at_once=1, asked=order.device)
        console.print(f"{processes.size} processes train each run together.")

    processes.first(say)
    with Watch(console, len(due)) as watch:
        outcomes = one_by_one(due, setting, watch, stop)
        if processes.leads:
            return _take(outcomes, finished, lambda _, facts, seconds: watch.end(facts, seconds))
        return max(outcome.code for _, outcome in outcomes)


def _on_cluster(
    suite: Suite, due: Sequence[Job], setting: Setting, order: Order, console: Console, stop: Stop, finished: Finished
) -> int:
    """Over Ray."""
    from repro.jobs import cluster  # Ray is an extra

    with cluster.connected(order.cluster) as said:
        stop.listen()  # Ray has set a handler of its own
        nodes = cluster.nodes()
        device = _device_of(nodes, order)
        data = {name: find_root(name, search_folders(name, setting.data)).absolute() for name in _data_sets(due)}
        setting = replace(setting, device=device, data=tuple(f"{name}={root}" for name, root in data.items()))
        gpus = [node for node in nodes if node.get("GPU")] if device.type == "cuda" else []
        whole = cluster.demand_of(gpus, per_gpu=1)
        expected = cluster.elsewhere(estimate, whole, stop, due, setting, first_only=suite.toy)
        if expected is None:
            return _take([(due[0], not_begun(stop()))], finished, None)
        demand = cluster.demand_of(gpus, per_gpu=_per_gpu(order.per_gpu, expected, most=len(due)))
        setting = replace(setting, workers=_workers(order, device, int(demand.cpus) - 1))
        slots = cluster.slots_of(nodes, demand)
        console.print(
            f"{said[0].upper()}{said[1:]}: {len(nodes)} nodes take {slots} runs at once, each on "
            f"{demand.gpus:.3g} GPU and {demand.cpus:.3g} cores.", markup=False,
        )  # fmt: skip
        announce(suite, expected, setting, console, at_once=max(min(slots, len(due)), 1), asked=order.device)
        ordered = longest_first(due, expected.seconds)
        return follow(due, setting, console, finished, lambda table: cluster.over_ray(
            ordered, setting, table, stop, demand
        ))  # fmt: skip


def _device_of(nodes: Sequence[dict], order: Order) -> torch.device:
    """The device of a cluster's runs; ValueError where it cannot be what was asked for."""
    gpus = sum(node.get("GPU", 0) for node in nodes)
    if order.device == "cuda" and not gpus:
        raise ValueError(f"--device cuda: none of the cluster's {len(nodes)} nodes has a GPU; give --device cpu")
    device = torch.device("cuda" if gpus and order.device != "cpu" else "cpu")
    if order.per_gpu and device.type == "cpu":
        raise ValueError("--per-gpu lets runs share a GPU, and this call computes on CPUs; leave it out")
    return device


def _data_sets(jobs: Sequence[Job]) -> list[str]:
    return list(dict.fromkeys(name for job in jobs for name in (job.run.train.data, job.run.test.data)))


def _per_gpu(asked: int | str | None, expected: Estimate, *, most: int) -> int:
    """Runs that share a GPU: as asked, or as many as the measured memory allows."""
    return max(min(expected.per_gpu, most), 1) if asked == "auto" else asked or 1


def _workers(order: Order, device: torch.device, cores: int) -> int:
    """Loader processes of a run: as asked, or beside a GPU what its cores allow."""
    if order.workers is not None:
        return order.workers
    return min(LOADERS, max(cores, 1)) if device.type == "cuda" else 0


def follow(
    due: Sequence[Job],
    setting: Setting,
    console: Console,
    finished: Finished,
    do: Callable[[LiveTable], Iterable[tuple[Job, Outcome]]],
) -> int:
    """Show the due jobs in one live table while they are done; return the exit code of all."""
    with LiveTable(console, {job.run.id: (name_of(job), steps_of(job, setting)) for job in due}) as table:
        return _take(do(table), finished, table.end, table.fail)


def _take(outcomes: Iterable[tuple[Job, Outcome]], finished: Finished, end, fail=lambda id: None) -> int:
    """Take each job as it ends; return the exit code of all. Of equal sentences one is printed."""
    code, said = DONE, set()
    for job, outcome in outcomes:
        code = max(code, outcome.code)
        if outcome.code == DONE:
            end(job.run.id, finished(job), outcome.seconds)
            continue
        fail(job.run.id)
        if outcome.said not in said:
            said.add(outcome.said)
            print(outcome.said, file=sys.stderr)
    return code
