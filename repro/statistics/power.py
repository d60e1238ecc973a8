"""How often the verdict and the test are right, by simulation: false alarms between equals, and losses found."""

from collections import Counter

import numpy as np

from repro.statistics.decision import verdict
from repro.statistics.seeds import compare

CASES = 2000
SEEDS = (3, 4, 5, 6, 8, 10, 15, 20)
SPREADS = (0.004, 0.005, 0.006, 0.01)  # standard deviations over seeds; see `page`
LOSS = 0.02
TOLERANCE = "1.0"
_TRUE_SCORE = 0.75
_NEEDED = 0.80


def verdict_shares(
    *, seeds: int, spread: float, loss: float = 0.0, reported_seeds: int = 1, cases: int = CASES
) -> dict[str, float]:
    """Return how often each verdict is given when a method is `loss` worse than the reported one.

    The reported number is the mean of `reported_seeds` runs of the reported method, printed to a tenth of a per
    cent; the measured ones are `seeds` other runs. Scores are normal with standard deviation `spread`.
    """
    rng = np.random.default_rng([seeds, reported_seeds, round(1e6 * spread), round(1e6 * loss)])
    reported = rng.normal(_TRUE_SCORE, spread, (cases, reported_seeds)).mean(1)
    measured = rng.normal(_TRUE_SCORE - loss, spread, (cases, seeds))
    words = (
        verdict(f"{100 * number:.1f}", "percent", TOLERANCE, scores).word for number, scores in zip(reported, measured)
    )
    return {word: count / cases for word, count in Counter(words).items()}


def comparison_shares(
    *, seeds: int, spread: float, loss: float = 0.0, rows: int = 1, cases: int = CASES
) -> dict[str, float]:
    """Return how often each word is given to a network against each of `rows` others that are `loss` better.

    Every network has `seeds` runs; the rows are one table for Holm's correction.
    """
    rng = np.random.default_rng([seeds, rows, round(1e6 * spread), round(1e6 * loss)])
    words = Counter()
    for _ in range(cases):
        ours = rng.normal(_TRUE_SCORE - loss, spread, seeds)
        words.update(
            found.word for found in compare([(ours, rng.normal(_TRUE_SCORE, spread, seeds)) for _ in range(rows)])
        )
    return {word: count / (rows * cases) for word, count in words.items()}


def seeds_needed(spread: float, *, cases: int = CASES) -> int | None:
    """Return the fewest seeds at which `verdict` calls a true loss of two points `below` in 80 % of cases."""
    found = (
        n for n in SEEDS if verdict_shares(seeds=n, spread=spread, loss=LOSS, cases=cases).get("below", 0) >= _NEEDED
    )
    return next(found, None)


def page() -> str:
    """Return docs/power.md."""
    return _PAGE.format(
        cases=CASES,
        tests_cases=CASES // 2,
        tolerance=TOLERANCE,
        false_alarms=_table(_false_alarms),
        found=_table(lambda n, spread: verdict_shares(seeds=n, spread=spread, loss=LOSS).get("below", 0)),
        needed=", ".join(_needed(spread) for spread in SPREADS),
        tests="\n".join(_test_row(n) for n in (3, 4, 5, 6)),
    )


def _needed(spread: float) -> str:
    return f"{seeds_needed(spread) or f'more than {SEEDS[-1]}'} at {100 * spread:.1f} points"


def _false_alarms(seeds: int, spread: float) -> float:
    """Return the share of below and above between equals, against one run's number or as many seeds' mean."""
    shares = [verdict_shares(seeds=seeds, spread=spread, reported_seeds=m) for m in (1, seeds)]
    return max(share.get("below", 0) + share.get("above", 0) for share in shares)


def _table(cell) -> str:
    """Return a row for each number of seeds, a column for each spread."""
    rows = (f"| {n} | " + " | ".join(f"{cell(n, spread):.3f}" for spread in SPREADS) + " |" for n in SEEDS)
    head = "| n | " + " | ".join(f"sd {100 * spread:.1f}" for spread in SPREADS) + " |"
    return "\n".join([head, "|---" * (len(SPREADS) + 1) + "|", *rows])


def _test_row(seeds: int) -> str:
    cells = []
    for rows in (1, 4):
        for loss in (0.0, LOSS):
            shares = comparison_shares(seeds=seeds, spread=SPREADS[1], loss=loss, rows=rows, cases=CASES // 2)
            few = "n too small" in shares
            cells.append("n too small" if few else f"{1 - shares.get('tie', 0):.3f}")
    return f"| {seeds} + {seeds} | " + " | ".join(cells) + " |"


_PAGE = """# How many seeds does a verdict need?

Regenerate with `python -m repro.statistics > docs/power.md` (about a minute). Every entry of the first two tables is a
share of {cases} simulated cells in which `repro.statistics.verdict` itself decided; its standard error is at most
0.011. Scores over seeds are normal. Spread (sd) and loss are in points of per cent. Two runs with a standard deviation
of 0.4 to 0.6 differ by more than 1.1 to 1.7 points once in twenty pairs; identical runs on Cityscapes are known to
differ by about one. The tolerance is {tolerance} point, and the number is printed to a tenth.

## False alarms: `below` or `above` between disjoint sets of seeds of one network

The reported number is one run or the mean of n runs, whichever gives more false alarms; n other runs are measured. A
tolerance of twice the spread keeps this under 0.05 at every n. A tolerance of one spread does not, because a number
from a single run is itself that uncertain: declare the tolerance for that.

{false_alarms}

## A true loss of two points is found: `below`

The reported number is a single run's. At least 0.80 needs n = {needed}.

{found}

## Between two networks: the permutation test

Shares of `above` or `below` at a standard deviation of 0.5, {tests_cases} tables (standard error at most 0.016). In a
table of four comparisons Holm's correction asks for more seeds.

| seeds | equal, 1 comparison | two points, 1 comparison | equal, 4 comparisons | two points, 4 comparisons |
|---|---|---|---|---|
{tests}
"""
