"""The table of faults: it injects what it says, notices what is not survived, and a few faults of each kind here."""

import pytest
import torch

from repro.bench import survival, victims
from repro.bench.__main__ import main
from repro.bench.sheet import Sheet

# The rows whose faults have no test of their own beside the module they strike.
FEW = ("in mid-epoch", "the report list", "flipped", "a full disk", "SIGTERM twice", "malicious")


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    with victims.staged(tmp_path_factory.mktemp("faults")) as stage:
        yield stage


@pytest.mark.slow
@pytest.mark.parametrize("row", FEW)
def test_one_fault_of_a_kind_is_survived_with_equal_bits(stage, row):
    case = next(case for case in survival._cases(stage, 1) if row in case.row)
    assert case.inject(stage, row.replace(" ", "-")) == (True, True)


@pytest.mark.slow
def test_every_fault_of_the_promise_has_a_row_and_kills_scale_them(stage):
    few, many = ([case.row for case in survival._cases(stage, kills)] for kills in (1, 100))
    for words in ("random time, 0 loader", "random time, 2 loader", "mid-epoch", "epoch's end", "selection list",
                  "report list", "saving a checkpoint", "saving a record", "cut short", "flipped", "eight processes",
                  "full disk", "SIGTERM", "SIGTERM twice", "malicious"):  # fmt: skip
        assert any(words in row for row in many), words
    count = {row: many.count(row) for row in set(many)}
    assert count["a checkpoint cut short"] == count["a byte of a checkpoint flipped"] == 50
    assert sum(count[row] for row in count if "random" in row) == 100
    assert len(few) < 60
    points = many.count("kill -9 at each point of saving a checkpoint")
    # open, half the bytes, two fsyncs and the rename with two sides each, and the removal of the oldest
    assert points == 1 + 1 + 2 + 2 + 2 + 2


@pytest.mark.slow
def test_a_run_that_ends_otherwise_is_noticed(stage):
    """The comparison itself: another seed of dropout or a step seen twice otherwise must not pass."""
    assert victims.finish(stage, "other") and victims.equal(stage, "other")
    path = stage.folder / "other.seen"
    path.write_text(path.read_text() + "3 another digest\n")
    assert not victims.equal(stage, "other")
    weights = next((stage.folder / "other").glob("*/selected.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    assert stage.bits("other") != stage.whole["bits"]


def sheet(code):
    machine = {"device": "cpu", "cpu": "A processor", "cores": 2, "libraries": {"torch": torch.__version__}}
    return Sheet("faults", "what", ("fault",), (("kill",),), "all", machine, "1 faults injected", code=code)


@pytest.mark.parametrize("code", [0, 1])
def test_the_command_ends_with_the_summary_and_with_1_where_a_fault_was_not_survived(monkeypatch, capsys, code):
    asked = []
    monkeypatch.setattr("repro.bench.survival.measure", lambda **given: asked.append(given) or sheet(code))
    assert main(["faults", "--kills", "3"]) == code
    assert asked == [{"kills": 3}]
    assert capsys.readouterr().out.splitlines()[-1] == "1 faults injected"


@pytest.mark.parametrize("arguments", [["--kills", "3"], ["data", "--kills", "3"], ["faults", "--kills", "0"]])
def test_kills_belong_to_faults_alone_and_are_at_least_one(capsys, arguments):
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2 and "expected a number above 0, and the row faults alone" in capsys.readouterr().err
