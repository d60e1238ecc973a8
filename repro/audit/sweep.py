"""Rows against rows: identical numbers of different systems, and an optimum on the edge of what was tried."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from repro.audit.finding import NOTED, Finding, decimals, listed
from repro.audit.group import Printed

FEWEST_NUMBERS = 2  # a single number is equal by chance too often
FEWEST_SETTINGS = 3


@dataclass(frozen=True, kw_only=True)
class SweepRow:
    """A row among others.

    Attributes:
        name: as printed.
        place: of its table.
        system: what was trained; rows of one system are the same run and may have the same numbers.
        setting: name and number of the one thing the rows of this table vary, ("learning_rate", 0.005), or None.
        scores: by column; percent or fraction as printed.
    """

    name: str
    place: str
    system: str
    setting: tuple[str, float] | None
    scores: Mapping[str, Printed]


def identical_rows(rows: Sequence[SweepRow]) -> list[Finding]:
    """Return a finding for each pair of different systems whose numbers in all common columns are the same strings.

    Of many rows with the same columns that are the same, each is named beside the first.
    """
    found, first = [], {}
    for i, one in enumerate(rows):
        for j, two in enumerate(rows[i + 1 :], i + 1):
            if one.system == two.system or (i in first and first.get(j) == first[i]):
                continue
            common = sorted(set(one.scores) & set(two.scores))
            if len(common) >= FEWEST_NUMBERS and all(one.scores[c].text == two.scores[c].text for c in common):
                found.append(_identical(one, two, common))
                if one.scores.keys() == two.scores.keys():
                    first.setdefault(i, i)
                    first.setdefault(j, first[i])
    return found


def check_sweep(rows: Sequence[SweepRow], place: str) -> list[Finding]:
    """Return a finding where the best row of a sweep over one number lies at an end of what was tried."""
    settings = [row.setting for row in rows if row.setting and row.scores]
    if len(settings) < FEWEST_SETTINGS or len(settings) < len(rows) or len({name for name, _ in settings}) > 1:
        return []
    names = [name for name in rows[0].scores if all(name in row.scores for row in rows)]
    best = {max(rows, key=lambda row, name=name: row.scores[name].value).name for name in names}
    row = next((row for row in rows if best == {row.name}), None)
    values = [value for _, value in settings]
    if row is None or row.setting[1] not in (min(values), max(values)):
        return []
    end = "smallest" if row.setting[1] == min(values) else "largest"
    what = row.setting[0].replace("_", " ")
    return [
        Finding(
            check="optimum on the edge of the grid",
            place=place,
            word=NOTED,
            inputs={f"{what} {one.name}": decimals(one.scores[names[0]].value) for one in rows},
            inequalities=(f"the best {what}, {row.name}, is the {end} of the {len(rows)} tried",),
            explanation="An optimum on the edge of a grid is not shown to be one.",
            sentence=f"The best {what} in {place} is the {end} tried: please extend the grid beyond it.",
            cells=tuple(printed.cell for one in rows for printed in one.scores.values() if printed.cell),
        )
    ]


def _identical(one: SweepRow, two: SweepRow, columns: list[str]) -> Finding:
    numbers = listed([f"{name} {decimals(one.scores[name].value)}" for name in columns])
    places = one.place if one.place == two.place else f"{one.place} and {two.place}"
    return Finding(
        check="identical rows",
        place=places,
        word=NOTED,
        inputs={name: decimals(one.scores[name].value) for name in columns},
        inequalities=(f"{one.name} and {two.name} have the same {numbers}",),
        explanation="Chance is possible, a row copied by mistake as well.",
        sentence=f"{one.name} and {two.name} ({places}) have identical numbers in every common column: please check.",
        cells=tuple(row.scores[name].cell for row in (one, two) for name in columns if row.scores[name].cell),
    )
