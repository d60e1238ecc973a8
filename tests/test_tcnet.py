"""TCNet as a whole: what each option changes in its graph."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from repro.models.attention import CBAM
from repro.models.large_kernel import LargeKernelConv2d
from repro.models.tcnet import TCNet
from repro.models.tcnet.blocks import AttendedMap, SelfAttention
from repro.models.tcnet.fusion import Concatenation, MultiScaleFusion
from repro.models.tcnet.large_kernel_module import LargeKernelModule, LargeKernelModuleB
from repro.models.tcnet.transformer import EnhancedTransformerModule


def _tiny(**options) -> TCNet:
    torch.manual_seed(0)
    return TCNet(classes=2, width=8, **options)


def _image(count=2, height=64, width=64, seed=1) -> torch.Tensor:
    return torch.randn(count, 3, height, width, generator=torch.Generator().manual_seed(seed))


def _modules(network: nn.Module, kind: type) -> dict[str, nn.Module]:
    return {name: each for name, each in network.named_modules() if isinstance(each, kind)}


def _shapes_seen(network: nn.Module, kind: type, image: torch.Tensor) -> dict[str, tuple[int, ...]]:
    """Return the shape of the first input of every module of a kind that ran."""
    seen = {}
    hooks = [
        module.register_forward_hook(lambda _, inputs, __, name=name: seen.update({name: tuple(inputs[0].shape)}))
        for name, module in _modules(network, kind).items()
    ]
    with torch.no_grad():
        network.eval()(image)
    for hook in hooks:
        hook.remove()
    return seen


def test_large_kernel_modules_stand_at_four_strides_with_doubling_widths():
    seen = _shapes_seen(_tiny(), LargeKernelModule, _image(1, 64, 96))
    assert list(seen.values()) == [(1, 8, 16, 24), (1, 16, 8, 12), (1, 32, 4, 6), (1, 64, 2, 3)]


def test_transformer_modules_stand_at_strides_8_to_32_by_default():
    seen = _shapes_seen(_tiny(), EnhancedTransformerModule, _image(1, 64, 96))
    assert list(seen.values()) == [(1, 16, 8, 12), (1, 32, 4, 6), (1, 64, 2, 3)]


@pytest.mark.parametrize(
    ("strides", "grids", "merges", "branches"),
    [
        ((4, 8, 16, 32), [16, 8, 4, 2], 4, [2, 2, 2, 2]),
        ((16, 32), [4, 2], 4, [1, 1, 2, 2]),
        ((8,), [8], 2, [1, 2, 1, 1]),  # nothing is built below the last module
        ([8, 32], [8, 2], 4, [1, 2, 1, 2]),  # as read from JSON
    ],
)
def test_etm_strides_choose_where_transformer_modules_stand(strides, grids, merges, branches):
    network = _tiny(etm_strides=strides)
    seen = _shapes_seen(network, EnhancedTransformerModule, _image(1))
    assert [shape[-1] for shape in seen.values()] == grids
    assert len(network.transformer) == merges
    widths = [8, 16, 32, 64]
    assert [fusion.join.in_channels // width for fusion, width in zip(network.fusions, widths)] == branches


def test_without_etm_there_is_no_transformer_branch():
    network = _tiny(etm=False)
    assert len(network.transformer) == 0 and not _modules(network, EnhancedTransformerModule)
    assert [fusion.join.in_channels for fusion in network.fusions] == [8, 16, 32, 64]
    assert network(_image()).shape == (2, 2, 64, 64)


def test_without_mfm_both_branches_are_concatenated():
    network = _tiny(mfm=False)
    assert not _modules(network, MultiScaleFusion) and not _modules(network, AttendedMap)
    assert [each.join.in_channels for each in _modules(network, Concatenation).values()] == [8, 32, 64, 128]
    assert network(_image()).shape == (2, 2, 64, 64)


def test_without_etm_and_mfm_only_the_large_kernels_are_left():
    network = _tiny(etm=False, mfm=False)
    assert not _modules(network, SelfAttention)
    assert len(_modules(network, LargeKernelConv2d)) == 4
    assert network(_image()).shape == (2, 2, 64, 64)


def test_fusion_sees_both_branches_the_finer_convolutions_and_the_coarser_transformer():
    network, inputs = _tiny().eval(), {}
    made = {}
    for name, each in [("half", network.stem[1]), *zip(["g4", "g8", "g16", "g32"], network.convolutional)]:
        each.register_forward_hook(lambda _, __, result, name=name: made.__setitem__(name, result))
    for name, each in zip(["t4", "t8", "t16", "t32"], network.transformer):
        each.register_forward_hook(lambda _, __, result, name=name: made.__setitem__(name, result))
    for stride, each in zip([4, 8, 16, 32], network.fusions):
        each.register_forward_pre_hook(lambda _, given, stride=stride: inputs.__setitem__(stride, given))
    with torch.no_grad():
        network(_image(1))
    expected = {  # stride: (maps of this level, finer, coarser)
        4: (["g4"], "half", "t8"),
        8: (["g8", "t8"], "g4", "t16"),
        16: (["g16", "t16"], "g8", "t32"),
        32: (["g32", "t32"], "g16", "t32"),
    }
    for stride, (maps, finer, coarser) in expected.items():
        assert [id(each) for each in inputs[stride][0]] == [id(made[name]) for name in maps]
        assert inputs[stride][1] is made[finer] and inputs[stride][2] is made[coarser]


@pytest.mark.parametrize(("place", "channels"), [("upper", [8, 16, 32, 64]), ("after", [24, 48, 96, 192])])
def test_mfm_attention_stands_in_the_upper_branch_or_after_the_concatenation(place, channels):
    seen = _shapes_seen(_tiny(mfm_attention=place), AttendedMap, _image(1))
    assert list(seen) == [f"fusions.{level}.{place}" for level in range(4)]
    assert [shape[1] for shape in seen.values()] == channels


@pytest.mark.parametrize(("stride", "grids"), [(4, [16, 8, 4, 2]), (8, [8, 8, 4, 2]), (32, [2, 2, 2, 2])])
def test_attention_stride_bounds_the_grid_of_the_fusions_self_attention(stride, grids):
    seen = _shapes_seen(_tiny(etm=False, attention_stride=stride), SelfAttention, _image(1))
    assert [shape[1] for shape in seen.values()] == grids  # maps of 16, 8, 4 and 2 rows


STEM, ENCODER, DECODER = 2, 4, 5  # convolutional units of the stem, stages of the encoder and of the decoder


@pytest.mark.parametrize(
    ("attention", "modules", "within"),
    [
        ("none", 0, ()),
        ("encoder_decoder", ENCODER + DECODER, ("convolutional", "decoder")),
        ("skip", 3 + STEM, ("decoder",)),
        ("upsampling", DECODER, ("decoder",)),
        # the encoder's stages have a unit and an LKM, the decoder's two units
        ("all_convolution", STEM + 2 * ENCODER + 2 * DECODER, ("stem", "convolutional", "decoder")),
        ("single_output", 2, ("stem", "before_head")),
        ("four_output", 1 + 4, ("stem", "before_head")),
    ],
)
def test_attention_stands_where_its_option_says(attention, modules, within):
    network = _tiny(attention=attention)
    found = _modules(network, CBAM)
    assert len(found) == modules
    assert {name.split(".")[0] for name in found} == set(within)
    assert _shapes_seen(network, CBAM, _image(1)).keys() == found.keys()  # and each of them runs


def test_attention_of_inputs_and_outputs_sees_the_first_unit_and_the_heads_maps():
    seen = _shapes_seen(_tiny(attention="four_output"), CBAM, _image(1))
    assert list(seen.values()) == [(1, 2, 64, 64), (1, 16, 8, 8), (1, 8, 16, 16), (1, 4, 32, 32), (1, 2, 64, 64)]
    seen = _shapes_seen(_tiny(attention="single_output"), CBAM, _image(1))
    assert list(seen.values()) == [(1, 2, 64, 64), (1, 2, 64, 64)]
    seen = _shapes_seen(_tiny(attention="four_output", head_stride=4), CBAM, _image(1))
    assert [shape[-1] for shape in seen.values()] == [64, 2, 4, 8, 16]


def test_decoder_ends_at_the_images_size_or_at_a_quarter_of_it():
    seen = _shapes_seen(_tiny(), nn.Conv2d, _image(1))
    assert seen["heads.0.classify"] == (1, 2, 64, 64)
    network = _tiny(head_stride=4)
    assert len(network.decoder) == 3
    assert _shapes_seen(network, nn.Conv2d, _image(1))["heads.0.classify"] == (1, 8, 16, 16)
    coarse = []
    network.heads[0].classify.register_forward_hook(lambda _, __, result: coarse.append(result))
    logits = network(_image(1))
    enlarged = F.interpolate(coarse[0], size=(64, 64), mode="bilinear", align_corners=False)
    torch.testing.assert_close(logits, enlarged)


@pytest.mark.parametrize(("head_stride", "grids"), [(1, [8, 16, 32, 64]), (4, [2, 4, 8, 16])])
def test_deep_supervision_returns_four_heads_in_training_and_one_in_evaluation(head_stride, grids):
    network, image = _tiny(deep_supervision=True, head_stride=head_stride), _image()
    seen = {}
    for place, head in enumerate(network.heads):
        head.register_forward_hook(lambda _, inputs, result, place=place: seen.update({place: (inputs[0], result)}))
    logits = network.train()(image)
    assert [seen[place][0].shape[-1] for place in range(4)] == grids
    assert [id(each) for each in logits] == [id(seen[place][1]) for place in (3, 2, 1, 0)]  # the finest first
    assert all(each.shape == (2, 2, 64, 64) for each in logits)
    assert isinstance(network.eval()(image), torch.Tensor)
    plain = _tiny(head_stride=head_stride).eval()
    weights = {name: each for name, each in network.state_dict().items() if not name.startswith("heads.")}
    last = {f"heads.0.{name}": each for name, each in network.heads[3].state_dict().items()}
    plain.load_state_dict({**weights, **last})
    assert torch.equal(plain(image), network(image))


def test_order_residual_and_sizes_reach_the_modules():
    network = _tiny(order="b", residual=True, kernel_size=7, heads=4, mlp_ratio=2, reduction=1, attention_kernel=3)
    modules = _modules(network, LargeKernelModuleB)
    assert len(modules) == 4 and all(each.residual for each in modules.values())
    assert not _modules(network, LargeKernelModule)
    kernels = _modules(network, LargeKernelConv2d)
    assert len(kernels) == 4 + 3 * 2 and all(each.kernel_size == 7 for each in kernels.values())
    assert all(each.heads == 4 for each in _modules(network, SelfAttention).values())
    assert network.transformer[3].module.halves[0].mlp[0].out_features == 2 * 64
    assert network.fusions[3].channel.shared[0].out_features == 64
    assert network.stem[0][3].shared[0].out_features == 2
    assert network.fusions[0].spatial.convolution.kernel_size == (3, 3)
    assert network.stem[0][3].spatial.convolution.kernel_size == (3, 3)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"width": 10}, "multiple of 4"),
        ({"order": "c"}, "choose 'a' or 'b'"),
        ({"attention": "everywhere"}, "choose one of none, encoder_decoder"),
        ({"mfm_attention": "lower"}, "'upper' or 'after'"),
        ({"etm_strides": (2,)}, "choose among"),
        ({"attention_stride": 2}, "choose among"),
        ({"head_stride": 2}, "choose 1 or 4"),
        ({"heads": 3}, "cannot be shared among 3 heads"),
        ({"kernel_size": 30}, "must be odd"),
    ],
)
def test_an_option_that_does_not_exist_is_refused_in_a_sentence(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        TCNet(classes=2, **{"width": 8, **options})


def test_full_size_counts_parameters_and_operations():
    network = TCNet(in_channels=3, classes=2).eval().to("meta")
    assert sum(each.numel() for each in network.parameters()) == PARAMETERS
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(torch.empty(1, 3, 448, 448, device="meta"))
    assert counter.get_total_flops() == OPERATIONS


PARAMETERS = 34_534_006  # 34.5 million: width 64, 31x31, two classes
OPERATIONS = 75_185_327_728  # 75 billion at 448x448, a product and a sum counted as two
