import gzip
import io
import os
import resource
import stat
import subprocess
import tarfile
import zipfile

import pytest

from repro.data.archive import Limits, unpack

FILES = {"Set/images/a b.jpg": b"picture", "Set/labels/a b.png": b"label" * 1000}


def make_zip(path, files, **attributes):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in files:
            info = zipfile.ZipInfo(name)
            info.external_attr = attributes.get(name, stat.S_IFREG | 0o600) << 16
            file.writestr(info, data, zipfile.ZIP_DEFLATED)
    return path


def make_tar(path, entries, mode="w"):
    with tarfile.open(path, mode) as file:
        for name, kind, data in entries:
            info = tarfile.TarInfo(name)
            info.type, info.size = kind, len(data) if kind == tarfile.REGTYPE else 0
            if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
                info.linkname = data.decode()
            file.addfile(info, io.BytesIO(data))
    return path


def regular(files):
    return [(name, tarfile.REGTYPE, data) for name, data in files]


def found(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
def test_an_honest_archive_is_unpacked_whole_and_its_only_top_folder_left_away_where_it_is_the_sets(tmp_path, kind):
    path = tmp_path / f"an.archive.{kind}"
    if kind == "zip":
        make_zip(path, [*FILES.items()])
    else:
        make_tar(path, [("./Set", tarfile.DIRTYPE, b""), *regular(FILES.items())], "w:gz" if kind == "tar.gz" else "w")
    written = unpack(path, tmp_path / "kept")
    assert found(tmp_path / "kept") == FILES
    assert sorted(written) == sorted(tmp_path / "kept" / name for name in FILES)
    unpack(path, tmp_path / "SET", strip=["set"])
    assert found(tmp_path / "SET") == {name.removeprefix("Set/"): data for name, data in FILES.items()}
    unpack(path, tmp_path / "kept")  # once more: the same bytes are there
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([path.name, "kept", "SET"])  # nothing aside


def _device(path):
    return make_tar(path, [*regular(FILES.items()), ("disk", tarfile.BLKTYPE, b"")])


def _zip_link(path):
    return make_zip(path, [("link", b"/etc"), ("link/a", b"1")], link=stat.S_IFLNK | 0o777)


def _gzip_bomb(path):
    inner = io.BytesIO()
    with tarfile.open(fileobj=inner, mode="w") as file:
        info = tarfile.TarInfo("zeros")
        info.size = 30 * 2**20
        file.addfile(info, io.BytesIO(bytes(info.size)))
    path.write_bytes(gzip.compress(inner.getvalue()))
    return path


def _long_header(path):
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 2**40
    path.write_bytes(info.tobuf() + bytes(1024))
    return path


def _encrypted(path):
    data = bytearray(make_zip(path, [("a", b"1")]).read_bytes())
    data[6] |= 1  # flag of the local header
    data[data.index(b"PK\x01\x02") + 8] |= 1  # and of the directory
    path.write_bytes(data)
    return path


MALICIOUS = {
    "a zip that climbs out": (lambda p: make_zip(p, [("ok", b"1"), ("../out", b"1")]), "leads out of the folder"),
    "a tar that climbs out": (lambda p: make_tar(p, regular([("a/../../out", b"1")])), "leads out of the folder"),
    "an absolute name": (lambda p: make_tar(p, regular([("/tmp/out", b"1")])), "leads out of the folder"),
    "a drive letter": (lambda p: make_zip(p, [("C:/out", b"1")]), "has a drive letter or a backslash"),
    "a backslash": (lambda p: make_zip(p, [("..\\out", b"1")]), "has a drive letter or a backslash"),
    "a symbolic link": (lambda p: make_tar(p, [("a", tarfile.SYMTYPE, b"/etc")]), "is a link; expected regular files"),
    "a hard link": (lambda p: make_tar(p, [("a", tarfile.LNKTYPE, b"/etc/passwd")]), "is a link; expected"),
    "a link in a zip": (_zip_link, "is a link; expected"),
    "a device": (_device, "'disk' is no regular file; expected"),
    "a pipe": (lambda p: make_tar(p, [("a", tarfile.FIFOTYPE, b"")]), "is no regular file"),
    "a name twice": (lambda p: make_tar(p, regular([("a", b"1"), ("A", b"2")])), "'A' is there twice"),
    "a file that is a folder": (lambda p: make_zip(p, [("a", b"1"), ("a/b", b"2")]), "'a/b' is there twice"),
    "a name with an escape": (lambda p: make_zip(p, [("a\x1b[2J", b"1")]), "cannot be printed"),
    "a zip bomb": (lambda p: make_zip(p, [("zeros", bytes(30 * 2**20))]), r"beyond the limit of \d+"),
    "a tar.gz bomb": (_gzip_bomb, r"brings it to 31457280 bytes, beyond the limit of \d+"),
    "a header of a terabyte": (_long_header, "cannot be unpacked"),
    "an encrypted entry": (_encrypted, "'a' is encrypted"),
    "too many entries": (lambda p: make_zip(p, [(str(n), b"") for n in range(51)]), "limit of 50 entries"),
}


@pytest.mark.parametrize("what", MALICIOUS)
def test_a_malicious_archive_is_refused_and_nothing_is_written(tmp_path, what):
    make, sentence = MALICIOUS[what]
    path = make(tmp_path / "archive")
    with pytest.raises(ValueError, match=sentence) as raised:
        unpack(path, tmp_path / "deep" / "set", limits=Limits(entries=50))
    assert str(raised.value).startswith(str(path)) and "nothing was written" in str(raised.value)
    assert [each.name for each in tmp_path.iterdir()] == ["archive"]


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz"])
@pytest.mark.parametrize("kept", [0.3, 2 / 3])  # the second cuts the tar between its last file and its end
def test_a_half_downloaded_archive_is_refused_and_nothing_is_written(tmp_path, kind, kept):
    path, noise = tmp_path / "archive", [(str(n), bytes(range(256)) * 8) for n in range(8)]
    if kind == "zip":
        make_zip(path, noise)
    else:
        make_tar(path, regular(noise), "w:gz" if kind == "tar.gz" else "w")
    path.write_bytes(path.read_bytes()[: round(kept * path.stat().st_size / 512) * 512 or 100])
    with pytest.raises(ValueError, match=r"cannot be unpacked.*get the archive again"):
        unpack(path, tmp_path / "set")
    assert [each.name for each in tmp_path.iterdir()] == ["archive"]


def test_a_flipped_byte_in_a_zip_is_noticed_and_nothing_is_written(tmp_path):
    path = make_zip(tmp_path / "archive", [("first", b"1" * 99), ("second", bytes(range(256)))])
    data = bytearray(path.read_bytes())
    data[data.index(b"second") + 40] ^= 1
    path.write_bytes(data)
    with pytest.raises(ValueError, match="cannot be unpacked"):
        unpack(path, tmp_path / "set")
    assert [each.name for each in tmp_path.iterdir()] == ["archive"]


def test_what_is_no_archive_is_refused_with_what_it_is(tmp_path):
    (tmp_path / "page.zip").write_bytes(b"<html>log in first</html>")
    with pytest.raises(ValueError, match=r"page\.zip: cannot be unpacked"):
        unpack(tmp_path / "page.zip", tmp_path / "set")
    (tmp_path / "a.rar").write_bytes(b"Rar!\x1a\x07\x01\x00")
    with tarfile.open(tmp_path / "a.tar.xz", "w:xz"), tarfile.open(tmp_path / "a.tar.bz2", "w:bz2"):
        pass
    for name, kind in (("a.rar", "a RAR"), ("a.tar.xz", "an xz"), ("a.tar.bz2", "a bzip2")):
        with pytest.raises(ValueError, match=f"{kind} archive, which is not read here; unpack it with its own program"):
            unpack(tmp_path / name, tmp_path / "set")
    with pytest.raises(ValueError, match="no such file"):
        unpack(tmp_path / "missing.zip", tmp_path / "set")


def test_a_link_in_the_folder_is_not_followed_out_of_it(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "Set").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ValueError, match="a link leads out of"):
        unpack(make_zip(tmp_path / "archive", [*FILES.items()]), tmp_path / "set")
    assert found(tmp_path / "elsewhere") == {}


