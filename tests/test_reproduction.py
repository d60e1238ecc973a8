"""The committed numbers on real images come out again when their runs are made again."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from repro import machine, plan, records
from repro.data import find_root, search_folders
from repro.demo import TOLERANCES, curve_differences, data_differences
from repro.faults import record_faults
from repro.records import ROOT, Record
from repro.runner import Setting, perform

PUBLISHED = records.every(ROOT / "tables" / "records")


def cheapest(*, trained: bool) -> Record:
    """The committed record that took the shortest time, of runs that train or of those that do not."""
    found = [record for record in PUBLISHED if (record.data["training"] is not None) == trained]
    return min(found, key=lambda record: record.data["provenance"]["seconds"])


@pytest.fixture
def threads() -> Iterator[None]:
    """Give back the threads that a test takes."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def made_again(record: Record, folder: Path) -> Record:
    """Make a record's run again, from its identity alone; skip where its data are not here."""
    run = plan.from_identity(record.data["run"])
    try:
        find_root(run.test.data, search_folders(run.test.data))
    except ValueError:
        pytest.skip(f"$REPRO_DATA holds no {run.test.data}")
    done = perform(run, Setting(folder / "runs", (), torch.device("cpu")))
    return records.publish(done, folder / "records", run.id, record.kind)


def test_the_cheapest_real_number_comes_out_again_to_the_last_pixel(tmp_path: Path):
    record = cheapest(trained=False)
    again = made_again(record, tmp_path)
    assert record_faults(again) == []  # its scores are those of its counts
    assert again.data["lists"] == record.data["lists"]
    assert again.path.with_suffix(".npz").read_bytes() == record.path.with_suffix(".npz").read_bytes()


@pytest.mark.slow
def test_the_cheapest_trained_number_comes_out_again(tmp_path: Path, threads):
    record = cheapest(trained=True)
    if machine.emulates(record.data["run"]["recipe"]["precision"], torch.device("cpu")):
        pytest.skip("this processor only emulates the recipe's precision")
    (there,) = record.data["provenance"]["machines"]
    torch.set_num_threads(there["threads"])
    again = made_again(record, tmp_path)
    assert data_differences(record, again) == []
    assert curve_differences(record, again, TOLERANCES["paper2"]) == []
    if again.data["provenance"]["machines"] == [there]:  # the same machine, versions and threads: the same bits
        for name, counted in record.evidence().items():
            assert np.array_equal(counted.intersection, again.evidence()[name].intersection), name
