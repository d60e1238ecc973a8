"""The audit of somebody else's table: formats, aliases, units, options and exit codes."""

import json
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repro.audit.__main__ import main
from repro.audit.asked import Asked
from repro.audit.files import check_file
from repro.audit.headers import column_scores, printed_number, understand
from repro.audit.names import metric_of
from repro.audit.tablefile import RawTable, read_tables
from repro.records import ROOT

CSV = """Method,Acc,Sen,Sp
LKM,0.958,0.875,0.975
LKM + MFM,0.957,0.873,0.967
"""


def run(capsys, *arguments):
    status = main([str(one) for one in arguments])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


@pytest.mark.parametrize(
    "header, expected",
    [
        ("Acc", ("accuracy", "")),
        ("ACC (%)", ("accuracy", "")),
        ("pixel-AC", ("accuracy", "")),
        ("Se ↑", ("sensitivity", "")),
        ("Recall", ("sensitivity", "")),
        ("Spe.", ("specificity", "")),
        ("IoU", ("jaccard", "")),
        ("F1-score (%)", ("dice", "")),
        ("Dice coefficient", ("dice", "")),
        ("mIoU", ("class jaccard", "")),
        ("DRIVE Acc", ("accuracy", "DRIVE")),
        ("Sen (CHASE_DB1)", ("sensitivity", "CHASEDB1")),
        ("Accuracy (ACC)", ("accuracy", "")),
        ("Dice similarity coefficient (DSC), %", ("dice", "")),
        ("Recall/Sensitivity", ("sensitivity", "")),
        ("DRIVE Jaccard index (JI)", ("jaccard", "DRIVE")),
        ("Acc in percent", ("accuracy", "")),
        ("Test Dice score (%)", ("dice", "Test")),
        ("DRIVE Jaccard index", ("jaccard", "DRIVE")),
        ("DRIVE Acc reported", ("accuracy", "DRIVE reported")),
        ("DRIVE Acc verdict", ("", "")),
        ("Acc^a", ("accuracy", "")),
        ("Precision (P)", ("precision", "")),
        ("F1 macro", ("class dice", "")),
        ("mean intersection over union (mIoU)", ("class jaccard", "")),
        ("Weighted F1", ("", "")),
        ("Boundary IoU", ("", "")),
        ("Median Dice", ("", "")),
        ("Δ Dice", ("", "")),
        ("AUC", ("auc", "")),
        ("Params (M)", ("", "")),
        ("Method", ("", "")),
    ],
)
def test_headers_are_understood_by_alias(header, expected):
    assert metric_of(header) == expected


@pytest.mark.parametrize(
    "cell, expected",
    [
        ("92.5", ("92.5", False)),
        (".925", (".925", False)),
        ("92.5%", ("92.5", True)),
        ("92.5 ± 0.3", ("92.5", False)),
        ("92.5(0.3)", ("92.5", False)),
        ("92,5", ("92.5", False)),
        ("92.5†", ("92.5", False)),
        ("-", None),
        ("n/a", None),
        ("", None),
    ],
)
def test_cells_give_the_printed_digits(cell, expected):
    assert printed_number(cell) == expected


def test_three_formats_of_one_table_are_read_alike(table):
    markdown = """
| Method | Acc | Sen | Sp |
|:--|--:|:-:|---|
| LKM | **0.958** | 0.875 | 0.975 |
| LKM + MFM | 0.957 | _0.873_ | 0.967 |
""".replace("_0.873_", "*0.873*")
    latex = r"""
\begin{tabular}{l|ccc}
\toprule
Method & Acc $\uparrow$ & Sen & Sp \\ \midrule
LKM~\cite{x} & \textbf{0.958} & 0.875 & $0.975$ \\ % the first
LKM + MFM & 0.957 & \underline{0.873} & 0.967 \\[2pt]
\bottomrule
\end{tabular}
"""
    forms = [table(CSV), table(markdown, "a.md"), table(latex, "a.tex"), table(CSV.replace(",", ";"), "b.csv")]
    forms.append(table(CSV.replace(",", "\t"), "c.tsv"))
    rows = []
    for form in forms:
        (raw,) = read_tables(form)
        read = understand(raw)
        rows.append([
            (name.strip(), *(column_scores(read, column, None)[i].text for column in read.columns))
            for i, (name, _) in enumerate(read.rows)
        ])  # fmt: skip
    assert rows[0] == [("LKM", "0.958", "0.875", "0.975"), ("LKM + MFM", "0.957", "0.873", "0.967")]
    assert all(one == rows[0] for one in rows[1:])


