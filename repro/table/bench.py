"""The page of the benchmarks: what `tables/bench/` holds, as Markdown."""

from collections.abc import Iterator
from pathlib import Path

from repro import markdown, measurements

_TIMED = ("of", "way", "milliseconds", "first_quartile", "third_quartile", "n", "ratio", "wanted")
_FOR_FILES = ("options", "seconds", "cells", "clock")  # columns that nobody reads


def bench_page(tables: Path = measurements.TABLES) -> str:
    """Return the page: for each row that was measured its table, goal, limit, what was found, and the machine."""
    lines = [
        "# Benchmarks",
        "",
        "This page is generated from `tables/bench/` by `python -m repro.pages`; `python -m repro.bench ROW --write` "
        "measures a row again. Ways that are compared run in one process and in turn (A B A B), after a warm-up; times "
        "are medians with quartiles. A row that is not here was not measured.",
        "",
    ]
    for path in sorted((tables / "bench").glob("*.csv")):
        lines += _row(path.stem, measurements.lines_of(path.stem, tables))
    return "\n".join(lines).rstrip() + "\n"


def speed_table(tables: Path = measurements.TABLES) -> str:
    """Return the README's table: each timed row against the plain path, with its goal and machine, as Markdown."""
    rows = []
    for path in sorted((tables / "bench").glob("*.csv")):
        for line in measurements.lines_of(path.stem, tables):
            if line.get("way", "").startswith("ours") and line["ratio"] and line["wanted"]:
                what = f"`{path.stem}`" + (f" {line['of']}" if line["of"] else "")
                rows.append((what, f"{float(line['ratio']):.3g}", line["wanted"], _machine(line)))
    return "\n".join(markdown.table(("row", "times as fast", "goal", "machine"), rows))


def _row(name: str, found: list[dict[str, str]]) -> Iterator[str]:
    if not found:
        return
    yield f"## {name}"
    yield ""
    timed = "way" in found[0]
    columns = _TIMED if timed else tuple(found[0])[: tuple(found[0]).index("about")]
    columns = [each for each in columns if each not in _FOR_FILES and any(line.get(each) for line in found)]
    yield f"| {' | '.join(each.replace('_', ' ') for each in columns)} |"
    yield f"|{'---|' * len(columns)}"
    for line in found:
        yield f"| {' | '.join((line.get(each) or '').replace('|', '/') for each in columns)} |"
    yield ""
    said = _of_timed(found) if timed else (found[0]["about"], f"Goal: {found[0]['goal']}", found[0]["found"])
    for sentence in dict.fromkeys((*said, *map(_machine, found))):
        yield f"- {sentence[0].upper()}{sentence[1:]}."
    yield ""


def _of_timed(found: list[dict[str, str]]) -> Iterator[str]:
    first = found[0]
    yield f"{first['clock']} per {first['unit']}, in milliseconds; ratio: to the plain path, which is 1"
    yield f"Goal: {first['goal']}"
    for line in found:
        of = f"{line['of']}: " if line["of"] else ""
        if line["way"].startswith("ours") and line["ratio"] and line["wanted"]:
            times = float(line["milliseconds"]) / max(float(line["limit_milliseconds"]), 1e-3)
            yield f"{of}limit {line['limit_milliseconds']} ms, {line['limit']}; ours takes {times:.1f} times that"
            yield from (f"{of}{note}" for note in line["notes"].split("; ") if note)


def _machine(line: dict[str, str]) -> str:
    name = line["cpu"] if line["device"] == "cpu" else line["device"]
    return f"{name}, {line['cores']} cores, torch {line['torch']}, Python {line['python']}"
