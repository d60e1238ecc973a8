"""The arithmetic of printed rows: every reading of every row, and what all rows of one test set must share."""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import combinations

from repro.audit.finding import IF_POOLED, INCONSISTENT, POSSIBLE, Finding, decimals, interval, listed
from repro.audit.group import SHORT, Group, PrintedRow
from repro.audit.means import violated
from repro.audit.pooled import Interval, share_interval, smallest_conflict
from repro.audit.readings import OVER_CLASSES, POOLED, Reading, in_words, thickened

RATES = ("accuracy", "sensitivity", "specificity")
_OTHER_CLASSES = "Means over different classes, or a Dice of mean precision and mean recall, would explain it."
_ORDINARY = 0.25  # standard deviation of JA between images, at most, for which nothing has to have failed
_OTHER_TIMES = "Scores read at different epochs or thresholds, or on different images, would explain it."
SLIGHTLY = "in a way that moves each image's share of foreground by up to 5 per cent of itself"
SMOOTHLY = "smoothly, anti-aliased, and cut above 0"
MANY = 8  # rows that a sentence can name


def check_group(group: Group) -> list[Finding]:
    """Return what the arithmetic says of the rows of one table on one data set; [] where all is consistent."""
    findings = [finding for row in group.rows for finding in (_check_row(group, row), _check_hits(group, row))]
    return [finding for finding in (*findings, _check_shares(group)) if finding]


def possible(row: PrintedRow, readings: Sequence[Reading]) -> list[Reading]:
    """Return the readings under which some counts of pixels give the row's numbers after rounding."""
    shares, bounds = share_interval(row.intervals), _bounds(row)

    def fits(reading: Reading) -> bool:
        if reading.aggregation == POOLED:
            return shares is not None and shares[0] <= reading.share[1] and reading.share[0] <= shares[1]
        return violated(bounds, reading.images) is None

    return [reading for reading in readings if fits(reading)]


def _check_row(group: Group, row: PrintedRow) -> Finding | None:
    """Return the finding on one row by itself; None where the plainest reading allows it."""
    left = possible(row, group.readings)
    if any(_is_plain(reading, group.readings[0]) for reading in left):
        return None
    asked_pooled = any(reading.aggregation == POOLED for reading in group.readings)
    if not left:
        word, under = INCONSISTENT, in_words(group.readings)
    elif asked_pooled and all(reading.aggregation != POOLED for reading in left):
        word, under = IF_POOLED, in_words(left)
    else:
        word, under = POSSIBLE, in_words(left)
    return Finding(
        check="one row",
        place=f"{group.heading}, row {row.name}",
        word=word,
        under=under,
        inputs=_inputs(row),
        inequalities=(*_pooled_line(group, row), *_means_line(group, row, left)),
        explanation=_explanation(group, row, word),
        sentence=_sentence(group, row, word, under),
        cells=row.cells,
    )


def _over_both_classes(group: Group, row: PrintedRow) -> str:
    """Return which score of a row of a file, as a mean over both classes, leaves the others possible, or "".

    The background's score is then twice the printed one less the foreground's. Where that follows from the other
    overlap, it has to be at most 1 and no worse than the foreground's: there is more background than foreground.
    """
    for metric in ("jaccard", "dice", "precision") if group.both_classes else ():
        rest = {name: printed for name, printed in row.scores.items() if name != metric}
        if metric not in row.scores or not rest:
            continue
        (low, high), foreground = row.intervals[metric], Fraction(0)
        if metric == "jaccard" and "dice" in rest:
            foreground = row.intervals["dice"][0] / (2 - row.intervals["dice"][0])
        if metric == "dice" and "jaccard" in rest:
            foreground = 2 * row.intervals["jaccard"][0] / (1 + row.intervals["jaccard"][0])
        if foreground <= high and 2 * low - foreground <= 1 and possible(replace(row, scores=rest), group.readings):
            return SHORT[metric]
    return ""


def _is_plain(reading: Reading, first: Reading) -> bool:
    """Return whether a reading is what nobody would ask about: like the first one, on whatever split."""
    return (reading.aggregation, reading.region) == (first.aggregation, first.region)


