"""What is true of every state that keys lead to."""

from __future__ import annotations

from typing import get_args

from tests.tui.walker import Walker
from vitscope.tui.palettes import RAMPS
from vitscope.tui.place import resolved, spelled
from vitscope.tui.state import SCALES, State, View


def check(walker: Walker) -> None:
    """AssertionError for what is not so of the walker's state."""
    state, book = walker.state, walker.book
    assert state.trail[0] == "runs"
    assert len(set(state.trail)) == len(state.trail)
    assert set(state.trail) <= set(get_args(View))
    assert state.scale in SCALES
    assert state.palette in RAMPS
    assert state.message.isprintable(), state.message
    assert state.last is None or state.last.last is None
    assert 0 <= state.cursor < max(1, len(book.known()))
    if state.prompt is not None:
        assert 0 <= state.prompt.at <= len(state.prompt.text)
        assert state.prompt.text.isprintable()
    run = book.run(state)
    if run is None:
        assert state.view == "runs"
        return
    geometry, facts = run.geometry, book.facts(state)
    assert 0 <= state.layer < geometry.layers
    assert 0 <= state.head < geometry.heads
    assert state.kind != "cls" or "cls" in geometry.prefix or state.view == "runs"
    assert {wish.name for wish in state.wishes} <= {"layer", "head", "kind", "patch", "rank"}
    if state.patch is not None:
        assert 0 <= state.patch[0] < geometry.rows
        assert 0 <= state.patch[1] < geometry.columns
    if state.view == "image":
        assert -facts.live <= state.image  # it may be further than this model's gallery goes: the page says so
    same_place(state, walker)


def same_place(state: State, walker: Walker) -> None:
    """Written down and read again, a place is the same page of the same thing."""
    known = walker.book.known()
    words = spelled(state, known)
    again = resolved(words, known, State())
    assert spelled(again, known) == words
    here = next((run for run in known if run.name == state.run), None)
    images = here.images if here else 0
    if state.view not in {"image", "images"} or 0 <= state.image < images:
        assert again.view == state.view
    if state.view != "runs":
        kept = ("run", "layer", "head", "patch", "quantity", "query", "overlay", "features", "side", "panels")
        assert [getattr(again, name) for name in kept] == [getattr(state, name) for name in kept]
        kept = ("query", "like", "everywhere", "at")
        assert [getattr(again.finding, name) for name in kept] == [getattr(state.finding, name) for name in kept]
