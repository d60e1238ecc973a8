"""Deterministic replacements: equal to the stock operations, and all that our networks need."""

import re

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.checkpoint import checkpoint

from repro.networks import NETWORKS, build
from repro.plan import suite
from repro.training.exact import exact_operations

CASES = [
    {"size": (14, 22), "align_corners": False},
    {"size": (14, 22), "align_corners": True},
    {"size": (3, 5), "align_corners": False},
    {"size": 9, "align_corners": True},
    {"scale_factor": 2, "align_corners": False},
    {"scale_factor": 2.0, "align_corners": True},
    {"scale_factor": (1.5, 2.3), "align_corners": False},
    {"scale_factor": 1.7, "align_corners": False, "recompute_scale_factor": True},
    {"size": (7, 11)},
]


def both(call, image):
    """The result and the gradient of a random weighing of it, by the stock operation and by its replacement."""
    found = []
    for asked in (False, True):
        input = image.clone().requires_grad_()
        with exact_operations(asked=asked):
            result = call(input)
            weight = torch.linspace(-1, 1, result.numel(), dtype=torch.float64).view(result.shape).to(result.dtype)
            (result * weight).sum().backward()
        found.append((result.detach(), input.grad))
    return found


@pytest.mark.parametrize("case", CASES, ids=str)
def test_bilinear_upsampling_is_replaced_by_an_equal_one(case):
    image = torch.randn(2, 3, 7, 11, dtype=torch.float64)
    (stock, gradient), (ours, our_gradient) = both(lambda x: F.interpolate(x, mode="bilinear", **case), image)
    torch.testing.assert_close(ours, stock, rtol=0, atol=1e-12)
    torch.testing.assert_close(our_gradient, gradient, rtol=0, atol=1e-12)


def test_the_replacement_keeps_precision_and_layout():
    image = torch.randn(2, 3, 8, 8).to(torch.bfloat16).to(memory_format=torch.channels_last)
    (stock, gradient), (ours, our_gradient) = both(lambda x: F.interpolate(x, scale_factor=2, mode="bilinear"), image)
    assert ours.dtype == stock.dtype and ours.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(ours, stock, rtol=2**-7, atol=2**-7)  # both round to 8 bits
    torch.testing.assert_close(our_gradient, gradient, rtol=2**-6, atol=2**-6)


def test_under_autocast_the_products_stay_in_float32():
    image = torch.randn(1, 2, 5, 5, requires_grad=True)
    with torch.autocast("cpu", dtype=torch.bfloat16), exact_operations(asked=True):
        ours = F.interpolate(image, scale_factor=3, mode="bilinear")
    torch.testing.assert_close(ours, F.interpolate(image, scale_factor=3, mode="bilinear"))


@pytest.mark.parametrize("mode", ["nearest", "bicubic"])
def test_other_modes_and_what_needs_no_gradient_are_left_to_torch(mode):
    image = torch.randn(1, 2, 5, 5, requires_grad=True)
    stock = F.interpolate(image, scale_factor=2, mode=mode)
    with exact_operations(asked=True):
        assert torch.equal(F.interpolate(image, scale_factor=2, mode=mode), stock)
    with exact_operations(asked=True), Seen() as seen:
        F.interpolate(image.detach(), scale_factor=2, mode="bilinear")
    assert "upsample_bilinear2d" in seen.names


def test_blocks_that_are_computed_again_in_the_backward_pass_are_replaced_too():
    image = torch.randn(1, 2, 4, 4, requires_grad=True)
    with exact_operations(asked=True), Seen() as seen:
        checkpoint(nn.UpsamplingBilinear2d(scale_factor=2), image, use_reentrant=False).square().sum().backward()
    assert not any("bilinear" in name for name in seen.names)


class Seen(TorchDispatchMode):
    """Notes the operations that reach the device, without overload: "upsample_bilinear2d_backward"."""

    def __init__(self):
        super().__init__()
        self.names = set()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.names.add(function._overloadpacket.__name__)
        return function(*args, **(kwargs or {}))


