import os
import resource
import signal
import subprocess
import sys

import pytest

from repro.files import files_below, pictures_below, write_atomically


def test_a_file_is_written_whole_and_replaces_the_one_before(tmp_path):
    write_atomically(tmp_path / "note", b"one")
    write_atomically(tmp_path / "note", memoryview(b"two"))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"note": b"two"}


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    write_atomically(tmp_path / "note", b"old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, limits[1]))  # as a full disk: the write stops half way
    try:
        with pytest.raises(OSError) as failed:
            write_atomically(tmp_path / "note", b"new" * 100)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"note": b"old"}
    assert failed.value.filename == str(tmp_path / "note")  # the name that the user knows


def test_a_write_of_what_is_not_bytes_leaves_the_old_file_and_nothing_else(tmp_path):
    write_atomically(tmp_path / "note", b"old")
    with pytest.raises(TypeError):
        write_atomically(tmp_path / "note", "new")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"note": b"old"}


def test_a_kill_in_the_middle_of_a_write_leaves_the_old_file_whole(tmp_path):
    write_atomically(tmp_path / "note", b"old")
    code = (
        "import os, signal, sys; from pathlib import Path; from repro import files\n"
        "files.os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)\n"  # the bytes are written, the rename is not
        "files.write_atomically(Path(sys.argv[1]), b'new')"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.run([sys.executable, "-c", code, str(tmp_path / "note")], env=environment)
    assert process.returncode == -signal.SIGKILL
    assert (tmp_path / "note").read_bytes() == b"old"
    assert len(list(tmp_path.glob(".note.*.aside"))) == 1


def test_a_folder_that_is_not_there_is_an_error_of_the_system(tmp_path):
    with pytest.raises(FileNotFoundError):
        write_atomically(tmp_path / "nowhere" / "note", b"new")


def test_what_is_below_a_folder_is_sorted_and_a_folder_that_cannot_be_read_is_an_error(tmp_path, monkeypatch):
    for name in ("b.png", "a/c.png", "a/d.png/e.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert files_below(tmp_path) == [tmp_path / "a/c.png", tmp_path / "a/d.png/e.txt", tmp_path / "b.png"]
    scandir = os.scandir

    def locked(path):  # root may read everything, so that chmod would not do
        if str(path).endswith("d.png"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", locked)
    with pytest.raises(PermissionError):
        files_below(tmp_path)


def test_pictures_in_a_hidden_folder_are_left_out_and_a_linked_folder_is_refused(tmp_path):
    for name in ("in/a.PNG", "in/.b.png", "in/.trash/c.png", "in/d.txt", "out/e.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "linked").symlink_to(tmp_path / "in")
    assert pictures_below(tmp_path / "linked", (".png",)) == [tmp_path / "linked/a.PNG"]
    (tmp_path / "in/more").symlink_to(tmp_path / "out")
    with pytest.raises(ValueError, match="in/more: a link to a folder, which is not followed; put the folder itself"):
        pictures_below(tmp_path / "in", (".png",))
