"""The suite's loop beside a bare one: both take the same steps."""

import pytest
import torch

from repro.bench.overhead import measure


@pytest.mark.slow
def test_both_loops_are_measured_in_turn_without_the_first_turn():
    result = measure(device=torch.device("cpu"), size=(64, 64), rounds=2)
    assert [line.name for line in result.lines] == ["ours", "bare"]
    assert [len(line.times) for line in result.lines] == [2, 2]
    assert all(seconds > 0 for line in result.lines for seconds in line.times)
    assert result.notes[0].startswith("our loop takes ") and result.wanted == 0.97
