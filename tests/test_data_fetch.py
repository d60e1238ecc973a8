import hashlib
import io
import re
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise

import pytest

from repro.data import DATASETS, dataset_class
from repro.data.__main__ import main
from repro.data.fetch import OPEN, Archive, download, fetch

CONTENT = bytes(range(256)) * 4000


class Server(ThreadingHTTPServer):
    """Serves `files`; `cut` answers of each break off after `cut_at` bytes; `asked` has the Range of each request."""

    files: dict
    ranges = True
    cuts = 0
    cut_at = 300_000

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.asked = {}, []

    def source(self, name, data, **changes):
        self.files[f"/{name}"] = data
        address = f"http://127.0.0.1:{self.server_address[1]}/{name}"
        return Archive(address, f"sha256:{hashlib.sha256(data).hexdigest()}", **changes)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.server
        server.asked.append(self.headers.get("Range"))
        data = server.files.get(self.path)
        if data is None:
            return self.send_error(404)
        start = int(re.findall(r"\d+", self.headers["Range"])[0]) if self.headers.get("Range") else 0
        if start >= len(data) and server.ranges:
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(data)}")
            self.send_header("Content-Length", "0")
            return self.end_headers()
        start = start if server.ranges else 0
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        if server.cuts > 0:
            server.cuts -= 1
            self.wfile.write(data[start : start + server.cut_at])
            return self.connection.close()
        self.wfile.write(data[start:])

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch, tmp_path):
    monkeypatch.setenv("REPRO_CACHE", str(tmp_path / "cache"))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def silent(_):
    pass


def test_a_download_that_breaks_off_goes_on_where_it_ended_and_is_whole(server, tmp_path):
    server.cuts = 3
    path = download(server.source("a.zip", CONTENT), tmp_path / "to", say=silent)
    assert path.read_bytes() == CONTENT
    assert [each.name for each in path.parent.iterdir()] == ["a.zip"]
    starts = [int(each.removeprefix("bytes=").removesuffix("-")) for each in server.asked[1:]]
    assert len(starts) == 3 and all(one < other for one, other in pairwise(starts))


def test_what_an_earlier_call_left_is_kept_and_the_next_call_goes_on_from_it(server, tmp_path):
    source, said = server.source("a.zip", CONTENT), []
    server.cuts, server.cut_at = 5, 0
    with pytest.raises(ValueError, match=r"cannot be downloaded .*the same call goes on from there, or give the file"):
        download(source, tmp_path, say=silent)
    (tmp_path / "a.zip.part").write_bytes(CONTENT[:1_000_123])
    server.cuts = 0
    assert download(source, tmp_path, say=said.append).read_bytes() == CONTENT
    assert server.asked[-1] == "bytes=1000123-"
    assert "going on at 1 MB" in said[0]


def test_a_file_that_is_there_with_its_checksum_is_not_asked_for_again(server, tmp_path):
    source = server.source("a.zip", CONTENT)
    download(source, tmp_path, say=silent)
    download(source, tmp_path, say=silent)
    assert len(server.asked) == 1


def test_a_server_that_knows_no_ranges_sends_it_from_the_beginning(server, tmp_path):
    server.ranges = False
    (tmp_path / "a.zip.part").write_bytes(b"old" * 1000)
    assert download(server.source("a.zip", CONTENT), tmp_path, say=silent).read_bytes() == CONTENT


@pytest.mark.parametrize("left", [CONTENT, CONTENT + b"more"], ids=["whole", "too long"])
def test_what_was_left_whole_is_taken_and_what_is_too_long_is_begun_again(server, tmp_path, left):
    (tmp_path / "a.zip.part").write_bytes(left)
    assert download(server.source("a.zip", CONTENT), tmp_path, say=silent).read_bytes() == CONTENT


def test_a_wrong_checksum_is_refused_and_the_file_deleted(server, tmp_path):
    source = server.source("a.zip", CONTENT)
    server.files["/a.zip"] = CONTENT[:-1] + b"!"
    with pytest.raises(ValueError, match=r"another checksum than sha256:.*, which .* carry; it was deleted"):
        download(source, tmp_path, say=silent)
    assert list(tmp_path.glob("a.zip*")) == []


