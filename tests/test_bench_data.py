import csv
import io
import os

import pytest
import torch

from repro.bench import Line, Result, as_csv, as_text, in_turn
from repro.bench.__main__ import main
from repro.bench.data import measure

MACHINE = {"device": "cpu", "cpu": "A processor", "cores": 2, "libraries": {"torch": "2.15.0"}}
LINES = (Line("ours", (0.002, 0.001, 0.004, 0.003)), Line("plain", (0.03, 0.05, 0.04, 0.06)))
RESULT = Result("data", "sample", LINES, "fifteen times", (0.0005, "copying"), MACHINE)


def test_ways_are_measured_in_turn_after_a_warm_up_and_a_turn_is_the_mean_of_its_calls():
    called, now = [], [0.0]

    def way(name, seconds):
        def call(number):
            called.append((name, number))
            now[0] += seconds * (100 if number < 2 else 1)  # the first turn is slow

        return call

    lines = in_turn({"a": way("a", 1), "b": way("b", 3)}, clock=lambda: now[0], rounds=2, calls=2)
    assert called == [(name, 2 * turn + call) for turn in range(3) for name in "ab" for call in range(2)]
    assert lines == [Line("a", (1, 1)), Line("b", (3, 3))]


def test_the_calls_before_a_turn_are_made_and_not_timed():
    called, now = [], [0.0]

    def way(number):
        called.append(number)
        now[0] += 100 if number % 3 == 2 else 1

    (line,) = in_turn({"a": way}, clock=lambda: now[0], rounds=2, calls=2, lead=1)
    assert called == [-1, 0, 1, 1, 2, 3, 3, 4, 5]
    assert line == Line("a", (50.5, 50.5))  # of 2, 3 and of 4, 5: each has one slow call


def test_the_text_ends_with_the_ratio_of_medians_after_the_distance_to_the_limit():
    lines = as_text(RESULT).splitlines()
    assert lines[-1] == "ratio: 18.0"  # 45 ms over 2.5 ms
    assert lines[-3] == "limit: 0.50 ms, copying; ours takes 5.0 times that"
    assert lines[1].split() == ["ours", "2.50", "ms", "(quartiles", "1.25", "to", "3.75,", "4", "turns)"]


def test_the_csv_has_a_line_a_way_with_the_machine_and_its_versions():
    first, second = csv.DictReader(io.StringIO(as_csv(RESULT)))
    assert (first["way"], first["milliseconds"], first["ratio"], first["n"]) == ("ours", "2.500", "18.00", "4")
    assert (second["way"], second["milliseconds"], second["ratio"]) == ("plain", "45.000", "1.00")
    assert (second["cpu"], second["torch"], second["limit_milliseconds"]) == ("A processor", "2.15.0", "0.500")


def test_both_paths_are_measured_on_small_scenes_and_nothing_is_left_behind(monkeypatch, tmp_path):
    monkeypatch.setenv("REPRO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    threads = torch.get_num_threads()
    result = measure(size=(64, 128), crop=(32, 64), rounds=2)
    assert [line.name for line in result.lines[:2]] == ["ours", "plain"]
    assert all(seconds > 0 for line in result.lines for seconds in line.times) and result.limit[0] > 0
    assert list(tmp_path.iterdir()) == [] and torch.get_num_threads() == threads
    assert os.environ["REPRO_CACHE"] == str(tmp_path / "cache")


def test_an_unknown_row_is_refused_with_those_there_are(capsys):
    assert main(["speed"]) == 2
    assert "'speed' is not measured here; there is data" in capsys.readouterr().err


@pytest.mark.parametrize("write", [True, False])
def test_the_table_is_written_only_where_asked(monkeypatch, tmp_path, capsys, write):
    monkeypatch.setattr("repro.bench.data.measure", lambda: RESULT)
    monkeypatch.setattr("repro.bench.__main__.ROOT", tmp_path)
    assert main(["data", *(["--write"] if write else [])]) == 0
    assert (tmp_path / "tables/bench/data.csv").exists() == write
    assert capsys.readouterr().out.splitlines()[-1] == "ratio: 18.0"