def _check_hits(group: Group, row: PrintedRow) -> Finding | None:
    """Return the finding that JA with Acc and DI with Acc need different shares of true positives."""
    if not {"accuracy", "jaccard", "dice"} <= set(row.scores) or not _asks_pooled(group):
        return None
    if group.both_classes and set(smallest_conflict(row.intervals)) == {"jaccard", "dice"}:
        return None  # the finding on the row by itself says it
    by_jaccard, by_dice = (_hits(row.intervals, metric) for metric in ("jaccard", "dice"))
    if by_jaccard[0] <= by_dice[1] and by_dice[0] <= by_jaccard[1]:
        return None
    accuracy = row.scores["accuracy"].value
    shares = [true_positives(accuracy, metric, row.scores[metric].value) for metric in ("jaccard", "dice")]
    numbers = " and ".join(f"{decimals(one)} {interval(ends)}" for one, ends in zip(shares, (by_jaccard, by_dice)))
    usual = group.published_hits
    published = f"other published rows on this data give {decimals(usual[0])} to {decimals(usual[1])}" if usual else ""
    return Finding(
        check="share of true positives",
        place=f"{group.heading}, row {row.name}",
        word=IF_POOLED,
        under="mean over images",
        inputs=_inputs(row),
        inequalities=(
            f"pooled, TP/N = (1 - Acc)/(1/JA - 1) and TP/N = (1 - Acc)/(2/DI - 2) are one number; here {numbers}",
            published,
        ),
        explanation="As means over images the two need not agree.",
        sentence=f"In {group.heading}, row {row.name}, JA with Acc implies a share of true positives of "
        f"{decimals(shares[0])}, and DI with Acc one of {decimals(shares[1])}: please state how scores were averaged.",
        cells=row.cells,
    )


def true_positives(accuracy: Fraction, metric: str, overlap: Fraction) -> Fraction:
    """Return TP/N: errors are the union without TP, so JA = TP/(TP + errors) and DI = 2 TP/(2 TP + errors)."""
    if overlap >= 1:
        return Fraction(1)
    return min(Fraction(1), (1 - accuracy) * overlap / (1 - overlap) / (2 if metric == "dice" else 1))


def _hits(scores: dict[str, Interval], metric: str) -> Interval:
    """Return the interval of TP/N that accuracy and one overlap score give."""
    (low, high), (worst, best) = scores[metric], scores["accuracy"]
    return true_positives(min(best, Fraction(1)), metric, max(low, Fraction(0))), true_positives(worst, metric, high)


def _check_shares(group: Group) -> Finding | None:
    """Return the finding that rows of one test set imply different shares of positives."""
    implied = [(row, share_interval(row.intervals)) for row in group.rows]
    implied = [(row, share) for row, share in implied if share and share != (0, 1)]
    if len(implied) < 2 or not _asks_pooled(group):
        return None
    if max(low for _, (low, _) in implied) <= min(high for _, (_, high) in implied):
        return None
    shown, of = implied, ""
    if len(implied) > MANY:
        shown = [min(implied, key=lambda pair: pair[1][1]), max(implied, key=lambda pair: pair[1][0])]
        of = f"of {len(implied)} rows the two furthest apart: "
    agreeing = [
        f"{one.name} and {two.name}"
        for (one, here), (two, there) in combinations(shown, 2)
        if max(here[0], there[0]) <= min(here[1], there[1])
    ]
    overlap = f"only {'; '.join(agreeing)} overlap" if agreeing else "all are disjoint"
    numbers = "; ".join(f"{row.name} {_share(row, share)}" for row, share in shown)
    return Finding(
        check="one share for all rows",
        place=group.heading,
        word=IF_POOLED,
        under="mean over images, or rows of different test sets",
        inputs={f"{row.name}, {name}": number for row, _ in shown for name, number in _inputs(row).items()},
        inequalities=(
            "pooled, the share of positives p is one number for one test set", f"here {of}{numbers}: {overlap}",
        ),
        explanation=_OTHER_TIMES,
        sentence=f"The rows of {group.heading} imply different shares of positive pixels "
        f"({of}{', '.join(_point(row, share) for row, share in shown)}), where one test set has one: please say which "
        "images each was scored on, and give the confusion counts.",
        cells=tuple(cell for row, _ in implied for cell in row.cells),
    )


