"""The layouts of somebody else's table: marks in cells, heads of several rows, rows of several data sets.

Where nothing else is said the numbers are of 80 hits, 20 misses, 30 false alarms and 870 rejections:
Acc .950, Sen .800, Sp .967, IoU 80/130 = .615, F1 160/210 = .762.
"""

import pytest

from repro.audit.asked import Asked
from repro.audit.files import check_file
from repro.audit.headers import understand
from repro.audit.names import metric_of
from repro.audit.tablefile import read_tables

DRIVE = "96.4 & 80.0 & 98.0"  # p = .0876: .0876 * .8 + .9124 * .98 = .9642
OTHER = "93.0 & 85.0 & 95.0"  # p = .2


def cells(path):
    (raw,) = read_tables(path)
    return raw.rows


def judged(path):
    findings, _ = check_file(path, Asked())
    return [(one.place, one.word) for one in findings if one.word != "noted"]


@pytest.mark.parametrize(
    "cell, plain",
    [
        (r"\textcolor{red}{95.0}", "95.0"),
        (r"\textcolor[rgb]{1,0,0}{\textbf{95.0}}", "95.0"),
        (r"95.0\,$\pm$\,0.3", "95.0 ± 0.3"),
        (r"$95.0_{\pm 0.3}$", "95.0_± 0.3"),
        (r"95.0$^{\dagger}$", "95.0"),
        (r"95.0\textsuperscript{1}", "95.0^1"),
        (r"\phantom{0}95.0", "95.0"),
        (r"\makecell{Acc\\(\%)}", "Acc (%)"),
        (r"\begin{tabular}[c]{@{}c@{}}Acc\\ (\%)\end{tabular}", "Acc (%)"),
        (r"\multicolumn{1}{>{\columncolor{gray!10}}c}{95.0}", "95.0"),
        (r"\ding{51}", "✓"),
        (r"\SI{95.0}{\percent}", "95.0%"),
        (r"95.0\textpm0.3", "95.0±0.3"),
        (r"\scalebox{0.9}{95.0}", "95.0"),
        (r"\rule{0pt}{2.5ex}95.0", "95.0"),
        (r"\multirow[c]{2}*[-2pt]{95.0}", "95.0"),
        (r"U-Net~\citep[see][p. 3]{a}", "U-Net"),
    ],
)
def test_marks_of_latex_are_no_part_of_a_number(table, cell, plain):
    text = (
        "\\begin{tabular*}{\\textwidth}{@{\\extracolsep{\\fill}}lc}\nMethod & A \\\\\nB & "
        + cell
        + " \\\\\n\\end{tabular*}"
    )
    assert cells(table(text, "t.tex")) == [["Method", "A"], ["B", plain]]


@pytest.mark.parametrize(
    "rule", [r"\midrule[1pt]", r"\cmidrule[1pt](l{2pt}r){1-2}", r"\noalign{\smallskip}", r"\\*[2pt]%"]
)
@pytest.mark.parametrize("kind", ["tabular", "array", "NiceTabular"])
def test_what_stands_between_rows_of_latex_is_no_part_of_a_name(table, rule, kind):
    between = rule if rule.startswith(r"\\") else rf"\\ {rule}"
    text = f"\\begin{{{kind}}}{{lc}}\nM & IoU {between}\nA & 61.5 \\\\\n\\end{{{kind}}}\n"
    assert cells(table(text, "t.tex")) == [["M", "IoU"], ["A", "61.5"]]


def test_marks_of_markdown_are_no_part_of_a_number(table):
    text = "| M | IoU | F1 |\n|--|--|--|\n| A | _61.5_ | 76.2<sup>1</sup> |\n"
    assert cells(table(text, "t.md"))[1] == ["A", "61.5", "76.2^1"]
    assert cells(table(text.replace("_61.5_", "`61.5`"), "t.md"))[1] == ["A", "61.5", "76.2^1"]
    html = text.replace("_61.5_", '<span class="best">61.5</span><br>&plusmn;&nbsp;2.0').replace("<sup>1</sup>", r"\*")
    assert cells(table(html, "t.md"))[1] == ["A", "61.5 ± 2.0", "76.2"]
    assert cells(table(text.replace("| A |", "| *p*-value |"), "t.md"))[1][0] == "p-value"


