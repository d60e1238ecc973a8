"""Records of many machines brought together, packed for the way, and judged when they come."""

import hashlib
import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from measured import KIND, ROOT, matrix, point, publish, run_of, snapshot, write_run

from repro import bundle, check, records
from repro.collect import collect, main
from repro.records import Folder

SUITE = "chasedb1-e4"
CELL, OTHER = "paper2_table3/LKM", "paper2_table3/LKM + ETM"
CURVE = [point(10, 1, 1.5, 0.9), point(20, 2, 1.25, 0.75)]
IMAGES = 8  # of CHASE_DB1's report list


def machine(root: Path, cells: tuple[str, ...] = (CELL,), *, miou: float = 0.6, suite: str = SUITE) -> Path:
    """Return the `runs` folder of a machine that has finished the runs of `cells`."""
    for cell in cells:
        write_run(root / "runs", run_of(cell, suite), *[matrix(miou)] * IMAGES, curve=CURVE)
    return root / "runs"


def ids_in(folder: Path) -> list[str]:
    return sorted(record.id for record in records.every(folder))


def test_the_runs_of_two_machines_come_together_under_the_names_they_are_published_by(tmp_path: Path):
    one, two = machine(tmp_path / "a", (CELL,)), machine(tmp_path / "b", (OTHER,))
    found = collect([one, two], tmp_path / "records")
    expected = sorted(f"{run_of(cell, 'chasedb1-e4').id}@{KIND}" for cell in (CELL, OTHER))
    assert sorted(found.added) == expected and not (found.there or found.differing or found.refused)
    assert sorted(path.stem for path in (tmp_path / "records").glob("*.json")) == expected
    for record in records.every(tmp_path / "records"):
        run = (one if record.id == run_of(CELL, SUITE).id else two) / record.id
        originals = [run / name for name in ("record.json", "curve.csv", "evidence.npz")]
        assert [path.read_bytes() for path in record.files] == [path.read_bytes() for path in originals]


def test_records_are_found_at_any_depth_and_collecting_again_adds_nothing(tmp_path: Path):
    machine(tmp_path / "a" / "checkout")
    collect([tmp_path / "a"], tmp_path / "there" / "tables" / "records")
    before = snapshot(tmp_path)
    again = collect([tmp_path / "a", tmp_path / "there"], tmp_path / "there" / "tables" / "records")
    assert again.added == [] and len(again.there) == 2 and not again.differing
    assert snapshot(tmp_path) == before


def test_an_equal_name_with_other_bytes_is_shown_as_a_difference_and_stays_out(tmp_path: Path):
    to = tmp_path / "records"
    collect([machine(tmp_path / "a", miou=0.6)], to)
    before = snapshot(to)
    found = collect([machine(tmp_path / "b", miou=0.5)], to)
    (how,) = found.differing.values()
    # hits over all pixels: mIoU 0.5 is 1000 of 1500, 0.6 is 1200 of 1600
    assert how == "accuracy of last input whole is 0.6666666666666666, here it is 0.75"
    assert found.added == [] and snapshot(to) == before


def test_another_session_of_the_same_numbers_is_told_from_other_numbers(tmp_path: Path):
    to, runs = tmp_path / "records", machine(tmp_path / "b")
    collect([machine(tmp_path / "a")], to)
    path = next(runs.glob("*/record.json"))
    data = json.loads(path.read_text())
    data["provenance"]["seconds"] = 99.0
    path.write_bytes(records.record_bytes(data))
    assert list(collect([runs], to).differing.values()) == ["equal scores and evidence, another session (provenance)"]


def test_what_does_not_follow_from_its_evidence_is_refused_and_the_others_come_in(tmp_path: Path):
    runs = machine(tmp_path / "a", (CELL, OTHER))
    path = runs / run_of(CELL, SUITE).id / "record.json"
    data = json.loads(path.read_text())
    data["scores"]["last native whole"]["miou"] = 0.99
    path.write_bytes(records.record_bytes(data))
    (runs / "damaged").mkdir()
    (runs / "damaged" / "record.json").write_text("{")
    found = collect([runs], tmp_path / "records")
    assert ids_in(tmp_path / "records") == [run_of(OTHER, SUITE).id]
    assert "miou of last native whole is 0.99, its evidence gives 0.6" in found.refused[f"{data['id']}@{KIND}"]
    assert "not a record" in found.refused["damaged"]


