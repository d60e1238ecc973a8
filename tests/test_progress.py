"""What a person sees while a run goes on."""

import io
from types import SimpleNamespace

import pytest
from rich.console import Console

from repro import progress
from repro.progress import Watch, track
from repro.words import duration


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A clock that stands still until it is set."""
    now = SimpleNamespace(seconds=0.0)
    monkeypatch.setattr(progress.time, "monotonic", lambda: now.seconds)
    return now


def plain() -> Console:
    """A console that is no terminal."""
    return Console(file=io.StringIO(), width=200)


def test_without_a_terminal_an_epoch_is_a_line_with_speed_and_time_left(clock):
    console = plain()
    with Watch(console, 1) as watch:
        events = watch.begin("table/row", total=40, batch=8, should_stop=lambda: "")
        clock.seconds = 10.0
        events.on_step(SimpleNamespace(step=1))
        clock.seconds = 40.0
        events.on_step(SimpleNamespace(step=20))
        events.on_point({"step": 20, "epoch": 1, "train_loss": 0.5, "selection_loss": 0.25, "selection_score": 0.5})
        watch.end("miou 50.0", 40.0)
    # 20 steps of 8 images in 40 s are 4 images/s; 20 steps are left, at 2 s each
    assert console.file.getvalue().splitlines() == [
        "  table/row: epoch 1, step 20/40, loss 0.5000, selection loss 0.2500, mIoU 50.0 (best 50.0), "
        "4.0 images/s, 40 s left",
        "[1/1] table/row: miou 50.0 (40 s)",
    ]


def test_before_the_first_step_was_timed_no_speed_and_no_time_left_is_said(clock):
    console = plain()
    with Watch(console, 1) as watch:
        events = watch.begin("row", total=2, batch=15, should_stop=lambda: "")
        events.on_point({"step": 1, "epoch": 1, "train_loss": 1.0, "selection_loss": 2.0, "selection_score": 0.4})
    assert console.file.getvalue().rstrip().endswith("mIoU 40.0 (best 40.0)")


def test_on_a_terminal_there_are_bars_and_unknown_numbers_are_left_out():
    console = Console(file=io.StringIO(), width=100, force_terminal=True, color_system=None)
    with Watch(console, 3) as watch:
        events = watch.begin("row", total=4, batch=2, should_stop=lambda: "")
        events.on_step(SimpleNamespace(step=1))
        assert "nan" not in watch.bars.tasks[1].fields["facts"]
        events.on_point({"step": 2, "epoch": 1, "train_loss": 0.5, "selection_loss": 1.0, "selection_score": 0.25})
        events.on_step(SimpleNamespace(step=3))
        assert watch.bars.tasks[1].fields["facts"].startswith("loss 0.500  best 0.250  ")
        assert watch.bars.tasks[0].description == "runs" and watch.bars.tasks[0].total == 3
        watch.end("miou 25.0", 1.0)
        assert [task.description for task in watch.bars.tasks] == ["runs"] and watch.bars.tasks[0].completed == 1


def test_a_quiet_console_says_nothing_and_tracks_all_the_same():
    console = Console(file=io.StringIO(), quiet=True)
    assert list(track(console, "reading", [1, 2, 3])) == [1, 2, 3]
    assert console.file.getvalue() == ""


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 s"), (89, "89 s"), (90, "2 min"), (5399, "90 min"), (5400, "1.5 h"), (172800, "2.0 d")],
)
def test_durations_are_said_as_people_say_them(seconds: float, said: str):
    assert duration(seconds) == said