@pytest.mark.parametrize(
    "mark", ["±0.3", "_±0.3", "^1", " [94.1, 96.0]", " (+0.3)", "+0.3", "↑", "†", "§¹", "* ± 0.3", "#"]
)
def test_what_stands_behind_a_number_is_left_out(table, mark):
    assert judged(table(f'Method,Acc,Sen,Sp\nA,"95.0{mark}",80.0,96.7\n')) == []


@pytest.mark.parametrize("cell", ["<95.0", "≈95.0", ">95.0"])
def test_a_bound_is_not_taken_for_a_rounded_number(table, cell):
    with pytest.raises(ValueError, match="is not a number"):
        check_file(table(f"Method,Acc,Sen,Sp\nA,{cell},80.0,96.7\n"), Asked())


def test_a_csv_may_begin_with_an_empty_line_or_a_title(table):
    text = "Method,Acc,Sen,Sp\nA,95.0,80.0,96.7\n"
    assert cells(table("\n" + text)) == cells(table(text))
    assert judged(table("Comparison of accuracy\n" + text)) == []


def test_a_csv_may_hold_several_tables(table):
    text = "One\nMethod,IoU,F1\nA,61.5,76.2\n\nB,61.5,76.2\n\nTwo\n\nMethod,Acc,IoU,F1\nA,95.0,61.5,79.2\n"
    findings, _ = check_file(table(text), Asked())
    assert [(one.place, one.word) for one in findings if one.check == "one row"] == [
        ("table.csv, table 2, Two, row A", "inconsistent")
    ]


def test_decimal_commas_between_commas_are_refused(table):
    with pytest.raises(ValueError, match="row A: more cells than the head; with decimal commas, put semicolons"):
        check_file(table("Method,Acc,Sen,Sp\nA,95,0,80,0,96,7\n"), Asked())
    assert judged(table("Method;Acc;Sen;Sp\nA;95,0;80,0;96,7\n")) == []


@pytest.mark.parametrize("header", ["IoU std", "Dice (SD)", "F1 Std.", "Acc CI"])
def test_a_spread_is_no_score(header):
    assert metric_of(header) == ("", "")


@pytest.mark.parametrize("header", ["Dice ± SD", "Dice±SD", "Dice (mean ± std)", "Mean±SD Dice", "DSC±σ"])
def test_a_score_with_its_spread_is_a_score(header):
    assert metric_of(header) == ("dice", "")


@pytest.mark.parametrize("head", ["F1 (95% CI)", "F1 [95% CI]", "F1 (SD)"])
def test_a_score_with_its_interval_is_a_score(table, head):
    text = f'Method,{head},IoU (95% CI)\nA,"0.762 [0.74, 0.78]",0.615 (0.60–0.63)\n'
    assert judged(table(text)) == []
    assert judged(table(text.replace("0.762", "0.792"))) == [("table.csv, row A", "inconsistent")]


def test_spreads_in_columns_of_their_own_are_not_accused(table):
    text = "Method,IoU,IoU std,Dice,Dice std\nA,0.800,0.060,0.889,0.040\n"  # .04 is no Dice to a Jaccard of .06
    findings, notes = check_file(table(text), Asked())
    assert findings == [] and notes[0] == "table.csv: not audited: IoU std, Dice std."
    for head in ("Method,IoU,±,Dice,±", "Method,IoU,SD,Dice,SD"):  # means: pooled, IoU .801 is Dice .8895
        assert judged(table(f"{head}\nA,0.801,0.060,0.885,0.040\n")) == []
    assert judged(table("Method,IoU,Epochs,Dice\nA,0.801,60,0.885\n")) != []


def test_numbers_with_a_spread_are_means(table):
    path = table("Method,IoU,Dice\nA,80.1 ± 4.0,88.5 ± 3.0\n")  # pooled, IoU .801 is Dice .8895
    findings, notes = check_file(path, Asked())
    assert findings == [] and "scores are taken as means" in notes[0]
    (finding,) = check_file(path, Asked(aggregation="pooled"))[0]
    assert finding.word == "inconsistent"
    assert judged(table("Method,IoU,Dice\nA,80.1 ± 4.0,90.5 ± 3.0\n")) == [("table.csv, row A", "inconsistent")]


