"""Verdicts at every boundary, tests against hand counts and scipy, and simulations of how often they are right."""

from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ttest_1samp

from repro.statistics import (
    compare,
    describe,
    holm,
    permutation_p,
    printed_interval,
    smallest_p,
    spread_over_units,
    t_interval,
    verdict,
)
from repro.statistics.power import LOSS, SPREADS, comparison_shares, seeds_needed, verdict_shares
from repro.statistics.seeds import t_p


def word(reported, scores, *, unit="percent", tolerance="1.0", **facts):
    return verdict(reported, unit, tolerance, scores, **facts).word


def constant(score):
    """Three seeds without spread: the interval is the score itself."""
    return [score] * 3


def test_the_last_printed_digit_gives_the_rounding_interval():
    assert printed_interval("76.5", "percent") == (Fraction("0.7645"), Fraction("0.7655"))
    assert printed_interval("76.50", "percent") == (Fraction("0.76495"), Fraction("0.76505"))
    assert printed_interval("0.970") == (Fraction("0.9695"), Fraction("0.9705"))
    assert printed_interval("76", "percent") == (Fraction("0.755"), Fraction("0.765"))
    assert printed_interval("-2.5", "percent") == (Fraction("-0.0255"), Fraction("-0.0245"))


@pytest.mark.parametrize("printed", ["", "n/a", "76,5", "7e1", "nan", "1.2.3", "²"])
def test_what_is_no_number_is_refused(printed):
    with pytest.raises(ValueError, match="is not a printed number"):
        printed_interval(printed)


@pytest.mark.parametrize(
    "score, expected",
    [  # "76.5" is 76.45 to 76.55; with a tolerance of 1.0, 75.45 to 77.55
        (0.7544, "below"),
        (0.7545, "reproduced"),
        (0.765, "reproduced"),
        (0.7755, "reproduced"),
        (0.7756, "above"),
    ],
)
def test_the_verdict_turns_at_the_ends_of_the_widened_rounding_interval(score, expected):
    assert word("76.5", constant(score)) == expected


@pytest.mark.parametrize(
    "printed, score, expected",
    [("76", 0.755, "reproduced"), ("76.0", 0.755, "below"), ("0.97", 0.9651, "reproduced"), ("0.970", 0.9651, "below")],
)
def test_a_digit_less_is_a_wider_interval(printed, score, expected):
    unit = "percent" if printed.startswith("7") else "fraction"
    assert word(printed, constant(score), unit=unit, tolerance="0") == expected


@pytest.mark.parametrize(
    "centre, expected",
    [  # scores centre - 0.001, centre, centre + 0.001: interval centre ± 4.3027 * 0.001 / sqrt(3) = ± 0.002484
        (0.7545 - 0.0025, "below"),
        (0.7545 - 0.0024, "undecided"),
        (0.7545 + 0.0024, "undecided"),
        (0.7545 + 0.0025, "reproduced"),
        (0.7755 - 0.0025, "reproduced"),
        (0.7755 - 0.0024, "undecided"),
        (0.7755 + 0.0024, "undecided"),
        (0.7755 + 0.0025, "above"),
    ],
)
def test_an_interval_across_an_end_is_undecided(centre, expected):
    assert word("76.5", [centre - 0.001, centre, centre + 0.001]) == expected


def test_an_interval_wider_than_the_target_is_undecided():
    assert word("76.5", [0.70, 0.765, 0.83]) == "undecided"


def test_under_three_seeds_every_measured_cell_is_undecided():
    assert word("76.5", [0.1, 0.1]) == "undecided"
    assert str(verdict("76.5", "percent", "1.0", [0.765])) == "undecided (n = 1)"


def test_the_first_obstacle_names_the_verdict():
    measured = constant(0.765)
    everything = {"built": False, "own_data": False, "differences": ["crop"]}
    assert word(None, [], **everything) == "not built"
    assert word(None, [], own_data=False, differences=["crop"]) == "not stated"
    assert word("76.5", [], own_data=False, differences=["crop"]) == "not run"
    assert word("76.5", measured, own_data=False, differences=["crop"]) == "other data"
    assert word("76.5", measured[:1], differences=["crop 256 for 512"]) == "other protocol"
    assert word("76.5", measured) == "reproduced"


