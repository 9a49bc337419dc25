"""All tasks beside each other: a number of each, a line for every model (the paper's Figures 7 to 10)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from vitscope.tui.book import deepest
from vitscope.tui.curves import Score, tasks
from vitscope.tui.render import chart
from vitscope.tui.render.surface import Rect, Surface
from vitscope.tui.render.words import number
from vitscope.tui.screens.dots import ticks

LEFT = 6  # columns for the ends of the axis
ENTRY = 8  # columns of a letter, a number and what stands between entries


def fits(rect: Rect, count: int) -> bool:
    """Whether several tasks have room beside each other."""
    return count > 1 and int(np.prod(chart.grid(rect, count))) > 1


def draw(surface: Surface, rect: Rect, scores: Mapping[str, Score], name: str, layer: int) -> None:
    """A plot for each task; below them every model with its number of the chosen one in the layer under the cursor."""
    names = tasks(scores)
    chosen = next((i for i, each in enumerate(names) if scores[each].task == scores[name].task), 0)
    legend = flow(rect.width, scores[names[chosen]])
    place = Rect(rect.x, rect.y, rect.width, rect.height - len(legend) - (2 if rect.height > 16 else 1))
    across, down = chart.grid(place, len(names))
    first = max(0, min(chosen - across * down // 2, len(names) - across * down))
    wide, tall = place.width // across, place.height // down
    for i, each in enumerate(names[first : first + across * down]):
        at = Rect(place.x + i % across * wide, place.y + i // across * tall, wide - 2, tall - (tall > 9))
        _plot(surface, at, scores[each], (first + i + 1, layer), chosen=first + i == chosen)
    if first + across * down < len(names):
        surface.write(rect.right - 1, place.bottom - 1, "↓", surface.theme.accent, bold=True)
    if first:
        surface.write(rect.right - 1, place.y, "↑", surface.theme.accent, bold=True)
    _key(
        surface, Rect(rect.x, rect.bottom - len(legend) - 1, rect.width, len(legend) + 1), scores[names[chosen]], layer
    )


def _plot(surface: Surface, rect: Rect, score: Score, place: tuple[int, int], *, chosen: bool) -> None:
    """One task, on axes of its own; `place` is its number and the layer under the cursor."""
    theme, (index, layer) = surface.theme, place
    title = f"{index} {score.short}"
    surface.write(
        rect.x, rect.y, title, theme.accent if chosen else None, bold=chosen, width=min(len(title), rect.width)
    )
    known = np.concatenate([*score.values, [score.random[0]] if score.random else []])
    marks = ticks(known, zero=False)
    plot = Rect(rect.x + LEFT, rect.y + 1, rect.width - LEFT, max(2, rect.height - 3))
    layers = deepest(score)
    axes, at = chart.Axes(plot, marks[0], marks[-1], layers), min(layer, layers - 1)
    for y in range(plot.y, plot.bottom):
        surface.write(plot.x - 1, y, "│", theme.faint)
        surface.write(int(axes.x(at)), y, "┊", theme.faint)
    for value in (marks[0], marks[-1]):
        surface.write(rect.x, int(axes.y(value)), f"{value:g}"[: LEFT - 1], theme.dim, width=LEFT - 2, align="right")
    surface.write(plot.x - 1, plot.bottom, "└" + "─" * plot.width, theme.faint)
    if score.random is not None:
        chart.level(surface, axes, score.random[0], theme.dim)
    lines = list(zip(score.values, chart.places(score.models), strict=True))
    for values, of_model in lines:
        chart.path(surface, axes, values, of_model)
    for values, of_model in lines:
        _letter(surface, axes, values, of_model)
    step = max(1, -(-3 * layers // max(1, plot.width)))
    for each in range(layers):
        if each == at or (each % step == 0 and abs(axes.x(each) - axes.x(at)) >= 3):
            ink = theme.accent if each == at else theme.dim
            surface.write(int(axes.x(each)), plot.bottom + 1, str(each + 1), ink, bold=each == at)


def _letter(surface: Surface, axes: chart.Axes, values: np.ndarray, place: int) -> None:
    """The letter of a line where it is highest."""
    if np.isfinite(values).any():
        best = int(np.nanargmax(values))
        x, y = int(axes.x(best)), int(axes.y(float(values[best])))
        surface.write(x, y, chart.LETTERS[place % len(chart.LETTERS)], chart.ink(surface, place), bold=True)


def flow(width: int, score: Score) -> list[list[int]]:
    """Which models stand in which line below the plots."""
    wide = max(map(len, score.models), default=0) + 2 + ENTRY
    across = max(1, width // wide)
    every = list(range(len(score.models)))
    return [every[i : i + across] for i in range(0, len(every), across)]


def _key(surface: Surface, rect: Rect, score: Score, layer: int) -> None:
    """What is read, then letter, name and number of every model there."""
    theme = surface.theme
    at = min(layer, deepest(score) - 1)
    x = surface.write(rect.x, rect.y, score.short, theme.accent, bold=True)
    surface.write(x, rect.y, f" · {score.dataset}, in layer {at + 1}", theme.dim, width=max(0, rect.right - x))
    numbers(surface, Rect(rect.x, rect.y + 1, rect.width, rect.height - 1), score, at)


def numbers(surface: Surface, rect: Rect, score: Score, layer: int, model: int = 0) -> tuple[int, int]:
    """Letter, name and number of every model in a layer, line by line; where not all fit, those around `model`.

    Returns the row below, and how many models are there.
    """
    theme = surface.theme
    wide = max(map(len, score.models), default=0) + 2 + ENTRY
    places = chart.places(score.models)
    lines = flow(rect.width, score)
    at = next((i for i, line in enumerate(lines) if model in line), 0)
    first = max(0, min(at - rect.height // 2, len(lines) - rect.height))
    lines = lines[first : first + max(0, rect.height)]
    for y, line in enumerate(lines, start=rect.y):
        x = rect.x
        for i in line:
            mark, values = chart.LETTERS[places[i] % len(chart.LETTERS)], score.values[i]
            surface.write(x, y, mark, chart.ink(surface, places[i]), bold=True)
            surface.write(x + 2, y, score.models[i], theme.dim)
            text = number(float(values[layer])) if layer < len(values) else "–"
            surface.write(x + wide - ENTRY + 1, y, text, bold=True)
            x += wide
    return rect.y + len(lines), sum(map(len, lines))
