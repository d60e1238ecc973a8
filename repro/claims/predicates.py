"""One function a kind of predicate: what a suite's records say of it."""

from collections.abc import Mapping, Sequence

import numpy as np

from repro import plan, records
from repro.claims.outcome import NOT_BUILT, NOT_MEASURED, NOT_RUN, Outcome, nothing, over_seeds
from repro.claims.pairs import Pair, Side, Tested, pairs_of, sides_compared
from repro.compare import Finding, compare
from repro.curves import points_of
from repro.measurements import cost_of, seconds_of
from repro.papers.spec import (
    Above,
    BackgroundAbove,
    ConvergedBy,
    Faster,
    LossAt,
    LowestLoss,
    Rising,
    SmallGap,
    Suite,
)
from repro.records import Folder, Record

_SLACK = 1e-9  # values are sums of floats
_BACKGROUND = "background"


def in_every_pair(predicate: Above | Rising, tested: Mapping[Pair, Tested]) -> Outcome:
    """Return whether `row` is above `other` in every comparison: True if the test says so of all of them.

    False where it says "below" of any: "above every one" is then wrong, whatever is missing. Else it cannot be told:
    ties by the test, too few seeds, and cells that were not run or not built.
    """
    return _all_of([tested[pair] for pair in pairs_of(predicate)], "above", "below")


def _all_of(tests: Sequence[Tested], wanted: str, against: str) -> Outcome:
    """What a conjunction of comparisons comes to."""
    words = [each.word for each in tests]
    truth = False if against in words else True if set(words) == {wanted} else None
    return Outcome(
        truth=truth,
        missing=nothing(words) if all(each.missing for each in tests) else "",
        n=tuple(sorted({n for each in tests for n in each.n})),
        numbers=(*dict.fromkeys(each.text for each in tests if not each.missing), *_absent(tests)),
    )


def _absent(tests: Sequence[Tested]) -> list[str]:
    """The rows that comparisons lack, a line a reason; their names may have commas."""
    rows = dict.fromkeys(each for test in tests for each in test.absent)
    reasons = dict.fromkeys(why for _, why in rows)
    return [f"{reason}: {'; '.join(row for row, why in rows if why == reason)}" for reason in reasons]


def converged_by(predicate: ConvergedBy, suite: Suite, folder: Folder) -> Outcome:
    """Return whether the selection loss stays near its end from an epoch on, in every one of three seeds or more.

    A run has converged at the first epoch from which on the loss is within `within` of its mean over the last `last`
    epochs. A run that ends under `last` epochs after the claimed one cannot tell.
    """
    needed = predicate.epoch + predicate.last
    wanted = f"within {100 * predicate.within:g} % of its mean over the last {predicate.last} epochs"

    def of_one(record: Record) -> tuple[bool | None, str]:
        losses = points_of(record.curve(), "selection_loss", "epoch")
        if not losses or losses[-1][0] < needed:
            ended = f"ended at epoch {losses[-1][0]:g}" if losses else "has no such curve"
            return None, f"{ended}; {needed} epochs would show it"
        at = converged_at(losses, within=predicate.within, last=predicate.last)
        return at <= predicate.epoch, f"validation loss {wanted} from epoch {at:g} on"

    return _each_seed(predicate.figure, predicate.row, suite, folder, of_one)


def converged_at(losses: Sequence[tuple[float, float]], *, within: float, last: int) -> float:
    """Return the first epoch from which on the loss stays within a fraction of its mean over the last epochs.

    Args:
        losses: (epoch, loss), oldest first.
        within: a fraction of that mean.
        last: how many epochs at the end it is taken over.
    """
    mean = float(np.mean([loss for _, loss in losses[-last:]]))
    outside = [index for index, (_, loss) in enumerate(losses) if abs(loss - mean) > within * abs(mean) + _SLACK]
    first = outside[-1] + 1 if outside else 0
    return losses[first][0] if first < len(losses) else float("inf")


