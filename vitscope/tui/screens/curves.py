"""Tasks: a number of every layer, a line for each model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vitscope.tui.book import Book, deepest, shown_score
from vitscope.tui.curves import Score
from vitscope.tui.curves import tasks as all_tasks
from vitscope.tui.library import Failure
from vitscope.tui.render import chart
from vitscope.tui.render.surface import Rect, Surface
from vitscope.tui.render.words import number
from vitscope.tui.screens import tasks
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
    if not state.features.alone and tasks.fits(rect, len(all_tasks(found))):
        tasks.draw(surface, rect, found, name, state.features.column)
        return
    score = found[name]
    _title(surface, rect, found, score)
    known = np.concatenate([*score.values, [score.random[0]] if score.random else []])
    at = min(state.features.column, deepest(score) - 1)
    below = Rect(rect.x, rect.y + 1, rect.width, rect.height - 1)
    y, x = chart_and_key(surface, below, score, Shown(at, zero=not (known < 0).any(), best=True))
    _tasks(surface, Rect(x, y + 1, rect.right - x, rect.bottom - y - 1), found, score)


def _title(surface: Surface, rect: Rect, found: dict[str, Score], score: Score) -> None:
    """The number, and which of its task it is."""
    mine = [each.name for each in found.values() if each.task == score.task]
    place = f"{mine.index(score.name) + 1} of its {len(mine)} numbers" if len(mine) > 1 else ""
    x = surface.write(rect.x, rect.y, score.name, bold=True, width=min(len(score.name), rect.width))
    if x + len(place) + 2 <= rect.right:
        surface.write(x + 2, rect.y, place, surface.theme.dim)


def _tasks(surface: Surface, rect: Rect, found: dict[str, Score], score: Score) -> None:
    """Below the key, where there is room: the tasks with the digit that leads to each."""
    theme, names = surface.theme, all_tasks(found)
    if len(names) < 2 or rect.height < len(names) + 1:
        return
    surface.write(rect.x, rect.y, "tasks", theme.dim)
    for i, name in enumerate(names):
        here = found[name].task == score.task
        y, ink = rect.y + 1 + i, theme.accent if here else theme.dim
        surface.write(rect.x, y, str(i + 1), ink, bold=True)
        surface.write(rect.x + 2, y, found[name].task, ink, bold=here, width=max(0, rect.width - 2))


@dataclass(frozen=True)
class Shown:
    """How the lines are shown."""

    at: int  # the layer that is read
    zero: bool  # the axis starts at zero
    model: int | None = None  # which of them is the open one
    even: float | None = None  # a dotted line
    best: bool = False  # whether a large number is a good one


def chart_and_key(surface: Surface, rect: Rect, score: Score, shown: Shown) -> tuple[int, int]:
    """The lines; beside them, or below where it is narrow, every model with its number in the layer that is read.

    Returns the row below these numbers, and their first column.
    """
    rows = len(score.models) + (score.random is not None)
    wide = 26 + max(map(len, score.models), default=6)
    beside = rect.width >= wide + 44
    flowing = not beside and rows + 1 > rect.height // 2
    low = 0 if beside else len(tasks.flow(rect.width, score)) + 1 if flowing else rows + 1
    low = low if low <= rect.height - 3 else max(2, rect.height // 2)  # a line for the plot, and two for its layers
    plot = Rect(rect.x + AXIS, rect.y, rect.width - AXIS - (wide + 3 if beside else 0), rect.height - 2 - low)
    _plot(surface, plot, shown, score)
    if beside:
        return _key(surface, Rect(rect.right - wide, rect.y, wide, rect.height), shown, score), rect.right - wide
    below = Rect(rect.x, plot.bottom + 2, rect.width, rect.bottom - plot.bottom - 2)
    if flowing:
        at = min(shown.at, deepest(score) - 1)
        x = surface.write(below.x, below.y, f"layer {at + 1}", surface.theme.accent, bold=True)
        lines = Rect(below.x, below.y + 1, below.width, below.height - 1)
        y, there = tasks.numbers(surface, lines, score, at, shown.model or 0)
        if there < len(score.models):
            surface.write(x + 2, below.y, f"{there} of {len(score.models)} models", surface.theme.dim)
        return y, rect.x
    return _key(surface, below, shown, score), rect.x


def _plot(surface: Surface, rect: Rect, shown: Shown, score: Score) -> None:
    theme, layers = surface.theme, deepest(score)
    known = np.concatenate([*score.values, [score.random[0]] if score.random else []])
    marks = ticks(known, zero=shown.zero)
    axes = chart.Axes(rect, marks[0], marks[-1], layers)
    at = min(shown.at, layers - 1)
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
    if shown.even is not None and marks[0] <= shown.even <= marks[-1]:
        chart.level(surface, axes, shown.even, theme.faint, "┈")
    if score.random is not None:
        chart.level(surface, axes, score.random[0], theme.dim)
    for place, values in zip(chart.places(score.models), score.values, strict=True):
        chart.line(surface, axes, values, place)


def _key(surface: Surface, rect: Rect, shown: Shown, score: Score) -> int:
    """Letter, model, its number in the layer under the cursor, and the layer where it is best, or highest.

    Returns the row below.
    """
    theme = surface.theme
    wide = max([*map(len, score.models), 6])
    at = min(shown.at, deepest(score) - 1)
    head = f"layer {at + 1}"
    surface.write(rect.x + 2, rect.y, head, theme.accent, bold=True)
    surface.write(rect.x + 3 + wide + 9, rect.y, "best" if shown.best else "highest", theme.dim)
    every = list(enumerate(zip(score.models, score.values, strict=True)))
    room = max(1, rect.height - 1)
    first = max(0, min((shown.model or 0) - room // 2, len(every) - room))
    lines = every[first : first + room]
    if len(lines) < len(every):
        surface.write(rect.x, rect.y, "↕", theme.accent, bold=True)
        surface.write(rect.x + 3 + wide, rect.y, f"{len(lines)} of {len(every)}", theme.dim)
    places = chart.places(score.models)
    for y, (index, (name, values)) in enumerate(lines, start=rect.y + 1):
        place = places[index]
        surface.write(rect.x, y, chart.LETTERS[place % len(chart.LETTERS)], chart.ink(surface, place), bold=True)
        here = index == shown.model
        surface.write(rect.x + 2, y, name, theme.accent if here else None, bold=here)
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
        y += 1
    return y
