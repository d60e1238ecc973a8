"""The defects that the tests are tried on: each still has its place, and what finds it is said."""

import re
from collections import Counter

import pytest

from repro.bench import NAMED_ONLY, ROWS, defects
from repro.bench.defects import DEFECTS, ROOT, Defect, planted


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
def test_a_defect_has_its_place_in_the_tree_and_tests_that_may_find_it(defect: Defect):
    source = (ROOT / defect.file).read_text()
    wrong = planted(source, defect)
    assert wrong != source
    compile(wrong, defect.file, "exec")  # a defect is no syntax error
    path, word = defect.tests.split(" -k ")
    names = re.findall(r"^def (test_\w+)", (ROOT / path).read_text(), re.MULTILINE)
    assert any(word in name for name in names)


def test_there_are_twenty_defects_or_more_and_no_two_of_one_name():
    assert len(DEFECTS) >= 20 and max(Counter(defect.name for defect in DEFECTS).values()) == 1


def test_a_defect_whose_place_has_gone_is_named():
    with pytest.raises(ValueError, match=r"'nowhere' is there 0 times, expected once; adapt the defect 'gone'"):
        planted("text", Defect("gone", "repro/plan.py", "nowhere", "", "tests/test_plan.py -k plan"))


def test_they_are_planted_only_when_they_are_asked_for():
    assert "defects" in ROWS and "defects" in NAMED_ONLY


@pytest.mark.slow
def test_a_planted_defect_is_found_and_an_intact_tree_is_not(tmp_path):
    one = next(defect for defect in DEFECTS if defect.name == "the schedule is off")
    found, intact = defects.look(one, DEFECTS), defects.look(None, (one,))
    assert found.test == "test_training_stream.py::test_the_cosine_schedule_by_hand" and found.check
    assert (intact.test, intact.check) == ("", False)
