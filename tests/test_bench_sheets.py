"""What a benchmark lists: its text and CSV, other devices' lines, whole commands, and the pictures learned by heart."""

import csv
import io
import sys

import numpy as np
import pytest
import torch

from repro.bench import NAMED_ONLY, ROWS, Line, Result, Sheet, as_csv, as_text, check_rows
from repro.bench.__main__ import beside_other_devices
from repro.bench.commands import _sheet, timed
from repro.bench.overfit import THINNEST, Pictures, measure
from repro.bench.receptive_field import measure as measure_field

MACHINE = {"device": "cpu", "cpu": "A processor", "cores": 2, "libraries": {"torch": "2.15.0"}}
NAMES, TWO = ("name", "long", "size"), (("a", "x y", "1"), ("bcd", "z", "22"))
SHEET = Sheet("memory", "bytes", NAMES, TWO, "few", MACHINE, "found", unprinted=("long",))


def test_the_text_leaves_out_what_is_for_files_and_ends_with_what_was_found():
    lines = as_text(SHEET).splitlines()
    assert [line.split() for line in lines[1:4]] == [["name", "size"], ["a", "1"], ["bcd", "22"]]
    assert lines[-2:] == ["goal: few", "found"]


def test_the_csv_has_every_column_and_the_machine():
    first, second = csv.DictReader(io.StringIO(as_csv(SHEET)))
    assert (first["long"], second["size"], second["torch"], first["found"]) == ("x y", "22", "2.15.0", "found")


def test_several_results_share_one_head():
    def result(of):
        times = Line("ours", (1.0,)), Line("plain", (2.0,))
        return Result("step", "step", times, "goal", (0.5, "why"), MACHINE, of=of)

    lines = list(csv.DictReader(io.StringIO(as_csv([result("one"), result("two")]))))
    assert [(line["of"], line["way"], line["ratio"]) for line in lines] == [
        ("one", "ours", "2.00"), ("one", "plain", "1.00"), ("two", "ours", "2.00"), ("two", "plain", "1.00"),
    ]  # fmt: skip
    assert as_text([result("one"), result("two")]).splitlines()[-1] == "ratio: 2.00"


def test_a_cards_lines_stand_beside_a_processors_and_replace_their_own():
    there = "name,device,extra\nold,cpu,1\ncard,NVIDIA,2\n"
    lines = list(csv.DictReader(io.StringIO(beside_other_devices("name,device\nnew,cpu\n", there))))
    found = [(line["name"], line["device"], line["extra"]) for line in lines]
    assert found == [("card", "NVIDIA", "2"), ("new", "cpu", "")]


def test_without_a_name_the_cheap_rows_are_measured():
    assert check_rows([]) == [row for row in ROWS if row not in NAMED_ONLY]
    assert {"data", "step", "evaluate", "large-kernel", "memory", "overhead", "views"} <= set(check_rows([]))
    assert check_rows(["overfit"]) == ["overfit"]


def test_a_command_is_timed_to_its_first_table_and_to_its_end(tmp_path):
    program = "import pathlib, sys, time; pathlib.Path('a.csv').touch(); time.sleep(1); sys.exit(3)"
    code, seconds, first = timed([sys.executable, "-c", program], tmp_path, watched=tmp_path)
    assert code == 3 and seconds > 1 and first < seconds


def test_what_a_command_said_last_is_printed_where_it_failed(tmp_path, capfd):
    assert timed([sys.executable, "-c", "print('one failed'); raise SystemExit(3)"], tmp_path)[0] == 3
    assert capfd.readouterr().err == "one failed\n"
    assert timed([sys.executable, "-c", "print('all passed')"], tmp_path)[0] == 0
    assert capfd.readouterr().err == ""


def test_a_command_over_its_limit_or_failed_is_said():
    rows = (("a", "1.00", "2.00", "0"), ("b", "3.00", "2.00", "0"), ("c", "1.00", "2.00", "1"))
    assert _sheet("tests", "minutes", rows, "goal").found == "over its limit: b; failed: c"
    assert _sheet("tests", "minutes", rows[:1], "goal").found == "all within their limits"


def test_nothing_in_the_pictures_is_thinner_than_it_says():
    for label in (label.numpy() for _, label in Pictures(4).pairs):
        assert len(np.unique(label)) == 4
        for lines in (label, label.T):
            ends = np.diff(np.flatnonzero(np.diff(lines[:, :].astype(int), axis=1).any(0)), prepend=-1, append=63)
            assert ends.min() >= THINNEST
    for label in (label.numpy() for _, label in Pictures(2).pairs):
        assert label.any(0).sum() >= THINNEST - 1 and label.any(1).sum() >= THINNEST - 1


@pytest.mark.slow
def test_a_network_is_trained_on_the_pictures_and_a_method_evaluated():
    sheet = measure(only="ssls")
    assert [row[1:5] for row in sheet.rows] == [("ssls", "64x64", "0", "Dice")] and float(sheet.rows[0][5]) > 0.8
    trained = measure(only="segnet", epochs=1)
    assert [row[2:5] for row in trained.rows] == [("64x64", "25", "mIoU")]
    assert trained.found == "short of it: SegNet (paper 1)"


def test_the_larger_kernel_looks_further():
    sheet = measure_field(size=(96, 96), width=8, seeds=1, images=1)
    wide, narrow = ({name: value for name, value in zip(sheet.headers, row)} for row in sheet.rows)
    assert (wide["kernel"], narrow["kernel"]) == ("31x31", "3x3")
    assert float(wide["area of 50 %"]) > float(narrow["area of 50 %"])
    assert len(wide["cells"].split()) == 24 * 24
    assert abs(sum(map(float, wide["cells"].split())) - 1e6) < 24 * 24


def test_torch_is_left_with_the_threads_it_had():
    threads = torch.get_num_threads()
    measure(only="ssls")
    assert torch.get_num_threads() == threads
