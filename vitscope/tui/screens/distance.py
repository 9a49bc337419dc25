"""Every head of every layer as a dot, by attention distance or any other number; of one model or of all."""

from __future__ import annotations

from vitscope.derive.distance import uniform_distance
from vitscope.store.reader import Run
from vitscope.tui import searching
from vitscope.tui.book import QUANTITIES, Book
from vitscope.tui.library import Column, Failure
from vitscope.tui.render.surface import Rect, Surface
from vitscope.tui.screens import dots, every, peek
from vitscope.tui.screens.dots import Dots
from vitscope.tui.screens.frame import failed, gone
from vitscope.tui.screens.reading import reading
from vitscope.tui.state import State


def draw(surface: Surface, rect: Rect, state: State, book: Book) -> None:
    """One band a layer: dots for heads, a bar for their mean; the head under the cursor with its spread over images."""
    run = book.run(state)
    if run is None:
        gone(surface, rect)
        return
    if state.panels.every != "one":
        every.draw(surface, rect, state, book, run)
        return
    column = book.column(run, state.quantity)
    if isinstance(column, Failure):
        failed(surface, rect, column)
        return
    if column is None:
        surface.write(rect.x, rect.y, f"{QUANTITIES[state.quantity].title} …", surface.theme.dim)
        return
    reading(surface, Rect(rect.x, rect.y, rect.width, 1), state, book, run)
    side = peek.width(rect)
    width = rect.width - (side + 4 if side else 0)
    dots.draw(surface, Rect(rect.x, rect.y + 1, width, rect.height - 1), _dots(state, book, run, column))
    if side:
        place = Rect(rect.right - side, rect.y + 2, side, rect.height - 2)
        peek.draw(surface, place, state, book, run)


def _dots(state: State, book: Book, run: Run, column: Column) -> Dots:
    mean = every.means(column)
    even = uniform_distance(run.geometry) if state.quantity == "distance" else None
    return Dots(
        values=column.values,
        spread=column.spread,
        layer=state.layer,
        head=state.head,
        zero=QUANTITIES[state.quantity].zero,
        even=None if even is None else (even, "attention spread evenly"),
        lines=(mean,),
        found=searching.matches(book, state, run),
        beside=(("mean", mean),),
    )
