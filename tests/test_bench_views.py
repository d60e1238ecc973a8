"""A table on the command line: measured over made-up records that it reads."""

import pytest

from repro import plan, records
from repro.bench.views import measure, write_records
from repro.compare import compare, own_suite


def test_the_made_up_records_are_those_of_the_papers_cells_first(tmp_path):
    write_records(tmp_path, 40)
    folder = records.folder_of(None, toy=False, root=tmp_path)
    assert len(records.ids(folder.records)) == 40
    first = compare(plan.exhibit("paper1_table1"), own_suite(), folder).rows[0][0]
    assert first.seeds == tuple(range(16)) and first.mean == 0.5


@pytest.mark.slow
def test_a_call_with_records_and_one_without_are_measured_in_turn():
    result = measure(rounds=1, count=20)
    assert [line.name for line in result.lines] == ["with 20 records", "with none", "python alone"]
    assert all(line.median > 0 for line in result.lines)
    assert result.notes[0].startswith("by the wall, once: with 20 records ")