def test_a_verdict_carries_what_it_rests_on():
    found = verdict("76.5", "percent", "1.0", constant(0.7), differences=["batch 8, stated 16"])
    assert found.n == 3
    assert found.target == pytest.approx((0.7545, 0.7755))
    assert found.interval == pytest.approx((0.7, 0.7))
    assert found.differences == ("batch 8, stated 16",)


def test_scores_that_are_not_numbers_are_refused():
    with pytest.raises(ValueError, match="a score is not a number"):
        word("76.5", [0.7, float("nan"), 0.7])
    with pytest.raises(ValueError, match="tolerance '-1' is negative"):
        word("76.5", constant(0.7), tolerance="-1")


def test_scores_are_printed_with_spread_and_n():
    # mean 75.1, sd sqrt((0.4^2 + 0 + 0.4^2) / 2) = 0.4
    assert describe([0.747, 0.751, 0.755]) == "75.1 ± 0.4 (n = 3)"
    assert describe([0.9704], unit="fraction", digits=3) == "0.970 (n = 1)"


def test_the_t_interval_is_that_of_scipy():
    from scipy import stats

    scores = [0.71, 0.735, 0.72, 0.75]
    expected = stats.t.interval(0.95, 3, loc=np.mean(scores), scale=stats.sem(scores))
    assert t_interval(scores) == pytest.approx(expected)
    assert t_interval(scores[:1]) is None


def test_the_permutation_test_counts_all_splits():
    # sums of {1, 2, 6} against {3, 7, 8}: of the 20 splits {1,2,3} 6, {1,2,6} 9 are as low; p = 2 * 2 / 20
    assert permutation_p([1, 2, 6], [3, 7, 8]) == pytest.approx(4 / 20)
    assert permutation_p([3, 7, 8], [1, 2, 6]) == pytest.approx(4 / 20)
    assert permutation_p([1, 1], [1, 1]) == 1


@settings(deadline=None, derandomize=True)
@given(st.lists(st.integers(0, 9), min_size=2, max_size=4), st.lists(st.integers(0, 9), min_size=2, max_size=4))
def test_the_permutation_test_agrees_with_an_enumeration(first, second):
    pooled, n = first + second, len(first)
    sums = [sum(pooled[i] for i in split) for split in combinations(range(len(pooled)), n)]
    low, high = sum(s <= sum(first) for s in sums), sum(s >= sum(first) for s in sums)
    assert permutation_p(first, second) == pytest.approx(min(1, 2 * min(low, high) / len(sums)))


@pytest.mark.parametrize("n, expected", [(3, 0.1), (4, 2 / 70), (5, 2 / 252), (6, 2 / 924), (10, 2 / 184756)])
def test_separated_seeds_reach_the_smallest_possible_p(n, expected):
    assert smallest_p(n, n) == pytest.approx(expected)
    if n < 10:
        assert permutation_p(range(n), range(20, 20 + n)) == pytest.approx(expected)


def test_holm_multiplies_and_never_falls():
    # 0.01 * 4, 0.02 * 3, max(0.06, 0.025 * 2), max(0.06, 0.5)
    np.testing.assert_allclose(holm([0.5, 0.01, 0.025, 0.02]), [0.5, 0.04, 0.06, 0.06])
    np.testing.assert_allclose(holm([0.6, 0.9]), [1, 1])
    assert holm([]) == []


def test_networks_are_compared_as_one_family():
    low, high = [0.70, 0.71, 0.72, 0.73], [0.80, 0.81, 0.82, 0.83]
    one = compare([(high, low)])[0]
    assert (one.word, one.n) == ("above", (4, 4))
    assert one.difference == pytest.approx(0.1)
    assert one.p == one.adjusted == one.smallest == pytest.approx(2 / 70)
    assert compare([(low, high)])[0].word == "below"
    assert compare([(low, [0.705, 0.715, 0.72, 0.726])])[0].word == "tie"
    both = compare([(high, low), (high, low)])
    assert [found.word for found in both] == ["n too small"] * 2  # 2 * 2 / 70 = 0.057
    assert str(both[0]) == "n too small (n = 4 and 4: no p under 0.057 possible)"


