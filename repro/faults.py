"""What is wrong with records: where one does not follow from itself, and where two contradict each other."""

import json
import math
from collections.abc import Iterable, Iterator
from itertools import pairwise

import numpy as np

from repro import plan, records
from repro.command import sentence
from repro.metrics import BINS, Evidence
from repro.records import Record
from repro.schedule import learning_rate, steps_per_epoch

UNREADABLE = (*records.UNREADABLE, LookupError, AttributeError, ArithmeticError)  # what made-up contents lead to


def record_faults(record: Record) -> list[str]:
    """Return what is wrong with a record, a sentence each."""
    try:
        return list(_faults(record))
    except UNREADABLE as error:
        return [unreadable(record, error)]


def unreadable(record: Record, error: Exception) -> str:
    """Return that a record cannot be read, and why: without its path, which whoever says it names."""
    return f"cannot be read: {sentence(error).removeprefix(f'{record.path}: ')}"


def _faults(record: Record) -> Iterator[str]:
    data, evidence = record.data, record.evidence()
    run = plan.from_identity(data["run"])
    if run.id != record.id or data["id"] != record.id:
        yield f"its identity has the id {run.id}, its name says {record.id}"
    if data["provenance"]["kind"] != record.kind:
        yield f"its provenance says {data['provenance']['kind']}, its name says {record.kind}"
    yield from wrong_scores(record, evidence)
    yield from _wrong_lists(data["lists"], evidence)
    yield from _wrong_sizes(run, data["lists"])
    yield from _wrong_training(run, data, record.curve())


def wrong_scores(record: Record, evidence: dict[str, Evidence]) -> Iterator[str]:
    """Where the scores of a record are not those of its evidence."""
    follows = records.scores_of(evidence, record.data["classes"])
    for name in sorted({*follows, *record.data["scores"]}):
        given, recorded = follows.get(name, {}), record.data["scores"].get(name, {})
        for metric in sorted({*given, *recorded}):
            if metric not in given or metric not in recorded or not _same(given[metric], recorded[metric]):
                yield f"{metric} of {name} is {recorded.get(metric)}, its evidence gives {given.get(metric)}"
        if name in evidence and not _ranks_as_predicted(evidence[name]):
            yield f"the histogram of {name} is of other predictions than its counts"


