"""U-Net 3+: full-scale skips, deep supervision, class guidance."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from baselines.unet3plus import FullScaleFusion, PresenceBranch, UNet3Plus, guided


def network(**options) -> UNet3Plus:
    torch.manual_seed(0)
    return UNet3Plus(classes=2, width=4, **options)


def test_a_decoder_level_pools_what_is_above_and_upsamples_what_is_below():
    fusion = FullScaleFusion(1, [1, 2, 4, 8, 16])
    fusion.skips = nn.ModuleList(nn.Identity() for _ in range(5))
    fusion.fuse = nn.Identity()
    above = torch.arange(16.0).view(1, 1, 4, 4)
    beside = torch.tensor([[[[1.0, 2], [3, 4]]]])
    below = [torch.full((1, 1, 1, 1), value) for value in (5.0, 6.0, 7.0)]
    pooled, upsampled = torch.tensor([[5.0, 7], [13, 15]]), (torch.full((2, 2), value) for value in (5.0, 6.0, 7.0))
    expected = torch.stack([pooled, beside[0, 0], *upsampled])
    torch.testing.assert_close(fusion([above, beside, *below])[0], expected)


def test_pooling_spans_as_many_levels_as_lie_between():
    fusion = FullScaleFusion(3, [1, 2, 4, 8, 16])
    fusion.skips = nn.ModuleList(nn.Identity() for _ in range(5))
    fusion.fuse = nn.Identity()
    maps = [torch.arange(float(side * side)).view(1, 1, side, side) for side in (16, 8, 4, 2, 1)]
    joined = fusion(maps)[0]
    # the last pixel of each 8x8, 4x4 and 2x2 window is its largest
    assert joined[0].tolist() == [[7 * 16 + 7, 7 * 16 + 15], [15 * 16 + 7, 15 * 16 + 15]]
    assert joined[1].tolist() == [[3 * 8 + 3, 3 * 8 + 7], [7 * 8 + 3, 7 * 8 + 7]]
    assert joined[2].tolist() == [[1 * 4 + 1, 1 * 4 + 3], [3 * 4 + 1, 3 * 4 + 3]]


def test_every_decoder_level_sees_all_five_scales_and_hands_on_five_times_the_width():
    model, seen = network().eval(), []
    for level in (3, 2, 1, 0):
        for skip in model.decoder[level].skips:
            skip.register_forward_hook(lambda module, given, out: seen.append((given[0].shape[1:], out.shape[1:])))
    model(torch.zeros(1, 3, 32, 32))
    # encoder channels 4, 8, 16, 32, 64; decoder channels 20; every skip leaves with 4
    channels = {3: [4, 8, 16, 32, 64], 2: [4, 8, 16, 20, 64], 1: [4, 8, 20, 20, 64], 0: [4, 20, 20, 20, 64]}
    for level in (3, 2, 1, 0):
        side = 32 // 2**level
        here, seen = seen[:5], seen[5:]
        assert here == [((entering, side, side), (4, side, side)) for entering in channels[level]]
    assert [model.decoder[level].fuse[0].weight.shape for level in range(4)] == [(20, 20, 3, 3)] * 4


def test_at_its_own_width_the_skips_make_320_channels():
    with torch.device("meta"):
        model = UNet3Plus()
    assert [level.fuse[0].in_channels for level in model.decoder] == [320] * 4
    assert [block[0][0].out_channels for block in model.encoder] == [64, 128, 256, 512, 1024]


def test_deep_supervision_reads_the_four_lower_levels_in_training_only():
    model = network(deep_supervision=True)
    assert [head.in_channels for head in model.side_heads] == [20, 20, 20, 64]
    for number, head in enumerate(model.side_heads, start=1):  # each side tells its number
        nn.init.zeros_(head.weight)
        nn.init.constant_(head.bias, number)
    main, *sides = model.train()(torch.randn(2, 3, 32, 32))
    assert main.std() > 0
    assert [side.unique().tolist() for side in sides] == [[1.0], [2.0], [3.0], [4.0]]
    assert isinstance(model.eval()(torch.randn(1, 3, 32, 32)), torch.Tensor)


def test_without_options_there_is_one_output_and_no_parameter_of_theirs():
    model = network().train()
    assert isinstance(model(torch.randn(2, 3, 32, 32)), torch.Tensor)
    assert not any("side" in key or "presence" in key for key, _ in model.named_parameters())


def test_guidance_gives_what_a_class_loses_to_the_background():
    logits = torch.tensor([0.2, 0.3, 0.5]).log().view(1, 3, 1, 1)
    half = guided(logits, torch.tensor([[1.0, 0.5]]))
    torch.testing.assert_close(half.exp().flatten(), torch.tensor([0.45, 0.3, 0.25]))
    absent = guided(logits, torch.tensor([[1.0, 0.0]]))
    torch.testing.assert_close(absent.exp().flatten(), torch.tensor([0.7, 0.3, 0.0]))
    assert absent.isfinite().all()


def test_guidance_leaves_the_softmax_of_an_image_that_holds_every_class():
    logits = 5 * torch.randn(2, 3, 4, 4, dtype=torch.float64)
    torch.testing.assert_close(guided(logits, torch.ones(2, 2)).softmax(1), logits.softmax(1))


def test_the_branch_decides_by_its_larger_score_anywhere_on_the_map():
    branch = PresenceBranch(1, classes=3)
    nn.init.zeros_(branch.score.bias)
    with torch.no_grad():  # absent scores of classes 1 and 2, then their present scores
        branch.score.weight.copy_(torch.tensor([0.0, 2.0, 1.0, 1.0]).view(4, 1, 1, 1))
    deepest = torch.tensor([[[[-5.0, 3.0]]], [[[-5.0, -1.0]]]])  # maxima 3 and -1
    assert branch.eval()(deepest).tolist() == [[1, 0], [0, 1]]  # 3 > 0, 3 < 6; -1 < 0, -1 > -2
    branch.dropout.p = 0.0
    soft = branch.train()(deepest)

    # the softmax of both scores: of 0 and 3, of 6 and 3; of 0 and -1, of -2 and -1
    expected = [[1 / (1 + math.exp(-3)), 1 / (1 + math.exp(3))], [1 / (1 + math.exp(1)), 1 / (1 + math.exp(-1))]]
    torch.testing.assert_close(soft, torch.tensor(expected))


def test_a_class_that_the_branch_calls_absent_is_predicted_nowhere():
    model, image = network(classification_guided=True).eval(), torch.randn(1, 3, 32, 32)
    nn.init.zeros_(model.presence.score.weight)
    nn.init.zeros_(model.head.weight)
    model.head.bias.data = torch.tensor([0.0, 3.0])  # the segmentation by itself sees the class everywhere
    for bias, expected in (([0.0, 1.0], 1), ([1.0, 0.0], 0)):
        model.presence.score.bias.data = torch.tensor(bias)
        assert (model(image).argmax(1) == expected).all()


def test_the_branch_learns_from_images_without_the_class():
    model = network(classification_guided=True).train()
    image, background = torch.randn(2, 3, 32, 32), torch.zeros(2, 32, 32, dtype=torch.int64)
    F.cross_entropy(model(image), background).backward()
    gradient = model.presence.score.bias.grad
    assert gradient[0] < 0 < gradient[1]  # down the gradient absence rises and presence falls


def test_guidance_asks_for_a_background():
    with pytest.raises(ValueError, match="classes=1: class guidance needs a background"):
        UNet3Plus(classes=1, width=4, classification_guided=True)
