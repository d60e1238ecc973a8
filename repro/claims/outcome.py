"""What the records say of a claim, and the words for it in each kind of suite."""

from collections.abc import Collection
from dataclasses import dataclass

from repro import plan
from repro.compare import is_own
from repro.papers.spec import Claim, Suite
from repro.statistics import FEWEST_SEEDS

NOT_RUN, NOT_BUILT, NOT_MEASURED = "not run", "not built", "not measured"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What the records say of a predicate, before the words of its suite.

    Attributes:
        truth: whether it holds; None where that cannot be told.
        missing: "not run", "not built" or "not measured" where there is nothing to tell it by, else "".
        n: seeds of each network that was measured.
        numbers: what it rests on, a line each.
    """

    truth: bool | None = None
    missing: str = ""
    n: tuple[int, ...] = ()
    numbers: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """A claim with the word for it and the numbers, a line each."""

    claim: Claim
    word: str
    numbers: tuple[str, ...]


def word_for(outcome: Outcome, suite: Suite, data: Collection[str]) -> str:
    """Return the word for an outcome: the first of these rules that applies.

    1. "toy, not judged" on generated data, whatever was measured.
    2. "reduced, not judged" where a suite trains for other epochs or on fewer images than declared.
    3. "not run", "not built" or "not measured" where nothing was measured that could tell.
    4. "supported", "contradicted" or "undecided" on the paper's own data with nothing replaced.
    5. "holds", "does not hold" or "undecided", on the data set that stands in, with n.

    Args:
        outcome: what the records say.
        suite: whose records.
        data: the paper's data sets that the claim is about, keys of `suite.data`.
    """
    if suite.toy:
        return "toy, not judged"
    if plan.is_reduced(suite):
        return "reduced, not judged"
    if outcome.missing:
        return outcome.missing
    if is_own(suite):
        return {True: "supported", False: "contradicted", None: "undecided"}[outcome.truth]
    names = " and ".join(dict.fromkeys(suite.data[name].name for name in data))
    word = {True: "holds", False: "does not hold", None: "undecided"}[outcome.truth]
    return f"{word} on {names}{_n(outcome.n)}"


def over_seeds(each: Collection[bool | None]) -> bool | None:
    """Return whether something is so in every seed: True, False in none; None if they differ or are under three.

    None also where it cannot be told of some seed.
    """
    if len(each) < FEWEST_SEEDS or None in each:
        return None
    return True if all(each) else None if any(each) else False


def nothing(reasons: Collection[str]) -> str:
    """Return the one word for several reasons why nothing was measured."""
    if set(reasons) == {NOT_BUILT}:
        return NOT_BUILT
    return NOT_MEASURED if NOT_MEASURED in reasons else NOT_RUN


def _n(counts: tuple[int, ...]) -> str:
    if not counts:
        return ""
    low, high = min(counts), max(counts)
    return f" (n = {low})" if low == high else f" (n = {low} to {high})"