def test_half_a_record_is_refused_by_the_name_of_what_is_missing(tmp_path: Path):
    collect([machine(tmp_path / "a", (CELL, OTHER))], tmp_path / "sent")
    half, whole = records.every(tmp_path / "sent")
    half.path.with_suffix(".csv").unlink()
    found = collect([tmp_path / "sent"], tmp_path / "records")
    assert found.added == [whole.path.stem]
    assert found.refused == {half.path.stem: f"{half.path.stem}.csv is not beside it; get the three files again"}


@pytest.mark.parametrize("ending", [".csv", ".npz"])
def test_a_file_that_went_missing_here_is_collected_again(tmp_path: Path, ending: str):
    source, to = machine(tmp_path / "a"), tmp_path / "records"
    collect([source], to)
    (record,) = records.every(to)
    before = snapshot(to)
    record.path.with_suffix(ending).unlink()
    assert collect([source], to, dry_run=True).added == collect([source], to).added == [record.path.stem]
    assert snapshot(to) == before
    record.path.with_suffix(ending).unlink()
    collect([machine(tmp_path / "b", miou=0.5)], to)  # other numbers complete nothing
    assert not record.path.with_suffix(ending).exists()


def test_a_record_that_is_damaged_here_is_said_and_the_others_come_in(tmp_path: Path):
    to = tmp_path / "records"
    collect([machine(tmp_path / "a")], to)
    (record,) = records.every(to)
    record.path.write_text("{")
    found = collect([machine(tmp_path / "b", (CELL, OTHER))], to)
    assert len(found.added) == 1 and "the one that is here is damaged" in found.differing[record.path.stem]


def test_runs_on_generated_data_are_passed_over(tmp_path: Path):
    runs = machine(tmp_path / "a", ("paper1_table1/FCN",), suite="demo")
    found = collect([runs], tmp_path / "records")
    assert found.passed_over == 1 and not (tmp_path / "records").exists()


