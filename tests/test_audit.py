"""The audit of printed rows and of the declared papers, against figures worked out by hand."""

from fractions import Fraction

import pytest

from repro.audit import (
    IF_POOLED,
    INCONSISTENT,
    POSSIBLE,
    Group,
    Printed,
    PrintedRow,
    any_share,
    check_group,
    of_counts,
    of_set,
    possible,
    within,
)
from repro.audit.asked import counts_of
from repro.audit.claims import check_claim
from repro.audit.declared import COVERED, check_paper
from repro.audit.gains import implied_jaccard
from repro.audit.known import KNOWN_SETS, RESIZING, known_set
from repro.audit.pooled import share_interval, smallest_conflict
from repro.audit.readings import MEAN, POOLED
from repro.papers import PAPERS

PAPER1, PAPER2 = PAPERS[:2]
TABLE3 = {  # paper 2's Table 3: Acc, Sen, Sp, and p with its interval, as worked out by hand
    "DRIVE": [
        ("0.925", "0.836", "0.972", 0.346, 0.338, 0.353),
        ("0.964", "0.841", "0.966", 0.016, 0.008, 0.024),
        ("0.952", "0.869", "0.979", 0.245, 0.236, 0.255),
        ("0.973", "0.824", "0.983", 0.063, 0.057, 0.069),
    ],
    "CHASEDB": [
        ("0.958", "0.875", "0.975", 0.170, 0.160, 0.180),
        ("0.944", "0.869", "0.963", 0.202, 0.191, 0.213),
        ("0.957", "0.873", "0.967", 0.106, 0.096, 0.117),
        ("0.970", "0.889", "0.986", 0.165, 0.155, 0.175),
    ],
}


def row(unit="fraction", name="row", **scores):
    return PrintedRow(name=name, scores={metric: Printed(text=text, unit=unit) for metric, text in scores.items()})


def rates(accuracy, sensitivity, specificity):
    return row(accuracy=accuracy, sensitivity=sensitivity, specificity=specificity)


def group(*rows, readings=None):
    return Group(place="Table 1", title="", rows=rows, readings=readings or any_share())


def words(*rows, readings=None):
    return [finding.word for finding in check_group(group(*rows, readings=readings))]


@pytest.mark.parametrize("printed", [line for lines in TABLE3.values() for line in lines], ids=str)
def test_the_share_of_positives_follows_from_acc_sen_and_sp(printed):
    accuracy, sensitivity, specificity, p, low, high = printed
    share = share_interval(rates(accuracy, sensitivity, specificity).intervals)
    assert [round(float(end), 3) for end in share] == [low, high]
    assert round((float(specificity) - float(accuracy)) / (float(specificity) - float(sensitivity)), 3) == p


def test_the_share_is_free_where_sen_equals_sp():
    assert share_interval(rates("0.90", "0.90", "0.90").intervals) == (0, 1)
    assert share_interval(rates("0.92", "0.90", "0.90").intervals) is None


def test_any_pair_of_scores_bounds_the_share():
    # JA = 0.5 and Acc = 0.9: errors 0.1 are half of the union, so TP = 0.1, and p is 0.1 plus the misses, up to 0.2
    share = share_interval(row(jaccard="0.5000", accuracy="0.9000").intervals)
    assert [round(float(end), 2) for end in share] == [0.1, 0.2]


def test_jaccard_and_dice_of_one_count_contradict_each_other_and_nothing_else_is_blamed():
    scores = row(accuracy="0.93457", jaccard="0.90334", dice="0.91773").intervals
    assert share_interval(scores) is None
    assert set(smallest_conflict(scores)) == {"jaccard", "dice"}
    # 2 * 0.90334 / 1.90334 = 0.94922
    assert words(row(jaccard="0.90334", dice="0.94922")) == []


def test_scores_of_an_empty_set_are_only_those_of_a_convention():
    assert share_interval(row(jaccard="1.000", dice="1.000").intervals) is not None
    assert share_interval(row(jaccard="0.903", dice="0.918").intervals) is None


