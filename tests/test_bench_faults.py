"""The table of faults: it injects what it says, notices what is not survived, and a few faults of each kind."""

import pytest
import torch
from alone import passes_alone

from repro.bench.__main__ import main
from repro.bench.sheet import Sheet


@pytest.mark.slow
def test_a_few_faults_of_each_kind_are_survived_with_equal_bits_and_what_is_not_is_noticed():
    passes_alone("faults_alone.py")


def sheet(code):
    machine = {"device": "cpu", "cpu": "A processor", "cores": 2, "libraries": {"torch": torch.__version__}}
    return Sheet("faults", "what", ("fault",), (("kill",),), "all", machine, "1 faults injected", code=code)


@pytest.mark.parametrize("code", [0, 1])
def test_the_command_ends_with_the_summary_and_with_1_where_a_fault_was_not_survived(monkeypatch, capsys, code):
    asked = []
    monkeypatch.setattr("repro.bench.survival.measure", lambda **given: asked.append(given) or sheet(code))
    assert main(["faults", "--kills", "3"]) == code
    assert asked == [{"kills": 3}]
    assert capsys.readouterr().out.splitlines()[-1] == "1 faults injected"


@pytest.mark.parametrize("arguments", [["--kills", "3"], ["data", "--kills", "3"], ["faults", "--kills", "0"]])
def test_kills_belong_to_faults_alone_and_are_at_least_one(capsys, arguments):
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2 and "expected a number above 0, and the row faults alone" in capsys.readouterr().err
