"""Pictures in the repository show generated, CHASE_DB1 or ISIC 2017 images, or none at all."""

import re
import subprocess
from pathlib import Path, PurePath

import pytest
from measured import ROOT

from repro import plan
from repro.compare import suite_called

SUFFIXES = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".svg", ".tif", ".tiff", ".bmp", ".pdf")
FREE = {"chasedb1", "isic2017", "isic2017_256"}  # CC BY 4.0, credited; CC0
IMAGES = ("_panels", "_worst")  # figures that show images; every other one is drawn from numbers


def pictures() -> list[PurePath]:
    listed = subprocess.run(["git", "ls-files", "-z"], capture_output=True, text=True, cwd=ROOT)
    if listed.returncode:
        pytest.skip("this is no git checkout")
    return [PurePath(name) for name in listed.stdout.split("\0") if PurePath(name).suffix.lower() in SUFFIXES]


def may_enter(path: PurePath) -> bool:
    """Whether a picture's place says that it may be here: it shows numbers alone, or a suite whose images are free.

    A figure's file is named after it or its table, below `figures/`. Any other picture lies in a suite's folder.
    """
    of_numbers = path.stem.startswith(tuple(plan.exhibits()))
    of_numbers = of_numbers and not any(each in path.stem for each in IMAGES)  # "_panels_drive", too
    if path.parts[0] == "figures" and (of_numbers or path.parts[1] == "bench"):
        return True
    return any(is_free(folder) for folder in path.parts[:-1])


def is_free(name: str) -> bool:
    """Whether a folder is named after a suite whose images may be shown, whole or reduced."""
    suite = suite_called(name)
    if suite is None:
        return False
    sets = {each for stand in suite.data.values() for each in (stand.train, stand.test)}
    return all(each.startswith("toy_") or each in FREE for each in sets)


def test_pictures_in_the_repository_may_be_there():
    assert pictures() and [str(path) for path in pictures() if not may_enter(path)] == []


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("figures/camvid-e4-n96/paper1_figure2.png", True),  # curves
        ("figures/camvid/paper1_table1_panels.png", False),
        ("figures/demo/paper1_table1_panels.png", True),
        ("figures/camvid/paper1_table1_worst.png", False),
        ("figures/papers/paper2_table3_panels_drive.png", False),
        ("figures/camvid/street.png", False),
        ("figures/camvid/paper1_table1_confusion.svg", True),
        ("docs/pictures/demo/report-phone.png", True),
        ("docs/pictures/chasedb1/report.png", True),
        ("docs/pictures/isic2017_256-e4/panel.jpg", True),
        ("docs/pictures/isic2018/panel.jpg", False),
        ("docs/pictures/cityscapes/report.png", False),
        ("docs/report.png", False),  # of what, nobody can tell
        ("paper1_figure2.png", False),
    ],
)
def test_the_place_of_a_picture_decides(path: str, allowed: bool):
    assert may_enter(PurePath(path)) == allowed


def test_no_picture_is_embedded_in_a_committed_page():
    embedded = re.compile(rb"data:image/(png|jpe?g|gif|webp)")
    listed = subprocess.run(["git", "ls-files", "-z"], capture_output=True, text=True, cwd=ROOT).stdout.split("\0")
    pages = [ROOT / name for name in listed if Path(name).suffix in (".md", ".html", ".svg", ".ipynb")]
    found = [path for path in pages if path.is_file() and embedded.search(path.read_bytes())]
    assert [path for path in found if not may_enter(PurePath(path.relative_to(ROOT)))] == []
