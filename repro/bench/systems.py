"""The systems that the papers' tables compare, each once, as the papers' own recipes have them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from repro import plan
from repro.compare import own_suite
from repro.data import dataset_class
from repro.networks import NETWORKS
from repro.papers.spec import FactTable, Suite
from repro.plan import Run

COMPARISONS = ("paper1_table1", "paper2_figure4", "paper2_figure5")  # first; then what is in no comparison
EVALUATED_ONLY = ("isl_msca", "ssls")  # classical methods: they have no parameters to train
FLOORS = ("position_prior", "second_observer")  # no networks at all


@dataclass(frozen=True)
class System:
    """A row of a table with what it trains.

    Attributes:
        cell: "table/row".
        run: network, options and recipe.
        classes: how many channels the logits have.
    """

    cell: str
    run: Run
    classes: int

    @property
    def name(self) -> str:
        """The row's name, with its paper: "FCN (paper 1)"."""
        table, _, row = self.cell.partition("/")
        return f"{row} ({table.split('_')[0].replace('paper', 'paper ')})"

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the images it trains on."""
        return self.run.recipe.crop or self.run.recipe.size


def systems(suite: Suite | None = None) -> list[System]:
    """Return every system that a suite trains or evaluates, in the papers' order; the papers' own data by default."""
    suite = suite or own_suite()
    known: dict[str, System] = {}
    for system in _rows(suite):
        options = json.dumps(system.run.options, sort_keys=True)
        known.setdefault(f"{system.run.network} {options} {system.classes}", system)
    return list(known.values())


def _rows(suite: Suite) -> Iterator[System]:
    """The rows of the comparisons, then the first row of each network that is in none."""
    seen = set(FLOORS)
    for id in COMPARISONS:
        for system in _of(id, suite):
            seen.add(system.run.network)
            yield system
    for id, exhibit in plan.exhibits().items():
        for system in () if isinstance(exhibit, FactTable) or not exhibit.rows else _of(id, suite):
            if system.run.network not in seen:
                seen.add(system.run.network)
                yield system
    assert set(NETWORKS) <= seen, f"in no table: {set(NETWORKS) - seen}"


def _of(id: str, suite: Suite) -> Iterator[System]:
    table = plan.exhibit(id)
    data = next(iter(plan.stands(table, suite)))
    for row in table.rows:
        run = plan.run_of(table, row, data, suite)
        if run is not None and run.network not in FLOORS:
            yield System(f"{id}/{row.name}", run, len(dataset_class(run.train.data).class_names))