@pytest.mark.parametrize("spread", ["±0.04", " (0.040)", "_0.040", " +/- .04"])
def test_a_spread_in_brackets_or_below_says_that_numbers_are_means(table, spread):
    path = table(f"Method,IoU,Dice\nA,0.801{spread},0.885{spread}\n")  # pooled, IoU .801 is Dice .8895
    assert judged(path) == []
    assert judged(table("Method,IoU mean (SD),Dice mean (SD)\nA,0.801,0.885\n")) == []
    assert judged(table("Method,IoU,Dice\nA,0.801 (3),0.885 (2)\n")) != []  # ranks


def test_a_row_of_means_is_not_pooled_and_a_row_of_spreads_is_no_scores(table):
    # .9 and .5 are Dice .947 and .667: means .7 and .807, though 2 * .7 / 1.7 = .824; spreads .283 and .198
    text = "Fold,IoU,Dice\n1,0.900,0.947\n2,0.500,0.667\nMean,0.700,0.807\nStd,0.283,0.198\n"
    findings, notes = check_file(table(text), Asked())
    assert findings == [] and notes[0] == "table.csv: not audited: row Std."
    assert judged(table(text.replace("0.807", "0.907"))) == [("table.csv, row Mean", "inconsistent")]
    both = "Fold,IoU,Dice\n1,0.900,0.947\n2,0.500,0.667\nMean ± SD,0.700 ± 0.283,0.907 ± 0.198\n"
    assert judged(table(both)) == [("table.csv, row Mean ± SD", "inconsistent")]
    assert judged(table("Method,IoU,Dice\nMean Teacher,0.700,0.807\n")) != []  # a network's name


@pytest.mark.parametrize("name", ["Overall", "All", "Total"])
def test_a_row_over_all_classes_may_be_a_mean(table, name):
    text = f"Class,IoU,Dice\nroad,0.900,0.947\ncar,0.500,0.667\n{name},0.700,0.807\n"  # 2 * .7 / 1.7 = .824
    assert judged(table(text)) == []
    assert judged(table(text.replace("0.807", "0.834"))) == [(f"table.csv, row {name}", "inconsistent")]


def test_gains_are_no_scores(table):
    text = "Method,IoU,Dice,IoU gain,Dice gain\nA,61.5,76.2,2.0,1.2\nImprovement (%),+2.0,+1.2,,\n"
    assert judged(table(text)) == []


def test_a_row_of_signed_numbers_is_no_scores_and_a_single_one_is_refused(table):
    text = "Method,IoU,Dice\nA,61.5,76.2\nΔ over A (ours),+2.0,−1.2\n"
    findings, notes = check_file(table(text), Asked())
    assert findings == [] and notes[0] == "table.csv: not audited: row Δ over A (ours)."
    with pytest.raises(ValueError, match="is not a number"):
        check_file(table("Method,IoU,Dice\nA,61.5,−76.2\n"), Asked())


@pytest.mark.parametrize("head", ["Method,Mean Acc,Mean Sen,Mean Sp\n", ",Average,,\nMethod,Acc,Sen,Sp\n"])
def test_scores_headed_as_means_are_not_pooled(table, head):
    # Two images, p = .1 and .5, Sp .9. A has Sen .9 and .5, Acc .90 and .70; B has Sen .5 and .9, Acc .86 and .90.
    text = head + "A,0.80,0.70,0.90\nB,0.88,0.70,0.90\n"  # pooled, p would be .5 and .1
    assert judged(table(text)) == []
    assert [word for _, word in judged(table(text.replace("0.88", "0.55")))] == ["inconsistent"]


@pytest.mark.parametrize(
    "head",
    ["Image No.", "Image ID", "Test dataset", "Dataset name", "Testing set", "Domain", "Tested on", "Train → Test"],
)
def test_rows_headed_as_sets_or_images_need_not_share_a_share(table, head):
    assert judged(table(f"{head},Acc,Sen,Sp\n1,96.4,80.0,98.0\n2,93.0,85.0,95.0\n")) == []  # p = .09 and .2


