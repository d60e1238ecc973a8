"""The check: what does not follow makes it fail, and a clean tree passes."""

import dataclasses
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imsave
from measured import KIND, ROOT, matrix, point, publish, run_of, snapshot, with_seed

from repro import check, compare, plan, records, views
from repro.demo import TOLERANCES, table_differences
from repro.faults import record_faults
from repro.records import Record

DEMO = plan.suite("demo")
DRIVE = plan.suite("drive-e4")  # one table and no figure: quickly drawn
LKM, OURS = "paper2_table3/LKM", "paper1_table1/ours"
CURVE = [point(10, 1, 1.0, 0.9), point(20, 2, 0.5, 0.8)]
UNITS = ["left", "right"]

POINTS, LOSS = TOLERANCES["paper1"].points, TOLERANCES["paper1"].train_loss


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout with a record and the views of a suite on real data."""
    root = tmp_path_factory.mktemp("clean")
    home = compare.home_of(DRIVE, root)
    publish(home, root / "runs", run_of(LKM, DRIVE.name), matrix(0.6), matrix(0.7), curve=CURVE, units=UNITS)
    views.rewrite(DRIVE, root=root)
    return root


@pytest.fixture
def root(clean: Path, tmp_path: Path) -> Path:
    """A copy of the clean checkout, to damage."""
    return Path(shutil.copytree(clean, tmp_path / "checkout"))


@pytest.fixture
def demo(tmp_path: Path) -> Path:
    """A checkout with a locked demo, and the demo trained with the same numbers."""
    for folder in (records.lock_of("demo", tmp_path), compare.home_of(DEMO, tmp_path)):
        publish(folder, tmp_path / "runs" / "demo", run_of(OURS, "demo"), matrix(0.6), curve=CURVE)
    return tmp_path


def record_in(root: Path) -> Record:
    (record,) = records.every(compare.home_of(DRIVE, root).records)
    return record


def failures(root: Path) -> list[str]:
    """Return what is wrong with the suite's views and records, and with what else is committed."""
    report = check.check_all([DRIVE], root=root)
    check.check_committed(root, report)
    return list(dict.fromkeys(report.failures))


def edit(root: Path, change: Callable[[dict], object]) -> list[str]:
    """Change the record and return the faults found in it."""
    record = record_in(root)
    data = json.loads(record.path.read_text())
    change(data)
    record.path.write_bytes(records.record_bytes(data))
    return record_faults(Record(record.path))


def test_a_clean_tree_passes_and_nothing_is_written(root: Path):
    before = snapshot(root)
    assert failures(root) == []
    assert snapshot(root) == before


@pytest.mark.parametrize("name", ["paper2_table3.csv", "paper2_table3.md", "paper2_table3.tex", "records.csv"])
def test_an_edited_view_fails(name: str, root: Path):
    path = root / "tables" / "drive-e4" / name
    path.write_text(path.read_text() + " ")
    assert failures(root) == [f"{path}: does not follow from the records; repro table --all rewrites it"]


def test_a_missing_view_and_one_too_many_fail(root: Path):
    folder = root / "tables" / "drive-e4"
    (folder / "paper2_table3.tex").unlink()
    (folder / "paper2_table9.csv").write_text("row\n")
    (folder / ".gitkeep").touch()  # hidden files are no views
    assert failures(root) == [
        f"{folder / 'paper2_table3.tex'}: missing; a view of drive-e4 that follows from its records",
        f"{folder / 'paper2_table9.csv'}: follows from no record; remove it",
    ]


def test_a_record_whose_views_were_never_written_fails(root: Path):
    shutil.rmtree(root / "tables" / "drive-e4")
    assert sum(": missing; a view of drive-e4" in failure for failure in failures(root)) == 4


def test_every_suite_with_views_or_records_is_checked_and_the_demo_and_the_papers_own(root: Path):
    def names() -> list[str]:
        return [suite.name for suite in views.committed_suites(root)]

    assert names() == ["papers", "demo", "drive-e4"]
    publish(compare.home_of(DRIVE, root), root / "runs", run_of(OURS, "camvid"), matrix(0.6))
    publish(compare.home_of(DRIVE, root), root / "runs", run_of(OURS, "cityscapes"), matrix(0.6))
    assert names() == ["papers", "demo", "drive-e4", "camvid"]  # cityscapes is the papers' own


