"""A table computed from any real counts is never rejected; one perturbed beyond rounding is, in a measured share."""

import numpy as np
import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

from repro.audit import INCONSISTENT, Group, Printed, PrintedRow, any_share, check_group, of_counts, possible
from repro.audit.asked import counts_of
from repro.audit.crosscheck import cross_check
from repro.audit.readings import MEAN, POOLED
from repro.metrics import Evidence, counted, score

METRICS = ("accuracy", "sensitivity", "specificity", "precision", "jaccard", "dice")
NAMES = ("background", "foreground")


@st.composite
def one_image(draw):
    """Counts (TP, FP, FN, TN) of one image: empty labels, full labels and Sen = Sp among them."""
    pixels = draw(st.sampled_from([1, 2, 5, 64, 1000, 10**6]))
    positives = draw(st.one_of(st.just(0), st.just(pixels), st.integers(0, pixels)))
    sensitivity = draw(st.floats(0, 1))
    specificity = draw(st.one_of(st.just(sensitivity), st.floats(0, 1)))
    hits, rejected = round(sensitivity * positives), round(specificity * (pixels - positives))
    return hits, pixels - positives - rejected, positives - hits, rejected


def evidence_of(images):
    matrices = np.array([[[tn, fp], [fn, tp]] for tp, fp, fn, tn in images], np.int64)
    hit, predicted, labelled = np.einsum("nii->ni", matrices), matrices.sum(1), matrices.sum(2)
    names = np.array([f"{i:016x}" for i in range(len(images))])
    return Evidence(
        images=names, units=names, intersection=hit, predicted=predicted, labelled=labelled,
        boundary_intersection=hit, boundary_predicted=predicted, boundary_labelled=labelled,
        confusion=matrices.sum(0),
    )  # fmt: skip


def scores_of(images, metrics, averaged):
    """The scores of a table, undefined ones left out as repro.metrics leaves them out."""
    evidence = evidence_of(images)
    names = {metric: f"mean_{metric}" if averaged else metric for metric in metrics}
    return {m: score(evidence, name, NAMES) for m, name in names.items() if counted(evidence, name, NAMES)[0]}


def scores_where_labelled(images, metrics):
    """Means as some tools take them: Acc and Sp over all images, the others over those with labelled foreground."""
    labelled = [image for image in images if image[0] + image[2]]
    of_all = scores_of(images, [m for m in metrics if m in ("accuracy", "specificity")], averaged=True)
    others = [m for m in metrics if m not in ("accuracy", "specificity")]
    return of_all | (scores_of(labelled, others, averaged=True) if labelled else {})


def printed(scores, decimals, unit="fraction"):
    scale = 100 if unit == "percent" else 1
    texts = {metric: f"{scale * number:.{decimals}f}" for metric, number in scores.items()}
    return PrintedRow(name="row", scores={metric: Printed(text=text, unit=unit) for metric, text in texts.items()})


def counts_behind(images):
    return of_counts(counts_of([(tp + fn, fp + tn) for tp, fp, fn, tn in images]))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    images=st.lists(one_image(), min_size=1, max_size=6),
    metrics=st.sets(st.sampled_from(METRICS), min_size=1),
    averaged=st.booleans(),
    decimals=st.integers(1, 5),
    unit=st.sampled_from(["fraction", "percent"]),
)
def test_a_row_computed_from_real_counts_is_never_rejected(images, metrics, averaged, decimals, unit):
    row = printed(scores_of(images, sorted(metrics), averaged), decimals, unit)
    note(f"{row}")
    for readings in (any_share(), counts_behind(images)):
        true = MEAN if averaged else POOLED
        assert true in [reading.aggregation for reading in possible(row, readings)]
        found = check_group(Group(place="Table", title="", rows=(row,), readings=readings))
        assert all(finding.word != INCONSISTENT for finding in found)
        assert averaged or found == []


