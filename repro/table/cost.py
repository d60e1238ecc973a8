"""What the systems of a table cost: parameters, operations, training time and memory, as the records have them."""

from pathlib import Path

from repro import measurements, plan
from repro.compare import Comparison, Finding
from repro.table.grid import Entry, Grid, above_of, rules_of, title_of

_GIBIBYTE = 2**30


def cost_grid(comparison: Comparison, tables: Path) -> Grid:
    """Return a table of cost: one line a system, time and memory for each data set it was trained on.

    Parameters and operations are those of the network as it was run (a multiply and an add are two operations), at the
    size of the images it saw in training. Time is that of the whole training, the mean over seeds of one machine kind.
    Where `python -m repro.bench networks` measured any of them at that size, its time and memory of one image stand
    beside, of the machine kind that measured the most; `tables` is the folder that the benchmarks' are in.
    """
    columns = {column.data: index for index, column in reversed(list(enumerate(comparison.columns)))}
    data = [
        name for name in dict.fromkeys(column.data for column in comparison.columns) if name in comparison.suite.data
    ]
    several = len(data) > 1
    headers = ["system", "parameters (M)", "GFLOP", "at size"]
    for name in data:
        prefix = f"{comparison.suite.data[name].name} " if several else ""
        headers += [f"{prefix}training (s)", f"{prefix}peak memory (GiB)"]
    rows, kinds = [], set()
    kind, measured = _measured(comparison, tables)
    headers += ["one image (ms)", "one image (GB)"] if kind else []
    for findings, line in zip(comparison.rows, measured):
        chosen = [findings[columns[name]] for name in data]
        kinds |= {finding.kind for finding in chosen if finding.records}
        training = (entry for each in chosen for entry in _training(each))
        rows.append((Entry(findings[0].row.name), *_network(chosen), *training, *(_one_image(line) if kind else ())))
    return Grid(
        id=comparison.table.id,
        title=f"What it costs: {title_of(comparison)}",
        above=above_of(comparison),
        headers=tuple(headers),
        rows=tuple(rows),
        rule_before=rules_of(comparison),
        below=(
            f"measured on {', '.join(sorted(kinds))}" if kinds else "nothing was run",
            "GFLOP: 10^9 multiplications and additions of one image; training: mean over seeds, without evaluation; "
            "peak memory: the highest of all seeds, of the process or of the card.",
            *([f"one image: a forward pass in evaluation, measured apart on {kind}"] if kind else []),
        ),
    )


def _network(findings: list[Finding]) -> list[Entry]:
    """Parameters, operations and the size they were counted at, of the first record there is."""
    record = next((finding.records[0] for finding in findings if finding.records), None)
    if record is None:
        word = "not built" if findings and findings[0].why else "not run"
        return [Entry(word), Entry(""), Entry("")]
    cost = record.data["network"]
    operations = "" if cost["flops"] is None else f"{cost['flops'] / 1e9:.1f}"
    parameters = f"{cost['parameters'] / 1e6:.2f}" if cost["parameters"] else "0"
    return [Entry(parameters), Entry(operations), Entry("x".join(map(str, cost["size"])))]


def _measured(comparison: Comparison, tables: Path) -> tuple[str, list[dict[str, str]]]:
    """The machine kind that measured the most rows, "" for none, and each row's line of the benchmark, {} for none."""
    found = []
    for findings in comparison.rows:
        first = findings[0]
        run = plan.run_of(comparison.table, first.row, first.column.data, comparison.suite)
        size = run and (run.recipe.crop or run.recipe.size)
        found.append(measurements.cost_of(run.network, run.options, size, tables) if size else {})
    kinds = sorted(kind for each in found for kind in each)
    kind = max(kinds, key=kinds.count, default="")
    return kind, [each.get(kind, {}) for each in found]


def _one_image(line: dict[str, str]) -> list[Entry]:
    """Milliseconds and 10^9 bytes of one image."""
    if not line:
        return [Entry(""), Entry("")]
    memory = f"{int(line['peak_bytes']) / 1e9:.2f}" if line["peak_bytes"] else ""
    return [Entry(f"{1000 * float(line['median_seconds']):.1f}"), Entry(memory)]


def _training(finding: Finding) -> list[Entry]:
    """Seconds and memory of one data set's runs; nothing for a system that has no training."""
    provenances = [record.data["provenance"] for record in finding.records if record.data["training"] is not None]
    seconds = [each["seconds"] for each in provenances]
    memory = [each["peak_memory_bytes"] for each in provenances if each.get("peak_memory_bytes")]
    return [
        Entry(f"{sum(seconds) / len(seconds):.0f}" if seconds else ""),
        Entry(f"{max(memory) / _GIBIBYTE:.1f}" if memory else ""),
    ]
