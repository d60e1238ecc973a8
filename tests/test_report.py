"""The report: it says what the records say, escapes every name, loads nothing, and is small."""

import base64
import fnmatch
import hashlib
import io
import json
import re
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from measured import ROOT, matrix, publish, run_of, snapshot
from PIL import Image
from reported import ENDING, HOSTILE, Page, content_of, home, page_of, write_checkout

from repro import compare, external, plan, records
from repro.audit.declared import COVERED
from repro.command import BAD_INPUT, DONE
from repro.data.base import Sample, content_hash
from repro.plan import suite
from repro.report import __main__ as command
from repro.report import as_html, as_markdown, content, panels, said
from repro.report.evidence import shares
from repro.report.page import json_for_script
from repro.report.summary import escaped
from repro.report.tables import exhibits
from repro.report.verdicts import WORDS, because
from repro.run import make_parser
from repro.statistics import verdict


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkout(tmp_path_factory.mktemp("checkout"))


@pytest.fixture(scope="module")
def html(root: Path) -> str:
    return as_html(content_of(root, pictures=True))


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


@pytest.fixture(scope="module")
def demo() -> str:
    """The page of the committed demo, without pictures."""
    locked = records.lock_of("demo")
    return as_html(content(suite("demo"), locked, runs=Path("nowhere")))


# The result.


def cell_id(cell: str, column: str) -> str:
    """Return the id of a cell: table, row and column, counted from 0."""
    name, _, row = cell.partition("/")
    table = plan.exhibit(name)
    rows, columns = [each.name for each in table.rows], [each.name for each in table.columns]
    return f"{name}-{rows.index(row)}-{columns.index(column)}"


def test_the_first_lines_say_how_many_printed_numbers_are_reproduced(page: Page):
    # "ours" alone has its printed mIoU, in both tables of paper 1 (in the second as learning rate 0.0005); no PA is
    # near: h / (h + e) of those counts. Four systems in the first table and one in the second have two columns each.
    assert "2 of 55 printed numbers reproduced" in page.text
    assert "10 of 55 printed numbers have a measured one beside them; 8 have seeds enough for a verdict" in page.text


@pytest.mark.parametrize(
    ("cell", "letter"),
    [("ours", "R"), ("FCN", "A"), ("SegNet", "B"), ("PSPNet", "U"), ("DeepLabv3+", "N")],
)
def test_the_strip_gives_each_cell_its_verdict_and_leads_to_it(page: Page, html: str, cell: str, letter: str):
    target = cell_id(f"paper1_table1/{cell}", "mIoU")
    link = re.search(rf'<a class="chip (\w+)" href="#{target}".*?aria-hidden="true">(.)<', html)
    assert link[2] == letter
    assert page.named("td", id=target)


def test_every_link_leads_somewhere_and_no_id_is_there_twice(page: Page):
    ids = [each["id"] for _, each in page.elements if "id" in each]
    assert len(ids) == len(set(ids))
    links = [each["href"] for each in page.named("a")]
    assert len(links) > 55
    assert {link for link in links if link.removeprefix("#") not in ids} == set()


def test_suites_that_judge_nothing_say_so_first():
    for name, sentence in (("demo", "generated"), ("camvid-e4-n96", "reduced"), ("camvid", "Other data stand in")):
        assert sentence in said.standing(suite(name), [])
    assert said.title_of(suite("camvid-e4-n96")) == "CamVid in place of Cityscapes, 4 epochs, 96 training images"


def test_the_reason_of_a_verdict_has_its_numbers():
    scores = (0.764, 0.765, 0.766)  # mean .765, sd .001, t(.975, 2) = 4.303: 76.5 ± 0.25
    found = because(verdict("76.5", "percent", "1.0", scores), "percent", 1)
    assert found.startswith("The 95 % interval over 3 seeds, 76.25 to 76.75, lies within 75.45 to 77.55")
    assert because(verdict("76.5", "percent", "1.0", (0.5,)), "percent", 1).startswith("n = 1:")
    assert because(verdict("76.5", "percent", "1.0", (0.5, 0.6)), "percent", 1).startswith("n = 2:")
    other = verdict("76.5", "percent", "1.0", scores, differences=("4 epochs",))
    assert because(other, "percent", 1) == "Not as the paper states it: 4 epochs."


