"""The page of distance for all models: a plot for each (the paper's Figure 4, left), or their means as lines."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from vitscope.derive.distance import uniform_distance
from vitscope.store.reader import Run
from vitscope.tui import searching
from vitscope.tui.book import QUANTITIES, Book
from vitscope.tui.curves import Score
from vitscope.tui.library import Column
from vitscope.tui.render import chart
from vitscope.tui.render.surface import Rect, Surface
from vitscope.tui.render.words import number, short
from vitscope.tui.screens import curves
from vitscope.tui.screens.dots import look, ticks
from vitscope.tui.screens.numbers import unit
from vitscope.tui.screens.reading import reading
from vitscope.tui.state import State


def draw(surface: Surface, rect: Rect, state: State, book: Book, run: Run) -> None:
    """What is under the cursor, then the plots or the lines; models without the number are named below."""
    runs = [other for peer in book.peers(state, run) if (other := _run(book, peer.name)) is not None]
    columns = [(other, book.column(other, state.quantity)) for other in runs]
    there = [(other, column) for other, column in columns if isinstance(column, Column)]
    reading(surface, Rect(rect.x, rect.y, rect.width, 1), state, book, run)
    missing = [short(other.model) for other, column in columns if not isinstance(column, Column | None)]
    low = 0
    if missing and rect.height > 12:
        text = f"not measured: {', '.join(missing)}"
        surface.write(rect.x, rect.bottom - 1, text, surface.theme.dim, width=min(len(text), rect.width))
        low = 1
    if not there:
        return
    top = rect.y + (2 if rect.height > 14 else 1)
    place = Rect(rect.x, top, rect.width, rect.bottom - top - low)
    if state.panels.every == "curves":
        _lines(surface, place, state, run, there)
    else:
        _plots(surface, place, state, book, run, there, len(runs) - len(missing))


def _run(book: Book, name: str) -> Run | None:
    return book.listing.run(name) if book.listing else None


def means(column: Column) -> np.ndarray:
    """The mean over the heads of every layer (L,), NaN where none has the number."""
    return np.array([row[np.isfinite(row)].mean() if np.isfinite(row).any() else np.nan for row in column.values])


def _even(state: State, runs: list[Run]) -> float | None:
    """Where attention that is spread evenly would lie; None if that is not the same for all of them."""
    if state.quantity != "distance":
        return None
    even = [uniform_distance(run.geometry) for run in runs]
    return even[0] if max(even) - min(even) < 1e-3 else None


def _lines(surface: Surface, rect: Rect, state: State, run: Run, there: list[tuple[Run, Column]]) -> None:
    """The mean of every layer, a line for each model."""
    quantity = QUANTITIES[state.quantity]
    stored = unit(there[0][1].unit)
    title = f"{quantity.title}{f', {stored}' if stored else ''}: mean over the heads of a layer"
    title = title if len(title) <= rect.width else f"{quantity.short}, mean of each layer"
    surface.write(rect.x, rect.y, title, bold=True, width=min(len(title), rect.width))
    names, values = tuple(short(other.model) for other, _ in there), tuple(means(column) for _, column in there)
    here = next((i for i, (other, _) in enumerate(there) if other is run), None)
    shown = curves.Shown(state.layer, zero=False, model=here, even=_even(state, [other for other, _ in there]))
    below = Rect(rect.x, rect.y + 1, rect.width, rect.height - 1)
    curves.chart_and_key(surface, below, Score(title, run.dataset, names, values, None), shown)


class Plot(NamedTuple):
    """One model among several: what is drawn of it, and the axes that all of them share."""

    run: Run
    column: Column
    place: int  # among the models, from 0
    line: int  # place of its line among colours
    found: frozenset[tuple[int, int]] | None  # layer and head of those that a search left over
    ticks: list[float]
    layers: int
    chosen: bool


def _plots(
    surface: Surface, rect: Rect, state: State, book: Book, run: Run, there: list[tuple[Run, Column]], total: int
) -> None:
    """A plot for each model, all on the same axes; where not all have room, those around the open one of `total`."""
    low, roomy = Rect(rect.x, rect.bottom - 1, rect.width, 1), rect.height >= 18
    if roomy or math.prod(chart.grid(rect, len(there))) < len(there):
        rect = Rect(rect.x, rect.y, rect.width, rect.height - 1)
    across, down = chart.grid(rect, len(there))
    count = across * down
    part = f"{count} of {total} models" if count < len(there) else ""
    surface.write(low.right - len(part), low.y, part, surface.theme.dim)
    if roomy:
        _legend(surface, Rect(low.x, low.y, low.width - len(part), 1), even=_even(state, [run]) is not None)
    here = next((i for i, (other, _) in enumerate(there) if other is run), 0)
    first = max(0, min(here - count // 2, len(there) - count))
    marks = ticks(np.concatenate([column.values.ravel() for _, column in there]), zero=False)
    layers = max(len(column.values) for _, column in there)
    wide, tall = rect.width // across, rect.height // down
    lines = chart.places([short(other.model) for other, _ in there])
    for i, (other, column) in enumerate(there[first : first + count]):
        place = Rect(rect.x + i % across * wide, rect.y + i // across * tall, wide - 2, tall)
        found = searching.matches(book, state, run, other)
        _plot(
            surface, place, state, Plot(other, column, first + i, lines[first + i], found, marks, layers, other is run)
        )
    if first + count < len(there):
        surface.write(rect.right - 1, rect.bottom - 1, "↓", surface.theme.accent, bold=True)
    if first:
        surface.write(rect.right - 1, rect.y, "↑", surface.theme.accent, bold=True)


def _legend(surface: Surface, rect: Rect, *, even: bool) -> None:
    """What the marks of the plots are."""
    x, theme = rect.x, surface.theme
    for mark, text in (("•", "a head, or how many"), ("⠒⠒", "mean of the layer"), ("┈┈", "attention spread evenly"))[
        : 3 if even else 2
    ]:
        if x + len(mark) + 1 + len(text) > rect.right:
            return
        x = surface.write(x, rect.y, mark, theme.text)
        x = surface.write(x + 1, rect.y, text, theme.dim) + 3


def _plot(surface: Surface, rect: Rect, state: State, plot: Plot) -> None:
    """One model: a dot for every head over its layer, a line through their means, the layer under the cursor."""
    theme, mean, chosen = surface.theme, means(plot.column), plot.chosen
    at = min(state.layer, len(mean) - 1)
    name = f"{plot.place + 1} {short(plot.run.model)}"
    ink = theme.accent if chosen else theme.text
    x = surface.write(rect.x, rect.y, name, ink, bold=chosen, width=min(len(name), rect.width))
    value = f"mean {number(float(mean[at]))}"
    for beside in (f"layer {at + 1} {value}", value):
        if x + len(beside) + 2 <= rect.right:
            surface.write(rect.right - len(beside), rect.y, beside, theme.dim)
            break
    left = max(len(f"{tick:g}") for tick in plot.ticks) + 1
    place = Rect(rect.x + left, rect.y + 1, rect.width - left, max(2, rect.height - 3))
    axes = chart.Axes(place, plot.ticks[0], plot.ticks[-1], plot.layers)
    _axis(surface, axes, plot.ticks, left)
    if chosen:
        for y in range(place.y, place.bottom):
            surface.write(int(axes.x(at)), y, "┊", theme.faint)
    even = _even(state, [plot.run])
    if even is not None:
        chart.level(surface, axes, even, theme.faint, "┈")
    chart.path(surface, axes, mean, plot.line)
    _heads(surface, axes, plot, theme.text if chosen else theme.dim)
    step = max(1, -(-3 * plot.layers // max(1, place.width)))
    for layer in range(0, plot.layers, step):
        mine = chosen and layer == at
        surface.write(int(axes.x(layer)), place.bottom + 1, str(layer + 1), theme.accent if mine else theme.dim)
    if chosen and np.isfinite(plot.column.values[at, state.head]):
        value = float(plot.column.values[at, state.head])
        surface.write(int(axes.x(at)), int(axes.y(value)), "◆", theme.accent, bold=True)


def _axis(surface: Surface, axes: chart.Axes, marks: list[float], left: int) -> None:
    """The axes, with both ends and as many round numbers between them as have a line of their own."""
    theme, place = surface.theme, axes.rect
    for y in range(place.y, place.bottom):
        surface.write(place.x - 1, y, "│", theme.faint)
    surface.write(place.x - 1, place.bottom, "└" + "─" * place.width, theme.faint)
    rows: list[int] = []
    for value in (marks[0], marks[-1], *marks[1:-1]):
        y = int(axes.y(value))
        if all(abs(y - row) > 1 for row in rows):
            surface.write(place.x - left, y, f"{value:g}", theme.dim, width=left - 1, align="right")
            rows.append(y)


def _heads(surface: Surface, axes: chart.Axes, plot: Plot, ink: int) -> None:
    """A dot for every head; where several fall on one cell, how many: of those that a search left over, if any."""
    for layer, row in enumerate(plot.column.values):
        cells: dict[int, list[tuple[str, int]]] = {}
        for head in np.flatnonzero(np.isfinite(row)).tolist():
            dot = look(surface.theme, plot.found, (layer, head), ink)
            cells.setdefault(int(axes.y(float(row[head]))), []).append(dot)
        for y, dots in cells.items():
            best = max(dots)  # "●" comes after "○"
            count = dots.count(best)
            alone = "•" if best[0] == "●" else "◦"
            surface.write(int(axes.x(layer)), y, alone if count == 1 else str(min(count, 9)), best[1])
