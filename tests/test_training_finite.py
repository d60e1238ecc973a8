"""Whether all gradients are finite, as a training step asks on a CPU: by their sums."""

import pytest
import torch

from repro.training.step import all_finite


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_one_number_that_is_not_finite_is_found_wherever_it_is(bad):
    gradients = [torch.randn(3, 4), torch.randn(5)]
    assert all_finite(gradients)
    gradients[1][4] = bad
    assert not all_finite(gradients)


def test_infinities_of_both_signs_do_not_cancel():
    assert not all_finite([torch.tensor([float("inf"), float("-inf")]), torch.zeros(2)])


def test_numbers_as_large_as_float16s_scaled_losses_give_are_finite():
    assert all_finite([torch.full((1000, 1000), 65504.0)])
