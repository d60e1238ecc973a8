"""Jobs over Ray: each a task that asks for its share of a GPU, on whatever node has one free."""

import os
import secrets
import signal
import socket
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from repro.command import DONE, FAILED, STOPPED, Stop
from repro.jobs.lanes import PATIENCE, Share
from repro.jobs.livetable import LiveTable
from repro.jobs.messages import Board, Report, Reporter
from repro.jobs.one import RETRIES, Outcome, Retries, attempt, name_of, not_begun
from repro.plan import Job
from repro.runner import Setting, is_done

BESIDE_A_GPU = 9  # cores at most that a run on a whole GPU asks for: one, and eight to load images
LATE = 20.0  # seconds that a shared folder may take to show a file of another node
STORE_BYTES = 100 * 2**20  # of shared memory: what goes through Ray are jobs and sentences
OURS = ("REPRO_", "NO_ALBUMENTATIONS_UPDATE")  # of the environment, what goes with a run


@dataclass(frozen=True)
class Demand:
    """What a run asks of a node, in Ray's units: shares of a GPU, cores (a part of one, too)."""

    gpus: float
    cpus: float

    @property
    def share(self) -> Share:
        """What the run computes on where it was granted."""
        return Share(max(int(self.cpus), 1) if self.gpus else 1, fraction=self.gpus or 1.0)


def demand_of(nodes: Sequence[Mapping[str, float]], *, per_gpu: int) -> Demand:
    """Return what a run asks for so that every GPU of `nodes` gets its `per_gpu` runs; a core where there is no GPU.

    Args:
        nodes: the resources of each, as Ray names them: "GPU", "CPU".
        per_gpu: runs that share a GPU.
    """
    cores = [node.get("CPU", 0) / (node["GPU"] * per_gpu) for node in nodes if node.get("GPU")]
    if not cores:
        return Demand(0, 1)
    least = min(*cores, BESIDE_A_GPU)
    return Demand(1 / per_gpu, int(least) if least >= 1 else int(100 * least) / 100)


def slots_of(nodes: Sequence[Mapping[str, float]], demand: Demand) -> int:
    """Return how many runs the nodes take at once."""
    of_each = []
    for node in nodes:
        limits = [node.get("CPU", 0) / demand.cpus] if demand.cpus else []
        limits += [node.get("GPU", 0) / demand.gpus] if demand.gpus else []
        of_each.append(int(min(limits) + 1e-6))
    return sum(of_each)


def nodes() -> list[dict[str, float]]:
    """Return the resources of each living node."""
    import ray

    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


@contextmanager
def connected(address: str) -> Iterator[str]:
    """Join a running Ray, or start one here for "auto" where none is; yield what to say of it.

    One that is started here has a fresh token, no dashboard, sends no usage statistics and ends with this call.

    Raises:
        ValueError: nothing answers at the address, or its token is not known.
    """
    os.environ.setdefault("RAY_AUTH_MODE", "token")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    found = running() if address == "auto" else address
    known = os.environ["RAY_AUTH_MODE"] != "token" or has_token()
    if address != "auto" and not known:
        raise ValueError(
            f"--cluster {address}: a token is needed to join it; set RAY_AUTH_TOKEN_PATH to the file that holds the "
            "cluster's (docs/cluster), or RAY_AUTH_MODE=disabled for one without"
        )
    joined = found if found and known else ""
    if not joined:  # a token of the user's own is for another cluster
        os.environ.update(RAY_AUTH_TOKEN=secrets.token_hex(32))
        os.environ.setdefault("RAY_raylet_start_wait_time_s", "120")  # a busy machine takes longer than Ray's 30 s
        os.environ.setdefault("RAY_worker_niceness", "0")  # Ray's 15 would put runs behind whatever else goes on
    import ray

    begun = {} if joined else {"include_dashboard": False, "object_store_memory": STORE_BYTES}
    try:
        ray.init(address=joined or "local", log_to_driver=False, logging_level="ERROR", **begun)
    except (RuntimeError, OSError, ray.exceptions.RayError) as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ValueError(
            f"--cluster {address}: cannot {'join the Ray at ' + joined if joined else 'start Ray here'} ({first})"
        ) from None
    try:
        yield f"joined Ray at {joined}" if joined else "started Ray on this machine"
    finally:
        ray.shutdown()


def running() -> str:
    """Return the address of a Ray that answers: that of `$RAY_ADDRESS`, or the one of this machine; "" for none."""
    noted = Path(os.environ.get("RAY_TMPDIR", "/tmp"), "ray", "ray_current_cluster")
    address = os.environ.get("RAY_ADDRESS") or (noted.read_text().strip() if noted.exists() else "")
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=2).close()
    except (OSError, ValueError):
        return ""
    return address


def has_token() -> bool:
    """Whether the user has named a token where Ray looks for it."""
    named = os.environ.get("RAY_AUTH_TOKEN") or os.environ.get("RAY_AUTH_TOKEN_PATH")
    return bool(named) or (Path.home() / ".ray" / "auth_token").exists()


def elsewhere(function, demand: Demand, stop: Stop, *arguments, **options):
    """Return what a function gives on a node that grants the demand; None where a reason to stop comes first."""
    import ray

    task = ray.remote(function).options(num_gpus=demand.gpus, num_cpus=demand.cpus)
    reference = task.remote(*arguments, **options)
    while not ray.wait([reference], timeout=0.5)[0]:
        if stop():
            return None
    return ray.get(reference)


