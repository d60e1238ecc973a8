"""What the papers print is declared, once, and nothing else is."""

import pytest

from repro import plan
from repro.papers import PAPERS
from repro.papers.spec import Difference, FactTable, Figure, Paper, Table

TABLES: dict[str, Table] = {id: each for id, each in plan.exhibits().items() if not isinstance(each, FactTable)}
FACTS: dict[str, FactTable] = {id: each for id, each in plan.exhibits().items() if isinstance(each, FactTable)}
ROWS = [(table, row) for table in TABLES.values() for row in table.rows]


# Typed by hand from the papers' text.
TABLE1_AND_2 = {
    "paper1_table1": {
        "FCN": ("62.4", "89.1"),
        "SegNet": ("65.7", "90.3"),
        "DeepLabv3+": ("72.8", "93.7"),
        "PSPNet": ("74.2", "94.1"),
        "ours": ("76.5", "95.3"),
    },
    "paper1_table2": {
        "0.005": ("72.1", "92.8"),
        "0.003": ("74.2", "94.1"),
        "0.002": ("75.3", "94.7"),
        "0.001": ("76.0", "95.0"),
        "0.0005": ("76.5", "95.3"),
    },
}
TABLE3 = {  # DRIVE Acc, Sen, Sp, AUC, then CHASEDB's
    "LKM": "0.925 0.836 0.972 0.966 0.958 0.875 0.975 0.982",
    "LKM + ETM": "0.964 0.841 0.966 0.973 0.944 0.869 0.963 0.991",
    "LKM + MFM": "0.952 0.869 0.979 0.987 0.957 0.873 0.967 0.985",
    "LKM + ETM + MFM": "0.973 0.824 0.983 0.989 0.970 0.889 0.986 0.992",
}


def expected_cells() -> dict[str, str]:
    cells = {}
    for table, rows in TABLE1_AND_2.items():
        for row, (miou, accuracy) in rows.items():
            cells |= {f"{table}/{row}/mIoU": miou, f"{table}/{row}/PA": accuracy}
    heads = [f"{data} {metric}" for data in ("DRIVE", "CHASEDB") for metric in ("Acc", "Sen", "Sp", "AUC")]
    for row, numbers in TABLE3.items():
        for head, number in zip(heads, numbers.split(), strict=True):
            cells[f"paper2_table3/{row}/{head}"] = number
    figure5 = {"JA": "90.334", "AC": "93.457", "DI": "91.773"}
    return cells | {f"paper2_figure5/TCNet/{column}": number for column, number in figure5.items()}


def test_every_number_the_papers_print_is_declared_and_no_other():
    declared = {f"{t.id}/{row.name}/{column}": text for t, row in ROWS for column, text in row.reported.items()}
    assert declared == expected_cells()


def test_the_three_and_one_differences_that_paper_2_gives_are_declared():
    declared = {(t.id, d.column, d.row, d.other, d.reported) for t in TABLES.values() for d in differences(t)}
    assert declared == {
        ("paper2_figure4", "JA", "TCNet", "UNet", "2.475"),
        ("paper2_figure4", "DI", "TCNet", "UNet", "3.96"),
        ("paper2_figure4", "AC", "TCNet", "SSLS", "11.153"),
        ("paper2_figure5", "JA", "TCNet", "UNet++", "7.64"),
    }


def differences(table: Table) -> tuple[Difference, ...]:
    return table.differences if isinstance(table, Figure) else ()


def test_paper_2s_machine_and_data_are_declared_as_printed():
    machine = {row.name: row.reported["value"] for row in FACTS["paper2_table1"].rows}
    assert machine == {
        "Central processor": "Intel(R)Core i7-8600K CPU@3.60 GHz",
        "Graphics card": "Nvidia TITAN Xp 24GB",
        "Memory": "64GB",
        "Operating system": "Windows 10",
        "Python": "3.9.15",
        "CUDA": "11.6",
        "torch": "1.13.0+cu116",
        "torchvision": "0.14.0+cu116",
        "Simulation platform": "PyCharm",
    }
    counts = {
        row.name: tuple(row.reported[column] for column in ("Training", "Validation", "Testing"))
        for row in FACTS["paper2_table2"].rows
    }
    assert counts == {"ISIC 2017": ("800", "350", "0"), "PH2": ("0", "0", "220"), "ISIC 2018": ("1865", "635", "0")}


def test_every_table_and_figure_of_the_papers_and_our_own_are_there():
    assert set(plan.exhibits()) == {
        *("paper1_table1", "paper1_table2", "paper1_ablation", "paper1_deviations", "paper1_figure1", "paper1_figure2"),
        *("paper2_table1", "paper2_table2", "paper2_table3", "paper2_deviations"),
        *(f"paper2_figure{number}" for number in range(1, 6)),
    }


def test_paper_1s_recipe_is_what_its_section_IV_B_says():
    recipe = TABLES["paper1_table1"].recipe
    assert (recipe.optimiser, recipe.learning_rate, recipe.schedule) == ("adamw", 0.0005, "cosine")
    assert (recipe.batch, recipe.epochs, recipe.crop, recipe.size) == (16, 100, (512, 1024), None)
    assert recipe.loss == "cross_entropy_dice"
    assert recipe.augmentations == ("horizontal_flip", "brightness", "colour")
    assert recipe.weight_decay and recipe.patience and recipe.alpha is not None


def test_paper_2s_recipe_is_what_its_text_says():
    recipe = TABLES["paper2_table3"].recipe
    assert (recipe.optimiser, recipe.schedule) == ("adam", "cosine")
    assert (recipe.epochs, recipe.batch, recipe.size, recipe.crop) == (120, 15, (448, 448), None)
    assert set(recipe.augmentations) == {"vertical_flip", "horizontal_flip", "diagonal_flip", "shift", "scale"}
    assert (recipe.loss, recipe.alpha) == ("weighted_cross_entropy_dice", 0.5)


@pytest.mark.parametrize("paper", PAPERS, ids=lambda paper: paper.id)
def test_one_recipe_stands_behind_all_tables_of_a_paper(paper: Paper):
    recipes = {each.recipe for each in (*paper.tables, *paper.figures) if isinstance(each, Table)}
    assert len(recipes) == 1
