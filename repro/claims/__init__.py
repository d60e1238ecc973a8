"""The papers' claims, judged from a suite's records: a sentence of the paper, a word, and the numbers it rests on."""

from collections.abc import Mapping, Sequence
from textwrap import fill

from repro import plan
from repro.audit.claims import check_claim
from repro.claims.outcome import Judgement, Outcome, word_for
from repro.claims.pairs import Pair, Tested, pairs_of, tables_tested
from repro.claims.predicates import (
    background_above,
    converged_by,
    faster,
    in_every_pair,
    loss_at,
    lowest_loss,
    small_gap,
)
from repro.papers import PAPERS
from repro.papers.spec import (
    Above,
    BackgroundAbove,
    Claim,
    ConvergedBy,
    Faster,
    LossAt,
    LowestLoss,
    Paper,
    Predicate,
    Rising,
    SmallGap,
    Suite,
)
from repro.records import Folder
from repro.statistics import CAPTION

__all__ = ["Judgement", "Outcome", "as_text", "data_of", "judge", "pairs_of"]

_BY_TYPE = {
    ConvergedBy: converged_by,
    LossAt: loss_at,
    SmallGap: small_gap,
    LowestLoss: lowest_loss,
    Faster: faster,
    BackgroundAbove: background_above,
}
_WIDTH, _INDENT = 110, "   "


def judge(paper: Paper, suite: Suite, folder: Folder) -> list[Judgement]:
    """Return the judgement of each of a paper's claims whose data the suite has, in declared order.

    Args:
        paper: whose claims.
        suite: whose data stand behind them.
        folder: where its records are.
    """
    claims = [claim for claim in paper.claims if data_of(claim.predicate) <= set(suite.data)]
    tested = tables_tested(paper, suite, folder) if claims else {}
    return [_judgement(claim, suite, folder, tested) for claim in claims]


def data_of(predicate: Predicate) -> set[str]:
    """Return the paper's data sets that a predicate is about."""
    if isinstance(predicate, BackgroundAbove):
        return {predicate.data}
    table = plan.exhibit(predicate.table if isinstance(predicate, Above | Rising | Faster) else predicate.figure)
    columns = predicate.columns if isinstance(predicate, Above | Rising) else [table.columns[0].name]
    return {column.data for column in table.columns if column.name in columns}


def _judgement(claim: Claim, suite: Suite, folder: Folder, tested: Mapping[Pair, Tested]) -> Judgement:
    predicate = claim.predicate
    if isinstance(predicate, Above | Rising):
        outcome = in_every_pair(predicate, tested)
    else:
        outcome = _BY_TYPE[type(predicate)](predicate, suite, folder)
    return Judgement(claim=claim, word=word_for(outcome, suite, sorted(data_of(predicate))), numbers=outcome.numbers)


def as_text(suite: Suite, folder: Folder, papers: Sequence[Paper] = PAPERS) -> str:
    """Return the claims of the papers that a suite has data for, each with its word and numbers, for people."""
    blocks = [f"Claims, judged on {suite.title}.\n{CAPTION}\n"]
    for paper in papers:
        found = judge(paper, suite, folder)
        if not found:
            continue
        blocks.append(f"{paper.id}: {paper.title}\n")
        blocks += [_block(number, paper, each) for number, each in enumerate(found, 1)]
        if len(found) < len(paper.claims):
            blocks.append(f"{len(paper.claims) - len(found)} more claims are about data this suite has not.\n")
    return "\n".join(blocks)


def _block(number: int, paper: Paper, judgement: Judgement) -> str:
    """One claim: what is said and where, the word, the numbers, and what the printed numbers say against it."""
    against = [line for finding in check_claim(paper, judgement.claim) for line in finding.inequalities]
    lines = [f"{number}. {judgement.claim.text} ({judgement.claim.place})"]
    lines += [f"{_INDENT}-> {judgement.word}"]
    lines += [f"{_INDENT}{line}" for line in judgement.numbers]
    said = f"{judgement.claim.text} "
    lines += [f"{_INDENT}By the paper's own numbers: {line.removeprefix(said)}" for line in against]
    return "\n".join(fill(line, _WIDTH, subsequent_indent=_INDENT, break_on_hyphens=False) for line in lines) + "\n"