@pytest.mark.parametrize(
    "text",
    [
        "Method,Acc,Sen,Sp\nDRIVE [3],96.4,80.0,98.0\nHRF,93.0,85.0,95.0\n",
        "Metric,Fold 1,Fold 2\nAcc,96.4,93.0\nSen,80.0,85.0\nSp,98.0,95.0\n",
        "Metric,DRIVE,HRF\nAcc,96.4,93.0\nSen,80.0,85.0\nSp,98.0,95.0\n",
        "Method,Metric,One set,Another\nA,Acc,96.4,93.0\n,Sen,80.0,85.0\n,Sp,98.0,95.0\n",
    ],
)
def test_rows_or_columns_called_by_data_sets_need_not_share_a_share(table, text):
    assert judged(table(text)) == []  # p = .09 and .2


def test_a_score_without_another_beside_it_is_named(table):
    _, notes = check_file(table("Method,IoU,F1,Fold 1 Recall\nA,61.5,76.2,80.0\n"), Asked())
    assert notes == ["table.csv: no other score of the same data to test with: Fold 1 Recall."]


def test_averages_over_organs_are_means_over_classes(table):
    assert metric_of("Avg. Dice") == metric_of("Dice avg") == ("class dice", "")
    # liver .615 and .762, spleen .800 and .889: averages .708 and .826, though 2 * .708 / 1.708 = .829
    text = ",Dice,,,IoU,,\nMethod,liver,spleen,Avg.,liver,spleen,Avg.\nA,0.762,0.889,0.826,0.615,0.800,0.708\n"
    assert judged(table(text)) == []
    assert judged(table(text.replace("0.889", "0.850"))) == [("table.csv, spleen, row A", "inconsistent if pooled")]


def test_p_and_r_are_precision_and_recall_where_a_head_has_both(table):
    wrong = [("table.csv, row A", "inconsistent if pooled")]  # F1 of precision .8 and recall .6 is .96/1.4 = .686
    assert judged(table("Method,P,R,F1\nA,0.800,0.600,0.686\n")) == []
    assert judged(table("Method,P (%),R (%),F1\nA,80.0,60.0,65.0\n")) == wrong
    assert judged(table("Method,P↑,R↑,F1↑\nA,0.800,0.600,0.750\n")) == wrong
    assert judged(table("Score,A\nP,0.800\nR,0.600\nF1,0.750\n")) == wrong
    findings, notes = check_file(table("Method,P,F1,IoU\nA,0.800,0.686,0.522\n"), Asked())
    assert findings == [] and notes[0] == "table.csv: not audited: P."


def test_means_with_a_spread_that_no_seeds_on_one_test_set_give_are_noted(table):
    # Acc = p Sen + (1 - p) Sp is between .85 and .98 for each seed, and so is the mean over seeds
    text = "Method,Acc,Sen,Sp\nA,0.99 ± 0.01,0.85 ± 0.02,0.98 ± 0.01\nB,0.95 ± 0.01,0.85 ± 0.02,0.98 ± 0.01\n"
    findings, notes = check_file(table(text), Asked())
    assert findings == [] and any("on one test set" in one and one.endswith("cannot be: A.") for one in notes)


def test_a_mean_iou_is_at_most_the_mean_class_accuracy(table):
    # IoU is TP/(TP + FN + FP) and accuracy TP/(TP + FN) of each class
    assert judged(table("Method,mIoU,mAcc\nA,70.0,80.0\n")) == []
    assert judged(table("Method,PA,mPA,mean IU\nA,90.0,65.0,70.0\n")) == [("table.csv, row A", "inconsistent")]
    assert judged(table("Method,mIoU,mRecall,mPrecision\nA,70.0,80.0,69.0\n")) == [("table.csv, row A", "inconsistent")]


