"""Records: only ever added, the same bytes for the same counts, and a sentence where a file is damaged."""

import errno
import io
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
from measured import KIND, evidence, matrix, point, publish, run_of, snapshot, write_run

from repro import records
from repro.metrics import BINS, Evidence
from repro.records import Folder

RUN = run_of("paper1_table1/FCN", "camvid")
ID = RUN.id


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return records.folder_of(None, toy=False, root=tmp_path)


def test_a_published_record_is_three_files_named_after_run_and_machine_kind(folder: Folder, tmp_path: Path):
    record = publish(folder, tmp_path / "runs", RUN, matrix(0.6))
    assert {path.name for path in folder.records.iterdir()} == {f"{ID}@{KIND}{end}" for end in records.FILES.values()}
    assert (record.id, record.kind) == (ID, KIND)
    assert all(path.exists() for path in record.files)
    assert records.find(folder.records, ID) == records.every(folder.records) == [record]


def test_publishing_the_same_bytes_again_changes_nothing(folder: Folder, tmp_path: Path):
    record = publish(folder, tmp_path / "runs", RUN, matrix(0.6))
    before = snapshot(tmp_path)
    assert records.publish(tmp_path / "runs" / ID, folder.records, ID, KIND) == record
    assert snapshot(tmp_path) == before
    assert records.differing(tmp_path / "runs", folder.records) == []


def test_an_equal_name_with_other_bytes_is_refused_stays_local_and_can_be_found(folder: Folder, tmp_path: Path):
    publish(folder, tmp_path / "runs", RUN, matrix(0.6))
    published = snapshot(folder.records)
    assert publish(folder, tmp_path / "runs", RUN, matrix(0.7)) is None
    assert snapshot(folder.records) == published
    assert records.differing(tmp_path / "runs", folder.records) == [tmp_path / "runs" / ID]


def test_another_machine_kinds_record_stands_beside_the_first(folder: Folder, tmp_path: Path):
    publish(folder, tmp_path / "here", RUN, matrix(0.6))
    publish(folder, tmp_path / "there", RUN, matrix(0.7), kind="nvidia-h200-torch2.11")
    assert [record.kind for record in records.find(folder.records, ID)] == [KIND, "nvidia-h200-torch2.11"]


def test_a_record_copied_elsewhere_is_the_same_record(folder: Folder, tmp_path: Path):
    record = publish(folder, tmp_path / "runs", RUN, matrix(0.6))
    copied = records.copy(record, tmp_path / "elsewhere")
    assert [path.read_bytes() for path in copied.files] == [path.read_bytes() for path in record.files]
    copied.path.write_bytes(b"{}")
    assert records.copy(record, tmp_path / "elsewhere") is None
    assert copied.path.read_bytes() == b"{}"


@pytest.mark.parametrize("lost", [".csv", ".npz"])
def test_half_a_record_is_no_record_but_a_stray(lost: str, folder: Folder, tmp_path: Path):
    record = publish(folder, tmp_path / "runs", RUN, matrix(0.6))
    assert records.strays(folder.records) == []
    record.path.with_suffix(lost).unlink()
    assert records.every(folder.records) == []
    assert records.strays(folder.records) == sorted(path for path in record.files if path.suffix != lost)


def test_ids_come_from_the_names_alone(folder: Folder):
    folder.records.mkdir(parents=True)
    for name in (f"{ID}@cpu-torch2.15.json", "0123456789ab@x.json", "short@x.json", "notes.json", f"{ID}.json"):
        (folder.records / name).write_text("no JSON at all")
    assert records.ids(folder.records) == {ID, "0123456789ab"}
    assert records.ids(folder.records / "not there") == set()


