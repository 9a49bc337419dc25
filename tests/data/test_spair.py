"""SPair-71k: colons and what extractors make of them, exact categories, and points that cannot be."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings

from tests.data import trees
from vitscope.data import spair
from vitscope.errors import DataError


@pytest.mark.parametrize("separator", [":", "_"])
def test_a_pair(tmp_path, separator):
    found = spair.read(trees.spair(tmp_path / "SPair-71k", separator=separator))
    assert (found.name, found.categories) == ("SPair-71k-test", ("train",))
    (pair,) = found.pairs
    assert (pair.name, pair.category, pair.ids) == ("000001-2008_000001-2008_000002:train", "train", ("0", "7"))
    assert pair.source.path == tmp_path / "SPair-71k/JPEGImages/train/2008_000001.jpg"
    assert pair.source.size == pair.source.path.stat().st_size
    assert (pair.source.width, pair.source.height, pair.source.box) == (8, 6, (1, 1, 7, 5))
    assert (pair.source.points, pair.target.points) == (((2, 2), (5, 3)), ((3, 2), (6, 4)))
    assert pair.target.name == "JPEGImages/train/2008_000002.jpg"


def test_colon_and_underscore_are_the_same_data(tmp_path):
    one, two = (spair.read(trees.spair(tmp_path / folder, separator=s)) for folder, s in (("a", ":"), ("b", "_")))
    assert one.fingerprint == two.fingerprint


def test_the_folder_above(tmp_path):
    trees.spair(tmp_path / "SPair-71k")
    assert spair.read(tmp_path).root == tmp_path / "SPair-71k"


def test_pairs_come_by_category_and_both_spellings_count_once(tmp_path):
    root = trees.spair(tmp_path, trees.pair(1, "train"), trees.pair(2, "bus"), trees.pair(3, "train"))
    found = spair.read(root)
    assert [pair.name[:6] for pair in found.pairs] == ["000002", "000001", "000003"]
    trees.spair(tmp_path, trees.pair(1, "train"), separator="_")
    again = spair.read(root)
    assert again.pairs == found.pairs
    assert "1 pair left out: the same name as another, but for the colon" in again.notes


def test_a_category_is_matched_exactly(tmp_path):
    root = trees.spair(tmp_path, trees.pair(1, "bus"), separator="_")
    trees.picture(root / "JPEGImages" / "mini_bus" / "2008_000001.jpg")
    trees.write(root / "PairAnnotation/test/000002-2008_000001-2008_000001_mini_bus.json", trees.pair(2, "mini_bus"))
    assert [pair.category for pair in spair.read(root).pairs] == ["bus", "mini_bus"]
    trees.write(root / "PairAnnotation/test/000003-2008_000001-2008_000002_minibus.json", trees.pair(3, "minibus"))
    with pytest.raises(DataError, match="names no category that has a folder in JPEGImages"):
        spair.read(root)


def test_what_is_left_out_is_counted(tmp_path):
    nothing = {"src_kps": [], "trg_kps": [], "kps_ids": []}
    bad = (
        ({"mirror": 1}, "1 pair left out: they are mirrored"),
        (nothing, "1 pair left out: they share no keypoint"),
        ({"src_kps": [[2, 2], [9, 3]]}, "2 pairs left out: a keypoint outside of its photograph"),
        ({"trg_kps": [[2, -1], [1, 3]]}, "2 pairs left out: a keypoint outside of its photograph"),
        ({"trg_bndbox": [5, 5, 5, 9]}, "1 pair left out: a box without area"),
    )
    pairs = ({**trees.pair(number), **change} for number, (change, _) in enumerate(bad, 2))
    found = spair.read(trees.spair(tmp_path, trees.pair(1), *pairs))
    assert len(found.pairs) == 1
    for _, said in bad:
        assert said in found.notes
    with pytest.raises(DataError, match="holds no pair that can be used"):
        spair.read(trees.spair(tmp_path / "b", {**trees.pair(2), **nothing}))


def test_counts_are_compared(tmp_path):
    root = trees.spair(tmp_path, trees.pair(1), trees.pair(2))
    published = "SPair-71k test as published has 12,234 pairs, this one 2"
    assert spair.read(root).notes == (published,)
    names = "".join(f"{number:06d}-2008_000001-2008_000002:train\n" for number in range(1, 5))
    trees.write(root / "Layout" / "large" / "test.txt", names)
    missing = (
        "2 of the 4 pairs that Layout/large/test.txt names are not there, first 000003-2008_000001-2008_000002:train"
    )
    assert spair.read(root).notes == (missing, published)
    trees.write(root / "Layout" / "large" / "test.txt", names.replace(":", "_"))
    assert spair.read(root).notes == (missing, published)


def test_missing_photographs_are_counted(tmp_path):
    root = trees.spair(tmp_path)
    (root / "JPEGImages/train/2008_000002.jpg").unlink()
    found = spair.read(root)
    assert found.pairs[0].target.size == 0
    assert found.notes[0] == (
        "1 of 2 files that PairAnnotation names are missing or empty, first JPEGImages/train/2008_000002.jpg"
    )
    (root / "JPEGImages/train/2008_000001.jpg").unlink()
    with pytest.raises(DataError, match="none of the 2 files that PairAnnotation names is there"):
        spair.read(root)


def test_a_tree_that_is_none_says_what_is_expected(tmp_path):
    with pytest.raises(DataError, match=r"not laid out as SPair-71k: expected PairAnnotation/\{trn,val,test\}"):
        spair.read(tmp_path)
    with pytest.raises(DataError, match=r"no split called 'train': there are trn, val, test"):
        spair.read(trees.spair(tmp_path), "train")
    with pytest.raises(DataError, match="not laid out as SPair-71k"):
        spair.read(tmp_path, "val")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"kps_ids": ["0"]}, r"src_kps is .*, but must be a list of 1 points"),
        ({"trg_kps": [[1, 1]]}, r"trg_kps is .*, but must be a list of 2 points"),
        ({"src_kps": [[2, 2], [1, 1, 1]]}, r"src_kps\[1\] is \[1, 1, 1\], but must be a list of 2 numbers"),
        ({"src_kps": [[2, 2], None]}, r"src_kps\[1\] is None, but must be a list"),
        ({"trg_bndbox": {"xmin": 1}}, "trg_bndbox is an object"),
        ({"src_imsize": [8, 6]}, r"src_imsize is \[8, 6\], but must be a list of width, height and 3"),
        ({"src_imsize": [0, 6, 3]}, r"src_imsize\[0\] is 0"),
        ({"src_imname": "../2008_000001.jpg"}, "src_imname is '../2008_000001.jpg', but must be the name of a file"),
        ({"src_imname": "..\\x.jpg"}, "src_imname is"),
        ({"trg_imname": "/etc/passwd"}, "trg_imname is"),
        ({"mirror": "no"}, "mirror is 'no'"),
    ],
)
def test_values_that_cannot_be(tmp_path, change, said):
    with pytest.raises(DataError, match=said):
        spair.read(trees.spair(tmp_path, {**trees.pair(), **change}))


def test_a_file_that_contradicts_its_name(tmp_path):
    root = trees.spair(tmp_path)
    trees.write(root / "PairAnnotation/test/000002-2008_000001-2008_000002:bus.json", trees.pair(2, "train"))
    with pytest.raises(DataError, match="category is 'train', but must be 'bus', as the file is called"):
        spair.read(root)


def test_what_an_extraction_looks_at(tmp_path):
    images = spair.images(trees.spair(tmp_path, trees.pair(1), trees.pair(2), trees.pair(3, "bus")))
    assert [record.name for record in images.records] == [
        f"JPEGImages/{category}/2008_00000{number}.jpg" for category in ("bus", "train") for number in (1, 2)
    ]


@pytest.mark.parametrize(("split", "pairs"), [("test", 12 * 20), ("val", 12 * 2), ("trn", 12 * 2)])
def test_the_embedded_world(world_tree, split, pairs):
    found = spair.read(world_tree("spair"), split)
    assert (len(found.pairs), len(found.categories), found.notes) == (pairs, 12, ())
    for pair in found.pairs:
        content = json.loads((found.root / "PairAnnotation" / split / f"{pair.name}.json").read_text())
        assert [list(point) for point in pair.source.points] == content["src_kps"]
        assert [pair.target.width, pair.target.height, 3] == content["trg_imsize"]
        assert pair.source.path.name == content["src_imname"]


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(trees.damaged(trees.pair()) | trees.JSON)
def test_any_json_is_refused_or_makes_sense(tmp_path, content):
    root = tmp_path if (tmp_path / "JPEGImages").exists() else trees.spair(tmp_path)
    (root / "PairAnnotation/test/000001-2008_000001-2008_000002:train.json").write_text(json.dumps(content))
    try:
        found = spair.read(root)
    except DataError:
        return
    for pair in found.pairs:
        for side in (pair.source, pair.target):
            assert side.path.parent == root / "JPEGImages" / "train"
            assert len(side.points) == len(pair.ids) > 0
            assert all(0 <= x <= side.width and 0 <= y <= side.height for x, y in side.points)
            assert side.box[0] < side.box[2]
