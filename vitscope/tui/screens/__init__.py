"""Pages: each a function from a state and what has been read to a drawing on a surface. No Textual here.

The page of a view is `draw` in the module that has the view's name, which is imported when it is first shown.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from vitscope.tui.book import Book
from vitscope.tui.colors import Depth
from vitscope.tui.palettes import theme
from vitscope.tui.render.surface import Rect, Surface
from vitscope.tui.screens import command, keys
from vitscope.tui.screens.frame import body, footer, header
from vitscope.tui.state import State, View

Page = Callable[[Surface, Rect, State, Book], None]


def page(view: View) -> Page:
    """The page of a view."""
    return import_module(f"{__name__}.{view}").draw


def draw(state: State, book: Book, width: int, height: int, depth: Depth) -> Surface:
    """The whole screen for a state."""
    surface = Surface(width, height, theme(depth, light=state.light, palette=state.palette))
    header(surface, state, book)
    shown = keys.draw if state.help else page(state.view if book.listing else "runs")  # which says that it reads
    shown(surface, body(surface), state, book)
    footer(surface, state)
    command.draw(surface, state, book)
    return surface
