"""Finding heads: what was asked for, where one is among the results, and the moves of that page. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from vitscope.derive.find import search
from vitscope.errors import ViewError
from vitscope.tui.prompt import prompt, remembered
from vitscope.tui.steps import clamp

if TYPE_CHECKING:
    from vitscope.tui.state import Facts, Move, State

QUERIES = 50  # that are remembered
WORDS = ("layer", "head", "tag", "model", "sort")  # what a query may name besides numbers


class Spot(NamedTuple):
    """A head of a run, which is named by its folder; layer and head count from 0."""

    run: str
    layer: int
    head: int


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A search for heads, by a query or by likeness to a head, or both."""

    query: str = ""  # as it is typed, which may not be understood
    good: str = ""  # the last one that was, whose results are shown
    like: Spot | None = None  # heads are ranked by the likeness of their AAAM to this one's
    everywhere: bool = False  # in every model measured on the same images, not only in the open one
    at: int = 0  # line under the cursor
    history: tuple[str, ...] = ()


def changed(state: State, **fields: object) -> State:
    """The state with another search."""
    return replace(state, finding=replace(state.finding, **fields))


def begin(state: State, facts: Facts) -> State:
    """Type a query; the last one is there to go on from. On the page of similar heads it narrows them down."""
    from vitscope.tui.state import enter  # noqa: PLC0415 (state holds a Finding)

    finding = state.finding
    if state.view != "find" and finding.like is not None:
        last = finding.history[-1] if finding.history else ""
        state = changed(state, like=None, query=last, good=last, at=0)
    line = prompt("find", state.finding.query, finding.history)
    return replace(enter(state, "find"), prompt=line) if facts.geometry else state


def follow(state: State, facts: Facts, text: str) -> State:
    """The results of what is typed so far; what is not understood or not finished keeps the results before it."""
    if text == state.finding.query:
        return state
    last = "" if text.endswith(" ") else text.rpartition(" ")[2].lstrip("-").casefold()
    unfinished = last and any(name.casefold().startswith(last) for name in (*facts.searchable, *WORDS))
    if unfinished or not understood(text, facts.searchable):
        return changed(state, query=text)
    return changed(state, query=text, good=text, at=0)


def understood(text: str, names: tuple[str, ...]) -> bool:
    """Whether it is a query over the numbers called `names`; of these nothing is known before they have been read."""
    try:
        search(text, names)
    except ViewError:
        return not names
    return True


def take(state: State, facts: Facts, text: str) -> State:
    """Keep the query: into the history, and its results under the cursor."""
    if text != state.finding.good and understood(text, facts.searchable):
        state = changed(state, query=text, good=text, at=0)
    return changed(state, query=text, history=remembered(state.finding.history, text)[-QUERIES:])


def alike(state: State, facts: Facts) -> State:
    """Rank all heads by how much their AAAM is like that of the head under the cursor."""
    from vitscope.tui.state import enter  # noqa: PLC0415

    here = under(state, facts)
    if here is None:
        return state
    return enter(changed(state, like=here, query="", good="", at=0, everywhere=True), "find")


def under(state: State, facts: Facts) -> Spot | None:
    """The head under the cursor: of the list on the page of results, of the grid elsewhere."""
    if state.view == "find":
        return facts.found[clamp(state.finding.at, len(facts.found))] if facts.found else None
    return None if state.run is None or facts.geometry is None else Spot(state.run, state.layer, state.head)


def line(by: int) -> Move:
    """Down the list of results."""

    def move(state: State, facts: Facts) -> State:
        return changed(state, at=clamp(clamp(state.finding.at, len(facts.found)) + by, len(facts.found)))

    return move


def models(state: State, facts: Facts) -> State:
    """Search every model, or only the open one."""
    if len(facts.peers) < 2:
        return replace(state, message="no other model was measured on these images")
    return changed(state, everywhere=not state.finding.everywhere, at=0)


def into(state: State, facts: Facts) -> State:
    """To the head under the cursor; Esc leads back to the list."""
    here = under(state, facts)
    if here is None:
        return state
    return replace(at(state, facts, here), trail=("runs", "overview", "find", "head"))


def match(by: int) -> Move:
    """To the next head of the list, wherever one is looking; past the last comes the first."""

    def move(state: State, facts: Facts) -> State:
        found = facts.found
        if not found:
            asked = state.finding.query or state.finding.like
            return replace(state, message="no head fits" if asked else "nothing has been searched for yet: / does")
        if state.view == "find":
            return changed(state, at=(clamp(state.finding.at, len(found)) + by) % len(found))
        here = under(state, facts)
        to = (found.index(here) + by) % len(found) if here in found else clamp(state.finding.at, len(found))
        what = state.finding.query or "more like this"
        after = changed(at(state, facts, found[to]), at=to)
        return replace(after, message=f"match {to + 1} of {len(found)}: {what}")

    return move


def at(state: State, facts: Facts, spot: Spot) -> State:
    """The state at a head, perhaps of another model; everything else is kept as far as that has it."""
    from vitscope.tui.side import moved  # noqa: PLC0415
    from vitscope.tui.state import choose  # noqa: PLC0415

    peer = next((peer for peer in facts.peers if peer.name == spot.run), None)
    if peer is not None and facts.geometry is not None and spot.run != state.run:
        state = moved(state, facts.geometry, peer)
    return choose(state, layer=spot.layer, head=spot.head)
