"""`repro runs` and `repro log`: what lies in runs/, in which state, and how one goes on."""

import fcntl
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from measured import ROOT, matrix, point, run_of, snapshot, write_run

from repro import folders, log, runs
from repro.folders import RunFolder, every, find

FCN, PSPNET = run_of("paper1_table1/FCN", "camvid-e4"), run_of("paper1_table1/PSPNet", "camvid-e4")
POINT = point(10, 1, 1.0, 0.9)
TOY = run_of("paper1_table1/FCN", "demo")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout whose runs the verbs look at."""
    monkeypatch.setattr(runs, "every", lambda: every(tmp_path))
    monkeypatch.setattr(log, "find", lambda beginning: find(beginning, tmp_path))
    return tmp_path


def done(root: Path, run=FCN, home: str = "", points=(POINT,)) -> Path:
    folder = write_run(root / "runs" / home, run, matrix(0.5))
    lines = [json.dumps(each | {"seconds": 90.0}) for each in points]
    (folder / "log.jsonl").write_text("\n".join(lines) + "\n")
    (folder / "lock").touch()
    return folder


def begun(root: Path, run=PSPNET, *, failure: str = "") -> Path:
    folder = root / "runs" / run.id
    folder.mkdir(parents=True)
    (folder / "lock").touch()
    (folder / "run.json").write_text(json.dumps(run.identity()))
    (folder / "log.jsonl").write_text(json.dumps(point(20, 2, 0.5, 0.4)) + "\n")
    (folder / "checkpoint-000000020.x.pt").write_bytes(b"1" * 1000)
    if failure:
        (folder / "failure.txt").write_text(failure)
    return folder


@pytest.fixture
def held() -> Iterator:
    """A function that holds a run's lock as a training does."""
    files = []

    def hold(folder: Path) -> None:
        files.append((folder / "lock").open("a"))
        fcntl.flock(files[-1], fcntl.LOCK_EX)

    yield hold
    for file in files:
        file.close()


def test_a_run_is_running_while_its_lock_is_held_then_done_failed_or_interrupted(root: Path, held):
    assert RunFolder(done(root)).state == "done"
    folder = begun(root)
    assert RunFolder(folder).state == "interrupted"
    (folder / "failure.txt").write_text("the loss of step 7 is not finite")
    assert RunFolder(folder).state == "failed"
    held(folder)
    assert RunFolder(folder).state == "running"


@pytest.mark.parametrize("content", ['{"a": 1}', "[]", "", '{"network": "fcn"}', "[" * 100_000])
def test_a_damaged_run_is_said_and_the_others_are_listed(root: Path, capsys, content):
    done(root)
    damaged = done(root, TOY, "demo") / "record.json"
    unfinished = begun(root) / "run.json"
    damaged.write_text(content)
    unfinished.write_text(content)
    assert runs.main([]) == 2
    said = capsys.readouterr()
    assert len(said.err.splitlines()) == 2
    for path in (damaged, unfinished):
        assert f"repro.runs: {path}: damaged (" in said.err
    assert "delete its folder and train the run again." in said.err
    assert "3 runs: 1 done, 2 damaged." in said.out
    assert log.main([TOY.id]) == 2
    assert "record.json: damaged (" in capsys.readouterr().err


def test_a_reason_of_odd_bytes_is_shown(root: Path, capsys):
    (begun(root, failure="x") / "failure.txt").write_bytes(b"a caf\xe9")
    assert runs.main([]) == 0
    assert "a caf\ufffd" in capsys.readouterr().out


def test_looking_at_a_lock_neither_writes_nor_keeps_it(root: Path):
    folder = done(root)
    before = snapshot(root)
    assert not folders.is_held(folder / "lock") and not folders.is_held(folder / "no lock")
    with open(folder / "lock") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # free at once
    assert snapshot(root) == before


def test_runs_of_real_data_of_a_toy_suite_and_of_own_data_are_found(root: Path):
    for home in ("", "demo", "own/photos-1a2b3c4d"):
        done(root, TOY, home)
    (root / "runs" / "demo" / "tables" / "records" / "0123456789ab").mkdir(parents=True)  # no run folder
    assert [each.home for each in every(root)] == ["", "demo", "own/photos-1a2b3c4d"]
    assert every(root / "nothing") == []


