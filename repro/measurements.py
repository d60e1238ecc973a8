"""What the benchmarks measured and committed, `tables/bench/<row>.csv`: read by views and claims, written by none."""

import csv
import json
from collections.abc import Iterable
from pathlib import Path

TABLES = Path(__file__).resolve().parents[1] / "tables"


def lines_of(row: str, tables: Path = TABLES) -> list[dict[str, str]]:
    """Return the lines of a benchmark's table, as strings by column; none where it was not measured."""
    path = tables / "bench" / f"{row}.csv"
    if not path.exists():
        return []
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def key_of(network: str, options: dict, size: Iterable[int]) -> tuple[str, str, str]:
    """Return what names a network's line in the table of costs: its name, its options as JSON, "512x1024"."""
    return network, json.dumps(options, sort_keys=True), "x".join(map(str, size))


def cost_of(network: str, options: dict, size: Iterable[int], tables: Path = TABLES) -> dict[str, dict[str, str]]:
    """Return what was measured of a network at one size, by machine kind: a line of `tables/bench/networks.csv` each.

    Args:
        network, options: as a run's identity has them.
        size: (height, width) of the image.
        tables: the folder that `bench/` is in.
    """
    wanted = key_of(network, options, size)
    lines = lines_of("networks", tables)
    return {line["kind"]: line for line in lines if (line["network"], line["options"], line["size"]) == wanted}


def seconds_of(line: dict[str, str]) -> list[float]:
    """Return the seconds of a forward pass over one image that a line of `cost_of` has, one a turn."""
    return [float(each) for each in line["seconds"].split()]
