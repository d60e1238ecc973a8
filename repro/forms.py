"""What the suite's JSON files hold at least, and where one holds something else."""

import json
from pathlib import Path

Form = object  # see `read`
LARGEST = 2**63  # no count, score or time is as large


class Count(int):
    """A form: a whole number from 0 on."""


class Amount(float):
    """A form: a finite number from 0 on."""


class Share(float):
    """A form: a number from 0 to 1, as scores are."""


class Number(float):
    """A form: a number or NaN or an infinity, as a loss may be."""


WORDS = {
    str: "text", bool: "true or false", dict: "an object", list: "a list", None: "null", Number: "a number",
    int: "a whole number below 2^63", Count: "a whole number from 0 to 2^63", float: "a number below 2^63",
    Amount: "a number from 0 to 2^63", Share: "a number from 0 to 1",
}  # fmt: skip
IDENTITY = {  # of a run
    "network": str,
    "options": dict,
    "recipe": {"epochs": Count, "batch": Count},
    "seed": Count,
    "train": {"data": str, "list": str, "limit?": Count},
    "test": {"data": str, "list": str},
}
POINT = {  # of a training curve as it grows
    "step": Count, "epoch": Count, "learning_rate": Number, "train_loss": Number, "seconds": Amount,
    "selection_loss?": Number, "selection_score?": Number, "report_loss?": Number,
}  # fmt: skip
LIST = {"data": str, "list": str, "n": Count, "sha256": str, "units": [str]}
MACHINE = {
    "device": str, "cpu?": (str, None), "cuda?": (str, None), "system?": str, "python?": str, "libraries?": {str: str},
    "cores?": (Count, None), "threads?": Count, "memory_gib?": Amount, "processes?": Count,
}  # fmt: skip
BLOCK = {"name": str, "inputs?": list, "layers?": str, "parameters?": Count, "part?": str}
RECORD = {  # what a record holds at least
    "id": str,
    "run": IDENTITY,
    "classes": [str],
    "scores": {str: {str: (Share, None)}},  # by evaluation and metric; None where undefined
    "lists": {"train": LIST, "selection": LIST | {"images": [str]}, "report": LIST},
    "training": ({"steps": Count, "ended": str, "selected_epoch": Count, "label_pixels": [Count]}, None),
    "network": {"parameters": Count, "flops": (Count, None), "size": [Count]},
    "structure": ({"blocks": [BLOCK]}, None),
    "provenance": {
        "commit": str, "clean": (bool, None), "kind": str, "machines": [MACHINE], "seconds": Amount,
        "peak_memory_bytes?": (Count, None),
    },
}  # fmt: skip


def read(path: Path, form: Form, complaint: str):
    """Return what a JSON file holds.

    Args:
        path: the file.
        form: a type (float is any finite number; it and int are within `LARGEST`), None for null, a tuple of
            alternatives, a list of one form for a list of such, {str: form} for an object of any names, or an object
            with the names that it has at least, and with those that end in "?" where it has them.
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


def read_log(path: Path) -> list[dict]:
    """Return the points of a `log.jsonl`, a JSON object a line, oldest first; none where it is not there.

    A last line cut short by a kill is left out, and what follows on a line that is no point.
    """
    found = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []:
        try:
            point = json.loads(line)
        except (ValueError, RecursionError):
            break
        if misfit(point, POINT):
            break
        found.append(point)
    return found


def misfit(value: object, form: Form, where: str = "") -> str:
    """Return where a JSON value is not of a form (see `read`), as a clause; "" where it is."""
    if isinstance(form, tuple):
        found = [misfit(value, each, where) for each in form]
        return "" if "" in found else found[0]
    if isinstance(form, list) and isinstance(value, list):
        parts = ((place, each, form[0]) for place, each in enumerate(value))
    elif isinstance(form, dict) and isinstance(value, dict):
        if lacking := [name for name in form if name is not str and name[-1] != "?" and name not in value]:
            return f"{where or 'it'} lacks {lacking[0]!r}"
        default = form.get(str, object)
        parts = ((name, each, form.get(name, form.get(f"{name}?", default))) for name, each in value.items())
    else:
        return "" if _is(value, form) else f"{where or 'it'} is {_short(value)}, expected {_word(form)}"
    return next(filter(None, (misfit(each, its, f"{where}.{name}".lstrip(".")) for name, each, its in parts)), "")


def _is(value: object, form: Form) -> bool:
    if form is None or form is object:
        return value is None or form is object
    if form not in (int, Count, float, Amount, Share, Number):
        return isinstance(form, type) and isinstance(value, form)
    if isinstance(value, bool) or not isinstance(value, int if issubclass(form, int) else (int, float)):
        return False
    if form is Share:
        return 0 <= value <= 1 + 1e-9  # rounding
    return form is Number or (abs(value) < LARGEST and (value >= 0 or form in (int, float)))


def _word(form: Form) -> str:
    return WORDS[type(form) if isinstance(form, (dict, list)) else form]


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
