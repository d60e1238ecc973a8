"""Tables: reported and measured side by side, in four formats, without what they need not import."""

import csv
import io
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from measured import ROOT, matrix, publish, run_of, snapshot, with_seed

from repro import compare, plan, records
from repro.papers.spec import Row, Table
from repro.records import Folder
from repro.statistics import Verdict
from repro.table import as_csv, facts, grid_of, make_grid, render
from repro.table.__main__ import main
from repro.table.formats import as_latex, as_markdown, as_text, grid_csv
from repro.table.grid import Entry, Grid, digits_of, measured_text

TABLE: Table = plan.exhibit("paper1_table1")
CAMVID = plan.suite("camvid")


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """CamVid's records of four systems and the floor, one seed each."""
    made = records.folder_of("camvid", toy=False, root=tmp_path)
    scores = {"FCN": 0.5, "SegNet": 0.4, "PSPNet": 0.6, "U-Net": 0.55, "position prior": 0.9}
    for row, miou in scores.items():
        publish(made, tmp_path / "runs", run_of(f"paper1_table1/{row}", "camvid"), matrix(miou))
    return made


def lines_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def entries(grid: Grid, row: str) -> dict[str, Entry]:
    """Return a printed row by header."""
    return dict(zip(grid.headers, next(each for each in grid.rows if each[0].text == row)))


def test_a_csv_has_five_columns_a_column_and_a_line_a_row(folder: Folder):
    text = render(TABLE, CAMVID, folder, "csv")
    header = next(csv.reader(io.StringIO(text)))
    names = [column.name for column in TABLE.columns]
    fields = ("reported", "measured", "spread", "n", "verdict")
    assert header == ["row", *(f"{name} {field}" for name in names for field in fields)]
    assert [line["row"] for line in lines_of(text)] == [row.name for row in TABLE.rows]


def test_a_csv_is_empty_where_nothing_was_measured_and_unrounded_by_two_digits_elsewhere(folder: Folder):
    fcn, deeplab, prior = (lines_of(render(TABLE, CAMVID, folder, "csv"))[index] for index in (0, 2, -1))
    # mIoU .5 is 1000 hits and 500 errors a class: a pixel accuracy of 1000 / 1500.
    assert [fcn[f"mIoU {f}"] for f in ("reported", "measured", "spread", "n", "verdict")] == [
        "62.4", "50.000", "", "1", "other data",
    ]  # fmt: skip
    assert fcn["PA measured"] == "66.667"
    assert [deeplab[f"mIoU {f}"] for f in ("reported", "measured", "spread", "n", "verdict")] == [
        "72.8", "", "", "", "not run",
    ]  # fmt: skip
    assert prior["mIoU reported"] == "" and prior["mIoU verdict"] == "" and prior["mIoU measured"] == "90.000"


def test_mean_and_spread_over_seeds_are_printed_with_their_n(folder: Folder, tmp_path: Path):
    fcn = run_of("paper1_table1/FCN", "camvid")
    for seed, miou in ((1, 0.52), (2, 0.54)):  # with .5: mean .52, deviation sqrt((.02^2 + 0 + .02^2) / 2) = .02
        publish(folder, tmp_path / "runs", with_seed(fcn, seed), matrix(miou))
    line = lines_of(render(TABLE, CAMVID, folder, "csv"))[0]
    assert (line["mIoU measured"], line["mIoU spread"], line["mIoU n"]) == ("52.000", "2.000", "3")
    grid = grid_of(TABLE, CAMVID, folder)
    assert entries(grid, "FCN")["mIoU measured"].text == "52.0 ± 2.0 (n = 3)"
    assert entries(grid, "PSPNet")["mIoU measured"].text == "60.0 (n = 1)"
    spread = "mean ± standard deviation over seeds, n in each cell"
    assert grid.below[0] == f"measured: last weights, {spread}; cpu-torch2.15"


def test_where_every_cell_has_the_same_n_it_is_said_once(folder: Folder):
    grid = grid_of(TABLE, CAMVID, folder)
    assert entries(grid, "FCN")["mIoU measured"].text == "50.0"
    assert grid.below[0] == "measured: last weights, n = 1; cpu-torch2.15"


def test_a_column_is_printed_with_the_papers_digits_or_one_for_per_cent_and_three_for_fractions():
    miou = TABLE.columns[0]
    assert digits_of(TABLE, miou) == 1  # "62.4"
    finer = replace(TABLE, rows=(replace(TABLE.rows[0], reported={"mIoU": "62.45"}), *TABLE.rows[1:]))
    assert digits_of(finer, miou) == 2
    silent = replace(TABLE, rows=tuple(replace(row, reported={}) for row in TABLE.rows))
    assert digits_of(silent, miou) == 1
    assert digits_of(silent, replace(miou, unit="fraction")) == 3


