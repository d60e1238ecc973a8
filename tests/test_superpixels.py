"""What the classical methods share: superpixels, the dermoscope's frame, logits of one region."""

import numpy as np
import pytest
import torch
from skimage.color import rgb2lab

from baselines.ssls import SSLS
from baselines.superpixels import DEVIATION, MEAN, frame, largest_part, logits, otsu, rgb, superpixels


def quarters() -> np.ndarray:
    """A 40x40 image of four colours."""
    image = np.zeros((40, 40, 3))
    image[:20, :20], image[:20, 20:] = (0.9, 0.1, 0.1), (0.1, 0.9, 0.1)
    image[20:, :20], image[20:, 20:] = (0.1, 0.1, 0.9), (0.9, 0.9, 0.1)
    return image


def test_normalisation_is_undone():
    image = torch.tensor([0.0, 0.25, 1.0]).view(1, 3, 1, 1)
    normalised = (image - torch.tensor(MEAN).view(1, 3, 1, 1)) / torch.tensor(DEVIATION).view(1, 3, 1, 1)
    np.testing.assert_allclose(rgb(normalised), [[[[0.0, 0.25, 1.0]]]], atol=1e-7)


def test_superpixels_cover_the_image_and_know_their_pixels():
    image = quarters()
    patches = superpixels(image, 16)
    count = len(patches.share)
    assert sorted(np.unique(patches.index)) == list(range(count))
    lab = rgb2lab(image)
    for number in range(count):
        inside = patches.index == number
        rows, columns = np.nonzero(inside)
        np.testing.assert_allclose(patches.colour[number], lab[inside].mean(axis=0))
        np.testing.assert_allclose(patches.place[number], [(rows.mean() + 0.5) / 40, (columns.mean() + 0.5) / 40])
        assert patches.share[number] == pytest.approx(inside.sum() / 1600)
        assert patches.edge[number] == (not {0, 39}.isdisjoint([*rows, *columns]))


def test_superpixels_keep_to_the_colours():
    image = quarters()
    patches = superpixels(image, 16)
    own = 0
    for number in range(len(patches.share)):
        own += np.unique(image[patches.index == number], axis=0, return_counts=True)[1].max()
    assert own >= 0.99 * 1600  # pixels of the colour that most of their superpixel has


def test_superpixels_that_touch_are_neighbours_of_each_other():
    patches = superpixels(quarters(), 16)
    index, adjacent = patches.index, patches.adjacent
    assert (adjacent == adjacent.T).all()
    assert not adjacent.diagonal().any()
    touching = {(a, b) for a, b in zip(index[:, 1:].ravel(), index[:, :-1].ravel()) if a != b}
    touching |= {(a, b) for a, b in zip(index[1:].ravel(), index[:-1].ravel()) if a != b}
    assert {(a, b) for a, b in zip(*np.nonzero(adjacent))} == touching | {(b, a) for a, b in touching}


def test_the_frame_is_what_is_dark_from_a_corner_on():
    lightness = np.full((6, 6), 70.0)
    lightness[:2, :3] = 5  # holds the first corner
    lightness[5, 5] = 19.9  # is the last corner
    lightness[3:5, 2:4] = 5  # a dark lesion
    expected = np.zeros((6, 6), dtype=bool)
    expected[:2, :3] = expected[5, 5] = True
    np.testing.assert_array_equal(frame(lightness), expected)


def test_the_largest_part_loses_its_holes_and_its_rivals():
    mask = np.array([[0, 0, 0, 0, 0, 0],
                     [0, 1, 1, 1, 0, 1],
                     [0, 1, 0, 1, 0, 0],
                     [0, 1, 1, 1, 0, 1]], dtype=bool)  # fmt: skip
    expected = np.zeros((4, 6), dtype=bool)
    expected[1:4, 1:4] = True
    np.testing.assert_array_equal(largest_part(mask), expected)


def test_the_largest_part_of_everything_and_of_nothing():
    assert largest_part(np.ones((3, 3), dtype=bool)).all()
    assert not largest_part(np.zeros((3, 3), dtype=bool)).any()


def test_logits_are_zero_at_the_threshold_and_count_odds():
    found = logits(np.array([[0.8, 0.9, 0.5, 0.2]]), 0.5)
    np.testing.assert_allclose(found, [[np.log(4), np.log(9), -1e-3, -np.log(4)]])


def test_a_rival_of_the_lesion_ends_just_below_the_threshold():
    found = logits(np.array([[0.8, 0.8, 0.1, 0.9]]), 0.5)
    assert (found > 0).tolist() == [[True, True, False, False]]
    assert found[0, 3] == -1e-3
    assert found[0, 3] > found[0, 2]


def test_scores_of_0_and_1_have_finite_logits():
    assert np.isfinite(logits(np.array([[0.0, 1.0]]), 0.5)).all()


def test_otsu_of_a_constant_is_the_constant():
    assert otsu(np.full((3, 3), 0.25)) == 0.25


def test_otsu_lies_between_two_heaps():
    assert 0.1 <= otsu(np.array([0.1] * 10 + [0.9] * 5)) < 0.9


@pytest.mark.parametrize(("in_channels", "classes"), [(1, 2), (3, 3)])
def test_other_channels_or_classes_are_refused_with_a_sentence(in_channels, classes):
    with pytest.raises(ValueError, match=f"SSLS got {in_channels} channels and {classes} classes"):
        SSLS(in_channels=in_channels, classes=classes)
