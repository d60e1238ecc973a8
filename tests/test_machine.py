import json
import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from repro import machine

CPU = torch.device("cpu")
ROOT = Path(__file__).parents[1]
without_gpu = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU that torch can use")


def nvidia_smi(tmp_path, monkeypatch, script):
    (tmp_path / "nvidia-smi").write_text(f"#!/bin/sh\n{script}\n")
    (tmp_path / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))


def test_the_cpu_is_there_for_the_asking():
    assert machine.pick_device("cpu") == CPU


@without_gpu
def test_auto_takes_the_cpu_where_there_is_no_card(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert machine.pick_device("auto") == CPU


@without_gpu
@pytest.mark.parametrize("request_", ["auto", "cuda"])
def test_a_card_that_torch_cannot_use_is_an_error_with_driver_and_remedy(tmp_path, monkeypatch, request_):
    nvidia_smi(tmp_path, monkeypatch, "echo 'Tesla K80, 418.40'")
    with pytest.raises(ValueError, match=r"found driver 418\.40 with Tesla K80") as error:
        machine.pick_device(request_)
    assert "Install a driver" in str(error.value)
    assert "--device cpu" in str(error.value)
    assert torch.version.cuda is None or f"built for CUDA {torch.version.cuda}" in str(error.value)


@without_gpu
def test_asking_for_a_gpu_where_there_is_none_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ValueError, match=r"found no NVIDIA driver.*--device cpu"):
        machine.pick_device("cuda")


@without_gpu
def test_a_driver_tool_that_fails_or_says_nothing_is_no_card(tmp_path, monkeypatch):
    for script in ("exit 9", "true"):
        nvidia_smi(tmp_path, monkeypatch, script)
        assert machine.pick_device("auto") == CPU


def test_a_machine_kind_is_the_device_and_torchs_minor_version():
    major, minor = torch.__version__.split(".")[:2]
    assert machine.kind(CPU) == f"cpu-torch{major}.{minor}"


def test_a_description_is_json_and_names_threads_and_versions():
    found = json.loads(json.dumps(machine.describe(CPU)))
    assert found["threads"] == torch.get_num_threads()
    assert found["libraries"]["torch"].split("+")[0] == torch.__version__.split("+")[0]
    assert found["device"] == "cpu" and found["cuda"] is None
    assert found["memory_gib"] > 0 and found["cores"] > 0


def git(folder, *arguments):
    name = ("-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *name, *arguments], cwd=folder, check=True, capture_output=True)


def test_the_commit_is_named_and_whether_the_code_was_changed_since(tmp_path, monkeypatch):
    monkeypatch.delenv("REPRO_COMMIT", raising=False)
    found = {}
    for state in ("clean", "changed"):
        root = tmp_path / state
        for package in ("repro", "baselines"):
            (root / package).mkdir(parents=True)
            (root / package / "code.py").write_text("a = 1\n")
        git(root, "init", "-q")
        git(root, "add", ".")
        git(root, "commit", "-q", "-m", "a")
        (root / "notes").write_text("not code")
        if state == "changed":
            (root / "baselines" / "code.py").write_text("a = 2\n")
        head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True).stdout.strip()
        revision, found[state] = machine.commit(root)
        assert revision == head
    assert found == {"clean": True, "changed": False}


def test_without_git_the_commit_is_the_one_in_the_environment_or_unknown(tmp_path, monkeypatch):
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    monkeypatch.delenv("REPRO_COMMIT", raising=False)
    assert machine.commit(tmp_path / "one") == ("unknown", None)
    monkeypatch.setenv("REPRO_COMMIT", "abc123")
    assert machine.commit(tmp_path / "two") == ("abc123", None)


def test_peak_memory_is_counted_in_bytes():
    assert 50 * 2**20 < machine.peak_memory_bytes(CPU) < 2**40  # torch alone takes more than 50 MiB


def test_only_a_processor_emulates_a_precision_and_never_float32():
    assert not machine.emulates("float32", CPU)
    assert not machine.emulates("bfloat16", torch.device("cuda"))
    assert machine.emulates("float16", CPU)  # a convolution's gradient
    cpuinfo = Path("/proc/cpuinfo")
    flags = re.search(r"^flags\s*:(.*)", cpuinfo.read_text(), re.MULTILINE) if cpuinfo.exists() else None
    if flags is None:
        pytest.skip("the flags of this processor are not to be read")
    has = {"avx512bw", "avx512vl", "avx512dq"} <= set(flags[1].split())  # oneDNN computes bfloat16 from AVX-512 on
    assert machine.emulates("bfloat16", CPU) == (not has)


def test_the_peak_of_memory_begins_anew():
    if not Path("/proc/self/clear_refs").exists():
        pytest.skip("only Linux lets a process's high-water mark begin anew")
    machine.forget_peak_memory(CPU)
    before = machine.peak_memory_bytes(CPU)
    large = bytearray(2**28)
    assert machine.peak_memory_bytes(CPU) > before + 2**27
    del large
    assert machine.peak_memory_bytes(CPU) > before + 2**27
    machine.forget_peak_memory(CPU)
    assert machine.peak_memory_bytes(CPU) < before + 2**27


def faults_of_the_last_step(kept):
    """Page faults while a process makes and drops its tensors, six of 2**26 bytes, for the eighth time."""
    code = f"""
import resource, torch
from repro.machine import keep_freed_memory
if {kept}:
    keep_freed_memory(torch.device("cpu"))
for _ in range(8):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    [torch.ones(2**24) for _ in range(6)]
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return int(done.stdout)


@pytest.mark.slow
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told to keep what is freed")
def test_freed_memory_is_kept_for_the_next_step():
    huge = 6 * 2**26 // 2**21  # as few as there are where the system gives huge pages unasked
    assert faults_of_the_last_step(kept=False) >= huge
    assert faults_of_the_last_step(kept=True) < huge / 4


@pytest.mark.slow
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told to keep what is freed")
def test_kept_memory_is_given_back_where_the_peak_begins_anew():
    code = """
import psutil, torch
from repro.machine import forget_peak_memory, keep_freed_memory
keep_freed_memory(torch.device("cpu"))
torch.ones(2**26), torch.ones(2**26)
held = psutil.Process().memory_info().rss
forget_peak_memory(torch.device("cpu"))
print(held - psutil.Process().memory_info().rss)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert int(done.stdout) > 2**27  # of at least one of the two of 2**28 bytes