def _ranks_as_predicted(evidence: Evidence) -> bool:
    """Whether the pixels predicted as foreground are those above one half in the histogram: bin 512 may be either's."""
    if evidence.histogram is None:
        return True
    hit, predicted, _ = (counts[:, 1] for counts in evidence.counts())
    positive = np.stack([predicted - hit, hit], axis=1)  # by true class
    if len(evidence.histogram) == 1:
        positive = positive.sum(0, keepdims=True)
    above, from_half = (evidence.histogram[:, :, first:].sum(2) for first in (BINS // 2 + 1, BINS // 2))
    return bool(((above <= positive) & (positive <= from_half)).all())


def _wrong_lists(lists: dict, evidence: dict[str, Evidence]) -> Iterator[str]:
    """What selection and report lists share, and where the report list is not that of the evidence."""
    selection, report = lists["selection"], lists["report"]
    images = set(selection["images"]) & set(_any(evidence).images.tolist())
    if images:
        yield f"selection and report share {len(images)} images, {sorted(images)[0]} for one"
    units = set(selection["units"]) & set(report["units"])
    if selection["data"] == report["data"] and units:
        yield f"selection and report share {', '.join(sorted(units)[:3])}"
    yield from wrong_report(report, evidence)


def wrong_report(report: dict, evidence: dict[str, Evidence]) -> Iterator[str]:
    """Where a report list is not that of the evidence, which names its images."""
    images, units = _any(evidence).images.tolist(), _any(evidence).units.tolist()
    if len(images) != report["n"]:
        yield f"its report list has {report['n']} images, its evidence counts {len(images)}"
    if len(set(images)) != len(images):
        yield "an image stands in its evidence twice"
    if set(units) != set(report["units"]):
        yield "the units of its evidence are not those of its report list"


def _wrong_sizes(run: plan.Run, lists: dict) -> Iterator[str]:
    """Lists of another data set or name, or longer, than the identity says."""
    for role, split in (("train", run.train), ("report", run.test)):
        n, is_of, said = (lists[role][name] for name in ("n", "data", "list"))
        if (is_of, said) != (split.data, split.list):
            yield f"its {role} list is {said} of {is_of}, its identity says {split.list} of {split.data}"
        if split.limit and n > split.limit:
            yield f"its {role} list has {n} images, its identity says {split.limit} at most"


def _wrong_training(run: plan.Run, data: dict, curve: list[dict]) -> Iterator[str]:
    """Where steps, rates and selected epoch are not those of a training by this recipe on so many images."""
    training, recipe = data["training"], run.recipe
    if (training is None) == run.trained:
        yield f"it has {'no' if run.trained else 'a'} training, and its recipe {recipe.epochs} epochs"
    if training is None or not run.trained:
        return
    known = ("step", "epoch", "learning_rate", "train_loss")
    if any(point.get(name) is None for point in curve for name in known):
        yield f"a point of its curve lacks one of {', '.join(known)}"
        return
    steps = [0, *(point["step"] for point in curve)]
    if not all(0 <= one < other < math.inf for one, other in pairwise(steps)):
        yield "the steps of its curve do not rise"
        return
    each = steps_per_epoch(data["lists"]["train"]["n"], recipe.batch)
    whole, last = each * recipe.epochs, curve[-1]["step"] if curve else 0
    if training["steps"] != last:
        yield f"it says {training['steps']} steps, its curve ends at {last:g}"
    if training["ended"] == "all epochs" and training["steps"] != whole:
        yield f"it says {training['steps']} steps, {recipe.epochs} epochs of its list are {whole}"
    if training["ended"] != "all epochs" and not (recipe.patience and 0 < training["steps"] < whole):
        yield f"it {training['ended']} after {training['steps']} of {whole} steps, with a patience of {recipe.patience}"
    for point in curve:
        rate = learning_rate(int(point["step"]) - 1, whole, recipe)
        if not math.isclose(rate, point["learning_rate"], rel_tol=2e-5, abs_tol=1e-12):
            yield f"its curve has a learning rate of {point['learning_rate']} at step {point['step']:g}, not {rate:.6g}"
            break
    losses = {point["epoch"]: point["selection_loss"] for point in curve if point["selection_loss"] is not None}
    lowest = min((loss for loss in losses.values() if math.isfinite(loss)), default=None)
    if lowest is not None and losses.get(training["selected_epoch"]) != lowest:
        yield f"it selected epoch {training['selected_epoch']}, its curve's lowest selection loss is {lowest:g}"


def contradictions(found: Iterable[Record]) -> list[str]:
    """Return where two records cannot both be true, a sentence each: what one list holds, two seeds of one run."""
    lists: dict[tuple, tuple[Record, dict]] = {}
    seeds: dict[str, Record] = {}
    faults = []
    for record in found:
        data = record.data
        for name, value in _said_of_lists(data):
            before, said = lists.setdefault(name, (record, value))
            if said != value:
                faults.append(f"{record.path}: its {' '.join(map(str, name))} are not those of {before.path.name}")
        if data["training"] is not None:
            curve = [{**point, "seconds": None} for point in record.curve()]
            same = json.dumps([{**data["run"], "seed": None}, record.kind, curve], sort_keys=True)
            if seeds.setdefault(same, record) is not record:
                faults.append(f"{record.path}: another seed than {seeds[same].path.name}, with the same curve")
    return faults


def _said_of_lists(data: dict) -> Iterator[tuple[tuple, object]]:
    """What a record says of image lists that every record with the same files must say, by its name."""
    for role, each in data["lists"].items():
        of = "of", each["data"], each["sha256"]
        if "images" in each:
            yield ("images", *of), each["images"]
        pixels = (data["training"] if role == "train" and data["training"] else each).get("label_pixels")
        if pixels:
            yield ("label pixels", *of), pixels


def _any(evidence: dict[str, Evidence]) -> Evidence:
    """One evaluation of several: images and units are the same for each."""
    return next(iter(evidence.values()))


def _same(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return math.isclose(one, other, rel_tol=1e-12, abs_tol=1e-12)
