"""Each class's IoU and the confusion matrix, on request."""

import csv
import io
import subprocess
from pathlib import Path
from shutil import which

import pytest
from measured import publish, run_of, with_seed

from repro import compare, plan, records
from repro.papers.spec import Row
from repro.records import Folder
from repro.table import FORMATS, render
from repro.table.classes import matrices_of
from repro.table.formats import as_latex
from repro.table.grid import Entry, Grid
from repro.table.html import as_html

PACKAGES = r"\usepackage[T1]{fontenc}\usepackage[utf8]{inputenc}\usepackage{booktabs}"
TABLE, CAMVID = plan.exhibit("paper1_table1"), plan.suite("camvid")


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """FCN with two seeds of two images, and the floor."""
    made = records.folder_of("camvid", toy=False, root=tmp_path)
    fcn = run_of("paper1_table1/FCN", "camvid")
    publish(made, tmp_path / "runs", fcn, [[3, 1], [0, 4]], [[5, 1], [2, 0]])
    publish(made, tmp_path / "runs", with_seed(fcn, 1), [[4, 0], [0, 4]], [[6, 0], [0, 2]])
    publish(made, tmp_path / "runs", run_of("paper1_table1/position prior", "camvid"), [[10, 0], [0, 0]])
    return made


def lines(folder: Folder, columns: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(render(TABLE, CAMVID, folder, "csv", columns=columns))))


def test_the_iou_of_each_class_is_pooled_over_images_and_averaged_over_seeds(folder: Folder):
    fcn, prior = lines(folder, "classes")
    # Seed 0: road 8 hits of 10 labelled and 2 more predicted, 8/12; pole 4 of 6 and 2 more, 4/8. Seed 1: all right.
    assert (fcn["system"], fcn["road"], fcn["pole"]) == ("FCN", "83.3", "75.0")
    assert (prior["system"], prior["road"], prior["pole"]) == ("position prior", "100.0", "–")


def test_the_confusion_matrix_adds_seeds_up_and_divides_by_the_labelled_pixels(folder: Folder):
    matrix = matrices_of(compare.compare(TABLE, CAMVID, folder))[0]
    assert matrix.counts.tolist() == [[18, 2], [2, 10]] and matrix.n == 2
    found = [(each["system"], each["label"], each["road"], each["pole"]) for each in lines(folder, "confusion")]
    assert found == [
        ("FCN", "road", "90.0", "10.0"),
        ("FCN", "pole", "16.7", "83.3"),
        ("position prior", "road", "100.0", "0.0"),
        ("position prior", "pole", "–", "–"),
    ]


@pytest.mark.parametrize("format", sorted(FORMATS))
@pytest.mark.parametrize("columns", ["classes", "confusion"])
def test_both_come_in_every_format_also_of_nothing(folder: Folder, format: str, columns: str, tmp_path: Path):
    assert "FCN" in render(TABLE, CAMVID, folder, format, columns=columns)
    nothing = records.folder_of("camvid", toy=False, root=tmp_path / "empty")
    assert "system" in render(TABLE, CAMVID, nothing, format, columns=columns)


def latex() -> list[str] | None:
    """The command of the LaTeX that is installed here, None for none."""
    if path := which("pdflatex"):
        return [path, "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape"]
    return [path] if (path := which("tectonic")) else None


@pytest.mark.slow
@pytest.mark.skipif(latex() is None, reason="neither pdflatex nor tectonic is installed")
def test_every_committed_table_compiles_as_latex_and_so_does_one_of_special_characters(folder: Folder, tmp_path: Path):
    special = Grid(
        "t", r"50 % of $x_1$ & {more} # ~ ^ \ ±", ("above [1]",), ("system", "a_b", "verdict"),
        (
            (Entry("[1] first", 1, "†"), Entry("75.1 ± 0.4", 2, " [1, 3]"), Entry("–")),
            (Entry("−0.1"), Entry("<&>"), Entry("‡")),
        ),
        (1,), ("below % & #",),
    )  # fmt: skip
    tables = [path.read_text() for path in sorted((records.ROOT / "tables").glob("**/*.tex"))]
    tables += [as_latex(special), *(render(TABLE, CAMVID, folder, "tex", columns=c) for c in ("classes", "confusion"))]
    source = "\n\\clearpage\n".join(tables)
    page = rf"\documentclass{{article}}{PACKAGES}\begin{{document}}" + "\n" + source + r"\end{document}"
    (tmp_path / "page.tex").write_text(page, encoding="utf-8")
    how = {"cwd": tmp_path, "capture_output": True, "text": True, "errors": "replace", "timeout": 300}
    done = subprocess.run([*latex(), "page.tex"], **how)
    assert done.returncode == 0, done.stdout[-2000:]
    assert (tmp_path / "page.pdf").stat().st_size > 10_000


def test_html_has_no_markup_but_its_own():
    nasty = "<script>alert('x')</script>&\""
    grid = Grid(nasty, nasty, (nasty,), ("a", nasty), ((Entry(nasty, 1, nasty), Entry(nasty)),), (), (nasty,), (nasty,))
    text = as_html(grid)
    assert "<script" not in text and text.count("&lt;script&gt;") == 9
    assert "alert(&#x27;x&#x27;)" in text and '&amp;&quot;' in text


def test_a_systems_name_is_escaped_in_html_and_markdown(folder: Folder):
    row = Row(name="<b>U|Net</b>", network="fcn", options=TABLE.rows[0].options, changes=TABLE.rows[0].changes)
    table = type(TABLE)(**{**vars(TABLE), "rows": (row,)})
    html, markdown = (render(table, CAMVID, folder, format, columns="classes") for format in ("html", "md"))
    assert "&lt;b&gt;U|Net&lt;/b&gt;" in html and r"\<b\>U\|Net\</b\>" in markdown
