from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vitscope.geometry import Geometry
from vitscope.tui.bindings import BINDINGS, EVERYWHERE
from vitscope.tui.features import Candidate
from vitscope.tui.finding import Spot
from vitscope.tui.keys import find, hints, press
from vitscope.tui.state import Facts, Known, State, View, enter, opened

G = Geometry(layers=3, heads=4, prefix=("cls",), rows=4, columns=5, patch=(8, 8))
DEEP = Geometry(layers=5, heads=2, prefix=(), rows=2, columns=2, patch=(8, 8))
FACTS = Facts(
    runs=2, known=(Known("r", "mae", G, 3), Known("deep", "deep", DEEP, 0)),
    geometry=G, images=3, quantities=("distance", "entropy", "tag"), order=((3, 1, 0, 2),) * 3,
    candidates=(Candidate("r", G), Candidate("deep", DEEP)), scores=("purity", "nmi"), longest=5,
    found=(Spot("r", 2, 3), Spot("r", 0, 1)), searchable=("distance", "entropy"),
)  # fmt: skip
KEYS = sorted({key for binding in BINDINGS for key in binding.keys} | {"z", "f5", "tab"})
TRAILS: dict[View, tuple[View, ...]] = {
    "runs": ("runs",),
    "overview": ("runs", "overview"),
    "head": ("runs", "overview", "head"),
    "image": ("runs", "overview", "head", "image"),
    "images": ("runs", "overview", "images"),
    "distance": ("runs", "overview", "distance"),
    "models": ("runs", "overview", "models"),
    "cka": ("runs", "overview", "cka"),
    "residual": ("runs", "overview", "residual"),
    "curves": ("runs", "overview", "curves"),
    "results": ("runs", "overview", "results"),
    "layer": ("runs", "overview", "layer"),
    "saliency": ("runs", "overview", "saliency"),
    "info": ("runs", "overview", "info"),
    "find": ("runs", "overview", "find"),
}


def at(view: View, **fields) -> State:
    return replace(State(trail=TRAILS[view], run="r", layer=1, head=1), **fields)


def inside(state: State) -> bool:
    rows = state.patch is None or (0 <= state.patch[0] < G.rows and 0 <= state.patch[1] < G.columns)
    return 0 <= state.layer < G.layers and 0 <= state.head < G.heads and 0 <= state.image < 3 and rows


@pytest.mark.parametrize("view", EVERYWHERE)
@pytest.mark.parametrize("key", KEYS)
def test_every_key_on_every_page_leads_to_a_place_that_exists(view, key):
    after = press(at(view), key, FACTS)
    assert inside(after)
    assert after.trail[0] == "runs"
    assert len(set(after.trail)) == len(after.trail)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(walk=st.lists(st.sampled_from(KEYS), max_size=150))
def test_no_walk_leaves_the_model(walk):
    state = State(trail=TRAILS["overview"], run="r")
    for key in walk:
        state = press(state, key, FACTS)
        assert inside(state)


@pytest.mark.parametrize("view", EVERYWHERE)
def test_no_key_is_bound_twice_on_a_page(view):
    keys = [key for binding in BINDINGS if view in binding.views for key in binding.keys]
    assert sorted(keys) == sorted(set(keys))


def test_names_of_bindings_are_unique():
    names = [binding.name for binding in BINDINGS]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("view", EVERYWHERE)
def test_arrows_do_what_hjkl_do(view):
    for letter, arrow in zip("hjkl", ("left", "down", "up", "right"), strict=True):
        assert find(letter, view) == find(arrow, view)


@pytest.mark.parametrize("view", EVERYWHERE)
def test_the_footer_tells_the_way_out_and_the_help(view):
    assert {"help", "quit"} <= {binding.name for binding in hints(view)}


def test_keys_before_anything_is_loaded_do_no_harm():
    for view in EVERYWHERE:
        for key in KEYS:
            assert press(State(trail=TRAILS[view]), key, Facts()).layer == 0


def test_the_grid_is_walked_and_ends_at_its_edges():
    state = at("overview", layer=0, head=0)
    assert press(press(state, "j", FACTS), "l", FACTS) == replace(state, layer=1, head=1)
    assert press(press(state, "k", FACTS), "h", FACTS) == state
    assert press(state, "G", FACTS).layer == G.layers - 1
    assert press(state, "$", FACTS).head == G.heads - 1


@pytest.mark.parametrize("view", ["overview", "head", "image", "distance"])
def test_layer_and_head_steps_keep_everything_else(view):
    state = at(view, kind="patch", patch=(2, 3), image=2, log=True, scale="model", received=True)
    assert press(state, "J", FACTS) == replace(state, layer=2)
    assert press(state, "K", FACTS) == replace(state, layer=0)
    assert press(state, ".", FACTS) == replace(state, head=2)
    assert press(state, ",", FACTS) == replace(state, head=0)