def attempt_there(job: Job, setting: Setting, board, environment: dict[str, str], share: Share) -> Outcome:
    """Do a job in a Ray task; `board` is the actor that hears how far it is and says when to stop.

    SIGTERM, which a node gets before it is taken away, stops at the next step with a checkpoint.
    """
    import ray

    def send(report: Report) -> str:
        try:
            return ray.get(board.hear.remote(report), timeout=30)
        except ray.exceptions.GetTimeoutError:  # a board that is busy is no reason to stop
            return ""

    os.environ.update(environment)
    stop, handlers = Stop(), {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    stop.listen()
    try:
        share.take()
        with Reporter(Report(job.run.id, socket.gethostname()), send, time.monotonic) as reporter:
            if reporter.reason:
                return not_begun(reporter.reason)
            return attempt(job, setting, reporter.events(stop), patience=PATIENCE)
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


class Tasks:
    """The runs that Ray has been given, and the board they report to."""

    def __init__(self, setting: Setting, demand: Demand):
        """Set up the board on this node: it is needed as long as this process."""
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        self.board = ray.remote(Board).options(num_cpus=0, scheduling_strategy=here).remote()
        self.setting, self.demand = setting, demand
        self.under_way: dict = {}
        self.environment = {name: value for name, value in os.environ.items() if name.startswith(OURS)}
        self.task = ray.remote(attempt_there).options(
            num_gpus=demand.gpus, num_cpus=demand.cpus, max_retries=0, scheduling_strategy="SPREAD"
        )

    def give(self, job: Job) -> None:
        """Let Ray do a job where there is room."""
        arguments = job, self.setting, self.board, self.environment, self.demand.share
        self.under_way[self.task.remote(*arguments)] = job

    def ended(self, timeout: float) -> list[tuple[Job, Outcome | str]]:
        """Return the jobs that ended, each with its outcome or with how its process was lost."""
        import ray

        references = list(self.under_way)
        if ray.wait(references, timeout=timeout)[0]:
            done, _ = ray.wait(references, num_returns=len(references), timeout=0)
            return [(self.under_way.pop(reference), self._outcome(reference)) for reference in done]
        return []

    def _outcome(self, reference) -> Outcome | str:
        import ray

        try:
            return ray.get(reference)
        except ray.exceptions.RayTaskError as error:  # before the run itself: another version of the suite, say
            return Outcome(FAILED, f"{type(error.cause).__name__} on a node: {error.cause}")
        except ray.exceptions.OutOfMemoryError:
            return "its node ran out of memory"
        except ray.exceptions.RayError:
            return "its worker or node was lost"


def over_ray(
    jobs: Sequence[Job], setting: Setting, table: LiveTable, stop: Stop, demand: Demand
) -> Iterator[tuple[Job, Outcome]]:
    """Do jobs as Ray tasks, in their order; yield each as it ends. Ray is `connected`.

    A reason to stop reaches every run through the board, and nothing is begun after it. A run whose worker or node is
    lost is begun again and goes on from its checkpoint.
    """
    import ray

    tasks, due, retries = Tasks(setting, demand), deque(jobs), Retries()
    told, looked, slots = False, 0.0, 1
    while due or tasks.under_way:
        if (reason := stop()) and not told:
            told = True
            ray.get(tasks.board.stop.remote(reason))
        yield from ((due.popleft(), not_begun(reason)) for _ in range(len(due) if reason else 0))
        if time.monotonic() - looked > 1:
            looked, slots = time.monotonic(), slots_of(nodes(), demand)
            for report in ray.get(tasks.board.news.remote()):
                table.hear(report)
            table.tick()
        while due and len(tasks.under_way) < 2 * slots + 16:  # a queue short enough to go through every time
            tasks.give(due.popleft())
        for job, outcome in tasks.ended(0.5) if tasks.under_way else ():
            yield from _judged(job, outcome, tasks, table, retries, stop)


def _judged(
    job: Job, outcome: Outcome | str, tasks: Tasks, table: LiveTable, retries: Retries, stop: Stop
) -> Iterator[tuple[Job, Outcome]]:
    """What an end means: the job with its outcome, or nothing where it has been begun again."""
    id = job.run.id
    if isinstance(outcome, Outcome) and outcome.code == STOPPED and not stop():
        outcome = "its node was told to end"
    if isinstance(outcome, Outcome):
        if outcome.code == DONE and not _arrives(job, tasks.setting):
            outcome = Outcome(FAILED, f"{name_of(job)} is done, but its record is not in {tasks.setting.runs}: the "
                              "nodes do not share that folder; bring theirs here with repro collect")  # fmt: skip
        yield job, outcome
    elif reason := stop():
        yield job, not_begun(reason)
    elif retries.again(id, table.step(id)):
        table.lost(id, outcome)
        tasks.give(job)
    else:
        yield job, Outcome(FAILED, f"{name_of(job)}: {outcome} {RETRIES + 1} times at step {table.step(id)}")


def _arrives(job: Job, setting: Setting) -> bool:
    """Whether the record of a run done on another node is seen here; a network's folder may be late."""
    waited_from = time.monotonic()
    while not is_done(setting, job.run):
        if time.monotonic() - waited_from > LATE:
            return False
        time.sleep(0.2)
    return True