def test_a_score_that_may_be_a_mean_over_both_classes_is_said_to_be(table):
    # foreground IoU .615, F1 .762; background 870/920 = .946 and .972: means .780 and .867
    (found,), _ = check_file(table("Method,IoU,F1\nA,0.615,0.867\n"), Asked())
    assert found.word == "inconsistent" and "unless DI is a mean over foreground and background" in found.sentence
    (found,), _ = check_file(table("Method,IoU,F1\nA,0.780,0.762\n"), Asked())
    assert "unless JA is a mean over foreground and background" in found.sentence
    (found,), _ = check_file(table("Method,IoU,F1\nA,0.950,0.930\n"), Asked())  # its background would be above 1
    assert "unless" not in found.sentence and "foreground" not in found.explanation


def test_rows_that_agree_on_another_share_are_said_to_be_of_other_images(table):
    # Of 14 images of CHASE_DB1 pooled, or any with p = .0613: Acc = p Sen + (1 - p) Sp
    text = "Method,Acc,Sen,Sp\nA,0.9704,0.7930,0.9820\nB,0.9593,0.8100,0.9690\n"
    findings, _ = check_file(table(text), Asked(data="chasedb1", aggregation="pooled"))
    assert all("All 2 rows agree on p = [0.06" in one.explanation for one in findings) and len(findings) == 2


@pytest.mark.parametrize(("spread", "said"), [(0.1, "of about 0.10"), (0.2, "of about 0.20")])
def test_means_over_images_that_need_an_ordinary_spread_need_no_heavy_tail(table, spread, said):
    # half of the images at JA .6 - spread, half at .6 + spread; DI = 2 JA/(1 + JA)
    dice = sum(2 * (0.6 + one) / (1.6 + one) for one in (-spread, spread)) / 2
    (found,), _ = check_file(table(f"Method,JA,DI\nA,0.6000,{dice:.4f}\n"), Asked())
    assert said in found.explanation and "heavy tail" not in found.explanation


def test_a_spleen_among_organs_is_no_specificity(table):
    # As Acc .54 and Dice .78: TP = .46 / 2 * .78 / .22 = .82, more than Acc.
    findings, notes = check_file(table("Method,DSC,Aorta,Liver,PA,SP\nA,78.0,89.1,93.4,54.0,86.7\n"), Asked())
    assert findings == [] and notes[0] == "table.csv: not audited: Aorta, Liver, pancreas, spleen."
    text = ",DSC,,,IoU,,\nMethod,Liver,PA,SP,Liver,PA,SP\nA,88.9,76.2,76.2,80.0,61.5,66.5\n"
    assert judged(table(text)) == [("table.csv, spleen, row A", "inconsistent if pooled")]
    text = "Method,DSC,,,IoU,,\n,Liver,PA,SP,Liver,PA,SP\nA,88.9,76.2,79.2,80.0,61.5,61.5\n"
    assert judged(table(text)) == [("table.csv, spleen, row A", "inconsistent")]


def test_a_column_beside_a_span_is_not_under_its_heading(table):
    text = r"""
\begin{tabular}{lcccc}
 & \multicolumn{3}{c}{DRIVE} & \\
Method & Acc & Sen & Sp & Dice \\
A & 96.4 & 80.0 & 98.0 & 30.0 \\
\end{tabular}
"""
    assert judged(table(text, "t.tex")) == []  # a Dice of .3 is of other data


def test_a_row_of_units_below_the_head_is_part_of_it(table):
    (raw,) = read_tables(table("Method,Acc,Sen\n,(%),(%)\nA,95.0,80.0\n"))
    assert [column.header for column in understand(raw).columns] == ["Acc (%)", "Sen (%)"]


def test_a_repeated_head_is_no_row(table):
    text = r"""
\begin{longtable}{lcc}
\caption{Results} \\
Method & IoU & F1 \\ \endfirsthead
Method & IoU & F1 \\ \endhead
A & 61.5 & 79.2 \\
\end{longtable}
"""
    assert judged(table(text, "t.tex")) == [("t.tex, row A", "inconsistent")]


def test_scores_may_have_rows_and_methods_columns(table):
    assert judged(table("Metric,A,B\nIoU,0.615,0.615\nF1,0.762,0.792\n")) == [("table.csv, row B", "inconsistent")]


def test_scores_named_in_the_second_column_may_have_rows_too(table):
    text = "Dataset,Metric,A,B\nS,IoU,0.615,0.615\n,F1,0.762,0.762\nT,IoU,0.615,0.615\n,F1,0.762,0.792\n"
    assert judged(table(text)) == [("table.csv, T, row B", "inconsistent")]