def test_headings_over_the_columns_name_the_data_set(table):
    latex = r"""
\begin{tabular}{l|ccc|ccc}
\multirow{2}{*}{Method} & \multicolumn{3}{c|}{DRIVE} & \multicolumn{3}{c}{CHASE\_DB1} \\ \cline{2-7}
 & Acc & Sen & Sp & Acc & Sen & Sp \\ \hline
LKM & 0.925 & 0.836 & 0.972 & 0.957 & 0.873 & 0.967 \\
\end{tabular}
"""
    drive, chase = check_file(table(latex, "t.tex"), Asked())[0]
    assert (drive.place, drive.word) == ("t.tex, DRIVE, row LKM", "inconsistent")
    assert (chase.place, chase.word) == ("t.tex, CHASE_DB1, row LKM", "possible")
    spread = "Method,DRIVE,,,CHASEDB1,,\n,Acc,Sen,Sp,Acc,Sen,Sp\nLKM,0.925,0.836,0.972,0.957,0.873,0.967\n"
    assert [one.word for one in check_file(table(spread), Asked())[0]] == ["inconsistent", "possible"]


def test_repeated_heads_without_a_heading_are_other_data_sets(table):
    text = "Method,Acc,Sen,Sp,Acc,Sen,Sp\nA,0.925,0.836,0.972,0.958,0.875,0.975\n"
    assert check_file(table(text), Asked())[0] == []


def test_units_are_found_by_column(table):
    raw = RawTable([["Method", "IoU (%)", "F1", "Acc"], ["A", "80.0", "0.889", "95"], ["B", "-", "0.9", "96.0"]])
    read = understand(raw)
    units = [[one and one.unit for one in column_scores(read, column, None)] for column in read.columns]
    assert units == [["percent", None], ["fraction", "fraction"], ["percent", "percent"]]


@pytest.mark.parametrize(
    "text, message",
    [
        ("Method,Acc,Sen\nA,95.1,good\n", "row A, column Sen: 'good' is not a number"),
        ("Method,Acc,Sen\nA,95.1,80\nB,0.95,81\n", "column Acc: 0.95 beside per cent"),
        ("Method,Acc,Sen\nA,951,80\n", "column Acc: 951.0 is no score in percent"),
        ("Method,Loss\nA,0.1\n", "no column is called like a score; found Method, Loss"),
        ("Method,Acc\n", "no table of at least a head and a row"),
        ("", "no table of at least a head and a row"),
        ("Method,Acc,Sen\nA\0,95.1,80\n", r"a control character ('\x00') in line 2; save the table as UTF-8"),
        ("Method,Acc,Sen\n\x1b[31mA,95.1,80\n", r"a control character ('\x1b') in line 2; save the table as UTF-8"),
    ],
)
def test_what_cannot_be_understood_is_one_sentence_and_exit_two(table, capsys, text, message):
    status, out, err = run(capsys, table(text))
    assert (status, out) == (2, "")
    assert err.startswith("repro.audit: ") and message in err and err.count("\n") == 1


@pytest.mark.parametrize(
    "options, message",
    [
        (["--set", "kitti"], "--set kitti: not counted"),
        (["--set", "drive", "--split", "last 8"], "drive has no counts for split 'last 8'"),
        (["--set", "stare", "--region", "field_of_view"], "stare has no counts for region"),
        (["--region", "whole"], "--region and --split need a counted data set"),
        (["--resized"], "--resized needs counted labels"),
        (["--prevalence", "8%"], "--prevalence 8%: expected a fraction"),
        (["--prevalence", "0.2-0.1"], "the lower first"),
        (["--positives", "5"], "--positives and --negatives go together"),
        (["--positives", "0", "--negatives", "0"], "at least one pixel"),
        (["--positives", "-5", "--negatives", "9"], "-5 foreground and 9 background pixels"),
        (["--set", "drive", "--prevalence", "0.1"], "say the same thing in several ways"),
        (["--counts", "a.csv", "--positives", "5", "--negatives", "9"], "--counts and --positives say the same thing"),
        (["--counts", "nowhere.csv"], "nowhere.csv: cannot be read"),
    ],
)
def test_options_that_make_no_sense_are_one_sentence_and_exit_two(table, capsys, options, message):
    status, out, err = run(capsys, table(CSV), *options)
    assert (status, out) == (2, "")
    assert message in err and err.count("\n") == 1


