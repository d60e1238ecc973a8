"""What a printed row may mean: which pixels, counted how, on labels of which size."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from repro.audit.known import KNOWN_SETS, REGIONS, RESIZING, THICKENED, Counts

POOLED, MEAN, OVER_CLASSES = "pooled", "mean over images", "mean over classes"
AGGREGATIONS = (POOLED, MEAN)


@dataclass(frozen=True, kw_only=True)
class ImageShares:
    """The shares of foreground that single images may have: each within `slack` of its entry of `centres`.

    An unknown list of images with shares in [a, b] is one centre (a + b) / 2 with slack (b - a) / 2.
    """

    centres: tuple[float, ...]
    slack: float = 0.0

    @property
    def lowest(self) -> float:
        return max(0.0, min(self.centres) - self.slack)

    @property
    def highest(self) -> float:
        return min(1.0, max(self.centres) + self.slack)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One meaning of a row.

    Attributes:
        aggregation: "pooled" or "mean over images".
        share: what the pooled share of foreground may be, (low, high).
        images: what the images' shares may be.
        region: "whole image", "field of view" or "" where the region makes no difference known to us.
        split: "test", "last 8", or "" where no data set is known.
        counts: the counted images behind it, where they are known exactly.
    """

    aggregation: str
    share: tuple[Fraction, Fraction]
    images: ImageShares
    region: str = ""
    split: str = ""
    counts: Counts | None = None

    @property
    def name(self) -> str:
        return ", ".join(part for part in (self.region, self.split, self.aggregation) if part)


def any_share(aggregations: Sequence[str] = AGGREGATIONS) -> tuple[Reading, ...]:
    """Return the readings of a row whose data set is unknown: any share of foreground in (0, 1)."""
    return within(Fraction(0), Fraction(1), aggregations)


def over_classes() -> tuple[Reading, ...]:
    """Return the reading of means over classes: a class that no pixel has is left out, so that none is empty."""
    images = ImageShares(centres=(0.5,), slack=0.5 - 1e-12)
    return tuple(replace(one, images=images) for one in any_share([OVER_CLASSES]))


def within(low: Fraction, high: Fraction, aggregations: Sequence[str] = AGGREGATIONS) -> tuple[Reading, ...]:
    """Return the readings of a row whose pooled share, and that of every image, lies in [low, high]."""
    images = ImageShares(centres=(float(low + high) / 2,), slack=float(high - low) / 2)
    return tuple(Reading(aggregation=name, share=(low, high), images=images) for name in aggregations)


def of_counts(
    counts: Counts, *, region: str = "", resized: bool = False, aggregations: Sequence[str] = AGGREGATIONS
) -> tuple[Reading, ...]:
    """Return the readings of a row whose images have been counted; resized labels have shares within 5 % of theirs."""
    move = RESIZING if resized else Fraction(0)
    images = ImageShares(centres=counts.shares, slack=float(move) * max(counts.shares))
    share = (counts.share * (1 - move), min(Fraction(1), counts.share * (1 + move)))
    return tuple(
        Reading(
            aggregation=name,
            share=share,
            images=images,
            region=region,
            split=counts.split,
            counts=None if resized else counts,
        )
        for name in aggregations
    )


def thickened(reading: Reading) -> Reading:
    """Return a reading of labels that may have been resized smoothly and cut above 0: up to THICKENED times as much."""
    low, high = reading.share
    half = float(THICKENED - 1) / 2
    centres = tuple((1 + half) * share for share in reading.images.centres)
    images = ImageShares(centres=centres, slack=reading.images.slack + half * max(reading.images.centres))
    return replace(reading, share=(low, min(Fraction(1), THICKENED * high)), images=images, counts=None)


def of_set(
    name: str,
    *,
    region: str | None = None,
    split: str | None = None,
    resized: bool = False,
    aggregations: Sequence[str] = AGGREGATIONS,
) -> tuple[Reading, ...]:
    """Return the readings of a row on a known data set: every region and split that is not excluded.

    Args:
        name: a key of KNOWN_SETS.
        region: "whole" or "field_of_view"; None for both.
        split: one split's name; None for all that papers report on.
        resized: whether labels may have been resized.
        aggregations: "pooled", "mean over images" or both.

    Raises:
        ValueError: the set has no such region or split.
    """
    known = KNOWN_SETS[name]
    if region is not None and region not in known.regions:
        raise ValueError(f"{name} has no counts for region {region!r}; there are {', '.join(known.regions)}")
    splits = list(dict.fromkeys(counts.split for group in known.regions.values() for counts in group))
    if split is not None and split not in splits:
        raise ValueError(f"{name} has no counts for split {split!r}; there are {', '.join(splits)}")
    chosen = (split,) if split else known.tested
    return tuple(
        reading
        for key, group in known.regions.items()
        for counts in group
        if region in (None, key) and counts.split in chosen
        for reading in of_counts(counts, region=REGIONS[key], resized=resized, aggregations=aggregations)
    )


def in_words(readings: Sequence[Reading]) -> str:
    """Return a group of readings in few words: one phrase where they are a full product, else a phrase a region."""
    parts = [
        list(dict.fromkeys(getattr(reading, field) for reading in readings))
        for field in ("region", "split", "aggregation")
    ]
    if len(parts[0]) * len(parts[1]) * len(parts[2]) == len(set(readings)):
        return ", ".join(phrase for phrase in (" or ".join(filter(None, values)) for values in parts) if phrase)
    if len(parts[0]) > 1:
        return "; ".join(in_words([one for one in readings if one.region == region]) for region in parts[0])
    by_split = (in_words([replace(one, region="") for one in readings if one.split == split]) for split in parts[1])
    return f"{parts[0][0]} ({'; '.join(by_split)})".strip()
