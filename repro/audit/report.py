"""Findings as text for people and as JSON objects for programs."""

from collections.abc import Sequence
from textwrap import fill

from repro.audit.finding import INCONSISTENT, NOTED, WORDS, Finding

WIDTH = 100
_MOST_INPUTS = 8  # more are in the inequality anyway, and all of them in the JSON


def as_text(title: str, findings: Sequence[Finding], notes: Sequence[str] = (), *, tested: bool = True) -> str:
    """Return the findings on one paper or file, the arithmetic first and what was noted last, with a count.

    Args:
        title: of the paper, or the file's name.
        findings: in their order.
        notes: on what was not audited.
        tested: whether any numbers stood beside each other that arithmetic ties.
    """
    lines = [title, "=" * min(WIDTH, len(title)), ""]
    lines += [_paragraph(note) for note in notes]
    lines += [""] if notes else []
    ordered = [one for one in findings if one.word != NOTED] + [one for one in findings if one.word == NOTED]
    for number, finding in enumerate(ordered, 1):
        lines += [_finding(number, finding), ""]
    return "\n".join([*lines, summary(findings, tested=tested), ""])


def summary(findings: Sequence[Finding], *, tested: bool = True) -> str:
    """Return how many findings there are of each word, or that there was nothing to test."""
    counts = [f"{number} {word}" for word in WORDS if (number := sum(one.word == word for one in findings))]
    if not counts and not tested:
        return "Nothing could be tested: no two of the numbers are tied by arithmetic."
    if not counts:
        return "Nothing found: no arithmetic speaks against the printed numbers."
    return "Found: " + ", ".join(counts) + "."


def as_json(title: str, findings: Sequence[Finding], notes: Sequence[str] = ()) -> dict[str, object]:
    """Return the same as an object for JSON, with the keys title, notes, inconsistent and findings."""
    return {
        "title": title,
        "notes": list(notes),
        "inconsistent": is_inconsistent(findings),
        "findings": [finding.as_json() for finding in findings],
    }


def is_inconsistent(findings: Sequence[Finding]) -> bool:
    """Return whether any finding says inconsistent, with or without "if pooled"."""
    return any(finding.word.startswith(INCONSISTENT) for finding in findings)


def _finding(number: int, finding: Finding) -> str:
    """Return one finding as an indented block."""
    block = [_paragraph(f"{number}. {finding.place}"), _paragraph(finding.verdict, "   ")]
    if finding.inputs and len(finding.inputs) <= _MOST_INPUTS:
        block.append(_paragraph(", ".join(f"{name} {text}" for name, text in finding.inputs.items()), "   "))
    block += [_paragraph(text, "   ") for text in (*finding.inequalities, finding.explanation) if text]
    if finding.word != NOTED:
        block.append(_paragraph(f'For a review: "{finding.sentence}"', "   "))
    return "\n".join(block)


def _paragraph(text: str, indent: str = "") -> str:
    return fill(text, WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)
