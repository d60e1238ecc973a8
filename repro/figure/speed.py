"""How many times as fast as the plain path ours is, a bar a benchmark, with the goal and the limit beside it."""

import csv
import io

from repro.figure.style import COLOURS, GREY, canvas, empty, headline, in_decades, notes

OURS, OTHER, GOAL = COLOURS[0], "#B8B8B8", COLOURS[1]


def compared(lines: list[dict[str, str]]) -> list[dict[str, str]]:
    """Return the lines of whole paths but the plain one, the second of each benchmark, which is 1 by definition."""
    heads = [(line["row"], line["of"]) for line in lines]
    return [line for place, line in enumerate(lines) if line["ratio"] and heads[:place].count(heads[place]) != 1]


def draw(lines: list[dict[str, str]]):
    """Yield the drawn figure: ratios on a logarithmic axis, those of ours in blue."""
    shown = compared(lines)
    with canvas(width=7.2, height=0.8 + 0.3 * max(len(shown), 2)) as (figure, axes):
        for place, line in enumerate(shown):
            ratio = float(line["ratio"])
            ours = line["way"].startswith("ours")
            axes.barh(place, ratio - 1, left=1, height=0.62, color=OURS if ours else OTHER)
            beside = max(ratio, 1, float(line["wanted"] or 1))
            axes.text(beside * 1.06, place, f"{ratio:.3g}", va="center", fontsize=7.5)
            if line["wanted"]:
                axes.plot((float(line["wanted"]),) * 2, (place - 0.42, place + 0.42), color=GOAL, linewidth=2)
        if shown:
            axes.set_yticks(range(len(shown)), [_name(line) for line in shown], fontsize=7.5)
            axes.invert_yaxis()
            in_decades(axes)
            axes.axvline(1, color=GREY, linewidth=1)
            axes.set_xlabel("times as fast as the plain path, of the medians")
            axes.set_xlim(0.7, 2 * max(float(line[key]) for line in shown for key in ("ratio", "wanted") if line[key]))
            axes.grid(visible=False, axis="y")
        else:
            empty(axes, "not measured")
        headline(figure, "Speed against what a user would write instead")
        machines = dict.fromkeys(_machine(line) for line in shown)
        notes(figure, ["Orange: the goal. Grey: other paths. Measured in one process, in turn.", *machines])
        yield figure


def _name(line: dict[str, str]) -> str:
    way = "" if line["way"] == "ours" or line["way"].startswith("ours, ") else f": {line['way']}"
    return f"{line['row']} {line['of']}".strip() + way


def _machine(line: dict[str, str]) -> str:
    name = line["cpu"] if line["device"] == "cpu" else line["device"]
    return f"{line['row']}: {name}, {line['clock']}, torch {line['torch']}."


def as_csv(lines: list[dict[str, str]]) -> str:
    """Return what is drawn: row, of, way, ratio, wanted."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    names = ("row", "of", "way", "ratio", "wanted")
    writer.writerow(names)
    writer.writerows([line[name] for name in names] for line in compared(lines))
    return buffer.getvalue()