def test_where_nothing_is_committed_there_is_nothing_to_check(tmp_path: Path):
    report = check.check_all([compare.own_suite(), DEMO], root=tmp_path)
    assert report.failures == []
    assert report.notes == [
        "papers: nothing is committed yet",
        "demo: nothing is committed yet",
        "demo was not trained in this checkout; train it with ./run_all.sh demo",
    ]
    check.check_committed(tmp_path, report)
    assert report.failures == []


def test_a_png_is_compared_by_its_pixels_and_anything_else_by_its_bytes():
    pixels = np.full((4, 4, 3), 200, np.uint8)

    def png(comment: str) -> bytes:
        buffer = io.BytesIO()
        imsave(buffer, pixels, format="png", metadata={"Comment": comment})
        return buffer.getvalue()

    first, second = png("a"), png("b")
    assert first != second and check.same_view(first, second, "figure.png")
    assert not check.same_view(first, second, "figure.svg")
    pixels[0, 0, 0] = 199
    assert not check.same_view(first, png("a"), "figure.png")
    assert not check.same_view(b"no picture", first, "figure.png")
    assert not check.same_view(first[:100], first, "figure.png")


@pytest.mark.parametrize("kind", ["tables", "figures"])
def test_a_folder_of_views_that_no_suite_has_fails(kind: str, root: Path):
    (root / kind / "camvit").mkdir(parents=True)
    assert failures(root) == [f"{root / kind / 'camvit'}: no suite has this name"]


def test_a_score_that_does_not_follow_from_the_evidence_fails(root: Path):
    def flatter(data: dict) -> None:
        data["scores"]["last native whole"]["miou"] = 0.9

    # Two images with 1200 and 1400 hits of 2000 in each class: pooled IoU = (1200 + 1400) / (2000 + 2000) = .65.
    assert edit(root, flatter) == ["miou of last native whole is 0.9, its evidence gives 0.65"]
    assert any("miou of last native whole is 0.9" in failure for failure in failures(root))


def test_a_score_or_an_evaluation_that_has_no_evidence_fails(root: Path):
    assert edit(root, lambda data: data["scores"]["last native whole"].update(auc=0.99)) == [
        "auc of last native whole is 0.99, its evidence gives None"
    ]
    found = edit(root, lambda data: data["scores"].update({"best native whole": {"miou": 0.99}}))
    assert "miou of best native whole is 0.99, its evidence gives None" in found


def test_a_score_that_was_left_out_fails(root: Path):
    assert edit(root, lambda data: data["scores"]["last native whole"].pop("pixel_accuracy"))[0].startswith(
        "pixel_accuracy of last native whole is None, its evidence gives 0.78"
    )


def test_a_selection_list_that_shares_an_image_with_the_report_list_fails(root: Path):
    shared = "0" * 16  # the first image of the evidence
    found = edit(root, lambda data: data["lists"]["selection"]["images"].append(shared))
    assert found == [f"selection and report share 1 images, {shared} for one"]


def test_a_selection_list_that_shares_a_unit_with_the_report_list_fails(root: Path):
    found = edit(root, lambda data: data["lists"]["selection"]["units"].append("right"))
    assert found == ["selection and report share right"]


def test_units_of_two_data_sets_are_not_compared(root: Path):
    def elsewhere(data: dict) -> None:
        data["lists"]["selection"] |= {"units": ["right"], "data": "chasedb1"}

    assert edit(root, elsewhere) == []


def test_a_report_list_of_more_images_or_other_units_than_the_evidence_fails(root: Path):
    (fault,) = edit(root, lambda data: data["lists"]["report"].update(n=9))
    assert fault.startswith("its report list has 9 images, its evidence counts ")
    assert "the units of its evidence are not those of its report list" in edit(
        root, lambda data: data["lists"]["report"]["units"].pop()
    )


def test_an_identity_that_is_not_the_names_fails(root: Path):
    (fault,) = edit(root, lambda data: data["run"]["recipe"].update(weight_decay=0.123))
    assert fault.startswith("its identity has the id ") and record_in(root).id in fault


# DRIVE in 4 epochs at batch 15, 20 steps: 5 an epoch, of 75 images.
@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda data: data["training"].update(steps=10), "it says 10 steps, its curve ends at 20"),
        (lambda data: data["lists"]["train"].update(n=76), "it says 20 steps, 4 epochs of its list are 24"),
        (lambda data: data["training"].update(ended="stopped early"), "stopped early after 20 of 20 steps"),
        (lambda data: data["training"].update(selected_epoch=1), "it selected epoch 1, its curve's lowest selection"),
        (lambda data: data.update(training=None), "it has no training, and its recipe 4 epochs"),
        (lambda data: data["lists"]["train"].update(data="chasedb1"), "its train list is train of chasedb1"),
        (lambda data: data["lists"]["report"].update(list="train"), "its report list is train of drive"),
    ],
)
def test_a_training_that_is_not_its_recipes_fails(root: Path, change: Callable[[dict], object], fault: str):
    assert any(each.startswith(fault) or fault in each for each in edit(root, change))


