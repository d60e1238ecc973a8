"""Scores against hand counts and against torchmetrics and scikit-learn."""

import numpy as np
import pytest

from repro.metrics import (
    SCORES,
    Evidence,
    auc,
    auc_slack,
    average_precision,
    class_accuracy,
    counted,
    histogram_bins,
    iou,
    mean_class_accuracy,
    mean_iou,
    per_image,
    pixel_accuracy,
    resampled,
    score,
    scores,
    two_class_scores,
)

VESSEL = ("background", "vessel")


def evidence_of(confusions, *, units=None, boundary=None, histogram=None):
    """Evidence from one (C, C) matrix per image, row = label; the boundary counts are the same unless given."""
    confusions = np.array(confusions, np.int64)
    boundary = confusions if boundary is None else np.array(boundary, np.int64)
    names = [f"{i:016x}" for i in range(len(confusions))]
    return Evidence(
        images=np.array(names),
        units=np.array(units or names),
        **{
            f"{prefix}intersection": np.einsum("nii->ni", m)
            for prefix, m in (("", confusions), ("boundary_", boundary))
        },
        **{f"{prefix}predicted": m.sum(1) for prefix, m in (("", confusions), ("boundary_", boundary))},
        **{f"{prefix}labelled": m.sum(2) for prefix, m in (("", confusions), ("boundary_", boundary))},
        confusion=confusions.sum(0),
        histogram=histogram,
    )


def two_class(tp, fp, fn, tn):
    return [[tn, fp], [fn, tp]]


def histogram_of(differences, positive):
    bins = histogram_bins(differences)
    return np.stack([np.bincount(bins[positive == value], minlength=1024) for value in (False, True)])


def test_iou_is_nan_for_a_class_neither_labelled_nor_predicted():
    confusion = np.array([[3, 1, 0], [0, 4, 0], [0, 0, 0]])  # class 2 never occurs
    np.testing.assert_array_equal(iou(confusion), [3 / 4, 4 / 5, np.nan])
    assert mean_iou(confusion) == (3 / 4 + 4 / 5) / 2


def test_iou_is_zero_for_a_class_that_is_only_predicted():
    np.testing.assert_array_equal(iou(np.array([[3, 1], [0, 0]])), [3 / 4, 0])


def test_accuracies_divide_by_labelled_pixels():
    confusion = np.array([[6, 2, 0], [1, 1, 0], [0, 0, 0]])
    assert pixel_accuracy(confusion) == 7 / 10
    np.testing.assert_array_equal(class_accuracy(confusion), [6 / 8, 1 / 2, np.nan])
    assert mean_class_accuracy(confusion) == (6 / 8 + 1 / 2) / 2


def test_two_class_scores_take_the_second_class_as_positive():
    assert two_class_scores(np.array(two_class(tp=6, fp=2, fn=4, tn=8))) == {
        "accuracy": 14 / 20,
        "sensitivity": 6 / 10,
        "specificity": 8 / 10,
        "precision": 6 / 8,
        "jaccard": 6 / 12,
        "dice": 12 / 18,
    }


def test_a_matrix_that_is_not_square_is_refused():
    with pytest.raises(ValueError, match=r"shape \(2, 3\), expected \(classes, classes\)"):
        iou(np.ones((2, 3)))


def test_miou_is_pooled_and_not_the_mean_over_images():
    evidence = evidence_of([two_class(1, 0, 0, 9), two_class(0, 4, 6, 0)])
    # background 9 / (9 + 4 + 6), vessel 1 / (1 + 4 + 6)
    assert score(evidence, "miou", VESSEL) == pytest.approx((9 / 19 + 1 / 11) / 2)
    assert score(evidence, "jaccard", VESSEL) == pytest.approx(1 / 11)
    assert score(evidence, "mean_jaccard", VESSEL) == pytest.approx((1 + 0) / 2)
    assert score(evidence, "dice", VESSEL) == pytest.approx(2 / 12)
    assert score(evidence, "mean_dice", VESSEL) == pytest.approx(1 / 2)


def test_an_empty_label_with_an_empty_prediction_has_jaccard_and_dice_one():
    empty, missed = two_class(0, 0, 0, 10), two_class(0, 5, 0, 5)
    evidence = evidence_of([empty, missed])
    np.testing.assert_array_equal(per_image(evidence, "jaccard", VESSEL), [1, 0])
    np.testing.assert_array_equal(per_image(evidence, "dice", VESSEL), [1, 0])
    assert score(evidence_of([empty]), "jaccard", VESSEL) == 1


