"""A Ray of three nodes on this machine, and what happens to its runs when a part of it is killed."""

import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from repro.bench import tiny_runs

ROOT = Path(__file__).resolve().parents[2]
TASK = "ray::attempt_there"  # what Ray calls a process that does a run
TOO_LONG = 300.0  # seconds


@dataclass(frozen=True)
class Fault:
    """What came of killing something in mid-run.

    Attributes:
        name: what was killed.
        calls: of the command until everything was done.
        begun_again: runs that went on from a checkpoint in another process.
        finished: runs that have a record.
        equal: runs whose record is, to the bit and apart from provenance, that of the same run done alone.
        runs: all of them.
        seconds: from the first call to the last record.
    """

    name: str
    calls: int
    begun_again: int
    finished: int
    equal: int
    runs: int
    seconds: float


@contextmanager
def three_nodes() -> Iterator:
    """Start three nodes of one core each under a fresh token, the first the head; yield Ray's `Cluster`."""
    os.environ.update(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=secrets.token_hex(32), RAY_USAGE_STATS_ENABLED="0")
    os.environ.setdefault("RAY_raylet_start_wait_time_s", "120")
    os.environ.setdefault("RAY_worker_niceness", "0")
    from ray.cluster_utils import Cluster

    small = {"num_cpus": 1, "object_store_memory": 80 * 2**20}
    cluster = Cluster(initialize_head=True, head_node_args={"include_dashboard": False, **small})
    try:
        for _ in range(2):
            cluster.add_node(wait=False, **small)
        cluster.wait_for_nodes(timeout=120)
        yield cluster
    finally:
        cluster.shutdown()


def tasks_of(node) -> list[psutil.Process]:
    """Return the processes on a node that do a run just now."""
    found = []
    for process in psutil.Process(raylet_of(node)).children(recursive=True):
        with suppress(psutil.Error):  # it has just ended
            if process.name().startswith(TASK[:15]) and TASK in " ".join(process.cmdline()):
                found.append(process)
    return found


def raylet_of(node) -> int:
    """Return the process id of a node's raylet, with which its workers end."""
    return node.all_processes["raylet"][0].process.pid


def kill_worker(cluster, driver: subprocess.Popen) -> None:
    """Kill one process that does a run."""
    wait_for(lambda: [task for node in alive(cluster) for task in tasks_of(node)])[-1].kill()


def kill_node(cluster, driver: subprocess.Popen) -> None:
    """Kill a node that does a run and is not the head: all of its processes at once.

    Without its raylet alone a worker lives on for a moment, in which a short run ends: nothing would be lost.
    """
    node = wait_for(lambda: [node for node in alive(cluster)[1:] if tasks_of(node)])[-1]
    raylet = psutil.Process(raylet_of(node))
    for process in [*raylet.children(recursive=True), raylet]:
        with suppress(psutil.NoSuchProcess):
            process.kill()


def kill_driver(cluster, driver: subprocess.Popen) -> None:
    """Kill the command itself."""
    driver.kill()


FAULTS: dict[str, Callable] = {"worker": kill_worker, "node": kill_node, "driver": kill_driver}


def alive(cluster) -> list:
    """Return the nodes whose raylet runs, the head first."""
    return [node for node in cluster.list_all_nodes() if _is_running(raylet_of(node))]


def _is_running(process: int) -> bool:
    try:
        return psutil.Process(process).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_for(condition: Callable[[], object], until: float = TOO_LONG):
    """Return what `condition` gives as soon as that is true; TimeoutError where it never is."""
    began = time.monotonic()
    while time.monotonic() - began < until:
        if found := condition():
            return found
        time.sleep(0.1)
    raise TimeoutError(f"{condition} was not true within {until:.0f} s")


def call(folder: Path, address: str, *, runs: int, epochs: int) -> subprocess.Popen:
    """Start the command that does the runs which are due."""
    command = [sys.executable, "-m", "repro.bench.tiny_runs", str(folder), address, str(runs), str(epochs)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def suffer(folder: Path, names: tuple[str, ...], *, runs: int, epochs: int, cluster) -> Fault:
    """Return what came of the runs when each named part was killed in mid-run, one after another.

    Args:
        folder: with `data` (drawn) and `alone` (the runs' folder of the sequential ones); `runs` is made anew.
        names: keys of `FAULTS`.
        runs, epochs: how many, how long.
        cluster: of `three_nodes`, which loses what is killed.
    """
    shutil.rmtree(folder / "runs", ignore_errors=True)
    began, calls, said = time.monotonic(), 0, ""
    left = list(names)
    while calls <= len(names):
        driver, calls = call(folder, cluster.address, runs=runs, epochs=epochs), calls + 1
        try:
            while left and in_mid_run(driver, folder / "runs"):
                FAULTS[left.pop(0)](cluster, driver)
            said += driver.communicate(timeout=TOO_LONG)[0]
        finally:
            driver.kill()  # a test that fails leaves no process behind
        if driver.returncode == 0:
            break
    found, alone = tiny_runs.results(folder / "runs"), tiny_runs.results(folder / "alone")
    equal = sum(found[id] == alone[id] for id in found)
    seconds = time.monotonic() - began
    return Fault(" and ".join(names), calls, said.count("begun again"), len(found), equal, runs, seconds)


def in_mid_run(driver: subprocess.Popen, runs: Path) -> bool:
    """Wait for a checkpoint that is not there yet; return whether the driver is still at work then."""
    seen = saved(runs)
    wait_for(lambda: driver.poll() is not None or saved(runs) - seen)
    return driver.poll() is None


def saved(runs: Path) -> set[str]:
    """Return the names of the checkpoints of runs that are not done."""
    return {str(path) for path in runs.glob("*/*checkpoint-*")}