def test_a_curve_of_another_schedule_fails(root: Path):
    curve = record_in(root).path.with_suffix(".csv")
    head, first, last = curve.read_text().splitlines()
    # the rate of step 10 of 20: 0.001 (1 + cos(9 pi / 20)) / 2 = 0.000578217
    assert first.split(",")[2] == "0.000578217"
    curve.write_text("\n".join([head, first.replace("0.000578217", "0.000578317"), last, ""]))
    (fault,) = record_faults(record_in(root))
    assert fault == "its curve has a learning rate of 0.000578317 at step 10, not 0.000578217"


def test_a_histogram_of_other_predictions_than_the_counts_fails(root: Path):
    record = record_in(root)
    counted = record.evidence()
    (name, one), *_ = counted.items()
    # 600 hits and 400 errors of a class of two alike: as many of each true class are above one half
    histogram = np.zeros((1, 2, 1024), np.int64)
    histogram[0, :, 400], histogram[0, :, 600] = one.confusion[:, 0], one.confusion[:, 1]
    for moved, faults in ((0, []), (1, [f"the histogram of {name} is of other predictions than its counts"])):
        histogram[0, 1, [400, 600]] += [moved, -moved]
        counted[name] = dataclasses.replace(one, histogram=histogram.copy())
        record.path.with_suffix(".npz").write_bytes(records.evidence_bytes(counted))
        data = json.loads(record.path.read_text())
        data["scores"] = records.scores_of(counted, data["classes"])
        record.path.write_bytes(records.record_bytes(data))
        assert record_faults(Record(record.path)) == faults


def test_one_training_is_not_two_seeds(root: Path):
    home, report = compare.home_of(DRIVE, root), check.Report()
    run = run_of(LKM, DRIVE.name)
    for seed, loss in ((1, 0.8), (2, 0.7)):
        other = publish(
            home, root / "runs", with_seed(run, seed), matrix(0.6), curve=[CURVE[0], point(20, 2, 0.5, loss)]
        )
    other = f"{with_seed(run, 1).id}@{KIND}"
    check.check_records(records.every(home.records), report)
    assert len(report.failures) == 1 and "with the same curve" in report.failures[0] and other in report.failures[0]


def test_two_records_say_the_same_of_one_list(root: Path):
    home, report = compare.home_of(DRIVE, root), check.Report()
    other = publish(home, root / "runs", run_of("paper2_table3/LKM + ETM", DRIVE.name), matrix(0.6), curve=CURVE)
    data = json.loads(other.path.read_text())
    data["lists"]["selection"]["images"] = ["e" * 16]
    other.path.write_bytes(records.record_bytes(data))
    check.check_records(records.every(home.records), report)
    assert ["its images of drive 1111111111111111 are not those of" in each for each in report.failures] == [True]


def test_a_record_under_another_runs_name_or_machine_fails(root: Path):
    record = record_in(root)
    for path in record.files:
        shutil.copy(path, path.with_name(f"0123456789ab@nvidia-h200-torch2.11{path.suffix}"))
    faults = record_faults(Record(record.path.with_name("0123456789ab@nvidia-h200-torch2.11.json")))
    assert faults == [
        f"its identity has the id {record.id}, its name says 0123456789ab",
        "its provenance says cpu-torch2.15, its name says nvidia-h200-torch2.11",
    ]


def test_a_record_of_a_later_version_or_a_damaged_one_fails_in_one_line(root: Path):
    (later,) = edit(root, lambda data: data["run"]["recipe"].update(mixup=1))
    assert "another version of the suite" in later and "mixup" in later
    assert edit(root, lambda data: data["run"]["recipe"].pop("mixup")) == []
    assert edit(root, lambda data: data.pop("lists")) == [
        "cannot be read: not a record (it lacks 'lists'); restore it from git"
    ]
    record = record_in(root)
    for content in ("[]", "{", ""):
        record.path.write_text(content)
        (fault,) = record_faults(Record(record.path))
        assert fault.startswith("cannot be read: ") and "\n" not in fault
        assert any("its views cannot be made from its records" in failure for failure in failures(root))


