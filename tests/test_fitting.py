"""The micro-batch that fits: found before the first step, remembered, a part of the run's id."""

import json
from dataclasses import replace

import golden_losses
import pytest
import torch
from measured import run_of

from repro import plan
from repro.jobs import fitting
from repro.jobs.fitting import NO_ROOM, largest_that_fits, micro_batch_of
from repro.networks import LEAST_IMAGES, build
from repro.runner import Setting, check_batches


def failing_above(most, tried):
    """A training step that runs out of memory with more than `most` images."""

    def step(micro):
        tried.append(micro)
        try:
            if micro > most:
                raise torch.OutOfMemoryError("CUDA out of memory")
        except torch.OutOfMemoryError:
            return False
        return True

    return step


@pytest.mark.parametrize(("most", "found"), [(8, 8), (7, 4), (3, 2), (1, 1)])
def test_the_largest_equal_parts_that_fit_are_taken(most, found):
    tried = []
    assert largest_that_fits(8, failing_above(most, tried)) == found
    assert tried == [micro for micro in (8, 4, 2, 1) if micro >= found]  # nothing smaller is tried


def test_where_not_one_image_fits_that_is_said():
    with pytest.raises(ValueError, match="not even a micro-batch of 1 fits"):
        largest_that_fits(4, failing_above(0, []))


def test_a_network_that_needs_two_images_is_not_given_one():
    tried = []
    with pytest.raises(ValueError, match="not even a micro-batch of 2 fits"):
        largest_that_fits(4, failing_above(1, tried), least=2)
    assert tried == [4, 2]


@pytest.mark.parametrize(("batch", "micro", "refused"), [(15, 2, True), (15, 3, False), (16, 5, True), (1, None, True)])
def test_a_rest_of_one_image_is_refused_for_a_network_that_normalises_one_pixel(batch, micro, refused):
    run = run_of("paper2_figure5/DeepLabv3", "isic2018")
    run = replace(run, recipe=replace(run.recipe, batch=batch, micro_batch=micro))
    if refused:
        with pytest.raises(ValueError, match=f"deeplabv3 normalises .* needs 2 images at a time, a batch of {batch}"):
            check_batches([run])
    else:
        check_batches([run])
    check_batches([replace(run, network="unet", options={})])


def test_the_networks_that_need_two_images_are_those_that_fail_with_one():
    for name, options in golden_losses.OPTIONS.items():
        network, image = build(name, classes=2, **options).train(), torch.randn(1, 3, 128, 128)
        if LEAST_IMAGES.get(name, 1) == 1:
            network(image)
        else:
            with pytest.raises(ValueError, match="more than 1 value per channel"):
                network(image)


DEMO = plan.suite("demo")
JOBS = plan.plan(DEMO, only="paper1_table1/*")[:3]


def test_one_micro_batch_serves_all_rows_and_is_never_looked_for_again(tmp_path, monkeypatch):
    class Lists:
        class train_set:
            class_names = ("a", "b")

    monkeypatch.setattr(fitting, "open_lists", lambda run, data: Lists)
    setting, tried = Setting(tmp_path, (), torch.device("cpu")), []
    batch = JOBS[0].run.recipe.batch
    most = {JOBS[0].run.network: batch, JOBS[1].run.network: batch // 2}

    def probe(run, classes, _, micro):
        tried.append((run.network, micro))
        return micro <= most.get(run.network, batch)

    assert micro_batch_of(JOBS, setting, name="demo", probe=probe) == batch // 2
    count = len(tried)
    assert micro_batch_of(JOBS, setting, name="demo", probe=probe) == batch // 2
    assert len(tried) == count
    assert micro_batch_of(JOBS, setting, name="other", probe=lambda *_: True) is None


def test_a_probe_that_runs_out_of_memory_ends_its_process_with_a_code_of_its_own():
    def step(*_, **__):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")

    with pytest.raises(SystemExit) as end:
        fitting._step(JOBS[0].run, 2, Setting(None, (), torch.device("cpu")), None, step=step)
    assert end.value.code == NO_ROOM


def test_two_steps_are_tried_however_slow_as_the_second_holds_the_optimisers_moments():
    asked = {}
    setting = Setting(None, (), torch.device("cpu"))
    fitting._step(JOBS[0].run, 2, setting, None, step=lambda *_, **how: asked.update(how))
    assert asked["steps"] == 2 and asked["at_most"] > 3600


def test_the_micro_batch_is_in_the_suites_name_and_in_every_id():
    small = plan.suite("demo-m1")
    assert small.name == "demo-m1" and small.seeds == DEMO.seeds
    assert plan.reduced(plan.suite("demo-e2"), 2, None, 1).name == "demo-e2-m1" == plan.suite("demo-e2-m1").name
    assert plan.reduced(small, 2).name == "demo-e2-m1"  # it is kept where epochs are asked for, too
    ids = {job.run.id for job in plan.plan(DEMO, only="paper1_table1/*")}
    others = plan.plan(small, only="paper1_table1/*")
    assert ids.isdisjoint(job.run.id for job in others if job.run.trained)
    assert {job.run.identity()["recipe"].get("micro_batch") for job in others if job.run.trained} == {1}


def test_a_micro_batch_of_the_whole_batch_is_none_and_changes_no_id():
    ids = [job.run.id for job in plan.plan(DEMO, only="paper1_table1/*")]
    assert [job.run.id for job in plan.plan(plan.suite("demo-m999"), only="paper1_table1/*")] == ids


@pytest.mark.slow
def test_a_real_step_is_tried_in_a_process_of_its_own():
    run = JOBS[0].run
    setting = Setting(None, (), torch.device("cpu"))
    assert fitting.fits_here(run, 2, setting, 1)


def test_what_was_found_is_plain_to_read(tmp_path):
    setting = Setting(tmp_path / "runs", (), torch.device("cpu"))
    assert micro_batch_of([], setting, name="demo") is None
    (path,) = (tmp_path / "runs").glob("micro-batch.demo.cpu-*.json")
    assert json.loads(path.read_text()) == {"micro_batch": None}
