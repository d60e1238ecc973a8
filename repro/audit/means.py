"""What means over images allow: inequalities that hold image by image and survive averaging.

Each relation gives the interval in which one mean score must lie, given others and the shares of foreground that single
images may have. Each is necessary for any number of images; with Acc, Sen and Sp on counted images the interval is also
exact. Where images may lack foreground, only what holds for every convention about them is used: JA and DI may leave
such images out that Acc counts.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import sqrt

from repro.audit.readings import ImageShares

Bounds = tuple[float, float]
_SLACK = 1e-9  # of floating-point arithmetic, outwards


@dataclass(frozen=True, kw_only=True)
class Relation:
    """The score `target` of a row of means lies in `bounds`, given the scores `given`.

    `needs_foreground`: it holds only where every image has labelled foreground.
    """

    target: str
    given: tuple[str, ...]
    formula: str
    bounds: Callable[..., Bounds]
    needs_foreground: bool = False


def violated(scores: Mapping[str, Bounds], images: ImageShares) -> tuple[Relation, Bounds] | None:
    """Return the first relation that these means over images break, with the interval it asks for; None if none.

    Args:
        scores: by name, the interval of what rounds to the printed mean, fractions of 1.
        images: what the images' shares of foreground may be.
    """
    for relation in RELATIONS:
        if relation.target not in scores or not set(relation.given) <= set(scores):
            continue
        if relation.needs_foreground and images.lowest <= 0:
            continue
        low, high = relation.bounds(*(_clipped(scores[name]) for name in relation.given), images)
        printed_low, printed_high = _clipped(scores[relation.target])
        if printed_high < low - _SLACK or printed_low > high + _SLACK:
            return relation, (max(0.0, low), min(1.0, high))
    return None


def accuracy_bounds(sensitivity: Bounds, specificity: Bounds, images: ImageShares) -> Bounds:
    """Return the mean accuracies that mean sensitivity and specificity allow.

    Acc of an image is t + p (s - t) for its sensitivity s, specificity t and share p. Most accuracy comes of giving
    the highest sensitivities and the lowest specificities to the images with the largest shares, least of the
    opposite. It rises with every s and t, so the ends of the intervals give the ends of the result. For shares known
    only to lie within `slack` of a centre c, p (s - t) is within slack |s - t| of c (s - t), and the mean of |s - t|
    is at most min(S + T, 2 - S - T).
    """
    (s_low, s_high), (t_low, t_high) = sensitivity, specificity
    low = t_low + _least(images.centres, s_low) - _most(images.centres, t_low) - images.slack * _apart(s_low, t_low)
    high = (
        t_high + _most(images.centres, s_high) - _least(images.centres, t_high) + images.slack * _apart(s_high, t_high)
    )
    return low, high


def _apart(s: float, t: float) -> float:
    return min(s + t, 2 - s - t)


def _most(shares: tuple[float, ...], mean: float) -> float:
    """Return the most that the mean of p v can be over values v in [0, 1] of a given mean: v = 1 at the largest p."""
    return _filled(sorted(shares, reverse=True), mean)


def _least(shares: tuple[float, ...], mean: float) -> float:
    return _filled(sorted(shares), mean)


def _filled(shares: list[float], mean: float) -> float:
    """Return the mean of p v where v is 1 from the front on until the mean of v is used up."""
    whole, part = divmod(mean * len(shares), 1)
    next_share = shares[int(whole)] if whole < len(shares) else 0.0
    return (sum(shares[: int(whole)]) + part * next_share) / len(shares)


def _dice_of_jaccard(jaccard: Bounds, _images: ImageShares) -> Bounds:
    return jaccard[0], 2 * jaccard[1] / (1 + jaccard[1])


def _jaccard_of_accuracy(accuracy: Bounds, images: ImageShares) -> Bounds:
    return 1 - (1 - accuracy[0]) / images.lowest, accuracy[1]


def _dice_of_accuracy(accuracy: Bounds, images: ImageShares) -> Bounds:
    error = 1 - accuracy[1]
    return 1 - (1 - accuracy[0]) / images.lowest, 1 - max(error / (1 + images.highest), error / (2 - error))


def _at_most(other: Bounds, _images: ImageShares) -> Bounds:
    return 0.0, other[1]


def _dice_at_most(other: Bounds, _images: ImageShares) -> Bounds:
    return 0.0, 2 * other[1] / (1 + other[1])


def _dice_of_precision(precision: Bounds, sensitivity: Bounds, _images: ImageShares) -> Bounds:
    total = precision[1] + sensitivity[1]
    most = 2 * precision[1] * sensitivity[1] / total if total else 0.0
    return max(0.0, precision[0] + sensitivity[0] - 1), most


def _odds(share: float) -> float:
    """Return background pixels per foreground pixel."""
    return (1 - share) / share


def _jaccard_of_rates(sensitivity: Bounds, specificity: Bounds, images: ImageShares) -> Bounds:
    """JA of an image is s / (1 + c r), with r = 1 - Sp and c the odds of background."""
    least_false, most_false = 1 - specificity[1], 1 - specificity[0]
    apart = min(sensitivity[1], 1 - least_false)  # sensitivity in images without false positives
    most = apart + (sensitivity[1] - apart) / (1 + _odds(images.highest))
    together = min(1.0, most_false / sensitivity[0]) if sensitivity[0] else 1.0
    return sensitivity[0] / (1 + _odds(images.lowest) * together), most


def _dice_of_rates(sensitivity: Bounds, specificity: Bounds, images: ImageShares) -> Bounds:
    """DI of an image is 2 s / (1 + s + c r): concave in s, convex in r = 1 - Sp, with c the odds of background."""
    least_false, most_false = 1 - specificity[1], 1 - specificity[0]
    together = min(1.0, most_false / sensitivity[0]) if sensitivity[0] else 1.0
    least = 2 * sensitivity[0] / (2 + _odds(images.lowest) * together)
    return least, _most_dice(sensitivity[1], least_false, _odds(images.highest))


def _most_dice(s: float, r: float, odds: float) -> float:
    """Return the most mean Dice: all false positives in a share r of the images, sensitivity split for the best."""
    if r <= 0:
        return 2 * s / (1 + s)
    if r >= 1:
        return 2 * s / (1 + s + odds)
    root = sqrt(1 + odds)  # where the two parts gain alike from more sensitivity: root (1 + clean) = 1 + odds + dirty
    clean = (1 + odds - root + s / r) / (root + (1 - r) / r)
    clean = min(max(clean, (s - r) / (1 - r), 0.0), s / (1 - r), 1.0)
    dirty = (s - (1 - r) * clean) / r
    return (1 - r) * 2 * clean / (1 + clean) + r * 2 * dirty / (1 + dirty + odds)


def _clipped(bounds: Bounds) -> Bounds:
    return min(1.0, max(0.0, float(bounds[0]))), max(0.0, min(1.0, float(bounds[1])))


RELATIONS = (
    Relation(
        target="accuracy",
        given=("sensitivity", "specificity"),
        formula="Acc, the mean of p Sen + (1 - p) Sp,",
        bounds=accuracy_bounds,
    ),
    Relation(target="dice", given=("jaccard",), formula="JA <= DI <= 2 JA/(1 + JA)", bounds=_dice_of_jaccard),
    Relation(
        target="jaccard",
        given=("accuracy",),
        formula="1 - (1 - Acc)/p <= JA <= Acc (p the smallest share of an image)",
        bounds=_jaccard_of_accuracy,
        needs_foreground=True,
    ),
    Relation(
        target="dice",
        given=("accuracy",),
        formula="1 - (1 - Acc)/p <= DI <= 2 Acc/(1 + Acc) (p the smallest share of an image)",
        bounds=_dice_of_accuracy,
        needs_foreground=True,
    ),
    Relation(target="jaccard", given=("sensitivity",), formula="JA <= Sen", bounds=_at_most, needs_foreground=True),
    Relation(target="jaccard", given=("precision",), formula="JA <= precision", bounds=_at_most, needs_foreground=True),
    Relation(
        target="dice",
        given=("sensitivity",),
        formula="DI <= 2 Sen/(1 + Sen)",
        bounds=_dice_at_most,
        needs_foreground=True,
    ),
    Relation(
        target="dice",
        given=("precision",),
        formula="DI <= 2 precision/(1 + precision)",
        bounds=_dice_at_most,
        needs_foreground=True,
    ),
    Relation(
        target="dice",
        given=("precision", "sensitivity"),
        formula="precision + Sen - 1 <= DI <= 2 precision Sen/(precision + Sen)",
        bounds=_dice_of_precision,
        needs_foreground=True,
    ),
    Relation(
        target="jaccard",
        given=("sensitivity", "specificity"),
        formula="JA, the mean of Sen / (1 + (1/p - 1)(1 - Sp)),",
        bounds=_jaccard_of_rates,
        needs_foreground=True,
    ),
    Relation(
        target="dice",
        given=("sensitivity", "specificity"),
        formula="DI, the mean of 2 Sen / (1 + Sen + (1/p - 1)(1 - Sp)),",
        bounds=_dice_of_rates,
        needs_foreground=True,
    ),
)
