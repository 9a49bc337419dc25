"""Items that pages want, made from a state and what is in the cache. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vitscope.store.reader import Run
from vitscope.tui.library import Item
from vitscope.tui.opening import Shots
from vitscope.tui.state import State

if TYPE_CHECKING:
    from vitscope.tui.book import Book


def maps(state: State, run: Run, image: int | None = None, shots: Shots | None = None) -> Item:
    """The maps of the query token, in the mean or in one image, of the gallery or opened live."""
    live = shots.picture(run.folder.name, image) if shots and image is not None else None
    return Item("maps", run.folder, image=image, query=state.query, flag=state.received, live=live)


def pictured(state: State, run: Run, book: Book) -> int | None:
    """The number that the image of the open run has in `run`, on pages that show one image's attention; else None.

    One that the gallery of `run` lacks has there the number after its last: there is nothing to be read of it.
    """
    if not state.of_image:
        return None
    if state.image < 0 or run.folder.name == state.run:
        return state.image
    theirs = book.images.get(run.folder.name, [])
    return theirs.index(name) if (name := book.image(state)) in theirs else len(theirs)


def crop(state: State, run: Run, shots: Shots) -> Item:
    """The state's image."""
    return Item("picture", run.folder, image=state.image, live=shots.picture(run.folder.name, state.image))


def aligned(state: State, run: Run) -> Item:
    """AAAM of the heads of the state's layer."""
    return Item("aligned", run.folder, layer=state.layer, flag=state.corrected)


def cka(state: State, run: Run, book: Book) -> Item:
    """CKA of two runs, the same for both ways round, so that turning a matrix computes nothing."""
    first, second = sorted((run.folder, book.other(state, run).folder))
    return Item("cka", first, others=(second,), tokens=state.features.tokens)


def across(state: State, run: Run, book: Book) -> Item:
    """CKA of the last layers of all runs."""
    every = tuple(each.folder for each in book.candidates())
    return Item("across", run.folder.parent, others=every, tokens=state.features.tokens)


def curves(run: Run, book: Book) -> Item:
    """Every number that the evaluations have of every layer."""
    every = tuple(each.folder for each in book.listing.evaluations) if book.listing else ()
    return Item("curves", run.folder.parent, others=every)


def saliency(state: State | None, run: Run, book: Book) -> Item | None:
    """IoU of heads with masks: of the evaluation that `state` chose, else of the newest; None without one."""
    found = {each.folder.name: each.folder for each in book.masks(run)}
    if not found:
        return None
    newest = next(iter(found.values()))
    chosen = newest if state is None else found.get(state.panels.masks, newest)
    return Item("saliency", run.folder, others=(chosen,))


def info(run: Run, book: Book) -> Item:
    """What is known of a run."""
    every = book.listing.evaluations if book.listing else ()
    return Item("info", run.folder, others=tuple(each.folder for each in every if each.model == run.model))


def table(run: Run, book: Book) -> Item:
    """The best of every model in every task."""
    return replace(curves(run, book), kind="table")
