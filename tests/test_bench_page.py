"""The page and the figures of the benchmarks: they follow from the committed tables."""

from pathlib import Path

import numpy as np

from repro import pages
from repro.bench import Line, Result, Sheet, as_csv
from repro.figure import benches, speed
from repro.figure.receptive_field import fields
from repro.table.bench import bench_page

MACHINE = {"device": "cpu", "cpu": "A processor", "cores": 2, "python": "3.11.7", "libraries": {"torch": "2.15.0"}}


def tables(tmp_path: Path) -> Path:
    folder = tmp_path / "tables" / "bench"
    folder.mkdir(parents=True)
    lines = Line("ours", (0.002, 0.002)), Line("plain", (0.03, 0.05))
    limit = 0.0005, "copying"
    result = Result("data", "sample", lines, "fifteen times", limit, MACHINE, wanted=15, notes=("one", "two"))
    (folder / "data.csv").write_text(as_csv(result))
    row = ("31x31", "8x12", "32", "3", "4", "25.4", "72.7", " ".join(["100000"] * 6))
    names = ("kernel", "size", "width", "initialisations", "images", "area of 50 %", "area of 90 %", "cells")
    sheet = Sheet("receptive-field", "how far", names, (row,), "a picture", MACHINE, "half of it", unprinted=("cells",))
    (folder / "receptive-field.csv").write_text(as_csv(sheet))
    return tmp_path / "tables"


def test_the_page_has_the_ratio_the_goal_the_limit_and_the_machine_of_a_timed_row(tmp_path):
    page = bench_page(tables(tmp_path))
    assert "## data\n\n| way | milliseconds | first quartile | third quartile | n | ratio | wanted |\n" in page
    assert "| ours | 2.000 | 2.000 | 2.000 | 2 | 20.00 | 15 |\n" in page
    assert "- Goal: fifteen times.\n- Limit 0.500 ms, copying; ours takes 4.0 times that.\n- One.\n- Two.\n" in page
    assert "- A processor, 2 cores, torch 2.15.0, Python 3.11.7.\n" in page


def test_the_page_leaves_out_what_is_for_files(tmp_path):
    page = bench_page(tables(tmp_path))
    assert "| kernel | size | width | initialisations | images | area of 50 % | area of 90 % |" in page
    assert "100000" not in page and "- How far.\n- Goal: a picture.\n- Half of it.\n" in page


def test_the_committed_page_is_among_the_generated_ones():
    assert Path("docs/bench.md") in {path.relative_to(pages.records.ROOT) for path in pages.files()}


def test_the_figure_of_speed_draws_ours_and_what_is_not_the_plain_path(tmp_path):
    found = benches.files_of("bench", tables(tmp_path))
    assert found[".csv"].decode() == "row,of,way,ratio,wanted\ndata,,ours,20.00,15\n"
    assert found[".png"].startswith(b"\x89PNG") and benches.files_of("bench", tmp_path / "tables") == found


def test_the_receptive_field_is_read_back_as_rows_and_columns(tmp_path):
    found = benches.files_of("paper2_receptive_field", tables(tmp_path))
    (field,) = fields([{"kernel": "31x31", "size": "8x12", "cells": "1 2 3 4 5 6"}]).values()
    np.testing.assert_allclose(field, np.array([[1, 2, 3], [4, 5, 6]]) / 1e6)
    lines = found[".csv"].decode().splitlines()
    assert lines[:2] == ["kernel,row,0,1,2", "31x31,0,100000,100000,100000"]


def test_without_a_measurement_a_figure_says_so(tmp_path):
    for id in benches.FIGURES:
        assert benches.files_of(id, tmp_path)[".png"].startswith(b"\x89PNG")


def test_the_plain_path_is_the_second_of_each_benchmark_whatever_the_ratios():
    def lines(of, *ratios):
        return [{"row": "step", "of": of, "ratio": ratio} for ratio in ratios]

    found = speed.compared([*lines("one", "1.00", "1.00", "1.50", ""), *lines("two", "2.00", "1.00")])
    assert [line["ratio"] for line in found] == ["1.00", "1.50", "2.00"]


def test_the_readmes_table_has_the_ratio_the_goal_and_the_machine_of_our_paths(tmp_path):
    (tmp_path / "README.md").write_text("before\n<!-- speed -->\nold\n<!-- /speed -->\nafter\n")
    tables(tmp_path)
    text = pages.files(tmp_path)[tmp_path / "README.md"].decode()
    assert text == (
        "before\n<!-- speed -->\n| row | times as fast | goal | machine |\n|:--|:--|:--|:--|\n"
        "| `data` | 20 | 15 | A processor, 2 cores, torch 2.15.0, Python 3.11.7 |\n<!-- /speed -->\nafter\n"
    )
