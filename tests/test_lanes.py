"""Many runs at once on one machine: shares of cores and GPUs, retries, reports, the live table."""

import errno
import io
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from measured import ROOT
from rich.console import Console

from repro.bench import tiny_runs
from repro.bench.tiny_runs import job, one_after_another, results, setting
from repro.command import DONE, FAILED, STOPPED, Stop
from repro.jobs import lanes, one
from repro.jobs.estimate import CONTEXT_BYTES, Estimate, longest_first
from repro.jobs.handout import follow
from repro.jobs.lanes import Share, shares, side_by_side, visible_gpus
from repro.jobs.livetable import LiveTable
from repro.jobs.messages import Board, Report, Reporter
from repro.jobs.one import Retries, attempt
from repro.training import Events


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_runs.draw(tmp_path_factory.mktemp("tiny"))


def quiet() -> Console:
    return Console(file=io.StringIO(), width=120)


# What a lane computes on.


def test_on_a_processor_lanes_share_the_cores():
    assert shares(8, [], lanes=3) == [Share(2)] * 3
    assert shares(2, [], lanes=5) == [Share(1)] * 5


def test_two_gpus_with_three_runs_each_take_them_in_turn_a_third_of_the_memory_each():
    found = shares(12, ["0", "1"], lanes=6, per_gpu=3)
    assert [share.gpu for share in found] == ["0", "1", "0", "1", "0", "1"]
    assert {share.fraction for share in found} == {1 / 3} and {share.threads for share in found} == {2}


def test_fewer_runs_than_shares_are_spread_over_the_gpus():
    assert [share.gpu for share in shares(12, ["4", "7"], lanes=2, per_gpu=3)] == ["4", "7"]


