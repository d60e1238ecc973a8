"""Run ids that must not move: `python tests/golden_ids.py` writes tests/golden/run_ids.json anew.

An id that moves makes every published record of its run an orphan. Commit new ones with a message that says which
declaration changed and why.
"""

import json
from pathlib import Path

from measured import run_of

FILE = Path(__file__).parent / "golden" / "run_ids.json"
CELLS = {
    "demo": ("paper1_table1/ours", "paper1_table1/position prior", "paper2_table3/LKM", "paper2_figure1/0.9"),
    "camvid": ("paper1_table1/FCN", "paper1_table1/ours", "paper1_table2/0.005", "paper1_table1/position prior"),
    "camvid-e4-n96": ("paper1_table1/ours", "paper1_table1/position prior"),
    "cityscapes": ("paper1_table1/PSPNet", "paper1_table1/ours", "paper1_figure2/ours, 200 epochs"),
    "isic2017": ("paper2_figure1/0.5", "paper2_figure2/all-convolution"),
    "isic2018": ("paper2_figure5/UNet++", "paper2_figure5/TCNet"),
    "ph2": ("paper2_figure4/TCNet", "paper2_figure4/FCN"),
    "drive": ("paper2_table3/LKM", "paper2_table3/LKM + ETM + MFM"),
    "chasedb1": ("paper2_table3/LKM", "paper2_table3/LKM + ETM + MFM"),
    "isic2017_256": ("paper2_figure1/0.5", "paper2_figure4/TCNet"),
}


def ids() -> dict[str, str]:
    """Return suite and cell -> run id, as this version has them."""
    return {f"{suite} {cell}": run_of(cell, suite).id for suite, cells in CELLS.items() for cell in cells}


if __name__ == "__main__":
    FILE.write_text(json.dumps(ids(), indent=1) + "\n")
