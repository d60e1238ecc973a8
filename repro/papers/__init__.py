"""What the papers claim, as declarations. To add a paper: one module or package here, one name in PAPERS."""

from repro.papers.paper1 import PAPER1
from repro.papers.paper2 import PAPER2
from repro.papers.spec import Paper

PAPERS: tuple[Paper, ...] = (PAPER1, PAPER2)
