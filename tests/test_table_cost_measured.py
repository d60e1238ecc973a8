"""The cost columns: what the benchmark measured of one image stands beside what the records hold."""

from pathlib import Path

from measured import run_of

from repro import compare, plan, records, table
from repro.measurements import key_of

TABLE = plan.exhibit("paper1_table1")


def grid(tmp_path: Path, *, size: tuple[int, int]) -> table.Grid:
    run = run_of("paper1_table1/FCN", "cityscapes")
    network, options, shape = key_of(run.network, run.options, size)
    quoted = '"' + options.replace('"', '""') + '"'
    path = tmp_path / "tables" / "bench" / "networks.csv"
    path.parent.mkdir(parents=True)
    names = "network,options,size,kind,peak_bytes,median_seconds,seconds"
    path.write_text(f"{names}\n{network},{quoted},{shape},cpu-torch2.15,1500000000,0.0125,0.0125\n")
    folder = records.folder_of(None, toy=False, root=tmp_path)
    return table.grid_of(TABLE, compare.find_suite(None), folder, columns="cost")


def test_time_and_memory_of_one_image_stand_beside_where_they_were_measured(tmp_path):
    found = grid(tmp_path, size=(512, 1024))
    assert found.headers[-2:] == ("one image (ms)", "one image (GB)")
    assert [entry.text for entry in found.rows[0][-2:]] == ["12.5", "1.50"]
    assert [entry.text for entry in found.rows[1][-2:]] == ["", ""]
    assert found.below[-1] == "one image: a forward pass in evaluation, measured apart on cpu-torch2.15"


def test_a_time_at_another_size_is_none(tmp_path):
    assert "one image (ms)" not in grid(tmp_path, size=(256, 512)).headers
