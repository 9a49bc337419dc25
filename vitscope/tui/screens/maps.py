"""Maps of one head with title and scale: attention of the query token, and AAAM."""

from __future__ import annotations

import numpy as np

from vitscope.geometry import Geometry
from vitscope.store.reader import Run
from vitscope.tui import mouse
from vitscope.tui.book import Book
from vitscope.tui.library import Failure, Maps
from vitscope.tui.render.heat import Span, bar, factor, heat, mark, shrink, span
from vitscope.tui.render.surface import Rect, Surface, ending
from vitscope.tui.screens.frame import failed
from vitscope.tui.screens.numbers import direction
from vitscope.tui.state import State

LARGEST = 6  # pixels per patch: beyond that a map says no more and costs bytes
NAME = 24  # letters of an image's name in a title


def asked(state: State) -> str:
    """The query token in words."""
    name = {"cls": "CLS", "register": "reg1 for CLS", "spatial": "all patches (mean)"}.get(state.kind)
    if name is None and state.patch is not None:
        name = f"patch {state.patch[0] + 1},{state.patch[1] + 1}"
    return f"{'to' if state.received else 'from'} {name}"


def whose(state: State, book: Book) -> str:
    """The image whose attention the page shows, as in " in cat/000.jpg"; "" where it is the mean over all."""
    return f" in {ending(book.image(state) or 'one image', NAME)}" if state.of_image else ""


def scale_label(state: State) -> str:
    """What the colour scale of a map is taken from."""
    whose = {"head": "this head", "layer": "this layer", "model": "all layers"}[state.scale]
    return f"{whose}, log" if state.log else whose


def scaled(state: State, maps: Maps) -> Span:
    """The scale of the head's map: its own, its layer's or the model's largest value."""
    values = maps.patches
    part = {"head": values[state.layer, state.head], "layer": values[state.layer], "model": values}[state.scale]
    return span(part, log=state.log)


def query(surface: Surface, rect: Rect, state: State, book: Book, run: Run, *, most: int = LARGEST) -> int:
    """Attention from (or to) the query token over the grid of patches; returns the row below it."""
    theme = surface.theme
    title = f"attention {asked(state)}"
    title = title if len(title) <= rect.width else asked(state).removesuffix(" (mean)")
    surface.write(rect.x, rect.y, title, bold=True, width=min(len(title), rect.width))
    maps = book.maps(state, run)
    g = run.geometry
    times = min(most, factor(g.rows, g.columns, rect.width, rect.height - 2))
    if isinstance(maps, Failure):
        return failed(surface, Rect(rect.x, rect.y + 1, rect.width, rect.height - 1), maps)
    if maps is None:
        tall = -(-g.rows * max(1, times) // 2)
        surface.fill(Rect(rect.x, rect.y + 1, g.columns * max(1, times), tall), theme.panel)
        return rect.y + 2 + tall
    values, scale = maps.patches[state.layer, state.head], scaled(state, maps)
    rows, columns = size(g, times, rect.width, rect.height - 2)
    values = values if times else shrink(values, rows, columns)
    drawn = heat(surface, rect.x, rect.y + 1, values, scale, max(1, times))
    mouse.patches(surface, drawn, g, rows, columns)
    if state.kind == "patch" and state.patch is not None:
        token(surface, drawn, state.patch, g, rows, columns)
    bar(surface, rect.x, drawn.bottom, max(drawn.width, min(rect.width, 34)), scale, scale_label(state))
    return drawn.bottom + 1


def aligned(surface: Surface, rect: Rect, state: State, book: Book, run: Run, *, most: int = LARGEST) -> int:
    """AAAM with the query in the middle and the offset vector from there; returns the row below it."""
    theme, g = surface.theme, run.geometry
    title = "aligned (AAAM)" + (", corrected" if state.corrected else "")
    surface.write(rect.x, rect.y, title, bold=True, width=min(len(title), rect.width))
    rows, columns = 2 * g.rows - 1, 2 * g.columns - 1
    times = min(most, factor(rows, columns, rect.width, rect.height - 2))
    layer = book.aligned(state, run)
    if isinstance(layer, Failure):
        return failed(surface, Rect(rect.x, rect.y + 1, rect.width, rect.height - 1), layer)
    if not isinstance(layer, np.ndarray):
        tall = -(-rows * max(1, times) // 2)
        surface.fill(Rect(rect.x, rect.y + 1, columns * max(1, times), tall), theme.panel)
        return rect.y + 2 + tall
    values = layer[state.head]
    scale = span(values, log=state.log)
    if times == 0:
        values = shrink(values, *fitted(rows, columns, rect.width, rect.height - 2, 0))
        scale = span(values, log=state.log)
    drawn = heat(surface, rect.x, rect.y + 1, values, scale, max(1, times))
    if times > 1:
        mark(surface, drawn.x, drawn.y, times, g.rows - 1, g.columns - 1)
    offsets = book.offsets(run)
    bar(surface, rect.x, drawn.bottom, max(drawn.width, min(rect.width, 34)), scale, "log" if state.log else "")
    if isinstance(offsets, np.ndarray):
        vector = offsets[state.layer, state.head]
        if times:
            _arrow(surface, drawn, times, vector / g.step, (g.rows - 1, g.columns - 1))
        right, down = (round(float(part) / g.step, 2) + 0.0 for part in vector)  # no -0.00
        label = f"offset {right:+.2f}, {down:+.2f} patches"
        if drawn.bottom + 1 < rect.bottom:
            surface.write(rect.x, drawn.bottom + 1, label, theme.dim, width=min(len(label), rect.width))
            return drawn.bottom + 2
    return drawn.bottom + 1


def _arrow(surface: Surface, drawn: Rect, times: int, vector: np.ndarray, centre: tuple[int, int]) -> None:
    """The tip of the offset vector (patches right, down) as a character, where it leaves the query's own cell."""
    right, down = (float(part) for part in vector)
    if max(abs(right), abs(down)) < 0.75:
        return
    x = drawn.x + int((centre[1] + right + 0.5) * times)
    y = drawn.y + int((centre[0] + down + 0.5) * times / 2)
    surface.write(x, y, direction(vector), surface.theme.accent, bold=True)


def size(geometry: Geometry, times: int, width: int, height: int) -> tuple[int, int]:
    """Rows and columns of pixels of a map with `times` of them per patch; with 0 what fits in width × height cells."""
    return fitted(geometry.rows, geometry.columns, width, height, times)


def fitted(rows: int, columns: int, width: int, height: int, times: int) -> tuple[int, int]:
    """The same for any grid of values."""
    if times:
        return rows * times, columns * times
    share = min(width / columns, 2 * height / rows, 1.0)
    return max(1, int(rows * share)), max(1, int(columns * share))


def token(surface: Surface, drawn: Rect, patch: tuple[int, int], geometry: Geometry, rows: int, columns: int) -> None:
    """Mark the query on a map of rows × columns pixels, however many patches share one."""
    times, (row, column) = columns // geometry.columns, patch
    if not times:
        row, column = row * rows // geometry.rows, column * columns // geometry.columns
    mark(surface, drawn.x, drawn.y, max(1, times), row, column)
