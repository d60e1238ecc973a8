"""The small print of a table: choices, the audit's marks, third parties' numbers, cost, HTML."""

from dataclasses import replace
from pathlib import Path

import pytest
from measured import matrix, publish, run_of, with_seed

from repro import compare, plan, records, table, views
from repro.papers import PAPERS
from repro.papers.spec import Deviation, Reference
from repro.records import Folder
from repro.table.__main__ import main
from repro.table.grid import make_grid
from repro.table.notes import protocol_text, same_protocol, touched_rows

TABLE, TABLE3 = plan.exhibit("paper1_table1"), plan.exhibit("paper2_table3")
OWN = compare.own_suite()


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return records.folder_of(None, toy=False, root=tmp_path)


def marks(grid: table.Grid) -> dict[str, str]:
    """Return the mark of each row's name."""
    return {row[0].text: row[0].mark for row in grid.rows}


def test_a_footnote_stands_below_for_each_choice_that_touches_a_row_and_its_number_at_the_row(folder: Folder):
    grid = table.grid_of(TABLE, OWN, folder)
    form = next(line for line in grid.below if "] form of FCN: " in line)
    number = form[1 : form.index("]")]
    assert "ResNet-50 dilated to stride 8" in form and form.endswith("(the paper: cites none)")
    assert marks(grid)["FCN"].startswith(f" [{number}") and marks(grid)["SegNet"] == ""
    touching = [one for one in PAPERS[0].deviations if touched_rows(one, TABLE)]
    assert len([line for line in grid.below if line.startswith(("[", "every row: "))]) == len(touching) > 5


def test_what_touches_every_row_is_said_once_and_what_touches_the_whole_paper_is_counted(folder: Folder):
    grid = table.grid_of(TABLE, OWN, folder)
    assert "every row: learning rates tried: every row of paper1_table1 at 0.0005" in grid.below
    whole = sum(not one.rows for one in PAPERS[0].deviations)
    assert f"and {whole} choices that touch the whole paper: see docs/paper1.md" in grid.below


def test_the_rows_of_a_choice_are_those_its_globs_name_and_none_for_the_whole_paper():
    one = Deviation(subject="s", paper="p", choice="c", why="w", rows=("*/FCN", "paper1_table2/*"))
    assert touched_rows(one, TABLE) == ["FCN"]
    assert touched_rows(one, plan.exhibit("paper1_table2")) == [r.name for r in plan.exhibit("paper1_table2").rows]
    assert touched_rows(replace(one, rows=()), TABLE) == []


