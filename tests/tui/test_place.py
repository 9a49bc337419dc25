from __future__ import annotations

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitscope.errors import StoreError, ViewError, VitscopeError
from vitscope.geometry import Geometry
from vitscope.store.text import printable
from vitscope.tui.aspects import ASPECTS, MODES, NUMBERS, known_as
from vitscope.tui.book import QUANTITIES
from vitscope.tui.features import BRANCHES, TOKENS
from vitscope.tui.finding import Spot
from vitscope.tui.panels import EVERY
from vitscope.tui.place import VIEWS, Place, parse, resolved, spelled, starting, trail
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


spots = st.builds(Spot, st.sampled_from([run.name for run in KNOWN]), st.integers(0, 2), st.integers(0, 3))
names = st.text(max_size=8).filter(str.isprintable)
runs = st.sampled_from([None, "small-1", "small-2", "bare-3"])
pairs = st.sampled_from([("", ""), ("small-1", "bare-3"), ("small-2", "small-2")])
patches = st.tuples(st.integers(0, 3), st.integers(0, 3))
lines = st.integers(0, 30)
PARTS: dict[str, dict[str, st.SearchStrategy]] = {
    "": {
        "layer": st.integers(0, 2), "head": st.integers(0, 3), "image": st.integers(0, 2),
        "kind": st.sampled_from(["cls", "spatial", "patch"]), "patch": st.none() | patches,
        "quantity": st.sampled_from(NUMBERS), "scale": st.sampled_from(SCALES),
        **dict.fromkeys(("received", "averaged", "pictured", "small", "overlay", "log", "corrected"), st.booleans()),
    },
    "side": {"pin": runs, "difference": st.booleans(), "ordered": st.booleans()},
    "panels": {
        **dict.fromkeys(("model", "column", "sort", "masks"), names), "mode": st.sampled_from(["", *MODES]),
        "every": st.sampled_from(EVERY), "scroll": lines,
    },
    "features": {
        "other": runs, "column": lines, "tokens": st.sampled_from(TOKENS), "across": st.booleans(), "pair": pairs,
        "branch": st.sampled_from(BRANCHES), "score": names, "alone": st.booleans(),
    },
    "finding": {"query": names, "like": st.none() | spots, "everywhere": st.booleans(), "at": lines},
}  # fmt: skip
"""Every field of a state that a place has to hold, and its values."""
ELSEWHERE = {
    "": {
        "trail", "run", "cursor", "wishes", "side", "panels", "features", "finding", "opening", "light", "palette",
        "prompt", "help", "scroll", "message", "commands", "queries", "last", "asked", "leaving", "quit",
    },
    "finding": {"good", "history"},
}  # fmt: skip
"""Fields that stand before the "?", or are no part of a place: what is typed, said, remembered, and the look."""


@st.composite
def states(draw) -> State:
    """Any page, looked at in any way, of the second model."""
    drawn = {part: draw(st.fixed_dictionaries(fields)) for part, fields in PARTS.items()}
    if drawn[""]["kind"] == "patch" and drawn[""]["patch"] is None:
        drawn[""]["kind"] = "cls"
    if drawn["side"]["pin"] is None:  # no key leads there
        drawn["side"]["difference"] = False
    drawn["finding"]["good"] = drawn["finding"]["query"]
    state = State(trail=trail(draw(st.sampled_from(VIEWS))), run="small-2", cursor=1, **drawn.pop(""))
    return replace(state, **{part: replace(getattr(state, part), **fields) for part, fields in drawn.items()})


@given(states())
def test_a_place_in_words_leads_back_to_the_same_page(state):
    there = State(cursor=1) if state.view == "runs" else state
    assert resolved(spelled(state, KNOWN), KNOWN, State(cursor=1)) == there


@pytest.mark.parametrize("part", ["", "side", "panels", "features", "finding"])
def test_a_place_has_every_way_of_looking(part):
    """A new field of the state is given a name in `aspects` and a strategy here, or said to be no part of a place."""
    of = State() if not part else getattr(State(), part)
    assert {each.name for each in fields(of)} == {*PARTS[part], *ELSEWHERE.get(part, ())}


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
        ("small@find?like=small", "like takes MODEL/LAYER/HEAD"),
        ("small@find?like=small/9/1", "small has no layer 9: its layers go from 1 to 3"),
        ("small@find?like=nobody/1/1", "no model is called 'nobody'"),
        ("small@cka?pair=small", "pair takes MODEL,MODEL"),
        ("small@cka?pair=small,nobody", "no model is called 'nobody'"),
        ("small@models?pin=nobody", "no model is called 'nobody'"),
        ("small@models?difference=much", "yes or no"),
        ("small@distance?models=some", "models takes one, panels or curves"),
        ("small@saliency?mode=mine", "mode takes cls, spatial or centre"),
        ("small@find?line=0", "a number from 1"),
    ],
)
def test_what_is_not_there_is_a_sentence(place, says):
    with pytest.raises(VitscopeError, match=says):
        resolved(place, KNOWN, State())


@given(name=st.sampled_from([*ASPECTS, "", "colour"]), value=st.text(max_size=12))
def test_no_value_from_outside_breaks_a_place(name, value):
    """Whatever is typed is a page or one sentence, and the page has a place of its own."""
    try:
        state = resolved(f"small/2@models?{name}={value}", KNOWN, State())
    except VitscopeError as error:
        assert str(error) == printable(str(error))
        assert "\n" not in str(error)
        return
    assert resolved(spelled(state, KNOWN), KNOWN, State()) == state


def test_a_difference_without_a_pinned_model_is_that_to_the_open_one():
    assert resolved("small@models?difference=yes", KNOWN, State()).side.pin == "small-1"
    assert resolved("small@models?difference=yes&pin=bare", KNOWN, State()).side.pin == "bare-3"
    assert resolved("small@models?pin=bare&difference=yes", KNOWN, State()).side.pin == "bare-3"


def test_what_the_cache_has_lost_is_left_out_of_the_place():
    state = State(trail=trail("find"), run="small-1")
    state = replace(state, finding=replace(state.finding, like=Spot("gone-4", 0, 0)))
    state = replace(state, side=replace(state.side, pin="gone-4"))
    state = replace(state, features=replace(state.features, other="gone-4", pair=("small-1", "gone-4")))
    assert spelled(state, KNOWN) == "small/1/1@find"


def test_a_place_keeps_the_token_that_stands_in_for_cls():
    blind = [*KNOWN, Known("blind-4", "blind", replace(SMALL, prefix=()), 0)]
    state = resolved("blind@head", blind, State())
    assert (state.kind, spelled(state, blind)) == ("spatial", "blind/1/1@head")
    assert resolved("blind@head?q=mean", blind, State()).wishes == ()
    assert spelled(resolved("blind@head?q=mean", blind, State()), blind) == "blind/1/1@head?q=mean"


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
