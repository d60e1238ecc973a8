import hashlib
from collections import Counter
from types import SimpleNamespace

import pytest

from repro.data import dataset_class
from repro.data.splits import Drawn, drawn_order, read_rows, write_rows


def rows_of(name):
    drawn = dataset_class(name).lists["train"]
    return read_rows(drawn.file, drawn.sha256)


def test_the_drawn_order_is_that_of_the_sha256_of_seed_and_key():
    digests = {key: hashlib.sha256(f"s/{key}".encode()).hexdigest() for key in "abc"}
    assert drawn_order("s", "cba") == sorted("abc", key=digests.get)


def test_words_are_given_in_drawn_order_folds_are_dealt_and_the_rest_is_unused():
    first, second, third, fourth = drawn_order("s", "abcd")
    text = write_rows("s", "abcd", heading="Four.", numbers={"report": 1, "train": 2}, folds=2)
    lines = dict(line.split(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert lines == {first: "report fold-1", second: "train fold-2", third: "train fold-1", fourth: "unused"}
    assert list(lines) == ["a", "b", "c", "d"]
    skipped = write_rows("s", "abcd", heading="Four.", numbers={"report": 1}, skip=[first])
    assert f"{first} unused" in skipped and f"{second} report" in skipped


def test_the_lists_in_the_package_are_the_drawn_ones():
    isic2017, isic2018, small = rows_of("isic2017"), rows_of("isic2018"), rows_of("isic2017_256")
    assert Counter(isic2017.values()) == {
        ("report",): 350, ("selection",): 80, ("train",): 720, ("unused",): 850
    }  # fmt: skip
    assert list(isic2018) == [str(place) for place in range(2594)]
    assert Counter(words[0] for words in isic2018.values()) == {
        "report": 635, "selection": 187, "train": 1678, "unused": 94
    }  # fmt: skip
    assert Counter(small.values()) == {("selection",): 200, ("train",): 1800}
    assert list(isic2017) == list(small) == sorted(isic2017)
    drawn = [key for key in drawn_order("isic2017-800-350", isic2017) if key not in TWICE]
    assert {key for key, words in isic2017.items() if words == ("report",)} == set(drawn[:350])
    assert {key for key, words in isic2017.items() if words == ("train",)} == set(drawn[430:1150])
    drawn = drawn_order("isic2018-1865-635", isic2018)
    assert {key for key, words in isic2018.items() if words[0] == "report"} == set(drawn[:635])
    assert {key for key, words in isic2018.items() if "fold-2" in words} == set(drawn[1:2500:5])


TWICE = ("ISIC_0012175", "ISIC_0012271", "ISIC_0012970")


def test_a_list_that_was_edited_is_refused():
    with pytest.raises(
        ValueError, match=r"isic2017\.txt: its SHA-256 begins with .*, expected 0123456789abcdef"
    ):
        read_rows("isic2017.txt", "0123456789abcdef")


def test_a_split_with_other_images_than_the_list_divides_is_refused():
    drawn = dataset_class("isic2018").lists["train"]
    samples = [SimpleNamespace(name=str(place)) for place in range(2593)]
    with pytest.raises(ValueError, match=r"2593 images and the list isic2018\.txt divides 2594; .*: 2593\."):
        drawn.choose(samples)


def test_a_folds_three_lists_take_every_image_in_use_once():
    words = dataset_class("isic2018").lists
    samples = [SimpleNamespace(name=str(place)) for place in range(2594)]
    chosen = {name: {s.name for s in part.choose(samples)} for name, part in words.items()}
    for fold in range(1, 6):
        lists = [chosen[f"{word}-{fold}"] for word in ("train", "selection", "report")]
        assert len(lists[2]) == 500 and sum(map(len, lists)) == len(set.union(*lists)) == 2500
        assert lists[1] == chosen["selection"] - lists[2]
    assert set.union(*(chosen[f"report-{fold}"] for fold in range(1, 6))) == lists[0] | lists[1] | lists[2]
    assert isinstance(words["train"], Drawn) and not chosen["train"] & chosen["report"]