def test_the_best_and_the_second_of_a_column_are_marked_and_a_floor_is_not(folder: Folder):
    grid = grid_of(TABLE, CAMVID, folder)
    ranks = {row[0].text: dict(zip(grid.headers, row))["mIoU measured"].rank for row in grid.rows}
    assert {name: rank for name, rank in ranks.items() if rank} == {"PSPNet": 1, "U-Net": 2}  # not the prior's 90.0
    markdown, latex = as_markdown(grid), as_latex(grid)
    assert "**60.0**" in markdown and "*55.0*" in markdown and "**90.0**" not in markdown
    assert r"\textbf{60.0}" in latex and r"\underline{55.0}" in latex and r"\textbf{90.0}" not in latex


def test_a_system_of_the_paper_without_training_is_ranked_like_the_others(folder: Folder, tmp_path: Path):
    rows = [replace(row, untrained=True) if row.name == "SegNet" else row for row in TABLE.rows]
    table = replace(TABLE, rows=tuple(rows))
    classical = next(row for row in rows if row.name == "SegNet")
    publish(folder, tmp_path / "runs", plan.run_of(table, classical, "cityscapes", CAMVID), matrix(0.95))
    grid = grid_of(table, CAMVID, folder)
    ranks = {row[0].text: dict(zip(grid.headers, row))["mIoU measured"].rank for row in grid.rows}
    assert {name: rank for name, rank in ranks.items() if rank} == {"SegNet": 1, "PSPNet": 2}


def test_equal_means_share_a_rank_and_two_systems_are_not_ranked(tmp_path: Path):
    made = records.folder_of("camvid", toy=False, root=tmp_path)
    for row, miou in {"FCN": 0.5, "SegNet": 0.5}.items():
        publish(made, tmp_path / "runs", run_of(f"paper1_table1/{row}", "camvid"), matrix(miou))
    assert {entry.rank for row in grid_of(TABLE, CAMVID, made).rows for entry in row} == {0}
    publish(made, tmp_path / "runs", run_of("paper1_table1/PSPNet", "camvid"), matrix(0.4))
    grid = grid_of(TABLE, CAMVID, made)
    assert [entries(grid, row)["mIoU measured"].rank for row in ("FCN", "SegNet", "PSPNet")] == [1, 1, 2]


def test_no_row_is_the_best_of_a_column_in_which_all_are_equal(tmp_path: Path):
    made = records.folder_of("camvid", toy=False, root=tmp_path)
    for row in ("FCN", "SegNet", "PSPNet"):
        publish(made, tmp_path / "runs", run_of(f"paper1_table1/{row}", "camvid"), matrix(0.1))
    assert {entry.rank for row in grid_of(TABLE, CAMVID, made).rows for entry in row} == {0}


def test_a_verdict_that_all_columns_of_a_data_set_share_is_said_once(tmp_path: Path):
    table = plan.exhibit("paper2_table3")
    found = compare.compare(table, compare.find_suite(None), records.folder_of(None, toy=False, root=tmp_path))
    other = Verdict(word="other protocol", n=1)
    (first, *rest) = found.rows
    first = tuple(replace(each, verdict=other) if each.column.data == "chasedb1" else each for each in first)
    grid = make_grid(replace(found, rows=(first, *rest)))
    assert entries(grid, "LKM")["verdict"].text == "DRIVE not run; CHASEDB other protocol"


def test_rows_that_are_not_in_the_paper_stand_below_a_rule(folder: Folder):
    grid = grid_of(TABLE, CAMVID, folder)
    (rule,) = grid.rule_before
    assert [row[0].text for row in grid.rows][rule] == "U-Net" == next(row.name for row in TABLE.rows if row.extra)
    assert "Rows below the rule are not in the paper." in grid.below
    assert as_markdown(grid).count("| *not in the paper* |") == 1
    body = as_latex(grid).partition(r"\midrule")[2]
    assert body.index(r"\midrule") < body.index("U-Net {[}1{]} &") and body.index("PSPNet") < body.index(r"\midrule")
    text = as_text(grid).splitlines()
    before = next(index for index, line in enumerate(text) if line.startswith(" U-Net "))
    assert text[before - 1] == "" and text[before - 2].startswith(" ours")


