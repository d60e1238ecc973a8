"""A wide table in parts that fit: columns of one data set together, the system repeated in each."""

import re
from dataclasses import dataclass
from itertools import groupby

from repro.table.grid import Grid

_KIND = re.compile(r"(.+?) ((?:reported|official|measured|found|difference)\b.*)")  # a column's name, and of which kind
VERDICT = "verdict"  # the header over a row's verdicts
BETWEEN, EDGES = 3, 2  # characters between two columns, and at both ends of a line
VERDICTS = 40  # characters after which a row's verdicts go on in the next line


@dataclass(frozen=True)
class Part:
    """Some columns of a grid: their indices, the first one always among them, and headers of one to three lines."""

    caption: str
    columns: tuple[int, ...]
    headers: tuple[str, ...]

    def width(self, grid: Grid) -> int:
        """Return how many characters a line of it takes."""
        widths = [_width(grid, index, header) for index, header in zip(self.columns, self.headers)]
        return sum(widths) + BETWEEN * (len(widths) - 1) + EDGES


def parts(grid: Grid, width: int) -> list[Part]:
    """Return the grid's columns in as few parts as fit into `width` characters, in their order.

    Whole if it fits, with headers of one line or else of several. Otherwise a part begins with each data set or reading
    that columns' names share, and says it once, above. What is said of one column (reported, measured) is never parted,
    so that such a group may be wider than `width`.
    """
    everything = tuple(range(len(grid.headers)))
    for headers in (grid.headers, tuple(map(_stacked, grid.headers))):
        whole = Part("", everything, headers)
        if whole.width(grid) <= width:
            return [whole]
    units = [tuple(group) for _, group in groupby(everything[1:], key=lambda index: _name(grid.headers[index]))]
    found: list[Part] = []
    for unit in units:
        alone = _part(grid, unit)
        if found:
            longer = _part(grid, (*found[-1].columns[1:], *unit))
            alike = grid.headers[unit[0]] == VERDICT or alone.caption == found[-1].caption
            if alike and longer.width(grid) <= width:
                found[-1] = longer
                continue
        found.append(alone)
    return found


def _part(grid: Grid, columns: tuple[int, ...]) -> Part:
    """The part of these columns, with what their names share in the caption."""
    shared = {_shared(grid, _name(grid.headers[index])) for index in columns if grid.headers[index] != VERDICT}
    of, reading = shared.pop() if len(shared) == 1 else ("", "")
    shown = [grid.headers[index].removeprefix(f"{of} ") for index in columns]
    shown = [header.replace(f", {reading}", "") if reading else header for header in shown]
    caption = ", ".join(filter(None, (of, reading)))
    return Part(caption, (0, *columns), (grid.headers[0], *map(_stacked, shown)))


def _shared(grid: Grid, name: str) -> tuple[str, str]:
    """The data set and the reading in a column's name, "" for none: "DRIVE" and "pooled" of "DRIVE Acc, pooled".

    A first word is a data set where another column's name begins with it too.
    """
    first, _, rest = name.partition(" ")
    others = {each for header in grid.headers[1:] if (each := _name(header)).startswith(f"{first} ")}
    return first if rest and not first.endswith(",") and len(others) > 1 else "", name.partition(", ")[2]


def _name(header: str) -> str:
    """A header without what says of which kind its numbers are: "Acc" of "Acc measured"."""
    match = _KIND.fullmatch(header)
    return match[1] if match else header


def _stacked(header: str) -> str:
    match = _KIND.fullmatch(header)
    return "\n".join([match[1], *match[2].replace(" on ", " on\n").split("\n")]) if match else header


def _width(grid: Grid, index: int, header: str) -> int:
    """The characters of the widest line of a column."""
    cells = max((len(row[index].shown) for row in grid.rows), default=0)
    cells = min(cells, VERDICTS) if grid.headers[index] == VERDICT else cells
    return max(cells, *map(len, header.split("\n")))