def test_an_unresolved_auc_is_marked_explained_and_not_ranked(folder: Folder, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(compare.Finding, "unresolved", 0)
    found = compare.compare(TABLE3, OWN, folder)
    cells = [next(f for f in findings if f.column.name == "CHASEDB AUC") for findings in found.rows]
    for finding, score in zip(cells, (0.9, 0.8, 0.7, 0.6)):
        object.__setattr__(finding, "scores", (score,))
    monkeypatch.setattr(compare.Finding, "unresolved", property(lambda each: 0.25 * (each.scores == (0.9,))))
    grid = make_grid(found)
    column = grid.headers.index("CHASEDB AUC measured")
    assert [(row[column].shown, row[column].rank) for row in grid.rows[:4]] == [
        ("0.900~", 0), ("0.800", 1), ("0.700", 2), ("0.600", 0),
    ]  # fmt: skip
    assert (
        "~ pixels that share one of 1024 bins of their logits count as ties: CHASEDB AUC of LKM can be 0.250 off"
        in grid.below
    )


def test_what_is_done_with_a_sets_lists_is_not_said_where_others_stand_for_it(folder: Folder):
    exhibit = plan.exhibit("paper2_deviations")
    for suite, said in {"isic2017": True, "isic2017_256": False}.items():
        below = table.grid_of(exhibit, plan.suite(suite), folder).below
        assert any(line.startswith("every row: split of ISIC 2017: 800 and 350") for line in below) == said


def test_rows_that_a_suite_makes_one_run_are_named(folder: Folder):
    exhibit, camvid = plan.exhibit("paper1_deviations"), plan.suite("camvid")  # weights none in every row
    assert [line for line in table.grid_of(exhibit, camvid, folder).below if line.startswith("one run")] == [
        "one run, as camvid replaces what tells them apart: as declared, from scratch"
    ]
    assert not any(line.startswith("one run") for line in table.grid_of(TABLE, camvid, folder).below)


def test_printed_numbers_that_the_audit_refuses_are_marked_and_the_possible_row_only_if_pooled(folder: Folder):
    grid = table.grid_of(TABLE3, OWN, folder)
    cells = {(row[0].text, header): entry for row in grid.rows for header, entry in zip(grid.headers, row)}
    assert cells["LKM", "DRIVE Acc reported"].shown == "0.925†"
    assert cells["LKM + MFM", "CHASEDB Sen reported"].shown == "0.873‡"  # possible inside the field of view
    assert cells["LKM", "DRIVE AUC reported"].shown == "0.966"  # nothing follows for AUC
    assert any(line.startswith("† the audit: inconsistent under: whole image or field of view") for line in grid.below)
    assert any(line.startswith("‡ the audit: inconsistent if pooled; possible under") for line in grid.below)
    assert "The arithmetic behind † and ‡: repro.audit paper2." in grid.below


def test_a_table_whose_numbers_are_consistent_has_no_mark(folder: Folder):
    grid = table.grid_of(TABLE, OWN, folder)
    assert not any(entry.mark for row in grid.rows for entry in row[1:])
    assert not any("audit" in line for line in grid.below)


def test_marks_are_in_every_format_but_the_csv(folder: Folder):
    assert "0.925†" in table.render(TABLE3, OWN, folder, "text")
    assert "0.925†" in table.render(TABLE3, OWN, folder, "md")
    assert r"0.925\dag{}" in table.render(TABLE3, OWN, folder, "tex")
    assert "0.925<sup>†</sup>" in table.render(TABLE3, OWN, folder, "html")
    csv = table.render(TABLE3, OWN, folder, "csv")
    assert "0.925" in csv and "†" not in csv


def test_third_parties_stand_below_on_the_same_data_only_each_with_its_protocol(folder: Folder):
    own = table.grid_of(TABLE, OWN, folder)
    line = next(line for line in own.references if "FCN mIoU 72.25" in line)
    scores = "FCN mIoU 72.25; PSPNet mIoU 77.85; DeepLabv3+ mIoU 79.61"
    assert line.startswith(f"third parties: {scores} (other protocol: split validation, backbone ResNet-50, ")
    assert "schedule 40 000 steps of 8 images" in line and "unknown: weights, resolution, region" in line
    assert line.endswith("; mmsegmentation's model zoo)")
    assert own.references[-1] == "third parties: 3 more on this data in docs/paper1.md"
    for format in ("text", "md", "html"):
        assert "third parties: " in table.render(TABLE, OWN, folder, format)
    assert "third parties" not in table.render(TABLE, OWN, folder, "tex")
    for suite in ("camvid", "demo"):
        assert table.grid_of(TABLE, plan.suite(suite), folder).references == ()


def test_a_third_partys_protocol_is_ours_where_every_field_is_stated_and_equal():
    row = next(row for row in TABLE.rows if row.name == "PSPNet")
    stated = {"backbone": "ResNet-50", "weights": "ImageNet", "schedule": "100 epochs", "resolution": "512x1024",
              "region": "whole"}  # fmt: skip
    one = Reference(system="PSPNet", data="cityscapes", split="validation", scores={}, protocol=stated, source="s")
    assert same_protocol(one, TABLE, row, TABLE.columns[0])
    for field in stated:
        for other in ("unknown", "another"):
            changed = replace(one, protocol=stated | {field: other})
            assert not same_protocol(changed, TABLE, row, TABLE.columns[0])
    assert protocol_text(replace(one, protocol={"weights": "none", "region": "unknown"})) == (
        "split validation, weights none, unknown: region"
    )


def test_no_known_third_party_has_our_protocol(folder: Folder):
    for paper in PAPERS:
        for exhibit in (*paper.tables, *paper.figures):
            if hasattr(exhibit, "recipe"):
                lines = table.grid_of(exhibit, OWN, folder, columns="all").references
                assert not any("our protocol" in line for line in lines)


def test_cost_is_parameters_operations_time_and_memory_as_recorded(folder: Folder, tmp_path: Path):
    for seed in (0, 1):
        run = with_seed(run_of("paper1_table1/FCN", "cityscapes"), seed)
        record = publish(folder, tmp_path / "runs", run, matrix(0.6))
        data = record.data
        data["network"] = {"parameters": 32_946_000, "size": [512, 1024], "flops": 1_234_560_000_000}
        data["provenance"] |= {"seconds": 100.0 + 50 * seed, "peak_memory_bytes": (3 + seed) * 2**30}
        record.path.write_bytes(records.record_bytes(data))
    publish(folder, tmp_path / "runs", run_of("paper1_table1/position prior", "cityscapes"), matrix(0.2))
    grid = table.grid_of(TABLE, OWN, folder, columns="cost")
    rows = {row[0].text: [entry.text for entry in row[1:]] for row in grid.rows}
    assert grid.headers[1:] == ("parameters (M)", "GFLOP", "at size", "training (s)", "peak memory (GiB)")
    assert rows["FCN"] == ["32.95", "1234.6", "512x1024", "125", "4.0"]
    assert rows["SegNet"] == ["not run", "", "", "", ""]
    assert rows["position prior"][3:] == ["", ""]
    assert grid.below[0] == "measured on cpu-torch2.15"
    assert table.render(TABLE, OWN, folder, "csv", columns="cost").splitlines()[1] == (
        "FCN,32.95,1234.6,512x1024,125,4.0"
    )


def test_cost_on_several_data_sets_says_which(folder: Folder):
    headers = table.grid_of(TABLE3, OWN, folder, columns="cost").headers
    assert headers[4:] == (
        "DRIVE training (s)", "DRIVE peak memory (GiB)", "CHASE_DB1 training (s)", "CHASE_DB1 peak memory (GiB)",
    )  # fmt: skip


def test_html_escapes_every_text(folder: Folder):
    grid = replace(table.grid_of(TABLE, OWN, folder), title="<b>&", below=("<script>",), headers=("<i>", "b"))
    text = table.FORMATS["html"](grid)
    assert "<caption>&lt;b&gt;&amp;</caption>" in text and "<th>&lt;i&gt;</th>" in text and "<script>" not in text


def test_all_rewrites_the_views_of_the_suites_with_committed_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    camvid = plan.suite("camvid")
    folder = compare.home_of(camvid, tmp_path)
    publish(folder, tmp_path / "runs", run_of("paper1_table1/FCN", "camvid"), matrix(0.6))
    monkeypatch.setattr(views, "committed_suites", lambda: [camvid, OWN])
    monkeypatch.setattr(views, "committed_folder", lambda suite: compare.home_of(suite, tmp_path))
    assert main(["--all"]) == 0
    assert "60.0" in (folder.tables / "paper1_table1.md").read_text()
    assert "no committed records" in capsys.readouterr().out and not (tmp_path / "tables" / "records.csv").exists()