def test_images_without_foreground_are_left_out_of_mean_sensitivity_and_counted():
    evidence = evidence_of([two_class(0, 1, 0, 9), two_class(3, 0, 1, 6), two_class(10, 0, 0, 0)])
    np.testing.assert_array_equal(per_image(evidence, "sensitivity", VESSEL), [np.nan, 3 / 4, 1])
    assert score(evidence, "mean_sensitivity", VESSEL) == (3 / 4 + 1) / 2
    assert counted(evidence, "mean_sensitivity", VESSEL) == (2, 3)
    assert counted(evidence, "mean_specificity", VESSEL) == (2, 3)
    assert counted(evidence, "mean_jaccard", VESSEL) == (3, 3)


def test_an_image_without_valid_pixels_has_no_score():
    evidence = evidence_of([two_class(0, 0, 0, 0), two_class(1, 1, 0, 2)])
    for metric in ("accuracy", "jaccard", "dice"):
        assert np.isnan(per_image(evidence, metric, VESSEL)).tolist() == [True, False]
    assert score(evidence, "mean_jaccard", VESSEL) == 1 / 2


def test_a_score_that_is_nowhere_defined_is_nan_and_counted_as_none():
    evidence = evidence_of([two_class(0, 1, 0, 9)])
    assert np.isnan(score(evidence, "sensitivity", VESSEL))
    assert np.isnan(score(evidence, "mean_sensitivity", VESSEL))
    assert counted(evidence, "sensitivity", VESSEL) == (0, 1)


def test_classes_absent_from_labels_and_predictions_are_counted():
    evidence = evidence_of([[[3, 1, 0], [0, 4, 0], [0, 0, 0]]])
    names = ("road", "pole", "train")
    assert counted(evidence, "miou", names) == (2, 3)
    assert score(evidence, "iou:pole,train", names) == 4 / 5
    assert counted(evidence, "iou:pole,train", names) == (1, 2)
    assert counted(evidence, "pixel_accuracy", names) == (1, 1)


def test_named_classes_are_averaged_and_only_they():
    evidence = evidence_of([[[6, 2, 0], [1, 3, 0], [0, 2, 2]]])
    names = ("road", "pole", "traffic sign")
    # pole 3 / (4 + 7 - 3), sign 2 / (4 + 2 - 2)
    assert score(evidence, "iou:pole, traffic sign", names) == (3 / 8 + 2 / 4) / 2


def test_boundary_iou_counts_boundary_pixels_only():
    evidence = evidence_of([two_class(4, 0, 0, 4)], boundary=[two_class(1, 1, 0, 2)])
    assert score(evidence, "boundary_iou", VESSEL) == (2 / 3 + 1 / 2) / 2
    assert score(evidence, "miou", VESSEL) == 1
    assert per_image(evidence, "boundary_iou", VESSEL) == pytest.approx([(2 / 3 + 1 / 2) / 2])
    absent = evidence_of([two_class(4, 0, 0, 4)], boundary=[two_class(0, 0, 0, 2)])
    assert counted(absent, "boundary_iou", VESSEL) == (1, 2)
    assert counted(absent, "miou", VESSEL) == (2, 2)


def test_unknown_scores_and_classes_are_named_with_the_nearest():
    evidence = evidence_of([two_class(1, 1, 1, 1)])
    with pytest.raises(ValueError, match="no score is called 'jacard'; nearest: jaccard"):
        score(evidence, "jacard", VESSEL)
    with pytest.raises(ValueError, match="no class is called 'vesel'; nearest: vessel"):
        score(evidence, "iou:vesel", VESSEL)
    with pytest.raises(ValueError, match="no score is called 'dice:vessel'"):
        score(evidence, "dice:vessel", VESSEL)
    with pytest.raises(ValueError, match="iou names no class"):
        score(evidence, "iou", VESSEL)
    with pytest.raises(ValueError, match="auc needs the histogram"):
        score(evidence, "auc", VESSEL)


