"""Wide tables in parts that fit into a line."""

import pytest
from fabricated import folder_in

from repro import plan
from repro.compare import find_suite
from repro.table import as_text, grid_of
from repro.table.grid import Entry, Grid
from repro.table.parts import parts


def grid(*headers, rows=(("a",),)):
    filled = tuple(tuple(Entry(text) for text in (*row, *[""] * (len(headers) - len(row)))) for row in rows)
    return Grid("table", "A table", (), headers, filled, (), ())


def test_a_table_that_fits_is_whole_with_headers_of_one_line():
    (part,) = parts(grid("system", "Acc measured", "verdict"), 120)
    assert (part.caption, part.headers) == ("", ("system", "Acc measured", "verdict"))
    # 6 + 12 + 7 letters, 3 characters between two columns, one at each end
    assert part.width(grid("system", "Acc measured", "verdict")) == 6 + 12 + 7 + 2 * 3 + 2


def test_headers_take_two_lines_before_a_table_is_parted():
    wide = grid("system", "Acc reported on PH2", "Acc measured")
    # 6 + 19 + 12 letters, 2 times 3 between columns, 2 at the ends: 45
    assert [part.headers for part in parts(wide, 45)] == [wide.headers]
    assert [part.headers for part in parts(wide, 44)] == [("system", "Acc\nreported on\nPH2", "Acc\nmeasured")]


def test_data_sets_and_readings_stand_once_above_their_part():
    names = [f"{data} {score}{reading}" for reading in ("", ", pooled") for data in ("A", "B") for score in ("x", "y")]
    table = grid("system", *[f"{name} {kind}" for name in names for kind in ("reported", "measured")], "verdict")
    shown = parts(table, 70)
    assert [part.caption for part in shown] == ["A", "B", "A, pooled", "B, pooled"]
    assert shown[2].headers == ("system", "x\nreported", "x\nmeasured", "y\nreported", "y\nmeasured")
    assert shown[3].headers[-1] == "verdict"


def test_every_column_is_in_one_part_and_the_system_in_all():
    table = grid("system", *[f"score{number} {kind}" for number in range(9) for kind in ("reported", "measured")])
    shown = parts(table, 60)
    assert all(part.columns[0] == 0 and part.width(table) <= 60 for part in shown)
    assert [index for part in shown for index in part.columns[1:]] == list(range(1, 19))
    assert all(len(part.columns) % 2 for part in shown)  # reported and measured of one score are never parted


def test_a_column_wider_than_the_line_is_shown_whole():
    text = as_text(grid("system", "score measured", "other measured", rows=(("a", "x" * 130, "y"),)))
    assert "x" * 130 in text


@pytest.mark.parametrize("name", list(plan.exhibits()))
def test_no_line_of_a_declared_table_is_longer_than_120_characters(name, tmp_path):
    text = as_text(grid_of(plan.exhibit(name), find_suite(None), folder_in(tmp_path)))
    assert max(map(len, text.splitlines())) <= 120
    assert "…" not in text


def test_table_3_shows_drive_and_then_chasedb(tmp_path):
    lines = as_text(grid_of(plan.exhibit("paper2_table3"), find_suite(None), folder_in(tmp_path))).splitlines()
    assert [line.strip() for line in lines if line.strip() in ("DRIVE", "CHASEDB")] == ["DRIVE", "CHASEDB"]
    rows = [line.split() for line in lines if line.startswith(" LKM + ETM + MFM")]
    assert [each[:5] for each in rows[0] if each.startswith("0.")] == ["0.973", "0.824", "0.983", "0.989"]
    assert [each[:5] for each in rows[1] if each.startswith("0.")] == ["0.970", "0.889", "0.986", "0.992"]
