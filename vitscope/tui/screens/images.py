"""All images of the gallery beside each other with one head's attention over each: a habit, or what one image asks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath
from typing import NamedTuple

import numpy as np

from vitscope.geometry import Geometry
from vitscope.store.reader import Run
from vitscope.tui import mouse
from vitscope.tui.book import Book
from vitscope.tui.gallery import across, number_of
from vitscope.tui.library import Maps
from vitscope.tui.render.heat import bar, heat, mark
from vitscope.tui.render.photo import glow, overlay, paint
from vitscope.tui.render.surface import Rect, Surface
from vitscope.tui.screens import maps
from vitscope.tui.screens.frame import gone, notice
from vitscope.tui.state import State

LARGEST = 4  # pixels per patch
LABEL = 8  # columns of a name at least, where there is room
GAP = 2
NONE = "This run kept no images: `vitscope extract --metrics gallery` keeps some, and o opens one now."


class Plan(NamedTuple):
    """How images are laid out: each `rows` × `columns` pixels in a cell of `wide` × `tall`, `down` lines of them."""

    rows: int
    columns: int
    times: int  # pixels per patch, 0 where several patches share one
    wide: int
    tall: int
    down: int


def plan(g: Geometry, count: int, width: int, height: int) -> Plan:
    """As large as all fit; where even small ones do not, small ones, and the page scrolls by lines."""
    wide, lines = width // across(count), -(-count // across(count))
    room = max(2, wide - (GAP if wide > 10 else 1))
    most = max(0, min(LARGEST, room // g.columns))
    sizes = [(g.rows * times, g.columns * times, times) for times in range(most, 0, -1)]
    sizes += [(max(2, columns * g.rows // g.columns), columns, 0) for columns in range(min(room, g.columns - 1), 3, -1)]
    sizes = sizes or [(2, 2, 0)]
    rows, columns, times = next((size for size in sizes if lines * (-(-size[0] // 2) + 1) <= height), sizes[-1])
    tall = -(-rows // 2) + 1
    gap = 1 if lines * (tall + 1) - 1 <= height else 0
    near = min(wide, max(columns, LABEL) + 2 * GAP)
    return Plan(rows, columns, times, near, tall + gap, max(1, min(lines, height // tall)))


def draw(surface: Surface, rect: Rect, state: State, book: Book) -> None:
    """The image under the cursor in words, the sheet, and what the colours over that image mean."""
    run = book.run(state)
    if run is None:
        gone(surface, rect)
        return
    names = book.gallery(state)
    if not names:
        notice(surface, rect, NONE)
        return
    at = state.image % len(names)
    x = surface.write(rect.x, rect.y, f"{at + 1}/{len(names)}", surface.theme.dim) + 2
    x = surface.write(x, rect.y, names[at], surface.theme.accent, bold=True, width=min(len(names[at]), rect.right - x))
    title = f"attention {maps.asked(state)}" if state.overlay else "photographs"
    if x + 2 + len(title) <= rect.right:
        surface.write(x + 2, rect.y, title, surface.theme.dim)
    roomy = rect.height > 14
    low = (2 if roomy else 1) if state.overlay else 0
    top = rect.y + (2 if roomy else 1)
    _sheet(surface, Rect(rect.x, top, rect.width, rect.bottom - low - top), state, book, run)
    of = plan(run.geometry, len(names), rect.width, rect.bottom - low - top)
    values = book.maps(state, run, image=state.image) if state.overlay and of.times else None
    if isinstance(values, Maps):
        ramp = None if surface.theme.plain else glow(surface.theme)
        bar(surface, rect.x, rect.bottom - 1, min(rect.width, 60), maps.scaled(state, values), "this image", ramp)


def _sheet(surface: Surface, rect: Rect, state: State, book: Book, run: Run) -> None:
    """The images, from the line on that keeps the cursor on the page."""
    names = book.gallery(state)
    of, wide = plan(run.geometry, len(names), rect.width, rect.height), across(len(names))
    at, lines = state.image % len(names), -(-len(names) // wide)
    first = max(0, min(at // wide - of.down // 2, lines - of.down))
    for i in range(first * wide, min(len(names), (first + of.down) * wide)):
        x, y = rect.x + i % wide * of.wide, rect.y + (i // wide - first) * of.tall
        here = replace(state, image=number_of(i, len(names), len(book.shots.paths)))
        _image(surface, Rect(x, y, of.columns, -(-of.rows // 2)), here, book, run, of)
        _label(surface, x, y + -(-of.rows // 2), _stem(names[i]), of, chosen=i == at)
        surface.spot(Rect(x, y, of.wide, of.tall), mouse.image(here.image))
    if first + of.down < lines:
        surface.write(rect.right - 1, rect.bottom - 1, "↓", surface.theme.accent, bold=True)
    if first:
        surface.write(rect.right - 1, rect.y, "↑", surface.theme.accent, bold=True)


def _stem(name: str) -> str:
    """The name of a file without its folder and suffix."""
    return PurePosixPath(name).stem


def _label(surface: Surface, x: int, y: int, name: str, of: Plan, *, chosen: bool) -> None:
    """The end of its name as far as it fits, lit up where the cursor is."""
    theme, room = surface.theme, max(min(LABEL, of.wide - 1), min(of.columns, of.wide - 1))
    text = (name if len(name) <= room else name[-room:]).ljust(room if chosen else 0)
    ink, back = (theme.on(theme.accent), theme.accent) if chosen else (theme.dim, None)
    surface.write(x, y, text, ink, back=back, bold=chosen, reverse=chosen and theme.depth == "mono")


def _image(surface: Surface, rect: Rect, state: State, book: Book, run: Run, of: Plan) -> None:
    """One image, with the head's attention over it where that is asked for and each patch has a pixel."""
    photo = book.photograph(state, run, of.rows, of.columns)
    if not isinstance(photo, np.ndarray):
        surface.fill(rect, surface.theme.panel)
        return
    values = book.maps(state, run, image=state.image) if state.overlay and of.times else None
    if not isinstance(values, Maps):
        paint(surface, rect.x, rect.y, photo)
        return
    mine, scale = values.patches[state.layer, state.head], maps.scaled(state, values)
    if surface.theme.plain:
        heat(surface, rect.x, rect.y, mine, scale, of.times)
    else:
        paint(surface, rect.x, rect.y, overlay(photo, mine, scale, surface.theme))
    if state.kind == "patch" and state.patch is not None:
        mark(surface, rect.x, rect.y, of.times, *state.patch)