def test_a_share_of_zero_or_one_leaves_one_rate_undefined():
    # Acc .85 to .95 and Sen .75 to .85 meet at .85 and p = 1 only, where Sp has no pixels to be .5 of
    assert share_interval(rates("0.9", "0.8", "0.5").intervals) is None
    assert share_interval(rates("0.9", "0.5", "0.8").intervals) is None
    assert share_interval(rates("0.9", "0.8", "1.0").intervals) is not None


@pytest.mark.parametrize(
    "scores, low, high",
    [  # every image has p = .1, so 9 background pixels a foreground pixel
        # JA: spread evenly 1 / (1 + 9 * .1) = .526; all false positives in a tenth of the images .9 + .1 / 10 = .91
        ({"sensitivity": "1.0000", "specificity": "0.9000"}, 0.526, 0.910),
        # JA <= Acc, and an error of .05 is at most half of an image's foreground: 1 - .05 / .1 = .5
        ({"accuracy": "0.9500"}, 0.500, 0.950),
    ],
    ids=["Sen and Sp", "Acc"],
)
def test_mean_jaccard_has_both_bounds(scores, low, high):
    assert bounds_of("jaccard", scores) == pytest.approx((low, high), abs=0.002)


@pytest.mark.parametrize(
    "scores, low, high",
    [
        # DI: spread evenly 2 / (2 + 9 * .1) = .690; all false positives in a tenth of the images .9 + .1 * 2 / 11
        ({"sensitivity": "1.0000", "specificity": "0.9000"}, 0.690, 0.918),
        # Acc .5 at p = .1: 1 - .5 / 1.1 = .545 where all of the foreground is found
        ({"accuracy": "0.5000"}, 0.0, 0.545),
        ({"precision": "0.9000", "sensitivity": "0.8000"}, 0.700, 0.847),  # 1.44 / 1.7
    ],
    ids=["Sen and Sp", "Acc", "precision and Sen"],
)
def test_mean_dice_has_both_bounds(scores, low, high):
    assert bounds_of("dice", scores) == pytest.approx((low, high), abs=0.002)


def bounds_of(metric, scores):
    """The least and the most printed mean that is possible beside the scores where every image has p = .1."""
    readings = within(Fraction(1, 10), Fraction(1, 10), [MEAN])
    texts = [f"{number / 1000:.3f}" for number in range(1001)]
    left = [float(text) for text in texts if possible(row(**scores, **{metric: text}), readings)]
    return left[0], left[-1]


def test_known_counts_are_those_of_the_labels():
    drive, chase = KNOWN_SETS["drive"].regions, KNOWN_SETS["chasedb1"].regions
    totals = {
        (name, region, one.split): (sum(one.positives), sum(one.pixels))
        for name, regions in (("drive", drive), ("chasedb1", chase))
        for region, splits in regions.items()
        for one in splits
    }
    assert totals["drive", "whole", "test"] == (577_945, 6_599_200)
    assert totals["drive", "field_of_view", "test"] == (577_649, 4_538_143)
    assert totals["chasedb1", "whole", "all 28"] == (1_861_974, 26_853_120)
    shares = {key: round(p / n, 4) for key, (p, n) in totals.items()}
    assert shares["chasedb1", "whole", "last 8"] == 0.0630
    assert shares["chasedb1", "field_of_view", "all 28"] == 0.1005
    assert shares["chasedb1", "field_of_view", "last 8"] == 0.0911
    view = KNOWN_SETS["chasedb1"].regions["field_of_view"][0].shares
    assert (round(min(view), 3), round(max(view), 3)) == (0.073, 0.123)
    assert known_set("CHASE_DB1") == known_set("CHASEDB") == "chasedb1"
    assert known_set("Cityscapes") is None


