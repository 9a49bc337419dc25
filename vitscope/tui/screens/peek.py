"""The head under the cursor, beside the grid of all heads: its map, its numbers, its tags."""

from __future__ import annotations

from vitscope.store.reader import Run
from vitscope.tui.book import Book
from vitscope.tui.render.surface import Rect, Surface
from vitscope.tui.screens import maps, numbers
from vitscope.tui.state import State


def width(rect: Rect) -> int:
    """Columns that the pane takes of `rect`; 0 where the grid needs all of them."""
    if rect.width < 96 or rect.height < 16:
        return 0
    return max(30, min(36, rect.width // 3))


def draw(surface: Surface, rect: Rect, state: State, book: Book, run: Run) -> None:
    """Map above, numbers below."""
    below = 11
    place = Rect(rect.x, rect.y, rect.width, rect.height - below)
    bottom = maps.query(surface, place, state, book, run)
    numbers.draw(surface, Rect(rect.x, bottom + 1, rect.width, rect.bottom - bottom - 1), state, book, run)
