"""ROxford5k and RParis6k: places, boxes, and pickles that would do something when they are read."""

from __future__ import annotations

import copy
import os
import pickle
import struct
from collections import OrderedDict

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.data import trees
from vitscope.data import revisited
from vitscope.errors import DataError


def test_order_is_that_of_the_ground_truth(tmp_path):
    found = revisited.read(trees.revisited(tmp_path))
    assert (found.name, found.root) == ("roxford5k", tmp_path)
    assert [record.name for record in found.database.records] == [f"jpg/{name}_000000.jpg" for name in "abcd"]
    assert [record.name for record in found.queries.records] == ["jpg/q_000001.jpg", "jpg/q_000000.jpg"]
    assert [record.box for record in found.queries.records] == [(1, 1.5, 7, 5), (0, 0, 8, 6)]
    assert {record.box for record in found.database.records} == {None}
    first, second = found.truth
    assert [part.tolist() for part in (first.easy, first.hard, first.junk)] == [[2], [0], [3]]
    assert [part.tolist() for part in (second.easy, second.hard, second.junk)] == [[], [1, 3], []]
    assert {part.dtype for one in found.truth for part in (one.easy, one.hard, one.junk)} == {np.dtype(np.int64)}
    assert found.notes == ("roxford5k as published has 4,993 images and 70 queries, this one 4 and 2",)


def test_the_folder_above_and_the_two_data_sets_side_by_side(tmp_path):
    trees.revisited(tmp_path / "roxford5k")
    assert revisited.read(tmp_path).name == "roxford5k"
    trees.revisited(tmp_path / "rparis6k", name="rparis6k")
    with pytest.raises(DataError, match="holds roxford5k and rparis6k: give the folder of one of them"):
        revisited.read(tmp_path)
    assert revisited.read(tmp_path, name="rparis6k").root == tmp_path / "rparis6k"
    assert revisited.read(tmp_path / "rparis6k").name == "rparis6k"
    assert revisited.rparis6k(tmp_path, limit=3).records[-1].name == "jpg/c_000000.jpg"
    assert revisited.roxford5k(tmp_path).kind == "roxford5k"
    with pytest.raises(DataError, match="--per-class"):
        revisited.roxford5k(tmp_path, per_class=1)
    trees.revisited(tmp_path / "both")
    trees.revisited(tmp_path / "both", name="rparis6k")
    with pytest.raises(DataError, match="give the folder of one"):
        revisited.read(tmp_path / "both")
    assert revisited.read(tmp_path / "both", name="rparis6k").name == "rparis6k"


def test_a_tree_that_is_none_says_what_is_expected(tmp_path):
    with pytest.raises(
        DataError, match=r"expected gnd_roxford5k\.pkl or gnd_rparis6k\.pkl beside jpg/\*\.jpg; found nothing"
    ):
        revisited.read(tmp_path)
    (tmp_path / "gnd_rparis6k.pkl").write_bytes(pickle.dumps(trees.TRUTH))
    with pytest.raises(DataError, match=r"expected the folder jpg beside gnd_rparis6k\.pkl; found gnd_rparis6k\.pkl"):
        revisited.read(tmp_path)
    (tmp_path / "jpg").mkdir()
    with pytest.raises(DataError, match=r"none of the 6 files that gnd_rparis6k\.pkl names is there"):
        revisited.read(tmp_path)


def test_missing_images_are_counted(tmp_path):
    root = trees.revisited(tmp_path)
    (root / "jpg" / "b_000000.jpg").unlink()
    assert (
        "1 of 6 files that gnd_roxford5k.pkl names are missing or empty, first jpg/b_000000.jpg"
        in revisited.read(root).notes
    )


class Run:
    """What a hostile pickle does."""

    def __init__(self, function, *arguments) -> None:
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_that_runs_something_is_refused_and_runs_nothing(tmp_path, protocol):
    for payload in (
        Run(os.mkdir, str(tmp_path / "ran")),
        Run(eval, "1"),
        np.arange(3),
        OrderedDict(a=1),
        {1},
        b"x",
        1j,
    ):
        for content in (payload, {**trees.TRUTH, "extra": payload}, {**trees.TRUTH, "imlist": payload}):
            root = trees.revisited(tmp_path, raw=pickle.dumps(content, protocol))
            with pytest.raises(DataError, match="plain lists, dicts, texts and numbers only, but it uses"):
                revisited.read(root)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"not a pickle",
        b"\x80\x02",
        b"\x80\x02K\x01.",
        b"\x80\x02cos\nsystem\nX\x01\x00\x00\x00x\x85R.",
        b"\x80\x02X\x01\x00\x00\x00xQ.",  # a persistent object
        b"\x80\x02]r" + struct.pack("<I", 2**31) + b".",  # a memo of two thousand million places
        b"\x80\x02X" + struct.pack("<I", 2**31) + b"x.",
        b"\x80\x04\x8d" + struct.pack("<Q", 2**60) + b".",
        b"\x80\x05\x96" + struct.pack("<Q", 2**60) + b".",
        b"\x80\x02\x8b" + struct.pack("<i", 2**30) + b".",
        b"\x80\x02" + b"(" * 5000 + b".",
        b"\x80\x02" + b"]" * 5000 + b"a" * 4999 + b".",
        b"I" + b"9" * 5000 + b"\n.",
        b"\x80\x02h\x05.",
        b"\x80\x02}(]]u.",  # a list as a key
        pickle.dumps(trees.TRUTH, 2)[:-9],
    ],
)
def test_pickles_that_are_damaged_or_made_to_hurt(tmp_path, raw):
    with pytest.raises(DataError, match=r"gnd_roxford5k\.pkl"):
        revisited.read(trees.revisited(tmp_path, raw=raw))