def test_every_verdict_that_a_printed_number_can_have_has_a_letter_of_its_own():
    words = re.findall(r'"([a-z ]+)"', verdict.__doc__.split("Args:")[0])
    assert {word for word in words if word not in ("not stated", "percent", "fraction")} == set(WORDS)
    assert len({word.letter for word in WORDS.values()}) == len(WORDS)


# The evidence.


def test_the_evidence_of_a_number_is_that_of_its_records(page: Page, root: Path):
    cell = page.data["cells"][cell_id("paper1_table1/ours", "mIoU")]
    assert (cell["scores"], cell["mean"], cell["reported"]) == ([76.4, 76.5, 76.6], 76.5, "76.5")
    assert cell["command"] == "./run_all.sh cityscapes --only paper1_table1/ours --seeds 0,1,2"
    group = page.data["groups"][cell["group"]]
    there = {record.id: record for record in records.every(home(root).records)}
    assert [run["id"] for run in group["runs"]] == [
        each.id
        for seed in range(3)
        for each in there.values()
        if each.data["run"]["network"] == "attention_unet" and each.data["run"]["seed"] == seed
    ]
    assert (group["network"], group["recipe"]["epochs"], group["recipe"]["crop"]) == (
        "attention_unet",
        "100",
        "512x1024",
    )
    assert group["lists"][0] == "train: 4 images of cityscapes from 1 unit, list 0000000000000000"
    machine = page.data["machines"][group["runs"][0]["machines"][0]]
    assert (machine["device"], machine["libraries"]["torch"]) == ("cpu", "2.15.0")


def test_class_scores_and_confusion_are_counted_from_the_evidence(page: Page):
    cell = page.data["cells"][cell_id("paper1_table1/ours", "mIoU")]
    counted = page.data["groups"][cell["group"]]["evaluations"]["last native whole"]
    assert counted["iou"] == [[7640, 7650, 7660]] * 2  # h / (h + 2 e) of each seed, the two classes alike
    hits, errors = 1528 + 1530 + 1532, 236 + 235 + 234
    share = round(1000 * hits / (hits + errors))
    assert counted["confusion"] == [[share, 1000 - share], [1000 - share, share]]


def test_a_class_without_a_pixel_has_no_shares():
    class Counted:
        confusion = np.array([[0, 0], [1, 3]])

    assert shares([Counted]) == [[0, 0], [250, 750]]


@pytest.mark.parametrize("name", [None, "demo", "camvid-e4-n96", "isic2017_256"])
def test_every_command_is_one_that_trains_that_cell_and_no_other(name: str | None, tmp_path: Path):
    asked = compare.shown_as(compare.find_suite(name))
    found = exhibits(asked, records.folder_of("camvid", toy=False, root=tmp_path))
    cells = {cell.command: cell.finding.row.name for each in found for row in each.rows for cell in row}
    assert len(cells) > 20
    for line, row in cells.items():
        if not line:
            continue
        script, *arguments = shlex.split(line)
        options = make_parser().parse_args(arguments)
        matched = fnmatch.filter(plan.cells_of(suite(options.suite), ablations=options.ablations), options.only)
        assert script == "./run_all.sh" and len(matched) == 1 and matched[0].endswith(f"/{row}")


def test_other_tools_predictions_are_rows_that_nothing_is_judged_by(tmp_path: Path):
    write_checkout(tmp_path)
    record = records.every(home(tmp_path).records)[0]
    lists = record.data["lists"]["report"]
    predictions = {"sha256": "0" * 64, "n": 1, "encoding": "train_ids"}
    data = {key: record.data[key] for key in ("classes", "scores", "provenance")} | {
        "name": "theirs", "training": None, "data": "cityscapes", "list": {**lists, "n": 1}, "predictions": predictions,
    }  # fmt: skip
    external.write(external.external_folder(home(tmp_path)), "theirs", data, record.evidence())
    page = page_of(tmp_path)
    rows = [each for each in page.named("tr") if each.get("data-name") == "external: theirs"]
    assert rows and {row["data-words"].strip("|") for row in rows} == {""}
    assert "1 masks made elsewhere, scored here" in json.dumps(page.data["groups"])
    assert "of 55 printed" in page.text


