"""The systems that paper 1 compares with: sizes, defining blocks and written-out settings."""

import inspect

import numpy as np
import pytest
import segmentation_models_pytorch as smp
import torch
from torch import nn
from torch.nn import functional as F

from baselines.deeplabv3 import deeplabv3
from baselines.deeplabv3plus import DilatedDepthwise, deeplabv3plus
from baselines.fcn import FCN8s, ReachingConv2d
from baselines.pspnet import PyramidPooling, region_means
from baselines.segnet import unpool
from baselines.unetplusplus import unetplusplus
from repro.networks import build

# millions of parameters for three input channels, counted from the authors' code or the library it is taken from
COUNTS = [
    ("fcn", 21, {"auxiliary": False}, 32.96),
    ("fcn8s", 19, {}, 134.46),
    ("segnet", 19, {}, 29.45),
    ("unet", 19, {}, 31.0),
    ("unetplusplus", 1, {"encoder_name": "resnet34"}, 26.08),
    ("unetplusplus", 1, {"encoder_name": "resnet50"}, 48.99),
    ("deeplabv3", 1, {}, 39.64),
    ("deeplabv3plus", 1, {}, 26.68),
    ("pspnet", 19, {"auxiliary": False}, 46.7),
    ("pspnet", 19, {"auxiliary": True}, 49.0),
    ("oktay_attention_unet", 1, {}, 35.0),
]


@pytest.mark.parametrize(("name", "classes", "options", "millions"), COUNTS)
def test_parameters_are_as_many_as_in_the_original_within_one_per_cent(name, classes, options, millions):
    with torch.device("meta"):
        network = build(name, classes=classes, **options)
    assert sum(each.numel() for each in network.parameters()) / 1e6 == pytest.approx(millions, rel=0.01)


