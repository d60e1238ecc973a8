"""What a cluster loses and still finishes: run by tests/test_cluster.py in a process of its own.

Ray reads how it authenticates when it is first loaded, which other tests do without a token.
"""

import pytest


def test_killing_a_worker_a_node_and_the_driver_changes_no_bit(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
):
    from repro.bench import faults, tiny_runs

    monkeypatch.delenv("RAY_TMPDIR", raising=False)  # the names of its sockets would be too long
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_USAGE_STATS_ENABLED"):
        monkeypatch.setenv(name, "")  # so that they are taken away again
    folder = tmp_path_factory.mktemp("cluster")
    data = tiny_runs.draw(folder / "data")
    jobs = [tiny_runs.job(seed, epochs=12) for seed in range(4)]
    tiny_runs.one_after_another(jobs, tiny_runs.setting(folder / "alone", data))
    with faults.three_nodes() as nodes:
        found = faults.suffer(folder, ("worker", "node", "driver"), runs=4, epochs=12, cluster=nodes)
    assert (found.finished, found.equal) == (4, 4)
    assert found.begun_again or found.calls > 1  # on a busy machine the runs may end before the last is killed
