"""What clicks and the wheel do. Pure. Pages say where they can be clicked (`Surface.spot`) with moves from here.

A click chooses what is under it. On what is chosen already it goes into it, so that a double click does both.
"""

from __future__ import annotations

from dataclasses import replace

from vitscope.geometry import Geometry
from vitscope.tui import keys, moves
from vitscope.tui.bindings import Binding
from vitscope.tui.moves import Move
from vitscope.tui.render.surface import Action, Rect, Surface
from vitscope.tui.state import Facts, State, jumped

INTO = ("open", "zoom", "peer-zoom", "found-into", "into", "task-into", "picture")
"""Bindings that go into what is chosen: the first that holds on a page."""

WHEEL = (
    ("run-down", "run-up"), ("layer-down", "layer-up"), ("peer-down", "peer-up"), ("found-down", "found-up"),
    ("row-down", "row-up"), ("score", "score-back"), ("result-down", "result-up"), ("info-down", "info-up"),
    ("next-layer", "previous-layer"),
)  # fmt: skip
"""Bindings that the wheel stands for, down and up: the first that holds on a page."""


def clicked(state: State, action: Action, facts: Facts) -> State:
    """The state after a click on something that does `action`."""
    if state.help:
        return replace(state, help=False, scroll=0)
    if state.prompt is not None:
        return state
    if isinstance(action, str):
        return keys.press(state, action, facts)
    before = replace(state, message="", leaving=False)
    after = action(before, facts)
    if after == before:
        into = _named(INTO, state)
        after = into.move(before, facts) if into else before
    return jumped(before, after)


def wheeled(state: State, by: int, facts: Facts) -> State:
    """The state after one step of the wheel, down (1) or up (-1)."""
    if state.help:
        return moves.in_help(state, "j" if by > 0 else "k")
    binding = _named([pair[0 if by > 0 else 1] for pair in WHEEL], state)
    if state.prompt is not None or binding is None:
        return state
    return binding.move(replace(state, message="", leaving=False), facts)


def _named(names: tuple[str, ...] | list[str], state: State) -> Binding | None:
    here = {binding.name: binding for binding in keys.bindings() if state.view in binding.views}
    return next((here[name] for name in names if name in here), None)


def head(layer: int, head: int) -> Move:
    """To a head by its layer and index."""
    return lambda state, _facts: replace(state, layer=layer, head=head)


def run(line: int) -> Move:
    """To a line of the list of runs."""
    return lambda state, _facts: replace(state, cursor=line)


def patch(row: int, column: int) -> Move:
    """To a patch as the query token."""
    return lambda state, _facts: replace(state, kind="patch", patch=(row, column))


def patches(surface: Surface, drawn: Rect, grid: Geometry, times: int) -> None:
    """The patches of a picture in `drawn`, each `times` pixels wide and high: two above each other in a cell."""

    def pick(x: int, y: int) -> Move:
        return patch(min(2 * y // times, grid.rows - 1), min(x // times, grid.columns - 1))

    if times:
        surface.spread(drawn, pick)
