"""The papers' pages: they follow from the declarations, and hold all of them."""

from dataclasses import replace
from pathlib import Path

import pytest
from measured import ROOT, matrix, publish, run_of, with_seed

from repro import check, found, markdown, pages, plan
from repro.compare import home_of
from repro.papers import PAPERS
from repro.papers.spec import Deviation, Paper
from repro.papers.suites import SUITES

TABLE1 = plan.exhibit("paper1_table1")


@pytest.mark.parametrize("paper", PAPERS, ids=lambda paper: paper.id)
def test_the_committed_page_follows_from_the_declarations(paper: Paper):
    # python -m repro.pages rewrites it
    assert (ROOT / "docs" / f"{paper.id}.md").read_text() == pages.page(paper)


def test_the_committed_page_of_what_was_found_follows_from_the_records():
    assert (ROOT / "docs" / "found.md").read_text() == found.page(ROOT)


def test_without_records_nothing_is_judged_and_what_is_printed_is_still_audited(tmp_path: Path):
    text = found.page(tmp_path)
    assert "## Measured" not in text
    assert "11 of 11 claims of paper1:" in text and "18 of 18 claims of paper2:" in text
    assert "- Table 2, PH2: **inconsistent**. PH2 is said to have 220 images" in text


def test_a_full_suites_claim_stands_with_its_word_and_numbers_and_is_no_longer_open(tmp_path: Path):
    folder = home_of(SUITES["camvid"], tmp_path)
    for seed in range(3):
        for row, share in (("U-Net", 0.2), ("ours", 0.8)):
            run = with_seed(run_of(f"paper1_table1/{row}", "camvid"), seed)
            publish(folder, tmp_path / "runs", run, matrix(share + seed / 1000))
    text = found.page(tmp_path)
    assert "## Measured: CamVid in place of Cityscapes" in text and "6 runs on cpu-torch2.15" in text
    row = next(line for line in text.splitlines() if line.startswith("| It surpasses the traditional U-Net."))
    assert "(n = 3)" in row and "not judged" not in row
    # ours is two numbers of each table; other readings of a number and cells that print none count nowhere
    assert "Verdicts of the printed numbers: 4 other data, 16 not measured." in text


def written(root: Path) -> None:
    """Write every page below `root`."""
    (root / "docs").mkdir()
    for path, data in pages.files(root).items():
        path.write_bytes(data)


def test_the_check_fails_for_a_page_that_was_edited_or_is_missing(tmp_path: Path):
    report = check.Report()
    check.check_committed(tmp_path, report)
    assert report.failures == []  # no docs at all: nothing to compare
    written(tmp_path)
    check.check_committed(tmp_path, report)
    assert report.failures == []
    page = tmp_path / "docs" / "paper1.md"
    page.write_text(page.read_text().replace("0.0005", "0.001", 1))
    (tmp_path / "docs" / "paper2.md").unlink()
    check.check_committed(tmp_path, report)
    expected = "does not follow from declarations and records; python -m repro.pages rewrites it"
    assert report.failures == [f"{tmp_path / 'docs' / name}: {expected}" for name in ("paper1.md", "paper2.md")]


@pytest.mark.parametrize("paper", PAPERS, ids=lambda paper: paper.id)
def test_a_page_has_a_line_for_every_choice_contradiction_claim_and_reference(paper: Paper):
    lines = pages.page(paper).splitlines()
    for one in paper.deviations:
        assert any(
            line.startswith("| " + markdown.text(one.subject)) and markdown.text(one.choice) in line for line in lines
        )
    for one in paper.contradictions:
        assert any(markdown.text(one.text) in line for line in lines)
    for one in paper.claims:
        assert any(line.startswith(f"| {markdown.text(one.text)} | ") for line in lines)
    for one in paper.references:
        ends = f" {markdown.text(one.source)} |"
        assert any(line.endswith(ends) for line in lines) and one.system in "\n".join(lines)


def test_the_audits_findings_are_on_the_page_with_a_sentence_for_a_review():
    text = pages.page(PAPERS[1])
    assert "Table 3, DRIVE, row LKM: **inconsistent under: whole image or field of view, test, pooled" in text
    assert "Table 3, CHASEDB, row LKM + MFM: **possible under: field of view" in text
    assert "please give the confusion counts." in text


def test_what_the_paper_names_and_nothing_builds_is_on_the_page():
    text = pages.page(PAPERS[1])
    assert "| Mask R-CNN | one of the three main approaches in the introduction" in text
    assert "| SBPSF (\\*/SBPSF) | named, no reference | the row stays, without a number |" in text


def test_a_new_choice_is_on_the_page():
    one = Deviation(subject="colour | of_it", paper="not stated", choice="`a_b`", why="<b>")
    text = pages.page(replace(PAPERS[0], deviations=(*PAPERS[0].deviations, one)))
    assert "| colour \\| of\\_it | not stated | `a_b` | \\<b\\> |" in text


def test_the_readme_links_both_pages():
    readme = (ROOT / "README.md").read_text()
    assert all(f"(docs/{paper.id}.md)" in readme for paper in PAPERS)


def test_the_command_writes_the_pages_and_says_which(tmp_path: Path, monkeypatch, capsys: pytest.CaptureFixture):
    made = {path: b"x" for path in (ROOT / "docs" / "paper1.md",)}
    monkeypatch.setattr(pages, "files", lambda: {tmp_path / "docs" / path.name: data for path, data in made.items()})
    monkeypatch.setattr(pages.records, "ROOT", tmp_path)
    assert pages.main([]) == 0
    assert (tmp_path / "docs" / "paper1.md").read_bytes() == b"x"
    assert capsys.readouterr().out.split() == ["docs/paper1.md"]


def test_what_a_floor_comes_to_on_the_papers_own_data_is_said(tmp_path: Path):
    prior = run_of("paper2_figure1/position prior", "isic2017")
    publish(home_of(SUITES["isic2017"], tmp_path), tmp_path / "runs", prior, [[72, 3], [5, 20]])
    text = found.page(tmp_path)
    assert "## Measured: the papers' own data" in text
    # AC 92/100, SE 20/25, SP 72/75, JA 20/28, DI 40/48
    assert "- position prior (paper2_figure1): AC 92.0, SE 80.0, SP 96.0, JA 71.4, DI 83.3" in text
    assert "| not run |" not in text


def test_no_reference_has_a_split_that_is_both_stated_and_unknown():
    assert not [one.system for paper in PAPERS for one in paper.references if "split" in one.protocol]


def test_a_reduced_suites_networks_are_set_beside_the_position_prior_with_their_steps(tmp_path: Path):
    suite = plan.suite("camvid-e4-n96")
    for name, miou, steps in (("position prior", 0.3, 0), ("FCN", 0.4, 48), ("SegNet", 0.2, 48)):
        curve = [{"step": steps, "epoch": 4, "learning_rate": 0.1, "train_loss": 1.0}] if steps else []
        run = plan.run_of(TABLE1, next(row for row in TABLE1.rows if row.name == name), "cityscapes", suite)
        publish(home_of(suite, tmp_path), tmp_path / "runs", run, matrix(miou), curve=curve)
    (tmp_path / "tables" / suite.name).mkdir()
    text = found.page(tmp_path)
    assert "paper1_table1, mIoU: after 48 steps above the position prior (30.0): FCN. Not yet: SegNet" in text
