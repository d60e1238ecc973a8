"""A sweep as drawn: points, spread, and the optimum that the paper names."""

import pytest
from fabricated import folder_in, write_records

from repro import plan
from repro.compare import compare, find_suite
from repro.figure import files_of, sweep

FIGURE = plan.exhibit("paper2_figure1")
METRICS = ("mean_accuracy", "mean_sensitivity", "mean_specificity", "mean_jaccard", "mean_dice")


def scores(*values):
    return {metric: list(values) for metric in METRICS}


@pytest.fixture
def folder(tmp_path):
    return folder_in(tmp_path)


@pytest.fixture
def drawn_from(folder):
    """Draw the records of a suite: (the figure, its panels)."""
    drawing = []

    def draw(suite=None):
        drawing.append(sweep.draw(compare(FIGURE, find_suite(suite), folder), "A title"))
        drawn = next(drawing[-1])
        return drawn, [panel for panel in drawn.axes if panel.get_title(loc="left")]

    return draw


def lines(panel, marker):
    return [line for line in panel.lines if line.get_marker() == marker]


def test_the_optimum_is_the_row_that_the_paper_claims_above_the_others():
    assert sweep.declared_optimum(FIGURE) == ("0.5",)


def test_five_panels_with_every_lambda_on_the_axis(drawn_from):
    _, panels = drawn_from()
    assert [panel.get_title(loc="left") for panel in panels] == ["AC (%)", "SE (%)", "SP (%)", "JA (%)", "DI (%)"]
    for panel in panels:
        assert [label.get_text() for label in panel.get_xticklabels()] == [f"0.{tenth}" for tenth in range(1, 10)]
        assert panel.get_xlabel() == "lambda"


def test_the_papers_optimum_is_marked_also_where_nothing_was_run(drawn_from):
    _, panels = drawn_from()
    for panel in panels:
        (mark,) = [line for line in panel.lines if line.get_linestyle() == "--"]
        assert list(mark.get_xdata()) == [0.5, 0.5]
        assert [text.get_text() for text in panel.texts] == ["not run"]


def test_points_are_means_at_their_lambda_with_interval_and_seeds(folder, drawn_from):
    suite = find_suite("demo")
    write_records(folder, FIGURE, suite, "0.3", scores(0.50, 0.52, 0.54))
    write_records(folder, FIGURE, suite, "0.1", scores(0.40))
    _, panels = drawn_from("demo")
    points = next(line for line in lines(panels[3], "o") if line.get_markersize() == 4)
    assert list(points.get_xdata()) == [0.1, 0.3]
    assert list(points.get_ydata()) == pytest.approx([40, 52])
    (interval,) = lines(panels[3], "_")
    # sd 0.02, t(0.975, 2) = 4.3027: half 4.3027 * 0.02 / sqrt(3) = 0.04968
    assert list(interval.get_ydata()) == pytest.approx([52 - 4.968, 52 + 4.968], abs=1e-3)
    (seeds,) = lines(panels[3], ".")
    assert list(seeds.get_ydata()) == pytest.approx([50, 52, 54])


def test_the_highest_mean_has_a_ring_and_what_is_missing_a_cross(folder, drawn_from):
    suite = find_suite("demo")
    for row, score in {"0.2": 0.5, "0.4": 0.7, "0.6": 0.6}.items():
        write_records(folder, FIGURE, suite, row, scores(score))
    _, panels = drawn_from("demo")
    ring = next(line for line in lines(panels[0], "o") if line.get_markersize() > 4)
    assert list(ring.get_xdata()) == [0.4]
    (missing,) = lines(panels[0], "x")
    assert list(missing.get_xdata()) == [0.1, 0.3, 0.5, 0.7, 0.8, 0.9]


def test_the_floor_is_told_in_words(folder, drawn_from):
    write_records(folder, FIGURE, find_suite("demo"), "position prior", scores(0.3))
    drawn, _ = drawn_from("demo")
    said = drawn._supxlabel.get_text()
    assert "Not on the axis: position prior, AC 30.0, SE 30.0, SP 30.0, JA 30.0, DI 30.0." in said


def test_no_two_words_of_a_figure_overlap(folder, drawn_from):
    suite = find_suite(None)
    for row in FIGURE.rows:
        three = [0.9, 0.91, 0.92] if row.network == "tcnet" else [0.3]
        write_records(folder, FIGURE, suite, row.name, scores(*three))
    drawn, panels = drawn_from()
    drawn.canvas.draw()
    shown = [drawn._suptitle, drawn._supxlabel, *drawn.axes[5].get_legend().get_texts()]
    for panel in panels:
        low, high = panel.get_ylim()
        shown += [panel._left_title, panel.xaxis.label, *panel.get_xticklabels()]
        shown += [label for label in panel.get_yticklabels() if low <= label.get_position()[1] <= high]
    boxes = [text.get_window_extent() for text in shown]
    assert not [(a.get_text(), b.get_text()) for i, a in enumerate(shown) for j, b in enumerate(shown[:i])
                if boxes[i].overlaps(boxes[j])]  # fmt: skip


def test_the_same_records_give_the_same_bytes(folder):
    suite = find_suite("demo")
    write_records(folder, FIGURE, suite, "0.5", scores(0.5, 0.6))
    assert files_of(FIGURE, suite, folder) == files_of(FIGURE, suite, folder)
