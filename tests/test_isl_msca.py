"""ISL-MSCA: the classifier that the image trains, the cellular automaton, lesions found."""

import time

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from baselines.isl_msca import ISLMSCA, automaton, fit_logistic, learned
from baselines.ssls import saliency
from baselines.superpixels import DEVIATION, MEAN, Superpixels, otsu
from repro.data.synthetic.skin import skin_picture


def patches(lightness, *, adjacent=None, frame=()) -> Superpixels:
    """Grey superpixels in a row, neighbours unless told otherwise, of which the two ends touch the border."""
    count = len(lightness)
    row = np.abs(np.subtract.outer(np.arange(count), np.arange(count))) == 1
    return Superpixels(
        index=np.arange(count)[None],
        colour=np.array([(each, 0, 0) for each in lightness], dtype=float),
        place=np.array([(0.5, (i + 0.5) / count) for i in range(count)]),
        share=np.full(count, 1 / count),
        edge=np.isin(np.arange(count), [0, count - 1]),
        frame=np.isin(np.arange(count), frame),
        adjacent=row if adjacent is None else adjacent,
    )


def disc(seed: int, size: tuple[int, int] = (96, 96)) -> tuple[np.ndarray, np.ndarray]:
    """Return a dark disc with a paler half on noisy skin, (H, W, 3) in [0, 1], and its (H, W) mask."""
    rng = np.random.default_rng(seed)
    rows, columns = np.indices(size)
    centre, radius = rng.uniform(0.4, 0.6, 2) * size, rng.uniform(0.2, 0.3) * min(size)
    mask = np.hypot(rows - centre[0], columns - centre[1]) < radius
    image = np.where(mask[..., None], (0.4, 0.25, 0.2), (0.85, 0.65, 0.56))
    image[mask & (columns > centre[1])] = (0.55, 0.36, 0.3)
    return np.clip(image + rng.normal(0, 0.03, (*size, 3)), 0, 1), mask


def normalised(images: list[np.ndarray]) -> torch.Tensor:
    return torch.from_numpy(((np.stack(images) - MEAN) / DEVIATION).transpose(0, 3, 1, 2)).float()


def dice(prediction: np.ndarray, mask: np.ndarray) -> float:
    return 2 * (prediction & mask).sum() / (prediction.sum() + mask.sum())


def test_the_classifier_is_scikit_learns_with_balanced_classes():
    rng = np.random.default_rng(0)
    features, positive = rng.normal(size=(60, 3)), np.arange(60) < 15
    features[positive] += 1
    reference = LogisticRegression(C=1.0, class_weight="balanced", tol=1e-10).fit(features, positive)
    weights = fit_logistic(features, positive)
    np.testing.assert_allclose(weights, [*reference.coef_[0], reference.intercept_[0]], atol=1e-4)


def test_a_larger_ridge_makes_smaller_weights():
    features, positive = np.array([[-1.0], [-0.5], [0.5], [1.0]]), np.array([False, False, True, True])
    assert 0 < fit_logistic(features, positive, ridge=10.0)[0] < fit_logistic(features, positive, ridge=0.1)[0]


def test_what_is_like_the_salient_patches_is_learned_as_lesion():
    lightness = [70, 70, 70, 30, 30, 55, 70, 70, 70]
    row = patches(lightness)
    probability = learned(row)
    assert (probability[[3, 4]] > 0.8).all()
    assert (probability[[0, 1, 7, 8]] < 0.2).all()
    assert probability[0] < probability[5] < probability[4]


def test_patches_between_the_two_kinds_do_not_train():
    row = patches([70, 70, 70, 30, 30, 55, 70, 70, 70])
    salient, threshold = saliency(row), otsu(saliency(row))
    assert threshold / 2 < salient[5] <= threshold  # neither salient nor among the least
    moved = patches([70, 70, 70, 30, 30, 54, 70, 70, 70])
    assert threshold / 2 < saliency(moved)[5] <= otsu(saliency(moved))
    # its own features move the standardisation alone, so that the others hardly change
    np.testing.assert_allclose(learned(moved)[[3, 4]], learned(row)[[3, 4]], atol=0.01)


def test_the_frame_is_never_learned_as_lesion():
    row = patches([5, 70, 70, 30, 30, 70, 70, 70], frame=[0])
    assert learned(row)[0] == 0
    assert learned(row)[3] > 0.5


def test_an_even_row_has_no_lesion_to_learn():
    assert not learned(patches([70] * 6)).any()


