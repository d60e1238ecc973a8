"""SSLS: contrast to the border, the centre prior, and lesions found."""

import time

import numpy as np
import pytest
import torch
from skimage.draw import ellipse

from baselines.ssls import SSLS, border_contrast, centre_prior, saliency
from baselines.superpixels import DEVIATION, MEAN, Superpixels


def patches(colours, *, places=None, frame=()) -> Superpixels:
    """Superpixels in a row, of which the first and the last two touch the border."""
    count = len(colours)
    edge = np.zeros(count, dtype=bool)
    edge[[0, -2, -1]] = True
    return Superpixels(
        index=np.arange(count)[None],
        colour=np.array(colours, dtype=float),
        place=np.array(places if places is not None else [(0.5, (i + 0.5) / count) for i in range(count)]),
        share=np.full(count, 1 / count),
        edge=edge,
        frame=np.isin(np.arange(count), frame),
        adjacent=np.abs(np.subtract.outer(np.arange(count), np.arange(count))) == 1,
    )


def lesion_on_skin(seed: int, size: tuple[int, int] = (128, 128)) -> tuple[np.ndarray, np.ndarray]:
    """Return a dark uneven ellipse on skin under a vignette, (H, W, 3) in [0, 1], and its (H, W) mask."""
    rng = np.random.default_rng(seed)
    height, width = size
    centre = rng.uniform(0.4, 0.6, 2) * size
    radii = rng.uniform(0.15, 0.3, 2) * size
    mask = np.zeros(size, dtype=bool)
    mask[ellipse(*centre, *radii, shape=size, rotation=rng.uniform(0, np.pi))] = True
    for _ in range(4):  # an outline that is no ellipse
        bump = centre + radii * rng.uniform(-0.8, 0.8, 2)
        mask[ellipse(*bump, *(radii * rng.uniform(0.3, 0.5)), shape=size)] = True
    colour = np.where(mask[..., None], (0.45, 0.28, 0.22), (0.85, 0.65, 0.56)) + rng.normal(0, 0.02, (*size, 3))
    rows, columns = np.indices(size)
    distance = np.hypot(rows / height - 0.5, columns / width - 0.5)
    return np.clip(colour * (1 - 0.4 * distance[..., None]), 0, 1), mask


def normalised(images: list[np.ndarray]) -> torch.Tensor:
    stacked = (np.stack(images) - MEAN) / DEVIATION
    return torch.from_numpy(stacked.transpose(0, 3, 1, 2)).float()


def dice(prediction: np.ndarray, mask: np.ndarray) -> float:
    return 2 * (prediction & mask).sum() / (prediction.sum() + mask.sum())


def test_contrast_is_the_mean_distance_to_the_nearest_third_of_the_border():
    # border: lightness 60, 70, 80; of three, the nearest one counts
    row = patches([(60, 0, 0), (40, 0, 0), (60, 3, 4), (70, 0, 0), (80, 0, 0)])
    # distances: 0; 20 to the first; 5 to the first; 0; 0. Rescaled by the largest, 20
    np.testing.assert_allclose(border_contrast(row), [0, 1, 0.25, 0, 0])


def test_the_mean_of_a_larger_share_counts_more_of_the_border():
    row = patches([(60, 0, 0), (40, 0, 0), (60, 3, 4), (70, 0, 0), (80, 0, 0)])
    # the nearest two of 60, 70 and 80, lighter ones at no distance: 60 has 0 and 10; 40 has 20 and 30; (60, 3, 4) has
    # 5 and |(-10, 3, 4)|; 70 and 80 have 0 and 0
    expected = np.array([(0 + 10) / 2, (20 + 30) / 2, (5 + np.sqrt(125)) / 2, 0, 0])
    np.testing.assert_allclose(border_contrast(row, share=0.67), expected / 25)


def test_what_is_lighter_than_the_border_does_not_stand_out():
    row = patches([(60, 0, 0), (95, 0, 0), (30, 0, 0), (60, 0, 0), (60, 0, 0)])
    np.testing.assert_allclose(border_contrast(row), [0, 0, 1, 0, 0])


def test_the_frame_neither_stands_out_nor_counts_as_background():
    row = patches([(5, 0, 0), (40, 0, 0), (50, 0, 0), (60, 0, 0), (60, 0, 0)], frame=[0])
    np.testing.assert_allclose(border_contrast(row), [0, 1, 0.5, 0, 0])


def test_the_centre_prior_is_a_gaussian_around_the_centre_of_mass():
    row = patches([(0, 0, 0)] * 3, places=[(0.0, 0.0), (0.5, 0.5), (0.5, 1.0)])
    weights = np.array([0.0, 1.0, 1.0])  # the centre of mass is (0.5, 0.75)
    expected = np.exp(-np.array([0.25 + 0.5625, 0.0625, 0.0625]) / (2 * 0.3**2))
    np.testing.assert_allclose(centre_prior(row, weights), expected)


def test_saliency_is_contrast_weighed_by_the_prior():
    row = patches([(60, 0, 0), (30, 0, 0), (35, 0, 0), (60, 0, 0), (60, 0, 0)])
    product = border_contrast(row) * centre_prior(row, border_contrast(row))
    np.testing.assert_allclose(saliency(row), product / product.max())


def test_nothing_stands_out_of_an_even_image():
    logits = SSLS()(normalised([np.full((32, 32, 3), 0.6)]))
    assert (logits[:, 1] < 0).all()
    assert logits.isfinite().all()


def test_clean_lesions_are_found_with_a_dice_over_four_fifths():
    scenes = [lesion_on_skin(seed) for seed in range(8)]
    logits = SSLS()(normalised([image for image, _ in scenes]))
    scores = [dice((found[1] > found[0]).numpy(), mask) for found, (_, mask) in zip(logits, scenes)]
    assert min(scores) > 0.8, scores


def test_the_scores_rank_the_lesion_above_the_skin():
    image, mask = lesion_on_skin(0)
    found = SSLS()(normalised([image]))[0, 1].numpy()
    assert np.median(found[mask]) > np.quantile(found[~mask], 0.95)


def test_the_same_image_gives_the_same_logits():
    image = normalised([lesion_on_skin(1)[0]])
    assert torch.equal(SSLS()(image), SSLS()(image))


@pytest.mark.parametrize("size", [(37, 51), (16, 16)])
def test_any_size_gives_logits_of_that_size(size):
    logits = SSLS()(normalised([lesion_on_skin(0, size)[0]] * 2))
    assert logits.shape == (2, 2, *size)
    assert logits.dtype == torch.float32


def test_it_has_nothing_to_train():
    assert not list(SSLS().parameters())


def test_autocast_leaves_the_logits_alone():
    image = normalised([lesion_on_skin(2)[0]])
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(SSLS()(image), SSLS()(image.clone()))
        assert SSLS()(image).dtype == torch.float32


def test_the_number_of_superpixels_is_an_option():
    image = normalised([lesion_on_skin(3)[0]])
    assert not torch.equal(SSLS(count=50)(image), SSLS(count=300)(image))


def test_an_image_of_256_pixels_takes_less_than_a_second():
    image = normalised([lesion_on_skin(4, (256, 256))[0]])
    SSLS()(image)
    start = time.process_time()
    SSLS()(image)
    assert time.process_time() - start < 1.0
