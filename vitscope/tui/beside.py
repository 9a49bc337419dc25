"""Models beside each other: a row for each on the page of models, which is drawn and written to a file alike."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from vitscope.store.reader import Run
from vitscope.tui import items
from vitscope.tui.book import Book
from vitscope.tui.library import Column, Failure, Maps
from vitscope.tui.render.heat import shrink
from vitscope.tui.render.words import short
from vitscope.tui.side import Peer, moved, window
from vitscope.tui.state import State


@dataclass(frozen=True)
class Row:
    """One model: its number from 1, its run and its place, and its heads in the order in which they are drawn."""

    number: int
    run: Run
    state: State
    heads: tuple[int, ...]
    column: Column | Failure | None
    maps: np.ndarray | Failure | None  # (heads, rows, columns) in that order, 1 where attention is uniform

    @property
    def name(self) -> str:
        """The model without where it comes from."""
        return short(self.run.model)

    @property
    def pinned(self) -> bool:
        """Whether the others are compared with it."""
        return self.run.folder.name == self.state.side.pin


def run_of(peer: Peer, run: Run, book: Book) -> Run:
    """The run of one of the models measured on the images of `run`."""
    return (book.listing.run(peer.name) if book.listing else None) or run


def rows(state: State, book: Book, run: Run) -> list[Row]:
    """The models on the page, `run` among them, each with maps over the patches of its own."""
    return [_row(state, book, run, number, peer) for number, peer in window(book.peers(state, run), state)]


def _row(state: State, book: Book, run: Run, number: int, peer: Peer) -> Row:
    other = run_of(peer, run, book)
    theirs = state if other is run else moved(state, run.geometry, peer)
    order = peer.order if state.side.ordered and peer.order else tuple(range(other.geometry.heads))
    column = book.column(other, state.quantity) if state.quantity != "tag" else None
    found = book.maps(theirs, other, image=items.pictured(state, other, book))
    if isinstance(found, Maps):
        found = found.patches[theirs.layer, list(order)] * other.geometry.patches
    return Row(number, other, theirs, order, column, found)


def sized(rows: list[Row], state: State, size: tuple[int, int]) -> list[Row]:
    """The rows with maps of `size` (rows, columns), or without any where that is empty.

    Where differences are looked at, each is less the pinned one, column by column; columns that it lacks are NaN.
    """
    rows = [_shrunk(row, size) for row in rows]
    if not state.side.difference:
        return rows
    base = next((row.maps for row in rows if row.pinned), None)
    if not isinstance(base, np.ndarray):
        return [replace(row, maps=base) for row in rows]
    return [_less(row, base) for row in rows]


def _shrunk(row: Row, size: tuple[int, int]) -> Row:
    if not isinstance(row.maps, np.ndarray):
        return row
    return replace(row, maps=shrink(row.maps, *size) if min(size) else None)


def _less(row: Row, base: np.ndarray) -> Row:
    if not isinstance(row.maps, np.ndarray):
        return row
    count = min(len(base), len(row.maps))
    minus = np.full(row.maps.shape, np.nan)
    minus[:count] = row.maps[:count] - base[:count]
    return replace(row, maps=minus)