def test_a_list_inside_of_itself_ends(tmp_path):
    endless: list = []
    endless.append(endless)
    for place in ("imlist", "qimlist", "gnd"):
        with pytest.raises(DataError, match=place):
            revisited.read(trees.revisited(tmp_path, {**trees.TRUTH, place: endless}))


@pytest.mark.parametrize(
    ("way", "value", "said"),
    [
        (("gnd", 0, "easy"), [4], r"gnd\[0\]\.easy must list places in imlist, whole numbers from 0 to 3"),
        (("gnd", 0, "easy"), [-1], r"gnd\[0\]\.easy must list places"),
        (("gnd", 0, "easy"), [2.0], r"gnd\[0\]\.easy must list places"),
        (("gnd", 0, "hard"), "02", r"gnd\[0\]\.hard must be a list"),
        (("gnd", 0, "easy"), [0], r"gnd\[0\]: an image is listed twice among easy, hard and junk"),
        (("gnd", 1, "hard"), [1, 1], r"gnd\[1\]: an image is listed twice"),
        (("gnd", 1), [], r"gnd\[1\] must be a dict with bbx, easy, hard, junk"),
        (("gnd", 1, "bbx"), [0, 0, 8], "must be four numbers"),
        (("gnd", 1, "bbx"), [8, 0, 0, 6], "must be left, top, right, bottom"),
        (("gnd", 1, "bbx"), [0, 0, float("nan"), 6], "must be four numbers"),
        (("gnd", 1, "bbx"), [0, 0, 1e9, 6], "in pixels"),
        (("gnd",), [], r"gnd has 0 entries, but qimlist names 2 queries"),
        (("imlist", 1), "../b", r"imlist\[1\] must be the name of an image without a folder"),
        (("imlist", 1), "/etc/b", r"imlist\[1\] must be"),
        (("imlist", 1), 7, r"imlist\[1\] must be"),
        (("qimlist",), [], "qimlist names no image"),
        (("imlist",), "abcd", "imlist must be a list"),
    ],
)
def test_values_that_cannot_be(tmp_path, way, value, said):
    content = copy.deepcopy(trees.TRUTH)
    inner = content
    for key in way[:-1]:
        inner = inner[key]
    inner[way[-1]] = value
    with pytest.raises(DataError, match=said):
        revisited.read(trees.revisited(tmp_path, content))


def test_the_published_file_is_known_by_its_digest(tmp_path, monkeypatch):
    root = trees.revisited(tmp_path)
    digest = __import__("hashlib").sha256((root / "gnd_roxford5k.pkl").read_bytes()).hexdigest()
    monkeypatch.setitem(revisited.PUBLISHED, "roxford5k", (4, 2, digest))
    assert revisited.read(root).notes == ()
    monkeypatch.setitem(revisited.PUBLISHED, "roxford5k", (4, 2, "0"))
    assert revisited.read(root).notes == ("gnd_roxford5k.pkl is not the published file: its sha256 differs",)


def test_the_fingerprint_knows_boxes_places_and_names(tmp_path):
    def fingerprint(name, change):
        content = copy.deepcopy(trees.TRUTH)
        change(content)
        return revisited.read(trees.revisited(tmp_path / name, content)).fingerprint

    prints = [
        fingerprint("a", lambda content: None),
        fingerprint("b", lambda content: content["gnd"][0].update(bbx=[1, 1, 7, 5])),
        fingerprint("c", lambda content: content["gnd"][0].update(easy=[2, 1])),
        fingerprint("d", lambda content: content["gnd"][0].update(easy=[0], hard=[2])),
        fingerprint("e", lambda content: content["imlist"].reverse()),
    ]
    assert len(set(prints)) == len(prints)
    assert fingerprint("f", lambda content: content["gnd"][1].update(hard=[3, 1])) == prints[0]  # a set, not an order


def test_the_embedded_world(world_tree):
    found = revisited.read(world_tree("roxford5k"))
    assert (len(found.database.records), len(found.queries.records), len(found.truth)) == (228, 24, 24)
    assert all(record.size for record in (*found.database.records, *found.queries.records))
    places = [np.concatenate([one.easy, one.hard, one.junk]) for one in found.truth]
    assert all(len(set(one.tolist())) == len(one) == 14 for one in places)


VALUES = st.recursive(trees.PLAIN, lambda inner: st.lists(inner, max_size=3) | st.tuples(inner, inner), max_leaves=5)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(trees.damaged(trees.TRUTH, VALUES) | trees.JSON, st.integers(1, pickle.HIGHEST_PROTOCOL))
def test_any_pickle_of_plain_values_is_refused_or_makes_sense(tmp_path, content, protocol):
    root = tmp_path if (tmp_path / "jpg").exists() else trees.revisited(tmp_path)
    (root / "gnd_roxford5k.pkl").write_bytes(pickle.dumps(content, protocol))
    try:
        found = revisited.read(root)
    except DataError:
        return
    assert len(found.truth) == len(found.queries.records)
    for one in found.truth:
        places = np.concatenate([one.easy, one.hard, one.junk])
        assert len(np.unique(places)) == len(places)
        assert ((places >= 0) & (places < len(found.database.records))).all()
    assert all(record.path.parent == root / "jpg" for record in found.database.records)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60), st.integers(0, 200))
def test_any_bytes_are_refused_or_read(tmp_path, noise, at):
    raw = pickle.dumps(trees.TRUTH, 2)
    root = tmp_path if (tmp_path / "jpg").exists() else trees.revisited(tmp_path)
    for content in (noise, raw[:at] + noise + raw[at + len(noise) :]):
        (root / "gnd_roxford5k.pkl").write_bytes(content)
        try:
            found = revisited.read(root)
        except DataError:
            continue
        assert len(found.truth) == len(found.queries.records)
