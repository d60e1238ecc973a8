"""What the suite's JSON files hold at least, and where one holds something else."""

import json
from pathlib import Path

Form = object  # see `read`
LARGEST = 2**63  # no count, score or time is as large
WORDS = {
    **{str: "text", int: "a whole number below 2^63", float: "a number below 2^63", bool: "true or false"},
    **{dict: "an object", list: "a list", None: "null"},
}

_SPLIT = {"data": str}
IDENTITY = {"network": str, "options": dict, "recipe": dict, "seed": int, "train": _SPLIT, "test": _SPLIT}
LIST = {"data": str, "list": str, "n": int, "sha256": str, "units": [str]}
RECORD = {  # what a record holds at least, as `read` takes it
    "id": str,
    "run": IDENTITY,
    "classes": [str],
    "scores": {str: {str: (float, None)}},  # by evaluation and metric; None where undefined
    "lists": {"train": LIST, "selection": LIST | {"images": [str]}, "report": LIST},
    "training": ({"steps": int, "ended": str, "selected_epoch": int, "label_pixels": [int]}, None),
    "network": {"parameters": int, "flops": (int, None), "size": [int]},
    "structure": ({"blocks": [{"name": str}]}, None),
    "provenance": {"commit": str, "clean": (bool, None), "kind": str, "machines": [dict], "seconds": float},
}


def read(path: Path, form: Form, complaint: str):
    """Return what a JSON file holds.

    Args:
        path: the file.
        form: a type (float is any finite number; it and int are within `LARGEST`), None for null, a tuple of
            alternatives, a list of one form for a list of such, {str: form} for an object of any names, or an object
            with the names that it has at least.
        complaint: what a ValueError says after the path; "{}" stands for what was found.

    Raises:
        ValueError: no JSON, or of another form.
    """
    try:
        value = json.loads(path.read_bytes())
        why = misfit(value, form)
    except (ValueError, RecursionError) as error:
        why = str(error)
    if why:
        raise ValueError(f"{path}: {complaint.format(why)}")
    return value


def misfit(value: object, form: Form, where: str = "") -> str:
    """Return where a JSON value is not of a form (see `read`), as a clause; "" where it is."""
    if isinstance(form, tuple):
        found = [misfit(value, each, where) for each in form]
        return "" if "" in found else found[0]
    if isinstance(form, list) and isinstance(value, list):
        parts = ((place, each, form[0]) for place, each in enumerate(value))
    elif isinstance(form, dict) and isinstance(value, dict):
        if lacking := [name for name in form if name is not str and name not in value]:
            return f"{where or 'it'} lacks {lacking[0]!r}"
        parts = ((name, each, form.get(name, form.get(str, object))) for name, each in value.items())
    else:
        return "" if _is(value, form) else f"{where or 'it'} is {_short(value)}, expected {_word(form)}"
    return next(filter(None, (misfit(each, its, f"{where}.{name}".lstrip(".")) for name, each, its in parts)), "")


def _is(value: object, form: Form) -> bool:
    if form is None or form is object:
        return value is None or form is object
    if form in (int, float):
        kinds = int if form is int else (int, float)
        return isinstance(value, kinds) and not isinstance(value, bool) and abs(value) < LARGEST
    return isinstance(form, type) and isinstance(value, form)


def _word(form: Form) -> str:
    return WORDS[type(form) if isinstance(form, (dict, list)) else form]


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