def test_chase_db1_is_counted_as_its_files_say():
    import os
    from pathlib import Path

    folder = Path(os.environ.get("REPRO_DATA", "/nowhere")) / "CHASEDB1"
    if not folder.is_dir():
        pytest.skip("REPRO_DATA has no CHASEDB1")
    np, image = pytest.importorskip("numpy"), pytest.importorskip("PIL.Image")
    whole, view = (KNOWN_SETS["chasedb1"].regions[region][0] for region in ("whole", "field_of_view"))
    for i, file in enumerate(sorted(folder.glob("*_1stHO.png"))):
        label = np.asarray(image.open(file).convert("L")) > 127
        mask = np.asarray(image.open(folder.parent / "CHASEDB1_FOV" / f"{file.name[:9]}.gif").convert("L")) > 127
        assert (label.sum(), label.size) == (whole.positives[i], whole.pixels[i])
        assert ((label & mask).sum(), mask.sum()) == (view.positives[i], view.pixels[i])
        small = np.asarray(image.fromarray(label).resize((448, 448)))
        assert abs(small.mean() / label.mean() - 1) < RESIZING


@pytest.mark.parametrize("data, i", [(data, i) for data in TABLE3 for i in range(4)])
def test_of_the_eight_rows_only_one_is_possible_and_only_inside_the_field_of_view(data, i):
    left = possible(rates(*TABLE3[data][i][:3]), of_set(known_set(data)))
    if (data, i) != ("CHASEDB", 2):
        assert left == []
    else:
        assert {reading.region for reading in left} == {"field of view"}
        assert {(one.split, one.aggregation) for one in left} == {
            ("all 28", POOLED), ("all 28", MEAN), ("last 8", MEAN),
        }  # fmt: skip


def test_a_row_inside_the_true_share_gives_no_finding():
    # Sen .8, Sp .98 at p = .0876 of DRIVE's test images: Acc = .0876 * .8 + .9124 * .98 = .9642
    assert words(rates("0.964", "0.800", "0.980"), readings=of_set("drive")) == []
    assert words(rates("0.957", "0.800", "0.980"), readings=of_set("drive")) == [POSSIBLE]  # p = .1273
    assert words(rates("0.957", "0.800", "0.980"), readings=of_set("drive", region="field_of_view")) == []
    assert words(rates("0.957", "0.800", "0.980"), readings=of_set("drive", region="whole")) == [INCONSISTENT]


def test_two_images_can_have_a_mean_accuracy_above_both_means():
    # shares .999 and .001; image 1: Sen 1, Sp 0, Acc .999; image 2: Sen 0, Sp 1, Acc .999. Means .999, .5, .5
    above = rates("0.999", "0.500", "0.500")
    assert words(above) == [IF_POOLED]
    two = of_counts(counts_of([(999, 1), (1, 999)]))
    assert [reading.aggregation for reading in possible(above, two)] == [MEAN]
    alike = of_counts(counts_of([(500, 500), (500, 500)]))
    assert possible(above, alike) == []


def test_the_interval_of_mean_accuracy_is_exact_on_counted_images():
    # shares .1 and .3, mean Sen .5, mean Sp 1. Most: image 2 has Sen 1: (.9 + 1) / 2 = .95; least: (1 + .7) / 2 = .85
    readings = of_counts(counts_of([(100, 900), (300, 700)]), aggregations=[MEAN])
    fits = [f"{number / 1000:.3f}" for number in range(800, 1000, 10)]
    left = [text for text in fits if possible(rates(text, "0.50000", "1.00000"), readings)]
    assert left == ["0.850", "0.860", "0.870", "0.880", "0.890", "0.900", "0.910", "0.920", "0.930", "0.940", "0.950"]


def test_jaccard_and_dice_as_means_are_bound_both_ways():
    assert words(row(jaccard="0.800", dice="0.850")) == [IF_POOLED]  # 2 * .8 / 1.8 = .889
    assert words(row(jaccard="0.800", dice="0.900")) == [INCONSISTENT]
    assert words(row(jaccard="0.800", dice="0.780")) == [INCONSISTENT]


@pytest.mark.parametrize(
    "scores",
    [
        {"jaccard": "0.90", "sensitivity": "0.80"},
        {"jaccard": "0.90", "precision": "0.80"},
        {"dice": "0.90", "sensitivity": "0.80"},  # at most 1.6 / 1.8 = .889
        {"dice": "0.95", "precision": "0.90", "sensitivity": "0.95"},
        {"jaccard": "0.98", "accuracy": "0.96"},
        {"dice": "0.90", "sensitivity": "0.90", "specificity": "0.80"},
        {"jaccard": "0.30", "sensitivity": "0.90", "specificity": "0.99"},
    ],
    ids=str,
)
def test_overlap_cannot_exceed_what_the_other_scores_allow_on_images_with_foreground(scores):
    assert words(row(**scores), readings=within(Fraction(1, 10), Fraction(2, 10))) == [INCONSISTENT]