@settings(max_examples=100, deadline=None, derandomize=True)
@given(images=st.lists(one_image(), min_size=1, max_size=6), metrics=st.sets(st.sampled_from(METRICS), min_size=1))
def test_means_that_leave_out_images_without_foreground_are_never_rejected(images, metrics):
    row = printed(scores_where_labelled(images, sorted(metrics)), 4)
    for readings in (any_share(), counts_behind(images)):
        assert MEAN in [reading.aggregation for reading in possible(row, readings)]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    labels=st.lists(st.tuples(st.integers(0, 5000), st.integers(1, 5000)), min_size=1, max_size=5),
    rates=st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=5),
    averaged=st.booleans(),
)
def test_rows_of_several_systems_on_one_set_are_never_rejected(labels, rates, averaged):
    rows = []
    for sensitivity, specificity in rates:
        images = []
        for positives, negatives in labels:
            hits, rejected = round(sensitivity * positives), round(specificity * negatives)
            images.append((hits, negatives - rejected, positives - hits, rejected))
        rows.append(printed(scores_of(images, METRICS, averaged), 3))
    found = check_group(Group(place="Table", title="", rows=tuple(rows), readings=any_share()))
    assert all(finding.word != INCONSISTENT for finding in found)
    assert averaged or found == []


def vessel_images(rng, count=20):
    """Counts as of retinal images: shares .07 to .10, sensitivity about .8, specificity about .98."""
    images = []
    for _ in range(count):
        positives = int(rng.uniform(0.07, 0.10) * 330_000)
        hits = round(positives * np.clip(rng.normal(0.8, 0.05), 0, 1))
        rejected = round((330_000 - positives) * np.clip(rng.normal(0.98, 0.005), 0, 1))
        images.append((hits, 330_000 - positives - rejected, positives - hits, rejected))
    return images


def rejected_share(steps, metrics, averaged, known, cases=200):
    """The share of rows rejected after one number was moved by so many units of its last digit."""
    rng = np.random.default_rng(steps)
    rejected = 0
    for _ in range(cases):
        images = vessel_images(rng)
        scores = scores_of(images, metrics, averaged)
        scores[rng.choice(metrics)] += rng.choice([-1, 1]) * steps * 0.001
        readings = counts_behind(images) if known else any_share()
        if not known and not averaged:
            readings = any_share([POOLED])
        rejected += not possible(printed({m: min(max(s, 0), 1) for m, s in scores.items()}, 3), readings)
    return rejected / cases


@pytest.mark.parametrize(
    "metrics, averaged, known, least",
    [
        (("accuracy", "sensitivity", "specificity"), False, True, 0.55),
        (("accuracy", "sensitivity", "specificity"), True, True, 0.55),
        (("jaccard", "dice"), False, False, 0.95),
        (("accuracy", "sensitivity", "specificity", "dice"), False, False, 0.70),
    ],
    ids=["Acc Sen Sp, counts known, pooled", "Acc Sen Sp, counts known, means", "JA DI, pooled", "four, pooled"],
)
def test_a_number_moved_beyond_rounding_is_rejected_in_a_measured_share(metrics, averaged, known, least):
    shares = {steps: rejected_share(steps, metrics, averaged, known) for steps in (0, 2, 5, 10, 50)}
    print(", ".join(f"{steps} units: {share:.2f}" for steps, share in shares.items()))
    assert shares[0] == 0
    assert shares[2] <= shares[10] + 0.05 and shares[10] <= shares[50] + 0.05  # 200 cases are +- 0.03
    assert shares[10] >= least
    assert shares[50] >= 0.95


@pytest.mark.slow
def test_mlscorecheck_agrees_on_random_rows_where_it_offers_the_reading():
    pytest.importorskip("mlscorecheck", reason="the extra [audit] is not installed")
    rng = np.random.default_rng(0)
    opinions = []
    for case in range(60):
        images = vessel_images(rng, 5)  # with some hundred pixels, whole counts miss intervals that real numbers reach
        scores = scores_of(images, METRICS[:3] if case % 2 else METRICS, bool(case % 2))
        moved = METRICS[case % 3]
        scores[moved] = min(1, max(0, scores[moved] + rng.choice([0, 0.002, -0.004, 0.01])))
        rows = (printed(scores, 3),)
        opinions += cross_check([Group(place="Table", title="", rows=rows, readings=counts_behind(images))])
    assert len(opinions) > 60
    assert {one.theirs for one in opinions} == {True, False}
    assert [one for one in opinions if one.ours != one.theirs] == []
