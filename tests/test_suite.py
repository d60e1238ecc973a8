"""A suite at work: which runs are asked for, what is published, what is locked."""

from dataclasses import replace
from pathlib import Path

import pytest
from measured import KIND, matrix, point, publish, run_of, snapshot, write_run

from repro import compare, plan, records, suite
from repro.suite import Order

CAMVID, DEMO = plan.suite("camvid"), plan.suite("demo")
OLD = run_of("paper1_table1/FCN", "demo")
FEW = "paper1_table2/0.00*"  # four learning rates, without the one that is ours


def test_runs_on_real_data_share_a_folder_and_the_demos_stay_apart(tmp_path: Path):
    assert suite.runs_folder(CAMVID, tmp_path) == tmp_path / "runs"
    assert suite.runs_folder(plan.suite("camvid-e4"), tmp_path) == tmp_path / "runs"
    assert suite.runs_folder(DEMO, tmp_path) == tmp_path / "runs" / "demo"
    assert suite.runs_folder(plan.suite("demo-e2"), tmp_path) == tmp_path / "runs" / "demo-e2"


def test_the_jobs_are_those_that_were_asked_for():
    jobs = suite.jobs_of(CAMVID, Order(only="paper1_table1/PSPNet", seeds=(0, 2)))
    assert [(job.run.network, job.run.seed) for job in jobs] == [("pspnet", 0), ("pspnet", 2)]
    with pytest.raises(ValueError, match="matches no table/row"):
        suite.jobs_of(CAMVID, Order(only="nothing/*"))


def test_what_this_version_cannot_build_or_read_is_no_job(monkeypatch: pytest.MonkeyPatch):
    everything = suite.jobs_of(CAMVID, Order(seeds=(0,)))
    monkeypatch.delitem(suite.NETWORKS, "pspnet")
    without = suite.jobs_of(CAMVID, Order(seeds=(0,)))
    gone = {job.run.id for job in everything} - {job.run.id for job in without}
    assert gone == {run_of("paper1_table1/PSPNet", "camvid").id}
    monkeypatch.delitem(suite.DATASETS, "camvid")
    assert suite.jobs_of(CAMVID, Order(seeds=(0,))) == []


def test_a_job_is_done_when_its_record_is_there(tmp_path: Path):
    (job,) = suite.jobs_of(CAMVID, Order(only="paper1_table1/FCN", seeds=(0,)))
    assert not suite.is_done(CAMVID, job, tmp_path)
    folder = write_run(tmp_path / "runs", job.run, matrix(0.5))
    assert suite.is_done(CAMVID, job, tmp_path)
    (folder / "record.json").unlink()
    assert not suite.is_done(CAMVID, job, tmp_path)


def test_going_on_counts_the_published_records_of_this_kind_of_machine_alone(tmp_path: Path):
    jobs = suite.jobs_of(CAMVID, Order(only=FEW, seeds=(0,)))
    folder = compare.home_of(CAMVID, tmp_path)
    publish(folder, tmp_path / "elsewhere", jobs[0].run, matrix(0.5))
    publish(folder, tmp_path / "elsewhere", jobs[1].run, matrix(0.5), kind="nvidia-h200-torch2.11")
    assert suite.published(CAMVID, KIND, tmp_path) == {jobs[0].run.id}
    assert suite.published(CAMVID, "nvidia-h200-torch2.11", tmp_path) == {jobs[1].run.id}


def test_finished_runs_are_published_and_unfinished_ones_not(tmp_path: Path):
    jobs = suite.jobs_of(CAMVID, Order(only=FEW, seeds=(0,)))
    write_run(tmp_path / "runs", jobs[0].run, matrix(0.5))
    assert suite.publish(CAMVID, jobs, tmp_path) == 1
    target = tmp_path / "tables" / "records"
    assert {path.name for path in target.iterdir()} == {f"{jobs[0].run.id}@{KIND}{e}" for e in records.FILES.values()}
    before = snapshot(target)
    assert suite.publish(CAMVID, jobs, tmp_path) == 1
    assert snapshot(target) == before


def test_other_numbers_under_a_published_name_are_refused_and_said(tmp_path: Path, capsys: pytest.CaptureFixture):
    jobs = suite.jobs_of(CAMVID, Order(only="paper1_table1/FCN", seeds=(0,)))
    write_run(tmp_path / "runs", jobs[0].run, matrix(0.5))
    suite.publish(CAMVID, jobs, tmp_path)
    before = snapshot(tmp_path / "tables")
    write_run(tmp_path / "runs", jobs[0].run, matrix(0.6))
    suite.publish(CAMVID, jobs, tmp_path)
    assert snapshot(tmp_path / "tables") == before
    assert "a record of this name with other numbers is published; this stays here" in capsys.readouterr().err


def test_the_demo_publishes_below_runs_and_nothing_beside(tmp_path: Path):
    jobs = suite.jobs_of(DEMO, Order(only="paper1_table1/FCN"))
    write_run(tmp_path / "runs" / "demo", jobs[0].run, matrix(0.5))
    suite.publish(DEMO, jobs, tmp_path)
    assert len(records.every(tmp_path / "runs" / "demo" / "tables" / "records")) == 1
    assert not (tmp_path / "tables").exists()


@pytest.fixture
def small_demo(monkeypatch: pytest.MonkeyPatch) -> plan.Suite:
    """The demo as if it had data for one table of paper 2 and no figure."""
    small = replace(DEMO, data={"drive": DEMO.data["drive"], "chasedb1": DEMO.data["chasedb1"]}, row_changes={})
    monkeypatch.setitem(plan.SUITES, "demo", small)
    return small


def test_the_lock_holds_the_runs_of_the_plan_and_views_of_them_and_no_others(small_demo: plan.Suite, tmp_path: Path):
    trained, locked = compare.home_of(small_demo, tmp_path), records.lock_of("demo", tmp_path)
    publish(locked, tmp_path / "old", OLD, matrix(0.1))
    (locked.tables / "old_view.csv").write_text("old")
    jobs = suite.jobs_of(small_demo, Order())
    for job in jobs:
        publish(trained, tmp_path / "runs" / "demo", job.run, matrix(0.6), curve=[point(10, 1, 1.0, 0.9)])
    publish(trained, tmp_path / "runs" / "demo", replace(jobs[0].run, seed=7), matrix(0.9))  # a further seed
    said = suite.lock(small_demo, tmp_path)
    assert "say in the commit why the numbers moved" in said
    assert records.ids(locked.records) == {job.run.id for job in jobs}
    assert not (locked.tables / "old_view.csv").exists()
    assert {path.name for path in locked.tables.glob("*.csv")} >= {"paper2_table3.csv", "records.csv"}
    rows = (locked.tables / "records.csv").read_text().splitlines()
    assert len(rows) == 1 + len(jobs)


def test_a_demo_that_is_not_whole_is_not_locked(small_demo: plan.Suite, tmp_path: Path):
    trained = compare.home_of(small_demo, tmp_path)
    jobs = suite.jobs_of(small_demo, Order())
    for job in jobs[1:]:
        publish(trained, tmp_path / "runs" / "demo", job.run, matrix(0.6))
    before = snapshot(tmp_path)
    with pytest.raises(ValueError, match=f"1 runs of demo were not trained here, {jobs[0].cells[0]}"):
        suite.lock(small_demo, tmp_path)
    assert snapshot(tmp_path) == before
