"""Models side by side: the same layer and query token in every model measured on the same images. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vitscope.geometry import Geometry

if TYPE_CHECKING:
    from vitscope.tui.state import Facts, Move, State

MODELS = 9
"""Models that a digit leads to; there may be more."""
SHOWN = 6
"""Models on the page at most."""


@dataclass(frozen=True, kw_only=True)
class Side:
    """How the models are laid side by side."""

    pin: str | None = None  # folder name of the run that the others are compared with
    difference: bool = False  # what is drawn is the difference to the pinned model
    ordered: bool = False  # heads of each model in the order of the chosen number, not of their indices


@dataclass(frozen=True)
class Peer:
    """A model on the page: its run's folder, its geometry, and its heads of the layer in the order of their number."""

    name: str
    geometry: Geometry
    order: tuple[int, ...] = ()


def patch_of(patch: tuple[int, int], here: Geometry, there: Geometry) -> tuple[int, int]:
    """The patch of another grid that lies over the middle of a patch of this one.

    >>> coarse, fine = (Geometry(1, 1, (), edge, edge, (16, 16)) for edge in (7, 14))
    >>> patch_of((3, 6), coarse, fine), patch_of((7, 13), fine, coarse)
    ((7, 13), (3, 6))
    """
    row, column = patch
    return (2 * row + 1) * there.rows // (2 * here.rows), (2 * column + 1) * there.columns // (2 * here.columns)


def window(peers: Sequence[Peer], state: State) -> list[tuple[int, Peer]]:
    """The models on the page, each with its number from 1: those around the open one, and always the pinned one."""
    names = [peer.name for peer in peers]
    at = names.index(state.run) if state.run in names else 0
    first = max(0, min(at - SHOWN // 2, len(names) - SHOWN))
    places = list(range(first, min(first + SHOWN, len(names))))
    pinned = names.index(state.side.pin) if state.side.pin in names else at
    if pinned not in places:
        places = [pinned, *places[1:]] if pinned < first else [*places[:-1], pinned]
    return [(place + 1, peers[place]) for place in places]


def moved(state: State, here: Geometry, peer: Peer) -> State:
    """The state in another model: the same layer, head and place of the picture, or the nearest there is (`opened`)."""
    from vitscope.tui.state import opened  # noqa: PLC0415 (state holds a Side)

    return opened(state, peer.name, peer.geometry, here)


def model(by: int) -> Move:
    """To the next model at the same place; among heads in order, to the head of the same rank."""

    def move(state: State, facts: Facts) -> State:
        names = [peer.name for peer in facts.peers]
        if facts.geometry is None or state.run not in names:
            return state
        if len(names) < 2:
            return replace(state, message="no other model was measured on these images")
        at = names.index(state.run)
        to = (at + by) % len(names) if abs(by) == 1 else max(0, min(at + by, len(names) - 1))
        return _to(state, facts, facts.peers[at], facts.peers[to])

    return move


def numbered(number: int) -> Move:
    """To the model with this number on the page, from 1."""

    def move(state: State, facts: Facts) -> State:
        here = next((peer for peer in facts.peers if peer.name == state.run), None)
        if here is None or number > len(facts.peers):
            return replace(
                state, message=f"there is no model {number}: {len(facts.peers)} were measured on these images"
            )
        return _to(state, facts, here, facts.peers[number - 1])

    return move


def _to(state: State, facts: Facts, here: Peer, there: Peer) -> State:
    from vitscope.tui.state import Wish, choose  # noqa: PLC0415

    assert facts.geometry is not None
    after = moved(state, facts.geometry, there)
    if not (state.side.ordered and state.view == "models" and state.head in here.order and there.order):
        return after
    rank, last = here.order.index(state.head), len(there.order) - 1
    if rank == len(here.order) - 1:  # the last may stand in for one that this model lacks
        rank = max(rank, *(wish.value for wish in state.wishes if wish.name == "rank"), 0)
    after = choose(after, head=there.order[min(rank, last)])
    return replace(after, wishes=(*after.wishes, Wish("rank", rank, facts.geometry))) if rank > last else after


def along(by: int) -> Move:
    """Along the columns of the page: to the next head, or to the head of the next rank."""
    from vitscope.tui.state import choose  # noqa: PLC0415

    def move(state: State, facts: Facts) -> State:
        here = next((peer for peer in facts.peers if peer.name == state.run), None)
        if facts.geometry is None or here is None:
            return state
        order = here.order if state.side.ordered and here.order else tuple(range(facts.geometry.heads))
        at = order.index(state.head) if state.head in order else 0
        return choose(state, head=order[max(0, min(at + by, len(order) - 1))])

    return move


def toggle(state: State, facts: Facts) -> State:
    """To the page of models, or back from it."""
    from vitscope.tui.state import enter  # noqa: PLC0415

    if state.view == "models":
        return replace(state, trail=state.trail[:-1]) if len(state.trail) > 1 else state
    if len(facts.peers) < 2:
        return replace(state, message="no other model was measured on these images: extract one more to compare")
    return enter(state, "models")


def pin(state: State, _facts: Facts) -> State:
    """Make this model the one that others are compared with; pressed on it again, no model is."""
    side = state.side
    if side.pin == state.run:
        return replace(state, side=replace(side, pin=None, difference=False), message="no model is pinned")
    return replace(state, side=replace(side, pin=state.run))


def difference(state: State, _facts: Facts) -> State:
    """Draw differences to the pinned model; without one, this model is pinned."""
    side = state.side
    return replace(state, side=replace(side, difference=not side.difference, pin=side.pin or state.run))


def order(state: State, _facts: Facts) -> State:
    """Heads in the order of the chosen number, or of their indices."""
    return replace(state, side=replace(state.side, ordered=not state.side.ordered))
