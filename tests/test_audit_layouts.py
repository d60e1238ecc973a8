"""The layouts of somebody else's table: marks in cells, heads of several rows, rows of several data sets."""

import pytest

from repro.audit.tablefile import read_tables


@pytest.fixture
def table(tmp_path):
    def write(text, name="table.csv"):
        (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path / name

    return write


def cells(path):
    (raw,) = read_tables(path)
    return raw.rows


@pytest.mark.parametrize(
    "cell, plain",
    [
        (r"\textcolor{red}{95.0}", "95.0"),
        (r"\textcolor[rgb]{1,0,0}{\textbf{95.0}}", "95.0"),
        (r"95.0\,$\pm$\,0.3", "95.0 ± 0.3"),
        (r"$95.0_{\pm 0.3}$", "95.0_± 0.3"),
        (r"95.0$^{\dagger}$", "95.0"),
        (r"95.0\textsuperscript{1}", "95.0^1"),
        (r"\phantom{0}95.0", "95.0"),
        (r"\makecell{Acc\\(\%)}", "Acc (%)"),
        (r"\begin{tabular}[c]{@{}c@{}}Acc\\ (\%)\end{tabular}", "Acc (%)"),
        (r"\multicolumn{1}{>{\columncolor{gray!10}}c}{95.0}", "95.0"),
        (r"\ding{51}", "✓"),
    ],
)
def test_marks_of_latex_are_no_part_of_a_number(table, cell, plain):
    text = (
        "\\begin{tabular*}{\\textwidth}{@{\\extracolsep{\\fill}}lc}\nMethod & A \\\\\nB & "
        + cell
        + " \\\\\n\\end{tabular*}"
    )
    assert cells(table(text, "t.tex")) == [["Method", "A"], ["B", plain]]


def test_marks_of_markdown_are_no_part_of_a_number(table):
    text = "| M | IoU | F1 |\n|--|--|--|\n| A | _61.5_ | 76.2<sup>1</sup> |\n"
    assert cells(table(text, "t.md"))[1] == ["A", "61.5", "76.2^1"]