def test_a_dry_run_says_what_it_would_add_and_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture):
    runs = machine(tmp_path / "a")
    before = snapshot(tmp_path)
    assert main([str(runs), "--into", str(tmp_path / "tables"), "--dry-run"]) == 0
    assert capsys.readouterr().out == "1 record would be added, 0 there already, 0 differ, 0 refused.\n"
    assert snapshot(tmp_path) == before and not (tmp_path / "tables").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nowhere"], "nowhere: there is no such folder or file"),
        (["empty"], "empty: no record or finished run is below it"),
        (["empty", "--into", "file"], "--into file: a file, expected a folder"),
        (["empty", "--pack", "bundle.tar"], "--pack bundle.tar: a bundle is a zip"),
        (["empty", "--pack", "bundle.zip"], "there is no record to pack"),
        (["camvit", "--pack", "bundle.zip"], "there is no suite 'camvit'; did you mean camvid"),
        (["a", "b", "--pack", "bundle.zip"], "--pack takes one suite or one folder, found 2"),
        (["file"], "file: cannot be unpacked"),
    ],
)
def test_bad_input_is_one_sentence_and_nothing_is_written(
    arguments: list[str], sentence: str, tmp_path: Path, monkeypatch, capsys: pytest.CaptureFixture
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("no archive")
    before = snapshot(tmp_path)
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert sentence in err and err.count("\n") == 1 and out == "" and snapshot(tmp_path) == before


# Bundles.


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    """A bundle of two records with their logs."""
    runs = machine(tmp_path / "a", (CELL, OTHER))
    for folder in runs.iterdir():
        (folder / "log.jsonl").write_text("".join(json.dumps(each) + "\n" for each in CURVE))
    assert main([str(runs), "--pack", str(tmp_path / "bundle.zip")]) == 0
    return tmp_path / "bundle.zip"


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def with_changes(path: Path, changes: dict[str, bytes | None], *, named: bool = True) -> Path:
    """Return a bundle with other members, its manifest's hashes made right unless `named` is False."""
    contents = {name: data for name, data in (members(path) | changes).items() if data is not None}
    if named and "bundle.json" in contents:
        manifest = json.loads(contents["bundle.json"])
        manifest["files"] = {
            name: hashlib.sha256(data).hexdigest() for name, data in contents.items() if name != "bundle.json"
        }
        contents["bundle.json"] = json.dumps(manifest).encode()
    target = path.with_name("changed.zip")
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in contents.items():
            archive.writestr(name, data)
    return target


def changed(path: Path, change) -> Path:
    """Return a bundle in which `change` was applied to the first record's JSON object."""
    name = sorted(name for name in members(path) if name.startswith("records/") and name.endswith(".json"))[0]
    data = json.loads(members(path)[name])
    change(data)
    return with_changes(path, {name: json.dumps(data).encode()})


def test_a_bundle_holds_evidence_curves_logs_and_the_hashes_of_the_data(packed: Path):
    names = {name.partition("@")[2] for name in members(packed)} - {""}
    assert names == {f"{KIND}{ending}" for ending in (".json", ".csv", ".npz", ".log.jsonl")}
    manifest = json.loads(members(packed)["bundle.json"])
    assert manifest["data"] == {  # the hashes that `measured` gives every list
        "chasedb1 report": ["2" * 16], "chasedb1 selection": ["1" * 16], "chasedb1 train": ["0" * 16],
    }  # fmt: skip
    assert bundle.judge(packed) == bundle.Verdict(2, ())


def test_the_same_records_give_the_same_bundle(packed: Path, tmp_path: Path):
    assert main([str(tmp_path / "a"), "--pack", str(tmp_path / "again.zip")]) == 0
    assert (tmp_path / "again.zip").read_bytes() == packed.read_bytes()


def test_a_bundle_that_was_judged_is_collected(packed: Path, tmp_path: Path, capsys: pytest.CaptureFixture):
    assert check.main(["--bundle", str(packed)]) == 0
    assert capsys.readouterr().out.endswith("bundle.zip: 2 records checked: 0 failures.\n")
    assert main([str(packed), "--into", str(tmp_path / "tables")]) == 0
    expected = sorted(run_of(cell, SUITE).id for cell in (CELL, OTHER))
    assert ids_in(tmp_path / "tables" / "records") == expected


def test_a_bundle_that_is_not_what_its_manifest_says_is_not_collected(packed: Path, tmp_path: Path, capsys):
    name = first(packed, ".csv")
    swapped = with_changes(packed, {name: members(packed)[name].replace(b"1.5", b"1.4")}, named=False)
    assert main([str(swapped), "--into", str(tmp_path / "tables")]) == 1
    assert f"REFUSED: changed.zip: {name}: its bytes are not those" in capsys.readouterr().out
    assert not (tmp_path / "tables").exists()


def set_at(*path, value):
    """Return a change that sets one place in a record."""

    def change(data):
        for key in path[:-1]:
            data = data[key]
        data[path[-1]] = value

    return change


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (set_at("scores", "last native whole", "miou", value=0.99), "miou of last native whole is 0.99"),
        (set_at("run", "seed", value=7), "its name says"),
        (set_at("picture", value="x"), "the field 'picture' is in no record"),
        (set_at("classes", value="road"), 'classes is "road", expected a list'),
        (set_at("lists", "report", "n", value=9), "its report list has 9 images, its evidence counts 8"),
        (set_at("lists", "report", "data", value="imagenet"), "a data set this suite does not know"),
        (set_at("lists", "report", "data", value="toy_chasedb1"), "whose numbers are not published"),
        (set_at("provenance", "machines", 0, "cpu", value="x" * 301), "a string of 301 characters"),
        (set_at("provenance", "commit", value="see /mnt/disk/x"), "'see /mnt/disk/x' is a path of a machine"),
        (set_at("provenance", "commit", value="C:\\Users\\x"), "is a path of a machine"),
        (set_at("lists", "selection", "images", value=["0" * 16]), "selection and report share 1 images"),
        (set_at("lists", value=[]), "lists is [], expected an object"),
        (set_at("network", value={}), "network lacks 'parameters'"),
        (set_at("training", value={}), "training lacks 'steps'"),
        (set_at("provenance", "seconds", value="1"), 'provenance.seconds is "1", expected a number'),
        (set_at("network", "parameters", value=10**400), "0..., expected a whole number from 0 to 2^63"),
        (set_at("scores", "last native whole", "miou", value=10**400), "0..., expected a number from 0 to 1"),
        (set_at("lists", "report", "more", value=10**400), "a number is not finite or beyond"),
        (set_at("provenance", "machines", value=[3]), "provenance.machines.0 is 3, expected an object"),
        (set_at("provenance", "peak_memory_bytes", value="a"), 'peak_memory_bytes is "a", expected a whole number'),
        (set_at("provenance", "seconds", value=-5), "provenance.seconds is -5, expected a number from 0"),
        (set_at("provenance", "machines", value=[]), "it names no machine"),
        (set_at("network", "size", value=["a"]), 'network.size.0 is "a", expected a whole number from 0'),
        (set_at("structure", value={"blocks": [1]}), "structure.blocks.0 is 1, expected an object"),
        (set_at("lists", "train", "units", value=[1]), "lists.train.units.0 is 1, expected text"),
        (set_at("provenance", "commit", value="\x1b[31m"), "'\\x1b[31m' holds what no terminal should be sent"),
    ],
)
def test_a_record_that_was_altered_is_found(packed: Path, change, fault: str):
    faults = bundle.judge(changed(packed, change)).faults
    assert any(fault in each for each in faults), faults
    assert not any(str(packed.parent) in each for each in faults)


