"""Every head of every layer as a dot, by attention distance or any other number."""

from __future__ import annotations

import numpy as np

from vitscope.derive.distance import uniform_distance
from vitscope.store.reader import Run
from vitscope.tui.book import QUANTITIES, Book
from vitscope.tui.library import Column, Failure
from vitscope.tui.render.surface import Rect, Surface
from vitscope.tui.render.words import number
from vitscope.tui.screens import peek
from vitscope.tui.screens.frame import failed, gone
from vitscope.tui.screens.reading import reading
from vitscope.tui.state import State


def draw(surface: Surface, rect: Rect, state: State, book: Book) -> None:
    """One band a layer: dots for heads, a bar for their mean; the head under the cursor with its spread over images."""
    run = book.run(state)
    if run is None:
        gone(surface, rect)
        return
    column = book.column(run, state.quantity)
    if isinstance(column, Failure):
        failed(surface, rect, column)
        return
    if column is None:
        surface.write(rect.x, rect.y, f"{QUANTITIES[state.quantity].title} …", surface.theme.dim)
        return
    reading(surface, Rect(rect.x, rect.y, rect.width, 1), state, book, run)
    top = rect.y + (2 if rect.height > 14 else 1)
    side = peek.width(rect)
    width = rect.width - (side + 4 if side else 0)
    plot = Rect(rect.x + 5, top, max(10, width - 5 - (9 if width > 55 else 1)), rect.bottom - top - 2)
    _plot(surface, plot, state, run, column)
    if side:
        place = Rect(rect.right - side, top, side, rect.bottom - top)
        peek.draw(surface, place, state, book, run)


def _plot(surface: Surface, rect: Rect, state: State, run: Run, column: Column) -> None:
    g, theme = run.geometry, surface.theme
    quantity = QUANTITIES[state.quantity]
    marks = ticks(column.values, zero=quantity.zero)
    low, high = marks[0], marks[-1]
    band = max(1, min(3, rect.height // g.layers))
    shown = min(g.layers, rect.height // band)
    first = max(0, min(state.layer - shown // 2, g.layers - shown))
    for layer in range(first, first + shown):
        place = Rect(rect.x, rect.y + (layer - first) * band, rect.width, band)
        if state.quantity == "distance":
            _line(surface, place, _at(uniform_distance(g), low, high, rect), "┊")
        _band(surface, place, state, column, layer, (low, high))
    bottom = rect.y + shown * band
    _axis(surface, Rect(rect.x, bottom, rect.width, 2), marks)
    if state.quantity == "distance" and rect.y > 2:
        at = rect.x + _at(uniform_distance(g), low, high, rect)
        label = "┊ attention spread evenly"
        surface.write(min(at, rect.right - len(label)), rect.y - 1, label, theme.dim)
    if rect.width > 40 and rect.y > 2:
        surface.write(rect.right + 2, rect.y - 1, "mean", theme.dim)


def _band(surface: Surface, rect: Rect, state: State, column: Column, layer: int, ends: tuple[float, float]) -> None:
    """The heads of one layer; those that fall on the same cell are stacked, then counted."""
    theme, here = surface.theme, layer == state.layer
    middle = rect.y + rect.height // 2 if rect.height % 2 else rect.y + rect.height - 1
    values = column.values[layer]
    mean = float(np.mean(values))
    surface.write(
        rect.x - 5, middle, str(layer + 1), theme.accent if here else theme.dim, bold=here, width=3, align="right"
    )
    surface.write(rect.x - 1, middle, "│", theme.faint)
    for y in range(rect.y, rect.bottom):
        surface.write(rect.x - 1, y, "│", theme.faint)
    _line(surface, rect, _at(mean, *ends, rect), "│", ink=theme.dim)
    if rect.width > 40:
        surface.write(rect.right + 2, middle, number(mean), theme.text if here else theme.dim)
    order = [middle, *(y for y in range(rect.bottom - 1, rect.y - 1, -1) if y != middle)]
    taken: dict[tuple[int, int], int] = {}
    for head in np.argsort(values, kind="stable").tolist():
        if not np.isfinite(values[head]) or (here and head == state.head):
            continue
        x = rect.x + _at(float(values[head]), *ends, rect)
        free = next((y for y in order if (x, y) not in taken), order[0])
        taken[x, free] = taken.get((x, free), 0) + 1
        many = taken[x, free]
        surface.write(x, free, "●" if many == 1 else str(min(many, 9)), theme.text if here else theme.dim)
    if here and np.isfinite(values[state.head]):
        x = rect.x + _at(float(values[state.head]), *ends, rect)
        if column.spread is not None:
            spread = float(column.spread[layer, state.head])
            left, right = (rect.x + _at(float(values[state.head]) + side * spread, *ends, rect) for side in (-1, 1))
            for at in range(left, right + 1):
                if (at, middle) not in taken:
                    surface.write(at, middle, "─", theme.accent)
        surface.write(x, middle, "◆", theme.accent, bold=True)


def _line(surface: Surface, rect: Rect, at: int, character: str, ink: int | None = None) -> None:
    for y in range(rect.y, rect.bottom):
        surface.write(rect.x + at, y, character, surface.theme.faint if ink is None else ink)


def _at(value: float, low: float, high: float, rect: Rect) -> int:
    share = (value - low) / ((high - low) or 1.0)
    return round(max(0.0, min(1.0, share)) * (rect.width - 1))


def _axis(surface: Surface, rect: Rect, marks: list[float]) -> None:
    theme = surface.theme
    surface.rule(rect.x, rect.y, rect.width)
    surface.write(rect.x - 1, rect.y, "└", theme.faint)
    for tick in marks:
        x = rect.x + _at(tick, marks[0], marks[-1], rect)
        surface.write(x, rect.y, "┴" if tick > marks[0] else "─", theme.faint)
        label = f"{tick:g}"
        surface.write(min(x - len(label) // 2, rect.right - len(label)), rect.y + 1, label, theme.dim)


def ticks(values: np.ndarray, *, zero: bool) -> list[float]:
    """Round numbers that hold all values between them.

    >>> ticks(np.array([0.03, 0.57]), zero=True)
    [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
    """
    finite = values[np.isfinite(values)]
    low, high = (0.0 if zero else float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    raw = ((high - low) or abs(high) or 1.0) / 6
    power = 10.0 ** np.floor(np.log10(raw))
    step = float(next(s for s in (1, 2, 5, 10) if s * power >= raw * 0.999) * power)
    first, last = int(np.floor(low / step + 1e-9)), int(np.ceil(high / step - 1e-9))
    return [round(i * step, 10) for i in range(first, max(last, first + 1) + 1)]
