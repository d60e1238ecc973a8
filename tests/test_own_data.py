import json
import re
import shutil

import numpy as np
import pytest
from PIL import Image

from repro import own
from repro.data.own import (
    PARTS,
    OwnData,
    describe,
    divide,
    find_pairs,
    groups_of,
    read_classes,
    read_split,
    require_apart,
)


@pytest.fixture
def folders(tmp_path):
    """Twenty bright rectangles, two of each of ten patients; image p0_0.jpg has the label p0_0_mask.png."""
    images, labels = tmp_path / "photos", tmp_path / "masks"
    images.mkdir(), labels.mkdir()
    rng = np.random.default_rng(0)
    for number in range(20):
        label = np.zeros((40, 48), np.uint8)
        label[8:30, number : number + 20] = 255
        image = np.clip(label[..., None] // 2 + rng.integers(0, 60, (40, 48, 3)), 0, 255).astype(np.uint8)
        Image.fromarray(image).save(images / f"p{number // 2}_{number}.jpg")
        Image.fromarray(label).save(labels / f"p{number // 2}_{number}_mask.png")
    (tmp_path / "classes.txt").write_text("0: background\n255: lesion  # bright\n")
    return {"images": images, "labels": labels, "classes": tmp_path / "classes.txt"}


def test_a_described_folder_is_a_data_set_with_disjoint_lists(folders, tmp_path):
    dataset = describe(tmp_path / "set", **folders, group=r"^(p\d+)_")
    assert dataset.counts == {"train": 12, "selection": 4, "test": 4}  # 15 % of 20 is 3, and patients have two
    units = {name: {sample.unit for sample in dataset.samples(name)} for name in dataset.lists}
    assert not units["train"] & units["report"] and not units["selection"] & (units["train"] | units["report"])
    assert dataset.check() == 20 and dataset.class_names == ("background", "lesion")
    sample = dataset.samples("report")[0]
    assert set(np.unique(dataset.read_label(sample))) == {0, 1}
    again = describe(tmp_path / "again", **folders, split=tmp_path / "set" / "split.txt", group=r"^(p\d+)_")
    assert [again.samples(name) for name in again.lists] == [dataset.samples(name) for name in dataset.lists]
    assert isinstance(OwnData(tmp_path / "set"), OwnData)


@pytest.mark.parametrize(("n", "expected"), [(3, (1, 1, 1)), (10, (6, 2, 2)), (100, (70, 15, 15)), (20, (14, 3, 3))])
def test_images_are_divided_70_15_15_and_no_part_is_empty(n, expected):
    parts = divide({f"image {number}": f"image {number}" for number in range(n)})
    assert tuple([*parts.values()].count(part) for part in ("train", "selection", "test")) == expected


def test_the_division_is_of_names_alone_and_a_group_of_most_images_trains():
    groups = {f"a{number}": f"g{number % 7}" for number in range(30)}
    assert divide(groups) == divide(dict(reversed(groups.items())))
    groups = {f"a{number}": "many" if number < 20 else f"g{number}" for number in range(30)}
    assert {divide(groups)[f"a{number}"] for number in range(20)} == {"train"}
    with pytest.raises(ValueError, match="2 groups of images, expected at least 3"):
        divide({"a": "x", "b": "y"})


def test_labels_go_by_name_or_by_name_and_more_in_subfolders_too(tmp_path):
    for path in ("i/x/a.jpg", "i/x/a_1.png", "i/b.tif", "l/x/a.png", "l/x/a_1-mask.png", "l/b_seg_2.png"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(b"")
    pairs = find_pairs(tmp_path / "i", tmp_path / "l")
    assert {name: label.name for name, (_, label) in pairs.items()} == {
        "b": "b_seg_2.png", "x/a": "a.png", "x/a_1": "a_1-mask.png",
    }  # fmt: skip
    (tmp_path / "l/b.png").write_bytes(b"")
    with pytest.raises(ValueError, match=r"b\.tif: has two labels"):
        find_pairs(tmp_path / "i", tmp_path / "l")
    (tmp_path / "l/b.png").rename(tmp_path / "l/c.png")
    with pytest.raises(ValueError, match=r"c\.png: a label without an image"):
        find_pairs(tmp_path / "i", tmp_path / "l")
    (tmp_path / "l/c.png").unlink()
    (tmp_path / "l/x/a.png").unlink()
    with pytest.raises(ValueError, match=r"a\.jpg: has no label in .* \(1 of 3 images have none\)"):
        find_pairs(tmp_path / "i", tmp_path / "l")


def test_classes_are_read_with_values_void_and_shared_names(tmp_path):
    path = tmp_path / "classes.txt"
    path.write_text("0: road\n\n7: traffic light\n9: road # also\n254: Void\n255: void\n")
    assert read_classes(path) == (["road", "traffic light"], {0: 0, 7: 1, 9: 0, 254: 255, 255: 255})
    path.write_text("ground\nthing\n")
    assert read_classes(path) == (["ground", "thing"], {0: 0, 1: 1})
    for text, sentence in {
        "0: a\n0: b": "line 2: '0: b' is not a new class",
        "256: a": "not a new class",
        "0: a": "1 classes, expected 2 to 250",
        "0: road\n1: car, truck": "line 2: '1: car, truck' is not a new class",  # "iou:car, truck" would be of two
        "1 lesion\n0 ground": "line 1: '1 lesion' is not a new class",  # lesion would be the class of value 0
    }.items():
        path.write_text(text)
        with pytest.raises(ValueError, match=sentence):
            read_classes(path)


def test_a_text_file_may_begin_with_a_mark_and_one_that_is_none_is_named(tmp_path):
    path = tmp_path / "classes.txt"
    path.write_bytes("0: ground\r\n255: Gebüsch\r\n".encode("utf-8-sig"))  # as Windows' editor writes it
    assert read_classes(path) == (["ground", "Gebüsch"], {0: 0, 255: 1})
    path.write_bytes("0: ground\n255: thing\n".encode("utf-16"))
    with pytest.raises(ValueError, match=r"classes\.txt: cannot be read as a file of classes \(it is not UTF-8\)"):
        read_classes(path)
    with pytest.raises(ValueError, match=r"nothing: cannot be read as a file of parts \(No such file or directory\)"):
        read_split(tmp_path / "nothing", ["a"])


def test_a_folder_called_as_a_picture_is_no_picture_and_a_link_to_nothing_is_named(tmp_path):
    for path in ("i/a.png", "l/a.png"):
        (tmp_path / path).parent.mkdir()
        (tmp_path / path).write_bytes(b"")
    (tmp_path / "i/more.png").mkdir()
    assert [*find_pairs(tmp_path / "i", tmp_path / "l")] == ["a"]
    (tmp_path / "i/b.png").symlink_to(tmp_path / "gone.png")
    with pytest.raises(ValueError, match=r"b\.png: a link to nothing, or no file"):
        find_pairs(tmp_path / "i", tmp_path / "l")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("train a\nselection b\ntest c\n", None),
        ("train a.jpg\nselection b.jpg\ntest c.jpg\n", None),
        ("train /\n", "line 1: 'train /'; expected train"),
        ("train a\nval b\ntest c\n", "line 2: 'val b'; expected train, selection, test"),
        ("train a\ntrain a\ntest c\n", "line 2"),
        ("train a\ntest c\n", "'b' is in no part"),
        ("train a\ntrain b\ntest c\n", "no image is in selection"),
    ],
)
def test_a_split_file_gives_every_image_one_part(tmp_path, text, sentence):
    (tmp_path / "split").write_text(text)
    if sentence is None:
        assert read_split(tmp_path / "split", ["a", "b", "c"]) == {"a": "train", "b": "selection", "c": "test"}
    else:
        with pytest.raises(ValueError, match=sentence):
            read_split(tmp_path / "split", ["a", "b", "c"])


