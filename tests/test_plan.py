"""Runs, their ids, and the order in which a suite does them."""

import dataclasses
import hashlib
import json
from dataclasses import dataclass, replace

import golden_ids
import pytest
from measured import run_of

from repro import plan
from repro.papers.spec import Recipe, Suite
from repro.papers.suites import SUITES
from repro.plan import Run, Split

RECIPE = Recipe(
    weights="none", loss="cross_entropy_dice", alpha=0.5, optimiser="adamw", learning_rate=0.0005, epochs=4, batch=8,
    crop=(352, 480), precision="float32",
)  # fmt: skip
RUN = Run(
    network="unet",
    options={"width": 8, "batch_norm": True, "dropout": None, "extra": False},
    train=Split(data="camvid", list="train", limit=96),
    test=Split(data="camvid", list="report"),
    recipe=RECIPE,
    seed=3,
)
# What RUN comes to, typed by hand: keys sorted, no spaces; of fields nothing that is None, False or (), of the
# network's options everything.
CANONICAL = (
    '{"network":"unet","options":{"batch_norm":true,"dropout":null,"extra":false,"width":8},'
    '"recipe":{"alpha":0.5,"batch":8,"crop":[352,480],"epochs":4,"learning_rate":0.0005,'
    '"loss":"cross_entropy_dice","optimiser":"adamw","precision":"float32","weights":"none"},'
    '"seed":3,"test":{"data":"camvid","list":"report"},"train":{"data":"camvid","limit":96,"list":"train"}}'
)


def test_an_id_is_twelve_hex_digits_of_the_sha256_of_the_canonical_json_without_what_is_off():
    assert RUN.id == hashlib.sha256(CANONICAL.encode()).hexdigest()[:12]
    assert RUN.identity() == json.loads(CANONICAL)


def test_a_new_optional_field_leaves_old_ids_alone():
    @dataclass(frozen=True, kw_only=True)
    class LaterRecipe(Recipe):
        label_smoothing: float | None = None
        freeze: bool = False
        warm_up: tuple[int, ...] = ()

    fields = {field.name: getattr(RECIPE, field.name) for field in dataclasses.fields(RECIPE)}
    assert replace(RUN, recipe=LaterRecipe(**fields)).id == RUN.id
    assert replace(RUN, recipe=LaterRecipe(**fields, label_smoothing=0.1)).id != RUN.id


