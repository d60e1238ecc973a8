"""Paper 2: TCNet, large kernels and attention for medical images, whole."""

from repro.papers.paper2.bars import FIGURE4, FIGURE5
from repro.papers.paper2.claims import CLAIMS
from repro.papers.paper2.contradictions import CONTRADICTIONS
from repro.papers.paper2.deviations import DEVIATIONS
from repro.papers.paper2.facts import TABLE1, TABLE2
from repro.papers.paper2.figures import FIGURE1, FIGURE2, FIGURE3
from repro.papers.paper2.own_tables import OPEN_CHOICES
from repro.papers.paper2.references import REFERENCES
from repro.papers.paper2.table3 import TABLE3
from repro.papers.spec import Paper

PAPER2 = Paper(
    id="paper2",
    title="Research on deep learning image segmentation method based on attention mechanism",
    authors="Haibo Li",
    source="Applied Mathematics and Nonlinear Sciences (Sciendo), 17 March 2025, doi 10.2478/amns-2025-0210",
    tables=(TABLE1, TABLE2, TABLE3, OPEN_CHOICES),
    figures=(FIGURE1, FIGURE2, FIGURE3, FIGURE4, FIGURE5),
    claims=CLAIMS,
    deviations=DEVIATIONS,
    contradictions=CONTRADICTIONS,
    references=REFERENCES,
    not_stated=(
        "weights", "learning_rate", "final_learning_rate", "weight_decay", "patience", "precision",
    ),
)
