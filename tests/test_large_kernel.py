"""The depth-wise convolution with large kernels against torch's own, against hand-made maps, and on other machines."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from repro.models.large_kernel import LargeKernelConv2d, backend_for, depthwise_conv
from repro.models.large_kernel.fft import fast_length

SHAPES = [  # (images, channels, height, width, kernel rows, kernel columns)
    (2, 3, 40, 33, 31, 31),
    (3, 2, 17, 23, 7, 7),  # odd sizes, an odd number of images
    (1, 4, 14, 14, 31, 31),  # a map smaller than the kernel
    (2, 5, 1, 9, 31, 31),  # a single row
    (1, 1, 1, 1, 3, 3),
    (2, 3, 12, 20, 5, 11),
]


def _tensors(images, channels, height, width, rows, columns, dtype=torch.float32):
    generator = torch.Generator().manual_seed(images + 7 * height + 31 * rows)
    image = torch.randn(images, channels, height, width, generator=generator, dtype=dtype, requires_grad=True)
    weight = torch.randn(channels, 1, rows, columns, generator=generator, dtype=dtype, requires_grad=True)
    bias = torch.randn(channels, generator=generator, dtype=dtype, requires_grad=True)
    gradient = torch.randn(images, channels, height, width, generator=generator, dtype=dtype)
    return image, weight, bias, gradient


def _conv2d(image, weight, bias=None):
    padding = (weight.shape[-2] // 2, weight.shape[-1] // 2)
    return F.conv2d(image, weight, bias, padding=padding, groups=image.shape[1])


def _relative(found: torch.Tensor, expected: torch.Tensor) -> float:
    """Return the largest difference in units of the largest expected number."""
    return ((found - expected).abs().max() / expected.abs().max().clamp_min(1e-12)).item()


@pytest.mark.parametrize("backend", ["fft", "stock", None])
@pytest.mark.parametrize("shape", SHAPES)
def test_result_and_gradients_are_those_of_conv2d(shape, backend):
    *inputs, gradient = _tensors(*shape)
    expected = _conv2d(*inputs)
    expected_gradients = torch.autograd.grad(expected, inputs, gradient)
    found = depthwise_conv(*inputs, backend=backend)
    found_gradients = torch.autograd.grad(found, inputs, gradient)
    assert found.dtype == torch.float32 and found.is_contiguous()
    for one, other in zip((found, *found_gradients), (expected, *expected_gradients), strict=True):
        assert _relative(one, other) < 1e-5


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.integers(1, 5), st.integers(1, 3), st.integers(1, 20), st.integers(1, 20), st.integers(0, 9))
def test_any_size_and_odd_kernel_agrees_with_conv2d_in_float64(images, channels, height, width, half):
    *inputs, gradient = _tensors(images, channels, height, width, 2 * half + 1, 2 * half + 1, torch.float64)
    expected = _conv2d(*inputs)
    found = depthwise_conv(*inputs, backend="fft")
    assert _relative(found, expected) < 1e-12
    for one, other in zip(
        torch.autograd.grad(found, inputs, gradient), torch.autograd.grad(expected, inputs, gradient), strict=True
    ):
        assert _relative(one, other) < 1e-12


def test_a_single_tap_right_of_the_middle_fetches_the_right_neighbour():
    image = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]).view(1, 1, 2, 3)
    weight = torch.zeros(1, 1, 7, 7)
    weight[0, 0, 3, 4] = 1  # row 3, column 3 is the middle
    expected = torch.tensor([[2.0, 3.0, 0.0], [5.0, 6.0, 0.0]])  # zeros come in from the padding
    torch.testing.assert_close(depthwise_conv(image, weight, backend="fft")[0, 0], expected, atol=1e-6, rtol=0)


def test_gradient_of_a_tap_is_the_sum_of_the_pixels_it_met():
    image = torch.tensor([[1.0, 2.0], [3.0, 4.0]]).view(1, 1, 2, 2)
    weight = torch.zeros(1, 1, 3, 3, requires_grad=True)
    depthwise_conv(image, weight, backend="fft").sum().backward()
    # The tap of row a and column b meets the image moved by (a - 1, b - 1), as far as it stays inside.
    expected = torch.tensor([[1.0, 3.0, 2.0], [4.0, 10.0, 6.0], [3.0, 7.0, 4.0]])
    torch.testing.assert_close(weight.grad[0, 0], expected, atol=1e-5, rtol=0)


def test_taps_that_meet_only_padding_get_a_gradient_of_exactly_zero():
    image, weight, _, gradient = _tensors(2, 3, 5, 8, 31, 31)
    depthwise_conv(image, weight).backward(gradient)
    reached = torch.zeros(31, 31, dtype=torch.bool)
    reached[15 - 4 : 15 + 5, 15 - 7 : 15 + 8] = True  # five rows reach four up and down, eight columns seven
    assert (weight.grad[:, 0, ~reached] == 0).all()
    assert (weight.grad[:, 0, reached] != 0).all()


def test_images_of_a_pair_do_not_leak_into_each_other():
    image, weight, _, _ = _tensors(3, 2, 12, 12, 9, 9)
    together = depthwise_conv(image, weight, backend="fft")
    alone = torch.cat([depthwise_conv(each[None], weight, backend="fft") for each in image])
    assert _relative(together, alone) < 1e-6


def test_an_unwanted_gradient_is_not_computed_and_a_wanted_one_does_not_change():
    image, weight, _, gradient = _tensors(2, 2, 9, 9, 9, 9)
    both = torch.autograd.grad(depthwise_conv(image, weight), (image, weight), gradient)
    frozen = depthwise_conv(image, weight.detach())
    torch.testing.assert_close(torch.autograd.grad(frozen, image, gradient)[0], both[0], atol=0, rtol=0)
    leaf = depthwise_conv(image.detach(), weight)
    torch.testing.assert_close(torch.autograd.grad(leaf, weight, gradient)[0], both[1], atol=0, rtol=0)


def test_gradients_pass_the_numerical_check_in_float64():
    image, weight, bias, _ = _tensors(3, 2, 5, 6, 7, 9, torch.float64)
    assert torch.autograd.gradcheck(lambda *inputs: depthwise_conv(*inputs, backend="fft"), (image, weight, bias))


def test_operator_keeps_torchs_rules_for_operators():
    image, weight, bias, _ = _tensors(2, 2, 6, 7, 5, 5)
    for backend in ("fft", "stock"):
        torch.library.opcheck(torch.ops.repro.depthwise_conv.default, (image, weight, bias, backend))


@pytest.mark.parametrize("backend", ["fft", "stock"])
def test_bfloat16_is_computed_in_float32_and_rounded_once(backend):
    image, weight, bias, gradient = _tensors(2, 3, 20, 20, 15, 15)
    half = image.detach().to(torch.bfloat16).requires_grad_()
    found = depthwise_conv(half, weight, bias, backend=backend)
    expected = _conv2d(half.detach().float(), weight, bias)
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.float(), expected, rtol=2**-8, atol=1e-4)  # bfloat16 rounds by at most 2^-9
    found.backward(gradient.to(torch.bfloat16))
    exact = torch.autograd.grad(expected, weight, gradient.to(torch.bfloat16).float())[0]
    assert half.grad.dtype == torch.bfloat16 and weight.grad.dtype == torch.float32
    assert _relative(weight.grad, exact) < 1e-5


def test_under_autocast_the_result_has_autocasts_precision():
    image, weight, _, _ = _tensors(2, 3, 12, 12, 9, 9)
    with torch.autocast("cpu", torch.bfloat16):
        found = depthwise_conv(image, weight)
        expected = _conv2d(image, weight)
    assert found.dtype == expected.dtype == torch.bfloat16
    exact = _conv2d(image.to(torch.bfloat16).float(), weight)
    torch.testing.assert_close(found.float(), exact, rtol=2**-8, atol=1e-4)


def test_two_calls_agree_to_the_bit():
    *inputs, gradient = _tensors(3, 4, 30, 30, 31, 31)
    first, second = (depthwise_conv(*inputs) for _ in range(2))
    assert torch.equal(first, second)
    gradients = [torch.autograd.grad(each, inputs, gradient) for each in (first, second)]
    assert all(torch.equal(one, other) for one, other in zip(*gradients, strict=True))


def test_backward_keeps_the_image_and_the_kernel_and_nothing_else():
    image, weight, bias, _ = _tensors(2, 3, 16, 16, 9, 9)
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: kept.append(tensor.shape), lambda nothing: nothing):
        depthwise_conv(image, weight, bias)
    assert kept == [image.shape, weight.shape]


class _Small(torch.nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first = torch.nn.Conv2d(3, 4, 1)
        self.large = LargeKernelConv2d(4, 31, bias=True)

    def forward(self, image):
        return self.large(self.first(image).relu())


def test_compiles_into_one_graph_with_equal_results_and_gradients():
    network, image = _Small(), torch.randn(2, 3, 18, 20, generator=torch.Generator().manual_seed(1))
    network(image).square().sum().backward()
    expected = {name: each.grad.clone() for name, each in network.named_parameters()}
    network.zero_grad()
    compiled = torch.compile(network, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(image), network(image))
    compiled(image).square().sum().backward()
    for name, each in network.named_parameters():
        torch.testing.assert_close(each.grad, expected[name])


def test_an_exported_network_holds_torchs_convolution_and_gives_its_numbers(tmp_path):
    onnx, onnxruntime = pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")
    network, image = _Small().eval(), torch.randn(2, 3, 18, 20, generator=torch.Generator().manual_seed(1))
    file = tmp_path / "small.onnx"
    torch.onnx.export(network, (image,), file, dynamo=True, verbose=False, input_names=["image"])
    assert [node.op_type for node in onnx.load(file).graph.node] == ["Conv", "Relu", "Conv"]
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"image": image.numpy()})
    np.testing.assert_allclose(found, network(image).detach().numpy(), atol=1e-4)


def test_operations_are_counted_as_the_direct_convolutions_whichever_way_computes_it():
    image, weight, _, _ = _tensors(2, 3, 10, 12, 7, 7)
    for backend in ("fft", "stock"):
        with FlopCounterMode(display=False) as counter:
            depthwise_conv(image, weight, backend=backend).sum().backward()
        once = 2 * (2 * 3 * 10 * 12) * 49  # a product and a sum for each of 49 taps
        assert counter.get_total_flops() == 3 * once  # the result and two gradients


def test_sizes_alone_choose_the_backend():
    assert backend_for("cpu", (5, 5)) == "stock"
    assert backend_for("cpu", (7, 7)) == "fft"
    assert backend_for("cpu", (31, 31)) == "fft"
    assert backend_for("cuda", (13, 13)) == "stock"
    assert backend_for("mps", (31, 31)) == "stock"


@pytest.mark.parametrize(("length", "expected"), [(1, 8), (8, 8), (27, 32), (43, 48), (71, 72), (81, 96), (127, 128)])
def test_transforms_have_lengths_of_eight_times_twos_threes_and_fives(length, expected):
    assert fast_length(length) == expected


def test_module_has_a_kernel_for_each_channel():
    module = LargeKernelConv2d(6, 31)
    assert sum(each.numel() for each in module.parameters()) == 6 * 961
    with pytest.raises(ValueError, match="30 wide; it must be odd"):
        LargeKernelConv2d(6, 30)


def test_what_does_not_fit_is_refused_in_a_sentence():
    image = torch.zeros(1, 3, 8, 8)
    with pytest.raises(ValueError, match="both sides must be odd"):
        depthwise_conv(image, torch.zeros(3, 1, 3, 4))
    with pytest.raises(ValueError, match=r"do not fit: expected \(N, C, H, W\)"):
        depthwise_conv(image, torch.zeros(4, 1, 3, 3))
    with pytest.raises(ValueError, match="choose one of stock, fft, triton"):
        depthwise_conv(image, torch.zeros(3, 1, 3, 3), backend="cudnn")


# Triton decides when it is imported whether its kernels are interpreted, hence another process.
INTERPRETED = """
import torch
from repro.models.large_kernel import depthwise_conv
for count, channels, height, width, kernel in [(2, 2, 35, 33, 31), (1, 3, 7, 9, 5), (3, 1, 14, 14, 27)]:
    torch.manual_seed(0)
    shapes = [(count, channels, height, width), (channels, 1, kernel, kernel), (channels,)]
    inputs = [torch.randn(shape).requires_grad_() for shape in shapes]
    gradient = torch.randn(count, channels, height, width)
    results = [depthwise_conv(*inputs, backend=backend) for backend in ("triton", "stock")]
    pairs = zip(*[[result, *torch.autograd.grad(result, inputs, gradient)] for result in results])
    for found, expected in pairs:
        assert (found - expected).abs().max() < 1e-5 * expected.abs().max(), (count, channels, height, width, kernel)
