"""A few faults of each kind, injected for real: run by tests/test_bench_faults.py in a process of its own.

The victims are forked, which a process must not do whose torch has computed gradients in threads.
"""

import pytest

from repro.bench import survival, victims

# The rows whose faults have no test of their own beside the module they strike.
FEW = ("in mid-epoch", "the report list", "flipped", "a full disk", "SIGTERM twice", "malicious")


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    with victims.staged(tmp_path_factory.mktemp("faults")) as stage:
        yield stage


@pytest.mark.parametrize("row", FEW)
def test_one_fault_of_a_kind_is_survived_with_equal_bits(stage, row):
    case = next(case for case in survival._cases(stage, 1) if row in case.row)
    assert case.inject(stage, row.replace(" ", "-")) == (True, True)


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


def test_a_run_that_ends_otherwise_is_noticed(stage):
    """The comparison itself: another seed of dropout or a step seen twice otherwise must not pass."""
    assert victims.finish(stage, "other") and victims.equal(stage, "other")
    path = stage.folder / "other.seen"
    path.write_text(path.read_text() + "3 another digest\n")
    assert not victims.equal(stage, "other")
    weights = next((stage.folder / "other").glob("*/selected.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    assert stage.bits("other") != stage.whole["bits"]
