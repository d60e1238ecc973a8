import albumentations as A
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repro.data import transforms
from repro.data.transforms import (
    AUGMENTATIONS,
    BRIGHTNESS,
    COLOUR,
    FILL,
    VOID,
    Augmentation,
    resize_image,
    resize_label,
    sample_seed,
)

COLUMNS = np.tile(np.arange(20, dtype=np.uint8), (20, 1))  # the label of a pixel is its column
PICTURE = np.stack([COLUMNS * 10] * 3, axis=2)


def outcomes(key: str, seeds: range) -> list[tuple[np.ndarray, np.ndarray]]:
    augment = Augmentation(crop=None, augmentations=[key])
    return [augment(PICTURE, COLUMNS, seed=seed, epoch=0, index=0) for seed in seeds]


@pytest.mark.parametrize(
    ("key", "flipped"),
    [
        ("horizontal_flip", COLUMNS[:, ::-1]),
        ("vertical_flip", COLUMNS[::-1]),
        ("diagonal_flip", COLUMNS.T),
    ],
)
def test_a_flip_turns_image_and_label_together_about_half_the_time(key, flipped):
    found = outcomes(key, range(100))
    turned = [label for _, label in found if np.array_equal(label, flipped)]
    kept = [label for _, label in found if np.array_equal(label, COLUMNS)]
    for image, label in found:
        np.testing.assert_array_equal(image[..., 0], label * 10)
    if key == "vertical_flip":  # columns look the same upside down, so look at rows
        augment = Augmentation(crop=None, augmentations=[key])
        labels = [augment(PICTURE, COLUMNS.T.copy(), seed=seed, epoch=0, index=0)[1] for seed in range(100)]
        turned = [label for label in labels if label[0, 0] == 19]
        kept = [label for label in labels if label[0, 0] == 0]
    assert len(turned) + len(kept) == 100
    assert 30 <= len(turned) <= 70


@pytest.mark.parametrize("key", AUGMENTATIONS)
def test_every_augmentation_does_something_and_keeps_shape_and_type(key):
    found = outcomes(key, range(20))
    rows = np.ascontiguousarray(PICTURE.transpose(1, 0, 2))
    augment = Augmentation(crop=None, augmentations=[key])
    across = [augment(rows, COLUMNS.T.copy(), seed=seed, epoch=0, index=0)[0] for seed in range(20)]
    changed = [not np.array_equal(image, PICTURE) for image, _ in found]
    changed += [not np.array_equal(image, rows) for image in across]
    assert any(changed)
    assert {(image.shape, image.dtype.name, label.shape, label.dtype.name) for image, label in found} == {
        ((20, 20, 3), "uint8", (20, 20), "uint8")
    }


@settings(max_examples=40, deadline=None)
@given(
    key=st.sampled_from([*AUGMENTATIONS]),
    classes=st.lists(st.integers(0, 18), min_size=1, max_size=4, unique=True),
    seed=st.integers(0, 2**31),
    crop=st.sampled_from([None, (16, 16), (40, 40)]),
)
def test_every_augmentations_labels_are_a_subset_of_its_inputs_and_void(key, classes, seed, crop):
    label = np.random.default_rng(seed).choice(classes, (24, 24)).astype(np.uint8)
    image = np.random.default_rng(seed).integers(0, 256, (24, 24, 3), np.uint8)
    _, seen = Augmentation(crop=crop, augmentations=[key])(image, label, seed=seed, epoch=1, index=2)
    assert set(np.unique(seen)) <= {*classes, 255}


@pytest.mark.parametrize("key", ["shift", "scale"])
def test_what_comes_in_from_outside_is_void(key):
    found = outcomes(key, range(40))
    assert any((label == 255).any() for _, label in found)
    for image, label in found:
        assert (
            label == 0
        ).sum() <= 2 * 20  # the first column, perhaps enlarged: what comes in is not class 0
        assert (image[label == 255][:, 2] > 45).all()  # ImageNet's mean, half of it at edges: not black


@pytest.mark.parametrize("key", ["brightness", "colour"])
def test_a_change_of_colour_leaves_the_label_alone(key):
    for _, label in outcomes(key, range(10)):
        np.testing.assert_array_equal(label, COLUMNS)


def assert_alike(ours, library, image, label, *, samples):
    for index in range(samples):
        library.set_random_seed(sample_seed(1, 2, index))
        expected = library(image=image, mask=label)
        found = ours(image, label, seed=1, epoch=2, index=index)
        np.testing.assert_array_equal(found[0], expected["image"])
        np.testing.assert_array_equal(found[1], expected["mask"])


