"""A checkout with records on the papers' own data, some of whose names are as hostile as names can be."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
from measured import matrix, point, publish, run_of, with_seed

from repro import compare, records
from repro.records import Folder, Record
from repro.report import Content, as_html, content
from repro.report.panels import Panels, classes_picture, photograph

HOSTILE = "<img src=x onerror=\"document.title='broken in'\">"  # a class is called so
ENDING = "</script><script>document.title='broken in'</script>\u2028<!--"  # and a processor
CURVE = [point(10, 1, 2.0, 1.5), point(20, 2, 1.0, 1.2), point(30, 3, 0.5, 1.1)]
SEEDS = {  # cell -> mIoU of each seed; 76.5, 62.4, 65.7 and 74.2 are printed, with a tolerance of a point
    "paper1_table1/ours": (0.764, 0.765, 0.766),  # reproduced
    "paper1_table1/FCN": (0.700, 0.701, 0.702),  # above
    "paper1_table1/SegNet": (0.500, 0.501, 0.502),  # below
    "paper1_table1/PSPNet": (0.742,),  # undecided, n = 1
}


def home(root: Path) -> Folder:
    """Return the folder of the papers' own records below `root`."""
    return records.folder_of(None, toy=False, root=root)


def write_checkout(root: Path) -> Path:
    """Write records of three systems and one more, with hostile names in them; return `root`."""
    for cell, scores in SEEDS.items():
        for seed, score in enumerate(scores):
            run = with_seed(run_of(cell, "cityscapes"), seed)
            rename(publish(home(root), root / "runs", run, matrix(score), curve=CURVE))
    return root


def rename(record: Record) -> None:
    """Call a record's second class and its processor by hostile names."""
    text = record.path.read_text()
    data = json.loads(text)
    data["classes"][1] = HOSTILE
    data["provenance"]["machines"][0]["cpu"] = ENDING
    record.path.write_text(json.dumps(data))


def content_of(root: Path, *, pictures: bool = False) -> Content:
    """Return what a page says of the checkout, with two small pictures if asked for."""
    found = content(compare.own_suite(), home(root), runs=root / "runs")
    return replace(found, panels=two_pictures()) if pictures else found


def two_pictures() -> Panels:
    """Return an image with a label and a prediction, and another one, of eight by sixteen pixels."""
    red, ids = np.full((8, 16, 3), (200, 30, 30), np.uint8), np.arange(128).reshape(8, 16) % 2
    colours = ((0, 0, 0), (255, 255, 255))
    pictures = {
        "a": photograph(red),
        "a-label": classes_picture(ids, colours),
        "a-ours": classes_picture(1 - ids, colours),
    }
    layers = [["image", "a", ""], ["label", "a-label", ""], ["ours", "a-ours", "mIoU 12.3 on this image"]]
    images = [{"name": "first", "layers": layers}, {"name": "second", "layers": layers[:2]}]
    group = {"name": "paper1_table1", "images": images, "classes": [["road", "#000000"], [HOSTILE, "#ffffff"]]}
    return Panels(groups=[group], pictures=pictures)


class Page(HTMLParser):
    """A page taken apart: every element as (name, attributes), and the text of the data element."""

    def __init__(self, html: str):
        """Parse a page."""
        super().__init__()
        self.elements: list[tuple[str, dict]] = []
        self.scripts: list[str] = []
        self.texts: list[str] = []
        self._script = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list) -> None:
        """Keep an element."""
        self.elements.append((tag, dict(attrs)))
        self._script = tag == "script"
        if self._script:
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        """Leave a script."""
        self._script = self._script and tag != "script"

    def handle_data(self, data: str) -> None:
        """Keep text, that of scripts apart."""
        if self._script:
            self.scripts[-1] += data
        else:
            self.texts.append(data)

    def named(self, tag: str, **attributes: str) -> list[dict]:
        """Return the attributes of the elements of a name that have the given ones."""
        wanted = {key.rstrip("_"): value for key, value in attributes.items()}
        found = [each for name, each in self.elements if name == tag]
        return [each for each in found if all(each.get(key) == value for key, value in wanted.items())]

    @property
    def data(self) -> dict:
        """The JSON object that the script reads."""
        return json.loads(self.scripts[0])

    @property
    def text(self) -> str:
        """What is read, in one line."""
        return re.sub(r"\s+", " ", " ".join(self.texts))


def page_of(root: Path, *, pictures: bool = False) -> Page:
    """Return the checkout's page, taken apart."""
    return Page(as_html(content_of(root, pictures=pictures)))