def test_the_query_token_moves_over_the_grid():
    state = press(at("head", kind="cls"), "l", FACTS)
    assert (state.kind, state.patch) == ("patch", G.centre())  # the first step only brings the patch back
    row, column = G.centre()
    assert press(state, "l", FACTS).patch == (row, column + 1)
    assert press(state, "j", FACTS).patch == (row + 1, column)
    assert press(press(state, "0", FACTS), "g", FACTS).patch == (0, 0)
    assert press(press(state, "$", FACTS), "G", FACTS).patch == (G.rows - 1, G.columns - 1)


def test_cls_and_the_mean_remember_the_patch():
    state = press(at("head", kind="patch", patch=(3, 1)), "c", FACTS)
    assert state.query == "cls"
    state = press(state, "a", FACTS)
    assert state.query == "spatial"
    assert press(state, "h", FACTS).query == (3, 1)
    assert press(state, "space", FACTS).query == (3, 1)


def test_a_model_without_cls_says_so():
    facts = replace(FACTS, geometry=replace(G, prefix=()))
    after = press(at("head", kind="spatial"), "c", facts)
    assert after.kind == "spatial"
    assert "CLS" in after.message
    assert press(after, "l", facts).message == ""


def test_esc_is_one_step_out_and_never_leaves():
    state = State(run="r")
    state = press(state, "enter", FACTS)
    for key, trail in [("enter", "head"), ("D", "distance"), ("enter", "head"), ("i", "image")]:
        state = press(state, key, FACTS)
        assert state.view == trail
    assert state.trail == ("runs", "overview", "head", "image")
    for view in ("head", "overview", "runs", "runs"):
        state = press(state, "escape", FACTS)
        assert state.view == view
    assert state.quit is None
    assert "q" in state.message


def test_esc_from_the_dots_leads_back_to_where_they_were_called_from():
    state = press(at("head"), "D", FACTS)
    assert press(state, "escape", FACTS).view == "head"
    assert press(at("overview"), "D", FACTS).trail == ("runs", "overview", "distance")
    assert enter(state, "overview").trail == ("runs", "overview")


def test_dots_are_walked_in_the_order_of_their_value():
    state = at("distance", layer=0, head=1)
    assert press(state, "l", FACTS).head == 0
    assert press(state, "h", FACTS).head == 3
    assert press(replace(state, head=2), "l", FACTS).head == 2


def test_numbers_go_round_and_the_plot_leaves_tags_out():
    state = at("overview", quantity="distance")
    seen = []
    for _ in range(4):
        seen.append(state.quantity)
        state = press(state, "v", FACTS)
    assert seen == ["distance", "entropy", "tag", "distance"]
    assert press(at("overview", quantity="distance"), "V", FACTS).quantity == "tag"
    assert press(at("distance", quantity="entropy"), "v", FACTS).quantity == "distance"
    assert press(at("overview", quantity="tag"), "D", FACTS).quantity == "distance"
    assert press(at("overview", quantity="entropy"), "D", FACTS).quantity == "entropy"


def test_images_go_round_and_need_a_gallery():
    state = press(at("head"), "i", FACTS)
    assert (state.view, state.image) == ("image", 0)
    assert [press(replace(state, image=n), "i", FACTS).image for n in range(3)] == [1, 2, 0]
    assert press(state, "[", FACTS).image == 2
    refused = press(at("head"), "i", replace(FACTS, images=0))
    assert refused.view == "head"
    assert "gallery" in refused.message


def test_ways_of_looking():
    state = at("head")
    assert press(state, "u", FACTS).scale == "layer"
    assert press(press(press(state, "u", FACTS), "u", FACTS), "u", FACTS).scale == "head"
    assert press(state, "\\", FACTS).log
    assert press(state, "r", FACTS).received
    assert press(state, "x", FACTS).corrected
    assert press(at("image"), "A", FACTS).averaged
    assert not press(at("image"), "w", FACTS).overlay
    assert press(state, "t", FACTS).light
    assert press(state, "P", FACTS).palette != state.palette


def test_leaving():
    assert press(at("head"), "q", FACTS).quit == 0
    once = press(at("head"), "ctrl+c", FACTS)
    assert (once.quit, once.leaving) == (None, True)
    assert press(once, "ctrl+c", FACTS).quit == 130
    assert press(press(once, "j", FACTS), "ctrl+c", FACTS).quit is None
    assert press(press(at("head", help=True), "ctrl+c", FACTS), "ctrl+c", FACTS).quit == 130


def test_help_opens_scrolls_and_closes_without_moving_anything():
    state = press(at("head"), "?", FACTS)
    assert state.help
    assert press(press(state, "j", FACTS), "j", FACTS).scroll == 2
    assert press(state, "k", FACTS).scroll == 0
    assert press(state, "escape", FACTS) == at("head")
    assert press(state, "q", FACTS).quit == 0


def test_opening_another_run_keeps_what_it_has():
    state = at("head", layer=2, head=3, kind="cls", patch=(3, 4))
    small = Geometry(layers=2, heads=2, prefix=(), rows=3, columns=3, patch=(8, 8))
    after = opened(state, "other", small)
    assert (after.layer, after.head, after.patch, after.kind) == (1, 1, (2, 2), "spatial")
    assert opened(state, "r", G) == state
