"""Which declared requirements the running interpreter lacks: `python repro/environment.py pyproject.toml`."""

import re
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


def _numbers(text: str) -> tuple[int, ...]:
    """The leading release numbers of a version, without zeros at the end: "2.15.0+cu132" is (2, 15)."""
    numbers = [int(part) for part in re.match(r"[\d.]*\d", text).group().split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def missing(pyproject: Path, extras: tuple[str, ...] = ("train", "test")) -> list[str]:
    """Return the requirements (base and `extras`) that this interpreter does not meet, with what was found instead.

    Understands the forms pyproject.toml uses: `name`, `name>=x`, `name==x`.
    """
    project = tomllib.loads(pyproject.read_text())["project"]
    requirements = list(project["dependencies"])
    for extra in extras:
        requirements += project["optional-dependencies"][extra]
    lacking = []
    for requirement in requirements:
        name, operator, wanted = re.fullmatch(r"([A-Za-z0-9._-]+)(>=|==)?(.*)", requirement).groups()
        try:
            found = version(name)
        except PackageNotFoundError:
            lacking.append(f"{requirement} (not installed)")
            continue
        meets = not operator or (_numbers(found) >= _numbers(wanted) if operator == ">=" else found == wanted)
        if not meets:
            lacking.append(f"{requirement} (found {found})")
    return lacking


if __name__ == "__main__":
    lacking = missing(Path(sys.argv[1]))
    print("\n".join(lacking))
    sys.exit(bool(lacking))