@pytest.mark.parametrize("options", [["--nothing"], ["--region", "fov"], ["--positives", "1.5", "--negatives", "2"]])
def test_a_misspelt_option_is_one_sentence_and_exit_two(table, capsys, options):
    with pytest.raises(SystemExit, match="2"):
        main([str(table(CSV)), *options])
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("repro.audit: ") and err.count("\n") == 1


def test_a_missing_or_binary_file_is_one_sentence_and_exit_two(tmp_path, capsys):
    (tmp_path / "picture.csv").write_bytes(bytes(range(128, 256)))
    for name, message in (("nowhere.csv", "no such file"), ("picture.csv", "not text in UTF-8")):
        status, _, err = run(capsys, tmp_path / name)
        assert status == 2 and message in err and err.count("\n") == 1
    status, _, err = run(capsys, "paper1", "--set", "drive")
    assert status == 2 and "paper1 declares its data itself" in err


def test_a_consistent_table_finds_nothing_and_exits_zero(table, capsys):
    # DRIVE's test images, p = .0876: Acc = .0876 * .8 + .9124 * .98 = .9642; CHASE would be refused
    path = table("Method,Acc,Sen,Sp\nA,96.4,80.0,98.0\nB,0,0,100\n".replace("B,0,0,100\n", ""))
    status, out, _ = run(capsys, path, "--set", "drive")
    assert status == 0
    assert "Nothing found: no arithmetic speaks against the printed numbers." in out
    assert run(capsys, path, "--set", "chasedb1", "--region", "whole")[0] == 1


@pytest.mark.parametrize("heading", ["DRIVE", "DRIVE dataset [12]", "DRIVE database"])
def test_a_data_set_is_known_with_its_citation(table, heading):
    (finding,) = check_file(table(f",{heading},,\nMethod,Acc,Sen,Sp\nA,0.925,0.836,0.972\n"), Asked())[0]
    assert "true p: whole image test 0.0876" in " ".join(finding.inequalities)


def test_the_set_asked_for_is_not_that_of_columns_headed_by_another(table, capsys):
    # HRF: .05 * .8 + .95 * .98 = .971, a share of no picture of DRIVE's; DRIVE: .0876 * .8 + .9124 * .98 = .964
    text = "Method,HRF Acc,HRF Sen,HRF Sp,DRIVE Acc,DRIVE Sen,DRIVE Sp\nA,97.1,80.0,98.0,96.4,80.0,98.0\n"
    assert run(capsys, table(text), "--set", "drive")[0] == 0
    assert run(capsys, table("Method,Acc,Sen,Sp\nA,97.1,80.0,98.0\n"), "--set", "drive")[0] == 1


def test_the_exit_status_is_one_for_inconsistent_with_or_without_if_pooled(table, capsys):
    assert run(capsys, table("M,IoU,F1\nA,80.0,85.0\n"))[0] == 1  # if pooled
    assert run(capsys, table("M,IoU,F1\nA,80.0,95.0\n"))[0] == 1
    assert run(capsys, table("M,IoU,F1\nA,80.0,85.0\n"), "--aggregation", "mean")[0] == 0
    assert run(capsys, table("M,Acc,Sen,Sp\nA,0.957,0.873,0.967\n"), "--set", "chasedb1")[0] == 0  # possible


