"""What tests of several modules share by pytest's own means."""

import pytest

# Files whose tests start several processes or wait for some: one after another, whatever runs beside them.
OF_PROCESSES = {
    "test_bench_defects", "test_bench_faults", "test_check", "test_cluster", "test_contributing",
    "test_demo_sensitivity", "test_lanes", "test_parallel", "test_run", "test_run_all", "test_training_faults",
}  # fmt: skip


def pytest_collection_modifyitems(items):
    """Keep the tests of a file together where several processes share them: what a fixture trains is trained once.

    Those that a crew of processes answers are slow: it takes eight seconds to come together.
    """
    for item in items:
        if "crew" in item.fixturenames:
            item.add_marker(pytest.mark.slow)
        name = item.path.stem
        item.add_marker(pytest.mark.xdist_group("processes" if name in OF_PROCESSES else name))


@pytest.fixture
def table(tmp_path):
    def write(text, name="table.csv"):
        (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path / name

    return write


@pytest.fixture
def no_weights(tmp_path, monkeypatch):
    """A machine on which no published weights lie, in the suite's cache or in Hugging Face's."""
    monkeypatch.setenv("REPRO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.file_download.HF_HUB_CACHE", str(tmp_path / "hub"), raising=False)