def test_names_that_begin_or_end_with_a_space_stand_in_the_split_that_is_written(folders, tmp_path):
    for folder, ending in (("images", "jpg"), ("labels", "png")):
        (folders[folder] / f" spaced .{ending}").write_bytes(b"")
    assert " spaced " in {s.name for part in PARTS for s in describe(tmp_path / "set", **folders).split(part)}


def test_one_picture_in_two_parts_is_refused_and_in_one_part_is_not(folders, tmp_path):
    image, label = folders["images"] / "p0_0.jpg", folders["labels"] / "p0_0_mask.png"
    shutil.copy(image, folders["images"] / "copy.jpg"), shutil.copy(label, folders["labels"] / "copy.png")
    names = sorted(path.stem for path in folders["images"].iterdir())
    sets = {}
    for place in ("test", "train"):
        parts = {"copy": place, "p1_2": "selection", "p1_3": "test"}
        (tmp_path / "split").write_text("".join(f"{parts.get(name, 'train')} {name}\n" for name in names))
        sets[place] = describe(tmp_path / place, **folders, split=tmp_path / "split")
    require_apart(sets["train"])
    with pytest.raises(ValueError, match=r"copy\.jpg \(test\) and .*p0_0\.jpg \(train\) are one picture; remove one"):
        require_apart(sets["test"])


