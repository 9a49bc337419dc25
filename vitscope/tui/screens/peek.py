"""The head under the cursor, beside the grid of all heads: its maps, its numbers, its tags."""

from __future__ import annotations

from vitscope.store.reader import Run
from vitscope.tui.book import Book
from vitscope.tui.render.heat import factor
from vitscope.tui.render.surface import Rect, Surface
from vitscope.tui.screens import maps, numbers
from vitscope.tui.state import State

LARGEST = 3  # pixels per patch
BELOW = 13  # lines that numbers and tags may take


def width(rect: Rect) -> int:
    """Columns that the pane takes of `rect` at least; 0 where the grid needs all of them."""
    return 36 if rect.width >= 96 and rect.height >= 20 else 0


def draw(surface: Surface, rect: Rect, state: State, book: Book, run: Run) -> None:
    """The map, AAAM beside or below it where there is room, then numbers and tags."""
    g = run.geometry
    wide, tall = 2 * g.columns - 1, 2 * g.rows - 1
    times = min(LARGEST, factor(g.rows, g.columns, rect.width, rect.height - BELOW))
    place = Rect(rect.x, rect.y, max(g.columns * times, min(rect.width, 34)), rect.height - BELOW)
    beside = rect.width - place.width - 3
    bottom = maps.query(surface, place, state, book, run, most=times)
    if beside >= max(wide, 30):
        x = rect.right - beside
        maps.aligned(surface, Rect(x, rect.y, beside, place.height), state, book, run, most=max(1, times // 2))
    elif rect.bottom - bottom - BELOW > tall // 2 + 4 and rect.width >= wide:
        bottom = maps.aligned(surface, Rect(rect.x, bottom + 1, rect.width, tall // 2 + 4), state, book, run, most=1)
    numbers.draw(surface, Rect(rect.x, bottom + 1, rect.width, rect.bottom - bottom - 1), state, book, run)