def without_kernel() -> set[str]:
    """The operations that torch's documentation says raise for want of a deterministic CUDA kernel."""
    said = torch.use_deterministic_algorithms.__doc__.split("operations will throw a")[1].split("In addition")[0]
    items = [item for item in said.split("* :") if "MPS" not in item or "CUDA" in item][1:]
    names = {re.match(r"\w+:`torch\.(?:nn\.functional\.|nn\.|Tensor\.)?(\w+)`", item)[1] for item in items}
    names -= {"resize_"}  # of quantized tensors
    assert {"AdaptiveAvgPool2d", "MaxUnpool2d", "interpolate", "NLLLoss", "bincount", "ReflectionPad2d"} <= names
    return names


OPERATIONS = {  # of that list -> what reaches the device
    "AdaptiveAvgPool2d": {"_adaptive_avg_pool2d_backward"},
    "AdaptiveAvgPool3d": {"_adaptive_avg_pool3d_backward"},
    "AdaptiveMaxPool2d": {"adaptive_max_pool2d_backward"},
    "AvgPool3d": {"avg_pool3d_backward"},
    "FractionalMaxPool2d": {"fractional_max_pool2d_backward"},
    "FractionalMaxPool3d": {"fractional_max_pool3d_backward"},
    "MaxUnpool1d": {"max_unpool2d"},
    "MaxUnpool2d": {"max_unpool2d"},
    "MaxUnpool3d": {"max_unpool3d"},
    "interpolate": {
        f"{prefix}{mode}_backward"
        for prefix, mode in [("", "upsample_linear1d"), ("", "upsample_bilinear2d"), ("", "upsample_bicubic2d"),
                             ("", "upsample_trilinear3d"), ("_", "upsample_bilinear2d_aa"),
                             ("_", "upsample_bicubic2d_aa")]
    },
    "ReflectionPad1d": {"reflection_pad1d_backward"},
    "ReflectionPad2d": {"reflection_pad2d_backward"},
    "ReflectionPad3d": {"reflection_pad3d_backward"},
    "NLLLoss": {"nll_loss2d_forward", "nll_loss2d_backward"},
    "CTCLoss": {"_ctc_loss_backward"},
    "EmbeddingBag": {"_embedding_bag_backward", "_embedding_bag_dense_backward"},
    "put_": {"put_", "put"},
    "histc": {"histc"},
    "bincount": {"bincount"},
    "median": {"median", "nanmedian"},
    "grid_sample": {"grid_sampler_2d_backward", "grid_sampler_3d_backward"},
    "scatter_reduce": {"scatter_reduce", "scatter_reduce_"},
}  # fmt: skip
UNTRAINED = ("isl_msca", "position_prior", "second_observer", "ssls")
DEMO = suite("demo")


def operations_of_a_step(name: str) -> set[str]:
    """The operations of a network's training step, with the replacements."""
    torch.manual_seed(0)
    network = build(name, classes=2, **DEMO.options.get(name, {})).train()
    with exact_operations(asked=True), Seen() as seen:
        outputs = network(torch.randn(2, 3, 64, 64))
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        sum(each.square().mean() for each in outputs).backward()
    return seen.names


@pytest.mark.parametrize("name", [name for name in NETWORKS if name not in UNTRAINED])
def test_no_network_calls_what_has_no_deterministic_kernel(name):
    assert without_kernel() <= set(OPERATIONS)
    forbidden = set().union(*(OPERATIONS[each] for each in without_kernel()))
    assert operations_of_a_step(name) & forbidden == set()


def test_the_rule_finds_what_has_none():
    forbidden = set().union(*OPERATIONS.values())
    image = torch.randn(1, 2, 8, 8, requires_grad=True)
    for layer in (nn.AdaptiveAvgPool2d(3), nn.ReflectionPad2d(1), nn.UpsamplingBilinear2d(scale_factor=2)):
        with Seen() as seen:
            layer(image).sum().backward()
        assert seen.names & forbidden, layer