def first(path: Path, ending: str) -> str:
    return sorted(name for name in members(path) if name.endswith(ending))[0]


def test_bytes_that_are_not_those_of_the_manifest_are_found(packed: Path):
    name = first(packed, ".csv")
    swapped = with_changes(packed, {name: members(packed)[name].replace(b"1.5", b"1.4")}, named=False)
    assert bundle.judge(swapped).faults == (f"{name}: its bytes are not those that bundle.json names",)


@pytest.mark.parametrize("name", ["records/picture.png", "picture.png", "records/0123456789ab@cpu.png"])
def test_a_picture_has_no_place_in_a_bundle(packed: Path, name: str):
    faults = bundle.judge(with_changes(packed, {name: b"\x89PNG"})).faults
    assert any(each.startswith(f"{name}: part of no whole record") for each in faults)


def test_an_array_that_is_no_count_is_found(packed: Path):
    name = first(packed, ".npz")
    arrays = io.BytesIO(members(packed)[name])
    with zipfile.ZipFile(arrays, "a") as archive, zipfile.ZipFile(io.BytesIO(members(packed)[name])) as whole:
        archive.writestr("pixels.npy", whole.read("counts 0.npy"))
    faults = bundle.judge(with_changes(packed, {name: arrays.getvalue()})).faults
    assert any("counts are missing or wrong" in each and "pixels" in each for each in faults), faults


def test_evidence_that_unpacks_to_more_than_counts_is_not_read(packed: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bundle, "UNPACKED_BYTES", 1000)
    monkeypatch.setattr(records, "read_evidence", lambda path: pytest.fail("it was read"))
    assert all("counts take at most 1000" in each for each in bundle.judge(packed).faults)


def with_arrays(packed: Path, change) -> Path:
    """Return the bundle with the arrays of its first evidence changed."""
    name = first(packed, ".npz")
    arrays = dict(np.load(io.BytesIO(members(packed)[name])))
    buffer = io.BytesIO()
    np.savez(buffer, **(arrays | change(arrays)))
    return with_changes(packed, {name: buffer.getvalue()})


def test_an_image_of_the_evidence_is_a_hash_and_a_unit_no_path(packed: Path):
    named = bundle.judge(with_arrays(packed, lambda each: {"images": np.array(["/srv/jane/x.png"] * IMAGES)})).faults
    assert any("names an image '/srv/jane/x.png'; expected 16 hex digits" in each for each in named), named
    units = bundle.judge(with_arrays(packed, lambda each: {"units": np.array(["/srv/jane/x"] * IMAGES)})).faults
    assert any("'/srv/jane/x' is a path of a machine" in each for each in units), units


def test_arrays_that_cost_no_byte_are_refused_however_long_they_say_they_are(packed: Path):
    name, buffer = first(packed, ".npz"), io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive, archive.open("images.npy", "w") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<U0", "fortran_order": False, "shape": (10**6,)})
    faults = bundle.judge(with_changes(packed, {name: buffer.getvalue()})).faults
    assert any("an array of nothing" in each for each in faults), faults


def test_a_curves_head_holds_no_other_words(packed: Path):
    name = first(packed, ".csv")
    data = members(packed)[name].replace(b"step,epoch", b"step,/srv/jane/secret")
    assert any("not a training curve" in each for each in bundle.judge(with_changes(packed, {name: data})).faults)


