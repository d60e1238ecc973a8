"""Multi-scale fusion: which map sees which, and by which formula."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from repro.models.fusion import FUSION, AdjacentFusion, GlobalFusion, MultiScaleFusion, resample

CHANNELS = (4, 8, 12, 16, 20)


def pyramid() -> list[torch.Tensor]:
    """Return five maps of strides 2 to 32 of a 64 x 64 image."""
    generator = torch.Generator().manual_seed(0)
    return [
        torch.randn(2, each, 32 // 2**level, 32 // 2**level, generator=generator) for level, each in enumerate(CHANNELS)
    ]


def influence(kind: str) -> np.ndarray:
    """Return (5, 5) booleans: whether fused map i depends on encoder map j."""
    torch.manual_seed(0)
    fusion = MultiScaleFusion(CHANNELS, kind=kind).eval()
    maps = [each.requires_grad_() for each in pyramid()]
    rows = []
    for fused in fusion(maps):
        gradients = torch.autograd.grad(fused.square().sum(), maps, allow_unused=True, retain_graph=True)
        rows.append([gradient is not None and bool(gradient.any()) for gradient in gradients])
    return np.array(rows, dtype=int)


def test_without_fusion_every_map_passes_as_it_is():
    maps = pyramid()
    fused = MultiScaleFusion(CHANNELS, kind="none")(maps)
    assert all(one is other for one, other in zip(fused, maps, strict=True))
    np.testing.assert_array_equal(influence("none"), np.eye(5, dtype=int))


def test_adjacent_fusion_shows_each_skip_connection_its_neighbours_scales():
    expected = [[1, 1, 0, 0, 0],
                [1, 1, 1, 0, 0],
                [0, 1, 1, 1, 0],
                [0, 0, 1, 1, 1],
                [0, 0, 0, 0, 1]]  # the deepest map is no skip connection  # fmt: skip
    np.testing.assert_array_equal(influence("adjacent"), expected)


def test_full_fusion_also_shows_the_deepest_map_every_scale():
    expected = [[1, 1, 0, 0, 0],
                [1, 1, 1, 0, 0],
                [0, 1, 1, 1, 0],
                [0, 0, 1, 1, 1],
                [1, 1, 1, 1, 1]]  # fmt: skip
    np.testing.assert_array_equal(influence("full"), expected)


@pytest.mark.parametrize("kind", FUSION)
def test_fusion_keeps_every_shape(kind):
    maps = pyramid()
    fused = MultiScaleFusion(CHANNELS, kind=kind)(maps)
    assert [each.shape for each in fused] == [each.shape for each in maps]


def test_a_map_without_channels_passes_and_is_nobodys_neighbour():
    channels = (0, 8, 12, 16)
    fusion = MultiScaleFusion(channels, kind="full").eval()
    maps = [torch.randn(1, each, 32 // 2**level, 32 // 2**level) for level, each in enumerate(channels)]
    assert fusion(maps)[0] is maps[0]
    assert fusion.neighbours == {1: [1, 2], 2: [1, 2, 3]}


def test_a_finer_map_is_brought_down_by_block_means_and_a_coarser_one_up_bilinearly():
    finer = torch.arange(16.0).view(1, 1, 4, 4)
    torch.testing.assert_close(resample(finer, (2, 2)), torch.tensor([[[[2.5, 4.5], [10.5, 12.5]]]]))
    coarser = torch.tensor([[[[0.0, 4.0]]]])
    torch.testing.assert_close(resample(coarser, (2, 4))[0, 0], torch.tensor([[0.0, 1.0, 3.0, 4.0]] * 2))


def test_adjacent_fusion_follows_its_formula():
    fine, own, coarse = pyramid()[:3]
    torch.manual_seed(0)
    module = AdjacentFusion(8, neighbours=(4, 8, 12)).eval()
    of_fine, of_own, of_coarse = module.of_neighbours
    # here every map is brought to the grid first and convolved there; the module chooses the cheaper order
    gathered = (
        of_fine(F.avg_pool2d(fine, 2)) + of_own(own) + of_coarse(F.interpolate(coarse, own.shape[-2:], mode="bilinear"))
    )
    norm1, _, mix, norm2, _, out = module.mix
    expected = own + out(F.relu(norm2(mix(F.relu(norm1(gathered))))))
    torch.testing.assert_close(module(own, [fine, own, coarse]), expected)


def test_global_fusion_follows_its_formula():
    maps = pyramid()
    torch.manual_seed(0)
    module = GlobalFusion(CHANNELS).eval()
    gathered = module.of_image(maps[-1].mean((2, 3), keepdim=True))
    for level, (convolution, each) in enumerate(zip(module.of_scales, maps, strict=True)):
        gathered = gathered + convolution(F.avg_pool2d(each, 2 ** (4 - level)))
    norm, _, out = module.mix
    torch.testing.assert_close(module(maps), maps[-1] + out(F.relu(norm(gathered))))