def test_a_group_in_two_parts_is_refused_before_anything_is_written(folders, tmp_path):
    names = sorted(path.stem for path in folders["images"].iterdir())
    parts = ["train", "test", "selection", *["train"] * 17]
    (tmp_path / "split").write_text("".join(f"{part} {name}\n" for part, name in zip(parts, names)))
    with pytest.raises(ValueError, match="group 'p0' is in test and train; keep a group in one part"):
        describe(tmp_path / "set", **folders, split=tmp_path / "split", group=r"^(p\d+)_")
    assert not (tmp_path / "set").exists()


def test_a_pattern_has_to_match_every_name():
    assert groups_of(["a1_x", "a1_y"], r"^a\d") == {"a1_x": "a1", "a1_y": "a1"}
    with pytest.raises(ValueError, match="matches nothing in 'b'"):
        groups_of(["a1", "b"], r"a(\d)")
    with pytest.raises(ValueError, match="not a regular expression"):
        groups_of(["a"], "(")


def arguments(folders, *more):
    return [*(word for name, path in folders.items() for word in (f"--{name}", str(path))), "--device", "cpu", *more]


@pytest.mark.slow
def test_a_network_is_trained_on_own_pairs_and_scored_on_their_test_part(folders, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(own, "ROOT", tmp_path)
    monkeypatch.setenv("REPRO_CACHE", str(tmp_path / "cache"))
    before = sorted(path.name for path in folders["images"].iterdir())
    small = ["--recipe", "paper2", "--network", "unet", "--epochs", "1", "--batch", "2", "--size", "16x16"]
    assert own.main(arguments(folders, *small, "--group", r"^(p\d+)_")) == 0
    said = capsys.readouterr().out
    (record,) = (tmp_path / "runs" / "own").glob("photos-*/*/record.json")
    data = json.loads(record.read_text())
    assert data["lists"]["report"]["n"] == 4 and data["lists"]["train"]["n"] == 12
    head, row = said.splitlines()[-2:]
    assert head.split()[:4] == ["network", "epochs", "seed", "jaccard"]
    assert row.split()[:4] == ["unet", "1", "0", f"{100 * data['scores']['last native whole']['jaccard']:.2f}"]
    assert "12 images, 6 groups" in said and "split.txt" in said
    assert sorted(path.name for path in folders["images"].iterdir()) == before


@pytest.mark.slow
def test_a_time_limit_stops_all_networks_and_the_same_call_goes_on(folders, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(own, "ROOT", tmp_path)
    monkeypatch.setenv("REPRO_CACHE", str(tmp_path / "cache"))
    small = ["--recipe", "paper2", "--epochs", "1", "--batch", "4", "--size", "16x16", "--quiet"]
    call = arguments(folders, *small, "--network", "unet", "--network", "unet3plus")
    assert own.main([*call, "--time-limit", "0.1s"]) == 75
    begun = [each for each in (tmp_path / "runs" / "own").glob("photos-*/*/") if each.name != "own"]
    assert len(begun) <= 1 and not any((each / "record.json").exists() for each in begun)  # the second never
    assert own.main(call) == 0
    assert len([*(tmp_path / "runs" / "own").glob("photos-*/*/record.json")]) == 2
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["--network", "unett"], "No network is called 'unett'; did you mean unet"),
        (["--network", "position_prior"], "position_prior has no parameters to train; name another of attention_unet"),
        (["--group", "zzz"], "matches nothing"),
        (["--seed", "-1"], "expected 0 or above"),
        (["--seed", "9" * 20], "less than 2 to the 63rd"),
    ],
)
def test_bad_input_is_one_sentence_and_nothing_is_left(folders, tmp_path, monkeypatch, capsys, more, sentence):
    monkeypatch.setattr(own, "ROOT", tmp_path)
    assert own.main(arguments(folders, *more)) == 2
    assert sentence in capsys.readouterr().err
    assert not [path for path in tmp_path.glob("runs/own/*")]


