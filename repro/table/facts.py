"""Tables of facts: what the paper prints, what the publisher states, and what the records found."""

from repro import plan, records
from repro.papers.spec import Fact, FactTable
from repro.records import Folder, Record
from repro.table.grid import Entry, Grid
from repro.words import many

_MACHINE = {  # key of a fact -> how a record's machine says it
    "machine.cpu": lambda machine: machine["cpu"],
    "machine.gpu": lambda machine: "none" if machine["device"] == "cpu" else machine["device"],
    "machine.memory": lambda machine: f"{machine['memory_gib']} GiB",
    "machine.system": lambda machine: machine["system"],
    "software.python": lambda machine: machine["python"],
    "software.cuda": lambda machine: machine["cuda"] or "none",
    "software.torch": lambda machine: machine["libraries"]["torch"],
    "software.torchvision": lambda machine: machine["libraries"]["torchvision"],
}
_LISTS = {"Training": "train", "Validation": "selection", "Testing": "report"}


def facts_grid(table: FactTable, folder: Folder) -> Grid:
    """Return a table of facts: for each printed column the paper's entry, the official one, and what was found."""
    found = records.every(folder.records)
    columns = [(column, kind) for column in table.columns for kind in _kinds(table, column)]
    rows = tuple(
        (Entry(fact.name), *(Entry(_entry(fact, column, kind, found)) for column, kind in columns))
        for fact in table.rows
    )
    sources = [f"{fact.name}: {fact.source}" for fact in table.rows if fact.source]
    return Grid(
        id=table.id,
        title=table.title,
        above=(f"{plan.paper_of(table.id).title}; {table.place}",),
        headers=("", *(kind if len(table.columns) == 1 else f"{column} {kind}" for column, kind in columns)),
        rows=rows,
        rule_before=(),
        below=(f"found: in {many(len(found), 'record')}.", *sources, *table.notes),
    )


def _kinds(table: FactTable, column: str) -> list[str]:
    """Which of reported, official and found have anything to say in a column."""
    kinds = ["reported"]
    if any(column in fact.official for fact in table.rows):
        kinds.append("official")
    if column in _LISTS or any(fact.key in _MACHINE for fact in table.rows):
        kinds.append("found")
    return kinds


def _entry(fact: Fact, column: str, kind: str, found: list[Record]) -> str:
    if kind == "reported":
        return fact.reported.get(column, "")
    if kind == "official":
        return fact.official.get(column, "")
    if fact.key in _MACHINE:
        machines = [machine for record in found for machine in record.data["provenance"]["machines"]]
        return "; ".join(dict.fromkeys(str(_MACHINE[fact.key](machine)) for machine in machines))
    family, _, name = fact.key.partition(".")
    if family != "data" or column not in _LISTS:
        return ""  # nothing a record knows of
    lists = [record.data["lists"][_LISTS[column]] for record in found]
    return " or ".join(dict.fromkeys(str(each["n"]) for each in lists if each["data"].removeprefix("toy_") == name))
