"""The evidence behind each number as a JSON object: runs, protocol, provenance, classes and confusions."""

from collections.abc import Iterable, Sequence

import numpy as np

from repro import plan
from repro.external import WORD as EXTERNAL
from repro.metrics import SCORES, Evidence
from repro.records import Record
from repro.report.tables import Cell, Exhibit
from repro.report.verdicts import because
from repro.table.grid import SCALE
from repro.words import many

_SHARES = 1000  # shares of a confusion matrix's row are kept as whole numbers of so many
_IOU = 10_000  # and IoUs likewise


class Gathered:
    """What the page knows of the numbers in it: cells by id, and the runs behind them, each group once.

    Attributes:
        cells: id -> what the page shows of a cell when it is asked for.
        groups: key -> the runs that share everything but the seed.
        machines: every machine a run was on, each once.
    """

    def __init__(self, exhibits: Iterable[Exhibit]):
        self.cells: dict[str, dict] = {}
        self.groups: dict[str, dict] = {}
        self.machines: list[dict] = []
        self._keys: dict[tuple[str, ...], str] = {}
        for exhibit in exhibits:
            for row in exhibit.rows:
                for cell in row:
                    self.cells[cell.id] = self._cell(exhibit, cell)

    def _cell(self, exhibit: Exhibit, cell: Cell) -> dict:
        finding, column = cell.finding, cell.finding.column
        found = {
            "table": exhibit.table.id,
            "place": exhibit.table.place,
            "row": finding.row.name,
            "column": column.name,
            "data": finding.stand.name if finding.stand else "",
            "text": cell.text,
            "reported": finding.reported or "",
            "digits": cell.digits,
            "score": _definition(column.metric),
            "word": str(finding.verdict) if cell.word else "",
            "slug": cell.word.slug if cell.word else "",
            "letter": cell.word.letter if cell.word else "",
            "because": because(finding.verdict, column.unit, cell.digits) if cell.word else "",
            "why": finding.why,
            "command": cell.command,
        }
        if not finding.records:
            return found
        scale = SCALE[column.unit]
        verdict = finding.verdict
        evaluation = evaluation_of(cell)
        found |= {
            "scores": [round(scale * score, cell.digits + 2) for score in finding.scores],
            "mean": round(scale * finding.mean, cell.digits + 2),
            "interval": _scaled(verdict.interval, scale) if verdict else None,
            "target": _scaled(verdict.target, scale) if verdict and cell.word else None,
            "evaluation": evaluation,
            "group": self._group(finding.records, evaluation),
            "reruns": [[kind, [round(scale * score, cell.digits + 2) for score in scores]]
                       for kind, scores in finding.reruns],
        }  # fmt: skip
        return found

    def _group(self, records: Sequence[Record], evaluation: str) -> str:
        """The key of the group of these runs; made where it is not there, and the evaluation added to it."""
        names = tuple(record.path.stem for record in records)
        key = self._keys.setdefault(names, f"g{len(self._keys)}")
        if key not in self.groups:
            self.groups[key] = made_elsewhere(records[0]) if records[0].kind == EXTERNAL else self._described(records)
        evaluations = self.groups[key]["evaluations"]
        if evaluation not in evaluations:
            counted = [record.evidence()[evaluation] for record in records]
            evaluations[evaluation] = {"iou": iou_by_class(counted), "confusion": shares(counted)}
        return key

    def _described(self, records: Sequence[Record]) -> dict:
        first = records[0].data
        return {
            "runs": [self._run(record) for record in records],
            "network": first["run"]["network"],
            "options": plain(first["run"].get("options", {})),
            "recipe": plain(first["run"]["recipe"]) if first["training"] is not None else {},
            "lists": [list_text(name, first["lists"][name]) for name in ("train", "selection", "report")],
            "classes": first["classes"],
            "evaluations": {},
        }

    def _run(self, record: Record) -> dict:
        provenance, training = record.data["provenance"], record.data["training"] or {}
        machines = [self._machine(machine) for machine in provenance["machines"]]
        return {
            "id": record.id,
            "seed": record.data["run"].get("seed", 0),
            "kind": record.kind,
            "commit": provenance["commit"][:12],
            "clean": provenance["clean"],
            "seconds": provenance["seconds"],
            "steps": training.get("steps"),
            "ended": training.get("ended", ""),
            "machines": machines,
        }

    def _machine(self, machine: dict) -> int:
        if machine not in self.machines:
            self.machines.append(machine)
        return self.machines.index(machine)


def evaluation_of(cell: Cell) -> str:
    """Return the name of the evaluation behind a measured cell: "last native whole"."""
    column = cell.finding.column
    weights = column.weights if cell.finding.records[0].data.get("training") is not None else "last"
    return f"{weights} {column.labels} {column.region}"


def made_elsewhere(record: Record) -> dict:
    """Return what there is to say of other tools' predictions: whose images, and which masks."""
    data = record.data
    images = list_text("report", {"data": data["data"], **data["list"]})
    lines = [images, f"{data['predictions']['n']} masks made elsewhere, scored here"]
    empty = {"runs": [], "network": record.id, "options": {}, "recipe": {}}
    return empty | {"lists": lines, "classes": data["classes"], "evaluations": {}}


def iou_by_class(counted: Sequence[Evidence]) -> list[list[int | None]]:
    """Return for each class its IoU in each run, in ten-thousandths; None where no pixel is of the class."""
    by_run = []
    for each in counted:
        hit, predicted, labelled = (counts.sum(0) for counts in each.counts())
        union = predicted + labelled - hit
        by_run.append([round(_IOU * int(h) / int(u)) if u else None for h, u in zip(hit, union)])
    return [list(scores) for scores in zip(*by_run)]


def shares(counted: Sequence[Evidence]) -> list[list[int]]:
    """Return the confusion matrix over all runs: of each class's pixels the share predicted as each, in thousandths."""
    matrix = sum(each.confusion for each in counted)
    totals = matrix.sum(1, keepdims=True)
    return np.rint(_SHARES * matrix / np.maximum(totals, 1)).astype(int).tolist()


def plain(settings: dict) -> dict[str, str]:
    """Return settings as people write them: sizes 512x1024, names in a row."""
    return {name.replace("_", " "): plan.written(value) for name, value in settings.items()}


def list_text(name: str, described: dict) -> str:
    """Return what a record says of one of its image lists, in a line."""
    units = described.get("units", [])
    where = f" from {many(len(units), 'unit')}" if units else ""
    return f"{name}: {many(described['n'], 'image')} of {described['data']}{where}, list {described['sha256']}"


def _definition(metric: str) -> str:
    name, _, classes = metric.partition(":")
    return f"{metric}: mean IoU of these classes" if classes else f"{name}: {SCORES[name]}"


def _scaled(interval: tuple[float, float] | None, scale: float) -> list[float] | None:
    return None if interval is None else [round(scale * end, 5) for end in interval]
