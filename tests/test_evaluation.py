import numpy as np
import pytest
import tiny
import torch
from torch import nn
from torch.nn import functional as F

from repro.evaluation import (
    Counts,
    confusion,
    evaluate,
    histogram,
    logits_of,
    near_boundary,
    resize_logits,
    selection_scores,
)
from repro.losses import Loss
from repro.metrics import histogram_bins, scores

CPU = torch.device("cpu")
VOID = 255


def random_label(seed, size=(20, 23), classes=3):
    """Blocks of classes and void, so that boundaries and their neighbourhood both occur."""
    rng = np.random.default_rng(seed)
    blocks = rng.choice([*range(classes), VOID], (-(-size[0] // 5), -(-size[1] // 5)))
    return torch.from_numpy(np.kron(blocks, np.ones((5, 5), int))[: size[0], : size[1]].astype(np.int64))


def run(samples, network=None, *, histograms=None, classes=3, **changes):
    network = (network or tiny.network()).eval()
    return evaluate(
        network, samples, recipe=tiny.recipe(**changes), device=CPU, classes=classes, histograms=histograms
    )


def test_the_confusion_matrix_counts_every_valid_pixel_once_by_label_and_prediction():
    label = torch.tensor([[0, 0, 1], [2, VOID, 1]])
    prediction = torch.tensor([[0, 1, 1], [0, 2, 1]])
    assert confusion(label, prediction, 3).tolist() == [[1, 1, 0], [0, 2, 0], [1, 0, 0]]


def test_counts_are_those_of_a_transcription_and_of_torchmetrics():
    from torchmetrics.classification import MulticlassJaccardIndex

    samples = [tiny.evaluation_sample(n, size=(12, 15 + n)) for n in range(4)]  # images of different sizes
    network = tiny.network().eval()
    evidence = run(samples, network)["native whole"]
    oracle = MulticlassJaccardIndex(3, ignore_index=VOID, average="macro")
    for n, sample in enumerate(samples):
        with torch.inference_mode():
            prediction = network((sample.image[None] - MEAN) / STD).argmax(1)[0].numpy()
        label = sample.label.numpy()
        for c in range(3):
            assert evidence.intersection[n, c] == ((label == c) & (prediction == c)).sum()
            assert evidence.predicted[n, c] == ((label != VOID) & (prediction == c)).sum()
            assert evidence.labelled[n, c] == (label == c).sum()
        oracle.update(torch.from_numpy(prediction)[None], sample.label[None].long())
    assert evidence.confusion.sum() == sum(int((sample.label != VOID).sum()) for sample in samples)
    assert scores(evidence, ["a", "b", "c"])["miou"] == pytest.approx(float(oracle.compute()), rel=1e-6)
    assert evidence.images.tolist() == [sample.content_hash for sample in samples]
    assert evidence.units.tolist() == ["unit 0", "unit 1", "unit 0", "unit 1"]


MEAN = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1) * 255
STD = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1) * 255


def test_counts_do_not_depend_on_the_order_of_the_images():
    samples = [tiny.evaluation_sample(n) for n in range(5)]
    one, other = run(samples)["native whole"], run(samples[::-1])["native whole"]
    assert (one.intersection == other.intersection[::-1]).all()
    assert (one.boundary_predicted == other.boundary_predicted[::-1]).all()
    assert (one.confusion == other.confusion).all()


@pytest.mark.parametrize("seed", range(4))
def test_near_a_boundary_is_within_three_rows_and_columns_of_a_pixel_of_another_class(seed):
    label = random_label(seed)
    height, width = label.shape
    expected = np.zeros((height, width), bool)
    for y in range(height):
        for x in range(width):
            around = label[max(y - 3, 0) : y + 4, max(x - 3, 0) : x + 4]
            expected[y, x] = label[y, x] != VOID and bool(((around != label[y, x]) & (around != VOID)).any())
    assert 0 < expected.sum() < (label != VOID).sum()
    np.testing.assert_array_equal(near_boundary(label).numpy(), expected)


def test_the_edge_of_the_image_and_of_void_is_no_boundary():
    label = torch.ones(10, 10, dtype=torch.int64)
    assert not near_boundary(label).any()
    label[:, 4:7] = VOID
    assert not near_boundary(label).any()


def test_boundary_counts_are_the_counts_near_boundaries():
    label, prediction = random_label(0), random_label(1).clamp(max=2)
    counts = Counts(3, None)
    counts.add(F.one_hot(prediction, 3).permute(2, 0, 1).float(), label)
    evidence = counts.evidence(["a"], ["b"])
    near = near_boundary(label)
    for c in range(3):
        assert evidence.boundary_labelled[0, c] == (near & (label == c)).sum()
        assert evidence.boundary_predicted[0, c] == (near & (prediction == c)).sum()
        assert evidence.boundary_intersection[0, c] == (near & (prediction == c) & (label == c)).sum()


def test_the_histogram_counts_by_true_class_in_the_bins_of_the_metrics():
    torch.manual_seed(0)
    logits = torch.randn(2, 30, 40) * 30
    logits[:, 0, :4] = torch.tensor([[500.0, 0, 0, 1], [0, 500.0, 0, 0]])  # beyond both ends, and equal
    label = torch.randint(0, 3, (30, 40)).where(torch.rand(30, 40) < 0.9, VOID)
    label[label == 2] = VOID
    bins = histogram_bins((logits[1] - logits[0]).numpy())
    expected = [np.bincount(bins[label.numpy() == c], minlength=1024) for c in (0, 1)]
    np.testing.assert_array_equal(histogram(logits, label).numpy(), expected)


@pytest.mark.parametrize(("histograms", "shape"), [("image", (3, 2, 1024)), ("pooled", (1, 2, 1024)), (None, None)])
def test_histograms_are_kept_by_image_or_pooled(histograms, shape):
    samples = [tiny.evaluation_sample(n) for n in range(3)]
    for sample in samples:
        sample.label[sample.label == 2] = 1
    evidence = run(samples, tiny.network(classes=2), histograms=histograms, classes=2)["native whole"]
    assert (None if evidence.histogram is None else evidence.histogram.shape) == shape
    if shape:
        assert (evidence.histogram.sum((0, 2)) == evidence.labelled.sum(0)).all()


def test_logits_that_are_no_number_are_refused():
    class Diverged(nn.Module):
        def forward(self, image):
            return torch.full((1, 3, *image.shape[-2:]), float("nan"))

    with pytest.raises(ValueError, match=r"picture 0.*not a number.*diverged"):
        run([tiny.evaluation_sample(0)], Diverged())


class Squares(nn.Module):
    """Two classes whose logits are a quarter of the image's size a side in checks: what resizing does shows."""

    def forward(self, image):
        image = image[:, :1]
        return torch.cat([image, -image], 1)


def test_predictions_are_resized_to_the_label_and_never_the_reverse():
    image, _ = tiny.pair([1], (6, 8))
    label = torch.randint(0, 2, (13, 17), generator=torch.Generator().manual_seed(0)).byte()
    sample = tiny.evaluation_sample(0, image=image, label=label, input_label=None)
    evidence = run([sample], Squares(), classes=2)["native whole"]
    assert evidence.confusion.sum() == 13 * 17
    resized = F.interpolate((image[:1].float()[None] - MEAN[0]) / STD[0], (13, 17), mode="bilinear")[0, 0]
    # logits are resized, then compared: resizing the 6 x 8 prediction instead gives other pixels
    prediction = (resized <= 0).long()
    assert evidence.predicted[0].tolist() == [int((prediction == c).sum()) for c in (0, 1)]
    assert evidence.intersection[0].tolist() == [int(((prediction == c) & (label == c)).sum()) for c in (0, 1)]


def test_where_the_recipe_resizes_labels_are_scored_at_native_and_at_input_size():
    image, input_label = tiny.pair([1], (6, 8))
    _, label = tiny.pair([2], (12, 16))
    found = run([tiny.evaluation_sample(0, image=image, label=label, input_label=input_label)])
    assert set(found) == {"native whole", "input whole"}
    assert found["native whole"].labelled.sum() == (label != VOID).sum()
    assert found["input whole"].labelled.sum() == (input_label != VOID).sum()


def test_inside_the_field_of_view_only_its_pixels_are_counted():
    image, input_label = tiny.pair([1], (6, 8))
    _, label = tiny.pair([2], (12, 16))
    inside = torch.zeros(12, 16, dtype=torch.bool)
    inside[2:8, 4:12] = True
    sample = tiny.evaluation_sample(0, image=image, label=label, input_label=input_label, field_of_view=inside)
    found = run([sample])
    assert set(found) == {"native whole", "input whole", "native field_of_view", "input field_of_view"}
    for c in range(3):
        assert found["native field_of_view"].labelled[0, c] == (inside & (label == c)).sum()
        assert found["input field_of_view"].labelled[0, c] == (input_label[1:4, 2:6] == c).sum()  # half of each side
    assert found["native whole"].labelled.sum() == (label != VOID).sum()


@pytest.mark.parametrize("size", [(8, 8), (9, 17), (23, 10), (5, 6), (24, 24)])
def test_windows_cover_every_pixel_and_give_a_pixelwise_network_what_the_whole_image_gives(size):
    image, _ = tiny.pair([3], size)
    network = nn.Conv2d(3, 3, 1).eval()
    seen = []
    network.register_forward_pre_hook(lambda module, inputs: seen.append(tuple(inputs[0].shape[-2:])))
    with torch.inference_mode():
        windows = logits_of(network, image, tiny.recipe(window=(9, 9)), CPU)
        count = len(seen)
        whole = logits_of(network, image, tiny.recipe(), CPU)
    torch.testing.assert_close(windows, whole, rtol=1e-5, atol=1e-5)
    assert set(seen[:-1]) == {(min(9, size[0]), min(9, size[1]))}
    assert count > 1 if max(size) > 9 else count == 1


def test_overlapping_windows_are_averaged_with_equal_weights():
    class Left(nn.Module):
        """The logit is the column inside the window, so that the average tells which windows saw a pixel."""

        def forward(self, image):
            return torch.arange(image.shape[-1]).float().expand(1, 1, *image.shape[-2:])

    image, _ = tiny.pair([3], (1, 5))
    found = logits_of(Left(), image, tiny.recipe(window=(1, 3)), CPU)
    # a stride of 2: windows at columns 0 and 2, which share column 2
    assert found[0, 0, 0].tolist() == [0, 1, (2 + 0) / 2, 1, 2]


def test_flips_average_the_probabilities_of_the_image_and_its_mirror_image():
    image, _ = tiny.pair([4], (9, 12))
    network = tiny.network().eval()
    normalised = ((image - MEAN) / STD)[None]
    with torch.inference_mode():
        found = logits_of(network, image, tiny.recipe(flips=True), CPU)
        expected = (network(normalised).softmax(1) + network(normalised.flip(-1)).flip(-1).softmax(1)) / 2
    torch.testing.assert_close(found.exp(), expected)


def test_scales_average_the_probabilities_of_the_resized_images():
    image, _ = tiny.pair([4], (9, 11))
    network = tiny.network().eval()
    normalised = ((image - MEAN) / STD)[None]
    with torch.inference_mode():
        found = logits_of(network, image, tiny.recipe(scales=(0.5, 1.0, 2.0)), CPU)
        half = F.interpolate(normalised, (4, 6), mode="bilinear", antialias=True)  # 4.5 and 5.5 round to even
        double = F.interpolate(normalised, (18, 22), mode="bilinear")
        views = [F.interpolate(network(seen), (9, 11), mode="bilinear").softmax(1) for seen in (half, double)]
        expected = (network(normalised).softmax(1) + sum(views)) / 3
    torch.testing.assert_close(found.exp(), expected)


def test_averaged_views_of_a_network_that_is_sure_stay_finite_when_resized():
    class Sure(nn.Module):
        def forward(self, image):
            return 1000 * torch.cat([image[:, :1], -image[:, :1]], 1)

    image, _ = tiny.pair([4], (6, 8))
    assert resize_logits(logits_of(Sure(), image, tiny.recipe(flips=True), CPU), (13, 17)).isfinite().all()


def test_selection_scores_are_the_mean_loss_and_the_pooled_miou():
    samples = [tiny.evaluation_sample(n) for n in range(3)]
    network, loss = tiny.network().eval(), Loss(0.5, 0.5)
    found = selection_scores(network, samples, loss, recipe=tiny.recipe(), device=CPU, classes=3)
    losses = []
    for sample in samples:
        with torch.inference_mode():
            logits = network(((sample.image - MEAN) / STD)[None])
        label = sample.label[None].long()
        losses.append(float(loss(logits, label, loss.totals(label))))
    assert found[0] == pytest.approx(np.mean(losses))
    assert found[1] == pytest.approx(scores(run(samples, network)["native whole"], ["a", "b", "c"])["miou"])


def test_evaluation_in_bfloat16_counts_every_pixel_and_hardly_differs():
    samples = [tiny.evaluation_sample(n, size=(32, 32)) for n in range(2)]
    single, half = run(samples)["native whole"], run(samples, precision="bfloat16")["native whole"]
    assert (single.labelled == half.labelled).all()
    assert abs(single.predicted - half.predicted).sum() < 0.02 * single.labelled.sum()
