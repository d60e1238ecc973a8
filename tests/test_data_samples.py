import hashlib
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from repro.data.base import VOID, Part, Sample, SegmentationSet
from repro.data.samples import EvaluationSamples, TrainingSamples

ALL = ("horizontal_flip", "vertical_flip", "shift", "scale", "brightness", "colour")


class Two(SegmentationSet):
    """Pictures of noise with the two classes 0 and 1, `<name>.png` beside `<name>_label.png`."""

    name = "two"
    class_names = ("ground", "thing")
    train_ids = {0: 0, 1: 1, 9: VOID}
    counts = {"train": 6}
    lists = {"train": Part("train")}
    remedy = "Draw them again."
    decoded = 0

    def split(self, split):
        names = sorted(path.stem for path in self.root.glob("?.png"))
        return [
            Sample(name, name, self.root / f"{name}.png", self.root / f"{name}_label.png") for name in names
        ]

    def read_image(self, sample):
        self.decoded += 1
        return super().read_image(sample)


def draw(folder, name, size=(24, 32)):
    rng = np.random.default_rng(ord(name))
    Image.fromarray(rng.integers(0, 256, (*size, 3), np.uint8)).save(folder / f"{name}.png")
    Image.fromarray(rng.choice(np.array([0, 1, 9], np.uint8), size)).save(folder / f"{name}_label.png")


@pytest.fixture
def dataset(tmp_path):
    for name in "abcdef":
        draw(tmp_path, name)
    return Two(tmp_path)


def training(dataset, **changes):
    settings = {"size": None, "crop": (16, 16), "augmentations": ALL, "seed": 3, **changes}
    return TrainingSamples(dataset, dataset.samples("train"), **settings)


def test_a_training_pair_is_uint8_at_crop_size_with_train_ids_and_void(dataset):
    image, label = training(dataset)[0, 0]
    assert (image.dtype, tuple(image.shape)) == (torch.uint8, (3, 16, 16))
    assert (label.dtype, tuple(label.shape)) == (torch.uint8, (16, 16))
    assert set(label.unique().tolist()) <= {0, 1, 255}
    assert len(training(dataset)) == 6


def test_without_crop_and_augmentation_the_pair_is_the_file(dataset):
    image, label = training(dataset, crop=None, augmentations=())[5, 2]
    sample = dataset.samples("train")[2]
    np.testing.assert_array_equal(image.permute(1, 2, 0), np.array(Image.open(sample.image)))
    np.testing.assert_array_equal(label, dataset.read_label(sample))


@pytest.mark.parametrize("kept_bytes", [0, 2**20])
@pytest.mark.parametrize("workers", [1, 4])
def test_augmentations_are_unique_over_five_epochs_and_equal_for_any_number_of_workers(
    dataset, workers, kept_bytes
):
    samples = training(dataset, kept_bytes=kept_bytes)
    keys = [(epoch, index) for epoch in range(5) for index in range(6)]
    alone = [samples[key] for key in keys]
    assert len({image.numpy().tobytes() for image, _ in alone}) == 30
    loader = torch.utils.data.DataLoader(samples, batch_size=None, sampler=keys, num_workers=workers)
    for (image, label), (other_image, other_label) in zip(alone, loader, strict=True):
        torch.testing.assert_close(image, other_image, rtol=0, atol=0)
        torch.testing.assert_close(label, other_label, rtol=0, atol=0)


def test_global_random_state_and_the_order_of_calls_play_no_part(dataset):
    first = training(dataset)[2, 4]
    np.random.seed(0), torch.manual_seed(0)
    samples = training(dataset)
    samples[0, 1]
    torch.testing.assert_close(samples[2, 4], first, rtol=0, atol=0)
    assert not torch.equal(training(dataset, seed=4)[2, 4][0], first[0])


def test_a_returned_pair_is_the_callers_to_change(dataset):
    samples = training(dataset, crop=None, augmentations=())
    samples[0, 0][0].zero_()
    samples[0, 0][1].zero_()
    image, label = samples[0, 0]
    assert image.any() and label.any()


def test_a_pair_that_fits_into_memory_is_decoded_once(dataset):
    samples = training(dataset, kept_bytes=3 * 24 * 32 * 4)  # room for three pairs of 4 bytes a pixel
    for epoch in range(4):
        for index in range(6):
            samples[epoch, index]
    assert dataset.decoded == 3 + 4 * 3


def test_size_resizes_before_the_crop(dataset):
    image, label = training(dataset, size=(12, 16), crop=None, augmentations=())[0, 0]
    assert tuple(image.shape) == (3, 12, 16) and tuple(label.shape) == (12, 16)


def test_whole_images_of_different_sizes_are_refused_before_the_first_step(dataset):
    draw(dataset.root, "c", size=(24, 30))
    with pytest.raises(
        ValueError, match=r"different sizes, 24 x 32 \(a\.png\), 24 x 30 \(c\.png\); set size or crop"
    ):
        training(dataset, crop=None)
    assert len(training(dataset)) == 6


def test_a_diagonal_flip_of_what_is_not_square_is_refused(dataset):
    with pytest.raises(ValueError, match="diagonal_flip needs square images, not 24 x 32"):
        training(dataset, crop=None, augmentations=("diagonal_flip",))


def test_an_empty_list_is_refused(dataset):
    with pytest.raises(ValueError, match="two: an empty training list"):
        TrainingSamples(dataset, [], size=None, crop=None, augmentations=(), seed=0)


def test_an_evaluation_sample_has_its_image_at_input_size_and_its_label_at_native_size(dataset):
    samples = EvaluationSamples(dataset, dataset.samples("train"), size=(12, 16))
    found, sample = samples[1], dataset.samples("train")[1]
    assert (len(samples), found.name, found.unit) == (6, "b", "b")
    assert tuple(found.image.shape) == (3, 12, 16) and tuple(found.input_label.shape) == (12, 16)
    np.testing.assert_array_equal(found.label, dataset.read_label(sample))
    assert found.content_hash == hashlib.sha256(sample.image.read_bytes()).hexdigest()[:16]
    assert found.field_of_view is None


def test_without_a_size_the_image_is_seen_as_it_is(dataset):
    found = EvaluationSamples(dataset, dataset.samples("train"), size=None)[0]
    assert tuple(found.image.shape) == (3, 24, 32) and found.input_label is None


def test_a_field_of_view_comes_as_booleans_at_native_size(dataset, tmp_path):
    inside = np.zeros((24, 32), np.uint8)
    inside[4:20] = 255
    Image.fromarray(inside).save(tmp_path / "inside.gif")
    sample = dataset.samples("train")[0]
    seen = SimpleNamespace(**{**vars(sample), "field_of_view": tmp_path / "inside.gif"})
    found = EvaluationSamples(dataset, [seen], size=(12, 16))[0].field_of_view
    assert found.dtype == torch.bool and tuple(found.shape) == (24, 32) and found.sum() == 16 * 32


def test_a_pair_of_different_sizes_is_refused_when_read(dataset):
    Image.fromarray(np.zeros((5, 5), np.uint8)).save(dataset.root / "a_label.png")
    for samples in (training(dataset), EvaluationSamples(dataset, dataset.samples("train"), size=None)):
        with pytest.raises(ValueError, match="image and label differ in size"):
            samples[(0, 0) if isinstance(samples, TrainingSamples) else 0]