def loss_at(predicate: LossAt, suite: Suite, folder: Folder) -> Outcome:
    """Return whether the training loss has a value at a step and is flat from another on, in three seeds or more.

    The value is that of the first recorded point at or after `step`; flat is a least-squares slope of at most `within`
    a 1000 steps over the points from `flat_from` on. A run that ends before there are two of them cannot tell.
    """
    stated = float(predicate.loss)

    def of_one(record: Record) -> tuple[bool | None, str]:
        points = points_of(record.curve(), "train_loss", "step")
        later = [(step, loss) for step, loss in points if step >= predicate.flat_from]
        value = next((loss for step, loss in points if step >= predicate.step), None)
        if value is None or len(later) < 2:
            ended = f"ended at step {points[-1][0]:g}" if points else "has no such curve"
            return None, f"{ended}; it takes more than {predicate.flat_from} steps"
        slope = 1000 * float(np.polyfit(*np.array(later).T, 1)[0])
        there = abs(value - stated) <= predicate.within + _SLACK
        flat = abs(slope) <= predicate.within + _SLACK
        at = f"training loss {value:.3f} at step {predicate.step} (stated {predicate.loss})"
        return there and flat, f"{at}, slope {slope:+.3f} a 1000 steps from step {predicate.flat_from} on"

    return _each_seed(predicate.figure, predicate.row, suite, folder, of_one)


def small_gap(predicate: SmallGap, suite: Suite, folder: Folder) -> Outcome:
    """Return whether the selection loss ends at most a fraction above the training loss, in three seeds or more.

    Both are those of the last epoch; the training loss is the mean over that epoch's steps.
    """

    def of_one(record: Record) -> tuple[bool | None, str]:
        points = record.curve()
        train, selection = (dict(points_of(points, name, "epoch")) for name in ("train_loss", "selection_loss"))
        if not selection or max(selection) not in train:
            return None, "has no such curve"
        end = max(selection)
        gap = (selection[end] - train[end]) / train[end]
        ends = f"training loss {train[end]:.3f}, validation loss {selection[end]:.3f} at epoch {end:g}"
        return gap <= predicate.within + _SLACK, f"{ends}: {100 * gap:+.0f} %, at most {100 * predicate.within:+.0f} %"

    return _each_seed(predicate.figure, predicate.row, suite, folder, of_one)


def lowest_loss(predicate: LowestLoss, suite: Suite, folder: Folder) -> Outcome:
    """Return whether a row's loss ends below every other's: the exact test over seeds, all of them one family.

    True if the test says so of all, False if it says the reverse of any.
    """
    found = _row_findings(predicate.figure, suite, folder)

    def side(name: str) -> Side:
        ends = {}
        for record in found[name].records:
            losses = points_of(record.curve(), predicate.curve, "epoch")
            if losses:
                ends.setdefault(record.kind, []).append(losses[-1][1])
        return Side(name, ends, why="" if ends else _why(found[name]))

    label = f"{predicate.curve.replace('_', ' ')} at the end: "
    return _lower(predicate.row, predicate.others, side, label)


def faster(predicate: Faster, suite: Suite, folder: Folder) -> Outcome:
    """Return whether a row takes less time an image than every other: the exact test over turns on one machine kind.

    The times are those of `python -m repro.bench networks` at the size of the suite's training images. "not measured"
    where there are none; then the recorded operations of each network are shown, which are no time: memory traffic and
    kernels decide that as well.
    """
    found = _row_findings(predicate.table, suite, folder)
    rows = (predicate.row, *predicate.others)
    lines = {name: _lines(predicate.table, found[name], suite, folder) for name in rows}
    if not any(lines.values()):
        if not any(found[name].records for name in rows):
            return Outcome(missing=NOT_RUN)
        return Outcome(missing=NOT_MEASURED, numbers=tuple(_cost(name, found[name]) for name in rows))

    def side(name: str) -> Side:
        turns = {kind: seconds_of(line) for kind, line in lines[name].items()}
        return Side(name, turns, why="" if turns else _why(found[name]))

    first = next(line for each in lines.values() for line in each.values())
    processor = first["cpu"] if first["device"] == "cpu" else first["device"]
    label = f"{first['clock']} an image on {processor}, n turns of one process: "
    return _lower(predicate.row, predicate.others, side, label)


