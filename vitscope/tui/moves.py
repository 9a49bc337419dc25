"""The moves that keys make: pure functions from a state and the facts to a state, or makers of such functions."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from vitscope.derive.query import instead_of_cls
from vitscope.tui.gallery import NONE as NO_IMAGES
from vitscope.tui.palettes import RAMPS
from vitscope.tui.prompt import Purpose, prompt
from vitscope.tui.state import SCALES, Facts, Move, State, View, choose, enter, opened
from vitscope.tui.steps import clamp

Flag = Literal["averaged", "overlay", "small", "log", "received", "corrected", "light", "help"]


def ask(what: str) -> Move:
    """Have the application do something that a state cannot."""
    return lambda state, _facts: replace(state, asked=(what, ""))


def type_in(purpose: Purpose) -> Move:
    """Begin to type a line."""

    def move(state: State, _facts: Facts) -> State:
        return replace(state, prompt=prompt(purpose, history=state.commands if purpose == "command" else ()))

    return move


def last_place(state: State, _facts: Facts) -> State:
    """To the page before this one; pressed again, back."""
    if state.last is None:
        return replace(state, message="there is no place before this one yet")
    here = replace(state, last=None, message="")
    there = replace(state.last, last=here, commands=state.commands, queries=state.queries)
    return replace(there, light=state.light, palette=state.palette, opening=state.opening)


def step_run(by: int) -> Move:
    """Down the list of runs."""

    def move(state: State, facts: Facts) -> State:
        return replace(state, cursor=clamp(state.cursor + by, facts.runs))

    return move


def open_run(state: State, facts: Facts) -> State:
    """Into the run under the cursor."""
    if not facts.runs or state.cursor >= len(facts.known):
        return state
    run = facts.known[state.cursor]
    return opened(enter(state, "overview"), run.name, run.geometry, facts.geometry)


def layer(by: int) -> Move:
    """Down the layers; every other coordinate stays."""

    def move(state: State, facts: Facts) -> State:
        return choose(state, layer=clamp(state.layer + by, facts.geometry.layers)) if facts.geometry else state

    return move


def head(by: int) -> Move:
    """Along the heads of a layer."""

    def move(state: State, facts: Facts) -> State:
        return choose(state, head=clamp(state.head + by, facts.geometry.heads)) if facts.geometry else state

    return move


def half(by: int) -> Move:
    """Half of the layers down or up."""

    def move(state: State, facts: Facts) -> State:
        return layer(by * max(1, facts.geometry.layers // 2))(state, facts) if facts.geometry else state

    return move


def dot(by: int) -> Move:
    """Along the dots of a layer, ordered by their value."""

    def move(state: State, facts: Facts) -> State:
        if not facts.geometry or state.layer >= len(facts.order):
            return head(by)(state, facts)
        order = facts.order[state.layer]
        return choose(state, head=order[clamp(order.index(state.head) + by, len(order))])

    return move


def patch(down: int, right: int) -> Move:
    """Move the query token. From CLS or the mean, the first step only brings back the patch chosen last."""

    def move(state: State, facts: Facts) -> State:
        grid = facts.geometry
        if grid is None:
            return state
        row, column = state.patch or grid.centre()
        if state.kind == "patch":
            row, column = clamp(row + down, grid.rows), clamp(column + right, grid.columns)
        return choose(state, kind="patch", patch=(row, column))

    return move


def query(kind: Literal["cls", "spatial", "patch"]) -> Move:
    """Take CLS, the mean of all patches or the patch chosen last as the query."""

    def move(state: State, facts: Facts) -> State:
        if facts.geometry is None or state.run is None:
            return state
        after = opened(choose(state, kind=kind), state.run, facts.geometry, facts.geometry)
        after = after if state.patch else replace(after, patch=facts.geometry.centre())
        return replace(after, message=instead_of_cls(facts.geometry)[1]) if kind == "cls" else after

    return move


def go(view: View) -> Move:
    """To another page of the same place."""

    def move(state: State, facts: Facts) -> State:
        if view == "image" and not facts.images:
            return replace(state, message=NO_IMAGES)
        return enter(state, view)

    return move


def picture(by: int) -> Move:
    """To the image page; on it, to the next image."""

    def move(state: State, facts: Facts) -> State:
        if state.view != "image":
            return go("image")(state, facts)
        if not facts.images:
            return state
        image = (state.image + by) % facts.images
        return replace(state, image=image - facts.images if image >= facts.images - facts.live else image)

    return move


def quantity(by: int) -> Move:
    """The next number to colour by; on the plot, tags are passed over, since they have no place on an axis."""

    def move(state: State, facts: Facts) -> State:
        names = [name for name in facts.quantities if not (state.view == "distance" and name == "tag")]
        if not names:
            return state
        at = names.index(state.quantity) if state.quantity in names else -by
        return replace(state, quantity=names[(at + by) % len(names)])

    return move


def flip(flag: Flag) -> Move:
    """Turn something on or off."""

    def move(state: State, _facts: Facts) -> State:
        turned = {"scroll": 0} if flag == "help" else {}
        return replace(state, **{flag: not getattr(state, flag), **turned})

    return move


def source(state: State, facts: Facts) -> State:
    """The attention in the image that was looked at, or the mean over all."""
    if not facts.images:
        return replace(state, pictured=False, message=NO_IMAGES)
    return replace(state, pictured=not state.pictured)


def scale(state: State, _facts: Facts) -> State:
    """The next way to choose the end of the colour scale."""
    return replace(state, scale=SCALES[(SCALES.index(state.scale) + 1) % len(SCALES)])


def palette(state: State, _facts: Facts) -> State:
    """The next palette."""
    return replace(state, palette=RAMPS[(RAMPS.index(state.palette) + 1) % len(RAMPS)])


def back(state: State, _facts: Facts) -> State:
    """One step out; the first page is never left this way."""
    if len(state.trail) > 1:
        return replace(state, trail=state.trail[:-1])
    return replace(state, message="q leaves vitscope")


def leave(state: State, _facts: Facts) -> State:
    """Leave with exit code 0."""
    return replace(state, quit=0)


def interrupt(state: State, _facts: Facts) -> State:
    """Ctrl+C asks once, and leaves with exit code 130 when pressed again."""
    if state.leaving:
        return replace(state, quit=130)
    return replace(state, leaving=True, message="ctrl+c again leaves vitscope")


def in_help(state: State, key: str) -> State:
    """While the help is open: scroll it, or close it with any other key."""
    if key in {"j", "down", "ctrl+d", "pagedown", "k", "up", "ctrl+u", "pageup"}:
        by = {"j": 1, "down": 1, "k": -1, "up": -1}.get(key, 10 if key in {"ctrl+d", "pagedown"} else -10)
        return replace(state, scroll=max(0, state.scroll + by))
    return replace(state, help=False, scroll=0)