def test_two_class_scores_are_refused_for_three_classes():
    evidence = evidence_of([np.eye(3)])
    with pytest.raises(ValueError, match="score of two classes, not 3"):
        score(evidence, "dice", ("a", "b", "c"))
    with pytest.raises(ValueError, match="2 class names, but counts of 3 classes"):
        score(evidence, "miou", VESSEL)


def test_scores_gives_every_score_the_evidence_can_give():
    rng = np.random.default_rng(0)
    positive = rng.random((3, 40)) < 0.3
    histogram = np.stack([histogram_of(rng.normal(size=40), row) for row in positive])
    confusions = [[[int((~row).sum()), 0], [0, int(row.sum())]] for row in positive]
    by_image = scores(evidence_of(confusions, histogram=histogram), VESSEL)
    assert set(by_image) == set(SCORES) - {"iou"} | {"iou:background", "iou:vessel"}
    pooled = scores(evidence_of(confusions, histogram=histogram.sum(0, keepdims=True)), VESSEL)
    assert set(by_image) - set(pooled) == {"mean_auc", "mean_average_precision"}
    assert pooled["auc"] == by_image["auc"]
    assert set(scores(evidence_of([np.eye(3)]), ("a", "b", "c"))) == {
        "miou", "pixel_accuracy", "mean_class_accuracy", "boundary_iou", "iou:a", "iou:b", "iou:c",
    }  # fmt: skip


def test_miou_is_that_of_torchmetrics_with_the_void_ignored():
    torch = pytest.importorskip("torch")
    from torchmetrics.classification import MulticlassJaccardIndex

    rng = np.random.default_rng(1)
    label = rng.integers(0, 5, (4, 32, 32))
    prediction = np.where(rng.random(label.shape) < 0.6, label, rng.integers(0, 5, label.shape))
    label[rng.random(label.shape) < 0.1] = 255
    confusions = [
        np.bincount(5 * one[one < 255] + guess[one < 255], minlength=25).reshape(5, 5)
        for one, guess in zip(label, prediction, strict=True)
    ]
    oracle = MulticlassJaccardIndex(num_classes=5, ignore_index=255, average="none")
    oracle.update(torch.tensor(prediction), torch.tensor(label))
    evidence, names = evidence_of(confusions), tuple("abcde")
    found = [score(evidence, f"iou:{name}", names) for name in names]
    np.testing.assert_allclose(found, oracle.compute().numpy(), atol=1e-6)
    np.testing.assert_allclose(iou(evidence.confusion), found)
    assert score(evidence, "miou", names) == pytest.approx(float(oracle.compute().mean()), abs=1e-6)


@pytest.mark.parametrize(
    "scale, shift",
    [(1, 0.5), (0.2, 0.05), (8, 12), (30, 40)],
    ids=["plain", "unsure", "sure", "saturated in float32"],
)
def test_areas_agree_with_scikit_learn(scale, shift):
    from sklearn.metrics import average_precision_score, roc_auc_score

    rng = np.random.default_rng(2)
    positive = rng.random(200_000) < 0.09
    differences = rng.normal(np.where(positive, shift, -shift), scale)
    histogram = histogram_of(differences, positive)
    assert auc(histogram) == pytest.approx(roc_auc_score(positive, differences), abs=1e-4)
    assert average_precision(histogram) == pytest.approx(average_precision_score(positive, differences), abs=1e-4)


def test_probabilities_of_saturated_scores_would_have_tied():
    # the reason for asinh of logits: the same 1024 bins over probabilities see one tie
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(3)
    positive = rng.random(50_000) < 0.09
    differences = 60 + rng.normal(positive * 10.0, 10)  # in float32 every probability is 1
    assert auc(histogram_of(differences, positive)) == pytest.approx(roc_auc_score(positive, differences), abs=1e-4)
    assert len(np.unique(1 / (1 + np.exp(-differences.astype(np.float32))))) == 1


def test_areas_of_a_perfect_and_of_a_constant_network():
    positive = np.array([False] * 6 + [True] * 2)
    perfect = histogram_of(np.where(positive, 200.0, -200.0), positive)
    constant = histogram_of(np.zeros(8), positive)
    assert (auc(perfect), average_precision(perfect)) == (1, 1)
    assert (auc(constant), average_precision(constant)) == (1 / 2, 2 / 8)


