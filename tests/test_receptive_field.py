"""The effective receptive field of hand-made stacks of convolutions, whose gradients are known."""

import numpy as np
import pytest
import torch
from torch import nn

from repro.models.receptive_field import area_share, effective_receptive_field


def _box(kernel: int, channels: int = 1) -> nn.Conv2d:
    """Return a convolution whose weights are all one."""
    convolution = nn.Conv2d(channels, 1, kernel, padding=kernel // 2, bias=False)
    nn.init.ones_(convolution.weight)
    return convolution


def test_two_boxes_reach_as_a_triangle():
    network = nn.Sequential(_box(3), _box(3))
    field = effective_receptive_field(network, [torch.zeros(1, 1, 9, 9)])
    triangle = np.array([0, 0, 1, 2, 3, 2, 1, 0, 0])  # (1 1 1) convolved with itself
    np.testing.assert_allclose(field, np.outer(triangle, triangle) / 81, atol=1e-12)


def test_area_shares_of_two_boxes_by_hand():
    field = effective_receptive_field(nn.Sequential(_box(3), _box(3)), [torch.zeros(1, 1, 9, 9)])
    # A centred square of side 1, 3, 5 holds (3/9)^2 = .11, (7/9)^2 = .60, (9/9)^2 = 1 of the mass.
    assert area_share(field, 0.1) == 1 / 81
    assert area_share(field, 0.5) == 9 / 81
    assert area_share(field, 0.9) == 25 / 81
    assert area_share(field, 1.0) == 25 / 81


def test_a_square_is_clipped_by_a_flat_image():
    field = np.full((3, 9), 1 / 27)
    # Sides 1, 3, 5 hold 1, 9, 15 of 27 pixels: rows beyond the third do not exist.
    assert area_share(field, 0.5) == 15 / 27


def test_classes_and_channels_count_by_magnitude_and_cannot_cancel():
    network = nn.Conv2d(2, 2, 1, bias=False)
    network.weight.data = torch.tensor([[1.0, -1.0], [-1.0, 1.0]]).view(2, 2, 1, 1)
    field = effective_receptive_field(network, [torch.ones(1, 2, 3, 3)])
    np.testing.assert_array_equal(field, [[0, 0, 0], [0, 1, 0], [0, 0, 0]])


def test_every_image_weighs_the_same_however_large_its_gradient_and_its_batch():
    class Gated(nn.Module):
        def forward(self, image):  # where the first pixel is positive the centre reads its left neighbour, ten times
            left = torch.roll(image, 1, dims=3)
            return torch.where(image[:, :, :1, :1] > 0, 10 * left, image)

    one, other = torch.ones(1, 1, 3, 3), -torch.ones(1, 1, 3, 3)
    expected = [[0, 0, 0], [1 / 3, 2 / 3, 0], [0, 0, 0]]
    for batches in ([one, torch.cat([other, other])], [torch.cat([other, one, other])]):
        np.testing.assert_allclose(effective_receptive_field(Gated(), batches), expected, atol=1e-12)


def test_network_is_left_as_it_was():
    network = nn.Sequential(nn.BatchNorm2d(1), _box(3)).train()
    before = {name: each.clone() for name, each in network.state_dict().items()}
    effective_receptive_field(network, [torch.randn(2, 1, 5, 5, generator=torch.Generator().manual_seed(0))])
    assert network.training and all(each.grad is None for each in network.parameters())
    assert all(torch.equal(each, before[name]) for name, each in network.state_dict().items())


def test_a_larger_kernel_looks_further():
    image = [torch.zeros(1, 1, 41, 41)]
    small = effective_receptive_field(nn.Sequential(_box(3), _box(3)), image)
    large = effective_receptive_field(nn.Sequential(_box(31), _box(3)), image)
    assert area_share(small, 0.9) == 25 / 41**2
    assert area_share(large, 0.9) > 25 * 25 / 41**2


def test_what_has_no_receptive_field_is_refused_in_a_sentence():
    with pytest.raises(ValueError, match="at least one"):
        effective_receptive_field(_box(3), [])
    blind = _box(3)
    nn.init.zeros_(blind.weight)
    with pytest.raises(ValueError, match="depend on no pixel"):
        effective_receptive_field(blind, [torch.zeros(1, 1, 5, 5)])
    with pytest.raises(ValueError, match="must be above 0"):
        area_share(np.ones((1, 1)), 0)