def test_images_without_foreground_may_lift_the_mean_jaccard_above_the_mean_sensitivity():
    # half the images are empty and predicted empty (JA 1, Sen undefined), the rest have JA = Sen = .5: means .75, .5
    assert words(row(jaccard="0.75", sensitivity="0.50")) == [IF_POOLED]


def test_overlap_may_leave_images_without_foreground_out_that_accuracy_counts():
    # half the images have foreground, JA = Acc = .9, the others are empty with Acc .1: mean Acc .5
    assert words(row(jaccard="0.90", accuracy="0.50")) == [IF_POOLED]
    assert words(row(dice="0.95", accuracy="0.50")) == [IF_POOLED]


def test_rows_of_one_test_set_have_one_share():
    first, second = rates("0.925", "0.836", "0.972"), rates("0.964", "0.841", "0.966")
    (finding,) = check_group(group(first, second))
    assert finding.word == IF_POOLED
    assert "all are disjoint" in finding.inequalities[1]
    assert words(first, rates("0.925", "0.836", "0.972")) == []
    assert words(first, second, readings=any_share([MEAN])) == []


def test_resized_labels_are_named_where_they_would_explain_a_row():
    drive = of_set("drive", region="field_of_view", aggregations=[POOLED])
    resized = of_set("drive", region="field_of_view", resized=True, aggregations=[POOLED])
    known = rates("0.9531", "0.7537", "0.9820")  # p = .1266, the labels have .1273
    assert possible(known, drive) == []
    assert possible(known, resized) == list(resized)


def findings(paper, check=None):
    return [finding for finding in check_paper(paper) if check in (None, finding.check)]


def test_paper2_table3_is_found_row_by_row():
    found = {one.place: one for one in findings(PAPER2, "one row") if "Table 3" in one.place}
    assert len(found) == 8
    possible_row = found.pop("Table 3, CHASEDB, row LKM + MFM")
    assert possible_row.verdict.startswith("possible under: field of view (all 28, pooled or mean over images;")
    assert {one.word for one in found.values()} == {INCONSISTENT}
    for (data, name), numbers in zip(
        [(data, name) for data in TABLE3 for name in ("LKM", "LKM + ETM", "LKM + MFM", "LKM + ETM + MFM")],
        [line for lines in TABLE3.values() for line in lines],
    ):
        one = found.get(f"Table 3, {data}, row {name}", possible_row)
        assert f"p = {numbers[3]:.3f} [{numbers[4]:.3f}, {numbers[5]:.3f}]" in one.inequalities[0]
        assert one.inputs["Acc"] == numbers[0]


def test_paper2_rows_imply_different_shares():
    drive, chase = findings(PAPER2, "one share for all rows")
    assert (drive.word, chase.word) == (IF_POOLED, IF_POOLED)
    assert drive.inequalities[1].endswith("all are disjoint")
    assert chase.inequalities[1].endswith("only LKM and LKM + ETM + MFM overlap")


def test_paper2_dice_contradicts_jaccard_on_isic_2018_if_pooled():
    (finding,) = (one for one in findings(PAPER2, "one row") if "Figure 5" in one.place)
    assert finding.verdict == "inconsistent if pooled; possible under: mean over images"
    assert "= 0.94922" in finding.inequalities[0]
    assert "one image in 15 at 0 and the rest at JA 0.969" in finding.explanation
    (hits,) = findings(PAPER2, "share of true positives")
    assert "0.611" in hits.inequalities[0] and "0.365" in hits.inequalities[0]
    assert hits.inequalities[1] == "other published rows on this data give 0.162 to 0.183"