def _asks_pooled(group: Group) -> bool:
    return any(reading.aggregation == POOLED for reading in group.readings)


def _bounds(row: PrintedRow) -> dict[str, tuple[float, float]]:
    return {metric: (float(low), float(high)) for metric, (low, high) in row.intervals.items()}


def _inputs(row: PrintedRow) -> dict[str, str]:
    return {SHORT[metric]: decimals(printed.value) for metric, printed in row.scores.items()}


def _point(row: PrintedRow, share: Interval) -> str:
    """Return the share of positives that the printed numbers give without rounding, or the middle of its interval."""
    if set(RATES) <= set(row.scores):
        accuracy, sensitivity, specificity = (row.scores[metric].value for metric in RATES)
        point = (specificity - accuracy) / (specificity - sensitivity) if specificity != sensitivity else -1
        if share[0] <= point <= share[1]:
            return decimals(point, row.digits)
    return decimals(sum(share) / 2, row.digits)


def _share(row: PrintedRow, share: Interval) -> str:
    return f"{_point(row, share)} {interval(share, row.digits)}"


def _pooled_line(group: Group, row: PrintedRow) -> tuple[str, ...]:
    """Return what pooled counts ask for, with the numbers."""
    if not _asks_pooled(group):
        return ()
    scores = row.intervals
    share = share_interval(scores)
    if share is not None:
        known = set(RATES) <= set(scores)
        formula = "Acc = p Sen + (1 - p) Sp gives" if known else f"{listed([SHORT[name] for name in scores])} give"
        line = f"pooled, {formula} the share of positives p = {_share(row, share)}"
        return (line, f"true p: {group.truth}") if group.truth else (line,)
    conflict = set(smallest_conflict(scores))
    if conflict == {"jaccard", "dice"}:
        jaccard = row.scores["jaccard"].value
        ends = tuple(2 * end / (1 + end) for end in scores["jaccard"])
        asked = f"DI = 2 JA/(1 + JA) = {decimals(2 * jaccard / (1 + jaccard), row.digits)} {interval(ends, row.digits)}"
        return (f"pooled, {asked}; printed {decimals(row.scores['dice'].value, row.digits)}",)
    if conflict == set(RATES):
        return ("pooled, Acc = p Sen + (1 - p) Sp lies between Sen and Sp for every share p of positives",)
    return (f"pooled, no counts of pixels give {listed([SHORT[name] for name in scores if name in conflict])}",)


def _means_line(group: Group, row: PrintedRow, left: Sequence[Reading]) -> tuple[str, ...]:
    """Return what means over images ask for where they refuse the row, with the numbers."""
    asked: dict[str, list[str]] = {}
    for reading in group.readings:
        if reading.aggregation != POOLED and reading not in left:
            relation, bounds = violated(_bounds(row), reading.images)
            place = " ".join(part for part in (reading.region, reading.split) if part)
            asked.setdefault(relation.formula, []).append(
                f"{SHORT[relation.target]} in {interval(bounds, row.digits)}" + (f" ({place})" if place else "")
            )
    name = next((one.aggregation for one in group.readings if one.aggregation != POOLED), "")
    return tuple(f"{name}, {formula} asks for {' or '.join(places)}" for formula, places in asked.items())


def _explanation(group: Group, row: PrintedRow, word: str) -> str:
    """Return what would explain the row."""
    if word == POSSIBLE:
        return "The numbers say by themselves which pixels were scored, and how."
    if word == INCONSISTENT:
        over_classes = all(reading.aggregation == OVER_CLASSES for reading in group.readings)
        means = _over_both_classes(group, row)
        explained = f" So would {means} as a mean over foreground and background." if means else ""
        return _OTHER_CLASSES if over_classes else _OTHER_TIMES + explained + _agreement(group) + _resized(group, row)
    if {"jaccard", "dice"} <= set(row.scores):
        jaccard, dice = row.scores["jaccard"].value, row.scores["dice"].value
        if jaccard < dice < 2 * jaccard / (1 + jaccard):
            return _spread(jaccard, dice) + (" Means over classes need none." if group.both_classes else "")
    averaged = "over images" if group.truth else "over images, or over classes,"
    return f"Scores averaged {averaged} would explain it." + _others(group, row) + _resized(group, row)