def test_the_automaton_is_its_rule_written_out():
    lightness, states = [50.0, 52, 60, 61, 50], np.array([0.0, 0.3, 0.8, 0.6, 1.0])
    row, sigma = patches(lightness), 4.0
    count, expected = len(states), states.copy()

    def influence(i: int, j: int) -> float:
        return np.exp(-abs(lightness[i] - lightness[j]) / sigma) if abs(i - j) == 1 else 0.0

    stiffness = np.array([min(1 / max(influence(i, j) for j in range(count)), 50) for i in range(count)])
    coherence = 0.2 + 0.6 * (stiffness - stiffness.min()) / (stiffness.max() - stiffness.min())
    for _ in range(3):
        after = expected.copy()
        for i in (1, 2, 3):  # the ends are seeds, below 0.1 and above 0.9
            total = sum(influence(i, j) for j in range(count))
            mean = sum(influence(i, j) * expected[j] for j in range(count)) / total
            after[i] = coherence[i] * expected[i] + (1 - coherence[i]) * mean
        expected = after
    np.testing.assert_allclose(automaton(row, states, steps=3, sigma_squared=sigma), expected)


def test_a_cell_without_neighbours_and_the_frame_keep_their_states():
    alone = patches([50, 50, 50, 50], adjacent=np.array([[0, 1, 0, 0], [1, 0, 0, 1], [0, 0, 0, 0], [0, 1, 0, 0]], bool))
    states = np.array([0.2, 0.5, 0.6, 0.7])
    assert automaton(alone, states, steps=5, sigma_squared=5.0)[2] == 0.6
    framed = patches([50, 50, 50, 50], frame=[0])
    after = automaton(framed, states, steps=5, sigma_squared=5.0)
    assert after[0] == 0.2
    assert (after[1:] != states[1:]).all()


def test_states_stay_between_the_least_and_the_greatest():
    rng = np.random.default_rng(0)
    states = rng.uniform(0.1, 0.9, 12)
    after = automaton(patches(rng.uniform(20, 80, 12)), states, steps=20, sigma_squared=5.0)
    assert states.min() <= after.min() <= after.max() <= states.max()
    assert after.std() < states.std()


def test_a_patch_follows_the_neighbour_that_has_its_colour():
    # the middle one is undecided, like its left neighbour in colour, a sure lesion, and unlike its right one, sure skin
    after = automaton(patches([30, 31, 60]), np.array([1.0, 0.5, 0.0]), steps=20, sigma_squared=5.0)
    assert after[1] > 0.9


def test_without_a_step_the_states_are_the_classifiers():
    states = np.array([0.2, 0.5, 0.6])
    assert (automaton(patches([30, 31, 60]), states, steps=0, sigma_squared=5.0) == states).all()


def test_clean_lesions_are_found_with_a_dice_over_four_fifths():
    scenes = [disc(seed) for seed in range(6)]
    logits = ISLMSCA()(normalised([image for image, _ in scenes]))
    scores = [dice((found[1] > found[0]).numpy(), mask) for found, (_, mask) in zip(logits, scenes)]
    assert min(scores) > 0.8, scores


def test_most_of_the_suites_own_lesions_are_found():
    scenes = [skin_picture(np.random.default_rng(seed), (96, 96)) for seed in range(12)]  # with hair and all
    logits = ISLMSCA()(normalised([image / 255 for image, _ in scenes]))
    scores = [dice((found[1] > found[0]).numpy(), label > 0) for found, (_, label) in zip(logits, scenes)]
    assert np.median(scores) > 0.8, scores


def test_the_same_image_gives_the_same_logits():
    image = normalised([disc(1)[0]])
    assert torch.equal(ISLMSCA()(image), ISLMSCA()(image))


@pytest.mark.parametrize("size", [(37, 51), (16, 16)])
def test_any_size_gives_logits_of_that_size(size):
    logits = ISLMSCA()(normalised([disc(0, size)[0]] * 2))
    assert logits.shape == (2, 2, *size)
    assert logits.isfinite().all()


@pytest.mark.parametrize("options", [{"counts": (50,)}, {"steps": 0}, {"sigma_squared": 50.0}])
def test_the_options_change_the_logits(options):
    image = normalised([disc(3)[0]])
    assert not torch.equal(ISLMSCA(**options)(image), ISLMSCA()(image))


def test_an_image_of_256_pixels_takes_less_than_a_second():
    image = normalised([disc(4, (256, 256))[0]])
    ISLMSCA()(image)
    start = time.process_time()
    ISLMSCA()(image)
    assert time.process_time() - start < 1.0


def test_it_has_nothing_to_train():
    assert not list(ISLMSCA().parameters())
