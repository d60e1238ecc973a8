"""`./run_all.sh SUITE`: what it asks of its user, and what it says before anything is written."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from measured import ROOT, matrix, point, run_of, snapshot, write_run

from repro import plan, run
from repro.papers.suites import SUITES
from repro.run import main
from repro.suite import Order


@pytest.fixture(autouse=True)
def no_data_at_hand(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """No `$REPRO_DATA` and no ./data."""
    monkeypatch.delenv("REPRO_DATA", raising=False)
    monkeypatch.chdir(tmp_path)


def written() -> dict[str, str]:
    """Return what a call might write into this checkout."""
    folders = {name: snapshot(ROOT / name) for name in ("tables", "figures", "docs")}
    runs = ROOT / "runs"
    return folders | {"runs": {path.name: "" for path in runs.glob("*")} if runs.is_dir() else {}}


def refused(arguments: list[str], capsys: pytest.CaptureFixture) -> str:
    """Run the command, see that it is refused without a word on stdout and without a file, and return the sentence."""
    before = written()
    try:
        code = main(arguments)
    except SystemExit as left:
        code = left.code
    out, err = capsys.readouterr()
    assert (code, out) == (2, ""), err
    assert err.startswith("run_all.sh: ") and err.count("\n") == 1
    assert written() == before
    return err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["camvit"], "there is no suite 'camvit'; did you mean camvid"),
        (["papers"], "there is no suite 'papers'"),
        (["chek"], "there is no suite 'chek'; did you mean check"),
        (["tests"], "there is no suite 'tests'; did you mean test"),
        (["reproduction", "--only", "paper1_*"], "reproduction says itself which cells it does"),
        (["reproduction"], "chasedb1: no folder called CHASEDB1"),
        (["camvid-e0"], "there is no suite 'camvid-e0'"),
        ([""], "an argument is empty; give a value"),
        (["../demo"], "there is no suite '../demo'; did you mean demo"),
        (["demo", "--seeds", "x"], "'x' is not a list of seeds, expected whole numbers such as 0,1,2"),
        (["demo", "--seeds", "0,,1"], "is not a list of seeds"),
        (["demo", "--seeds", "-1"], "argument --seeds: '-1' is not a list of seeds"),
        (["demo", "--seeds", "16"], "beyond the seeds that tables look for, 0 to 15"),
        (["demo", "--epochs", "0"], "argument --epochs: '0' is not a whole number above 0"),
        (["demo", "--epochs", "1.5"], "argument --epochs: '1.5' is not a whole number above 0"),
        (["demo", "--limit", "0"], "argument --limit: '0' is not a whole number above 0"),
        (["demo", "--limit", "5000"], "--limit 5000: demo-n5000 trains on 80 images at most; give fewer"),
        (["demo", "--workers", "-1"], "--workers"),
        (["demo", "--workers", "two"], "'two' is not a whole number, 0 or above"),
        (["demo", "--time-limit", "0s"], "'0s' is not a duration such as 90s, 9m or 2h"),
        (["demo", "--time-limit", "9"], "'9' is not a duration such as 90s, 9m or 2h"),
        (["demo", "--device", "tpu"], "argument --device: invalid choice: 'tpu'"),
        (["demo", "--only", "paper1_table1/PSPnet"], "no table/row of suite demo; did you mean paper1_table1/PSPNet"),
        (["demo", "--only", "paper1_ablation/*"], "give --ablations too"),
        (["camvid", "--lock"], "--lock goes with demo, not with camvid"),
        (["demo", "--lock", "--epochs", "2"], "--lock locks the demo as a whole; leave out --epochs"),
        (["demo", "--lock", "--only", "paper1_table1/*"], "leave out --only"),
        (["demo", "--colour"], "unrecognized arguments: --colour"),
        (["demo", "camvid"], "unrecognized arguments: camvid"),
    ],
)
def test_bad_input_is_one_sentence_and_nothing_is_written(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture
):
    assert sentence in refused(arguments, capsys)


def test_data_that_are_not_there_are_told_where_it_looked_and_where_to_get_them(
    tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("REPRO_DATA", str(tmp_path / "elsewhere"))
    sentence = refused(["camvid", "--data", str(tmp_path / "empty")], capsys)
    assert str(tmp_path / "empty") in sentence and str(tmp_path / "elsewhere") in sentence
    assert "Get it from " in sentence and "--data DIR or $REPRO_DATA" in sentence


def test_a_file_where_the_data_folder_should_be_is_said(tmp_path: Path, capsys: pytest.CaptureFixture):
    (tmp_path / "file").write_text("not a folder")
    sentence = refused(["camvid", "--data", str(tmp_path / "file")], capsys)
    assert f"{tmp_path / 'file'}: a file, but" in sentence
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "CamVid").write_text("not a folder")
    assert "a file, but the folder of camvid should be here" in refused(["camvid"], capsys)


def test_the_help_lists_every_suite_what_it_needs_and_what_is_found(tmp_path: Path, capsys: pytest.CaptureFixture):
    (tmp_path / "here" / "DRIVE").mkdir(parents=True)
    before = written()
    assert main(["--help", "--data", str(tmp_path / "here")]) == 0
    out, err = capsys.readouterr()
    assert err == "" and written() == before
    for suite in SUITES.values():
        section = out.partition(f"\n  {suite.name} ")[2]
        assert suite.title in section.splitlines()[0]
        assert all(f"{stand.train}: " in section for stand in suite.data.values())
    assert f"drive: found in {tmp_path / 'here' / 'DRIVE'}" in out
    assert "camvid: not found" in out and "toy_cityscapes: generated on first use" in out
    assert re.search(r"0 done; 1 a run failed; 2 bad input.*75 stopped", out, re.DOTALL)


def test_a_dry_run_prints_the_plan_in_order_and_needs_no_data(capsys: pytest.CaptureFixture):
    before = written()
    assert main(["camvid", "--dry-run", "--seeds", "0", "--only", "paper1_table1/*"]) == 0
    out, err = capsys.readouterr()
    jobs = plan.plan(plan.suite("camvid"), only="paper1_table1/*", seeds=(0,))
    assert out.splitlines()[0] == f"camvid: CamVid in place of Cityscapes; {len(jobs)} runs, in this order"
    assert re.findall(r"^  (?:due |done)\s+([0-9a-f]{12})\s+0  ", out, re.MULTILINE) == [job.run.id for job in jobs]
    assert out.splitlines()[-1].startswith("  missing: camvid: no folder called CamVid (looked in: ")
    assert "evaluated only" in out and out.splitlines()[1].split()[-3:] == ["steps", "time", "memory"]
    assert err == "" and written() == before


def test_epochs_and_limit_make_a_reduced_suite_with_a_name_of_its_own(capsys: pytest.CaptureFixture):
    assert main(["camvid", "--dry-run", "--epochs", "4", "--limit", "96", "--only", "paper1_table1/ours"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("camvid-e4-n96: ") and run_of("paper1_table1/ours", "camvid-e4-n96").id in out
    assert main(["camvid-e4", "--dry-run", "--limit", "96", "--only", "paper1_table1/ours"]) == 0
    assert capsys.readouterr().out == out


def test_a_cell_that_shares_a_run_is_named_with_it():
    text = run.describe_plan(plan.suite("camvid"), Order(only="*/0.0005", seeds=(0,)))
    assert len(re.findall("[0-9a-f]{12}", text)) == 1 and "paper1_table2/0.0005" in text
    whole = run.describe_plan(plan.suite("camvid"), Order(seeds=(0,)))
    after = whole.partition("paper1_table1/ours ")[2].splitlines()[1:3]
    assert any("also paper1_table2/0.0005" in line for line in after)


def test_all_is_every_suite_whose_data_are_found(tmp_path: Path, capsys: pytest.CaptureFixture):
    (tmp_path / "data" / "DRIVE").mkdir(parents=True)
    assert main(["all", "--dry-run", "--seeds", "0"]) == 0
    heads = [line.partition(":")[0] for line in capsys.readouterr().out.splitlines() if not line.startswith(" ")]
    assert heads == ["demo", "drive"]
    assert main(["all", "--dry-run", "--seeds", "0", "--only", "paper1_*"]) == 0
    heads = [line.partition(":")[0] for line in capsys.readouterr().out.splitlines() if not line.startswith(" ")]
    assert heads == ["demo"]  # DRIVE has nothing of paper 1


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("9m", 540), ("2h", 7200), ("1.5m", 90), ("0.5s", 0.5), ("10s", 10)]
)
def test_durations_are_seconds_minutes_or_hours(text: str, seconds: float):
    assert run.make_parser().parse_args(["--time-limit", text]).time_limit == seconds


def test_seeds_are_a_list_without_repeats():
    assert run.make_parser().parse_args(["--seeds", "2,0,2,1"]).seeds == (2, 0, 1)
    assert run.make_parser().parse_args([]).suite == "demo"


# In a copy of the package, so that what is written stays in a folder of the test's own.


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    root = tmp_path / "checkout"
    shutil.copytree(ROOT / "repro", root / "repro", ignore=shutil.ignore_patterns("__pycache__"))
    (root / "data" / "DRIVE").mkdir(parents=True)
    return root


def call(root: Path, *arguments: str) -> subprocess.CompletedProcess:
    code = (
        "import sys; from repro.run import main; code = main(sys.argv[1:]); "
        "print('torch' in sys.modules, file=sys.stderr); sys.exit(code)"
    )
    environment = {name: value for name, value in os.environ.items() if name != "REPRO_DATA"}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, cwd=root,
        env={**environment, "PYTHONPATH": str(root)},
    )  # fmt: skip


def test_a_dry_run_and_the_help_write_nothing_and_do_not_import_torch(checkout: Path):
    before = snapshot(checkout)
    for arguments in (["drive", "--dry-run"], ["--help"], ["demo", "--dry-run"]):
        done = call(checkout, *arguments)
        assert (done.returncode, done.stderr) == (0, "False\n")
    assert snapshot(checkout) == before


def test_where_all_is_done_the_records_are_published_the_views_written_and_torch_not_imported(checkout: Path):
    cell = "paper2_table3/LKM"
    run = run_of(cell, "drive-e4")
    write_run(checkout / "runs", run, matrix(0.6), curve=[point(10, 1, 1.0, 0.9)])
    done = call(checkout, "drive", "--epochs", "4", "--only", cell, "--seeds", "0", "--device", "cpu")
    assert (done.returncode, done.stderr) == (0, "False\n"), done.stdout
    assert "1 run, 1 done, 0 due." in done.stdout
    assert "1 record; tables in tables/drive-e4, figures in figures/drive-e4." in done.stdout
    assert [path.name[:12] for path in (checkout / "tables" / "records").glob("*.json")] == [run.id]
    assert (checkout / "tables" / "drive-e4" / "paper2_table3.md").exists()
    assert "A reduced suite" in done.stdout and "LKM" in done.stdout
    before = snapshot(checkout)
    again = call(checkout, "drive-e4", "--only", cell, "--seeds", "0")
    assert again.returncode == 0 and again.stdout == done.stdout
    assert snapshot(checkout) == before


@pytest.mark.slow
def test_a_suite_that_stops_before_its_first_record_leaves_no_tables(checkout: Path, tmp_path: Path, monkeypatch):
    monkeypatch.setenv("REPRO_CACHE", str(tmp_path / "cache"))
    asked = ("--only", "paper1_table1/FCN", "--seeds", "0", "--device", "cpu", "--time-limit", "1s")
    done = call(checkout, "demo", *asked)
    assert done.returncode == 75 and done.stdout.endswith("No record yet; nothing was published.\n"), done.stderr
    assert not (checkout / "runs" / "demo" / "tables").exists()


def test_a_file_where_the_runs_folder_should_be_is_one_sentence(checkout: Path):
    (checkout / "tables").write_text("a file")
    write_run(checkout / "runs", run_of("paper2_table3/LKM", "drive-e4"), matrix(0.6))
    done = call(checkout, "drive-e4", "--only", "paper2_table3/LKM", "--seeds", "0")
    assert done.returncode == 2 and done.stderr.startswith("run_all.sh: ") and "Traceback" not in done.stderr


def test_a_data_folder_that_is_not_there_is_refused_whatever_else_is_found(
    tmp_path: Path, capsys: pytest.CaptureFixture
):
    sentence = refused(["camvid", "--data", str(tmp_path / "mistyped")], capsys)
    assert "mistyped: no such folder, but a data folder should be here" in sentence


def test_the_reproduction_plans_what_the_data_at_hand_allow_in_its_own_order(tmp_path: Path, capsys):
    (tmp_path / "data" / "CamVid" / "train").mkdir(parents=True)
    assert main(["reproduction", "--dry-run", "--data", "data", "--epochs", "2"]) == 0
    said = [line.split(":")[0] for line in capsys.readouterr().out.splitlines() if "runs, in this order" in line]
    assert said == ["camvid-e2", "camvid-e2", "camvid-e2"]