def strides(network: nn.Module) -> list[int]:
    """Return how many pixels of a 64 x 64 image a cell of each of the encoder's maps spans, the image first."""
    return [64 // feature.shape[-1] for feature in network.encoder.eval()(torch.zeros(1, 3, 64, 64))]


# FCN


@pytest.mark.parametrize("name", ["fcn", "pspnet"])
def test_the_dilated_encoder_stops_at_stride_8_and_dilates_instead(name):
    network = build(name, classes=2, encoder_name="resnet18")
    assert strides(network) == [1, 2, 4, 8, 8, 8]
    for stage, dilation in ((network.encoder.layer2, 1), (network.encoder.layer3, 2), (network.encoder.layer4, 4)):
        assert {
            each.dilation for each in stage.modules() if isinstance(each, nn.Conv2d) and each.kernel_size[0] == 3
        } == {(dilation, dilation)}


@pytest.mark.parametrize("name", ["fcn", "pspnet"])
def test_the_heads_read_the_last_two_stages(name):
    network = build(name, classes=2, encoder_name="resnet50").network
    assert (network.encoder.out_channels[-2], network.encoder.out_channels[-1]) == (1024, 2048)
    assert network.auxiliary_head(torch.zeros(2, 1024, 8, 8)).shape == (2, 2, 8, 8)
    first = next(each for each in network.head.modules() if isinstance(each, nn.Conv2d))
    # the pyramid hands on the map and as many channels again
    assert (first.in_channels, first.out_channels) == ((2048, 512) if name == "fcn" else (4096, 512))


def fcn8s(**options) -> FCN8s:
    torch.manual_seed(0)
    return FCN8s(classes=2, width=8, hidden=4, **options).eval()


def test_fcn8s_begins_with_bilinear_interpolation():
    once = torch.tensor([0.25, 0.75, 0.75, 0.25])
    up = fcn8s().twice[0]
    torch.testing.assert_close(up.weight[0, 0], torch.outer(once, once))
    assert not up.weight[0, 1].any()  # no class runs into another
    image = torch.randn(1, 2, 5, 4)
    expected = F.interpolate(image, scale_factor=2, mode="bilinear", align_corners=False)
    torch.testing.assert_close(up(image)[..., 1:-1, 1:-1], expected[..., 1:-1, 1:-1])


def test_fcn8s_keeps_its_last_interpolation_and_learns_the_others():
    network = fcn8s()
    assert not network.eightfold.weight.requires_grad
    assert all(each.weight.requires_grad for each in network.twice)
    assert (network.eightfold.kernel_size, network.eightfold.stride) == ((16, 16), (8, 8))


def test_fcn8s_scores_begin_at_zero():
    assert not fcn8s()(torch.randn(1, 3, 64, 64)).any()


@pytest.mark.parametrize(("source", "stride", "channels"), [(0, 32, 4), (1, 16, 64), (2, 8, 32)])
def test_fcn8s_adds_up_scores_of_strides_32_16_and_8(source, stride, channels):
    network, seen = fcn8s(), []
    scores = network.scores[source]
    assert scores.in_channels == channels  # hidden; pool4 of 512 and pool3 of 256, an eighth as wide here
    scores.register_forward_hook(lambda module, given, out: seen.append(given[0]))
    nn.init.constant_(scores.bias, 1.0)
    logits = network(torch.randn(1, 3, 128, 128))
    assert seen[0].shape[-2:] == (128 // stride, 128 // stride)
    torch.testing.assert_close(logits[..., 32:-32, 32:-32], torch.ones(1, 2, 64, 64))  # 1 however often it is upsampled


def test_fcn8s_takes_its_two_layers_from_the_fully_connected_ones():
    with torch.device("meta"):
        first, second = (each for each in FCN8s(classes=19).fully_connected if isinstance(each, nn.Conv2d))
    assert (first.weight.shape, second.weight.shape) == ((4096, 512, 7, 7), (4096, 4096, 1, 1))


# SegNet


def test_unpooling_puts_each_maximum_back_where_it_was():
    image = torch.tensor([[[[1.0, 5, 2, 0], [3, 4, 8, 7], [0, 0, 1, 2], [0, 9, 3, 4]]]])
    pooled, indices = F.max_pool2d(image, 2, return_indices=True)
    torch.testing.assert_close(pooled, torch.tensor([[[[5.0, 8], [9, 4]]]]))
    expected = torch.tensor([[[[0.0, 10, 0, 0], [0, 0, 20, 0], [0, 0, 0, 0], [0, 30, 0, 40]]]])
    torch.testing.assert_close(unpool(torch.tensor([[[[10.0, 20], [30, 40]]]]), indices, (4, 4)), expected)


def test_unpooling_equals_torchs_in_values_and_gradients():
    image = torch.randn(2, 3, 8, 6, dtype=torch.float64)
    pooled, indices = F.max_pool2d(image, 2, return_indices=True)
    ours, theirs = (pooled.clone().requires_grad_() for _ in range(2))
    weights = torch.randn(2, 3, 8, 6, dtype=torch.float64)
    (unpool(ours, indices, (8, 6)) * weights).sum().backward()
    (F.max_unpool2d(theirs, indices, 2) * weights).sum().backward()
    assert torch.equal(unpool(pooled, indices, (8, 6)), F.max_unpool2d(pooled, indices, 2))
    assert torch.equal(ours.grad, theirs.grad)


def test_segnet_has_vgg16s_thirteen_convolutions_and_their_mirror_image():
    with torch.device("meta"):
        network = build("segnet", classes=19).network

    def channels(module):
        return [each.out_channels for each in module.modules() if isinstance(each, nn.Conv2d)]

    assert channels(network.encoder) == [64, 64, 128, 128, *[256] * 3, *[512] * 6]
    assert [channels(stage) for stage in network.decoder] == [
        [512] * 3,
        [512, 512, 256],
        [256, 256, 128],
        [128, 64],
        [64],
    ]
    assert channels(network.head) == [19]
    assert sum(isinstance(each, nn.BatchNorm2d) for each in network.modules()) == 13 + 12


def test_segnets_decoder_unpools_by_the_indices_of_its_own_stage():
    network, given, indices = build("segnet", classes=2, width=8).network.eval(), [], []
    for stage in network.decoder:
        stage.register_forward_hook(lambda module, arguments, out: given.append(arguments[0]))
    image = torch.randn(1, 3, 64, 64)
    network(image)
    feature = image
    for layer in network.encoder.features:
        if isinstance(layer, nn.MaxPool2d):
            feature, where = F.max_pool2d(feature, 2, return_indices=True)
            indices.append(where)
        else:
            feature = layer(feature)
    for sparse, where in zip(given, reversed(indices), strict=True):
        occupied = torch.zeros_like(sparse).flatten(2).scatter(2, where.flatten(2), 1.0).bool()
        assert not sparse.flatten(2)[~occupied].any()
        assert sparse.flatten(2)[occupied].any()


def test_segnet_refuses_an_encoder_without_pools_to_undo():
    with pytest.raises(ValueError, match=r"'resnet50' is not a VGG.*vgg16_bn"):
        build("segnet", classes=2, encoder_name="resnet50")


# PSPNet


def test_region_means_by_hand():
    image = torch.arange(16.0).view(1, 1, 4, 4)
    torch.testing.assert_close(region_means(image, 1), torch.tensor([[[[7.5]]]]))
    torch.testing.assert_close(region_means(image, 2), torch.tensor([[[[2.5, 4.5], [10.5, 12.5]]]]))
    # three regions of four rows: 0-1, 1-2, 2-3, hence means around 0.5, 1.5, 2.5
    torch.testing.assert_close(region_means(image, 3)[0, 0, 0], torch.tensor([2.5, 3.5, 4.5]))


@pytest.mark.parametrize("size", [(12, 18), (5, 7), (1, 1), (13, 6)])
@pytest.mark.parametrize("bins", [1, 2, 3, 6])
def test_region_means_equal_torchs_adaptive_pooling_in_values_and_gradients(size, bins):
    ours = torch.randn(2, 3, *size, dtype=torch.float64).requires_grad_()
    theirs = ours.detach().clone().requires_grad_()
    weights = torch.randn(2, 3, bins, bins, dtype=torch.float64)
    expected = F.adaptive_avg_pool2d(theirs, bins)
    torch.testing.assert_close(region_means(ours, bins), expected)
    (region_means(ours, bins) * weights).sum().backward()
    (expected * weights).sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad)


def test_the_pyramid_is_the_map_and_its_means_over_1_2_3_and_6_regions():
    pyramid = PyramidPooling(4).eval()
    assert pyramid.bins == (1, 2, 3, 6)
    for reduce in pyramid.reduce:
        assert reduce[0].weight.shape == (1, 4, 1, 1)
        with torch.no_grad():  # each branch shows the map's first channel
            reduce[0].weight.copy_(torch.tensor([1.0, 0, 0, 0]).view(1, 4, 1, 1))
    feature = torch.rand(1, 4, 12, 12)
    out = pyramid(feature)
    assert out.shape == (1, 8, 12, 12)
    torch.testing.assert_close(out[:, :4], feature)
    for channel, bins in enumerate((1, 2, 3, 6), start=4):
        means = F.avg_pool2d(feature[:, :1], 12 // bins)
        expected = F.interpolate(means, (12, 12), mode="bilinear", align_corners=False)
        torch.testing.assert_close(
            out[:, channel : channel + 1], expected, rtol=1e-4, atol=1e-4
        )  # batch norm's epsilon


def test_pspnet_uses_the_whole_encoder_where_smps_stops_at_the_third_stage():
    ours = build("pspnet", classes=2, encoder_name="resnet18").encoder
    theirs = smp.PSPNet("resnet18", encoder_weights=None).encoder
    assert (len(ours.out_channels), len(theirs.out_channels)) == (6, 4)


# DeepLab and U-Net++, from smp


@pytest.mark.parametrize(
    ("make", "original"),
    [(deeplabv3, "DeepLabV3"), (deeplabv3plus, "DeepLabV3Plus"), (unetplusplus, "UnetPlusPlus")],
)
def test_every_argument_of_smps_constructor_is_written_out(make, original, monkeypatch):
    constructor, written = getattr(smp, original), {}

    def recording(**arguments):
        written.update(arguments)
        return constructor(**arguments)

    monkeypatch.setattr(smp, original, recording)
    network = make(in_channels=4, classes=7, encoder_name="resnet18")
    takes = [name for name, each in inspect.signature(constructor).parameters.items() if each.kind != each.VAR_KEYWORD]
    assert sorted(written) == sorted(takes)
    assert (written["in_channels"], written["classes"], written["encoder_name"]) == (4, 7, "resnet18")
    assert written["encoder_weights"] is None
    assert type(network) is constructor


@pytest.mark.parametrize("name", ["deeplabv3", "deeplabv3plus"])
def test_deeplab_pairs_stride_16_with_rates_6_12_and_18(name):
    network = build(name, classes=2, encoder_name="resnet18").network
    assert strides(network) == [1, 2, 4, 8, 16, 16]
    aspp = network.decoder.aspp if name == "deeplabv3" else network.decoder.aspp[0]
    rates = [each.dilation[0] for each in aspp.modules() if isinstance(each, nn.Conv2d) and each.kernel_size == (3, 3)]
    assert rates == [6, 12, 18]


def test_deeplabv3plus_joins_48_channels_of_stride_4():
    network, seen = build("deeplabv3plus", classes=2, encoder_name="resnet18").network.eval(), []
    network.decoder.block1.register_forward_hook(lambda module, given, out: seen.append((given[0].shape, out.shape)))
    network(torch.zeros(1, 3, 64, 64))
    assert seen == [((1, 64, 16, 16), (1, 48, 16, 16))]


@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
def test_a_dilated_depthwise_convolution_is_torchs_in_either_layout(layout):
    torch.manual_seed(0)
    network = build("deeplabv3plus", classes=2, encoder_name="resnet18").network
    dilated = [each for each in network.modules() if isinstance(each, DilatedDepthwise)]
    assert [each.dilation for each in dilated] == [(6, 6), (12, 12), (18, 18)]
    image = torch.randn(2, 512, 13, 17, dtype=torch.float64).to(memory_format=layout)
    for each in dilated:
        each.double().to(memory_format=layout)
        ours, theirs = image.clone().requires_grad_(), image.clone().requires_grad_()
        result = each(ours)
        expected = F.conv2d(theirs, each.weight, None, 1, each.padding, each.dilation, groups=512)
        assert result.is_contiguous(memory_format=layout)
        slope = torch.randn_like(result)
        gradients = torch.autograd.grad(result, (ours, each.weight), slope)
        wanted = torch.autograd.grad(expected, (theirs, each.weight), slope)
        for one, other in zip((result, *gradients), (expected, *wanted), strict=True):
            torch.testing.assert_close(one, other)


@pytest.mark.parametrize("name", ["deeplabv3", "deeplabv3plus"])
def test_deeplabs_options_reach_the_network(name):
    network = build(name, classes=2, encoder_name="resnet18", atrous_rates=(1, 2, 3), dropout=0.25)
    rates = {each.dilation[0] for each in network.decoder.modules() if isinstance(each, nn.Conv2d)}
    assert rates == {1, 2, 3}
    assert {each.p for each in network.modules() if isinstance(each, nn.Dropout)} == {0.25}


def test_unetplusplus_takes_its_decoder_widths():
    network = build("unetplusplus", classes=2, encoder_name="resnet18", decoder_channels=(64, 32, 16, 8, 4))
    assert network.segmentation_head[0].in_channels == 4


@pytest.mark.slow
def test_segnets_onnx_gives_the_same_logits(tmp_path):
    import onnxruntime

    torch.manual_seed(0)
    network, image = build("segnet", classes=3, width=8).eval(), torch.randn(2, 3, 70, 90)
    torch.onnx.export(network, (image,), tmp_path / "network.onnx", dynamo=True, verbose=False)
    session = onnxruntime.InferenceSession(tmp_path / "network.onnx")
    (logits,) = session.run(None, {session.get_inputs()[0].name: image.numpy()})
    assert logits.std() > 0.01  # something to compare
    with torch.no_grad():
        np.testing.assert_allclose(logits, network(image).numpy(), atol=1e-4)


@pytest.mark.parametrize("size", [(1, 1), (1, 2), (2, 5), (3, 3), (4, 9)])
def test_a_kernel_cut_to_what_reaches_its_map_gives_the_whole_kernels_numbers_and_gradients(size):
    layer = ReachingConv2d(3, 4, 7, padding=3).double()
    image = torch.randn(2, 3, *size, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    whole = F.conv2d(image, layer.weight, layer.bias, padding=3)
    torch.testing.assert_close(layer(image), whole)
    weights = (image, layer.weight, layer.bias)
    for mine, theirs in zip(*(torch.autograd.grad(each.square().sum(), weights) for each in (layer(image), whole))):
        torch.testing.assert_close(mine, theirs)


@pytest.mark.parametrize("size", [1, 2])
def test_in_bfloat16_no_gradient_of_a_tap_beyond_the_map_is_left_unwritten(size):
    for _ in range(5):
        used = [torch.full((elements,), torch.nan) for elements in (5_000_000, 1_605_632, 100_000)]
        del used  # freed memory is full of NaN
        layer, image = ReachingConv2d(512, 64, 7, padding=3), torch.ones(2, 512, size, size)
        with torch.autocast("cpu", torch.bfloat16):
            layer(image).sum().backward()
        beyond = torch.ones(7, 7, dtype=torch.bool)
        beyond[4 - size : 3 + size, 4 - size : 3 + size] = False
        assert not layer.weight.grad[..., beyond].any() and layer.weight.grad.isfinite().all()
