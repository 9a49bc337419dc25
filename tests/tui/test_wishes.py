"""Changing the model keeps layer, head and query token, through models that have less of them and back."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tui.test_keys import FACTS, KEYS, G, at
from vitscope.geometry import Geometry
from vitscope.tui import mouse
from vitscope.tui.bindings import EVERYWHERE, OF_MODEL
from vitscope.tui.finding import Spot
from vitscope.tui.finding import at as to_spot
from vitscope.tui.keys import press
from vitscope.tui.side import Peer, Side
from vitscope.tui.state import Facts, State, View, opened

LARGE = Geometry(12, 12, ("cls",), 14, 14, (16, 16))
SMALL = Geometry(6, 6, (), 7, 5, (16, 16))
WIDE = Geometry(9, 16, ("reg1",), 5, 9, (16, 16))
COORDINATES = ("layer", "head", "kind", "patch")

geometries = st.builds(
    Geometry, st.integers(1, 12), st.integers(1, 12), st.sampled_from([("cls",), ("cls", "reg1"), ("reg1",), ()]),
    st.integers(1, 9), st.integers(1, 9), st.just((8, 8)),
)  # fmt: skip


keys = st.lists(st.sampled_from("mM12345"), max_size=8)


def order(name: str, layer: int, heads: int) -> tuple[int, ...]:
    """Some order of the heads of a layer, always the same."""
    return tuple(random.Random(f"{name} {layer}").sample(range(heads), heads))


def facts(models: dict[str, Geometry], state: State) -> Facts:
    peers = [
        Peer(name, geometry, order(name, opened(state, name, geometry).layer, geometry.heads))
        for name, geometry in models.items()
    ]
    return Facts(geometry=models[state.run or ""], peers=tuple(peers))


def walk(models: dict[str, Geometry], state: State, *keys: str) -> State:
    for key in keys:
        state = press(state, key, facts(models, state))
        geometry = models[state.run or ""]
        assert 0 <= state.layer < geometry.layers
        assert 0 <= state.head < geometry.heads
        assert state.patch is None or (state.patch[0] < geometry.rows and state.patch[1] < geometry.columns)
        assert state.kind != "cls" or "cls" in geometry.prefix
    return state


def place(state: State) -> list[object]:
    return [getattr(state, name) for name in ("run", *COORDINATES)]


@st.composite
def somewhere(draw, views: tuple[View, ...] = OF_MODEL) -> tuple[dict[str, Geometry], State]:
    """Two to five models of any shape, and a place in the first."""
    models = {str(number): draw(geometries) for number in range(1, draw(st.integers(2, 5)) + 1)}
    g = models["1"]
    state = State(
        trail=("runs", draw(st.sampled_from(views))),
        layer=draw(st.integers(0, g.layers - 1)), head=draw(st.integers(0, g.heads - 1)),
        kind=draw(st.sampled_from(["cls", "spatial", "patch"])),
        patch=(draw(st.integers(0, g.rows - 1)), draw(st.integers(0, g.columns - 1))),
        side=Side(ordered=draw(st.booleans())),
    )  # fmt: skip
    return models, opened(state, "1", g)


@given(somewhere(), keys)
def test_a_walk_through_models_and_back_leads_to_the_same_place(where, keys):
    models, state = where
    assert place(walk(models, state, *keys, "1")) == place(state)


@given(somewhere(("layer", "head", "image", "distance", "saliency", "residual")), keys, keys)
def test_what_was_moved_on_the_way_stays_moved_and_all_else_comes_back(where, there, back):
    models, state = where
    before = walk(models, state, *there)
    after = walk(models, before, "K", *back, "1")
    least = min(models["1"].layers - 1, max(0, before.layer - 1))
    assert place(after) == ["1", least, state.head, state.kind, state.patch]


def test_twelve_heads_six_heads_and_back():
    models = {"large": LARGE, "small": SMALL, "wide": WIDE}
    state = State(trail=("runs", "overview", "head"), run="large", layer=11, head=11, patch=(3, 6))
    small = walk(models, state, "m")
    assert place(small) == ["small", 5, 5, "spatial", (1, 2)]
    wide = walk(models, small, "m")
    assert (wide.layer, wide.head, wide.kind) == (8, 11, "register")
    back = walk(models, wide, "m")
    assert (place(back), back.wishes) == (place(state), ())
    moved_on = walk(models, small, ",", "M")
    assert (moved_on.layer, moved_on.head, moved_on.kind, moved_on.patch) == (11, 4, "cls", (3, 6))
    assert walk(models, small, ",", ".", "M").head == 5


def test_the_mean_that_stands_in_for_cls_can_be_chosen():
    models = {"large": LARGE, "small": SMALL}
    state = walk(models, State(trail=("runs", "overview", "head"), run="large"), "m")
    assert state.kind == "spatial"
    assert walk(models, state, "M").kind == "cls"
    assert walk(models, state, "a", "M").kind == "spatial"
    assert walk(models, state, "a", "c", "M").kind == "cls"
    assert walk(models, state, "c").message.startswith("this model has neither CLS")


def test_a_head_that_is_pointed_at_is_meant():
    models = {"large": LARGE, "small": SMALL}
    large = State(trail=("runs", "overview", "models"), run="large", layer=11, head=11)
    clicked = mouse.clicked(large, mouse.peer(2, 5), facts(models, large))
    assert (clicked.run, clicked.head) == ("small", 5)
    assert walk(models, clicked, "M").head == 5
    found = to_spot(large, facts(models, large), Spot("small", 5, 5))
    back = walk(models, found, "M")
    assert (back.layer, back.head) == (5, 5)


@pytest.mark.parametrize("view", EVERYWHERE)
@pytest.mark.parametrize("key", KEYS)
def test_no_key_that_moves_leaves_a_wish_behind(view, key):
    large = at(view, layer=11, head=11, patch=(9, 9), kind="patch" if view == "head" else "spatial")
    before = opened(large, "r", G, LARGE)
    assert {wish.name for wish in before.wishes} == {"layer", "head", "patch"}
    after = press(before, key, FACTS)
    if after.run == before.run:
        changed = {name for name in COORDINATES if getattr(before, name) != getattr(after, name)}
        assert not changed & {wish.name for wish in after.wishes}