def test_too_few_seeds_are_said_and_do_not_count_in_the_family():
    low, high = [0.70, 0.71, 0.72, 0.73], [0.80, 0.81, 0.82, 0.83]
    found = compare([(high, low), ([0.7], low), ([], low)])
    assert [one.word for one in found] == ["above", "n too small", "n too small"]
    assert compare([(high[:3], low[:3])])[0].word == "n too small"
    with pytest.raises(ValueError, match="1 and 4 scores"):
        permutation_p([0.7], low)


def test_under_ten_units_each_unit_is_shown_and_no_interval():
    scores = np.array([0.5, 0.7, 0.9, 0.8])
    spread = spread_over_units(["b", "b", "a", "c"], lambda weights: weights @ scores / weights.sum(1))
    assert spread.interval is None
    assert spread.unit_scores == pytest.approx({"a": 0.9, "b": 0.6, "c": 0.8})


def test_units_are_resampled_and_not_their_images():
    rng = np.random.default_rng(0)
    of_unit = rng.normal(0.7, 0.1, 40)
    scores = np.repeat(of_unit, 25)  # 1000 frames, but 40 drives

    def mean(weights):
        return weights @ scores / weights.sum(1)

    low, high = spread_over_units(np.repeat(np.arange(40).astype(str), 25), mean).interval
    half = 1.96 * of_unit.std() / np.sqrt(40)
    assert (high - low) / 2 == pytest.approx(half, rel=0.1)
    low, high = spread_over_units(np.arange(1000).astype(str), mean).interval
    assert (high - low) / 2 == pytest.approx(half / 5, rel=0.1)


def test_resamples_without_a_score_are_left_out_and_counted():
    defined = np.array([1] * 2 + [0] * 8)  # two of ten images define the score

    def statistic(weights):
        counts = weights @ defined
        return np.where(counts > 0, 0.5, np.nan)

    spread = spread_over_units(list("abcdefghij"), statistic)
    assert spread.interval == (0.5, 0.5)
    assert spread.undefined / 2000 == pytest.approx(0.8**10, abs=0.03)  # none of ten draws hits one of the two


@pytest.mark.slow
@pytest.mark.parametrize("spread", SPREADS[:3])
@pytest.mark.parametrize("reported_seeds", [1, 3, 10])
def test_equal_networks_are_called_different_in_at_most_one_case_in_twenty(spread, reported_seeds):
    for seeds in (3, 5, 10, 20):
        shares = verdict_shares(seeds=seeds, spread=spread, reported_seeds=reported_seeds)
        assert shares.get("below", 0) + shares.get("above", 0) <= 0.05


@pytest.mark.slow
@pytest.mark.parametrize("spread, seeds", list(zip(SPREADS, [5, 8, 15])))
def test_a_true_loss_of_two_points_is_found_in_four_of_five_cases_at_the_n_it_needs(spread, seeds):
    assert seeds_needed(spread) == seeds
    assert verdict_shares(seeds=seeds, spread=spread, loss=LOSS)["below"] >= 0.80


@pytest.mark.slow
def test_the_permutation_test_keeps_its_level_over_a_table():
    equal = comparison_shares(seeds=5, spread=0.005, rows=4, cases=300)
    assert equal.get("above", 0) + equal.get("below", 0) <= 0.05
    worse = comparison_shares(seeds=5, spread=0.005, rows=4, loss=LOSS, cases=300)
    assert worse["below"] >= 0.80
    assert comparison_shares(seeds=4, spread=0.005, rows=4, cases=10) == {"n too small": 1.0}


@pytest.mark.parametrize(("scores", "value"), [([0.59, 0.60, 0.61], 0.57), ([0.7, 0.72, 0.69, 0.75], 0.715)])
def test_the_p_beside_a_single_value_is_that_of_the_one_sample_t_test(scores: list, value: float):
    assert t_p(scores, value) == pytest.approx(ttest_1samp(scores, value).pvalue)
    assert t_p([value] * 3, value) == 1 and t_p([value] * 3, value + 0.1) == 0
