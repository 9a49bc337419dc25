"""A gallery image with one head's attention over it; the query token moves over the picture."""

from __future__ import annotations

import numpy as np

from vitscope.store.reader import Run
from vitscope.tui.book import Book
from vitscope.tui.library import Failure, Maps, WantPicture
from vitscope.tui.render.heat import bar, heat, mark
from vitscope.tui.render.photo import overlay, paint, scaled
from vitscope.tui.render.surface import Rect, Surface
from vitscope.tui.screens import maps, numbers
from vitscope.tui.screens.frame import notice
from vitscope.tui.state import State

GAP = 3


def draw(surface: Surface, rect: Rect, state: State, book: Book) -> None:
    """The photograph with attention over it, the plain photograph beside it where there is room, and numbers."""
    run = book.run(state)
    if run is None:
        notice(surface, rect, "this run is gone from the cache: esc leads back to the runs.")
        return
    crop = book.get(WantPicture(run.folder, state.image))
    values = book.maps(state, run, image=None if state.averaged else state.image)
    for value in (crop, values):
        if isinstance(value, Failure):
            notice(surface, rect, value.sentence)
            return
    g = run.geometry
    times, pictures = _layout(run, rect)
    names = book.gallery(state)
    name = names[state.image] if state.image < len(names) else ""
    whose = "mean of all images" if state.averaged else "this image"
    title = f"attention {maps.asked(state)}, {whose}"
    surface.write(rect.x, rect.y, title, bold=True, width=min(len(title), rect.width))
    first = Rect(rect.x, rect.y + 1, g.columns * times, -(-g.rows * times // 2))
    if not isinstance(crop, np.ndarray) or not isinstance(values, Maps):
        surface.fill(first, surface.theme.panel)
        return
    photo = scaled(crop, g.rows * times, g.columns * times)
    _attention(surface, first, state, values, photo, times)
    label = f"of {state.scale}{', log' if state.log else ''}"
    bar(surface, rect.x, first.bottom, max(first.width, min(rect.width, 34)), maps.scaled(state, values), label)
    x = first.right + GAP
    if pictures == 2:
        count = f"{name}  {state.image + 1}/{len(names)}"
        surface.write(x, rect.y, count, surface.theme.dim, width=min(len(count), first.width))
        drawn = paint(surface, x, rect.y + 1, photo)
        _token(surface, drawn, state, times)
        x = drawn.right + GAP
    _about(surface, Rect(x, rect.y, rect.right - x, rect.height), first, state, book, run)


def _attention(surface: Surface, place: Rect, state: State, values: Maps, photo: np.ndarray, times: int) -> None:
    mine, scale = values.patches[state.layer, state.head], maps.scaled(state, values)
    if state.overlay and not surface.theme.plain:
        paint(surface, place.x, place.y, overlay(photo, mine, scale, surface.theme))
    else:
        heat(surface, place.x, place.y, mine, scale, times)
    _token(surface, place, state, times)


def _token(surface: Surface, place: Rect, state: State, times: int) -> None:
    if state.kind == "patch" and state.patch is not None:
        mark(surface, place.x, place.y, times, *state.patch)


def _layout(run: Run, rect: Rect) -> tuple[int, int]:
    """Pixels per patch, and how many pictures stand side by side."""
    g = run.geometry
    tallest = max(1, 2 * (rect.height - 2) // g.rows)
    pair = (rect.width - GAP) // (2 * g.columns)
    single = max(1, min(tallest, (rect.width - 24) // g.columns or 1))
    if min(pair, tallest) >= max(2, single - 1):
        return min(pair, tallest), 2
    return single, 1


def _about(surface: Surface, rect: Rect, first: Rect, state: State, book: Book, run: Run) -> None:
    """Numbers of the head: at the side if there is room, otherwise below."""
    if rect.width >= 20:
        surface.write(
            rect.x, rect.y, f"layer {state.layer + 1} · head {state.head + 1}", surface.theme.accent, bold=True
        )
        numbers.draw(surface, Rect(rect.x, rect.y + 2, rect.width, rect.height - 2), state, book, run)
        return
    y = first.bottom + 2
    x = first.x
    for label, value, _unit, _spread in numbers.lines(state, book, run):
        if y >= rect.bottom:
            return
        end = surface.write(x, y, f"{label} ", surface.theme.dim)
        x = surface.write(end, y, value, bold=True) + 3