def test_what_is_known_of_the_data_decides(table, capsys):
    path = table("M,Acc,Sen,Sp\nA,0.958,0.875,0.975\n")  # p = .170 [.160, .180]
    counts = table("positives,negatives\n170,830\n170,830\n", "counts.csv")
    other = table("positives,negatives\n70,930\n80,920\n", "other.csv")
    assert run(capsys, path)[0] == 0
    assert run(capsys, path, "--prevalence", "0.17")[0] == 0
    assert run(capsys, path, "--prevalence", "0.09")[0] == 1
    assert run(capsys, path, "--prevalence", "0.16-0.20")[0] == 0
    assert run(capsys, path, "--prevalence", "0.05-0.10")[0] == 1
    assert run(capsys, path, "--counts", counts)[0] == 0
    for odd in ("1,234,000,9,000,000\n", "1\n"):
        status, _, err = run(capsys, path, "--counts", table(f"positives,negatives\n{odd}", "odd.csv"))
        assert status == 2 and "odd.csv: expected a CSV with whole numbers" in err
    assert run(capsys, path, "--counts", other)[0] == 1
    assert run(capsys, path, "--positives", "17", "--negatives", "83")[0] == 0
    status, out, _ = run(capsys, path, "--positives", "9", "--negatives", "91")
    assert status == 1 and "inconsistent if pooled; possible under: mean over images" in out


def test_rows_that_are_data_sets_need_not_share_a_share(table, capsys):
    rows = "A,0.958,0.875,0.975\nB,0.944,0.869,0.963\n"
    assert run(capsys, table("Method,Acc,Sen,Sp\n" + rows))[0] == 1
    assert run(capsys, table("Method,Acc,Sen,Sp\n" + rows), "--rows-are-sets")[0] == 0
    status, out, _ = run(capsys, table("Data set,Acc,Sen,Sp\n" + rows))
    assert status == 0 and "each row is taken as scored on other images" in out
    (finding,) = check_file(table("Dataset,Acc,Sen,Sp\nDRIVE,0.925,0.836,0.972\nmine,0.9,0.8,0.95\n"), Asked())[0]
    assert (finding.place, finding.word) == ("table.csv, DRIVE, row DRIVE", "inconsistent")


def test_means_over_classes_are_tested_by_themselves(table):
    findings, _ = check_file(table("M,mIoU,mF1,OA\nA,76.5,90.1,95.1\nB,76.5,86.0,90.0\n"), Asked())
    (finding,) = findings  # 2 * .765 / 1.765 = .867
    assert finding.verdict == "inconsistent under: mean over classes"
    assert finding.inputs == {"JA": "0.765", "DI": "0.901"}


def test_of_many_rows_that_are_the_same_each_is_named_beside_the_first(table):
    rows = ("A,90.0,80.0,92.5", "B,90.0,80.0,92.5", "C,91.0,80.0,92.5", "D,90.0,80.0,92.5", "E,91.0,80.0,92.5")
    found, _ = check_file(table("\n".join(["Method,Acc,Sen,Sp", *rows])), Asked())
    same = [each for each in found if each.check == "identical rows"]
    assert [each.inequalities[0][:7] for each in same] == ["A and B", "A and D", "C and E"]
    fewer = "M,Acc,Sen,Sp,JA\nA,90.0,80.0,-,-\nB,90.0,80.0,92.5,70.1\nC,90.0,80.0,92.5,70.1\n"
    found, _ = check_file(table(fewer), Asked())
    same = [each.inequalities[0] for each in found if each.check == "identical rows"]
    assert [each[:7] for each in same] == ["A and B", "A and C", "B and C"]


