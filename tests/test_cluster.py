"""Runs over Ray: what a run asks for, how a cluster is joined, and what survives when a part of it is killed."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from alone import passes_alone
from measured import ROOT, snapshot

from repro.jobs import cluster
from repro.jobs.cluster import Demand, connected, demand_of, slots_of
from repro.jobs.lanes import Share
from repro.run import main

LARGE = {"CPU": 64.0, "GPU": 8.0, "memory": 1e12}
SMALL = {"CPU": 6.0, "GPU": 1.0}
PLAIN = {"CPU": 16.0}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """No token, address or folder of the user's Ray, and the environment put back afterwards."""
    for name in ("RAY_ADDRESS", "RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "RAY_USAGE_STATS_ENABLED"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path / "ray"))


# What a run asks for.


def test_a_run_asks_for_a_gpu_and_its_part_of_the_cores_that_stand_beside_it():
    assert demand_of([LARGE], per_gpu=1) == Demand(1.0, 8)  # 64 cores, 8 GPUs
    assert demand_of([{"CPU": 64.0, "GPU": 2.0}], per_gpu=1) == Demand(1.0, 9)  # one, and eight that load images


def test_the_node_with_the_fewest_cores_a_gpu_decides_so_that_no_gpu_stays_idle():
    demand = demand_of([LARGE, SMALL, PLAIN], per_gpu=1)
    assert demand == Demand(1.0, 6)
    assert slots_of([LARGE, SMALL, PLAIN], demand) == 8 + 1 + 0


@pytest.mark.parametrize(("per_gpu", "cpus", "slots"), [(2, 3, 2), (4, 1, 4), (8, 0.75, 8), (7, 0.85, 7)])
def test_runs_that_share_a_gpu_share_its_cores(per_gpu: int, cpus: float, slots: int):
    demand = demand_of([SMALL], per_gpu=per_gpu)
    assert demand == Demand(1 / per_gpu, cpus) and slots_of([SMALL], demand) == slots
    assert demand.share == Share(max(int(cpus), 1), fraction=1 / per_gpu)


def test_where_there_is_no_gpu_a_run_asks_for_a_core():
    assert demand_of([PLAIN], per_gpu=1) == Demand(0, 1) and slots_of([PLAIN, SMALL], Demand(0, 1)) == 16 + 6
    assert Demand(0, 1).share == Share(1)


def test_a_cluster_without_nodes_takes_nothing():
    assert slots_of([], Demand(0, 1)) == 0


# How a cluster is joined.


def test_a_dry_run_needs_no_ray_and_starts_none(tmp_path: Path):
    code = (
        "import sys; sys.modules['ray'] = None; from repro.run import main; "
        "code = main(['camvid', '--cluster', 'auto', '--dry-run', '--only', 'paper1_table1/FCN']); sys.exit(code)"
    )
    before = snapshot(ROOT / "tables")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path,
                          env={**os.environ, "PYTHONPATH": str(ROOT)})  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "") and "paper1_table1/FCN" in done.stdout
    assert snapshot(ROOT / "tables") == before and not (tmp_path / "ray").exists()


def test_without_ray_one_sentence_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert main(["demo", "--cluster", "auto"]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1
    assert "--cluster needs Ray, which is not installed here; pip install -e '.[cluster]'" in err


def test_a_running_ray_is_found_by_what_it_noted_and_only_if_it_answers(tmp_path: Path):
    assert cluster.running() == ""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        (tmp_path / "ray" / "ray").mkdir(parents=True)
        (tmp_path / "ray" / "ray" / "ray_current_cluster").write_text(address)
        assert cluster.running() == address
    assert cluster.running() == ""  # it was killed and left its note


def test_a_cluster_is_not_joined_without_its_token(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    with (
        pytest.raises(ValueError, match="--cluster head:6379: a token is needed to join it; set RAY_AUTH_TOKEN_PATH"),
        connected("head:6379"),
    ):
        pass
    assert not cluster.has_token()
    (tmp_path / "home" / ".ray").mkdir(parents=True)
    (tmp_path / "home" / ".ray" / "auth_token").write_text("secret")
    assert cluster.has_token()


@pytest.mark.slow
def test_a_ray_that_is_started_here_has_a_fresh_token_and_no_dashboard_and_ends_with_the_call(tmp_path: Path):
    pytest.importorskip("ray", reason="Ray is not installed")
    code = (
        "import os, psutil\n"
        "from repro.jobs.cluster import connected, nodes\n"
        "with connected('auto') as said:\n"
        "    assert said == 'started Ray on this machine' and len(nodes()) == 1\n"
        "    assert os.environ['RAY_AUTH_MODE'] == 'token' and len(os.environ['RAY_AUTH_TOKEN']) == 64\n"
        "    below = psutil.Process().children(recursive=True)\n"
        "    assert not any('--include-dashboard=true' in ' '.join(each.cmdline()).lower() for each in below)\n"
        "_, left = psutil.wait_procs(below, timeout=60)\n"
        "assert below and not left\n"
    )
    environment = {name: value for name, value in os.environ.items() if name != "RAY_TMPDIR"}  # too long for a socket
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path,
        env={**environment, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_killing_a_worker_a_node_and_the_driver_changes_no_bit():
    pytest.importorskip("ray", reason="Ray is not installed")
    passes_alone("cluster_alone.py")
