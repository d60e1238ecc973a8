"""What an audit finds: one statement about printed numbers, with what was tested and what would explain it."""

from dataclasses import asdict, dataclass, field

INCONSISTENT = "inconsistent"
IF_POOLED = "inconsistent if pooled"
POSSIBLE = "possible"
NOTED = "noted"
WORDS = (INCONSISTENT, IF_POOLED, POSSIBLE, NOTED)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One statement about printed numbers.

    Attributes:
        check: what was tested, "share of positives".
        place: where the numbers stand, "Table 3, DRIVE, row LKM".
        word: "inconsistent" (under every reading tested), "inconsistent if pooled" (possible as means over images),
            "possible" (under some readings only) or "noted" (no arithmetic).
        under: the readings that were refused, or for "possible" those that are left.
        inputs: printed numbers by name, fractions with three decimals where they are scores.
        inequalities: what must hold, with the numbers, a line each.
        explanation: what would explain it.
        sentence: for a review, to be pasted.
        cells: addresses of the cells it is about, "table/row/column".
    """

    check: str
    place: str
    word: str
    under: str = ""
    inputs: dict[str, str] = field(default_factory=dict)
    inequalities: tuple[str, ...] = ()
    explanation: str = ""
    sentence: str = ""
    cells: tuple[str, ...] = ()

    @property
    def verdict(self) -> str:
        """The finding in a line: `inconsistent under: ...`, `possible under: ...`."""
        if self.word == IF_POOLED:
            return f"{IF_POOLED}; possible under: {self.under}" if self.under else IF_POOLED
        return f"{self.word} under: {self.under}" if self.under else self.word

    def as_json(self) -> dict[str, object]:
        """Return the fields, and the verdict in words."""
        return {"verdict": self.verdict, **asdict(self)}


def decimals(number: float, digits: int = 3) -> str:
    """Return a fraction as findings print it, with three decimals unless more are needed to see a difference."""
    return f"{float(number):.{digits}f}"


def interval(bounds: tuple[float, float], digits: int = 3) -> str:
    """Return an interval as findings print it: [0.338, 0.353]."""
    return f"[{decimals(bounds[0], digits)}, {decimals(bounds[1], digits)}]"


def listed(words: list[str] | tuple[str, ...]) -> str:
    """Return words as prose: a, b and c."""
    return " and ".join(part for part in (", ".join(words[:-1]), words[-1]) if part) if words else ""
