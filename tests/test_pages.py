"""The papers' pages: they follow from the declarations, and hold all of them."""

from dataclasses import replace
from pathlib import Path

import pytest
from measured import ROOT

from repro import check, pages
from repro.papers import PAPERS
from repro.papers.spec import Deviation, Paper


@pytest.mark.parametrize("paper", PAPERS, ids=lambda paper: paper.id)
def test_the_committed_page_follows_from_the_declarations(paper: Paper):
    # python -m repro.pages rewrites it
    assert (ROOT / "docs" / f"{paper.id}.md").read_text() == pages.page(paper)


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
    expected = "does not follow from the declarations; python -m repro.pages rewrites it"
    assert report.failures == [f"{tmp_path / 'docs' / name}: {expected}" for name in ("paper1.md", "paper2.md")]


@pytest.mark.parametrize("paper", PAPERS, ids=lambda paper: paper.id)
def test_a_page_has_a_line_for_every_choice_contradiction_claim_and_reference(paper: Paper):
    lines = pages.page(paper).splitlines()
    for one in paper.deviations:
        assert any(
            line.startswith("| " + pages._text(one.subject)) and pages._text(one.choice) in line for line in lines
        )
    for one in paper.contradictions:
        assert any(pages._text(one.text) in line for line in lines)
    for one in paper.claims:
        assert any(line.startswith(f"| {pages._text(one.text)} | ") for line in lines)
    rows = [line for line in lines if line.endswith(f" {pages._text(paper.references[0].source)} |")]
    assert len(rows) >= 1 and sum(one.system in "\n".join(lines) for one in paper.references) == len(paper.references)


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
