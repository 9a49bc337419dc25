"""What every page needs to be read before it can be drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from vitscope.store.reader import Run
from vitscope.tui import items, searching
from vitscope.tui.beside import run_of
from vitscope.tui.book import Book
from vitscope.tui.gallery import number_of
from vitscope.tui.library import Item
from vitscope.tui.side import moved, window
from vitscope.tui.state import State, View

WITH_HEADS: tuple[View, ...] = ("overview", "layer", "head", "image", "distance", "models", "saliency")


def _features(state: State, run: Run, book: Book) -> list[Item]:
    """What the pages about features show."""
    if state.view == "cka":
        both = [items.cka(state, run, book), items.across(state, run, book)]
        return both[::-1] if state.features.across else both
    if state.view == "curves":
        return [items.curves(run, book)]
    return [Item("norms" if state.features.branch == "tokens" else "residual", run.folder)]


def _quantity(state: State, run: Run, book: Book) -> list[Item]:
    """What the chosen number of a run is made of, where that is not among its numbers."""
    if state.quantity == "offset":
        return [Item("offsets", run.folder)]
    masks = items.saliency(None, run, book) if state.quantity == "iou" else None
    return [masks] if masks else []


def _models(state: State, run: Run, book: Book) -> list[Item]:
    """What the page of models shows: the maps of the query token of those on it, and the numbers of all of them."""
    wanted = []
    for _, peer in window(book.peers(state, run), state):
        other = run_of(peer, run, book)
        theirs = state if other is run else moved(state, run.geometry, peer)
        wanted.append(items.maps(theirs, other, items.pictured(state, other, book), book.shots))
    return [*wanted, *_numbers(state, run, book), Item("offsets", run.folder), Item("tags", run.folder)]


def _numbers(state: State, run: Run, book: Book) -> list[Item]:
    """The numbers of all models, and whatever else the chosen one is made of."""
    every = [run_of(peer, run, book) for peer in book.peers(state, run)]
    slow = [item for other in every for item in _quantity(state, other, book)]
    return [*(Item("numbers", other.folder) for other in every), *slow]


def _find(state: State, run: Run, book: Book) -> list[Item]:
    """What the page of results shows: the head under its cursor, and everything that is searched."""
    theirs, there = searching.preview(book, state, run) or (state, run)
    return [items.maps(theirs, there), items.aligned(theirs, there), *searching.wanted(book, state, run)]


def _every(state: State, run: Run, book: Book) -> list[Item]:
    """What the page of all models by layer shows."""
    return [*_numbers(state, run, book), Item("tags", run.folder)]


def _images(state: State, run: Run, book: Book) -> list[Item]:
    """What the sheet of images shows: every image, and the attention over it where that is asked for."""
    count, live = len(book.gallery(state)), len(book.shots.paths)
    every = [replace(state, image=number_of(i, count, live)) for i in range(count)]
    maps = [items.maps(each, run, each.image, book.shots) for each in every] if state.overlay else []
    return [*(items.crop(each, run, book.shots) for each in every), *maps]


def _heads(state: State, run: Run, book: Book) -> list[Item]:
    """What the pages about the heads of one model show."""
    numbers = Item("numbers", run.folder)
    slow = [items.aligned(state, run), Item("offsets", run.folder), Item("tags", run.folder)]
    masks = items.saliency(state if state.view == "saliency" else None, run, book)
    slow += [masks] if masks else []
    if state.view == "image":
        maps = items.maps(state, run, items.pictured(state, run, book), book.shots)
        return [maps, items.crop(state, run, book.shots), numbers, *slow[1:]]
    if state.view == "head":
        return [items.maps(state, run), numbers, *slow, items.aligned(replace(state, corrected=False), run)]
    return [numbers, items.maps(state, run, items.pictured(state, run, book), book.shots), *slow]


_PAGES: dict[View, Callable[[State, Run, Book], list[Item]]] = {
    "cka": _features,
    "residual": _features,
    "curves": _features,
    "find": _find,
    "images": _images,
    "models": _models,
    "results": lambda _state, run, book: [items.table(run, book)],
    "info": lambda _state, run, book: [items.info(run, book)],
}


def needs(state: State, book: Book) -> list[Item]:
    """What the page of `state` shows, the most urgent first."""
    run = book.run(state)
    if run is None or state.view == "runs":
        return []
    several = state.view == "distance" and state.panels.every != "one"
    wanted = (_every if several else _PAGES.get(state.view, _heads))(state, run, book)
    if state.finding.query and state.view in WITH_HEADS:  # heads that fit are marked
        wanted = [*dict.fromkeys([*wanted, *searching.wanted(book, state, run)])]
    return wanted