@pytest.mark.parametrize(
    "changed",
    [
        {"network": "segnet"},
        {"options": {"width": 16}},
        {"seed": 4},
        {"train": Split(data="camvid", list="train")},
        {"test": Split(data="cityscapes", list="report")},
        {"recipe": replace(RECIPE, alpha=0.0)},  # 0 is a number, not off
        {"recipe": replace(RECIPE, precision="bfloat16")},
        {"recipe": replace(RECIPE, micro_batch=4)},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_whatever_can_change_a_score_changes_the_id(changed: dict):
    assert replace(RUN, **changed).id != RUN.id


def test_nothing_that_changes_no_score_is_part_of_a_run():
    names = {field.name for each in (Run, Split, Recipe) for field in dataclasses.fields(each)}
    assert names.isdisjoint({"device", "workers", "jobs", "path", "folder", "commit", "row", "table", "suite", "name"})
    renamed = replace(SUITES["camvid"], name="other", title="Other")
    table = plan.exhibit("paper1_table1")
    assert plan.run_of(table, table.rows[0], "cityscapes", renamed).id == run_of("paper1_table1/FCN", "camvid").id


def test_a_revision_above_one_is_part_of_the_identity_and_revision_one_is_off(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(plan.REVISIONS, "unet", 1)
    assert RUN.identity() == json.loads(CANONICAL)
    monkeypatch.setitem(plan.REVISIONS, "unet", 2)
    assert RUN.identity() == json.loads(CANONICAL) | {"revisions": {"unet": 2}}
    assert plan.from_identity(RUN.identity()).id == replace(RUN).id != RUN.id



def test_golden_run_ids_hold():
    stored = json.loads(golden_ids.FILE.read_text())
    assert golden_ids.ids() == stored, "an id moved: read the head of tests/golden_ids.py before writing new ones"


@pytest.mark.parametrize("suite", SUITES)
def test_from_identity_is_the_inverse_of_identity(suite: str):
    for job in plan.plan(SUITES[suite], ablations=True):
        again = plan.from_identity(json.loads(json.dumps(job.run.identity())))
        assert again == job.run and again.id == job.run.id


def test_an_option_is_part_of_the_identity_even_where_it_is_off():
    assert replace(RUN, options={"etm": False}).id != replace(RUN, options={}).id  # the constructor's default may be on


def test_from_identity_refuses_a_field_it_does_not_know():
    identity = RUN.identity()
    identity["recipe"]["mixup"] = 0.2
    with pytest.raises(ValueError, match=r"another version of the suite: .*mixup"):
        plan.from_identity(identity)
    with pytest.raises(ValueError, match="another version of the suite"):
        plan.from_identity({"network": "unet"})


def test_a_reduced_suite_is_named_after_its_epochs_and_images():
    camvid = SUITES["camvid"]
    assert plan.reduced(camvid, 4, 96).name == "camvid-e4-n96"
    assert plan.reduced(camvid, epochs=4).name == "camvid-e4"
    assert plan.reduced(camvid, limit=96).name == "camvid-n96"
    assert plan.reduced(camvid) == camvid
    assert plan.suite("camvid-e4-n96") == plan.reduced(camvid, 4, 96)
    assert plan.suite("isic2017_256-n8").limit == 8
    assert plan.suite("camvid") is not None and not plan.is_reduced(plan.suite("camvid"))


def test_a_reduced_suite_can_be_reduced_again_and_keeps_one_name():
    assert plan.reduced(plan.suite("camvid-e4"), 4, 96).name == "camvid-e4-n96"
    assert plan.reduced(plan.suite("camvid-e4-n96"), 2, 96).name == "camvid-e2-n96"


def test_a_precision_makes_a_suite_of_its_own_whose_trained_runs_all_have_it():
    exact = plan.reduced(plan.suite("camvid-e4"), 4, precision="float32")
    assert exact.name == "camvid-e4-float32" and exact == plan.suite("camvid-e4-float32")
    assert plan.reduced(exact, 2, 96).name == "camvid-e2-n96-float32"  # it is kept where epochs are asked for, too
    assert plan.suite("camvid-m2-bfloat16").changes["micro_batch"] == 2
    assert plan.suite("camvid-float32").seeds == plan.suite("camvid").seeds  # a precision alone reduces nothing
    run, before = run_of("paper1_table1/ours", "camvid-e4-float32"), run_of("paper1_table1/ours", "camvid-e4")
    assert before.recipe.precision == "bfloat16"
    assert run == replace(before, recipe=replace(before.recipe, precision="float32"))
    assert run_of("paper1_table1/position prior", exact.name) == run_of("paper1_table1/position prior", "camvid-e4")


@pytest.mark.parametrize(
    "name", ["camvid-e0", "camvid-n0", "camvid-e04", "camvid-n96-e4", "camvid-e4-", "camvid-float64", "", "\n"]
)
def test_a_name_that_no_reduced_suite_has_is_refused(name: str):
    with pytest.raises(ValueError, match="there is no suite"):
        plan.suite(name)


def test_a_reduced_suite_trains_for_fewer_epochs_on_fewer_images_and_scores_all():
    run = run_of("paper1_table1/ours", "camvid-e4-n96")
    assert (run.recipe.epochs, run.train.limit, run.test.limit) == (4, 96, None)
    whole = run_of("paper1_table1/ours", "camvid")
    assert replace(run, recipe=replace(run.recipe, epochs=100), train=replace(run.train, limit=None)) == whole
    assert run_of("paper1_figure2/ours, 200 epochs", "camvid-e4").recipe.epochs == 4


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(ValueError, match="there is no suite 'camvit'; did you mean camvid"):
        plan.suite("camvit")
    with pytest.raises(ValueError, match="no table or figure 'paper1_tabel1'; did you mean paper1_table1"):
        plan.exhibit("paper1_tabel1")
    with pytest.raises(ValueError, match="no suite 'zzz'; there are demo, camvid, cityscapes"):
        plan.suite("zzz")


def test_ours_of_table_1_and_the_rate_0_0005_of_table_2_are_one_run():
    ours, rate = run_of("paper1_table1/ours", "camvid"), run_of("paper1_table2/0.0005", "camvid")
    assert ours == rate and ours.id == rate.id
    job = next(job for job in plan.plan(SUITES["camvid"]) if job.run == ours)
    assert {"paper1_table1/ours", "paper1_table2/0.0005", "paper1_figure2/ours"} <= set(job.cells)


def test_seed_0_of_what_the_papers_print_comes_first_and_the_longest_of_it_first():
    jobs = plan.plan(SUITES["camvid"], seeds=(0, 1, 2), ablations=True)
    printed = row_names("paper1_table1") | row_names("paper1_table2")
    ours = [not any(cell in printed for cell in job.cells) for job in jobs]
    keys = [(job.run.seed, own) for job, own in zip(jobs, ours)]
    assert keys == sorted(keys)  # by seed; within a seed what is printed before what is ours
    for key in set(keys):
        epochs = [job.run.recipe.epochs for job, each in zip(jobs, keys) if each == key]
        assert epochs == sorted(epochs, reverse=True)
    assert jobs[0].cells[0] == "paper1_table1/FCN"
    assert len({job.run.id for job in jobs}) == len(jobs)


def row_names(table: str) -> set[str]:
    """The cells that the paper prints, and those of figures, which print none of their own."""
    ids = ("paper1_figure1", "paper1_figure2", table)
    return {f"{id}/{row.name}" for id in ids for row in plan.exhibit(id).rows if not row.extra}


def test_a_row_without_training_is_one_run_whatever_the_seeds_and_the_recipe():
    jobs = [job for job in plan.plan(SUITES["camvid"], seeds=(0, 1, 2)) if job.run.network == "position_prior"]
    assert len(jobs) == 1 and jobs[0].run.seed == 0 and not jobs[0].run.trained
    assert {"paper1_table1/position prior", "paper1_table2/position prior"} <= set(jobs[0].cells)


def test_seeds_default_to_the_suites_own_and_follow_each_other():
    assert {job.run.seed for job in plan.plan(replace(SUITES["camvid"], seeds=(5,)), only="*/FCN")} == {5}
    assert [job.run.seed for job in plan.plan(SUITES["camvid"], only="*_table1/FCN", seeds=(2, 0, 1))] == [0, 1, 2]


def test_only_is_a_glob_of_table_and_row():
    cells = {job.cells[0] for job in plan.plan(SUITES["camvid"], only="paper1_table1/*Net")}
    assert cells == {"paper1_table1/SegNet", "paper1_table1/PSPNet", "paper1_table1/U-Net"}
    (job,) = plan.plan(SUITES["camvid"], only="paper1_table1/U-Net++", seeds=(0,))
    assert job.cells == ("paper1_table1/U-Net++",)


def test_only_that_matches_nothing_says_what_is_near_or_what_there_is():
    with pytest.raises(ValueError, match="matches no table/row of suite camvid; did you mean paper1_table1/SegNet"):
        plan.plan(SUITES["camvid"], only="paper1_table1/Segnet")
    with pytest.raises(ValueError, match="tables: paper2_table3"):
        plan.plan(SUITES["drive"], only="?")
    with pytest.raises(ValueError, match="ablations only; give --ablations"):
        plan.plan(SUITES["camvid"], only="paper1_ablation/*")


def test_ablations_and_other_readings_are_planned_only_when_asked_for():
    few, all_of_them = plan.plan(SUITES["cityscapes"]), plan.plan(SUITES["cityscapes"], ablations=True)
    assert {job.run.id for job in few} < {job.run.id for job in all_of_them}
    assert not any(cell.startswith("paper1_ablation/") for job in few for cell in job.cells)
    assert any(job.run.recipe.size == (512, 1024) for job in all_of_them)  # the reading "resize"
    camvid = plan.exhibit("paper1_table1"), SUITES["camvid"]
    assert plan.readings(*camvid, "cityscapes") == (None,)  # a stand-in has no readings of the paper's protocol


def test_a_table_has_no_run_where_the_suite_lacks_its_data_or_nothing_can_be_built():
    table = plan.exhibit("paper1_table1")
    assert plan.run_of(table, table.rows[0], "cityscapes", SUITES["drive"]) is None
    assert plan.tables_of(Suite(name="empty", title="Nothing", data={})) == []
    figure = plan.exhibit("paper2_figure4")
    lost = next(row for row in figure.rows if row.network is None)
    assert plan.run_of(figure, lost, "ph2", SUITES["ph2"]) is None


def test_of_two_globs_that_replace_a_field_the_later_counts():
    changes = {"paper1_*": {"alpha": 0.1, "batch": 2}, "*_table1": {"alpha": 0.9}, "paper2_*": {"batch": 9}}
    assert plan.matching(changes, "paper1_table1") == {"alpha": 0.9, "batch": 2}
