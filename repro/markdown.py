"""Markdown for the generated pages."""

import re
from collections.abc import Iterator, Sequence


def table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table of text, and an empty one."""
    yield "| " + " | ".join(headers) + " |"
    yield "|" + ":--|" * len(headers)
    for row in rows:
        yield "| " + " | ".join(map(text, row)) + " |"
    yield ""


def text(text: str) -> str:
    """Text that Markdown takes for no markup, but for code between back-quotes."""
    parts = text.split("`")
    escaped = [re.sub(r"([\\*|<>\[\]_])", r"\\\1", part) if i % 2 == 0 else part for i, part in enumerate(parts)]
    return "`".join(escaped)