@pytest.mark.parametrize("first, second", [(r"\multirow{2}{*}{Dataset}", ""), ("", r"\multirow{-2}{*}{Dataset}")])
def test_a_head_may_stand_over_both_its_rows(table, first, second):
    text = rf"{first} & \multicolumn{{3}}{{c}}{{All}} \\ {second} & Acc & Sen & Sp \\ One & {DRIVE} \\ Two & {OTHER} \\"
    assert judged(table(text, "t.tex")) == []


def test_a_multirow_from_below_stands_for_the_rows_over_it(table):
    rows = rf"One & A & {DRIVE} \\ & B & {OTHER} \\ \multirow{{-2}}{{*}}{{Two}} & C & {OTHER} \\"  # p = .09, .2, .2
    assert judged(table(r"Dataset & Method & Acc & Sen & Sp \\ " + rows, "t.tex")) == []


def test_ticks_under_a_name_like_a_score_are_no_scores(table):
    assert judged(table("Method,SE,PA,IoU,F1\nA,✔️,❌,61.5,76.2\nB,✅,+,61.5,76.2\n")) == []
    assert judged(table("Method,SE,PA,IoU,F1\nA,✓,,61.5,76.2\nB,✓,✓,61.5,79.2\n")) == [
        ("table.csv, row B ✓ ✓", "inconsistent")
    ]


@pytest.mark.parametrize(
    "rows",
    [
        r"Method & Acc & Sen & Sp \\ \multicolumn{4}{c}{DRIVE} \\ A & %s \\ \multicolumn{4}{c}{Skin} \\ A & %s \\",
        r"Dataset & Method & Acc & Sen & Sp \\ \multirow{2}{*}{DRIVE} & A & %s \\ & A & %s \\",
        r"Method & Dataset & Acc & Sen & Sp \\ A & DRIVE & %s \\ A & Skin & %s \\",
        r"Method & Fold & Acc & Sen & Sp \\ A & 1 & %s \\ A & 2 & %s \\",
    ],
)
def test_rows_of_other_data_need_not_share_a_share(table, rows):
    other = DRIVE if "multirow" in rows else OTHER  # the second row of a multirow is of DRIVE too
    assert judged(table(rows % (DRIVE, other), "t.tex")) == []


@pytest.mark.parametrize(
    "text",
    [
        "Method,Acc,Sen,Sp\nDRIVE,,,\nA,92.5,83.6,97.2\n",
        "Dataset,Method,Acc,Sen,Sp\nDRIVE,A,92.5,83.6,97.2\n",
        "Method,Dataset,Acc,Sen,Sp\nA,DRIVE,92.5,83.6,97.2\n",
    ],
)
def test_a_data_set_named_in_rows_is_looked_up(table, text):
    assert judged(table(text)) == [("table.csv, DRIVE, row A", "inconsistent")]  # p = .346, and .088 or .127 is true


def test_a_table_without_scores_beside_others_is_a_note(table):
    text = "| M | IoU | F1 |\n|--|--|--|\n| A | 61.5 | 76.2 |\n\nand\n\n| Name | Epochs |\n|--|--|\n| A | 100 |\n"
    findings, notes = check_file(table(text, "t.md"), Asked())
    assert (findings, notes) == ([], ["t.md, table 2: not audited: no column is called like a score."])


def test_of_very_many_rows_a_sentence_names_the_two_furthest_apart(table):
    # Acc = p Sen + (1 - p) Sp: p = (Sp - Acc)/(Sp - Sen) rises from .10 to .50 over twelve rows with Sen .5, Sp .9.
    lines = [f"row{n},{0.86 - 0.16 * n / 11:.3f},0.500,0.900" for n in range(12)]
    findings, _ = check_file(table("\n".join(["Method,Acc,Se,Sp", *lines])), Asked())
    (finding,) = [finding for finding in findings if finding.check == "one share for all rows"]
    assert "of 12 rows the two furthest apart: 0.100, 0.500" in finding.sentence
    assert {name.split(",")[0] for name in finding.inputs} == {"row0", "row11"}