def test_a_grey_or_cut_image_of_the_test_part_is_named_before_the_first_step(folders, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(own, "ROOT", tmp_path)
    dataset = describe(tmp_path / "set", **folders)
    path = dataset.samples("report")[0].image
    whole = path.read_bytes()
    Image.open(path).convert("L").save(path)
    assert own.main(arguments(folders)) == 2
    assert f"{path}: an image of mode 'L', expected 8-bit RGB" in capsys.readouterr().err
    path.write_bytes(whole[:-40])
    assert own.main(arguments(folders)) == 2
    assert f"{path}: is damaged" in capsys.readouterr().err
    assert not [*tmp_path.glob("runs/own/*")]


def test_a_recipe_that_weighs_two_classes_refuses_three_before_the_first_step(folders, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(own, "ROOT", tmp_path)
    folders["classes"].write_text("0: background\n255: lesion\n7: hair\n")
    assert own.main(arguments(folders, "--recipe", "paper2")) == 2
    assert "--recipe paper2 weighs 2 classes and" in capsys.readouterr().err
    assert not [*tmp_path.glob("runs/own/*")]


def test_a_device_that_is_not_there_is_refused_before_anything_is_written(folders, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(own, "ROOT", tmp_path)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert own.main(arguments(folders, "--device", "cuda")) == 2
    assert "this torch cannot use a GPU" in capsys.readouterr().err
    assert not [*tmp_path.glob("runs/own/*")]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--network", "pspnet", "--batch", "1"), "pspnet normalises a map of one pixel and needs 2 images at a time"),
        (("--recipe", "paper2", "--size", "48x64"), "flips along the diagonal, and 48x64 is no square"),
    ],
)
def test_what_the_recipe_cannot_do_is_refused_before_the_data_are_read(
    folders, tmp_path, monkeypatch, capsys, options, sentence
):
    monkeypatch.setattr(own, "ROOT", tmp_path)
    assert own.main(arguments(folders, *options)) == 2
    assert sentence in capsys.readouterr().err
    assert not [*tmp_path.glob("runs/own/*")]


def test_a_batch_of_more_images_than_there_are_is_refused_and_nothing_is_left(folders, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(own, "ROOT", tmp_path)
    assert own.main(arguments(folders, "--batch", "15")) == 2
    assert "--batch 15: the train part has 14 images; give at most as many" in capsys.readouterr().err
    assert not [*tmp_path.glob("runs/own/*")]


def test_a_crop_is_no_larger_than_the_smallest_image(folders, tmp_path):
    options = own.make_parser().parse_args(arguments(folders))
    recipe = own.recipe_of(options, describe(tmp_path / "set", **folders))
    assert recipe.crop == (32, 32) and recipe.weights == "none"  # of 40 x 48, in multiples of 32
    assert recipe.augmentations == ("horizontal_flip", "brightness", "colour") and recipe.epochs == 100


def test_the_recipes_precision_can_be_replaced(folders, tmp_path):
    options = own.make_parser().parse_args(arguments(folders, "--precision", "float32"))
    assert own.recipe_of(options, describe(tmp_path / "set", **folders)).precision == "float32"


def test_labels_that_are_void_throughout_are_refused_and_nothing_is_left(folders, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(own, "ROOT", tmp_path)
    folders["classes"].write_text("0: void\n255: void\n1: lesion\n2: background\n")
    assert own.main(arguments(folders)) == 2
    assert "every pixel of the training part's labels is void; is " in capsys.readouterr().err
    assert not [path for path in tmp_path.glob("runs/own/*")]


def test_a_class_that_is_never_labelled_is_said(folders, tmp_path, monkeypatch, capsys):
    folders["classes"].write_text("0: background\n255: lesion\n7: sky\n")
    options = own.make_parser().parse_args(arguments(folders))
    own.keep(options, tmp_path / "own")
    said = capsys.readouterr().out.splitlines()
    assert said == [f"No pixel of the {part} part is labelled sky." for part in ("training", "test")]


@pytest.mark.parametrize(
    "network, sentence",
    [
        ("unet", "unet has no encoder to give weights to"),
        ("segnet", "No ImageNet weights of resnet50, vgg16_bn on this machine .* `python -m repro.weights fetch vgg"),
    ],
)
def test_weights_that_no_run_could_start_from_are_refused_before_the_data_are_read(
    network, sentence, tmp_path, capsys, no_weights
):
    given = [f"--{name}={tmp_path / name}" for name in ("images", "labels", "classes")]
    assert own.main([*given, "--weights", "imagenet", "--network", "fcn", "--network", network]) == 2
    said = capsys.readouterr()
    assert re.search(sentence, said.err) and not said.out
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["own.json", "split.txt"])
def test_a_description_that_was_changed_by_hand_is_refused_and_made_again_once_deleted(folders, tmp_path, name):
    options = own.make_parser().parse_args(arguments(folders))
    folder, _ = own.keep(options, tmp_path / "own")
    (folder / "own" / name).write_text("train p0_0\n")
    with pytest.raises(ValueError, match=rf"{name}: changed since it was written; delete .*own, and give a split"):
        own.keep(options, tmp_path / "own")
    shutil.rmtree(folder / "own")
    assert own.keep(options, tmp_path / "own")[1].counts == {"train": 14, "selection": 3, "test": 3}


def test_a_picture_that_viewers_turn_is_said(folders, tmp_path, capsys):
    path, turned = folders["images"] / "p0_0.jpg", Image.Exif()
    turned[0x112] = 3  # upside down: the size does not tell
    Image.open(path).save(path, exif=turned)
    own.keep(own.make_parser().parse_args(arguments(folders)), tmp_path / "own")
    assert capsys.readouterr().out.startswith(f"1 picture with an EXIF rotation, {path} for one: it is not applied;")
