"""A gallery image with one head's attention over it; the query token moves over the picture."""

from __future__ import annotations

import numpy as np

from vitscope.store.reader import Run
from vitscope.tui.book import Book
from vitscope.tui.library import Failure, Maps
from vitscope.tui.render.heat import bar, heat, mark
from vitscope.tui.render.photo import glow, overlay, paint
from vitscope.tui.render.surface import Rect, Surface
from vitscope.tui.screens import maps, numbers
from vitscope.tui.screens.frame import failed, gone
from vitscope.tui.state import State

GAP = 3
LARGEST = 6  # pixels per patch
FLOW = 2  # lines of numbers below both pictures
NUMBERS = 8  # lines of numbers below the plain photograph


def draw(surface: Surface, rect: Rect, state: State, book: Book) -> None:
    """The photograph with attention over it, the plain photograph beside it where there is room, and numbers."""
    run = book.run(state)
    if run is None:
        gone(surface, rect)
        return
    crop = book.picture(state, run)
    values = book.maps(state, run, image=None if state.averaged else state.image)
    for value in (crop, values):
        if isinstance(value, Failure):
            failed(surface, rect, value)
            return
    g = run.geometry
    times, second = _layout(run, rect)
    whose = "all images (mean)" if state.averaged else "this image"
    title = f"attention {maps.asked(state)}, {whose}"
    surface.write(rect.x, rect.y, title, bold=True, width=min(len(title), rect.width))
    first = Rect(rect.x, rect.y + 1, g.columns * times, -(-g.rows * times // 2))
    photo = book.photograph(state, run, g.rows * times, g.columns * times)
    if photo is None or not isinstance(values, Maps):
        surface.fill(first, surface.theme.panel)
        return
    _attention(surface, first, state, values, photo, times)
    scale, wide = maps.scaled(state, values), max(first.width, min(rect.width, 34))
    ramp = glow(surface.theme) if state.overlay else None
    bar(surface, rect.x, first.bottom, wide, scale, maps.scale_label(state), ramp)
    x = max(first.right, rect.x + (34 if rect.width > 60 else 0)) + (GAP if rect.width > 60 else 2)
    side = Rect(x, rect.y, rect.right - x, rect.height)
    if rect.width <= 60:  # the bar is wider than the picture
        side = Rect(x, rect.y + 1, rect.right - x, first.height)
    if second:
        small = book.photograph(state, run, g.rows * second, g.columns * second)
        side = _photograph(surface, side, state, book, photo if small is None else small, second)
    _about(surface, side, first, state, book, run)


def _photograph(surface: Surface, rect: Rect, state: State, book: Book, photo: np.ndarray, times: int) -> Rect:
    """The image as it is, with its name; returns the part of `rect` below it."""
    names = book.gallery(state)
    count = f"{state.image % max(len(names), 1) + 1}/{len(names)}"
    name = names[state.image] if -len(names) <= state.image < len(names) else ""
    end = surface.write(rect.x, rect.y, name, surface.theme.text, bold=True, width=min(len(name), rect.width - 8))
    surface.write(end + 2, rect.y, count, surface.theme.dim)
    drawn = paint(surface, rect.x, rect.y + 1, photo)
    _token(surface, drawn, state, times)
    return Rect(rect.x, drawn.bottom + 1, rect.width, max(0, rect.bottom - drawn.bottom - 1))


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
    """Pixels per patch of the picture with attention, and of the plain photograph beside it (0: no room)."""
    g = run.geometry
    for numbers_below in (NUMBERS, 0):  # below the photograph, or below both pictures
        room = rect.height - 2 - (0 if numbers_below else FLOW)
        for times in range(max(1, min(LARGEST, 2 * room // g.rows)), 1, -1):
            left = rect.width - max(g.columns * times, 34) - GAP
            second = min(left // g.columns, 2 * (rect.height - 2 - max(numbers_below, FLOW)) // g.rows, times)
            if second >= max(2, times // 2):
                return times, second
    times = max(1, min(LARGEST, 2 * (rect.height - 2) // g.rows, (rect.width - 18) // g.columns))
    return times, 0


def _about(surface: Surface, rect: Rect, first: Rect, state: State, book: Book, run: Run) -> None:
    """Numbers of the head over all images: at the side if there is room, otherwise below."""
    if rect.width >= 16 and rect.height > 3:
        y = rect.y
        if rect.width > 30:
            place = f"layer {state.layer + 1} · head {state.head + 1}"
            x = surface.write(rect.x, y, place, surface.theme.accent, bold=True)
            surface.write(x + 2, y, f"mean of {run.images}", surface.theme.dim, width=max(rect.right - x - 2, 0))
            y += 1
        numbers.draw(surface, Rect(rect.x, y, rect.width, rect.bottom - y), state, book, run)
        return
    y = first.bottom + (2 if rect.bottom - first.bottom > 4 else 1)
    numbers.flow(surface, Rect(first.x, y, surface.width - 2 * first.x, rect.bottom - y), state, book, run)