def test_a_file_that_the_server_has_not_is_one_sentence(server, tmp_path):
    source = server.source("a.zip", CONTENT)
    server.files.clear()
    with pytest.raises(ValueError, match=r"cannot be downloaded \(HTTPError: 404"):
        download(source, tmp_path, say=silent)


def zipped(names):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name in names:
            file.writestr(name, name)
    return buffer.getvalue()


def test_fetch_unpacks_what_it_needs_into_the_sets_own_folder_and_only_once(server, tmp_path):
    sources = {
        "isic2018": (
            server.source("Images.zip", zipped(["Images/ISIC_1.jpg"])),
            server.source("Labels.zip", zipped(["Labels/ISIC_1_segmentation.png"])),
            server.source("Test.zip", zipped(["Test/ISIC_2.jpg"]), needed=False),
        )
    }
    said = []
    assert fetch("isic2018", tmp_path / "data", sources=sources, say=said.append)
    names = sorted(str(path.relative_to(tmp_path / "data")) for path in (tmp_path / "data").rglob("*.*g"))
    assert names == ["ISIC2018/Images/ISIC_1.jpg", "ISIC2018/Labels/ISIC_1_segmentation.png"]
    assert said[-1] == "Test.zip: holds an official split that no list here uses; --all gets it, too."
    assert not fetch("isic2018", tmp_path / "data", sources=sources, say=silent)
    assert fetch("isic2018", tmp_path / "data", sources=sources, say=silent, everything=True)
    assert len(server.asked) == 3 and (tmp_path / "data/ISIC2018/Test/ISIC_2.jpg").exists()


def test_a_set_behind_a_sign_up_prints_where_and_which_archives(tmp_path, capsys):
    assert main(["fetch", "cityscapes", "--to", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "https://www.cityscapes-dataset.com" in said and "leftImg8bit_trainvaltest.zip" in said
    assert "redistribution forbidden" in said and "fetch cityscapes --archive FILE" in said
    assert list(tmp_path.iterdir()) == []


def test_the_users_own_archives_are_unpacked_where_the_loader_looks(tmp_path, capsys):
    (tmp_path / "training.zip").write_bytes(zipped(["DRIVE/training/images/21_training.tif"]))
    (tmp_path / "test.zip").write_bytes(zipped(["test/images/01_test.tif"]))
    (tmp_path / "data" / "drive").mkdir(parents=True)
    archives = ["--archive", str(tmp_path / "training.zip"), "--archive", str(tmp_path / "test.zip")]
    assert main(["fetch", "drive", *archives, "--to", str(tmp_path / "data")]) == 0
    assert (tmp_path / "data/drive/training/images/21_training.tif").exists()
    assert (tmp_path / "data/drive/test/images/01_test.tif").exists()
    assert "verify drive" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("toy_drive", "generated on first use"), ("isic", "is not a data set; the nearest names are")],
)
def test_what_cannot_be_fetched_is_one_sentence_and_exit_code_2(tmp_path, capsys, name, sentence):
    assert main(["fetch", name, "--to", str(tmp_path)]) == 2
    assert sentence in capsys.readouterr().err


def test_what_is_downloaded_openly_is_what_the_loaders_read():
    for name, archives in OPEN.items():
        assert name in DATASETS
        for archive in archives:
            assert archive.address.startswith("https://")
            kind, _, digest = archive.checksum.partition(":")
            assert len(digest) == {"md5": 32, "sha256": 64}[kind]
    for name in ("isic2017", "isic2018"):
        folders = {folder for pair in dataset_class(name).split_folders.values() for folder in pair}
        assert {archive.name.removesuffix(".zip") for archive in OPEN[name]} == folders
        training = {*dataset_class(name).split_folders["train"]}
        assert {archive.name.removesuffix(".zip") for archive in OPEN[name] if archive.needed} == training
