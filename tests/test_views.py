"""A suite's views as files: from its records alone, and written where they belong."""

import csv
import io
from pathlib import Path

import pytest
from measured import KIND, matrix, point, publish, run_of, snapshot, with_seed

from repro import compare, plan, records, views
from repro.records import Folder

CAMVID = plan.suite("camvid")
CURVE = [point(10, 1, 1.0, 0.9)]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A checkout with two records of CamVid and one of Cityscapes."""
    publish(home(tmp_path), tmp_path / "runs", run_of("paper1_table1/ours", "camvid"), matrix(0.6), curve=CURVE)
    publish(home(tmp_path), tmp_path / "runs", with_seed(run_of("paper1_table1/FCN", "camvid"), 2), matrix(0.5))
    publish(home(tmp_path), tmp_path / "runs", run_of("paper1_table1/FCN", "cityscapes"), matrix(0.624))
    return tmp_path


def home(root: Path) -> Folder:
    return records.folder_of("camvid", toy=False, root=root)


def rows_of(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode())))


def test_a_suite_has_a_view_of_every_table_and_figure_it_has_data_for(root: Path):
    found = {f"{kind}/{name}" for kind, name, _ in views.files(CAMVID, home(root))}
    tables = ("paper1_table1", "paper1_table2", "paper1_ablation", "paper1_deviations")  # none of paper 2's
    assert found == {
        *(f"tables/{id}.{ending}" for id in tables for ending in ("csv", "md", "tex")),
        *(f"figures/{id}.{ending}" for id in ("paper1_figure1", "paper1_figure2") for ending in ("csv", "png", "svg")),
        "tables/records.csv",
    }


def test_tables_of_facts_go_with_the_papers_own_data_and_with_the_demo():
    for suite in (compare.own_suite(), plan.suite("demo")):
        assert views.fact_tables(suite) == ["paper2_table1", "paper2_table2"]
    assert views.fact_tables(CAMVID) == views.fact_tables(plan.suite("cityscapes-e4")) == []


def test_records_csv_says_who_ran_what_with_scores_in_per_cent(root: Path):
    rows = rows_of(views.records_csv(CAMVID, home(root)))
    assert [(row["network"], row["seed"], row["miou"]) for row in rows] == [
        ("attention_unet", "0", "60.00"),
        ("fcn", "2", "50.00"),
    ]  # seed 0 first, and none of Cityscapes
    ours = rows[0]
    assert (ours["id"], ours["kind"]) == (run_of("paper1_table1/ours", "camvid").id, KIND)
    assert ours["pixel_accuracy"] == "75.00"  # 1200 hits and 400 errors a class
    assert (ours["epochs"], ours["steps"], ours["train"], ours["limit"]) == ("100", "10", "camvid", "")
    assert "encoder_name=resnet50" in ours["options"]


def test_views_of_a_stand_in_are_written_into_folders_of_its_own(root: Path):
    before = snapshot(root)
    views.rewrite(CAMVID, ["paper1_table1", "paper1_figure2"], root)
    assert set(snapshot(root)) - set(before) == {
        *(f"tables/camvid/paper1_table1.{ending}" for ending in ("csv", "md", "tex")),
        *(f"figures/camvid/paper1_figure2.{ending}" for ending in ("csv", "png", "svg")),
        "tables/camvid/records.csv",
    }


def test_a_suite_on_the_papers_own_data_writes_the_papers_own_views_from_all_records(root: Path):
    publish(home(root), root / "runs", run_of("paper2_table3/LKM", "drive"), matrix(0.7))
    ids = ["paper1_table1", "paper2_table3"]
    views.rewrite(plan.suite("drive"), ids, root)
    by_drive = snapshot(root / "tables")
    views.rewrite(plan.suite("cityscapes"), ids, root)
    assert snapshot(root / "tables") == by_drive  # whichever suite was trained last
    networks = {row["network"] for row in rows_of((root / "tables" / "records.csv").read_bytes())}
    assert networks == {"fcn", "tcnet"}
    title = (root / "tables" / "paper2_table3.md").read_text().splitlines()[0]
    assert title.endswith("Ablation of TCNet's modules, on DRIVE and CHASE\\_DB1")


def test_rewriting_writes_only_what_changed(root: Path):
    ids = ["paper1_table1", "paper1_table2"]
    views.rewrite(CAMVID, ids, root)
    table = root / "tables" / "camvid" / "paper1_table1.csv"
    other = root / "tables" / "camvid" / "paper1_table2.csv"
    table.write_text("edited by hand")
    written_at = other.stat().st_mtime_ns
    views.rewrite(CAMVID, ids, root)
    assert table.read_text().startswith("row,mIoU reported,")
    assert other.stat().st_mtime_ns == written_at


def test_only_the_named_tables_are_rewritten_and_the_records_table_always(root: Path):
    views.rewrite(CAMVID, ["paper1_table2"], root)
    names = {path.name for path in (root / "tables" / "camvid").iterdir()}
    assert names == {"records.csv", *(f"paper1_table2.{ending}" for ending in ("csv", "md", "tex"))}


def test_a_demo_that_was_not_trained_leaves_its_lock_alone(tmp_path: Path):
    locked = records.lock_of("demo", tmp_path)
    publish(locked, tmp_path / "elsewhere", run_of("paper1_table1/ours", "demo"), matrix(0.6))
    before = snapshot(tmp_path / "tables")
    views.rewrite(plan.suite("demo"), ["paper1_table1"], tmp_path)
    assert snapshot(tmp_path / "tables") == before
    assert "60.0" not in (tmp_path / "runs" / "demo" / "tables" / "paper1_table1.csv").read_text()


def test_the_same_records_give_the_same_bytes_in_another_folder(root: Path, tmp_path_factory: pytest.TempPathFactory):
    other = tmp_path_factory.mktemp("other")
    for record in records.every(home(root).records):
        records.copy(record, home(other).records)
    ids = ["paper1_table1"]
    assert list(views.files(CAMVID, home(root), ids)) == list(views.files(CAMVID, home(other), ids))


def test_a_suites_records_are_its_own_runs_only_further_seeds_and_ablations_too(root: Path):
    publish(home(root), root / "runs", run_of("paper1_ablation/none, none", "camvid"), matrix(0.55))
    found = views.of_suite(CAMVID, home(root))
    assert {record.data["run"]["seed"] for record in found} == {0, 2} and len(found) == 3
    assert len(views.of_suite(compare.own_suite(), home(root))) == 1
    assert views.of_suite(plan.suite("drive"), home(root)) == []
