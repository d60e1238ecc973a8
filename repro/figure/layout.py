"""Where the boxes of a traced structure stand: a row for each size of the maps, a column for each step along it."""

from dataclasses import dataclass

_BETWEEN = ("MaxPool", "AvgPool", "ConvTranspose", "Upsample")  # layers that only lead from one size to another


@dataclass(frozen=True)
class Box:
    """A block with its place: `column` from the left, `level` from the top, the image's size being 0."""

    name: str
    part: str
    layers: str
    shape: tuple[int, ...]
    parameters: int
    column: int
    level: int

    @property
    def own(self) -> bool:
        """Whether the block has a class of the network's own, or is made of torch's."""
        return not self.layers and self.part != self.name


@dataclass(frozen=True)
class Arrow:
    """A connection between two boxes, by their indices; `through` is the layer on the way, "" for none."""

    source: int
    target: int
    through: str


@dataclass(frozen=True)
class Drawing:
    """A structure laid out.

    Attributes:
        boxes: in the order of the calls, the image first and the logits last.
        arrows: from earlier boxes to later ones.
        sizes: (height, width) of each level.
    """

    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    sizes: tuple[tuple[int, int], ...]

    @property
    def gaps(self) -> int:
        """How many gaps there are between columns; the logits have no box."""
        return max(box.column for box in self.boxes[:-1])


def lay_out(structure: dict) -> Drawing:
    """Return the boxes and arrows of a structure that `repro.models.structure.trace` returned.

    A pool or an up-convolution that stands alone between two blocks is no box, but named at the arrow. A box stands to
    the right of all that it is computed from at its own size, and not to the left of the rest.
    """
    blocks = structure["blocks"]
    between = {index for index, block in enumerate(blocks) if _leads(blocks, index)}
    sizes = sorted({tuple(block["shape"][1:]) for block in blocks if len(block["shape"]) == 3}, reverse=True)
    level_of: dict[int, int] = {}
    column_of: dict[int, int] = {}
    right: dict[int, int] = {}  # of each level: the rightmost column that is taken
    arrows = []
    for index, block in enumerate(blocks):
        shape = block["shape"]
        level = (
            sizes.index(tuple(shape[1:])) if len(shape) == 3 else level_of[block["inputs"][0]]
        )  # tokens have no size
        level_of[index] = level
        if index in between:
            continue
        arrows += [_arrow(blocks, source, index, between) for source in block["inputs"]]
        behind = [arrow.source for arrow in arrows if arrow.target == index]
        least = max((column_of[each] + (level_of[each] == level) for each in behind), default=0)
        column_of[index] = right[level] = max(least, right.get(level, -1) + 1)
    kept = list(column_of)
    boxes = tuple(
        Box(*(block[key] for key in ("name", "part", "layers")), tuple(block["shape"]), block["parameters"],
            column_of[index], level_of[index])
        for index, block in enumerate(blocks) if index in column_of
    )  # fmt: skip
    placed = tuple(Arrow(kept.index(arrow.source), kept.index(arrow.target), arrow.through) for arrow in arrows)
    return Drawing(boxes, placed, tuple(sizes))


def _leads(blocks: list[dict], index: int) -> bool:
    """Whether a block is a single layer that leads from one block at one size to one at another."""
    block = blocks[index]
    after = [each for each in blocks if index in each["inputs"]]
    alone = len(block["inputs"]) == 1 and len(after) == 1 and after[0]["name"] != "logits"
    return alone and block["layers"].startswith(_BETWEEN) and "," not in block["layers"]


def _arrow(blocks: list[dict], source: int, target: int, between: set[int]) -> Arrow:
    """The connection to a block from the nearest one that is a box."""
    through = []
    while source in between:
        through.append(blocks[source]["layers"])
        (source,) = blocks[source]["inputs"]
    return Arrow(source, target, ", ".join(reversed(through)))
