"""True counts of foreground pixels: one number per image, by data set and region, with their source."""

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Foreground pixels and all pixels of each image of one split.

    Attributes:
        split: "test", "last 8".
        positives: (n,) foreground pixels.
        pixels: (n,) valid pixels: all of the image, or those inside the field of view.
    """

    split: str
    positives: tuple[int, ...]
    pixels: tuple[int, ...]

    @cached_property
    def share(self) -> Fraction:
        """The pooled share of foreground."""
        return Fraction(sum(self.positives), sum(self.pixels))

    @cached_property
    def shares(self) -> tuple[float, ...]:
        """The share of foreground of each image."""
        return tuple(p / n for p, n in zip(self.positives, self.pixels))


@dataclass(frozen=True, kw_only=True)
class KnownSet:
    """A data set whose labels have been counted.

    Attributes:
        title: the set and whose labels.
        regions: "whole" and "field_of_view" -> splits.
        tested: the splits that papers report on, and so the readings of a row whose split is not named.
        source: who counted what.
    """

    title: str
    regions: dict[str, tuple[Counts, ...]]
    tested: tuple[str, ...]
    source: str


def _splits(pixels: tuple[int, ...], positives: tuple[int, ...], **splits: slice) -> tuple[Counts, ...]:
    """Return the named parts of one list of images."""
    return tuple(
        Counts(split=name.replace("_", " "), positives=positives[part], pixels=pixels[part])
        for name, part in splits.items()
    )


# Each list is in the order of the file names.
_DRIVE_TEST = (
    29440, 33790, 32893, 30354, 30912, 32116, 30152, 28389, 26741, 27156, 29539, 28490, 32259, 26677, 23614,
    29791, 27852, 26144, 27371, 24265,
)  # fmt: skip
_DRIVE_TEST_VIEW = (
    29412, 33723, 32886, 30343, 30898, 32105, 30144, 28311, 26740, 27152, 29533, 28490, 32252, 26631, 23612,
    29791, 27851, 26144, 27367, 24264,
)  # fmt: skip
_DRIVE_TEST_VIEW_PIXELS = (
    224377, 225087, 225727, 227577, 227693, 227499, 227675, 225248, 227660, 227332, 227814, 227605, 227500,
    225854, 227394, 227694, 225884, 227612, 227388, 227523,
)  # fmt: skip
_DRIVE_TRAINING = (
    24658, 29809, 21723, 38229, 31669, 27573, 29073, 32228, 27751, 25884, 19898, 26984, 26686, 32287, 28612,
    35884, 28841, 28477, 28348, 25001,
)  # fmt: skip
_DRIVE_TRAINING_VIEW = (
    24650, 29800, 21714, 38215, 31664, 27496, 29071, 32209, 27738, 25877, 19897, 26956, 26679, 32287, 28612,
    35884, 28841, 28477, 28348, 25000,
)  # fmt: skip
_DRIVE_TRAINING_VIEW_PIXELS = (
    225600, 227686, 228187, 227726, 227362, 225092, 227826, 227327, 227309, 227259, 227701, 224944, 227738,
    226542, 227646, 227217, 227186, 226224, 227460, 226974,
)  # fmt: skip
_CHASEDB1 = (
    66885, 72838, 77820, 74890, 75196, 72421, 75168, 73824, 75941, 81663, 72636, 71768, 74699, 72968, 62026,
    60935, 48524, 48819, 60076, 59371, 51119, 51133, 69032, 70491, 58984, 60625, 66013, 56109,
)  # fmt: skip
_CHASEDB1_VIEW = (
    66765, 72623, 77611, 74618, 75010, 72230, 75056, 73493, 75610, 81438, 72215, 71448, 74406, 72712, 61987,
    60908, 48431, 48651, 60042, 59326, 51114, 51122, 69002, 70476, 58906, 60620, 65997, 56109,
)  # fmt: skip
_CHASEDB1_VIEW_PIXELS = (
    663558, 662560, 663805, 662627, 662477, 663390, 661517, 662971, 664946, 664222, 661539, 662096, 663519,
    663237, 625766, 626442, 660901, 663712, 662450, 660800, 666316, 665157, 663313, 663510, 660163, 661224,
    663890, 659802,
)  # fmt: skip
_STARE = (
    33799, 28205, 25345, 31395, 38257, 29496, 33941, 31615, 33310, 34057, 30180, 32751, 37701, 38360, 36571,
    43243, 37903, 21418, 18245, 28261,
)  # fmt: skip
_CHASEDB1_SPLITS = {
    "all_28": slice(None),
    "last_8": slice(20, None),
    "first_20": slice(20),
    "last_14": slice(14, None),
    "first_14": slice(14),
}

KNOWN_SETS = {
    "drive": KnownSet(
        title="DRIVE, first observer",
        regions={
            "whole": (
                *_splits((565 * 584,) * 20, _DRIVE_TEST, test=slice(None)),
                *_splits((565 * 584,) * 20, _DRIVE_TRAINING, training=slice(None)),
            ),
            "field_of_view": (
                *_splits(_DRIVE_TEST_VIEW_PIXELS, _DRIVE_TEST_VIEW, test=slice(None)),
                *_splits(_DRIVE_TRAINING_VIEW_PIXELS, _DRIVE_TRAINING_VIEW, training=slice(None)),
            ),
        },
        tested=("test",),
        source="the public labels and masks, as counted in mlscorecheck 1.0.3",
    ),
    "chasedb1": KnownSet(
        title="CHASE_DB1, first observer",
        regions={
            "whole": _splits((999 * 960,) * 28, _CHASEDB1, **_CHASEDB1_SPLITS),
            "field_of_view": _splits(_CHASEDB1_VIEW_PIXELS, _CHASEDB1_VIEW, **_CHASEDB1_SPLITS),
        },
        tested=("all 28", "last 8"),
        source="counted from the labels, and from the unofficial field-of-view masks of github.com/agaldran/lwnet",
    ),
    "stare": KnownSet(
        title="STARE, first observer (A. H.)",
        regions={"whole": _splits((605 * 700,) * 20, _STARE, all_20=slice(None))},
        tested=("all 20",),
        source="the public labels, as counted in mlscorecheck 1.0.3",
    ),
}
ALIASES = {
    "chase": "chasedb1",
    "chasedb": "chasedb1",
    "drive": "drive",
    "chasedb1": "chasedb1",
    "stare": "stare",
}
# Sets without counts here, so that rows called by them are known to be of other images.
OTHERS = {"hrf", "isic", "isic2016", "isic2017", "isic2018", "ham10000", "ph2", "busi", "monuseg", "glas", "synapse"}
OTHERS |= {"kvasir", "kvasirseg", "clinicdb", "cvcclinicdb", "colondb", "cvccolondb", "etis", "cvc300", "endoscene"}
OTHERS |= {"acdc", "promise12", "cityscapes", "camvid"}
REGIONS = {"whole": "whole image", "field_of_view": "field of view"}
TRAINING_IMAGES = {"cityscapes": 2975}  # of the publisher's split, Cordts et al. 2016, Table 1
# Resizing CHASE_DB1's labels to 448x448 ... 605x700, nearest or bilinear and cut at one half, moved an image's share by
# at most 3.9 per cent of itself.
RESIZING = Fraction(5, 100)
# The same labels resized bilinearly to 448x448 and taken for foreground wherever they are above 0 have 1.69 times as
# much of it where the resize is anti-aliased, as Pillow's is (all 28 images pooled; the last 8: 1.72), and 1.20 times
# where it is not, as OpenCV's: thin vessels gain a pixel on either side. DRIVE's labels are taken to gain no more.
THICKENED = Fraction(7, 4)


def known_set(name: str) -> str | None:
    """Return the key of KNOWN_SETS that a printed name means ("CHASE_DB1", "DRIVE dataset [12]"), or None."""
    return ALIASES.get(_letters(name))


def is_set(name: str) -> bool:
    """Return whether a printed name is that of a data set, counted or not."""
    return _letters(name) in ALIASES.keys() | OTHERS


def _letters(name: str) -> str:
    """Return the letters and digits of a name without its citation."""
    name = re.sub(r"\[[^]]*\]|\bdata ?(?:set|base)\b", "", name.lower())
    return "".join(letter for letter in name if letter.isalnum())