def test_the_list_gives_state_network_data_epoch_time_and_scores(root: Path, capsys: pytest.CaptureFixture):
    done(root)
    begun(root, failure="step 7:\n not finite")
    assert runs.main([]) == 0
    head, *lines, legend = capsys.readouterr().out.splitlines()
    assert head.split() == ["state", "run", "network", "trained", "on", "epoch", "seed", "time", "best", "score"]
    by_state = {line.split()[0]: line for line in lines}
    assert by_state["done"].split()[:6] == ["done", FCN.id, "fcn", "camvid", "1/4", "0"]
    assert by_state["done"].split()[6:] == ["2", "s", "50.0", "50.0", "jaccard"]  # 1.5 s, says its record
    assert by_state["failed"].split()[:6] == ["failed", PSPNET.id, "pspnet", "camvid", "2/4", "0"]
    assert by_state["failed"].endswith("step 7: not finite")
    assert legend.startswith("2 runs: 1 done, 1 failed. Best: highest mIoU on the selection list")


def test_a_suite_lists_its_own_runs_only(root: Path, capsys: pytest.CaptureFixture):
    done(root, FCN)
    done(root, TOY, "demo")
    done(root, PSPNET, "own/photos-1a2b3c4d")
    for suite, id in (("camvid-e4", FCN.id), ("demo", TOY.id), ("own", PSPNET.id)):
        assert runs.main(["--suite", suite]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert len(lines) == 3 and id in lines[1]
    assert runs.main(["--suite", "camvit"]) == 2
    assert "did you mean camvid" in capsys.readouterr().err


def test_without_runs_it_says_how_to_begin(root: Path, capsys: pytest.CaptureFixture):
    assert runs.main([]) == 0
    assert capsys.readouterr().out == "No run here yet; ./run_all.sh trains the demo.\n"
    assert runs.main(["--suite", "camvid"]) == 0
    assert capsys.readouterr().out == "No run of camvid here yet.\n"
    assert runs.main(["--suite", "camvd"]) == 2
    assert "there is no suite 'camvd'; did you mean camvid?" in capsys.readouterr().err


def test_pruning_leaves_a_finished_run_its_last_and_selected_weights(root: Path, capsys: pytest.CaptureFixture):
    folder, other = done(root), begun(root)
    surplus = ("best.safetensors", "checkpoint-000000010.x.pt", ".x.aside")
    for name in ("last.safetensors", "selected.safetensors", *surplus):
        (folder / name).write_bytes(b"0" * 2000)
    before = snapshot(root)
    assert runs.main(["--prune", "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert out.count("2 kB") == 3 and out.endswith("Would free 6 kB of 1 finished runs.\n")
    assert snapshot(root) == before
    assert runs.main(["--prune"]) == 0
    assert capsys.readouterr().out.endswith("Freeing 6 kB of 1 finished runs.\n")
    gone = set(before) - set(snapshot(root))
    assert {Path(each).name for each in gone} == set(surplus)
    assert (other / "checkpoint-000000020.x.pt").exists()  # the unfinished run goes on from it


def test_pruning_leaves_a_run_alone_that_somebody_holds(root: Path, held, capsys: pytest.CaptureFixture):
    folder = done(root)
    (folder / "checkpoint-000000010.x.pt").write_bytes(b"0")
    held(folder)
    assert runs.main(["--prune"]) == 0
    assert "1 running are left alone" in capsys.readouterr().out and (folder / "checkpoint-000000010.x.pt").exists()


def test_quiet_says_nothing(root: Path, capsys: pytest.CaptureFixture):
    done(root)
    assert runs.main(["--quiet"]) == 0 and runs.main(["--quiet", "--prune"]) == 0
    assert capsys.readouterr() == ("", "")


def test_the_beginning_of_an_id_is_enough_if_it_is_one_run(root: Path):
    done(root)
    done(root, PSPNET)
    assert find(FCN.id[:4], root).id == FCN.id
    (root / "runs" / f"{FCN.id[:3]}000000000").mkdir()
    with pytest.raises(ValueError, match=f"'{FCN.id[:3]}' begins the ids of 2 runs, .*{FCN.id}.*; give more of it"):
        find(FCN.id[:3], root)


def test_one_id_on_two_data_sets_of_the_users_is_refused_until_one_is_named(root: Path, capsys: pytest.CaptureFixture):
    homes = ("own/masks-11111111", "own/photos-22222222")
    folders_of = [done(root, FCN, home) for home in homes]
    with pytest.raises(ValueError, match="each of 2 data sets of your own, masks-11111111, photos-22222222; name one"):
        find(FCN.id, root)
    assert find(f"photos-22222222/{FCN.id[:4]}", root).path == folders_of[1]
    assert find(f"{homes[0]}/{FCN.id}", root).path == folders_of[0]
    assert runs.main([]) == 0
    out = capsys.readouterr().out
    assert "masks-11111111" in out and "photos-22222222" in out  # or nobody could name one
    (folders_of[0] / "record.json").unlink()
    (folders_of[0] / "failure.txt").write_text("a picture is damaged")  # data that were corrected get a new folder
    assert find(FCN.id, root).path == folders_of[1]


def test_an_unknown_id_is_refused_with_the_nearest(root: Path):
    with pytest.raises(ValueError, match="nothing was trained in this checkout yet"):
        find("16e6", root)
    done(root)
    close = FCN.id[:3] + ("0" if FCN.id[3] != "0" else "1")
    with pytest.raises(ValueError, match=f"no run in .* begins with '{close}'; the nearest are {FCN.id}"):
        find(close, root)
    with pytest.raises(ValueError, match="`repro runs` lists them"):
        find("zzzz", root)


def test_a_published_record_without_its_weights_is_told_from_an_unknown_id(root: Path):
    records = root / "tables" / "records"
    records.mkdir(parents=True)
    (records / f"{FCN.id}@cpu-torch2.15.json").write_text("{}")
    with pytest.raises(ValueError, match=f"the record of {FCN.id} is published, its weights stayed"):
        find(FCN.id[:5], root)


def test_the_log_prints_a_line_a_point_and_how_the_run_stands(root: Path, capsys: pytest.CaptureFixture):
    done(root, points=[point(10, 1, 1.25, 0.9), point(20, 2, 0.5)])
    assert log.main([FCN.id[:6]]) == 0
    head, first, second, end = capsys.readouterr().out.splitlines()
    assert head == f"{FCN.id}: fcn on camvid, seed 0, 4 epochs, batch 8"
    assert "epoch    1  step      10  loss 1.2500  selection loss 0.9000  mIoU  50.0  rate 0.0005" in first
    assert "loss 0.5000  rate" in second
    assert end == "done: jaccard 50.0 on the reported list, last weights"
    assert log.main(["zz"]) == 2


def test_following_prints_new_points_as_they_come_and_says_where_a_resumed_run_went_back(root: Path, held):
    folder = begun(root)
    held(folder)
    file = folder / "log.jsonl"
    one, two = json.dumps(point(20, 2, 0.5, 0.4)), json.dumps(point(40, 4, 0.25, 0.3))
    steps = iter([f"{one}\n{two}\n", f"{one}\n", None])

    def wait():
        text = next(steps)
        if text is None:
            (folder / "lock").unlink()  # nobody holds it any more
        else:
            file.write_text(text)

    lines = list(log.follow(RunFolder(folder), wait))
    expected = ["epoch    2  step      20", "epoch    4  step      40", "(resumed after step 20)"]
    assert [line[:24] for line in lines] == expected


def test_a_reader_of_a_pipe_that_leaves_is_no_error_and_nothing_is_said():
    line = f"{sys.executable} -m repro.runs --help | head -c 3"
    call = subprocess.run(["bash", "-o", "pipefail", "-c", line], capture_output=True, text=True, cwd=ROOT)
    assert (call.returncode, call.stdout, call.stderr) == (0, "usa", "")


def test_amounts_are_said_as_people_do():
    assert [runs.amount(count) for count in (900, 1_721_128, 302e6, 4.5e9)] == ["1 kB", "1.7 MB", "302 MB", "4.5 GB"]