def test_real_data_share_one_folder_and_generated_data_stay_below_runs(tmp_path: Path):
    def places(folder: Folder) -> list[str]:
        return [str(path.relative_to(tmp_path)) for path in (folder.records, folder.tables, folder.figures)]

    assert places(records.folder_of(None, toy=False, root=tmp_path)) == ["tables/records", "tables", "figures"]
    stand_in = records.folder_of("camvid-e4", toy=False, root=tmp_path)
    assert places(stand_in) == ["tables/records", "tables/camvid-e4", "figures/camvid-e4"]
    demo = records.folder_of("demo", toy=True, root=tmp_path)
    assert places(demo) == ["runs/demo/tables/records", "runs/demo/tables", "runs/demo/figures"]
    assert places(records.lock_of("demo", tmp_path)) == ["tables/demo/records", "tables/demo", "figures/demo"]


def two_class_evidence() -> Evidence:
    """Two images of 4 and 3 pixels, with a histogram each."""
    first, second = [[1, 1], [0, 2]], [[3, 0], [0, 0]]
    histogram = np.zeros((2, 2, BINS), dtype=np.int64)
    histogram[0, 0, 500] = 2  # of the first image 2 background and 2 foreground pixels are labelled
    histogram[0, 1, 700] = 2
    histogram[1, 0, 3] = 3
    plain = evidence(first, second, units=["left", "right"])
    return Evidence(**{**vars(plain), "histogram": histogram})


def test_evidence_comes_back_from_its_bytes_as_it_was(tmp_path: Path):
    other = evidence([[5, 1], [2, 70000]], [[1, 0], [0, 1]], units=["left", "right"])
    written = {"last native whole": two_class_evidence(), "last input whole": other}
    (tmp_path / "evidence.npz").write_bytes(records.evidence_bytes(written))
    read = records.read_evidence(tmp_path / "evidence.npz")
    assert list(read) == sorted(written)
    first = read["last native whole"]
    assert first.units.tolist() == ["left", "right"]
    np.testing.assert_array_equal(first.confusion, [[4, 1], [0, 2]])
    np.testing.assert_array_equal(first.histogram, two_class_evidence().histogram)
    assert first.confusion.dtype == np.int64
    np.testing.assert_array_equal(read["last input whole"].confusion, [[6, 1], [2, 70001]])
    assert read["last input whole"].histogram is None


def test_the_same_counts_give_the_same_bytes_without_date_or_pickle(tmp_path: Path):
    bytes_of = records.evidence_bytes({"last native whole": two_class_evidence()})
    assert bytes_of == records.evidence_bytes({"last native whole": two_class_evidence()})
    with zipfile.ZipFile(io.BytesIO(bytes_of)) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert archive.namelist() == sorted(archive.namelist())
    with np.load(io.BytesIO(bytes_of), allow_pickle=False) as arrays:  # raises on a pickled array
        assert {array.dtype.kind for array in arrays.values()} == {"u", "U"}


def test_evidence_that_holds_a_pickle_is_refused_and_nothing_in_it_runs(tmp_path: Path):
    class Writes:
        def __reduce__(self):
            return Path.write_text, (tmp_path / "ran", "x")

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("images.npy", pickle.dumps(Writes()))
    (tmp_path / "evidence.npz").write_bytes(buffer.getvalue())
    with pytest.raises(ValueError, match="restore it from git"):
        records.read_evidence(tmp_path / "evidence.npz")
    assert not (tmp_path / "ran").exists()


def saved(arrays: dict) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


COUNTS_DAMAGED = ["missing count", "missing name", "missing stack", "impossible count"]