def test_areas_are_undefined_without_one_of_the_classes():
    only_background = histogram_of(np.linspace(-1, 1, 9), np.zeros(9, bool))
    both = histogram_of(np.linspace(-1, 1, 9), np.arange(9) > 4)
    stacked = np.stack([only_background, both])
    assert np.isnan(auc(stacked)).tolist() == [True, False]
    assert np.isnan(average_precision(stacked)).tolist() == [True, False]


def test_bins_are_equal_in_asinh_and_the_ends_take_what_lies_outside():
    edge = 2 * np.sinh(-5 + 10 * np.array([1, 512, 513, 1023]) / 1024)
    np.testing.assert_array_equal(histogram_bins(edge + 1e-9), [1, 512, 513, 1023])
    np.testing.assert_array_equal(histogram_bins(edge - 1e-9), [0, 511, 512, 1022])
    np.testing.assert_array_equal(histogram_bins([-np.inf, -1e6, 0, 1e6, np.inf]), [0, 0, 512, 1023, 1023])
    with pytest.raises(ValueError, match="NaN"):
        histogram_bins([0.0, np.nan])


def test_resampling_an_image_twice_is_having_it_twice():
    one, two = two_class(1, 2, 3, 4), two_class(8, 1, 0, 3)
    evidence, twice = evidence_of([one, two]), evidence_of([one, one, two])
    for metric in ("miou", "dice", "mean_dice", "accuracy", "boundary_iou"):
        got = resampled(evidence, metric, VESSEL, np.array([[2, 1], [0, 1]]))
        assert got[0] == pytest.approx(score(twice, metric, VESSEL))
        assert got[1] == pytest.approx(score(evidence_of([two]), metric, VESSEL))


def test_resampling_the_area_needs_a_histogram_of_each_image():
    positive = np.arange(8) % 3 == 0
    histogram = np.stack([histogram_of(np.linspace(-1, 1, 8), positive), histogram_of(np.zeros(8), positive)])
    confusions = [two_class(3, 0, 0, 5)] * 2
    weights = np.array([[2, 0], [0, 1]])
    got = resampled(evidence_of(confusions, histogram=histogram), "auc", VESSEL, weights)
    np.testing.assert_allclose(got, auc(histogram))
    pooled = evidence_of(confusions, histogram=histogram.sum(0, keepdims=True))
    with pytest.raises(ValueError, match="one for all"):
        resampled(pooled, "auc", VESSEL, weights)


def test_evidence_refuses_counts_that_contradict_each_other():
    fields = vars(evidence_of([two_class(1, 2, 3, 4)]))
    with pytest.raises(ValueError, match="confusion matrix does not sum"):
        Evidence(**fields | {"confusion": np.array([[4, 2], [2, 2]])})
    with pytest.raises(ValueError, match="other numbers of predicted and labelled pixels"):
        Evidence(**fields | {"predicted": np.array([[7, 4]])})
    with pytest.raises(ValueError, match="intersection is not within"):
        Evidence(**fields | {"boundary_intersection": np.array([[8, 1]])})
    near = {f"boundary_{name}": fields[name] + [[1, 0]] for name in ("predicted", "labelled")}
    with pytest.raises(ValueError, match="more pixels near a boundary than there are"):
        Evidence(**fields | near)
    with pytest.raises(ValueError, match=r"units has shape \(2,\), expected \(1,\)"):
        Evidence(**fields | {"units": np.array(["a", "b"])})
    with pytest.raises(ValueError, match="does not count each labelled pixel once"):
        Evidence(**fields | {"histogram": np.zeros((1, 2, 1024), np.int64)})


def test_the_slack_of_an_auc_is_what_the_order_within_the_bins_can_change():
    # Bins of (2 background, 1 foreground), (0, 1), (1, 2): of 3 x 4 pairs 2 + 2 share a bin, the others are ordered.
    # All of those lost or won: the foreground wins 2 x 3 pairs for sure, so (6 + 0) / 12 or (6 + 4) / 12.
    histogram = np.array([[2, 0, 1], [1, 1, 2]])
    assert auc(histogram) == pytest.approx(8 / 12)
    assert auc_slack(histogram) == pytest.approx(2 / 12)
    assert auc_slack(np.array([[3], [5]])) == 0.5
    assert np.isnan(auc_slack(np.array([[0, 0], [1, 2]])))
