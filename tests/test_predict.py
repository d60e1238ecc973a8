"""`repro predict`: masks of people's own pictures, and what is said of the ones it cannot take."""

import io
import json
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from measured import run_of, snapshot
from PIL import Image
from trained_runs import STREET, finish, network_of

import repro
from repro import checkpoint, folders, predict
from repro.data.cityscapes import CLASSES
from repro.data.images import read_picture
from repro.data.transforms import resize_image
from repro.trained import pictures


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run: FCN on street scenes with random weights."""
    return finish(tmp_path_factory.mktemp("checkout"))


@pytest.fixture(autouse=True)
def here(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to stand in, while the verb looks for runs in the checkout of `finished`."""
    monkeypatch.setattr(predict, "find", lambda beginning: folders.find(beginning, finished.parents[2]))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def noise(size: tuple[int, int], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)


def draw(path: Path, size: tuple[int, int] = (40, 56), seed: int = 0) -> np.ndarray:
    """Write a picture of noise and return it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(noise(size, seed)).save(path)
    return noise(size, seed)


def call(finished: Path, *arguments: object) -> int:
    return predict.main([*map(str, arguments), "--run", finished.name[:6], "--device", "cpu"])


def numbers(path: Path | str) -> np.ndarray:
    return np.array(Image.open(path))


def test_a_mask_is_the_likeliest_class_of_each_pixel_in_the_sets_colours(finished: Path, here: Path):
    image = draw(here / "street.png", (37, 51))
    assert call(finished, "street.png") == 0
    mask = Image.open("predictions/street.png")
    assert (mask.mode, mask.size) == ("P", (51, 37))
    network = network_of(run_of("paper1_table1/FCN", "demo"), len(STREET))
    mean, deviation = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]]).view(2, 1, 3, 1, 1)
    with torch.inference_mode():
        logits = network((torch.from_numpy(image).permute(2, 0, 1)[None] / 255 - mean) / deviation)
    agree = (np.array(mask) == logits[0].argmax(0).numpy()).mean()
    assert agree > 0.999 and len(np.unique(mask)) > 1  # by another order of rounding two classes may tie
    assert mask.getpalette()[:6] == [*CLASSES["road"][1], *CLASSES["sidewalk"][1]]
    assert Path("predictions/classes.txt").read_text().splitlines()[:2] == ["0: road", "1: sidewalk"]


def test_pictures_below_a_folder_keep_their_places(finished: Path, here: Path):
    draw(here / "photos" / "a.jpg")
    draw(here / "photos" / "north" / "a.tif")
    (here / "photos" / "notes.txt").write_text("no picture")
    assert call(finished, "photos", "--output", "out") == 0
    assert sorted(snapshot(here / "out")) == ["a.png", "classes.txt", "north/a.png"]


def test_a_hundred_pictures_are_done_but_for_the_bad_one_which_is_named(
    finished: Path, here: Path, capsys: pytest.CaptureFixture
):
    for number in range(99):
        draw(here / "photos" / f"{number:02}.png", (16, 16), number)
    (here / "photos" / "bad.png").write_bytes(b"no picture")
    assert call(finished, "photos") == 1
    assert len([*(here / "predictions").glob("*.png")]) == 99
    out, err = capsys.readouterr()
    assert "99 of 100 pictures done, in predictions." in out
    assert "photos/bad.png: cannot be read as an image" in err
    assert err.splitlines()[-1] == "repro.predict: 1 of 100 pictures failed: photos/bad.png"


def test_grey_palettes_and_transparency_are_taken_as_colours(here: Path):
    image = noise((6, 5))
    grey = Image.fromarray(image[..., 0])
    grey.save("grey.png")
    np.testing.assert_array_equal(read_picture(here / "grey.png"), image[..., :1].repeat(3, axis=2))
    Image.fromarray(np.dstack([image, image[..., 0]])).save("clear.png")
    np.testing.assert_array_equal(read_picture(here / "clear.png"), image)
    Image.merge("LA", (grey, grey)).save("grey_clear.png")
    np.testing.assert_array_equal(read_picture(here / "grey_clear.png"), image[..., :1].repeat(3, axis=2))
    indexed = Image.fromarray(np.array([[0, 1]], np.uint8))
    indexed.putpalette([10, 20, 30, 40, 50, 60])
    indexed.save("indexed.png")
    np.testing.assert_array_equal(read_picture(here / "indexed.png"), [[[10, 20, 30], [40, 50, 60]]])
    Image.fromarray(np.array([[True, False]])).save("bits.png")
    np.testing.assert_array_equal(read_picture(here / "bits.png"), [[[255] * 3, [0] * 3]])


def test_an_exif_rotation_is_not_applied(finished: Path, here: Path):
    turned = Image.Exif()
    turned[0x112] = 6  # show it turned by 90 degrees
    Image.fromarray(noise((24, 40))).save("turned.jpg", exif=turned)
    assert call(finished, "turned.jpg") == 0
    assert numbers("predictions/turned.png").shape == (24, 40)


def deep_png(path: Path) -> None:
    """Write a PNG of one pixel with 16 bits a channel, which Pillow opens as if it had 8."""
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 1, 1, 16, 2, 0, 0, 0)
    pixel = zlib.compress(b"\0" + struct.pack(">HHH", 1, 256, 65535))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixel) + chunk(b"IEND", b""))


def test_sixteen_bits_and_cmyk_are_refused_in_a_sentence(here: Path):
    Image.fromarray(np.array([[1, 65535]], np.uint16)).save("deep.png")
    deep_png(here / "deep_colour.png")
    assert Image.open("deep_colour.png").mode == "RGB"
    for name in ("deep.png", "deep_colour.png"):
        with pytest.raises(ValueError, match="has more than 8 bits a channel"):
            read_picture(here / name)
    Image.new("CMYK", (4, 4)).save("print.jpg")
    with pytest.raises(ValueError, match="an image of mode 'CMYK', expected RGB or grey"):
        read_picture(here / "print.jpg")


def refused(finished: Path, here: Path, capsys: pytest.CaptureFixture, *arguments: object) -> str:
    """See that a call is refused with 2, in a line, without a file; return the line."""
    before = snapshot(here)
    try:
        code = call(finished, *arguments)
    except SystemExit as left:
        code = left.code
    out, err = capsys.readouterr()
    assert (code, err.count("\n")) == (2, 1), (out, err)
    assert snapshot(here) == before and err.startswith("repro.predict: ")
    return err


def test_a_link_to_nothing_is_one_bad_picture_among_others(finished: Path, here: Path, capsys: pytest.CaptureFixture):
    (here / "photos").mkdir()
    draw(here / "photos" / "a.png")
    (here / "photos" / "lost.png").symlink_to("nowhere.png")
    assert call(finished, "photos") == 1
    err = capsys.readouterr().err
    assert (here / "predictions" / "a.png").exists() and not (here / "predictions" / "lost.png").exists()
    assert "photos/lost.png: " in err and err.splitlines()[-1].endswith("1 of 2 pictures failed: photos/lost.png")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nowhere.png"], "nowhere.png: no such file or folder"),
        (["empty"], "empty: no pictures below this folder"),
        (["a.png", "--scales", "0"], "'0' is no list of scales from 0.1 to under 10"),
        (["a.png", "--scales", "0.01"], "'0.01' is no list of scales from 0.1 to under 10"),
        (["a.png", "--window", "31x64"], "'31x64' is a window of less than 32x32 pixels"),
        (["a.png", "--output", ""], "--output is empty; give a value"),
        (["a.png", "--scales", "1,x"], "'1,x' is no list of scales"),
        (["a.png", "--window", "0x5"], "'0x5' is not a size, expected HEIGHTxWIDTH"),
        (["a.png", "--checkpoint", "x"], "not allowed with argument"),
        (["a.png", "--format", "cityscapes"], "matches results by official names, expected one like berlin_000000"),
        (["a.png", "--format", "cityscapes", "--overlay"], "--overlay goes with --format png"),
        (["a.png", "a.jpg"], "would both become predictions/a.png; rename one"),
        (["a.png", "a_overlay.png", "--overlay"], "would both become predictions/a_overlay.png"),
        (["a.png", "--output", "."], "a.png is one of the pictures and would be replaced"),
        (["a.png", "--output", ".", "--force"], "a.png is one of the pictures and would be replaced"),
    ],
)
def test_bad_input_is_one_sentence_and_nothing_is_written(
    arguments: list, sentence: str, finished: Path, here: Path, capsys: pytest.CaptureFixture
):
    (here / "empty").mkdir()
    for name in ("a.png", "a.jpg", "a_overlay.png"):
        draw(here / name)
    assert sentence in refused(finished, here, capsys, *arguments)


def test_a_file_that_differs_is_left_alone_unless_forced(finished: Path, here: Path, capsys: pytest.CaptureFixture):
    draw(here / "a.png")
    draw(here / "b.png", seed=1)
    assert call(finished, "a.png", "b.png") == 0
    made = snapshot(here)
    assert call(finished, "a.png", "b.png") == 0  # the same bytes: nothing to say
    (here / "predictions" / "a.png").write_bytes(b"the user's own")
    assert call(finished, "a.png", "b.png") == 1
    assert "predictions/a.png: is there with other content; give --force" in capsys.readouterr().err
    assert (here / "predictions" / "a.png").read_bytes() == b"the user's own"
    assert call(finished, "a.png", "--force") == 0
    assert snapshot(here) == made


def test_masks_below_the_pictures_are_not_taken_for_pictures_the_next_time(
    finished: Path, here: Path, capsys: pytest.CaptureFixture
):
    draw(here / "a.png")
    assert call(finished, ".") == 0
    made = snapshot(here)
    assert call(finished, ".") == 0  # predictions/a.png is no picture now
    assert snapshot(here) == made and "What is in predictions is passed over" in capsys.readouterr().out


def test_an_empty_id_is_no_run(here: Path, capsys: pytest.CaptureFixture):
    draw(here / "a.png")
    with pytest.raises(SystemExit, match="2"):
        predict.main(["a.png", "--run", ""])
    assert "--run is empty; give a value" in capsys.readouterr().err


def test_masks_of_a_network_with_other_classes_are_not_mixed_in(
    finished: Path, here: Path, capsys: pytest.CaptureFixture
):
    draw(here / "a.png")
    (here / "predictions").mkdir()
    (here / "predictions" / "classes.txt").write_text("0: background\n1: lesion\n")
    assert "classes.txt: is there with other content" in refused_after_reading(finished, here, capsys)


def refused_after_reading(finished: Path, here: Path, capsys: pytest.CaptureFixture) -> str:
    before = snapshot(here)
    assert call(finished, "a.png") == 2 and snapshot(here) == before
    return capsys.readouterr().err


def test_with_flips_the_mask_of_the_mirrored_picture_is_the_mirrored_mask(finished: Path, here: Path):
    image = draw(here / "a.png", (32, 64))
    Image.fromarray(image[:, ::-1].copy()).save("mirrored.png")
    assert call(finished, "a.png", "mirrored.png", "--flips") == 0
    agree = numbers("predictions/a.png") == numbers("predictions/mirrored.png")[:, ::-1]
    assert agree.mean() > 0.999
    assert call(finished, "a.png", "--output", "plain") == 0
    assert (numbers("plain/a.png") != numbers("predictions/a.png")).any()


def test_a_window_as_large_as_the_picture_and_the_scale_1_change_nothing(finished: Path, here: Path):
    draw(here / "a.png", (64, 96))
    assert call(finished, "a.png") == 0
    plain = snapshot(here / "predictions")
    for number, options in enumerate((["--window", "64x96"], ["--scales", "1"])):
        assert call(finished, "a.png", *options, "--output", str(number)) == 0
        assert snapshot(here / str(number)) == plain
    assert call(finished, "a.png", "--window", "32x32", "--scales", "0.5,1", "--output", "other") == 0
    assert numbers("other/a.png").shape == (64, 96) and snapshot(here / "other") != plain


def test_probabilities_sum_to_one_and_their_highest_is_the_mask(finished: Path, here: Path):
    draw(here / "a.png", (20, 30))
    assert call(finished, "a.png", "--probabilities") == 0
    found = np.load("predictions/a_probabilities.npy", allow_pickle=False)
    assert (found.shape, found.dtype) == ((19, 20, 30), np.float16)
    np.testing.assert_allclose(found.astype(float).sum(0), 1, atol=0.01)
    chosen = np.take_along_axis(found, numbers("predictions/a.png")[None].astype(int), 0)[0]
    np.testing.assert_array_equal(chosen, found.max(0))


def test_an_overlay_is_half_picture_half_colour_and_leaves_a_background_as_it_is():
    image = np.array([[[100, 0, 255], [7, 8, 9]]], np.uint8)
    logits = torch.tensor([[[0.0, 1.0]], [[1.0, 0.0]], [[-1.0, -1.0]]])  # class 1, class 0
    colours = [(0, 0, 0), (201, 50, 255), (9, 9, 9)]
    overlay = Image.open(io.BytesIO(pictures.overlaid(image, logits, colours)))
    np.testing.assert_array_equal(np.array(overlay), [[[151, 25, 255], [4, 4, 5]]])
    overlay = Image.open(io.BytesIO(pictures.overlaid(image, logits[:2], colours[:2])))
    np.testing.assert_array_equal(np.array(overlay), [[[151, 25, 255], [7, 8, 9]]])


def test_cityscapes_server_gets_label_ids_at_full_size_under_official_names(finished: Path, here: Path):
    draw(here / "test" / "berlin" / "berlin_000000_000019_leftImg8bit.png", (32, 64))
    assert call(finished, "test", "--format", "cityscapes", "--output", "sent") == 0
    assert sorted(snapshot(here / "sent")) == ["berlin_000000_000019_labelIds.png"]
    sent = Image.open("sent/berlin_000000_000019_labelIds.png")
    assert (sent.mode, sent.size) == ("L", (2048, 1024))
    scored = {7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33}
    found = set(np.unique(np.array(sent)).tolist())
    assert found <= scored and len(found) > 1


def test_other_classes_than_cityscapes_are_not_sent_to_its_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    finish(tmp_path / "checkout", class_names=("background", "lesion"))
    monkeypatch.setattr(predict, "find", lambda beginning: folders.find(beginning, tmp_path / "checkout"))
    draw(tmp_path / "berlin_000000_000019.png")
    (folder,) = (tmp_path / "checkout" / "runs" / "demo").iterdir()
    assert call(folder, "berlin_000000_000019.png", "--format", "cityscapes") == 2
    assert "its 2 classes are not Cityscapes' 19" in capsys.readouterr().err


def test_the_runs_own_protocol_is_used_unless_another_is_asked_for(tmp_path: Path):
    plain, sized = finish(tmp_path / "plain"), finish(tmp_path / "sized", size=(32, 32), crop=None)
    image = noise((50, 70))
    small, large = (repro.load(folder).logits(image) for folder in (sized, plain))
    assert small.shape == large.shape == (19, 50, 70)
    seen = repro.load(plain).logits(resize_image(image, (32, 32)))
    expected = torch.nn.functional.interpolate(seen[None], size=(50, 70), mode="bilinear", align_corners=False)[0]
    torch.testing.assert_close(small, expected)


def test_a_checkpoint_of_an_unfinished_run_predicts_too(tmp_path: Path):
    run = run_of("paper1_table1/FCN", "demo")
    network, selected = network_of(run, 19), network_of(run, 19, seed=1)
    (tmp_path / run.id).mkdir()
    state = {"identity": json.dumps(run.identity()), "network": network.state_dict(), "average": {}}
    path = checkpoint.save(tmp_path / run.id, 10, state | {"selected": selected.state_dict()})
    image = noise((32, 32))
    for weights, expected in (("last", network), ("selected", selected)):
        found = repro.load(path, weights=weights)
        assert found.class_names == STREET
        for name, tensor in expected.state_dict().items():
            assert torch.equal(found.network.state_dict()[name], tensor), name
    assert repro.load(path).predict(image).shape == (32, 32)


def test_selected_weights_are_others_than_the_last(finished: Path, here: Path):
    draw(here / "a.png")
    assert call(finished, "a.png") == 0
    assert call(finished, "a.png", "--weights", "selected", "--output", "selected") == 0
    assert (numbers("predictions/a.png") != numbers("selected/a.png")).any()


def test_quiet_says_nothing_but_errors(finished: Path, here: Path, capsys: pytest.CaptureFixture):
    draw(here / "a.png")
    assert call(finished, "a.png", "--quiet") == 0
    assert capsys.readouterr() == ("", "")


def test_too_little_memory_is_said_with_what_helps():
    sentence = "a.png: too large for the memory here; give --window 512x512"
    assert predict._sentence(MemoryError(), Path("a.png")) == sentence
    error = RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes.")
    assert predict._sentence(error, Path("a.png")) == sentence