@pytest.mark.parametrize("kind", ["noise", "smooth", "grey", "dark"])
def test_our_jitter_and_flip_are_the_librarys_to_the_bit_with_the_same_draws(monkeypatch, kind):
    monkeypatch.setattr(transforms, "STRIP", 32)  # 70 rows: two strips and a part of one
    rng = np.random.default_rng(len(kind))
    image = rng.integers(0, 256, (87, 53, 3), np.uint8)
    if kind == "smooth":
        image = resize_image(image[:4, :5], (87, 53))
    if kind == "grey":
        image = np.repeat(image[..., :1], 3, axis=2)
    if kind == "dark":
        image //= 64
    label = image[..., 0] % 19
    still = {"brightness": (1, 1), "contrast": (1, 1), "saturation": (1, 1), "hue": (0, 0), "p": 1}
    library = A.Compose(
        [
            A.RandomCrop(70, 41, p=1),
            A.HorizontalFlip(p=0.5),
            A.ColorJitter(**{**still, "brightness": BRIGHTNESS}),
            A.ColorJitter(**{**still, **COLOUR}),
        ]
    )
    ours = Augmentation(crop=(70, 41), augmentations=["horizontal_flip", "brightness", "colour"])
    assert_alike(ours, library, image, label, samples=60)


@pytest.mark.parametrize("crop", [None, (41, 41), (50, 41), (70, 90)])
@pytest.mark.parametrize("first", AUGMENTATIONS)
def test_a_row_of_augmentations_is_what_the_librarys_own_composition_makes_of_it(monkeypatch, first, crop):
    monkeypatch.setattr(transforms, "STRIP", 16)
    rng = np.random.default_rng(3)
    image = resize_image(rng.integers(0, 256, (9, 9, 3), np.uint8), (53, 53))
    label = rng.integers(0, 19, (53, 53), np.uint8)
    keys = [first, "diagonal_flip", "brightness", "vertical_flip", "colour", "shift", "colour", "horizontal_flip"]
    library = A.Compose([AUGMENTATIONS[key]() for key in keys])
    if crop:
        cut = A.RandomCrop(*crop, pad_if_needed=True, pad_position="random", fill=FILL, fill_mask=VOID, p=1)
        library = A.Compose([cut, *library])
    ours = Augmentation(crop=crop, augmentations=keys)
    assert_alike(ours, library, image, label, samples=12)


@pytest.mark.parametrize("crop", [None, (20, 20), (10, 20)])
def test_the_image_and_label_that_come_in_are_never_changed(crop):
    image, label = PICTURE.copy(), COLUMNS.copy()
    augment = Augmentation(crop=crop, augmentations=[*AUGMENTATIONS])
    for index in range(20):
        augment(image, label, seed=0, epoch=0, index=index)
    np.testing.assert_array_equal(image, PICTURE)
    np.testing.assert_array_equal(label, COLUMNS)


def test_a_crop_is_a_window_of_both_and_an_image_smaller_than_it_is_padded_with_void():
    augment = Augmentation(crop=(4, 4), augmentations=[])
    image, label = augment(PICTURE, COLUMNS, seed=0, epoch=0, index=0)
    np.testing.assert_array_equal(label, np.tile(np.arange(4) + label[0, 0], (4, 1)))
    np.testing.assert_array_equal(image[..., 0], label * 10)
    _, label = Augmentation(crop=(22, 6), augmentations=[])(PICTURE, COLUMNS, seed=0, epoch=0, index=0)
    assert label.shape == (22, 6)
    assert (label == 255).sum() == 2 * 6  # two rows are missing of 22, no column


def test_an_unknown_augmentation_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="'rotate' is not an augmentation; there are horizontal_flip"):
        Augmentation(crop=None, augmentations=["rotate"])


def test_resizing_averages_images_and_takes_the_nearest_label():
    image = np.array([[[0] * 3, [100] * 3], [[100] * 3, [200] * 3]], np.uint8)
    assert resize_image(image, (1, 1)).tolist() == [[[100] * 3]]
    label = np.array([[6, 8]], np.uint8)
    assert resize_label(label, (2, 4)).tolist() == [[6, 6, 8, 8]] * 2  # bilinear would invent class 7
    assert resize_label(np.arange(9, dtype=np.uint8)[None], (1, 3)).tolist() == [
        [1, 4, 7]
    ]  # the centres of thirds
    assert resize_image(image, (2, 2)) is image


def test_the_seed_of_a_sample_depends_on_each_of_its_three_numbers():
    keys = [(seed, epoch, index) for seed in range(4) for epoch in range(4) for index in range(4)]
    assert len({sample_seed(*key) for key in keys}) == 64
    assert sample_seed(1, 23, 4) != sample_seed(12, 3, 4)