half = inputs[0].detach().to(torch.bfloat16)
found = depthwise_conv(half, inputs[1], backend="triton")
expected = depthwise_conv(half.float(), inputs[1], backend="stock")
assert found.dtype == torch.bfloat16 and (found - expected).abs().max() < 2**-7 * expected.abs().max()
try:
    depthwise_conv(inputs[0].double(), inputs[1].double(), backend="triton")
except ValueError as error:
    assert "choose 'fft' or 'stock'" in str(error)
else:
    raise AssertionError("float64 was taken")
print("agrees")
"""

COMPILED = """
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from repro.models.large_kernel import triton_kernels
sizes = {"ROWS": 31, "COLUMNS": 31, "SIZE": 32, "WINDOW": 64}
numbers = dict.fromkeys(["count", "channels", "height", "width"], "i32")
for precision in ("*fp32", "*bf16"):
    tensors = {"image": precision, "gradient": precision, "weight": "*fp32", "bias": "*fp32", "result": "*fp32"}
    for name, constants in [("_convolve", {**sizes, "BIASED": True}), ("_correlate", sizes)]:
        kernel = getattr(triton_kernels, name)
        types = {name: {**tensors, **numbers}.get(name, "constexpr") for name in kernel.arg_names}
        compiled = triton.compile(ASTSource(kernel, types, constexprs=constants), target=GPUTarget("cuda", 80, 32))
        assert "mma.sync" in compiled.asm["ptx"], "no matrix unit is used"
