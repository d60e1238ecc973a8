"""An architecture as drawn: every box and every arrow is one of the record's."""

import csv
import io

import pytest
import torch
from fabricated import KIND, folder_in, write_records
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from repro import plan
from repro.compare import compare, find_suite
from repro.figure import architecture, files_of
from repro.figure.layout import lay_out
from repro.models.structure import trace
from repro.networks import build

FIGURE = plan.exhibit("paper1_figure1")


@pytest.fixture(scope="module")
def structures():
    with torch.device("meta"):
        image = torch.zeros(1, 3, 512, 1024)
        ours = build("attention_unet", encoder_name="resnet50", classes=19)
        return {"ours": trace(ours, image), "U-Net": trace(build("unet", classes=19), image)}


@pytest.fixture
def folder(tmp_path):
    return folder_in(tmp_path)


@pytest.fixture
def drawn_from(folder, structures):
    """Draw the figure from records of some rows, of which some hold no structure."""
    drawing = []

    def draw(rows=("ours", "U-Net"), without=()):
        suite = find_suite("camvid")
        for row in rows:
            found = None if row in without else structures[row]
            write_records(folder, FIGURE, suite, row, {"miou": [0.5]}, structure=found)
        drawing.append(architecture.draw(compare(FIGURE, suite, folder), "A title"))
        return next(drawing[-1])

    return draw


def block(name, shape, inputs, part="", layers=""):
    found = {"name": name, "part": part or name, "layers": layers, "parameters": 1, "times": 1}
    return found | {"shape": shape, "inputs": inputs}


def test_levels_are_the_sizes_and_columns_the_steps_along_them():
    small = {
        "blocks": [
            block("image", [3, 8, 8], []),
            block("down", [4, 4, 4], [0]),
            block("fuse", [4, 4, 4], [1]),
            block("up", [4, 8, 8], [2]),
            block("logits", [2, 8, 8], [3]),
        ]
    }
    drawing = lay_out(small)
    assert drawing.sizes == ((8, 8), (4, 4))
    places = {box.name: (box.column, box.level) for box in drawing.boxes}
    # down stands below the image, fuse beside it; up above fuse
    assert places == {"image": (0, 0), "down": (0, 1), "fuse": (1, 1), "up": (1, 0), "logits": (2, 0)}


def test_a_pool_between_two_blocks_is_named_at_the_arrow():
    small = {
        "blocks": [
            block("image", [3, 8, 8], []),
            block("first", [4, 8, 8], [0], layers="2 Conv2d"),
            block("pool", [4, 4, 4], [1], layers="MaxPool2d"),
            block("second", [4, 4, 4], [2], layers="2 Conv2d"),
            block("logits", [2, 4, 4], [3]),
        ]
    }
    drawing = lay_out(small)
    assert [box.name for box in drawing.boxes] == ["image", "first", "second", "logits"]
    assert [(a.source, a.target, a.through) for a in drawing.arrows] == [(0, 1, ""), (1, 2, "MaxPool2d"), (2, 3, "")]


@pytest.mark.parametrize("name", ["ours", "U-Net"])
def test_no_two_boxes_stand_in_one_place_and_arrows_go_to_the_right_or_along_a_column(structures, name):
    drawing = lay_out(structures[name])
    boxes = drawing.boxes[:-1]
    assert len({(box.column, box.level) for box in boxes}) == len(boxes)
    assert all(drawing.boxes[a.source].column <= drawing.boxes[a.target].column for a in drawing.arrows)


def test_encoder_fusion_attention_and_decoder_stand_in_columns_side_by_side(structures):
    columns = {}
    for box in lay_out(structures["ours"]).boxes:
        columns.setdefault(box.part, set()).add(box.column)
    assert [columns[part] for part in ("encoder", "AdjacentFusion", "HybridAttention", "UnetDecoderBlock")] == [
        {0}, {1}, {2}, {3},
    ]  # fmt: skip


def test_every_traced_block_and_connection_is_drawn(drawn_from, structures):
    (axes,) = drawn_from().axes
    drawings = [lay_out(structures[row]) for row in ("ours", "U-Net")]
    boxes = [patch for patch in axes.patches if isinstance(patch, FancyBboxPatch)]
    arrows = [patch for patch in axes.patches if isinstance(patch, FancyArrowPatch)]
    assert len(boxes) == sum(len(drawing.boxes) - 1 for drawing in drawings)  # the logits are an arrow
    assert len(arrows) == sum(len(drawing.arrows) for drawing in drawings)
    words = [text.get_text() for text in axes.texts]
    assert words.count("HybridAttention") == words.count("AdjacentFusion") == 4 and words.count("GlobalFusion") == 1
    assert "2048 × 16 × 32" in words and words.count("MaxPool2d") == 1 + 4 and words.count("ConvTranspose2d") == 4


def test_words_stay_in_their_boxes_and_do_not_overlap(drawn_from):
    drawn = drawn_from()
    drawn.canvas.draw()
    (axes,) = drawn.axes
    words = [*axes.texts, drawn._suptitle, drawn._supxlabel]
    extents = [text.get_window_extent() for text in words]
    assert not [(a.get_text(), b.get_text()) for i, a in enumerate(words) for j, b in enumerate(words[:i])
                if extents[i].overlaps(extents[j])]  # fmt: skip
    boxes = [patch.get_window_extent() for patch in axes.patches if isinstance(patch, FancyBboxPatch)]
    for text, extent in zip(words, extents):
        for box in boxes:
            inside = box.x0 <= extent.x0 and extent.x1 <= box.x1
            assert inside or not box.overlaps(extent), text.get_text()


def test_it_says_which_runs_were_traced(drawn_from, folder):
    said = drawn_from()._supxlabel.get_text()
    for path in folder.records.glob("*.json"):
        assert path.stem in said and path.stem.endswith(f"@{KIND}")


def test_without_records_or_structures_it_says_so_in_a_sentence(drawn_from):
    words = [text.get_text() for text in drawn_from(rows=("ours",), without=("ours",)).axes[0].texts]
    assert words == ["ours", "Its records hold no structure.", "U-Net", "Not run, so there is no structure to draw."]


def test_the_csv_has_every_block_with_its_inputs(drawn_from, folder, structures):
    drawn_from()
    suite = find_suite("camvid")
    files = files_of(FIGURE, suite, folder)
    assert files == files_of(FIGURE, suite, folder)
    rows = list(csv.DictReader(io.StringIO(files[".csv"].decode())))
    assert len(rows) == sum(len(structure["blocks"]) for structure in structures.values())
    bottom = next(row for row in rows if row["name"] == "fusion.bottom")
    assert (bottom["row"], bottom["part"], bottom["shape"]) == ("ours", "GlobalFusion", "2048x16x32")
    sources = [structures["ours"]["blocks"][int(index)]["name"] for index in bottom["inputs"].split()]
    assert sources == ["encoder.conv1", *(f"encoder.layer{stage}" for stage in (1, 2, 3, 4))]