def _lines(table: str, finding: Finding, suite: Suite, folder: Folder) -> dict[str, dict[str, str]]:
    """What was timed of a row's network, by machine kind."""
    run = plan.run_of(plan.exhibit(table), finding.row, finding.column.data, suite)
    size = run and (run.recipe.crop or run.recipe.size)
    return cost_of(run.network, run.options, size, folder.records.parent) if size else {}


def _cost(name: str, finding: Finding) -> str:
    if not finding.records:
        return f"{name}: {_why(finding)}"
    cost = finding.records[0].data["network"]
    operations = f", {cost['flops'] / 1e9:.1f} GFLOP at {'x'.join(map(str, cost['size']))}" if cost["flops"] else ""
    return f"{name}: no time recorded; {cost['parameters'] / 1e6:.2f} M parameters{operations}"


def background_above(predicate: BackgroundAbove, suite: Suite, folder: Folder) -> Outcome:
    """Return whether more than a share of a training list's labelled pixels are background, as any record counted them.

    A count, not an estimate: one record decides.
    """
    stand = suite.data[predicate.data]
    record = _counted(stand.train, suite, folder)
    if record is None:
        return Outcome(missing=NOT_RUN)
    counts, classes = _label_pixels(record), record.data["classes"]
    share = counts[classes.index(_BACKGROUND)] / sum(counts)
    images = record.data["lists"]["train"]["n"]
    said = f"{100 * share:.1f} % of the labelled pixels of {images} training images of {stand.name} are background"
    return Outcome(truth=share > predicate.share, numbers=(f"{said}; more than {100 * predicate.share:g} % is stated",))


def _counted(data: str, suite: Suite, folder: Folder) -> Record | None:
    """A record of the suite that counted a data set's training labels: of a trained run, or of one fitted to them."""
    there = records.ids(folder.records)
    for job in plan.plan(suite, seeds=suite.seeds):
        if job.run.train.data == data and job.run.id in there:
            for record in records.find(folder.records, job.run.id):
                if _label_pixels(record) and _BACKGROUND in record.data["classes"]:
                    return record
    return None


def _label_pixels(record: Record) -> list[int] | None:
    training = record.data["training"] or record.data["lists"]["train"]
    return training.get("label_pixels")


def _row_findings(id: str, suite: Suite, folder: Folder) -> dict[str, Finding]:
    """The findings of a table's or figure's first column, by row: for the records behind them."""
    table = plan.exhibit(id)
    columns = [next(column for column in table.columns if column.data in suite.data)]
    return {row[0].row.name: row[0] for row in compare(table, suite, folder, columns=columns).rows}


def _each_seed(figure: str, row: str, suite: Suite, folder: Folder, of_one) -> Outcome:
    """What a statement about one run comes to over the seeds of a row."""
    finding = _row_findings(figure, suite, folder)[row]
    if not finding.records:
        return Outcome(missing=_why(finding))
    told = [of_one(record) for record in finding.records]
    return Outcome(
        truth=over_seeds([truth for truth, _ in told]),
        n=(len(told),),
        numbers=tuple(f"seed {seed}: {said}" for seed, (_, said) in zip(finding.seeds, told)),
    )


def _why(finding: Finding) -> str:
    if finding.why:
        return NOT_BUILT
    return NOT_MEASURED if finding.records else NOT_RUN


def _lower(row: str, others: Sequence[str], side, label: str) -> Outcome:
    """What "lower than every other" comes to."""
    first = side(row)
    sides = [(first, side(other)) for other in others]
    tests = sides_compared(sides, [label] * len(sides), ["fraction"] * len(sides))
    return _all_of(tests, "below", "above")
