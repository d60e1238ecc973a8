"""Which score a name means: that of a column, and whether a row or column holds means, spreads or gains."""

import re

ALIASES = {
    "accuracy": "acc ac accuracy aacc pa pixelacc pixelac pixelaccuracy pixelwiseaccuracy oa overallacc"
    " overallaccuracy",
    "sensitivity": "sen se sn sens sensitivity recall rec tpr truepositiverate",
    "specificity": "sp spe spec specificity tnr truenegativerate",
    "precision": "pre prec precision ppv",
    "jaccard": "ja jac js jsc ji jaccard iou intersectionoverunion",
    "dice": "di dc dice dsc f1 f1score f1measure fscore fmeasure sorensendice sørensendice",
    "class jaccard": "miou meaniou miu meaniu mjaccard mji meanintersectionoverunion",
    "class sensitivity": "macc mpa mca meanpixelaccuracy meanclassaccuracy classaccuracy mrecall",
    "class precision": "mprecision",
    "class dice": "mdice mf1 meandice meanf1 macrof1 mdsc",
    "auc": "auc aucroc rocauc auroc",
}
_METRIC = {alias: metric for metric, aliases in ALIASES.items() for alias in aliases.split()}
_SPREAD = re.compile(r"±|\+/?-|^[\d.,]+\s*%?\W?\s*[(_]\s*\d*[.,]\d+\s*%?\)?$|\b(?:mean|average|avg)\b.*\b(?:std|sd)\b")
_MEANS = {"mean", "avg", "average", "macro"}
_OVER_ALL = {"overall", "all", "total"}  # pooled or not; what holds of means holds of pooled scores too
_SPREADS = {"±", "std", "sd", "stdev", "σ", "deviation", "dev", "sem", "var", "variance", "spread"}
_GAINS = {"gain", "gains", "improvement", "improvements", "difference", "diff", "delta", "δ", "loss"}
_NO_SCORES = _SPREADS | _GAINS | {"ci", "95", "p-value", "count", "rank", "verdict"}
_OTHER_SCORES = {"weighted", "boundary", "surface", "median", "iqr", "min", "max", "error", "n"}
_FILLERS = {"coefficient", "coeff", "coef", "index", "score", "similarity", "rate", "value", "in", "percent"}


def metric_of(header: str, *, spread: bool = False) -> tuple[str, str]:
    """Return the metric a header names and what else it says: ("accuracy", "DRIVE") for "DRIVE Acc (%)"; "" if none.

    "Dice std" names no score but the spread of one. "Dice avg" is a mean over classes, as mDice is. "Accuracy (ACC)"
    says one thing twice.

    Args:
        header: a cell of the head.
        spread: whether each number below has its spread or interval behind it, as "Dice (95% CI)" may promise.
    """
    header = re.sub(r"\^\S*|[¹²³]|(?<=\w{3}) ?\([PR]\)", "", header.replace("CHASE_DB1", "CHASEDB1"))
    words = [word for word in re.split(r"(?:[\s,;:/()\[\]%↑↓_±]|\+/?-)+", header) if word]
    metric, rest = _named(words)
    return _meant(metric, rest, spread or has_spread(header)) if metric else ("", "")


def _named(words: list[str]) -> tuple[str, list[str]]:
    """Return the metric that some words name, the last before the first, and the others without more names of it."""
    for size in (4, 3, 2, 1):
        for end in sorted(range(size, len(words) + 1), key=lambda end: (end != len(words), end)):
            letters = "".join(words[end - size : end]).lower()
            metric = _METRIC.get("".join(letter for letter in letters if letter.isalnum()))
            if metric:
                rest = [one for one in words[: end - size] + words[end:] if one.lower().strip(".") not in _FILLERS]
                again, others = _named(rest)
                return metric, others if again == metric else rest
    return "", []


def _meant(metric: str, rest: list[str], spread: bool) -> tuple[str, str]:
    """Return the metric with what else its header says, unless that makes a mean, a spread or another score of it."""
    says = {word.lower().strip(".") for word in rest}
    if says & (_OTHER_SCORES | _GAINS) or (says & _NO_SCORES and not spread and not says & _MEANS):
        return "", ""
    others = " ".join(word for word in rest if word.lower().strip(".") not in _MEANS | _NO_SCORES)
    if spread:
        return metric, others
    return (f"class {metric}", others) if says & _MEANS and metric in ("jaccard", "dice") else (metric, " ".join(rest))


def has_spread(cell: str) -> bool:
    """Return whether a cell or a header says that its numbers are means with a spread: 92.5 ± 0.3, 92.5 (0.3)."""
    return _SPREAD.search(cell.lower()) is not None


def is_spread(header: str) -> bool:
    """Return whether a column is headed as the spread of another: "Dice std", "±"."""
    return _last_word(header) in _SPREADS


def is_mean(name: str) -> bool:
    """Return whether a name says that its numbers are means, or may be: "Average", "U-Net mean", "a ± std", "All"."""
    return has_spread(name) or _last_word(name) in _MEANS or name.lower() in _OVER_ALL


def names_no_scores(name: str) -> bool:
    """Return whether a row's name says that it holds spreads or gains: "Std", not "mean ± SD"."""
    return _last_word(name) in _NO_SCORES and not has_spread(name)


def _last_word(name: str) -> str:
    return re.split(r"[\s()]+", f" {name.lower().rstrip('. )(%')}")[-1]
