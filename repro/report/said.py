"""What the page says in words: the result in a sentence, claims, audit, deviations, environment."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from repro import plan
from repro.audit.claims import check_claim
from repro.audit.declared import check_paper
from repro.audit.finding import NOTED, WORDS, Finding
from repro.claims import judge
from repro.compare import is_own
from repro.papers.spec import Contradiction, Deviation, Paper, Suite
from repro.records import Folder, Record
from repro.report.tables import Cell
from repro.report.verdicts import JUDGED
from repro.words import many

_SLUGS = {"supported": "reproduced", "holds": "reproduced", "contradicted": "below", "does not hold": "below",
          "undecided": "undecided", "inconsistent": "below", "inconsistent if pooled": "undecided",
          "possible": "undecided"}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Said:
    """One claim of a paper with its word: `numbers` are what it rests on, `against` what the paper's own say."""

    text: str
    place: str
    word: str
    slug: str
    numbers: tuple[str, ...]
    against: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class PaperSaid:
    """What is said of one paper: its claims that a suite can judge, the audit's findings, and what was chosen."""

    paper: Paper
    claims: tuple[Said, ...]
    other_claims: int
    findings: tuple[Finding, ...]
    deviations: tuple[Deviation, ...]
    contradictions: tuple[Contradiction, ...]


def papers_of(suite: Suite) -> list[Paper]:
    """Return the papers that a suite has data for."""
    return list({paper.id: paper for id in plan.tables_of(suite) if (paper := plan.paper_of(id))}.values())


def said_of(paper: Paper, suite: Suite, folder: Folder) -> PaperSaid:
    """Return what is said of a paper on a suite's records; the arithmetic of its own numbers comes first."""
    judged = judge(paper, suite, folder)
    findings = check_paper(paper)
    return PaperSaid(
        paper=paper,
        claims=tuple(_claim(paper, each) for each in judged),
        other_claims=len(paper.claims) - len(judged),
        findings=tuple(sorted(findings, key=lambda one: one.word == NOTED)),
        deviations=paper.deviations,
        contradictions=paper.contradictions,
    )


def _claim(paper: Paper, judgement) -> Said:
    claim = judgement.claim
    against = [line for finding in check_claim(paper, claim) for line in finding.inequalities]
    return Said(
        text=claim.text,
        place=claim.place,
        word=judgement.word,
        slug=slug_of(judgement.word),
        numbers=judgement.numbers,
        against=tuple(line.removeprefix(f"{claim.text} ") for line in against),
    )


def slug_of(word: str) -> str:
    """Return the colour of a claim's or an audit's word: "holds on CamVid (n = 3)" has that of "reproduced"."""
    known = [name for name in _SLUGS if word == name or word.startswith(f"{name} ")]
    return _SLUGS[max(known, key=len)] if known else "neutral"


def counted(words: Sequence[str]) -> str:
    """Return how many there are of each word, the commonest first: "3 undecided, 1 supported"; "none" of none."""
    return ", ".join(f"{count} {word}" for word, count in Counter(words).most_common()) or "none"


def audit_counts(said: Sequence[PaperSaid]) -> str:
    """Return how many findings of each kind the audit has on some papers."""
    found = Counter(one.word for each in said for one in each.findings)
    return ", ".join(f"{found[word]} {word}" for word in WORDS if found[word]) or "none"


def title_of(suite: Suite) -> str:
    """Return a suite's title; a reduced one's says by how much."""
    less = [many(suite.epochs, "epoch")] if suite.epochs is not None else []
    less += [many(suite.limit, "training image")] if suite.limit is not None else []
    return ", ".join([suite.title[0].upper() + suite.title[1:], *less])


def result(cells: Sequence[Cell]) -> tuple[int, int]:
    """Return how many of the papers' printed numbers are reproduced, and how many there are."""
    return sum(cell.word.word == "reproduced" for cell in cells), len(cells)


def standing(suite: Suite, cells: Sequence[Cell]) -> str:
    """Return in two sentences what a suite's numbers can say, and how many of the printed ones they stand beside."""
    measured = sum(bool(cell.finding.scores) for cell in cells)
    judged = sum(cell.word.word in JUDGED[:3] for cell in cells)
    beside = f"{measured} of {len(cells)} printed numbers have a measured one beside them"
    if suite.toy:
        return f"The images are generated, so nothing is judged. {beside}."
    if plan.is_reduced(suite):
        return f"A reduced suite, with other epochs or fewer images than declared, so nothing is judged. {beside}."
    if not is_own(suite):
        return f"Other data stand in for the papers', so no number is compared with theirs. {beside}."
    return f"{beside}; {judged} have seeds enough for a verdict other than undecided."


def environment(found: Sequence[Record], machines: Sequence[dict]) -> list[tuple[str, str]]:
    """Return what the records were made with: (what, which) pairs, each fact once with the number of records."""
    if not found:
        return []
    provenance = [record.data["provenance"] for record in found]
    commits = Counter(each["commit"][:12] + ("" if each["clean"] else ", tree not clean") for each in provenance)
    libraries = [f"{name} {version}" for one in machines for name, version in sorted(one["libraries"].items())]
    hours = sum(each["seconds"] for each in provenance) / 3600
    return [
        ("records", str(len(found))),
        ("machine kinds", _times(Counter(record.kind for record in found))),
        ("processors", _each(f"{one['cpu']}, {one['cores']} cores" if one.get("cores") else one["cpu"]
                             for one in machines)),
        ("device", _each(one["device"] for one in machines)),
        ("memory", _each(f"{one['memory_gib']} GiB" for one in machines)),
        ("system", _each(one["system"] for one in machines)),
        ("Python", _each(one["python"] for one in machines)),
        ("CUDA", _each(one["cuda"] or "none" for one in machines)),
        ("libraries", _each(libraries)),
        ("commits", _times(commits)),
        ("same bits when repeated", f"{sum(bool(each.get('exact')) for each in provenance)} of {len(found)} records"),
        ("time of all runs", f"{hours:.1f} hours" if hours >= 1 else f"{60 * hours:.0f} minutes"),
    ]  # fmt: skip


def _each(facts) -> str:
    return "; ".join(dict.fromkeys(map(str, facts)))


def _times(counts: Counter) -> str:
    return "; ".join(f"{name} ({many(count, 'record')})" for name, count in counts.items())