def _spread(jaccard: Fraction, dice: Fraction) -> str:
    """Return how far the images lie apart for which mean JA and DI are these.

    To second order the mean of DI = 2 JA/(1 + JA) is that of the mean JA less 2 var/(1 + JA)^3.
    """
    deviation = float((2 * jaccard / (1 + jaccard) - dice) * (1 + jaccard) ** 3 / 2) ** 0.5
    if deviation <= _ORDINARY:
        return f"As means over images they need a standard deviation of JA between images of about {deviation:.2f}."
    rest = 2 * jaccard / dice - 1  # JA of the others where a part f of the images is at 0
    failed = float(1 / (1 - jaccard / rest))
    return (
        f"As means over images they need a heavy tail, such as one image in {failed:.0f} at 0 and the rest at "
        f"JA {decimals(rest)}."
    )


def _others(group: Group, row: PrintedRow) -> str:
    """Return that other images would explain a row, where some share of foreground does."""
    if not group.truth or share_interval(row.intervals) is None:
        return ""
    return " So would other images, or other pixels of them." + _agreement(group)


def _agreement(group: Group) -> str:
    """Return the share of foreground on which several rows agree, though the data set has another."""
    implied = [share_interval(row.intervals) for row in group.rows]
    if not group.truth or len(implied) < 2 or not all(implied):
        return ""
    low, high = max(low for low, _ in implied), min(high for _, high in implied)
    digits = max(row.digits for row in group.rows)
    return f" All {len(implied)} rows agree on p = {interval((low, high), digits)}." if low <= high else ""


def _resize(group: Group, row: PrintedRow) -> str:
    """Return which resize of the labels, as they were not asked for, leaves the row possible: the most ordinary one."""
    if group.resized and possible(row, group.resized):
        return SLIGHTLY
    if group.resized and possible(row, [thickened(one) for one in group.readings]):
        return SMOOTHLY
    return ""


def _resized(group: Group, row: PrintedRow) -> str:
    """Return what labels of another size would allow, where they were not asked for."""
    resize = _resize(group, row)
    if resize == SLIGHTLY:
        return (
            f" Labels resized {SLIGHTLY} (those of CHASE_DB1 at 448x448 move by up to 3.9, to the nearest pixel or cut "
            f"at one half) would allow: {in_words(possible(row, group.resized))}."
        )
    if resize == SMOOTHLY:
        return (
            f" Labels resized {SMOOTHLY}, which thickens what is thin (vessels of CHASE_DB1 at 448x448 to "
            "1.7 times their pixels; without anti-aliasing to 1.2), could explain it."
        )
    return ""


def _sentence(group: Group, row: PrintedRow, word: str, under: str) -> str:
    """Return one sentence for a review."""
    numbers = listed([f"{name} {number}" for name, number in _inputs(row).items()])
    where = f"In {group.heading}, row {row.name}, {numbers}"
    if word == POSSIBLE:
        return f"{where} are possible only under: {under}; please say so in the paper."
    if word == IF_POOLED and group.truth and share_interval(row.intervals) is not None:
        tested = in_words([replace(one, aggregation="") for one in group.readings if one.aggregation == POOLED])
        return (
            f"{where} cannot come from pooled counts of pixels ({tested}): please state which images and pixels were "
            "scored, and how the scores were averaged."
        )
    if word == IF_POOLED:
        return f"{where} cannot come from pooled counts of one foreground: please state how the scores were averaged."
    resize = _resize(group, row)
    under += "; labels as drawn" if group.resized else ""
    if resize:
        return (
            f"{where} cannot come from one set of predictions ({under}), but could with labels resized {resize}: "
            "please say which labels were scored, or give the confusion counts."
        )
    if means := _over_both_classes(group, row):
        return (
            f"{where} cannot come from one set of predictions ({under}), unless {means} is a mean over foreground and "
            "background: please say so, or give the confusion counts."
        )
    return f"{where} cannot come from one set of predictions ({under}): please give the confusion counts."
