"""Numbers as people say them."""


def many(count: int, thing: str) -> str:
    """A count with its noun: "1 run", "2 runs"."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def duration(seconds: float) -> str:
    """Seconds as people say them: "48 s", "3 min", "2.5 h", "4.1 d"."""
    for limit, unit, length, digits in ((90, "s", 1, 0), (5400, "min", 60, 0), (172800, "h", 3600, 1)):
        if seconds < limit:
            return f"{seconds / length:.{digits}f} {unit}"
    return f"{seconds / 86400:.1f} d"
