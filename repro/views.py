"""All views of a suite at once: every table and figure, as files, from its records alone."""

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from repro import plan, records, table
from repro.compare import SEEDS, find_suite, folder_of, home_of, is_own, shown_as, suite_called
from repro.files import write_atomically
from repro.papers.spec import FactTable, Figure, Suite
from repro.papers.suites import SUITES
from repro.records import Folder, Record

_IDENTITY = ("id", "kind", "network", "options", "train", "test", "limit", "epochs", "learning_rate", "weights", "seed")
_PROVENANCE = ("steps", "ended", "parameters", "flops", "seconds", "peak_memory_bytes", "commit", "clean", "exact")
_SCORES = ("miou", "pixel_accuracy", "boundary_iou", "jaccard", "dice", "accuracy", "sensitivity", "specificity", "auc")


def files(suite: Suite, folder: Folder, ids: Sequence[str] | None = None) -> Iterator[tuple[str, str, bytes]]:
    """Yield (kind, name, bytes) of a suite's views: kind is "tables" or "figures". Draws nothing that is not built.

    Args:
        suite: whose.
        folder: where its records are.
        ids: which tables and figures; all that the suite has data for unless given.
    """
    for id in ids if ids is not None else (*plan.tables_of(suite), *fact_tables(suite)):
        exhibit = plan.exhibit(id)
        if isinstance(exhibit, Figure):
            from repro import figure

            if figure.is_drawn(exhibit):
                for ending, data in figure.files_of(exhibit, suite, folder).items():
                    yield "figures", f"{id}{ending}", data
                continue
        for format in ("csv", "md", "tex"):
            yield "tables", f"{id}.{format}", table.render(exhibit, suite, folder, format).encode()
    yield "tables", "records.csv", records_csv(suite, folder)


def fact_tables(suite: Suite) -> list[str]:
    """Return the ids of the tables of facts: they go with the papers' own data and with the demo."""
    if not (is_own(suite) or suite.toy):
        return []
    return [id for id, exhibit in plan.exhibits().items() if isinstance(exhibit, FactTable)]


def rewrite(suite: Suite, ids: Sequence[str] | None = None, root: Path = records.ROOT) -> None:
    """Write the views that show a suite's numbers (all, or the given ones) into its folders."""
    write(shown_as(suite), home_of(suite, root), ids)


def write(suite: Suite, folder: Folder, ids: Sequence[str] | None = None) -> None:
    """Write the views of a suite (all, or the given ones) that follow from the records of `folder` beside them."""
    for kind, name, data in files(suite, folder, ids):
        target = getattr(folder, kind)
        target.mkdir(parents=True, exist_ok=True)
        if not (target / name).exists() or (target / name).read_bytes() != data:
            write_atomically(target / name, data)


def as_text(suite: Suite, id: str) -> str:
    """Return a table of the suite, or the numbers behind a figure, for a terminal."""
    return table.render(plan.exhibit(id), shown_as(suite), folder_of(suite), "text")


def of_suite(suite: Suite, folder: Folder) -> list[Record]:
    """Return the records of the suite's own runs, in the order of its tables."""
    there, found = records.ids(folder.records), {}
    for job in plan.plan(suite, seeds=SEEDS, ablations=True):
        if job.run.id in there:
            found |= {record.path: record for record in records.find(folder.records, job.run.id)}
    return list(found.values())


def committed_suites(root: Path = records.ROOT) -> list[Suite]:
    """Return the papers' own suite, the demo, and every suite that has views or records in `tables/`."""
    folders = [path.name for path in sorted((root / "tables").glob("*")) if path.is_dir()]
    named = [suite for name in folders if (suite := suite_called(name)) is not None]
    published = records.folder_of(None, toy=False, root=root)
    measured = [suite for suite in SUITES.values() if not suite.toy and of_suite(suite, published)]
    found = [find_suite(None), SUITES["demo"], *named, *measured]
    return list({shown_as(suite).name: shown_as(suite) for suite in found}.values())


def committed_folder(suite: Suite, root: Path = records.ROOT) -> Folder:
    """Return where a suite's committed records and views are: a generated one's are its lock."""
    return records.lock_of(suite.name, root) if suite.toy else home_of(suite, root)


def records_csv(suite: Suite, folder: Folder) -> bytes:
    """Return the suite's records as a table for people: identity, provenance, the last weights' scores in per cent."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, (*_IDENTITY, *_PROVENANCE, *_SCORES), lineterminator="\n")
    writer.writeheader()
    for record in of_suite(suite, folder):
        writer.writerow(_row(record))
    return buffer.getvalue().encode()


def _row(record: Record) -> dict[str, object]:
    data = record.data
    run, recipe, provenance = data["run"], data["run"]["recipe"], data["provenance"]
    training = data["training"] or {}
    scores = data["scores"]["last native whole"]
    row = {
        "id": record.id,
        "kind": record.kind,
        "network": run["network"],
        "options": " ".join(f"{name}={value}" for name, value in sorted(run.get("options", {}).items())),
        "train": run["train"]["data"],
        "test": run["test"]["data"],
        "limit": run["train"].get("limit", ""),
        "epochs": recipe["epochs"],
        "learning_rate": recipe["learning_rate"],
        "weights": recipe["weights"],
        "seed": run["seed"],
        "steps": training.get("steps", ""),
        "ended": training.get("ended", ""),
        "parameters": data["network"]["parameters"],
        "flops": data["network"]["flops"] or "",
    }
    row |= {name: provenance[name] for name in _PROVENANCE if name in provenance}
    return row | {name: f"{100 * scores[name]:.2f}" for name in _SCORES if scores.get(name) is not None}