@pytest.mark.parametrize(
    ("points", "fault"),
    [
        (b"step,epoch,train_loss\n10,1,0.5\n", "a point of its curve lacks one of step, epoch, learning_rate"),
        (b"step,epoch,learning_rate,train_loss\n10,1,0.001,0.5\n5,2,0.001,0.5\n", "the steps of its curve do not rise"),
        (b"step,epoch,learning_rate,train_loss\n1e400,1,0.001,0.5\n", "the steps of its curve do not rise"),
    ],
)
def test_a_curve_of_what_is_no_training_is_found(packed: Path, points: bytes, fault: str):
    faults = bundle.judge(with_changes(packed, {first(packed, ".csv"): points})).faults
    assert any(fault in each for each in faults), faults


def test_an_archive_of_counts_that_nobody_can_open_is_a_fault_and_no_traceback(packed: Path):
    name = first(packed, ".npz")
    data = bytearray(members(packed)[name])
    data[data.index(b"PK\x01\x02") + 6] = 205  # the version needed to open it
    assert "cannot be read" in bundle.judge(with_changes(packed, {name: bytes(data)})).faults[0]


def test_a_log_holds_numbers_of_a_curve_alone(packed: Path):
    name = first(packed, ".log.jsonl")
    faults = bundle.judge(with_changes(packed, {name: b'{"step": 1, "note": "hello"}\n'})).faults
    assert any("line 1 of its log has 'note'" in each for each in faults)


def test_a_record_or_a_manifest_nested_too_deep_is_a_fault_and_no_traceback(packed: Path):
    deep = b"[" * 100_000
    record = first(packed, ".csv").replace(".csv", ".json")
    assert "not a record (maximum recursion depth" in bundle.judge(with_changes(packed, {record: deep})).faults[0]
    assert "RecursionError" in bundle.judge(with_changes(packed, {"bundle.json": deep}, named=False)).faults[0]


def test_a_bundle_without_a_manifest_or_of_another_version_is_found(packed: Path):
    assert "bundle.json is not one" in bundle.judge(with_changes(packed, {"bundle.json": None})).faults[0]
    manifest = json.loads(members(packed)["bundle.json"]) | {"version": 2}
    other = with_changes(packed, {"bundle.json": json.dumps(manifest).encode()})
    assert "it is of version 2, this suite reads 1" in bundle.judge(other).faults


def test_the_report_list_is_as_long_as_the_data_set_says(tmp_path: Path):
    write_run(tmp_path / "runs", run_of(CELL, SUITE), *[matrix(0.6)] * 7, curve=CURVE)
    assert main([str(tmp_path / "runs"), "--pack", str(tmp_path / "b.zip")]) == 2 and not (tmp_path / "b.zip").exists()


def test_an_archive_that_leads_elsewhere_is_refused_as_bad_input(packed: Path, capsys: pytest.CaptureFixture):
    assert check.main(["--bundle", str(with_changes(packed, {"../outside": b"x"}))]) == 2
    assert "leads out of the folder" in capsys.readouterr().err


def test_the_committed_records_would_pass_as_a_bundle(tmp_path: Path):
    folder = Folder(ROOT / "tables" / "records", tmp_path, tmp_path)
    found = records.every(folder.records)
    faults = {record.id: bundle.content_faults(record) for record in found}
    assert found and {id: each for id, each in faults.items() if each} == {}


def test_a_published_record_is_collected_from_a_tables_folder(tmp_path: Path):
    folder = Folder(tmp_path / "tables" / "records", tmp_path, tmp_path)
    publish(folder, tmp_path / "runs", run_of(CELL, SUITE), *[matrix(0.6)] * IMAGES, curve=CURVE)
    found = collect([tmp_path / "tables"], tmp_path / "to")
    assert len(found.added) == 1 and ids_in(tmp_path / "to") == ids_in(folder.records)


def test_a_suites_own_records_are_packed_from_the_published_ones(tmp_path: Path):
    publish(records.folder_of(None, toy=False, root=tmp_path), tmp_path / "runs", run_of(CELL, SUITE), matrix(0.6))
    publish(records.folder_of(None, toy=False, root=tmp_path), tmp_path / "runs", run_of(CELL, "drive-e4"), matrix(0.6))
    assert [record.id for record in bundle.of_suite(SUITE, tmp_path)] == [run_of(CELL, SUITE).id]
