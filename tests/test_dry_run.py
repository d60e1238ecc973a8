"""`--dry-run`: the plan as a table, with what earlier runs let expect."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from measured import KIND, contents, evidence, matrix, point, run_of, snapshot

from repro import dry_run, plan
from repro.dry_run import Known
from repro.plan import Run

RUN = run_of("paper1_table1/PSPNet", "camvid")  # 100 epochs, batch 8, crop 352x480
FLOPS = 2_000_000_000


def finished(run: Run, *, seconds: float, steps: int, n: int, flops: int = FLOPS, kind: str = KIND) -> dict:
    """Return the record of a run that took so long."""
    data = contents(run, {"last native whole": evidence(matrix(0.5))}, kind=kind, curve=[point(steps, 1, 0.5)])
    data["lists"]["train"]["n"] = n
    data["network"] = {"parameters": 1000, "size": [352, 480], "flops": flops}
    data["provenance"] |= {"seconds": seconds, "peak_memory_bytes": 3 * 2**30}
    return json.loads(json.dumps(data))


def test_a_run_like_an_earlier_one_takes_its_seconds_a_step():
    earlier = finished(replace(RUN, seed=1), seconds=200.0, steps=100, n=266)  # 2 s a step
    cost = Known([earlier], []).of(RUN, ())
    assert cost.steps == 100 * 34  # ceil(266 / 8) steps an epoch
    assert (cost.seconds, cost.memory, cost.mark) == (2 * 3400, 3 * 2**30, "")


def test_what_only_a_committed_record_tells_is_marked_and_ours_counts_more():
    published = finished(replace(RUN, seed=1), seconds=100.0, steps=100, n=266, kind="nvidia-h200-torch2.11")
    assert Known([], [published]).of(RUN, ()).mark == "*"
    assert Known([], [published]).of(RUN, ()).seconds == 3400
    own = finished(replace(RUN, seed=2), seconds=500.0, steps=100, n=266)
    assert (Known([own], [published]).of(RUN, ()).seconds, Known([own], [published]).of(RUN, ()).mark) == (17000, "")


def test_another_network_is_told_from_its_operations_and_the_speed_of_runs_here():
    own = finished(replace(RUN, seed=1), seconds=100.0, steps=100, n=266)  # 1 s a step of FLOPS an image
    other = run_of("paper1_table1/FCN", "camvid")
    assert Known([own], []).of(other, ()).seconds is None  # nobody knows its operations
    half = finished(other, seconds=1.0, steps=1, n=266, flops=FLOPS // 2)
    half["run"]["recipe"]["batch"] = 16  # of another shape: its seconds say nothing
    cost = Known([own], [half]).of(other, ())
    assert cost.mark == "~" and cost.seconds == pytest.approx(0.5 * 3400) and cost.memory is None


def test_a_limit_counts_its_images_and_no_more_than_there_are():
    known = Known([finished(replace(RUN, seed=1), seconds=1.0, steps=1, n=266)], [])
    few = replace(RUN, train=replace(RUN.train, limit=96))
    assert known.of(few, ()).steps == 100 * 12
    assert known.of(replace(RUN, train=replace(RUN.train, limit=1000)), ()).steps == 100 * 34


def test_without_records_or_data_nothing_is_guessed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.delenv("REPRO_DATA", raising=False)
    monkeypatch.setenv("REPRO_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    before = snapshot(tmp_path)
    assert Known([], []).of(RUN, ()) == dry_run.Cost()
    assert Known([], []).of(run_of("paper1_table1/FCN", "demo"), ()) == dry_run.Cost()  # not generated for this either
    assert snapshot(tmp_path) == before and not (tmp_path / "cache").exists()


def test_the_table_has_a_line_a_run_and_ends_with_the_sum(monkeypatch: pytest.MonkeyPatch):
    earlier = finished(replace(RUN, seed=1), seconds=36.0, steps=34, n=266)
    monkeypatch.setattr(dry_run, "known_of", lambda suite: Known([earlier], []))
    text = dry_run.describe_plan(plan.suite("camvid"), dry_run.Order(only="paper1_table1/[PF]*", seeds=(0,)))
    head, *lines = text.splitlines()[1:]
    assert head.split() == ["state", "run", "seed", "table/row", "steps", "time", "memory"]
    (line,) = [line for line in lines if RUN.id in line]
    assert line.split()[3:] == ["paper1_table1/PSPNet", "3400", "60", "min", "3.0", "GiB"]
    (unknown,) = [line for line in lines if "paper1_table1/FCN " in line]
    assert unknown.split()[-3:] == ["3400", "?", "?"]
    total, writes = text.splitlines()[-2:]
    assert "one after another without" in total and "unknown until measured, 3.0 GiB of memory" in total
    assert "weights and curves to runs" in writes and "records in tables/records" in writes