def test_a_table_that_is_all_ours_has_no_rule(folder: Folder):
    rows = tuple(row for row in TABLE.rows if row.extra)
    assert make_grid(compare.compare(replace(TABLE, rows=rows), CAMVID, folder)).rule_before == ()


def test_one_verdict_stands_for_a_row_where_its_columns_agree_and_each_where_they_do_not(tmp_path: Path):
    made = records.folder_of(None, toy=False, root=tmp_path)
    for seed in range(3):  # mIoU 62.4 as printed; a pixel accuracy of 2 * .624 / 1.624 = 76.8 instead of 89.1
        run = with_seed(run_of("paper1_table1/FCN", "cityscapes"), seed)
        publish(made, tmp_path / "runs", run, matrix(0.624))
    grid = grid_of(TABLE, compare.find_suite(None), made)
    assert entries(grid, "FCN")["verdict"].text == "mIoU reproduced; PA below"
    assert grid.headers[1:4] == ("mIoU reported", "mIoU measured", "mIoU difference")
    assert [entries(grid, "FCN")[f"{name} difference"].text for name in ("mIoU", "PA")] == ["+0.0", "-12.3"]
    assert entries(grid, "SegNet")["mIoU difference"].text == entries(grid, "U-Net")["PA difference"].text == ""
    assert entries(grid, "SegNet")["verdict"].text == "not run"
    assert entries(grid, "U-Net")["verdict"].text == ""


def test_a_stand_ins_table_is_titled_by_its_own_data_and_shows_what_is_replaced_and_no_difference(folder: Folder):
    grid = grid_of(TABLE, CAMVID, folder)
    assert grid.title == "Attention U-Net and four classic networks, on CamVid"
    above = "\n".join(grid.above)
    assert "Suite camvid replaces: weights none" in above and "crop 352x480" in above and CAMVID.why in above
    assert not any("difference" in header for header in grid.headers)
    assert {entries(grid, row)["verdict"].text for row in ("FCN", "PSPNet")} == {"other data"}
    own = grid_of(TABLE, compare.find_suite(None), folder)
    assert own.title.endswith("on Cityscapes") and len(own.above) == 1


def test_the_demos_table_says_that_it_is_generated_and_shows_every_replaced_option(tmp_path: Path):
    demo = plan.suite("demo")
    grid = grid_of(TABLE, demo, records.folder_of("demo", toy=True, root=tmp_path))
    above = "\n".join(grid.above)
    assert "Generated data: this shows that everything runs, not which network is better." in above
    assert grid.title.endswith("on generated streets")
    for network, options in demo.options.items():
        if any(row.network == network for row in TABLE.rows):
            assert all(f"{name} " in above.partition(f"{network} with ")[2] for name in options)
    curves = plan.exhibit("paper1_figure2")
    rows = "\n".join(grid_of(curves, demo, records.folder_of("demo", toy=True, root=tmp_path)).above)
    assert f"ours, 200 epochs with epochs {demo.row_changes['paper1_figure2/ours, 200 epochs']['epochs']}" in rows


def test_a_reduced_suites_table_says_that_nothing_is_judged_by_it(folder: Folder):
    above = "\n".join(grid_of(TABLE, plan.suite("camvid-e4-n96"), folder).above)
    assert "A reduced suite: other epochs or fewer images than declared, so nothing is judged by it." in above
    assert "epochs 4, training images 96" in above
    assert "reduced" not in "\n".join(grid_of(TABLE, CAMVID, folder).above)


def test_another_machines_records_are_named_below_as_re_runs(folder: Folder, tmp_path: Path):
    run = run_of("paper1_table1/FCN", "camvid")
    for seed in (0, 1):
        publish(folder, tmp_path / "gpu", with_seed(run, seed), matrix(0.7), kind="nvidia-h200-torch2.11")
    grid = grid_of(TABLE, CAMVID, folder)
    assert entries(grid, "FCN")["mIoU measured"].text.startswith("70.0 ± 0.0")
    assert "cpu-torch2.15: a re-run, FCN, mIoU" in grid.below


def test_what_cannot_be_built_says_so_with_the_reason_below(tmp_path: Path):
    figure = plan.exhibit("paper2_figure4")
    grid = grid_of(figure, compare.find_suite(None), records.folder_of(None, toy=False, root=tmp_path))
    lost = next(row for row in figure.rows if row.network is None)
    measured = [entry.text for header, entry in entries(grid, lost.name).items() if header.endswith("measured")]
    assert set(measured) == {"not built"}
    assert f"{lost.name}: not built: {lost.why}" in grid.below


