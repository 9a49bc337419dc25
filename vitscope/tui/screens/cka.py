"""CKA: every layer of a model with every layer of another, or the last layers of all models."""

from __future__ import annotations

import numpy as np

from vitscope.store.reader import Run
from vitscope.tui import comparing
from vitscope.tui.book import Book
from vitscope.tui.library import Failure
from vitscope.tui.render.heat import bar
from vitscope.tui.render.surface import Rect, Surface
from vitscope.tui.render.words import number, short
from vitscope.tui.screens import matrix
from vitscope.tui.screens.frame import failed, gone, notice
from vitscope.tui.similarity import Across, Similarity
from vitscope.tui.state import State
from vitscope.views.grams import in_blocks

GAP = 4
NAMES = {"all": "all tokens", "spatial": "patches", "cls": "CLS"}


def draw(surface: Surface, rect: Rect, state: State, book: Book) -> None:
    """The matrix that the cursor is on; where there is room for it beside that, the last layers of all models."""
    run = book.run(state)
    if run is None:
        gone(surface, rect)
        return
    found = book.across(state, run)
    side = _side(rect, run, book) if isinstance(found, Across) and not state.features.across else 0
    _main(surface, Rect(rect.x, rect.y, rect.width - (side + GAP if side else 0), rect.height), state, book, run)
    if side and isinstance(found, Across):
        place = Rect(rect.right - side, rect.y, side, rect.height)
        title = f"last layers, {NAMES[state.features.tokens]}"
        surface.write(place.x, place.y, title, bold=True, width=min(len(title), side))
        names = matrix.Names([short(name) for name in found.names], [short(name) for name in found.names])
        at = [each.folder for each in book.candidates()]
        cursor = at.index(run.folder), at.index(book.other(state, run).folder)
        matrix.draw(surface, Rect(place.x, place.y + 2, side, rect.height - 2), found.values, names, cursor)
        surface.spot(place, "A")


def _side(rect: Rect, run: Run, book: Book) -> int:
    """Columns for the matrix of models beside that of layers; 0 where it would take its room."""
    models = book.candidates()
    shorts = [short(each.model) for each in models]
    names = matrix.Names(shorts, shorts)
    if len(models) <= 2 or rect.height < 12:
        return 0
    room = rect.width - GAP - matrix.LABEL - matrix.CELL * run.geometry.layers
    widths = (names.label + len(models) * cell for cell in (names.widest, matrix.CELL))
    return next((width for width in widths if width <= room), 0)


def _main(surface: Surface, rect: Rect, state: State, book: Book, run: Run) -> None:
    """What is compared, the matrix, the number under the cursor, what the colours mean and how it was estimated."""
    found = book.across(state, run) if state.features.across else book.similarity(state, run)
    title = _title(state, book, run, rect.width)
    x = surface.write(rect.x, rect.y, title, bold=True, width=min(len(title), rect.width))
    if found is None and x + 13 < rect.right:
        surface.write(x + 2, rect.y, "computing …", surface.theme.dim)
    top = rect.y + (2 if rect.height > 16 else 1)
    below = Rect(rect.x, top, rect.width, rect.bottom - top)
    if isinstance(found, Failure):
        failed(surface, below, found)
    elif isinstance(found, Similarity):
        _layers(surface, below, state, found)
    elif isinstance(found, Across):
        _models(surface, below, state, found, book)


def _title(state: State, book: Book, run: Run, room: int) -> str:
    tokens = NAMES[state.features.tokens]
    if state.features.across:
        return f"CKA of last layers, {tokens}"
    other = book.other(state, run)
    them = "itself" if other is run else short(other.model)
    title = f"{short(run.model)} (rows) with {them}, {tokens}"
    return title if len(title) <= room else f"{short(run.model)} × {them}, {tokens}"


def _layers(surface: Surface, rect: Rect, state: State, found: Similarity) -> None:
    rows, columns = found.values.shape
    names = matrix.Names([str(i + 1) for i in range(rows)], [str(j + 1) for j in range(columns)])
    at = min(state.layer, rows - 1), min(state.features.column, columns - 1)
    low = 4 if rect.height >= 12 else 2
    y = matrix.draw(surface, Rect(rect.x, rect.y, rect.width, rect.height - low), found.values, names, at)
    y = _reading(surface, Rect(rect.x, y, rect.width, 1), f"layer {at[0] + 1} with layer {at[1] + 1}", found.values[at])
    _scale(surface, rect, y, found.values)
    order = "in the data set's order, each divided by its range" if found.protocol == "paper" else "in random order"
    text = f"{in_blocks(found.blocks, found.images)} {order}"
    if found.protocol == "paper":
        text += "; where that order is by class, within classes mostly"
    notice(surface, Rect(rect.x, y + 1, rect.width, rect.bottom - y - 1), text)


def _models(surface: Surface, rect: Rect, state: State, found: Across, book: Book) -> None:
    shorts = [short(name) for name in found.names]
    names = matrix.Names(shorts, shorts)
    at = comparing.place(state.features.pair, [each.folder.name for each in book.candidates()])
    low = (4 if rect.height >= 12 else 2) + min(3, len(found.reasons))
    y = matrix.draw(surface, Rect(rect.x, rect.y, rect.width, rect.height - low), found.values, names, at)
    y += 1 if rect.bottom - y > 4 else 0
    place = Rect(rect.x, y, rect.width, 1)
    y = _reading(surface, place, f"{shorts[at[0]]} with {shorts[at[1]]}", found.values[at])
    _scale(surface, rect, y, found.values)
    y += 1
    for reason in found.reasons:
        y = notice(surface, Rect(rect.x, y, rect.width, rect.bottom - y), reason, ink=surface.theme.bad)


def _reading(surface: Surface, rect: Rect, place: str, value: float) -> int:
    """What is under the cursor; returns the row below."""
    x = surface.write(rect.x, rect.y, place, surface.theme.accent, bold=True)
    surface.write(x + 2, rect.y, number(float(value)), bold=True)
    return rect.y + 1


def _scale(surface: Surface, rect: Rect, y: int, values: np.ndarray) -> None:
    if y < rect.bottom:
        bar(surface, rect.x, y, rect.width, matrix.span(values), "CKA")
