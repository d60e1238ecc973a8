"""The words for a cell, each with the letter, the place among its kind and the sentence that a reader meets it by."""

from dataclasses import dataclass

from repro.statistics import Verdict

_SCALE = {"percent": 100, "fraction": 1}


@dataclass(frozen=True)
class Word:
    """A verdict's word as the page shows it: never by colour alone.

    Attributes:
        word: as `repro.statistics.Verdict.word` has it.
        letter: stands on the colour.
        slug: names the colour.
        meaning: one sentence.
    """

    word: str
    letter: str
    slug: str
    meaning: str


WORDS = {
    each.word: each
    for each in (
        Word("reproduced", "R", "reproduced", "The 95 % interval over seeds lies within the tolerance of the number."),
        Word("below", "B", "below", "The interval over seeds lies below what is reported."),
        Word("above", "A", "above", "The interval over seeds lies above what is reported: a mismatch too."),
        Word("undecided", "U", "undecided", "Too few seeds, or an interval that is partly inside."),
        Word("other data", "D", "data", "Measured on other data than the paper's: not compared."),
        Word("other protocol", "P", "protocol", "Something the paper states was done otherwise: not compared."),
        Word("not run", "N", "missing", "Nothing was measured yet."),
        Word("not built", "X", "missing", "There is no network to measure."),
    )
}
JUDGED = ("reproduced", "below", "above", "undecided")


def because(verdict: Verdict, unit: str, digits: int) -> str:
    """Return in one sentence why a cell has its verdict.

    Args:
        verdict: of the cell.
        unit: "percent" or "fraction": how the column prints.
        digits: after the point; one more is shown, since the interval's ends are no printed digits.
    """
    if verdict.word in ("other data", "not run", "not built"):
        return WORDS[verdict.word].meaning
    if verdict.word == "other protocol":
        return f"Not as the paper states it: {', '.join(verdict.differences)}."
    if verdict.interval is None:
        return f"n = {verdict.n}: under two seeds there is no interval, and under three no verdict."
    interval, target = (_ends(each, unit, digits) for each in (verdict.interval, verdict.target))
    if verdict.n < 3:
        return f"n = {verdict.n}: a verdict takes three seeds. The reported number and its tolerance: {target}."
    where = {"reproduced": "lies within", "below": "lies below", "above": "lies above", "undecided": "is partly in"}
    return (
        f"The 95 % interval over {verdict.n} seeds, {interval}, {where[verdict.word]} {target}: "
        "the reported number with its rounding and tolerance."
    )


def _ends(interval: tuple[float, float], unit: str, digits: int) -> str:
    low, high = (f"{_SCALE[unit] * end:.{digits + 1}f}" for end in interval)
    return f"{low} to {high}"
