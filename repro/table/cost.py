"""What the systems of a table cost: parameters, operations, training time and memory, as the records have them."""

from repro.compare import Comparison, Finding
from repro.table.grid import Entry, Grid, above_of, rules_of, title_of

_GIBIBYTE = 2**30


def cost_grid(comparison: Comparison) -> Grid:
    """Return a table of cost: one line a system, time and memory for each data set it was trained on.

    Parameters and operations are those of the network as it was run (a multiply and an add are two operations), at the
    size of the images it saw in training. Time is that of the whole training, the mean over seeds of one machine kind.
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
    for findings in comparison.rows:
        chosen = [findings[columns[name]] for name in data]
        kinds |= {finding.kind for finding in chosen if finding.records}
        rows.append((Entry(findings[0].row.name), *_network(chosen), *(e for each in chosen for e in _training(each))))
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


def _training(finding: Finding) -> list[Entry]:
    """Seconds and memory of one data set's runs; nothing for a system that has no training."""
    provenances = [record.data["provenance"] for record in finding.records if record.data["training"] is not None]
    seconds = [each["seconds"] for each in provenances]
    memory = [each["peak_memory_bytes"] for each in provenances if each.get("peak_memory_bytes")]
    return [
        Entry(f"{sum(seconds) / len(seconds):.0f}" if seconds else ""),
        Entry(f"{max(memory) / _GIBIBYTE:.1f}" if memory else ""),
    ]