def test_damaged_evidence_and_a_cut_curve_fail(root: Path):
    record = record_in(root)
    curve = record.path.with_suffix(".csv")
    curve.write_bytes(curve.read_bytes()[:-3])
    assert "not a training curve" in record_faults(Record(record.path))[0]
    evidence = record.path.with_suffix(".npz")
    evidence.write_bytes(evidence.read_bytes()[:-30])
    assert "not a file of evidence" in record_faults(Record(record.path))[0]


def test_half_a_record_fails(root: Path):
    evidence = record_in(root).path.with_suffix(".npz")
    evidence.unlink()
    found = failures(root)
    assert sum("part of no whole record" in failure for failure in found) == 2  # the .json and the .csv


def test_a_local_run_with_other_numbers_than_the_published_ones_is_a_note(root: Path):
    publish(compare.home_of(DRIVE, root), root / "runs", run_of(LKM, DRIVE.name), matrix(0.9), curve=CURVE)
    report = check.Report()
    check.check_committed(root, report)
    assert report.failures == []
    assert report.notes == [f"{root / 'runs' / record_in(root).id}: its numbers are not those published under its name"]


# The demo against its lock.


def compared(root: Path, *, fresh: bool = True) -> list[str]:
    report = check.Report()
    check.check_demo(DEMO, report, fresh=fresh, root=root)
    return report.failures


def retrain(root: Path, miou: float = 0.6, curve: list[dict] = CURVE) -> list[str]:
    """Train the demo "anew" with these numbers and return what the check says of it."""
    trained = compare.home_of(DEMO, root)
    shutil.rmtree(trained.records)
    publish(trained, root / "runs" / "demo", run_of(OURS, "demo"), matrix(miou), curve=curve)
    return compared(root)


def test_where_no_demo_was_trained_a_fresh_check_fails_and_another_says_so(demo: Path):
    shutil.rmtree(compare.home_of(DEMO, demo).records)
    sentence = "demo was not trained in this checkout; train it with ./run_all.sh demo"
    assert compared(demo) == [sentence]
    report = check.Report()
    check.check_demo(DEMO, report, fresh=False, root=demo)
    assert (report.failures, report.notes) == ([], [sentence])


def test_a_fresh_demo_within_the_tolerance_passes_and_beyond_it_fails(demo: Path):
    assert compared(demo) == []
    near = retrain(demo, 0.6 - (POINTS - 0.2) / 100)
    assert not any("tolerated" in failure for failure in near)
    found = retrain(demo, 0.6 - (POINTS + 0.2) / 100)
    score = 60 - POINTS - 0.2
    assert f"paper1_table1/ours, mIoU: {score:.2f} %, locked 60.00 %, tolerated {POINTS} points" in found
    assert f"paper1_table2/0.0005, mIoU: {score:.2f} %, locked 60.00 %, tolerated {POINTS} points" in found


def test_a_fresh_demo_that_counted_other_labels_fails(demo: Path):
    found = retrain(demo, 0.57)  # of other labelled pixels, with a score that is well inside
    assert [failure for failure in found if failure.endswith("counts other labels than locked")]


def test_better_than_the_lock_fails_too(demo: Path):
    assert any("paper1_table1/ours, mIoU: 90.00 %" in failure for failure in retrain(demo, 0.9))


def test_a_curve_beyond_the_tolerance_fails_at_its_first_point(demo: Path):
    within = [point(10, 1, 1.0 + LOSS * 0.9, 0.9), CURVE[1]]
    beyond = [CURVE[0], point(20, 2, 0.5 + LOSS * 1.1, 0.8)]
    assert retrain(demo, curve=within) == []
    (found,) = retrain(demo, curve=beyond)
    assert found.startswith(f"run {run_of(OURS, 'demo').id}: train_loss ") and "at step 20, locked 0.5" in found


def test_a_curve_of_other_steps_fails(demo: Path):
    (found,) = retrain(demo, curve=CURVE[:1])
    assert found.endswith("the curve has other steps than the locked one")


@pytest.mark.parametrize("broken", [float("nan"), None])
def test_a_loss_that_is_not_a_number_or_not_there_fails(broken: float | None, demo: Path):
    (found,) = retrain(demo, curve=[CURVE[0], CURVE[1] | {"train_loss": broken}])
    assert "train_loss" in found and "locked 0.5" in found


