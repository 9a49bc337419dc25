"""Tasks: a number of every layer, a line for each model."""

from __future__ import annotations

import numpy as np

from vitscope.tui.book import Book, deepest, shown_score
from vitscope.tui.compare import Score
from vitscope.tui.library import Failure
from vitscope.tui.render import chart
from vitscope.tui.render.surface import Rect, Surface
from vitscope.tui.render.words import number
from vitscope.tui.screens.dots import ticks
from vitscope.tui.screens.frame import failed, gone, notice
from vitscope.tui.state import State

AXIS = 6
NONE = (
    "No task has been evaluated in this cache: `vitscope evaluate clusters --model MODEL --data FOLDER` measures one."
)


def draw(surface: Surface, rect: Rect, state: State, book: Book) -> None:
    """The chart; beside it, or below it where it is narrow, every model with its number here and its best layer."""
    run = book.run(state)
    if run is None:
        gone(surface, rect)
        return
    found = book.scores(run)
    if isinstance(found, Failure):
        failed(surface, rect, found)
        return
    if found is None:
        surface.write(rect.x, rect.y, "tasks …", surface.theme.dim)
        return
    if not found:
        notice(surface, rect, NONE)
        return
    name = shown_score(state, found)
    score, place = found[name], f"{list(found).index(name) + 1}/{len(found)}"
    x = surface.write(rect.x, rect.y, name, bold=True, width=min(len(name), rect.width))
    if x + len(place) + 2 <= rect.right:
        surface.write(x + 2, rect.y, place, surface.theme.dim)
    rows = len(score.models) + (score.random is not None)
    wide = 26 + max(map(len, score.models), default=6)
    beside = rect.width >= wide + 44
    low = 0 if beside else min(rows + 1, max(2, rect.height // 2))
    plot = Rect(rect.x + AXIS, rect.y + 1, rect.width - AXIS - (wide + 3 if beside else 0), rect.height - 3 - low)
    _plot(surface, plot, state, score)
    if beside:
        _key(surface, Rect(rect.right - wide, rect.y + 1, wide, rect.height - 1), state, score)
    else:
        _key(surface, Rect(rect.x, plot.bottom + 2, rect.width, rect.bottom - plot.bottom - 2), state, score)


def _plot(surface: Surface, rect: Rect, state: State, score: Score) -> None:
    theme, layers = surface.theme, deepest(score)
    known = np.concatenate([*score.values, [score.random[0]] if score.random else []])
    marks = ticks(known, zero=not (known < 0).any())
    axes = chart.Axes(rect, marks[0], marks[-1], layers)
    at = min(state.features.column, layers - 1)
    here = int(axes.x(at))
    for y in range(rect.y, rect.bottom):
        surface.write(rect.x - 1, y, "│", theme.faint)
        surface.write(here, y, "┊", theme.faint)
    taken: set[int] = set()
    for tick in marks:
        y = int(axes.y(tick))
        if y not in taken:
            surface.write(rect.x - AXIS, y, f"{tick:g}", theme.dim, width=AXIS - 2, align="right")
        taken.add(y)
    surface.write(rect.x - 1, rect.bottom, "└" + "─" * rect.width, theme.faint)
    step = -(-3 * layers // max(1, rect.width))
    for layer in range(layers):
        chosen = layer == at
        if layer % max(1, step) == 0 or chosen:
            ink = theme.accent if chosen else theme.dim
            surface.write(int(axes.x(layer)), rect.bottom + 1, str(layer + 1), ink, bold=chosen)
    if score.random is not None:
        chart.level(surface, axes, score.random[0], theme.dim)
    for index, values in enumerate(score.values):
        chart.line(surface, axes, values, index)


def _key(surface: Surface, rect: Rect, state: State, score: Score) -> None:
    """Letter, model, its number in the layer under the cursor, and the layer where it is best."""
    theme = surface.theme
    wide = max([*map(len, score.models), 6])
    at = min(state.features.column, deepest(score) - 1)
    head = f"layer {at + 1}"
    surface.write(rect.x + 2, rect.y, head, theme.accent, bold=True)
    surface.write(rect.x + 3 + wide + 9, rect.y, "best", theme.dim)
    lines = list(zip(score.models, score.values, strict=True))
    for index, (name, values) in enumerate(lines):
        y = rect.y + 1 + index
        if y >= rect.bottom:
            return
        surface.write(rect.x, y, chart.LETTERS[index % len(chart.LETTERS)], chart.ink(surface, index), bold=True)
        surface.write(rect.x + 2, y, name)
        text = number(float(values[at])) if at < len(values) else "–"
        surface.write(rect.x + 3 + wide, y, text, bold=True, width=8)
        if np.isfinite(values).any():
            best = int(np.nanargmax(values))
            surface.write(rect.x + 3 + wide + 9, y, f"{number(float(values[best]))} @{best + 1}", theme.dim)
    y = rect.y + 1 + len(lines)
    if score.random is not None and y < rect.bottom:
        mean, spread = score.random
        surface.write(rect.x, y, "┄", theme.dim)
        surface.write(rect.x + 2, y, f"random  {number(mean)} ± {number(spread, 2)}", theme.dim)
