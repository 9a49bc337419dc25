"""Pages: each a function from a state and what has been read to a drawing on a surface. No Textual here."""

from __future__ import annotations

from collections.abc import Callable

from vitscope.tui.book import Book
from vitscope.tui.colors import Depth
from vitscope.tui.palettes import theme
from vitscope.tui.render.surface import Rect, Surface
from vitscope.tui.screens import (
    cka,
    command,
    curves,
    distance,
    find,
    head,
    image,
    images,
    info,
    keys,
    layer,
    models,
    overview,
    residual,
    results,
    runs,
    saliency,
)
from vitscope.tui.screens.frame import body, footer, header
from vitscope.tui.state import State, View

Page = Callable[[Surface, Rect, State, Book], None]

PAGES: dict[View, Page] = {
    "runs": runs.draw,
    "overview": overview.draw,
    "head": head.draw,
    "image": image.draw,
    "images": images.draw,
    "distance": distance.draw,
    "models": models.draw,
    "cka": cka.draw,
    "residual": residual.draw,
    "curves": curves.draw,
    "find": find.draw,
    "results": results.draw,
    "layer": layer.draw,
    "saliency": saliency.draw,
    "info": info.draw,
}


def draw(state: State, book: Book, width: int, height: int, depth: Depth) -> Surface:
    """The whole screen for a state."""
    surface = Surface(width, height, theme(depth, light=state.light, palette=state.palette))
    header(surface, state, book)
    page = keys.draw if state.help else PAGES[state.view if book.listing else "runs"]  # which says that it reads
    page(surface, body(surface), state, book)
    footer(surface, state)
    command.draw(surface, state, book)
    return surface