def test_a_score_that_became_undefined_fails(demo: Path):
    lock, home = records.lock_of("demo", demo), compare.home_of(DEMO, demo)
    run = run_of("paper2_figure1/0.5", "demo")
    publish(lock, demo / "a", run, [[4, 1], [1, 4]])
    publish(home, demo / "b", run, [[4, 1], [0, 0]])  # no lesion: sensitivity is undefined
    table = plan.exhibit("paper2_figure1")
    found = table_differences(compare.compare(table, DEMO, lock), compare.compare(table, DEMO, home), POINTS)
    assert any("undefined, locked 80.00 %" in failure for failure in found)


def test_a_locked_run_that_was_not_trained_fails_only_where_all_were_to_be_fresh(demo: Path):
    missing = run_of("paper1_table1/FCN", "demo")
    publish(records.lock_of("demo", demo), demo / "a", missing, matrix(0.5))
    assert compared(demo, fresh=False) == []
    assert compared(demo) == [f"demo: 1 locked runs were not trained here, {missing.id} for one"]


def test_a_damaged_demo_record_fails_in_one_line(demo: Path):
    (record,) = records.every(compare.home_of(DEMO, demo).records)
    record.path.write_text("{")
    (found,) = compared(demo)
    assert found.startswith("demo: cannot be compared with its lock: ") and "\n" not in found


# The command, in a copy of the package so that its checkout is the fabricated one.


@pytest.fixture
def package(root: Path) -> Path:
    shutil.copytree(ROOT / "repro", root / "repro", ignore=shutil.ignore_patterns("__pycache__"))
    return root


def command(root: Path, *arguments: str) -> subprocess.CompletedProcess:
    environment = {**os.environ, "PYTHONPATH": str(root)}
    line = [sys.executable, "-m", "repro.check", *arguments]
    return subprocess.run(line, capture_output=True, text=True, env=environment, cwd=root)


@pytest.mark.parametrize("option", [["--claims"], ["--suite", "camvid"]])
def test_a_bundle_is_judged_alone(option, capsys: pytest.CaptureFixture):
    with pytest.raises(SystemExit, match="2"):
        check.main(["--bundle", "bundle.zip", *option])
    assert "--bundle goes alone" in capsys.readouterr().err


def test_fresh_does_not_go_with_what_looks_at_no_demo(capsys: pytest.CaptureFixture):
    for option in (["--claims"], ["--bundle", "bundle.zip"]):
        with pytest.raises(SystemExit) as end:
            check.main(["--fresh", *option])
        assert end.value.code == 2
        assert f"--fresh does not go with {option[0]}, which looks at no demo" in capsys.readouterr().err


def test_the_command_ends_with_0_where_all_follows_and_1_where_not(package: Path):
    done = command(package, "--suite", "drive-e4")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "Suites checked: 1; failures: 0; notes: 0.\n"
    path = package / "tables" / "drive-e4" / "paper2_table3.md"
    path.write_text("edited")
    done = command(package, "--suite", "drive-e4")
    assert done.returncode == 1
    assert f"FAILED: {path}: does not follow from the records" in done.stdout


@pytest.mark.slow
def test_a_checkout_with_a_locked_and_trained_demo_passes_as_a_whole(package: Path):
    lock, home = records.lock_of("demo", package), compare.home_of(DEMO, package)
    for folder in (lock, home):
        publish(folder, package / "runs" / "demo", run_of(OURS, "demo"), matrix(0.6), curve=CURVE)
    views.write(DEMO, lock)
    done = command(package, "--fresh")
    assert done.stdout.splitlines() == [
        "note: papers: nothing is committed yet",
        "Suites checked: 3; failures: 0; notes: 1.",
    ]
    assert done.returncode == 0
    path = package / "tables" / "demo" / "paper1_table1.csv"
    path.write_text(path.read_text().replace("60.000", "61.000"))
    done = command(package, "--fresh")
    assert done.returncode == 1 and f"FAILED: {path}: does not follow from the records" in done.stdout


def test_the_command_says_bad_input_in_one_sentence(capsys: pytest.CaptureFixture):
    assert check.main(["--suite", "camvit"]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err == "repro.check: there is no suite 'camvit'; did you mean camvid?\n"


def test_the_declared_tolerances_are_positive_and_below_what_a_wrong_loss_changes():
    assert 0 < POINTS < 20 and 0 < LOSS < 0.239  # a missing Dice term: docs/demo-tolerance.md
    assert all(0 < tolerance.train_loss < 1.06 for tolerance in TOLERANCES.values())  # 1 - alpha for alpha
