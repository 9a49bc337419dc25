"""What clicks and the wheel do. Pure. Pages say where they can be clicked (`Surface.spot`) with moves from here.

A click chooses what is under it. On what is chosen already it goes into it, so that a double click does both.
"""

from __future__ import annotations

from dataclasses import replace

from vitscope.geometry import Geometry
from vitscope.tui import comparing, finding, keys, moves, panels, side
from vitscope.tui.bindings import Binding
from vitscope.tui.render.surface import Action, Rect, Surface
from vitscope.tui.state import Facts, Move, State, choose, jumped
from vitscope.tui.steps import clamp

INTO = ("open", "zoom", "peer-zoom", "found-into", "into", "task-into", "sheet-into", "picture")
"""Bindings that go into what is chosen: the first that holds on a page."""

WHEEL = (
    ("run-down", "run-up"), ("layer-down", "layer-up"), ("peer-down", "peer-up"), ("found-down", "found-up"),
    ("row-down", "row-up"), ("score", "score-back"), ("sheet-down", "sheet-up"),
    ("result-down", "result-up"), ("info-down", "info-up"), ("next-layer", "previous-layer"),
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
    """To a head by its layer and index; of a model that has fewer, to the last."""

    def move(state: State, facts: Facts) -> State:
        g = facts.geometry
        return choose(state, layer=min(layer, g.layers - 1), head=min(head, g.heads - 1)) if g else state

    return move


def run(line: int) -> Move:
    """To a line of the list of runs."""
    return lambda state, facts: replace(state, cursor=clamp(line, facts.runs))


def found(line: int) -> Move:
    """To a line of the heads that were found."""
    return lambda state, facts: finding.line(line - state.finding.at)(state, facts)


def peer(number: int, head: int) -> Move:
    """To a head of the model with this number, from 1, on the page of models."""

    def move(state: State, facts: Facts) -> State:
        after = side.numbered(number)(state, facts)
        heads = next((peer.geometry.heads for peer in facts.peers if peer.name == after.run), head + 1)
        return choose(after, head=min(head, heads - 1))

    return move


def cell(down: int, right: int) -> Move:
    """To a cell of a matrix, from the one under the cursor."""
    return lambda state, facts: comparing.column(right)(comparing.row(down)(state, facts), facts)


def result(model: str, task: str) -> Move:
    """To a cell of the table of results."""

    def move(state: State, facts: Facts) -> State:
        known = model in facts.sheet.models and task in facts.sheet.columns
        return panels.changed(state, model=model, column=task) if known else state

    return move


def image(number: int) -> Move:
    """To an image of the sheet, by its number as places have it: below 0 for those opened live."""

    def move(state: State, facts: Facts) -> State:
        return replace(state, image=number) if -facts.live <= number < facts.images - facts.live else state

    return move


def patches(surface: Surface, drawn: Rect, grid: Geometry, rows: int, columns: int) -> None:
    """The patches of a picture of rows × columns pixels in `drawn`; of two pixels in a cell the upper one counts."""
    surface.spread(drawn, lambda x, y: _patch(2 * y * grid.rows // rows, x * grid.columns // columns))


def _patch(row: int, column: int) -> Move:
    """To a patch as the query token."""

    def move(state: State, facts: Facts) -> State:
        g = facts.geometry
        return choose(state, kind="patch", patch=(min(row, g.rows - 1), min(column, g.columns - 1))) if g else state

    return move