def test_the_gpus_are_those_that_the_user_lets_be_seen(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,GPU-8f")
    assert visible_gpus() == ["2", "GPU-8f"]
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    assert visible_gpus() == ["0", "1", "2"]


def test_a_lane_sees_one_gpu_and_its_part_of_the_memory(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    asked = []
    monkeypatch.setattr(torch.cuda, "set_per_process_memory_fraction", asked.append)
    threads = torch.get_num_threads()
    Share(1, "5", 0.25).take()
    torch.set_num_threads(threads)
    assert (os.environ["CUDA_VISIBLE_DEVICES"], asked) == ("5", [0.25])


@pytest.mark.parametrize(
    ("need", "free", "runs"),
    [
        (10, 139, 11),  # 139 / (1 + 11)
        (2, 139, 43),  # 139 / (1 + 2.2)
        (100, 139, 1),
        (200, 139, 1),  # a run that needs too much is tried alone
        (10, 0, 1),
    ],
)
def test_as_many_runs_share_a_gpu_as_its_free_memory_holds(need: int, free: int, runs: int):
    expected = Estimate({}, 0.0, need * CONTEXT_BYTES, free * CONTEXT_BYTES, 1, "cuda")
    assert expected.per_gpu == runs


def test_the_longest_comes_first_within_a_seed():
    made = [SimpleNamespace(run=SimpleNamespace(id=id, seed=seed)) for id, seed in (("a", 1), ("b", 0), ("c", 0))]
    assert [each.run.id for each in longest_first(made, {"a": 9.0, "b": 1.0, "c": 2.0})] == ["c", "b", "a"]


# What is said, and heard.


def test_a_lost_run_is_begun_again_as_long_as_it_gets_further_and_three_times_where_it_does_not():
    retries = Retries()
    assert [retries.again("a", step) for step in (10, 20, 30, 40, 50, 60)] == [True] * 6
    assert [retries.again("a", 60) for _ in range(3)] == [True, True, False]  # the loss at 60 was the first there
    assert retries.again("b", 0) and retries.again("b", 0) and retries.again("b", 0) and not retries.again("b", 0)


def test_a_report_says_how_far_and_how_fast_from_the_first_step_of_its_process():
    times = iter([0.0, 10.0, 12.0, 16.0])
    reporter = Reporter(Report("a"), lambda report: "", lambda: next(times))
    events = reporter.events(lambda: "")
    for step in (41, 42, 43):  # a run that went on from step 40
        events.on_step(SimpleNamespace(step=step))
    assert (reporter.report.step, reporter.report.first, reporter.report.rate) == (43, 41, 2 / 6)
    events.on_point({"train_loss": 0.5, "selection_score": 0.25})
    events.on_point({"train_loss": 0.4, "selection_score": 0.125})
    assert (reporter.report.loss, reporter.report.score) == (0.4, 0.25)


def test_a_reason_to_stop_comes_back_from_the_board_also_between_steps():
    board, heard = Board(), threading.Event()

    def send(report):
        reason = board.hear(report)
        if reason:
            heard.set()
        return reason

    with Reporter(Report("a", "node"), send, time.monotonic) as reporter:
        events = reporter.events(lambda: "")
        assert events.should_stop() == "" and board.news() == [Report("a", "node")] and board.news() == []
        board.stop("time limit")
        assert heard.wait(30)
    assert events.should_stop() == "time limit"


def test_a_run_that_nobody_listens_to_any_more_stops():
    def send(report):
        raise BrokenPipeError

    with Reporter(Report("a"), send, time.monotonic) as reporter:
        assert reporter.events(lambda: "").should_stop() == "nobody is listening any more: BrokenPipeError"


def table(runs: dict, clock=time.monotonic) -> LiveTable:
    return LiveTable(quiet(), runs, clock)


def said(of: LiveTable) -> list[str]:
    return of.console.file.getvalue().splitlines()


def test_the_time_left_is_that_of_all_steps_at_the_speed_of_all_runs():
    shown = table({"a": ("A", 100), "b": ("B", 100), "c": ("C", 100)})
    assert shown.seconds_left() is None and shown.heading() == "0 of 3 runs done, 0 under way, 3 to come"
    shown.hear(Report("a", step=50, first=0, seconds=50))  # one a second
    shown.hear(Report("b", step=50, first=40, seconds=10))  # likewise, gone on from step 40
    assert shown.seconds_left() == (50 + 50 + 100) / 2
    assert shown.heading() == "0 of 3 runs done, 2 under way, 1 to come, 2 min left"
    shown.end("a", "mIoU 50.0", 100.0)
    shown.fail("c")
    assert shown.heading() == "1 of 3 runs done, 1 under way, 1 failed, 50 s left"
    assert said(shown) == ["[1/3] A: mIoU 50.0 (2 min)"]


def test_the_time_left_is_never_less_than_the_slowest_run_needs():
    shown = table({"a": ("A", 100), "b": ("B", 1000)})
    shown.hear(Report("a", step=99, first=0, seconds=1))
    shown.hear(Report("b", step=100, first=0, seconds=100))
    assert shown.seconds_left() == 900


def test_without_a_terminal_a_line_a_minute_says_how_it_goes():
    now = [0.0]
    shown = table({"a": ("A", 100)}, clock=lambda: now[0])
    for now[0] in (0.0, 59.0, 60.0, 61.0, 119.0, 120.0):
        shown.tick()
    assert said(shown) == ["0 of 1 runs done, 0 under way, 1 to come"] * 2


def test_on_a_terminal_each_run_under_way_has_a_row():
    shown = table({"a": ("paper/A [bold]", 100), "b": ("B", 0)})
    shown.hear(Report("a", "node-1", 50, 0, 50.0, 0.5, 0.25))
    shown.hear(Report("b", "node-2"))
    shown.console.print(shown.draw())
    heads, first, second = (line.split() for line in said(shown)[1:])
    assert heads == ["run", "where", "step", "loss", "best", "left"]
    assert first == ["paper/A", "[bold]", "node-1", "50/100", "0.500", "25.0", "50", "s"] and second == ["B", "node-2"]


def test_a_lost_run_is_said_with_the_step_it_had_reached():
    shown = table({"a": ("A", 100)})
    shown.hear(Report("a", step=40))
    shown.lost("a", "its process died")
    assert said(shown) == ["A: its process died after step 40; it is begun again from its checkpoint"]
    assert shown.heading() == "0 of 1 runs done, 0 under way, 1 to come"


# Doing them.


def test_a_mistake_of_ours_fails_one_run_and_leaves_its_traceback(data: Path, tmp_path: Path, monkeypatch):
    def perform(*_, **__):
        (tmp_path / made.run.id).mkdir()
        raise RuntimeError("CUDA error: unspecified\nlaunch failure")

    made = job(0, epochs=1)
    monkeypatch.setattr(one, "perform", perform)
    outcome = attempt(made, setting(tmp_path, data), Events())
    assert outcome.code == FAILED
    assert outcome.said.startswith("tiny/unet: RuntimeError: CUDA error: unspecified (traceback in ")
    assert f"{made.run.id}/traceback.txt" in outcome.said
    assert "launch failure" in (tmp_path / made.run.id / "traceback.txt").read_text()


def test_a_full_disk_is_said_with_what_to_do(data: Path, tmp_path: Path, monkeypatch):
    def perform(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device", "checkpoint-6.pt")

    monkeypatch.setattr(one, "perform", perform)
    outcome = attempt(job(0, epochs=1), setting(tmp_path, data), Events())
    assert outcome.code == FAILED
    assert outcome.said == (
        "tiny/unet: checkpoint-6.pt: cannot be read or written (No space left on device); make room."
    )


def do_side_by_side(made: list, how, stop: Stop, *, lanes_: int, meanwhile=lambda table: None) -> tuple[int, list[str]]:
    """Do jobs side by side; return the exit code and the lines said."""
    console = quiet()

    def do(table):
        meanwhile(table)
        return side_by_side(made, how, table, stop, shares(lanes_, [], lanes=lanes_))

    return follow(made, how, console, lambda each: "done", do), console.file.getvalue().splitlines()


@pytest.mark.slow
def test_runs_side_by_side_have_the_bits_of_runs_one_after_another_and_one_that_fails_stops_no_other(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture
):
    made = [job(0, epochs=2), job(1, epochs=2), job(0, epochs=2, network="no_such_network")]
    one_after_another(made[:2], setting(tmp_path / "alone", data))
    code, lines = do_side_by_side(made, setting(tmp_path / "lanes", data), Stop(), lanes_=2)
    assert code == FAILED and "no_such_network" in capsys.readouterr().err
    assert sorted(line.partition(" (")[0][6:] for line in lines) == ["tiny/unet, seed 1: done", "tiny/unet: done"]
    found = results(tmp_path / "lanes")
    assert len(found) == 2 and found == results(tmp_path / "alone")


def kill_soon(runs: Path, kill) -> threading.Thread:
    """Call `kill` as soon as a run has a checkpoint."""

    def wait():
        began = time.monotonic()
        while not list(runs.glob("*/*checkpoint-*")) and time.monotonic() - began < 120:
            time.sleep(0.05)
        kill()

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


@pytest.mark.slow
def test_a_process_that_is_killed_is_replaced_and_its_run_ends_with_the_same_bits(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    made, processes = [job(0, epochs=20)], []
    start = lanes.Lane.start

    def noted(lane):
        start(lane)
        processes.append(lane.process)

    monkeypatch.setattr(lanes.Lane, "start", noted)
    one_after_another(made, setting(tmp_path / "alone", data))
    kill_soon(tmp_path / "lanes", lambda: processes[0].kill())
    code, lines = do_side_by_side(made, setting(tmp_path / "lanes", data), Stop(), lanes_=1)
    assert code == DONE and len(processes) == 2
    assert "its process died after step" in lines[0]
    assert results(tmp_path / "lanes") == results(tmp_path / "alone") != {}


@pytest.mark.slow
def test_a_signal_lets_every_process_checkpoint_and_the_next_call_goes_on(data: Path, tmp_path: Path):
    made, stop = [job(seed, epochs=20) for seed in range(3)], Stop()
    one_after_another(made, setting(tmp_path / "alone", data))

    def terminate() -> None:
        multiprocessing.active_children()[0].terminate()  # one hears it twice, as where a whole group is signalled
        stop._on_signal(signal.SIGTERM, None)

    kill_soon(tmp_path / "lanes", terminate)
    code, _ = do_side_by_side(made, setting(tmp_path / "lanes", data), stop, lanes_=2)
    assert code == STOPPED and len(results(tmp_path / "lanes")) < 3
    assert len(list((tmp_path / "lanes").glob("*/checkpoint-*"))) >= 2 - len(results(tmp_path / "lanes"))
    code, _ = do_side_by_side(made, setting(tmp_path / "lanes", data), Stop(), lanes_=2)
    assert code == DONE and results(tmp_path / "lanes") == results(tmp_path / "alone")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--per-gpu", "0"], "argument --per-gpu: '0' is not auto or a whole number above 0"),
        (["--per-gpu", "many"], "is not auto or a whole number above 0"),
        (["--jobs", "2", "--per-gpu", "2"], "both say how many runs go on at once; give one of them"),
        (["--jobs", "2", "--cluster", "auto"], "--jobs N is for one machine"),
        (["--cluster", "somewhere"], "'somewhere': expected auto or the HOST:PORT of a Ray head node"),
        (["--cluster", ""], "--cluster is empty; give a value"),
    ],
)
def test_options_that_contradict_each_other_are_one_sentence(arguments: list[str], sentence: str):
    done = subprocess.run(
        [sys.executable, "-m", "repro.run", "demo", *arguments], capture_output=True, text=True, cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "") and done.stderr.count("\n") == 1 and sentence in done.stderr


def test_a_share_of_a_gpu_is_refused_where_there_is_none(data: Path, tmp_path: Path):
    from repro import plan
    from repro.jobs.handout import hand_out
    from repro.suite import Order

    made = [job(0, epochs=1)]
    for per_gpu in (2, "auto"):
        with pytest.raises(ValueError, match="this call computes on a CPU; give --jobs N instead"):
            order = Order(device="cpu", per_gpu=per_gpu)
            hand_out(plan.suite("demo"), made, setting(tmp_path, data), order, quiet(), Stop(), lambda each: "")
    assert list(tmp_path.iterdir()) == []
