"""The sheet of all images: how they lie on it, and the moves over it. Pure.

An image of the gallery has its place on the sheet as its number; those opened live come after them and count from −1
down, as `opening` has them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vitscope.tui.steps import clamp

if TYPE_CHECKING:
    from vitscope.tui.state import Facts, Move, State

NONE = "this run kept no images: measure with --metrics gallery, or open one with o"


def across(count: int) -> int:
    """Images in a line, by how many there are.

    >>> [across(count) for count in (1, 4, 8, 12, 50)]
    [1, 4, 4, 5, 8]
    """
    return max(1, min(count, 4)) if count <= 8 else 5 if count <= 15 else 6 if count <= 24 else 8


def number_of(place: int, count: int, live: int) -> int:
    """The number of the image at a place of a sheet of `count`, the last `live` of which were opened live.

    >>> [number_of(place, 4, 2) for place in range(4)]
    [0, 1, -2, -1]
    """
    return place if place < count - live else place - count


def begin(state: State, facts: Facts) -> State:
    """To the sheet, at the image that was looked at last."""
    from vitscope.tui.state import enter  # noqa: PLC0415 (state is made of what pages remember)

    return enter(state, "images") if facts.images else replace(state, message=NONE)


def along(by: int) -> Move:
    """To the next image of the sheet."""

    def move(state: State, facts: Facts) -> State:
        if not facts.images:
            return state
        place = clamp(state.image % facts.images + by, facts.images)
        return replace(state, image=number_of(place, facts.images, facts.live))

    return move


def down(by: int) -> Move:
    """To the image below, or above; where there is none, nowhere."""

    def move(state: State, facts: Facts) -> State:
        wide = across(facts.images)
        place = state.image % facts.images + by * wide if facts.images else -1
        return along(by * wide)(state, facts) if 0 <= place < facts.images else state

    return move
