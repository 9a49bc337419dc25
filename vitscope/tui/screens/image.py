"""A gallery image with one head's attention over it; the query token moves over the picture."""

from __future__ import annotations

import numpy as np

from vitscope.store.reader import Run
from vitscope.tui import items, mouse
from vitscope.tui.book import Book
from vitscope.tui.library import Failure, Maps
from vitscope.tui.render.heat import bar, heat, shrink
from vitscope.tui.render.photo import dithered, glow, overlay, paint
from vitscope.tui.render.surface import Rect, Surface, ending
from vitscope.tui.screens import maps, numbers, reach
from vitscope.tui.screens.frame import failed, gone
from vitscope.tui.state import State

GAP = 3
LARGEST = 6  # pixels per patch
FLOW = 2  # lines of numbers below both pictures
NARROW = 18  # columns of numbers beside a picture
NUMBERS = 8  # lines of numbers below the plain photograph


def draw(surface: Surface, rect: Rect, state: State, book: Book) -> None:
    """The photograph with attention over it, the plain photograph beside it where there is room, and numbers."""
    run = book.run(state)
    if run is None:
        gone(surface, rect)
        return
    crop = book.picture(state, run)
    values = book.maps(state, run, image=items.pictured(state, run, book))
    for value in (crop, values):
        if isinstance(value, Failure):
            failed(surface, rect, value)
            return
    g = run.geometry
    times, second = _layout(run, rect)
    rows, columns = maps.size(g, times, rect.width - NARROW, rect.height - 2)
    first = Rect(rect.x, rect.y + 1, columns, -(-rows // 2))
    photo = book.photograph(state, run, rows, columns)
    if photo is None or not isinstance(values, Maps):
        surface.fill(first, surface.theme.panel)
        return
    _attention(surface, first, state, run, values, photo)
    scale, wide = maps.scaled(state, values), max(first.width, min(rect.width, 34))
    x = max(first.right, rect.x + (34 if rect.width > 60 else 0)) + (GAP if rect.width > 60 else 2)
    wide = min(wide, x - rect.x - 2) if second else wide
    ramp = glow(surface.theme) if state.overlay else None
    bar(surface, rect.x, first.bottom, wide, scale, maps.scale_label(state), ramp)
    _title(surface, Rect(rect.x, rect.y, x - rect.x - 2 if rect.width > 60 else rect.width, 1), state)
    side = Rect(x, rect.y, rect.right - x, rect.height)
    if rect.width <= 60:  # the bar is wider than the picture
        side = Rect(x, rect.y + 1, rect.right - x, first.height)
    if second:
        small = book.photograph(state, run, g.rows * second, g.columns * second)
        side = _photograph(surface, side, state, book, run, photo if small is None else small)
    elif rect.width > 60 and rect.bottom - first.bottom > first.height + 2:
        below = Rect(rect.x, first.bottom + 2, rect.width, first.height)
        _photograph(surface, below, state, book, run, photo)
    _about(surface, side, rect, first, state, book, run, values)


def _title(surface: Surface, rect: Rect, state: State) -> None:
    """Whose attention it is, in as many words as fit."""
    whose, asked = "all images (mean)" if state.averaged else "this image", maps.asked(state)
    titles = [f"attention {asked}, {whose}", f"{asked}, {whose}", asked]
    title = next((title for title in titles if len(title) <= rect.width), titles[-1])
    surface.write(rect.x, rect.y, title, bold=True, width=min(len(title), rect.width))


def _photograph(surface: Surface, rect: Rect, state: State, book: Book, run: Run, photo: np.ndarray) -> Rect:
    """The image as it is, with its name; returns the part of `rect` below it."""
    names = book.gallery(state)
    count = f"{state.image % max(len(names), 1) + 1}/{len(names)}"
    end = surface.write(rect.x, rect.y, ending(book.image(state), rect.width - 8), surface.theme.text, bold=True)
    surface.write(end + 2, rect.y, count, surface.theme.dim)
    photo = dithered(photo) if surface.theme.depth == "256" else photo
    drawn = paint(surface, rect.x, rect.y + 1, photo)
    _token(surface, drawn, state, run, photo)
    return Rect(rect.x, drawn.bottom + 1, rect.width, max(0, rect.bottom - drawn.bottom - 1))


def _attention(surface: Surface, place: Rect, state: State, run: Run, values: Maps, photo: np.ndarray) -> None:
    mine, scale, times = values.patches[state.layer, state.head], maps.scaled(state, values), _times(run, photo)
    if not times:
        mine = shrink(mine, *photo.shape[:2])
    if state.overlay and not surface.theme.plain:
        paint(surface, place.x, place.y, overlay(photo, mine, scale, surface.theme))
    else:
        heat(surface, place.x, place.y, mine, scale, max(1, times))
    _token(surface, place, state, run, photo)


def _times(run: Run, photo: np.ndarray) -> int:
    """Pixels per patch of a photograph, 0 where several patches share one."""
    return photo.shape[1] // run.geometry.columns


def _token(surface: Surface, place: Rect, state: State, run: Run, photo: np.ndarray) -> None:
    mouse.patches(surface, place, run.geometry, photo.shape[0], photo.shape[1])
    if state.kind == "patch" and state.patch is not None:
        maps.token(surface, place, state.patch, run.geometry, photo.shape[0], photo.shape[1])


def _layout(run: Run, rect: Rect) -> tuple[int, int]:
    """Pixels per patch of the picture with attention, and of the plain photograph beside it (0: no room).

    0 of the first: several patches share a pixel.
    """
    g = run.geometry
    for numbers_below in (NUMBERS, 0):  # below the photograph, or below both pictures
        room = rect.height - 2 - (0 if numbers_below else FLOW)
        for times in range(max(1, min(LARGEST, 2 * room // g.rows)), 1, -1):
            left = rect.width - max(g.columns * times, 34) - GAP
            second = min(left // g.columns, 2 * (rect.height - 2 - max(numbers_below, FLOW)) // g.rows, times)
            if second >= max(2, times // 2):
                return times, second
    times = max(0, min(LARGEST, 2 * (rect.height - 2) // g.rows, (rect.width - NARROW) // g.columns))
    left = rect.width - max(g.columns * times, 34) - GAP
    return times, max(0, min(times, left // g.columns)) if times == 1 and rect.width > 60 else 0


def _about(
    surface: Surface, rect: Rect, page: Rect, first: Rect, state: State, book: Book, run: Run, values: Maps
) -> None:
    """Numbers of the head over all images, and where the query looks: at the side if there is room, otherwise below."""
    mean = f"mean of {run.images}"
    if rect.width >= 16 and rect.height > 3:
        x, y = rect.x, rect.y
        if rect.width > 30:
            place = f"layer {state.layer + 1} · head {state.head + 1}"
            x = surface.write(x, y, place, surface.theme.accent, bold=True) + 2
        surface.write(x, y, mean, surface.theme.dim, width=min(len(mean), rect.right - x))
        y += 1
        y = numbers.draw(surface, Rect(rect.x, y, rect.width, rect.bottom - y), state, book, run)
        if rect.bottom - y > 2:
            below, where = Rect(rect.x, y + 1, rect.width, rect.bottom - y - 1), "" if state.averaged else ", here"
            reach.patches(surface, below, state, values, where)
        return
    y = first.bottom + (2 if page.bottom - first.bottom > 4 else 1)
    numbers.flow(surface, Rect(page.x, y, page.width, page.bottom - y), state, book, run, mean)