print("compiled")
"""


def _in_another_process(program: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], cwd=Path(__file__).parents[1],
        env={**os.environ, **environment}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.slow
def test_triton_kernels_agree_with_conv2d_in_tritons_interpreter():
    pytest.importorskip("triton")
    assert _in_another_process(INTERPRETED, TRITON_INTERPRET="1") == "agrees"


@pytest.mark.slow
def test_triton_kernels_compile_to_matrix_instructions_without_a_gpu(tmp_path):
    pytest.importorskip("triton")
    assert _in_another_process(COMPILED, TRITON_INTERPRET="0", TRITON_CACHE_DIR=str(tmp_path)) == "compiled"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU that torch can use")
@pytest.mark.parametrize("backend", ["stock", "fft", "triton"])
@pytest.mark.parametrize("shape", SHAPES)
def test_on_a_gpu_every_backend_gives_conv2d_of_the_cpu(shape, backend):
    *inputs, gradient = _tensors(*shape)
    expected = _conv2d(*inputs)
    expected_gradients = torch.autograd.grad(expected, inputs, gradient)
    there = [each.detach().cuda().requires_grad_() for each in inputs]
    found = depthwise_conv(*there, backend=backend)
    found_gradients = torch.autograd.grad(found, there, gradient.cuda())
    for one, other in zip((found, *found_gradients), (expected, *expected_gradients), strict=True):
        assert _relative(one.cpu(), other) < 1e-5
