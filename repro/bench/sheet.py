"""Things that are listed rather than timed against each other."""

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Sheet:
    """What a row found of several things: a line each.

    Attributes:
        row: its name.
        about: what the numbers are, in a sentence.
        headers: of the columns.
        rows: what stands in them, as it is printed.
        goal: what was aimed at, in words.
        machine: as `repro.machine.describe` says it.
        found: what the rows come to, in a sentence: printed last.
        unprinted: columns that are for files alone.
        code: the command's exit code.
    """

    row: str
    about: str
    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    goal: str
    machine: Mapping[str, object]
    found: str
    unprinted: tuple[str, ...] = ()
    code: int = 0

    def text(self) -> str:
        """Return the sheet for people: columns flush, the goal, and what was found last."""
        shown = [place for place, name in enumerate(self.headers) if name not in self.unprinted]
        cells = [[line[place] for place in shown] for line in (self.headers, *self.rows)]
        wide = [max(map(len, column)) for column in zip(*cells)]
        lines = [f"{self.row}: {self.about}; {machine_text(self.machine)}"]
        lines += ["  " + "  ".join(text.ljust(size) for text, size in zip(line, wide)).rstrip() for line in cells]
        return "\n".join([*lines, f"goal: {self.goal}", self.found])

    def csv(self) -> str:
        """Return the sheet as CSV: a line a thing, with the machine and its versions."""
        facts = facts_of(self.machine)
        about = {"about": self.about, "goal": self.goal, "found": self.found}
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow([*self.headers, *about, *facts])
        for line in self.rows:
            writer.writerow([*line, *about.values(), *facts.values()])
        return buffer.getvalue()


def machine_text(machine: Mapping[str, object]) -> str:
    """Return the card, or the processor where there is none, and the cores."""
    card = machine.get("device", "cpu")
    return f"{machine['cpu'] if card == 'cpu' else card}, {machine['cores']} cores"


def facts_of(machine: Mapping[str, object]) -> dict[str, object]:
    """Return what stands of the machine in a line of CSV: itself and the versions of its libraries."""
    facts = {"os" if key == "system" else key: value for key, value in machine.items() if key != "libraries"}
    return facts | dict(machine.get("libraries", {}))  # "system" is a network's column
