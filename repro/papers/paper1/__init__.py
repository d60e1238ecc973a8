"""Paper 1: a U-Net with channel and spatial attention on Cityscapes, whole."""

from repro.papers.paper1.claims import CLAIMS
from repro.papers.paper1.contradictions import CONTRADICTIONS
from repro.papers.paper1.deviations import DEVIATIONS
from repro.papers.paper1.figures import FIGURE1, FIGURE2
from repro.papers.paper1.own_tables import ABLATION, OPEN_CHOICES
from repro.papers.paper1.references import REFERENCES
from repro.papers.paper1.tables import TABLE1, TABLE2
from repro.papers.spec import Paper

PAPER1 = Paper(
    id="paper1",
    title="Optimized Unet with Attention Mechanism for Multi-Scale Semantic Segmentation",
    authors="Xuan Li, Quanchao Lu, Yankaiqi Li, Muqing Li, Yijiaashun Qi",
    source="arXiv (cs.CV), 6 February 2025",
    tables=(TABLE1, TABLE2, ABLATION, OPEN_CHOICES),
    figures=(FIGURE1, FIGURE2),
    claims=CLAIMS,
    deviations=DEVIATIONS,
    contradictions=CONTRADICTIONS,
    references=REFERENCES,
    not_stated=("weights", "alpha", "weight_decay", "final_learning_rate", "patience", "precision"),
)
