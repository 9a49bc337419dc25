"""What a search for heads needs from the book, and what it finds there."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from vitscope.store.reader import Run
from vitscope.tui.census import Found, Known, everywhere
from vitscope.tui.library import Item, Numbers
from vitscope.tui.side import moved
from vitscope.tui.steps import clamp

if TYPE_CHECKING:
    from vitscope.tui.book import Book
    from vitscope.tui.state import State


def searched(book: Book, state: State, run: Run) -> list[Run]:
    """The runs whose heads are searched: the open one, or all that were measured on the same images."""
    if not everywhere(state.finding):
        return [run]
    return [book.listing.run(peer.name) or run for peer in book.peers(state, run)] if book.listing else [run]


def found(book: Book, state: State, run: Run) -> Found | None:
    """The heads that fit; None while nothing has been read."""
    like, shape = state.finding.like, None
    of = book.listing.run(like.run) if book.listing and like else None
    shapes = None if of is None else book.get(Item("shapes", of.folder))
    if like is not None and isinstance(shapes, np.ndarray):
        shape = shapes[like.layer, like.head]
    return book.census.search(state.finding, [_known(book, state, each) for each in searched(book, state, run)], shape)


def matches(book: Book, state: State, run: Run, of: Run | None = None) -> frozenset[tuple[int, int]] | None:
    """Layer and head of the heads of `run` that a query left over, or of the heads of another model.

    None without a query that leaves any out, and for a model that is not searched.
    """
    brought = found(book, state, run) if state.finding.query else None
    if brought is None or not brought.narrowed:
        return None
    of = run if of is None else of
    if of.folder not in {each.folder for each in searched(book, state, run)}:
        return None
    return frozenset((spot.layer, spot.head) for spot in brought.spots if spot.run == of.folder.name)


def searchable(brought: Found | None) -> tuple[str, ...]:
    """Names of the numbers that a query may use."""
    return tuple(brought.heads.numbers) if brought else ()


def wanted(book: Book, state: State, run: Run) -> list[Item]:
    """Everything that is known of the heads that are searched, the open run's first."""
    runs = sorted(searched(book, state, run), key=lambda each: each is not run)
    items = [Item("numbers", each.folder) for each in runs]
    if state.finding.like is not None:
        of = book.listing.run(state.finding.like.run) if book.listing else None
        items += [Item("shapes", each.folder) for each in ([of] if of else []) + [r for r in runs if r is not of]]
    for each in runs:
        items += [_scores(book, each), Item("offsets", each.folder), Item("tags", each.folder)]
    return items


def unread(book: Book, state: State, run: Run) -> int:
    """Models of which something is still being read."""
    items = wanted(book, state, run)
    return len({item.run for item in items if book.get(item) is None})


def preview(book: Book, state: State, run: Run) -> tuple[State, Run] | None:
    """The head under the cursor of the list, as the state and run that it would be looked at with."""
    brought = found(book, state, run)
    if brought is None or not brought.spots:
        return None
    spot = brought.spots[clamp(state.finding.at, len(brought.spots))]
    there = (book.listing.run(spot.run) if book.listing else None) or run
    if there is not run:
        peer = next(peer for peer in book.peers(state, run) if peer.name == spot.run)
        state = moved(state, run.geometry, peer)
    return replace(state, layer=spot.layer, head=spot.head), there


def _known(book: Book, state: State, run: Run) -> Known:
    numbers, offsets, tags = book.numbers(run), book.offsets(run), book.tags(run)
    scores = book.get(_scores(book, run))
    shapes = book.get(Item("shapes", run.folder)) if state.finding.like is not None else None
    return Known(
        run,
        numbers if isinstance(numbers, Numbers) else None,
        offsets if isinstance(offsets, np.ndarray) else None,
        tags if isinstance(tags, list) else None,
        scores if isinstance(scores, dict) else None,
        shapes if isinstance(shapes, np.ndarray) else None,
    )


def _scores(book: Book, run: Run) -> Item:
    """The evaluations of saliency of the same weights, newest first."""
    every = book.listing.evaluations if book.listing else ()
    same = [each for each in every if each.spec.task == "saliency" and each.spec.weights == run.spec.weights]
    return Item("scores", run.folder, others=tuple(each.folder for each in same if each.model == run.model))
