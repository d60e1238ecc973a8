"""Rows of words under their heads, for a terminal."""

from collections.abc import Collection, Sequence


def columns(heads: Sequence[str], rows: Sequence[Sequence[str]], *, right: Collection[str] = ()) -> list[str]:
    """Return a line of heads and a line a row, two spaces apart; columns named in `right` end where their heads do."""
    wide = [max(map(len, cells)) for cells in zip(heads, *rows)]
    align = [str.rjust if head in right else str.ljust for head in heads]
    lines = (heads, *rows)
    return ["  ".join(put(cell, width) for put, cell, width in zip(align, line, wide)).rstrip() for line in lines]