def test_paper2_gains_on_ph2_need_a_jaccard_near_a_tenth():
    # (1 + J)(1 + J + .02475) = 2 * .02475 / .0396 = 1.25, so J = .1057
    low, high = implied_jaccard((0.02475, 0.02475), (0.0396, 0.0396))
    assert low == high == pytest.approx(0.10573, abs=1e-5)
    (finding,) = findings(PAPER2, "gains in Jaccard and Dice")
    assert "= 1.6 needs JA = 0.106" in finding.inequalities[0]
    assert "the gain in DI is 0.015" in finding.inequalities[0]
    assert finding.word == IF_POOLED


def test_paper2_counts_are_held_against_the_publishers():
    isic2017, ph2, isic2018 = findings(PAPER2, "counts against the publisher's")
    assert ph2.verdict == "inconsistent under: the publisher's count"
    assert "testing 220 against 200" in ph2.inequalities[0]
    assert isic2017.verdict == isic2018.verdict == "possible under: a split of the paper's own"
    assert "training 800 against 2000; validation 350 against 150" in isic2017.inequalities[0]


def test_paper2_text_is_held_against_its_table():
    broken = " ".join(one.inequalities[0] for one in findings(PAPER2, "text against table"))
    assert "CHASEDB Acc falls from 0.958 (LKM) to 0.944 (LKM + ETM)" in broken
    assert "CHASEDB Sen falls from 0.875 (LKM) to 0.873 (LKM + MFM)" in broken
    assert "CHASEDB Acc falls from 0.958 (LKM) to 0.957" not in broken  # within rounding of the printed digits
    # Sen falls from the first row to the last on DRIVE, .836 to .824; all else that falls falls between two steps
    assert sorted(one.verdict for one in findings(PAPER2, "text against table")) == [
        "inconsistent under: the printed numbers",
        *["possible under: the first and the last row alone"] * 3,
    ]
    (times,) = findings(PAPER2, "iterations against curve")
    assert times.verdict == "possible under: steps"
    assert "54 an epoch" in times.inequalities[0]


def test_paper1_convergence_lies_beyond_its_epochs():
    (finding,) = findings(PAPER1, "epochs against curve")
    assert finding.word == INCONSISTENT
    # ceil(2975 / 16) = 186 steps an epoch
    assert "18600 against 32550 iterations" in finding.inequalities[0]


def test_paper1_has_identical_rows_and_an_optimum_on_the_edge():
    (twins,) = findings(PAPER1, "identical rows")
    assert twins.inequalities == ("PSPNet and 0.003 have the same PA 0.941 and mIoU 0.742",)
    (edge,) = findings(PAPER1, "optimum on the edge of the grid")
    assert edge.inequalities == ("the best learning rate, 0.0005, is the smallest of the 5 tried",)
    assert findings(PAPER1, "one row") == []
    assert findings(PAPER1, "text against table") == []


def test_a_claim_that_the_table_bears_out_gives_no_finding():
    claims = {claim.id: claim for claim in PAPER1.claims}
    assert check_claim(PAPER1, claims["paper1_best"]) == []
    assert check_claim(PAPER1, claims["paper1_learning_rate"]) == []


@pytest.mark.parametrize("paper", PAPERS, ids=lambda paper: paper.id)
def test_what_is_declared_and_not_computed_is_stated_with_its_numbers(paper):
    stated = findings(paper, "stated")
    declared = [one for one in paper.contradictions if one.id not in COVERED]
    assert [one.inequalities[0] for one in stated] == [one.text for one in declared]
    assert not any("/" in text and text.startswith(paper.id) for one in stated for text in one.inputs.values())


def test_every_contradiction_left_to_the_arithmetic_is_declared():
    assert {one.id for paper in PAPERS for one in paper.contradictions} >= COVERED


@pytest.mark.parametrize("paper", PAPERS, ids=lambda paper: paper.id)
def test_every_finding_says_what_a_reviewer_can_paste(paper):
    for finding in check_paper(paper):
        assert finding.place and finding.sentence and finding.inequalities
        assert finding.sentence.rstrip().endswith(".")
        if finding.word != "noted":
            assert finding.explanation and (finding.under or finding.word == IF_POOLED)
