"""Where one is on the pages of results, masks and run information, and the moves there. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from vitscope.tui.steps import clamp

if TYPE_CHECKING:
    from vitscope.tui.state import Facts, Move, State

Every = Literal["one", "panels", "curves"]
EVERY: tuple[Every, ...] = ("one", "panels", "curves")


@dataclass(frozen=True, kw_only=True)
class Panels:
    """A place on these pages. Names instead of numbers: a place stays when the table is put in another order."""

    model: str = ""  # row of the table of results; "": the first
    column: str = ""  # and its column; "": the first
    sort: str = ""  # the column by which the rows are ordered; "": as the catalog has them
    mode: str = ""  # whose attention is held against masks, such as "cls"; "": the first there is
    masks: str = ""  # folder name of the evaluation with masks; "": the newest
    every: Every = "one"  # on the page of distance: the open model, a plot for each model, a line for each
    scroll: int = 0  # entries of the run information above the page


@dataclass(frozen=True)
class Sheet:
    """What the moves need of the table of results: names as they are shown, and where each cell leads."""

    models: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    targets: Mapping[tuple[str, str], tuple[str, int]] = field(default_factory=dict)  # number of the tasks, layer


@dataclass(frozen=True)
class Masks:
    """An evaluation with masks of the open model: its folder's name, and whose attention it holds against them."""

    name: str
    modes: tuple[str, ...]


def changed(state: State, **fields: object) -> State:
    """The state at another place of these pages."""
    return replace(state, panels=replace(state.panels, **fields))


def row(by: int) -> Move:
    """Down the models of the table."""

    def move(state: State, facts: Facts) -> State:
        return changed(state, model=_next(facts.sheet.models, state.panels.model, by))

    return move


def column(by: int) -> Move:
    """Along the tasks of the table."""

    def move(state: State, facts: Facts) -> State:
        return changed(state, column=_next(facts.sheet.columns, state.panels.column, by))

    return move


def sort(state: State, facts: Facts) -> State:
    """The best of this column first; pressed again, as the catalog has them."""
    here = _next(facts.sheet.columns, state.panels.column, 0)
    model = _next(facts.sheet.models, state.panels.model, 0)
    return changed(state, sort="" if state.panels.sort == here else here, model=model)


def into(state: State, facts: Facts) -> State:
    """From a cell of the table to the curves of its task, at its best layer."""
    from vitscope.tui.state import enter  # noqa: PLC0415 (state holds a Panels)

    place = _next(facts.sheet.models, state.panels.model, 0), _next(facts.sheet.columns, state.panels.column, 0)
    if place not in facts.sheet.targets:
        return replace(state, message="this model was not evaluated on that") if facts.sheet.models else state
    score, layer = facts.sheet.targets[place]
    return enter(replace(state, features=replace(state.features, score=score, column=layer, alone=True)), "curves")


def mode(by: int) -> Move:
    """Whose attention is held against the masks: that of CLS, of all patches or of the one in the middle."""

    def move(state: State, facts: Facts) -> State:
        modes = _chosen(state, facts).modes
        return changed(state, mode=_around(modes, state.panels.mode, by))

    return move


def masks(state: State, facts: Facts) -> State:
    """The next evaluation with masks."""
    names = tuple(each.name for each in facts.masks)
    if len(names) < 2:
        return replace(state, message="this model was evaluated with no other masks")
    return changed(state, masks=_around(names, state.panels.masks, 1))


def every(state: State, facts: Facts) -> State:
    """The open model, then all models: a plot for each, then a line for each."""
    if state.panels.every == "one" and len(facts.peers) < 2:
        return replace(state, message="no other model was measured on these images: extract one more to compare")
    return changed(state, every=_around(EVERY, state.panels.every, 1))


def scroll(by: int) -> Move:
    """Down the run information."""

    def move(state: State, facts: Facts) -> State:
        return changed(state, scroll=clamp(state.panels.scroll + by, facts.entries))

    return move


def _chosen(state: State, facts: Facts) -> Masks:
    """The evaluation with masks that is on the page."""
    chosen = next((each for each in facts.masks if each.name == state.panels.masks), None)
    return chosen or (facts.masks[0] if facts.masks else Masks("", ()))


def _next(names: tuple[str, ...], now: str, by: int) -> str:
    """The name `by` places further than `now`, or than the first one; "" where there is none."""
    at = names.index(now) if now in names else 0
    return names[clamp(at + by, len(names))] if names else ""


def _around(names: tuple[str, ...], now: str, by: int) -> str:
    """The same, going round."""
    at = names.index(now) if now in names else 0
    return names[(at + by) % len(names)] if names else ""
