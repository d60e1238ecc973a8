"""The one command that downloads: against a server on this machine that answers like Hugging Face's."""

import hashlib
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from repro.weights import fetched, main

CONTENT = b"bytes in the place of weights" * 40


@pytest.fixture
def server():
    """Serve CONTENT at every address, stating the SHA-256 in `server.digest`; paths asked for are in `server.asked`."""

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.server.asked.append(self.path)
            self.send_response(200)
            self.send_header("ETag", f'"{self.server.digest}"')
            self.send_header("X-Repo-Commit", "0" * 40)
            self.send_header("Content-Length", str(len(CONTENT)))
            self.end_headers()

        def do_GET(self):
            self.do_HEAD()
            self.wfile.write(CONTENT)

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.asked, server.digest = [], hashlib.sha256(CONTENT).hexdigest()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def fetch(server, cache, name: str) -> subprocess.CompletedProcess:
    """Run the command in a process of its own, since Hugging Face's client reads its endpoint when imported."""
    environment = {
        **os.environ,
        "HF_ENDPOINT": f"http://127.0.0.1:{server.server_address[1]}",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_OFFLINE": "0",
        "REPRO_CACHE": str(cache),
        "no_proxy": "127.0.0.1",
    }
    command = [sys.executable, "-m", "repro.weights", "fetch", name]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_fetch_downloads_the_pinned_revision_and_notes_its_checksum(server, tmp_path, monkeypatch):
    done = fetch(server, tmp_path, "resnet18")
    file = tmp_path / "weights" / "resnet18.imagenet.safetensors"
    assert (done.returncode, done.stdout.strip().splitlines()[-1]) == (0, str(file)), done.stderr
    assert file.read_bytes() == CONTENT
    assert set(server.asked) == {
        "/smp-hub/resnet18.imagenet/resolve/3f2325ff978283d47aa6a1d6878ca20565622683/model.safetensors"
    }
    assert sorted(each.name for each in file.parent.iterdir()) == [file.name, f"{file.name}.sha256"]
    monkeypatch.setenv("REPRO_CACHE", str(tmp_path))
    assert fetched() == (("resnet18", len(CONTENT), hashlib.sha256(CONTENT).hexdigest()),)


@pytest.mark.slow
def test_other_bytes_than_the_publisher_states_are_not_kept(server, tmp_path):
    server.digest = "0" * 64
    done = fetch(server, tmp_path, "resnet18")
    assert done.returncode == 2
    assert done.stderr.strip().splitlines()[-1].startswith("repro.weights: ")
    assert "Traceback" not in done.stderr
    assert not list((tmp_path / "weights").iterdir())


def test_an_unknown_encoder_is_one_sentence(capsys):
    assert main(["fetch", "resnet51"]) == 2
    assert capsys.readouterr().err.startswith(
        "repro.weights: No encoder is called 'resnet51'; the nearest are resnet50, "
    )


def test_an_encoder_without_published_weights_is_one_sentence(capsys):
    assert main(["fetch", "tu-convnext_atto_rms"]) == 2
    assert "Nobody publishes ImageNet weights for encoder 'tu-convnext_atto_rms'" in capsys.readouterr().err


def test_a_verb_that_does_not_exist_is_one_sentence(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["fetsh"])
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_list_shows_what_is_there(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("REPRO_CACHE", str(tmp_path))
    assert main(["list"]) == 0
    assert capsys.readouterr().out == f"No weights in {tmp_path / 'weights'}.\n"
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "resnet18.imagenet.safetensors").write_bytes(CONTENT)
    assert main(["list"]) == 0
    assert hashlib.sha256(CONTENT).hexdigest() in capsys.readouterr().out