def test_a_file_where_a_folder_should_be_is_named_before_anything_is_moved(tmp_path):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "train").write_bytes(b"the user's")
    path = make_zip(tmp_path / "archive", [("test/a.png", b"1"), ("train/b.png", b"2")])
    with pytest.raises(ValueError, match="set/train: a file where a folder should be; nothing was written"):
        unpack(path, tmp_path / "set")
    assert found(tmp_path / "set") == {"train": b"the user's"}


def test_a_full_disk_is_not_blamed_on_the_archive(tmp_path):
    path = make_zip(tmp_path / "archive", [("a.png", bytes(range(256)) * 8)])
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))  # as a full disk: the write stops half way
    try:
        with pytest.raises(ValueError, match="nothing was written, make room or name another folder"):
            unpack(path, tmp_path / "set")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [each.name for each in tmp_path.iterdir()] == ["archive"]


def test_a_set_that_is_a_link_to_another_folder_is_filled_there(tmp_path):
    (tmp_path / "disk" / "large").mkdir(parents=True)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "set").symlink_to(tmp_path / "disk" / "large")
    unpack(make_zip(tmp_path / "archive", [*FILES.items()]), tmp_path / "data" / "set")
    assert found(tmp_path / "disk" / "large") == FILES
    assert [each.name for each in (tmp_path / "data").iterdir()] == ["set"]
    assert [each.name for each in (tmp_path / "disk").iterdir()] == ["large"]  # what was aside was on that disk


