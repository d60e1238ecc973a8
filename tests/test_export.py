"""`repro export` and `repro.load`: weights that come back to the bit, and a card that says what they are."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import segmentation_models_pytorch as smp
import torch
from measured import ROOT, snapshot
from safetensors.torch import load_file, save_file
from trained_runs import STREET, finish

import repro
from repro import export, folders
from repro.models.attention_unet import AttentionUNet

IMAGE = np.random.default_rng(0).integers(0, 256, (48, 80, 3), dtype=np.uint8)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to stand in, whose runs are looked at."""
    monkeypatch.setattr(export, "find", lambda beginning: folders.find(beginning, tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(folder: Path, *arguments: object) -> int:
    return export.main(["--run", folder.name[:6], *map(str, arguments)])


def logits(path: Path) -> torch.Tensor:
    return repro.load(path).logits(IMAGE)


def test_exported_weights_give_the_same_logits_to_the_bit(here: Path, capsys: pytest.CaptureFixture):
    folder = finish(here)
    assert call(folder) == 0
    exported = here / "exports" / f"{folder.name}-last"
    assert sorted(snapshot(exported)) == ["README.md", "model.safetensors"]
    assert f"exports/{folder.name}-last/model.safetensors" in capsys.readouterr().out
    expected = logits(folder)
    assert expected.std() > 0.01 and torch.equal(logits(exported), expected)
    moved = here / "sent to somebody.safetensors"
    (exported / "model.safetensors").rename(moved)
    assert torch.equal(logits(moved), expected)  # the file alone says what it is
    assert repro.load(moved).class_names == STREET


def test_the_selected_weights_are_exported_when_asked_for(here: Path):
    folder = finish(here)
    assert call(folder, "--weights", "selected", "--output", "out") == 0
    assert torch.equal(logits(here / "out"), repro.load(folder, weights="selected").logits(IMAGE))
    assert not torch.equal(logits(here / "out"), logits(folder))


def test_the_card_says_scores_with_n_protocol_data_terms_and_where_it_is_from(here: Path):
    folder = finish(here)
    call(folder, "--output", "out")
    text = Path("out/README.md").read_text()
    assert text.startswith("---\nlicense: other\n")
    assert f"The last weights of run `{folder.name}`" in text and "knows nothing of real" in text
    assert "n = 1 images of toy_cityscapes (1 units), one run, one seed." in text
    assert "| miou | 50.00 |" in text and "| iou:traffic light | 25.00 |" in text
    assert "- optimiser: adamw" in text and "- seed: 0" in text and "- trained for: 80 steps" in text
    assert "Terms: MIT, as this project." in text and "commit unknown (clean tree)" in text


@pytest.mark.slow
def test_the_cards_own_lines_load_the_network(here: Path):
    call(finish(here), "--output", "out")
    (block,) = re.findall(r"```python\n(.*?)```", Path("out/README.md").read_text(), re.DOTALL)
    line = [sys.executable, "-c", block + "\nprint(prediction.shape, logits.shape)"]
    done = subprocess.run(line, capture_output=True, text=True, cwd=here / "out", env={"PYTHONPATH": str(ROOT)})
    assert done.stdout == "(96, 128) torch.Size([19, 96, 128])\n", done.stderr


@pytest.mark.parametrize(
    ("cell", "loads"), [("paper1_table1/DeepLabv3+", smp), ("paper1_table1/ours", AttentionUNet)]
)
def test_smps_form_comes_back_through_from_pretrained(cell: str, loads, here: Path):
    folder = finish(here, cell)
    assert call(folder, "--format", "smp", "--output", "out") == 0
    found = loads.from_pretrained("out").eval()
    image = torch.randn(1, 3, 64, 96).to(memory_format=torch.channels_last)
    with torch.inference_mode():
        expected = repro.load(folder).network(image)
        assert torch.equal(found.to(memory_format=torch.channels_last)(image), expected)
    assert ".from_pretrained(\".\")" in Path("out/README.md").read_text()


def test_a_network_that_is_none_of_smps_is_refused_and_nothing_written(here: Path, capsys: pytest.CaptureFixture):
    folder = finish(here, "paper1_table1/PSPNet")
    assert call(folder, "--format", "smp", "--output", "out") == 2
    assert "pspnet is no SegmentationModel of smp" in capsys.readouterr().err and not Path("out").exists()


@pytest.mark.slow
def test_an_onnx_graph_takes_rgb_values_and_gives_torchs_logits(here: Path, capsys: pytest.CaptureFixture):
    import onnxruntime

    folder = finish(here)
    assert call(folder, "--format", "onnx", "--size", "48x80", "--output", "out") == 0
    found = re.search(r"Largest difference from torch's logits (\S+), largest logit", capsys.readouterr().out)
    assert float(found[1]) <= 1e-4
    session = onnxruntime.InferenceSession("out/model.onnx")
    (graph,) = session.run(None, {"image": IMAGE.transpose(2, 0, 1)[None].astype(np.float32)})
    np.testing.assert_allclose(graph[0], logits(folder).numpy(), atol=1e-4)


@pytest.mark.slow
def test_a_graph_that_computes_otherwise_is_not_written(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    monkeypatch.setattr(export, "AGREE", -1.0)  # no difference is small enough
    assert call(finish(here), "--format", "onnx", "--size", "32x32", "--output", "out") == 1
    assert "nothing is written" in capsys.readouterr().err and not Path("out").exists()


def test_what_cannot_be_exported_is_refused_in_a_sentence(here: Path, capsys: pytest.CaptureFixture):
    folder = finish(here)
    assert call(folder, "--size", "8x8") == 2
    assert "--size goes with --format onnx" in capsys.readouterr().err
    record = json.loads((folder / "record.json").read_bytes())
    for name in ("last", "selected"):
        (folder / f"{name}.safetensors").unlink()
    assert call(folder) == 2
    assert "the weights of this run are gone" in capsys.readouterr().err
    (folder / "record.json").write_text(json.dumps(record | {"training": None}))
    assert call(folder) == 2
    assert "was evaluated only, so that there are no weights to load" in capsys.readouterr().err
    (folder / "record.json").unlink()
    assert call(folder) == 2
    assert f"run {folder.name} is interrupted; only a finished run is exported" in capsys.readouterr().err
    assert not Path("exports").exists()


def test_an_export_that_differs_is_left_alone_unless_forced(here: Path, capsys: pytest.CaptureFixture):
    folder = finish(here)
    assert call(folder, "--output", "out") == 0
    assert call(folder, "--output", "out") == 0
    (here / "out" / "README.md").write_text("my own words")
    before = snapshot(here)
    assert call(folder, "--output", "out", "--weights", "selected") == 2
    assert "is there with other content; give --force" in capsys.readouterr().err and snapshot(here) == before
    assert call(folder, "--output", "out", "--force") == 0
    assert "my own words" not in Path("out/README.md").read_text()


def test_files_that_are_no_weights_are_refused_in_a_sentence(here: Path):
    folder = finish(here)
    call(folder, "--output", "out")
    state = load_file(here / "out" / "model.safetensors")
    save_file(state, here / "bare.safetensors")
    (here / "cut.safetensors").write_bytes((here / "out" / "model.safetensors").read_bytes()[:-100])
    (here / "empty").mkdir()
    (here / "graph").mkdir()
    (here / "graph" / "model.onnx").write_bytes(b"")
    for path, sentence in [
        ("bare.safetensors", "weights without a word on what they are of"),
        ("cut.safetensors", "not a whole file of safetensors"),
        ("empty", "neither a finished run nor an export"),
        ("graph", "an export that another program reads; export the run with --format safetensors"),
        ("nothing.safetensors", "no such file"),
    ]:
        with pytest.raises(ValueError, match=sentence):
            repro.load(here / path)
    with pytest.raises(ValueError, match="there are no weights 'best'; there are last and selected"):
        repro.load(folder, weights="best")


def test_metadata_name_only_what_the_suite_knows(here: Path):
    folder = finish(here)
    call(folder, "--output", "out")
    state = load_file(here / "out" / "model.safetensors")
    about = json.loads(repro.load(folder).about.as_json())
    for change, sentence in [
        ({"network": "os:system"}, "No network is called 'os:system'"),
        ({"options": {"encoder_name": "tu-hf-hub:somebody/something"}}, "No encoder is called"),
        ({"network": "pspnet"}, "weights of another form than pspnet has here"),
        ({"revisions": {"fcn": 2}}, "made by a version of the suite that computes otherwise"),
        ({"something": 1}, "made by another version of the suite"),
    ]:
        said = json.dumps(about | {"run": about["run"] | change})
        save_file(state, here / "changed.safetensors", metadata={"repro": said})
        with pytest.raises(ValueError, match=sentence):
            repro.load(here / "changed.safetensors")
    for said in ("hello", "9" * 5000, "[" * 100_000, json.dumps(about | {"run": about["run"] | {"options": None}})):
        save_file(state, here / "changed.safetensors", metadata={"repro": said})
        with pytest.raises(ValueError, match=r"changed\.safetensors: its metadata are not what"):
            repro.load(here / "changed.safetensors")


def test_nothing_exported_is_a_pickle(here: Path):
    call(finish(here, "paper1_table1/DeepLabv3+"), "--format", "smp", "--output", "out")
    assert {path.suffix for path in Path("out").iterdir()} == {".md", ".json", ".safetensors"}


def test_importing_repro_imports_no_torch():
    code = "import repro, sys; assert callable(repro.load); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={"PYTHONPATH": str(ROOT)})
    assert done.stdout == "False\n", done.stderr
