import json

import pytest

from repro import forms
from repro.records import ROOT, every

FORM = {"name": str, "size": [int], "by": {str: (float, None)}, "box": ({"left": float}, None), "on": bool}
FITS = {"name": "a", "size": [3, 4], "by": {"x": 1, "y": 0.5, "z": None}, "box": None, "on": True, "more": [{}]}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, ""),
        ({"size": []}, ""),
        ({"box": {"left": -1, "right": "any"}}, ""),
        ({"name": None}, "name is null, expected text"),
        ({"size": {}}, "size is {}, expected a list"),
        ({"size": [1, 2.0]}, "size.1 is 2.0, expected a whole number below 2^63"),
        ({"size": [True]}, "size.0 is true, expected a whole number below 2^63"),
        ({"by": {"x": float("nan")}}, "by.x is NaN, expected a number below 2^63"),
        ({"by": {"x": 2**63}}, "by.x is 9223372036854775808, expected a number below 2^63"),
        ({"by": [1]}, "by is [1], expected an object"),
        ({"box": {}}, "box lacks 'left'"),
        ({"box": "x" * 50}, f'box is "{"x" * 36}..., expected an object'),
        ({"on": 1}, "on is 1, expected true or false"),
    ],
)
def test_what_is_of_another_form_is_said_with_its_place(change, said):
    assert forms.misfit(FITS | change, FORM) == said


def test_a_file_of_another_form_is_named_with_what_was_found(tmp_path):
    path = tmp_path / "a.json"
    wrong = {b"[": "Expecting value", b"\xff": "codec can't decode", b"{}": "it lacks 'name'", b"3": "it is 3"}
    for content, why in wrong.items():
        path.write_bytes(content)
        with pytest.raises(ValueError, match=rf"a\.json: not one \(.*{why}.*\); write it$"):
            forms.read(path, FORM, "not one ({}); write it")
    path.write_text("[" * 100_000)
    with pytest.raises(ValueError, match="maximum recursion depth"):
        forms.read(path, FORM, "not one ({}); write it")
    path.write_text(json.dumps(FITS))
    assert forms.read(path, FORM, "not one ({}); write it") == FITS


def test_every_published_record_is_of_the_form_of_a_record():
    found = every(ROOT / "tables" / "records")
    assert found
    assert [forms.misfit(each.data, forms.RECORD) for each in found] == [""] * len(found)


POINT = {"step": 3, "epoch": 1, "learning_rate": 0.1, "train_loss": float("nan"), "seconds": 1.5}


@pytest.mark.parametrize(
    "end",
    [
        *(b"", b'{"step": 6, "tra', b"[]\n", b"\0\0\0", b"\xff\n", b"{}\n", b"[" * 100_000),
        json.dumps(POINT | {"train_loss": None}).encode(),
        json.dumps(POINT | {"step": -1}).encode(),
        json.dumps(POINT | {"selection_score": "0.5"}).encode(),
    ],
)
def test_points_are_read_up_to_the_first_that_is_none(tmp_path, end):
    (tmp_path / "log.jsonl").write_bytes(json.dumps(POINT).encode() + b"\n" + end)
    assert [point["step"] for point in forms.read_log(tmp_path / "log.jsonl")] == [3]
    assert forms.read_log(tmp_path / "none") == []


@pytest.mark.parametrize(
    ("form", "fits", "others"),
    [
        (forms.Count, [0, 7], [-1, 1.0, True, "1", None, 2**63]),
        (forms.Amount, [0, 0.5], [-0.1, float("nan"), float("inf"), True, "1"]),
        (forms.Share, [0, 1, 0.5], [-0.1, 1.01, float("nan"), True]),
        (forms.Number, [0, -1.5, float("nan"), float("inf")], [True, "1", None]),
        ({"a?": str}, [{}, {"a": "x"}, {"b": 1}], [{"a": 1}, {"a": None}]),
    ],
)
def test_counts_amounts_numbers_and_what_may_be_there(form, fits, others):
    assert [forms.misfit(value, form) for value in fits] == [""] * len(fits)
    assert all(forms.misfit(value, form) for value in others)
