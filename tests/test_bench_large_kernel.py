"""The benchmark of the large kernel: its floor by hand, and that it runs."""

import math

import torch

from repro.bench.large_kernel import direct_operations, measure, moved_bytes, transform_operations


def test_the_bytes_are_five_images_and_three_kernels():
    assert moved_bytes((2, 3, 4, 5), 7) == 4 * (5 * 120 + 3 * 3 * 49)


def test_the_direct_operations_are_two_a_tap_and_pixel_three_times():
    assert direct_operations((2, 3, 4, 5), 7) == 3 * 2 * 49 * 120


def test_the_transforms_of_a_pair_of_images_are_shared():
    # 9 + 3 // 2 = 10, the least fast length from there is 16: 256 points, log2 256 = 8; two images are one plane
    one = 5 * 256 * 8
    assert transform_operations((2, 1, 9, 9), 3) == (5 + 3) * one + 18 * 256
    assert transform_operations((3, 1, 9, 9), 3) == (10 + 3) * one + 18 * 512


def test_ours_is_what_the_rules_choose_and_the_limit_is_the_larger_floor():
    result = measure(device=torch.device("cpu"), shape=(2, 2, 16, 16), kernel=7, rounds=2)
    assert [line.name for line in result.lines] == ["ours, fft", "stock"]
    assert result.limit[0] > 0 and math.isfinite(result.ratio)
    assert "GB/s" in result.limit[1] and "GFLOP" in result.limit[1]
    assert result.text().splitlines()[-1].startswith("ratio: ")