@pytest.mark.parametrize("damage", ["empty", "text", "cut", "other file", *COUNTS_DAMAGED])
def test_damaged_evidence_is_one_sentence_that_names_the_file(damage: str, tmp_path: Path):
    whole = two_class_evidence()
    data = records.evidence_bytes({"last native whole": whole})
    single = io.BytesIO()
    np.save(single, np.arange(3))
    with np.load(io.BytesIO(data)) as archive:
        arrays = dict(archive)
    number = next(name[-1] for name, each in arrays.items() if "last native whole/intersection" in each.tolist())
    names, counts = f"names {number}", f"counts {number}"
    more = arrays[counts] + (arrays[names] == "last native whole/intersection")[:, None, None].astype(np.uint8)
    damaged = {
        "empty": b"", "text": b"{}", "cut": data[: len(data) // 2], "other file": single.getvalue(),
        "missing count": saved(arrays | {names: arrays[names][1:], counts: arrays[counts][1:]}),
        "missing name": saved(arrays | {names: arrays[names][1:]}),
        "missing stack": saved({name: each for name, each in arrays.items() if name != counts}),
        "impossible count": saved(arrays | {counts: more}),
    }[damage]  # fmt: skip
    path = tmp_path / "evidence.npz"
    path.write_bytes(damaged)
    with pytest.raises(ValueError, match=r"evidence\.npz: .*restore it from git"):
        records.read_evidence(path)


def test_what_evaluations_share_is_kept_once(tmp_path: Path):
    rng = np.random.default_rng(0)
    labels = [rng.multinomial(4000, np.ones(9) / 9).reshape(3, 3).tolist() for _ in range(200)]
    each = evidence(*labels, units=[str(number) for number in range(200)])
    once, twice = (len(records.evidence_bytes(dict.fromkeys(names, each))) for names in (("a",), ("a", "b", "c", "d")))
    assert twice < 1.2 * once


def test_whatever_byte_of_the_evidence_flips_it_is_read_right_or_refused(tmp_path: Path):
    data = records.evidence_bytes({"last native whole": two_class_evidence()})
    path = tmp_path / "evidence.npz"
    for position in range(0, len(data), 7):
        path.write_bytes(data[:position] + bytes([data[position] ^ 0x55]) + data[position + 1 :])
        try:
            read = records.read_evidence(path)
        except ValueError as error:
            assert "evidence.npz" in str(error)
            continue
        for each in read.values():  # a date or an attribute of the archive: the counts are whole
            np.testing.assert_array_equal(each.confusion, [[4, 1], [0, 2]])


def test_a_damaged_record_or_curve_is_one_sentence_that_names_the_file(folder: Folder, tmp_path: Path):
    record = publish(folder, tmp_path / "runs", RUN, matrix(0.6), curve=[point(10, 1, 0.5, 0.6)])
    for cut in (1, 5, 20):
        curve = record.path.with_suffix(".csv")
        curve.write_bytes((tmp_path / "runs" / ID / "curve.csv").read_bytes()[:-cut])
        with pytest.raises(ValueError, match=r"\.csv: not a training curve"):
            record.curve()
    record.path.write_text('{"id": ')
    with pytest.raises(ValueError, match=r"\.json: not a record .*restore it from git"):
        _ = record.data


def test_a_curve_comes_back_to_six_digits_with_none_where_a_point_has_nothing(folder: Folder, tmp_path: Path):
    curve = [point(10, 1, 0.123456789), point(20, 1, 2.0, 0.000123456789)]
    read = publish(folder, tmp_path / "runs", RUN, matrix(0.6), curve=curve).curve()
    assert [each["train_loss"] for each in read] == [0.123457, 2.0]
    assert [each["selection_loss"] for each in read] == [None, 0.000123457]
    assert [each["step"] for each in read] == [10, 20]
    # 9 of 20 steps: 0.0005 (1 + cos(9 pi / 20)) / 2 = 0.00028910861
    assert read[0]["learning_rate"] == 0.000289109


def test_the_curve_of_what_was_not_trained_has_no_points(folder: Folder, tmp_path: Path):
    floor = run_of("paper1_table1/position prior", "camvid")
    assert publish(folder, tmp_path / "runs", floor, matrix(0.2)).curve() == []


def test_scores_follow_from_the_evidence_with_none_where_undefined():
    # Pooled: road 3 of 3 + 1 wrong, pole never labelled and predicted once: IoU 3/4 and 0/1.
    found = records.scores_of({"last native whole": evidence([[3, 1], [0, 0]])}, ("road", "pole"))["last native whole"]
    assert found["iou:road"] == 3 / 4 and found["iou:pole"] == 0
    assert found["miou"] == pytest.approx(3 / 8) and found["pixel_accuracy"] == 3 / 4
    assert found["sensitivity"] is None  # no labelled foreground


def test_a_score_of_several_classes_is_the_mean_of_those_that_are_defined(folder: Folder, tmp_path: Path):
    record = publish(folder, tmp_path / "runs", RUN, [[3, 1], [1, 5]])  # IoU 3/5 and 5/7
    assert record.score("last native whole", "iou:pole,road") == pytest.approx((3 / 5 + 5 / 7) / 2)
    assert record.score("last native whole", "iou:pole,bicycle") == 5 / 7
    assert np.isnan(record.score("last native whole", "iou:bicycle"))
    assert np.isnan(record.score("last native field_of_view", "miou"))


def test_a_record_is_sorted_json_with_exact_floats_and_no_nan():
    assert records.record_bytes({"b": 0.1 + 0.2, "a": "ü"}) == '{\n "a": "ü",\n "b": 0.30000000000000004\n}\n'.encode()
    with pytest.raises(ValueError, match="Out of range"):
        records.record_bytes({"loss": float("nan")})


def test_what_a_killed_write_left_aside_is_neither_a_record_nor_a_stray(folder: Folder, tmp_path: Path):
    record = publish(folder, tmp_path / "runs", RUN, matrix(0.6))
    (folder.records / ".0123.99.aside").write_bytes(b"half")
    assert records.every(folder.records) == [record]
    assert records.strays(folder.records) == []


def test_write_run_makes_a_record_whose_scores_are_those_of_its_matrix(tmp_path: Path):
    write_run(tmp_path, RUN, matrix(0.765))
    read = records.scores_of(records.read_evidence(tmp_path / ID / "evidence.npz"), ("road", "pole"))
    assert read["last native whole"]["miou"] == 0.765  # 1530 of 2000 in each class
    assert read["last native whole"]["pixel_accuracy"] == 1530 / 1765


def test_records_by_id_are_those_that_find_finds_for_each(tmp_path: Path):
    assert records.by_id(tmp_path / "nowhere") == {}
    for name in ("0123456789ab@a", "0123456789ab@b", "ba9876543210@a"):
        for ending in records.FILES.values():
            (tmp_path / f"{name}{ending}").write_bytes(b"")
    (tmp_path / "ffffffffffff@a.json").write_bytes(b"")  # half a record
    (tmp_path / "notes.json").write_bytes(b"")
    found = records.by_id(tmp_path)
    assert found == {id: records.find(tmp_path, id) for id in ("0123456789ab", "ba9876543210")}
    assert [record.kind for record in found["0123456789ab"]] == ["a", "b"]


@pytest.mark.parametrize("content", [b"", b'{"run": {', b"null", b"[]", b"\xff\xfe\x00"])
def test_a_damaged_file_of_a_run_is_named_with_what_to_do(tmp_path, content):
    (tmp_path / "record.json").write_bytes(content)
    with pytest.raises(ValueError, match=r"record\.json: damaged \(.+\); delete its folder and train the run again"):
        records.read_run(tmp_path / "record.json")
    (tmp_path / "machines.json").write_text("{}")
    with pytest.raises(ValueError, match=r"machines\.json: damaged \(it is {}, expected a list\)"):
        records.read_run(tmp_path / "machines.json", [dict])


def test_no_half_of_a_record_stays_where_the_disk_is_full(folder: Folder, tmp_path: Path, monkeypatch):
    write_run(tmp_path / "runs", RUN, matrix(0.6))
    written = []

    def write(path: Path, content: bytes) -> None:
        if len(written) == 2:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        written.append(path)
        path.write_bytes(content)

    monkeypatch.setattr(records, "write_atomically", write)
    with pytest.raises(OSError, match="No space left"):
        records.publish(tmp_path / "runs" / ID, folder.records, ID, KIND)
    assert len(written) == 2 and not [*folder.records.iterdir()]
