import math

import numpy as np
import pytest
import tiny
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode

from repro.schedule import learning_rate, steps_per_epoch
from repro.training import Stream, batch_at, normalise, permutation
from repro.training.stream import seed_of

SIZES = {"n": st.integers(1, 50), "batch": st.integers(1, 16), "seed": st.integers(0, 10**6)}


@settings(deadline=None, derandomize=True)
@given(seed=st.integers(0, 10**9), epoch=st.integers(0, 10**4), n=st.integers(1, 200))
def test_the_order_of_an_epoch_is_a_permutation(seed, epoch, n):
    assert sorted(permutation(seed, epoch, n).tolist()) == list(range(n))


def test_the_order_changes_with_the_epoch_and_with_the_seed_and_with_nothing_else():
    orders = {tuple(permutation(seed, epoch, 30)) for seed in range(5) for epoch in range(5)}
    assert len(orders) == 25
    assert tuple(permutation(3, 4, 30)) in orders


def test_the_order_is_the_same_in_every_version():
    # by splitmix64 in Python's own integers, of keys 10 * 2 + index + 7 * 0xD1342543DE82EF95 + 1
    mask = 2**64 - 1

    def splitmix(key):
        key = key * 0x9E3779B97F4A7C15 & mask
        key = (key ^ key >> 30) * 0xBF58476D1CE4E5B9 & mask
        key = (key ^ key >> 27) * 0x94D049BB133111EB & mask
        return key ^ key >> 31

    hashes = [splitmix((10 * 2 + index + 7 * 0xD1342543DE82EF95 + 1) & mask) for index in range(10)]
    assert permutation(7, 2, 10).tolist() == sorted(range(10), key=hashes.__getitem__)


def test_every_place_of_the_order_is_as_likely_for_every_index():
    places = np.array([permutation(seed, 0, 8) for seed in range(4000)])
    counts = np.array([(places == index).sum(0) for index in range(8)])
    assert abs(counts - 500).max() < 5 * math.sqrt(500)  # five deviations of a count of 500


@settings(deadline=None, derandomize=True)
@given(**SIZES)
def test_the_batches_are_windows_of_the_concatenated_permutations_and_none_is_short(n, batch, seed):
    steps = 2 * steps_per_epoch(n, batch)
    whole = [(epoch, int(index)) for epoch in range(steps * batch // n + 1) for index in permutation(seed, epoch, n)]
    for step in range(steps):
        found = batch_at(step, n=n, batch=batch, seed=seed)
        assert found == whole[step * batch : (step + 1) * batch]
        assert len(found) == batch


def test_an_epoch_is_the_images_by_the_batch_rounded_up():
    assert [steps_per_epoch(n, 4) for n in (1, 4, 5, 8, 9)] == [1, 1, 2, 2, 3]


@settings(deadline=None, derandomize=True)
@given(start=st.integers(0, 20), **SIZES)
def test_a_resumed_stream_goes_on_with_the_batches_of_the_uninterrupted_one(start, n, batch, seed):
    uninterrupted = list(Stream(start=0, total=20, n=n, batch=batch, seed=seed))
    resumed = Stream(start=start, total=20, n=n, batch=batch, seed=seed)
    assert list(resumed) == uninterrupted[start:]
    assert len(resumed) == 20 - start


def test_two_seeds_draw_other_masks_at_the_same_step_and_two_steps_of_one_seed_too():
    masks = {}
    for seed in (0, 1, 2**31):
        for step in (0, 1):
            torch.manual_seed(seed_of(seed, step))
            masks[seed, step] = tuple((torch.rand(64) < 0.5).tolist())
    assert len(set(masks.values())) == 6
    assert all(0 <= seed_of(seed, step) < 2**32 for seed, step in masks)


def test_the_cosine_schedule_by_hand():
    recipe = tiny.recipe(learning_rate=0.8, schedule="cosine", final_learning_rate=0.2)
    # 0.2 + 0.6 (1 + cos(pi t / 12)) / 2: cos is 1, 1/2, 0, -1/2 at a sixth ... of the way
    found = [learning_rate(step, 12, recipe) for step in (0, 4, 6, 8, 12)]
    assert found == pytest.approx([0.8, 0.65, 0.5, 0.35, 0.2])
    assert learning_rate(12, 12, tiny.recipe(learning_rate=0.8)) == pytest.approx(0)


def test_without_a_schedule_the_rate_is_constant_and_an_unknown_one_is_refused():
    assert learning_rate(7, 12, tiny.recipe(schedule=None, learning_rate=0.3)) == 0.3
    with pytest.raises(ValueError, match="no schedule 'poly'; there is cosine"):
        learning_rate(0, 1, tiny.recipe(schedule="poly"))


def test_images_are_normalised_by_imagenets_mean_and_deviation():
    image = torch.tensor([0, 128, 255], dtype=torch.uint8).view(1, 3, 1, 1)
    expected = [-0.485 / 0.229, (128 / 255 - 0.456) / 0.224, (1 - 0.406) / 0.225]
    assert normalise(image, torch.device("cpu")).flatten().tolist() == pytest.approx(expected)


def test_nothing_but_the_images_goes_to_the_device_in_a_step():
    shapes = []

    class Sent(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, arguments=(), named=None):
            if function is torch.ops.aten._to_copy.default and arguments[0].device.type == "cpu":
                shapes.append(tuple(arguments[0].shape))
            return function(*arguments, **(named or {}))

    image, elsewhere = torch.zeros(2, 3, 4, 4, dtype=torch.uint8), torch.device("meta")
    normalise(image, elsewhere)
    with Sent():
        assert normalise(image, elsewhere).device == elsewhere
    assert shapes == [(2, 3, 4, 4)]