# Names.


def test_no_name_becomes_markup(page: Page, html: str):
    assert {name for name, each in page.elements if any(key.startswith("on") for key in each)} == set()
    assert page.named("img") == []  # pictures are put there by the script
    assert len(page.scripts) == 2
    assert HOSTILE not in html and ENDING not in html and "\u2028" not in "".join(page.scripts)
    names = {name for group in page.data["groups"].values() for name in group["classes"]}
    assert names == {"road", HOSTILE}
    assert page.data["machines"][0]["cpu"] == ENDING
    assert ENDING in " ".join(page.texts)  # in the environment, as text


def test_json_in_a_script_cannot_end_it():
    text = json_for_script({"</script>": "<!-- & \u2028 \u00e4"})
    assert re.search(r"[<>&\u2028]", text) is None
    assert json.loads(text) == {"</script>": "<!-- & \u2028 \u00e4"}


# What it is made of.


def test_the_page_loads_nothing_and_runs_nothing_but_its_own_script(page: Page, html: str):
    for name, each in page.elements:
        for key in ("src", "href", "data", "action", "poster", "srcset"):
            assert re.match(r"#|data:", each.get(key, "#")), (name, each)
    assert re.search(r"@import|url\(", html) is None
    policy = page.named("meta", **{"http-equiv": "Content-Security-Policy"})[0]["content"]
    assert policy.startswith("default-src 'none'; img-src data:;")
    digest = base64.b64encode(hashlib.sha256(page.scripts[1].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}';" in policy


def test_the_page_of_a_whole_suite_is_under_five_megabytes(demo: str):
    assert len(demo.encode()) + panels.BUDGET < 5_000_000


def test_every_table_claim_finding_and_choice_is_on_the_page(demo: str):
    page = Page(demo)
    text, ids = page.text, [each.get("id") for _, each in page.elements]
    shown = {id for id in plan.tables_of(suite("demo")) if not id.endswith("_cost")}  # the page has a chart of its own
    assert shown | {"paper2_table1", "paper2_table2"} <= set(ids)
    for paper in said.papers_of(suite("demo")):
        by_arithmetic = [one for one in paper.contradictions if one.id in COVERED]
        for one in (*paper.claims, *paper.contradictions):
            assert one in by_arithmetic or re.sub(r"\s+", " ", one.text) in text
        for one in paper.deviations:
            assert one.subject in text and one.choice in text


def test_the_same_records_give_the_same_bytes(root: Path, html: str):
    assert as_html(content_of(root, pictures=True)) == html


def test_a_checkout_without_records_has_a_page_too(tmp_path: Path):
    page = page_of(tmp_path)
    assert "0 of 55 printed numbers reproduced" in page.text
    assert page.data["curves"] == page.data["costs"] == []
    assert not page.named("section", id="curves")


def test_a_report_needs_no_torch(tmp_path: Path):
    code = (
        "import sys\nsys.modules['torch'] = None\nfrom repro.report.__main__ import main\n"
        f"sys.exit(main(['--suite', 'demo', '--output', {str(tmp_path / 'page.html')!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "page.html").stat().st_size > 100_000


# Curves and costs.


def test_curves_are_means_over_seeds_of_what_the_records_have(page: Page):
    plot = next(each for each in page.data["curves"] if each["id"] == "paper1_table1")
    training, validation = plot["panels"]
    ours = next(curve for curve in validation["curves"] if curve["row"] == "ours")
    assert (ours["x"], ours["y"], ours["spread"], ours["n"]) == ([1, 2, 3], [1.5, 1.2, 1.1], [0, 0, 0], 3)
    assert [curve["row"] for curve in training["curves"]] == ["FCN", "SegNet", "PSPNet", "ours"]


def test_costs_are_those_of_the_records(page: Page):
    plot = next(each for each in page.data["costs"] if each["id"] == "paper1_table1")
    ours = next(point for point in plot["points"] if point["row"] == "ours")
    assert (ours["cost"]["parameters (M)"], ours["cost"]["training (s)"], ours["scores"]["mIoU"]) == (0.001, 1.5, 76.5)


# Pictures.


def test_a_picture_is_small_and_keeps_its_classes():
    uri = panels.classes_picture(np.repeat([[0, 1, 255]], 900, 0).repeat(300, 1), ((0, 0, 0), (255, 0, 0)))
    picture = decoded(uri)
    assert picture.mode == "P" and max(picture.size) == panels.LONGEST
    assert set(picture.convert("RGB").get_flattened_data()) == {(0, 0, 0), (255, 0, 0), (128, 128, 128)}
    assert decoded(panels.photograph(np.zeros((40, 1000, 3), np.uint8))).size == (480, 19)


def decoded(uri: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))


class OneImage:
    """A data set of one image, as the panels read it."""

    name, binary, class_names, colours = "toy_one", False, ("road", "pole"), ((0, 0, 0), (9, 9, 9))

    def __init__(self, path: Path):
        """Write the image."""
        self.path = path / "image.png"
        Image.fromarray(np.zeros((6, 8, 3), np.uint8)).save(self.path)

    def samples(self, _: str) -> list:
        """Return the one sample."""
        return [Sample("the image", "unit", self.path, self.path)]

    def read_image(self, _) -> np.ndarray:
        """Return black."""
        return np.zeros((6, 8, 3), np.uint8)

    def read_label(self, _) -> np.ndarray:
        """Return road."""
        return np.zeros((6, 8), np.uint8)


@pytest.fixture
def one_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with one run on one image, which kept its prediction; the folder of runs."""
    opened = OneImage(tmp_path)
    monkeypatch.setattr(panels, "find_root", lambda *_: tmp_path)
    monkeypatch.setattr(panels, "open_dataset", lambda *_: opened)
    run = run_of("paper1_table1/ours", "cityscapes")
    record = publish(home(tmp_path), tmp_path / "runs", run, matrix(0.5))
    evidence = {name: replace(each, images=np.array([content_hash(opened.path)])) for name, each in
                record.evidence().items()}  # fmt: skip
    record.path.with_suffix(".npz").write_bytes(records.evidence_bytes(evidence))
    folder = tmp_path / "runs" / run.id / "predictions"
    folder.mkdir()
    Image.fromarray(np.ones((6, 8), np.uint8)).save(folder / f"{content_hash(opened.path)}.png")
    kept = {"name": "a", "image": content_hash(opened.path), "kind": "worst", "score": 0.5}
    (folder / "kept.json").write_text(json.dumps([kept]))
    return tmp_path


def shown(root: Path, **options) -> panels.Panels:
    cityscapes = suite("cityscapes")
    found = exhibits(cityscapes, home(root))
    return panels.panels(found, cityscapes, root / "runs", (), **{"to_pass_on": True, **options})


def test_an_image_is_shown_with_its_label_and_the_networks_prediction(one_image: Path):
    found = shown(one_image, to_pass_on=False)
    layers = found.groups[0]["images"][0]["layers"]
    assert [layer[0] for layer in layers] == ["image", "label", "ours"]
    assert layers[2][2] == "mIoU 50.0 on this image, one of its worst"
    assert set(decoded(found.pictures[layers[2][1]]).convert("RGB").get_flattened_data()) == {(9, 9, 9)}
    assert {group["name"].split(":")[0] for group in found.groups} >= {"paper1_table1"}


def test_images_that_may_not_be_passed_on_stay_in_the_runs_folder(one_image: Path):
    found = shown(one_image)
    assert found.pictures == {}
    assert found.notes == ["Cityscapes: its terms forbid to pass images on; a page below runs/ shows them."]


def test_an_image_that_is_not_the_one_evaluated_is_not_shown(one_image: Path):
    Image.fromarray(np.full((6, 8, 3), 7, np.uint8)).save(one_image / "image.png")
    found = shown(one_image, to_pass_on=False)
    assert found.groups == [] and "is not the image that was evaluated" in found.notes[0]


def test_a_damaged_prediction_is_a_note_and_the_page_is_made(one_image: Path):
    damaged = next((one_image / "runs").glob("*/predictions/*.png"))
    damaged.write_bytes(b"no picture")
    assert "cannot identify image file" in shown(one_image, to_pass_on=False).notes[0]
    damaged.with_name("kept.json").write_text("[{}]")
    assert "not a list of kept predictions" in shown(one_image, to_pass_on=False).notes[0]


def test_pictures_end_where_the_budget_does(one_image: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(panels, "BUDGET", 10)
    found = shown(one_image, to_pass_on=False)
    assert found.pictures == {} and found.notes[0].endswith("images are left out to keep the page small.")


def test_an_unresolved_auc_bears_its_mark_with_the_note_in_page_and_summary(monkeypatch: pytest.MonkeyPatch):
    unresolved = property(lambda each: 0.25 * (each.column.metric == "auc" and bool(each.records)))
    monkeypatch.setattr(compare.Finding, "unresolved", unresolved)
    of = plan.suite("chasedb1-e2")
    made = content(of, compare.folder_of(of), runs=records.ROOT / "nowhere")
    for text in (as_html(made), as_markdown(made)):
        assert re.search(r"\b0\.\d{3}~", text)
        assert "~ pixels that share one of 1024 bins of their logits count as ties" in text


# The summary in Markdown.


@pytest.fixture(scope="module")
def summary(root: Path) -> str:
    return as_markdown(content_of(root))


def test_the_summary_has_the_sections_a_workshop_asks_for(summary: str):
    assert re.findall(r"^## (.*)$", summary, re.MULTILINE) == [
        "Scope", "Claims", "Results", "What was easy", "What was hard", "Environment",
    ]  # fmt: skip
    assert "2 of 55 printed numbers reproduced: 2 reproduced, 5 below, 1 above, 2 undecided, 45 not run." in summary
    assert "| ours | 76.5 | **76.5 ± 0.1 (n = 3)** |" in summary


def test_no_sentence_of_the_summary_is_without_a_number(summary: str):
    results = summary.index("## Results")
    own = summary[:results] + summary[summary.index("## What was easy") :]
    sentences = [line for line in own.splitlines() if line and not line.startswith(("#", "|", "  -"))]
    assert len(sentences) > 10
    assert [line for line in sentences if not re.search(r"\d", line)] == []


def test_what_is_hard_is_every_declared_choice_and_contradiction(summary: str):
    for paper in said.papers_of(compare.own_suite()):
        for one in paper.deviations:
            assert escaped(one.choice) in summary and escaped(one.why) in summary
        for one in paper.contradictions:
            assert escaped(one.text) in summary


def test_no_name_is_markup_in_markdown(summary: str):
    assert escaped("<b>|*_`[x](y)") == r"\<b\>\|\*\_\`\[x\](y)"
    assert "<script>" not in summary.replace(r"\<", "")


def test_numbers_of_verdicts_add_up_to_all_printed_numbers(summary: str):
    line = re.search(r"printed numbers reproduced: (.*)\.", summary)[1]
    assert sum(int(each) for each in re.findall(r"\d+", line)) == 55


# The command.


def test_the_command_writes_one_file_and_nothing_else(tmp_path: Path, capsys):
    before = snapshot(ROOT / "tables")
    page = tmp_path / "deeper" / "page.html"
    assert command.main(["--suite", "camvid-e4-n96", "--output", str(page)]) == DONE
    assert [path.name for path in page.parent.iterdir()] == ["page.html"]
    assert page.read_text().startswith("<!doctype html>") and "20 printed numbers" in capsys.readouterr().out
    assert command.main(["--suite", "demo", "--format", "md", "--output", str(tmp_path / "a.md")]) == DONE
    text = (tmp_path / "a.md").read_text()
    assert text.startswith("# Reproducibility summary: Demo on generated data\n")
    assert "; and 36 more, on the page" in text  # of a claim over 40 cells
    assert max(map(len, text.splitlines())) < 2000
    assert snapshot(ROOT / "tables") == before


def test_bad_input_is_one_sentence_and_nothing_is_written(tmp_path: Path, capsys):
    assert command.main(["--suite", "camvit", "--output", str(tmp_path / "page.html")]) == BAD_INPUT
    assert capsys.readouterr().err == "repro.report: there is no suite 'camvit'; did you mean camvid?\n"
    assert command.main(["--suite", "demo", "--output", str(tmp_path)]) == BAD_INPUT
    assert "is a folder; name a file" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