NASTY = Grid(
    id="x_1",
    title="50% of A&B_c #1 ~ {x}^2 \\ $",
    above=("<script>alert(1)</script>",),
    headers=("system", "a|b measured", "verdict"),
    rows=((Entry("*U*|[x](y)"), Entry("75.1 ± 0.4", 1), Entry("`ok`")), (Entry("[z]"), Entry("1"), Entry("–"))),
    rule_before=(1,),
    below=(),
)


def test_markdown_takes_no_name_for_markup():
    text = as_markdown(NASTY)
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {4}  # three cells in every line
    assert r"\*U\*\|\[x\](y)" in text and r"\`ok\`" in text
    assert "<script>" not in text.replace(r"\<", "").replace(r"\>", "")


def test_latex_takes_no_name_for_a_command():
    text = as_latex(NASTY)
    assert r"\caption{50\% of A\&B\_c \#1 \textasciitilde{} \{x\}\textasciicircum{}2 \textbackslash{} \$}" in text
    assert r"\textbf{75.1 $\pm$ 0.4}" in text
    assert "{[}z{]} & 1 & -- " in text  # a bracket behind \\ would be taken for its argument
    assert text.count(r"\begin{") == text.count(r"\end{") == 2


def test_text_takes_no_name_for_markup_and_cuts_nothing():
    row = (Entry("[red]u"), Entry("1"), Entry("y" * 30))
    text = as_text(replace(NASTY, headers=("system", "[bold]m", "verdict"), rows=(row,)))
    assert "[bold]m" in text and "[red]u" in text and "y" * 30 in text


def test_a_table_of_every_column_is_cut_nowhere(folder: Folder):
    text = render(TABLE, CAMVID, folder, "text", columns="all")
    assert "…" not in text
    assert "measured: last and selected weights" in text
    assert text.count("other data") >= 3  # FCN, SegNet and PSPNet


def test_a_spreadsheet_takes_no_name_for_a_formula(folder: Folder):
    rows = tuple(Row(name=name) for name in ("=1+1", "+A1", "-2", "@SUM(A1)", "plain"))
    text = as_csv(compare.compare(replace(TABLE, rows=rows), CAMVID, folder))
    assert [line["row"] for line in lines_of(text)] == ["'=1+1", "'+A1", "'-2", "'@SUM(A1)", "plain"]
    assert grid_csv(replace(NASTY, rows=((Entry("=x"), Entry("1"), Entry("")),))).splitlines()[1] == "'=x,1,"


def test_a_number_without_its_n_is_never_printed(folder: Folder):
    cell = compare.compare(TABLE, CAMVID, folder).rows[0][0]
    assert measured_text(cell, 1) == "50.0 (n = 1)"
    assert measured_text(replace(cell, scores=()), 1) == ""


def test_facts_stand_beside_what_the_records_found(tmp_path: Path):
    made = records.folder_of(None, toy=False, root=tmp_path)
    table = plan.exhibit("paper2_table1")
    empty = facts.facts_grid(table, made)
    assert "found: in 0 records." in empty.below
    publish(made, tmp_path / "runs", run_of("paper1_table1/FCN", "camvid"), matrix(0.5))
    grid = facts.facts_grid(table, made)
    found = {row[0].text: row[grid.headers.index("found")].text for row in grid.rows}
    assert (found["torch"], found["Python"], found["CUDA"], found["Memory"]) == ("2.15.0", "3.11.9", "none", "8 GiB")
    assert found["Graphics card"] == "none" and found["Central processor"] == "An invented processor"
    assert "found: in 1 record." in grid.below


def test_counts_of_a_data_set_are_those_of_its_own_lists(tmp_path: Path):
    made = records.folder_of(None, toy=False, root=tmp_path)
    publish(made, tmp_path / "runs", run_of("paper2_figure1/0.5", "isic2017"), matrix(0.5), matrix(0.6))
    grid = facts.facts_grid(plan.exhibit("paper2_table2"), made)
    found = {row[0].text: {h: e.text for h, e in zip(grid.headers, row) if h.endswith("found")} for row in grid.rows}
    assert found["ISIC 2017"] == {"Training found": "3", "Validation found": "1", "Testing found": "2"}
    assert set(found["PH2"].values()) == {""}


# The command.


def command(*arguments: str, path: Path = ROOT) -> subprocess.CompletedProcess:
    environment = {**os.environ, "PYTHONPATH": f"{path}{os.pathsep}{ROOT}"}
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, env=environment)


