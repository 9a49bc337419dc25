from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitscope.errors import StoreError, ViewError, VitscopeError
from vitscope.geometry import Geometry
from vitscope.tui.book import QUANTITIES
from vitscope.tui.features import START
from vitscope.tui.place import NUMBERS, VIEWS, Place, known_as, parse, resolved, spelled, starting, trail
from vitscope.tui.state import SCALES, Known, State

SMALL = Geometry(3, 4, ("cls",), 4, 4, (8, 8))
KNOWN = [Known("small-1", "small", SMALL, 3), Known("small-2", "small", SMALL, 3), Known("bare-3", "bare", SMALL, 0)]


@pytest.mark.parametrize(
    ("place", "parts"),
    [
        ("mae", Place("mae")),
        ("mae/7", Place("mae", (7,))),
        ("mae/7/3/", Place("mae", (7, 3))),
        ("timm/vit_small/7", Place("timm/vit_small", (7,))),
        ("12", Place("12")),
        ("@runs", Place("", (), "runs")),
        ("mae@cka?with=dino&tokens=cls", Place("mae", (), "cka", None, (("with", "dino"), ("tokens", "cls")))),
        ("mae/1/2@image:3?score=knn%2Ftop1+a", Place("mae", (1, 2), "image", 3, (("score", "knn/top1 a"),))),
        ("hub@v1.0/3", Place("hub@v1.0", (3,))),
    ],
)
def test_places_are_read(place, parts):
    assert parse(place) == parts


@given(
    view=st.sampled_from(VIEWS), layer=st.integers(0, 2), head=st.integers(0, 3), image=st.integers(0, 2),
    kind=st.sampled_from(["cls", "spatial", "patch"]), patch=st.tuples(st.integers(0, 3), st.integers(0, 3)),
    flags=st.fixed_dictionaries({n: st.booleans() for n in ("received", "averaged", "log", "corrected")}),
    scale=st.sampled_from(SCALES), quantity=st.sampled_from(NUMBERS), column=st.integers(0, 30),
    score=st.text(max_size=8).filter(str.isprintable), other=st.sampled_from([None, "small-1", "small-2"]),
)  # fmt: skip
def test_a_place_in_words_leads_back_to_the_same_page(
    view, layer, head, image, kind, patch, flags, scale, quantity, column, score, other
):
    state = State(
        trail=trail(view), run="small-2", cursor=1, layer=layer, head=head, image=image, kind=kind,
        patch=patch if kind == "patch" else None, scale=scale, quantity=quantity, **flags,
        features=replace(START, column=column, score=score, other=other),
    )  # fmt: skip
    if view == "runs":
        assert resolved(spelled(state, KNOWN), KNOWN, state) == State(cursor=1)
    else:
        assert resolved(spelled(state, KNOWN), KNOWN, State()) == state


def test_numbers_are_those_of_the_browser():
    assert set(NUMBERS) == set(QUANTITIES)


def test_a_run_that_another_hides_is_named_by_its_folder():
    assert spelled(State(trail=trail("overview"), run="small-1"), KNOWN) == "small/1/1@overview"
    assert spelled(State(trail=trail("overview"), run="small-2"), KNOWN) == "small-2/1/1@overview"
    assert known_as("small", KNOWN).name == "small-1"
    assert known_as("b", KNOWN).name == "bare-3"


@pytest.mark.parametrize(
    ("place", "says"),
    [
        ("nobody", "no model is called 'nobody'"),
        ("small@nowhere", "no view is called 'nowhere'"),
        ("small?q=9,9", "q takes cls, mean or a patch"),
        ("small?colour=red", "no part of a place is called 'colour'"),
        ("small?log=perhaps", "yes or no"),
        ("bare@image", "kept no images"),
        ("small@image:4", "no image 4: its images go from 1 to 3"),
        ("small?with=nobody", "no model is called"),
        ("@head", "names no model"),
    ],
)
def test_what_is_not_there_is_a_sentence(place, says):
    with pytest.raises(VitscopeError, match=says):
        resolved(place, KNOWN, State())


def test_the_browser_starts_where_it_is_told(cache):
    assert starting(cache, None).view == "runs"
    model = starting(cache, "small")
    assert (model.view, model.layer, model.head, model.cursor) == ("overview", 0, 0, 0)
    layer = starting(cache, "small/3")
    assert (layer.view, layer.layer) == ("overview", 2)
    head = starting(cache, "bare/2/1")
    assert (head.view, head.layer, head.head, head.cursor, head.kind) == ("head", 1, 0, 1, "spatial")
    assert head.trail == ("runs", "overview", "head")


@pytest.mark.parametrize("place", ["small/0", "small/4", "small/1/5", "small/1/0"])
def test_a_layer_or_head_that_is_not_there_is_refused(cache, place):
    with pytest.raises(ViewError, match="go from 1 to"):
        starting(cache, place)


def test_a_model_that_is_not_there_is_refused(cache):
    with pytest.raises(StoreError, match="vitscope extract"):
        starting(cache, "nobody/1")


def test_an_image_that_this_model_did_not_keep_is_left_out_of_the_place():
    far = State(trail=trail("image"), run="small-1", image=3)
    assert spelled(far, KNOWN) == "small/1/1@head"
    assert spelled(replace(far, image=2), KNOWN) == "small/1/1@image:3"
    assert spelled(replace(far, run="bare-3", image=0), KNOWN) == "bare/1/1@head"
    for state in (far, replace(far, run="bare-3")):
        assert resolved(spelled(state, KNOWN), KNOWN, State()).view == "head"


def test_a_name_of_many_runs_names_some_of_them():
    many = [Known(f"vit-{number}", f"vit-{number}", SMALL, 0) for number in range(30)]
    with pytest.raises(ViewError, match=r"any of 30: vit-0, .*vit-5 …: type more"):
        known_as("vit", many)