def test_identical_rows_and_an_edge_of_a_grid_are_noted_in_files_too(table, capsys):
    grid = table("lr,mIoU,PA\n0.005,72.1,92.8\n0.003,74.2,94.1\n0.0005,76.5,95.3\n")
    status, out, _ = run(capsys, grid)
    assert status == 0
    assert "the best lr, 0.0005, is the smallest of the 3 tried" in out
    assert "noted" not in run(capsys, table("Run No.,mIoU,PA\n1,72.1,92.8\n2,74.2,94.1\n3,76.5,95.3\n"))[1]
    twins = table("Method,mIoU,PA\nA,74.2,94.1\nB,74.2,94.1\nC,70.0,94.1\n")
    assert "A and B have the same PA 0.941 and mIoU 0.742" in run(capsys, twins)[1]


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    cells=st.lists(
        st.lists(
            st.one_of(
                st.sampled_from(["Acc", "Sen", "IoU", "F1", "92.5", ".925", "1", "0", "100%", "-", "DRIVE", "|", "&"]),
                st.sampled_from([r"\multicolumn{2}{c}{DRIVE}", r"\textbf{0.9}", r"\\", "---", '"', ";", "{", "}", "$"]),
                st.text(max_size=4),
            ),
            min_size=1,
            max_size=5,
        ),
        max_size=5,
    ),
    form=st.sampled_from([(",", "\n", ".csv"), (" | ", "\n", ".md"), (" & ", "\\\\\n", ".tex"), ("\t", "\n", ".txt")]),
)
def test_any_text_is_audited_or_refused_in_a_sentence(cells, form, tmp_path_factory):
    between, end, suffix = form
    path = tmp_path_factory.mktemp("any") / f"table{suffix}"
    path.write_text(end.join(between.join(row) for row in cells), encoding="utf-8", errors="replace")
    try:
        findings, notes = check_file(path, Asked(data="drive"))
    except ValueError as error:
        assert str(error).strip()
    else:
        assert isinstance(findings, list) and isinstance(notes, list)


def test_json_has_every_field(table, capsys):
    status, out, _ = run(capsys, table(CSV), "--set", "chasedb1", "--format", "json")
    (audit,) = json.loads(out)
    assert status == 1 and audit["inconsistent"] is True and audit["title"] == "table.csv"
    first = audit["findings"][0]
    assert first["verdict"].startswith("inconsistent under: whole image or field of view, all 28 or last 8")
    assert first["inputs"] == {"Acc": "0.958", "Sen": "0.875", "Sp": "0.975"}
    assert {"check", "place", "word", "under", "inequalities", "explanation", "sentence", "cells"} <= set(first)
    assert any("first observer" in note for note in audit["notes"])


@pytest.mark.parametrize("name", ["paper1_table1", "paper2_table3"])
@pytest.mark.parametrize("form", ["csv", "md", "tex"])
def test_the_tables_of_this_suite_can_be_audited(name, form):
    findings, _ = check_file(ROOT / "tables" / f"{name}.{form}", Asked())
    places = {finding.place.split(", ")[1] for finding in findings if finding.word != "noted"}
    assert all(place.endswith("reported") for place in places)
    assert ("CHASEDB reported" in places) == (name == "paper2_table3")  # p = .170, .202, .106 and .165


def test_both_papers_are_audited_where_nothing_is_named(capsys):
    status, out, _ = run(capsys, "--format", "json")
    assert status == 1
    assert [audit["title"].split(":")[0] for audit in json.loads(out)] == ["paper1", "paper2"]


def test_the_cross_check_agrees_on_paper2(capsys):
    pytest.importorskip("mlscorecheck", reason="the extra [audit] is not installed")
    _, out, _ = run(capsys, "paper2", "--cross-check")
    # 8 rows; DRIVE test in 2 regions, CHASE_DB1 2 splits in 2 regions; pooled and as means: 4 * 4 + 4 * 8
    assert "mlscorecheck agrees on 48 of 48 rows and readings it offers." in out


def test_the_command_answers_without_torch_and_in_a_second(table):
    code = (
        "import sys, time; start = time.process_time(); from repro.audit.__main__ import main; "
        f"status = main([{str(table(CSV))!r}]); "
        "assert not {'torch', 'scipy', 'pandas'} & set(sys.modules), 'heavy import'; "
        "assert time.process_time() - start < 1.0, 'slow'; sys.exit(status)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "")


def test_a_quotation_mark_that_is_never_closed_swallows_no_row(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text('system,Acc,Sen,Sp\nA,0.9,0.8,0.95\n"B,0.9,0.8,0.95\nC,0.9,0.8,0.95\n')
    with pytest.raises(ValueError, match=r"table\.csv: a quotation mark from line 3 on is never closed"):
        read_tables(path)
    path.write_text('system,Acc\nA,0.9\n"B\nb",0.8')  # closed: a name on two lines
    assert [row[1] for row in read_tables(path)[0].rows] == ["Acc", "0.9", "0.8"]