def test_the_command_prints_reported_numbers_and_not_run_and_then_the_suites(capsys: pytest.CaptureFixture):
    assert main(["paper1_table1"]) == 0
    out = capsys.readouterr().out
    for row in TABLE.rows[:5]:
        line = next(line for line in out.splitlines() if line.strip().startswith(row.name))
        assert all(number in line for number in row.reported.values())
    assert "on Cityscapes" in out
    last = out.splitlines()[-1]
    assert re.fullmatch(r"Suites with numbers for it: .* \(--suite NAME\)\.|No suite has numbers for it yet\.", last)


def test_a_reduced_suite_without_records_is_told_which_suites_have_them(capsys: pytest.CaptureFixture):
    assert main(["paper1_table1", "--suite", "camvid-e3-n7"]) == 0
    assert "camvid-e4-n96" in capsys.readouterr().out.splitlines()[-1]
    assert main(["paper1_table1", "--suite", "camvid-e4-n96"]) == 0
    assert "--suite NAME" not in capsys.readouterr().out


def test_the_command_imports_nothing_that_it_does_not_need():
    heavy = ("torch", "pandas", "scipy", "matplotlib", "torchvision", "timm", "albumentations")
    code = (
        "import sys; from repro.table.__main__ import main; main(['paper1_table1']); "
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    assert command("-c", code).stdout.splitlines()[-1] == "[]"


def test_the_command_works_where_torch_is_not_installed(tmp_path: Path):
    for name in ("torch", "torchvision", "timm", "pandas", "albumentations"):
        (tmp_path / f"{name}.py").write_text(f"raise ImportError('no {name} here')\n")
    done = command("-m", "repro.table", "paper1_table1", path=tmp_path)
    assert done.returncode == 0 and done.stderr == ""
    assert "62.4" in done.stdout and "not run" in done.stdout
    assert "no torch here" in command("-c", "import torch", path=tmp_path).stderr  # the stand-in stands in


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["paper1_tabel1"], "there is no table or figure 'paper1_tabel1'; did you mean paper1_table1"),
        (["paper1_table1", "--suite", "camvit"], "there is no suite 'camvit'; did you mean camvid?"),
        (["paper1_table1", "--suite", "camvid-e0"], "there is no suite 'camvid-e0'"),
        (["paper2_table2", "--columns", "cost"], "paper2_table2 is a table of facts and has no columns but its own"),
        (["paper1_table1", "--suite", "drive"], "suite drive has no data for paper1_table1; it has paper2_table3"),
    ],
)
def test_bad_input_is_one_sentence_on_stderr(arguments: list[str], sentence: str, capsys: pytest.CaptureFixture):
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("repro.table: ") and sentence in err and err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [["paper1_table1", "--format", "xml"], [], ["paper1_table1", "--all"], ["--all", "--format", "md"],
     ["--all", "--suite", "demo"], ["paper1_table1", "--colour"]],
)
def test_bad_options_are_one_sentence_on_stderr(arguments: list[str], capsys: pytest.CaptureFixture):
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 2
    err = capsys.readouterr().err
    assert err.startswith("repro.table: ") and err.endswith("see repro.table --help.\n") and err.count("\n") == 1


def test_every_format_of_every_exhibit_of_every_suite_prints_and_writes_nothing(capsys: pytest.CaptureFixture):
    before = snapshot(ROOT / "tables") | snapshot(ROOT / "figures")
    for id in plan.exhibits():
        for format in ("text", "md", "tex", "csv", "html"):
            assert main([id, "--format", format]) == 0
            assert capsys.readouterr().out.strip()
    for suite in ("demo", "camvid-e4"):
        assert main(["paper1_table2", "--suite", suite, "--columns", "all"]) == 0
    assert snapshot(ROOT / "tables") | snapshot(ROOT / "figures") == before


@pytest.mark.parametrize(
    ("id", "suite", "title"),
    [
        ("paper2_figure5", "isic2018", "Eight networks, on ISIC 2018"),
        ("paper2_figure4", "ph2", "Eight systems, classical methods among them, on PH2, trained on ISIC 2017"),
        ("paper2_table3", "papers", "Ablation of TCNet's modules, on DRIVE and CHASE_DB1"),
        ("paper1_table1", "camvid", "Attention U-Net and four classic networks, on CamVid"),
        ("paper2_figure5", "isic2017_256", "Eight networks, on ISIC 2017 at 256x256"),
    ],
)
def test_a_title_names_its_data_once(id: str, suite: str, title: str, tmp_path: Path):
    folder = records.folder_of(None, toy=False, root=tmp_path)
    assert make_grid(compare.compare(plan.exhibit(id), compare.find_suite(suite), folder)).title == title
