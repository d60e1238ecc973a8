"""Bars as drawn: their lengths, intervals and words."""

import io

import pytest
from fabricated import folder_in, write_records
from matplotlib.patches import Rectangle
from PIL import Image

from repro import plan
from repro.compare import compare, find_suite
from repro.figure import bars, files_of
from repro.figure.said import differences
from repro.statistics import t_interval

PH2, ISIC2018 = plan.exhibit("paper2_figure4"), plan.exhibit("paper2_figure5")


def scores(*values):
    return {metric: list(values) for metric in ("mean_jaccard", "mean_accuracy", "mean_dice")}


@pytest.fixture
def folder(tmp_path):
    return folder_in(tmp_path)


def panels_of(figure, suite, folder):
    """(title, {text: how often}, bars as (width, filled), whiskers as (low, high)) of each panel."""
    found = []
    for drawn in bars.draw(compare(figure, suite, folder), "A title"):
        for panel in drawn.axes:
            texts = [text.get_text() for text in panel.texts]
            widths = [(round(b.get_width(), 3), b.get_facecolor()[:3] != (1, 1, 1)) for b in panel.patches]
            whiskers = [tuple(line.get_xdata()) for line in panel.lines if line.get_marker() == "|"]
            found.append((panel.get_title(loc="left"), texts, widths, whiskers))
    return found


def test_a_panel_for_each_printed_metric_and_a_name_for_each_system(folder):
    for drawn in bars.draw(compare(PH2, find_suite("demo"), folder), "A title"):
        assert [panel.get_title(loc="left") for panel in drawn.axes] == ["JA (%)", "AC (%)", "DI (%)"]
        names = [label.get_text() for label in drawn.axes[0].get_yticklabels()]
        assert names == [row.name for row in PH2.rows]


def test_one_seed_is_a_bar_without_an_interval(folder):
    suite = find_suite("demo")
    write_records(folder, PH2, suite, "UNet", scores(0.512))
    _, texts, widths, whiskers = panels_of(PH2, suite, folder)[0]
    assert widths == [(51.2, True)] and whiskers == [] and "51.2" in texts


def test_several_seeds_are_their_mean_with_the_95_percent_interval(folder):
    suite = find_suite("demo")
    write_records(folder, PH2, suite, "UNet", scores(0.50, 0.52, 0.54))
    _, texts, widths, whiskers = panels_of(PH2, suite, folder)[0]
    # sd 0.02, t(0.975, 2) = 4.3027: half 4.3027 * 0.02 / sqrt(3) = 0.04968
    assert widths == [(52.0, True)] and "52.0" in texts
    assert whiskers[0] == pytest.approx((52 - 4.968, 52 + 4.968), abs=1e-3)


def test_an_interval_ends_where_scores_do(folder):
    suite = find_suite("demo")
    write_records(folder, PH2, suite, "UNet", scores(0.98, 0.90))
    assert t_interval((0.98, 0.90))[1] > 1
    assert panels_of(PH2, suite, folder)[0][3][0][1] == 100


def test_where_systems_differ_in_seeds_each_bar_says_how_many(folder):
    suite = find_suite("demo")
    write_records(folder, PH2, suite, "UNet", scores(0.5))
    write_records(folder, PH2, suite, "FCN", scores(0.4, 0.4))
    write_records(folder, PH2, suite, "position prior", scores(0.3))
    texts = panels_of(PH2, suite, folder)[0][1]
    assert {"50.0 (n = 1)", "40.0 (n = 2)", "30.0"} <= set(texts)


def test_what_is_not_there_says_why(folder):
    texts = panels_of(PH2, find_suite("demo"), folder)[0][1]
    assert texts.count("not built") == 1  # SBPSF, which nobody can identify
    assert texts.count("not run") == len(PH2.rows) - 1


def test_the_papers_bar_is_outlined_beside_ours_on_its_own_data_only(folder):
    own, toy = find_suite(None), find_suite("demo")
    for suite in (own, toy):
        write_records(folder, ISIC2018, suite, "TCNet", scores(0.8))
    panels = panels_of(ISIC2018, own, folder)
    assert [sorted(widths) for _, _, widths, _ in panels] == [
        [(80.0, True), (90.334, False)],
        [(80.0, True), (93.457, False)],
        [(80.0, True), (91.773, False)],
    ]
    assert "paper 90.334" in panels[0][1]
    assert all(widths == [(80.0, True)] for _, _, widths, _ in panels_of(ISIC2018, toy, folder))


def test_the_papers_bar_stands_also_where_nothing_was_measured(folder):
    _, texts, widths, _ = panels_of(ISIC2018, find_suite(None), folder)[0]
    assert widths == [(90.334, False)] and texts.count("not run") == len(ISIC2018.rows)


def test_stated_differences_stand_in_a_note_with_ours_beside(folder):
    suite = find_suite("demo")
    for row, score in {"TCNet": 0.70, "UNet": 0.725}.items():
        write_records(folder, PH2, suite, row, scores(score))
    said = list(differences(compare(PH2, suite, folder)))
    assert said == [
        "Stated: JA of TCNet − UNet = 2.475 points. Measured on generated lesions, third set: −2.5 points (n = 1).",
        "Stated: DI of TCNet − UNet = 3.96 points. Measured on generated lesions, third set: −2.5 points (n = 1).",
        "Stated: AC of TCNet − SSLS = 11.153 points. Here SSLS is not run.",
    ]
    for drawn in bars.draw(compare(PH2, suite, folder), "A title"):
        assert "2.475" in drawn._supxlabel.get_text() and "Generated data" in drawn._supxlabel.get_text()


@pytest.mark.parametrize("seeds", [1, 5])
def test_no_two_words_of_a_figure_overlap(folder, seeds):
    suite = find_suite(None)
    for place, row in enumerate(ISIC2018.rows):
        count = 1 if row.untrained else seeds + place % 2
        write_records(folder, ISIC2018, suite, row.name, scores(*(0.99 - 0.001 * seed for seed in range(count))))
    for drawn in bars.draw(compare(ISIC2018, suite, folder), "A title"):
        drawn.canvas.draw()
        shown = [text for panel in drawn.axes for text in (*panel.texts, panel._left_title, *panel.get_xticklabels())]
        shown += [*drawn.axes[0].get_yticklabels(), drawn._suptitle, drawn._supxlabel, *drawn.legends[0].get_texts()]
        boxes = [text.get_window_extent() for text in shown]
        assert all(box.x1 <= drawn.bbox.x1 and box.x0 >= 0 for box in boxes)
        clashes = [(a.get_text(), b.get_text()) for i, a in enumerate(shown) for j, b in enumerate(shown[:i])
                   if boxes[i].overlaps(boxes[j])]  # fmt: skip
        assert not clashes


def test_the_same_records_give_the_same_bytes(folder):
    suite = find_suite("demo")
    write_records(folder, PH2, suite, "UNet", scores(0.5, 0.6))
    first = files_of(PH2, suite, folder)
    assert first == files_of(PH2, suite, folder)
    assert Image.open(io.BytesIO(first[".png"])).size[0] == 1080  # 7.2 inches at 150 dots
    assert b"<dc:date>" not in first[".svg"]
    assert first[".csv"].decode().splitlines()[2].startswith("UNet,,55.000,7.071,2,not stated")


def test_outlined_bars_are_rectangles_with_an_edge(folder):
    for drawn in bars.draw(compare(ISIC2018, find_suite(None), folder), "A title"):
        (paper,) = drawn.axes[0].patches
        assert isinstance(paper, Rectangle) and paper.get_edgecolor()[:3] == (0, 0, 0) and paper.get_linewidth() >= 1