def test_a_folder_comes_by_one_rename_and_what_a_killed_process_left_goes(tmp_path, monkeypatch):
    moved, rename = [], os.replace
    monkeypatch.setattr(os, "replace", lambda one, other: (moved.append(other), rename(one, other)))
    ended = subprocess.Popen(["true"])
    ended.wait()
    (tmp_path / f".set.{ended.pid}.unpacking" / "x").mkdir(parents=True)
    unpack(make_zip(tmp_path / "archive", [*FILES.items()]), tmp_path / "set")
    assert moved == [tmp_path / "set"] and not (tmp_path / f".set.{ended.pid}.unpacking").exists()
    more = {"Set/more/c.jpg": b"3", "Set/more/d.jpg": b"4", "Set/images/e.jpg": b"5"}
    unpack(make_zip(tmp_path / "more", [*more.items()]), tmp_path / "set")
    assert sorted(moved[1:]) == [tmp_path / "set" / "Set" / "images" / "e.jpg", tmp_path / "set" / "Set" / "more"]
    assert found(tmp_path / "set") == FILES | more


def test_another_file_in_its_place_is_never_overwritten_but_a_readme_is_kept(tmp_path):
    make_zip(tmp_path / "one.zip", [("README", b"one"), ("a.png", b"1")])
    make_zip(tmp_path / "two.zip", [("README", b"two"), ("b.png", b"2")])
    make_zip(tmp_path / "three.zip", [("c.png", b"3"), ("a.png", b"other")])
    unpack(tmp_path / "one.zip", tmp_path / "set")
    unpack(tmp_path / "two.zip", tmp_path / "set")
    with pytest.raises(ValueError, match=r"a\.png: another file is there already; nothing was moved"):
        unpack(tmp_path / "three.zip", tmp_path / "set")
    assert found(tmp_path / "set") == {"README": b"one", "a.png": b"1", "b.png": b"2"}
