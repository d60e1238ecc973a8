"""Every network elsewhere: the differences that the benchmark finds, and what it does with a failure."""

import pytest

from repro.bench.portable import _timed, measure


def test_a_way_that_fails_has_no_difference_and_its_reason_is_said(capsys):
    def failing(network):
        raise LookupError("no such operator")

    assert _timed(failing, None)[0] == ""
    assert capsys.readouterr().err == "LookupError: no such operator\n"
    assert _timed(lambda: 0.00012)[0] == "1.2e-04"


@pytest.mark.slow
def test_a_network_is_exported_and_compiled():
    pytest.importorskip("onnxruntime")
    sheet = measure(only="segnet", backend="eager")
    (row,) = sheet.rows
    assert row[:2] == ("SegNet (paper 1)", "segnet") and float(row[2]) < 1e-4 and float(row[4]) == 0
    assert sheet.found == "all 1 are within it"
