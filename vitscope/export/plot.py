"""Plots made of characters, by plotext."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from rich.console import Console
from rich.text import Text

from vitscope.export.heat import number, unit_name
from vitscope.export.palette import Depth

WIDEST = 100
LINES = 18
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
SYMBOLS = "123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def dots(values: np.ndarray, layers: Sequence[Any], unit: str, width: int) -> list[Text]:
    """Values (L, H): a dot for every head over its layer, and a line through the mean over heads."""
    plot = _figure(min(width, WIDEST), LINES)
    for head in range(values.shape[1]):
        plot.scatter(list(layers), values[:, head].tolist(), marker="•", color="cyan")
    plot.plot(list(layers), np.nanmean(values, axis=1).tolist(), marker="braille", color="orange")
    low, high = min(0.0, float(np.nanmin(values))), float(np.nanmax(values))
    _ticks(plot, low, high if high > low else low + 1)
    plot.xticks(list(layers))
    plot.xlim(layers[0] - 0.5, layers[-1] + 0.5)
    plot.xlabel("layer · one dot per head, the line is their mean")
    plot.ylabel("" if unit == "1" else unit_name(unit).strip())
    return _lines(plot)


def lines(values: np.ndarray, names: Sequence[str], layers: Sequence[Any], width: int, depth: Depth) -> list[Text]:
    """Values (S, L), a line for each of `names` over layers, drawn as its letter; NaN is not drawn."""
    plot = _figure(min(width, WIDEST), LINES)
    for index, row in enumerate(values):
        known = np.isfinite(row)
        at, heights = np.asarray(layers)[known].tolist(), row[known].tolist()
        colour = _colour(index, len(values), depth)
        plot.plot(at, heights, marker="braille", color=colour)
        plot.scatter(at, heights, marker=LETTERS[index % len(LETTERS)], color=colour)
    known = values[np.isfinite(values)]
    low, high = (min(0.0, float(known.min())), float(known.max())) if known.size else (0.0, 1.0)
    _ticks(plot, low, high if high > low else low + 1)
    plot.xticks(list(layers))
    plot.xlim(layers[0] - 0.5, layers[-1] + 0.5)
    plot.xlabel("layer")
    legend = "  ".join(f"{LETTERS[index % len(LETTERS)]} {name}" for index, name in enumerate(names))
    return [*_lines(plot), *Text(legend).wrap(Console(width=width), width)]


def scatter(x: np.ndarray, y: np.ndarray, layers: Sequence[Any], unit: str, width: int, depth: Depth) -> list[Text]:
    """Offsets (L, H), x right and y down, on a square: every head is drawn as the number of its layer."""
    side = min(2 * LINES, width - 12)
    plot = _figure(side + 10, side // 2 + 3)
    reach = max(float(np.nanmax(np.abs([x, y]))), 1e-9) * 1.05
    for index in range(len(x)):
        symbol = SYMBOLS[index % len(SYMBOLS)]
        plot.scatter(x[index].tolist(), (-y[index]).tolist(), marker=symbol, color=_colour(index, len(x), depth))
    plot.vline(0, "gray")
    plot.hline(0, "gray")
    plot.xlim(-reach, reach)
    plot.ylim(-reach, reach)
    marks = [-reach / 1.05, 0.0, reach / 1.05]
    plot.xticks(marks, [number(mark) for mark in marks])
    plot.yticks(marks, [number(-mark) for mark in marks])
    last = SYMBOLS[(len(x) - 1) % len(SYMBOLS)]
    plot.xlabel(f"right,{unit_name(unit)}")
    plot.ylabel("down")
    legend = f"Every head is drawn as its layer: 1 to {last}" + (f" (a is layer {layers[9]})." if len(x) > 9 else ".")
    return [*_lines(plot), Text(legend, "dim")]


def _figure(width: int, height: int) -> Any:
    """plotext, which keeps one figure for the whole process, emptied and without colours of its own."""
    import plotext

    plotext.clear_figure()
    plotext.theme("clear")
    plotext.limit_size(False, False)  # the terminal that we print to may not be the one it would measure
    plotext.plotsize(width, height)
    return plotext


def _ticks(plot: Any, low: float, high: float) -> None:
    """Round numbers at the left, and limits that leave every point inside."""
    size = 10.0 ** np.floor(np.log10((high - low) / 4))
    step = next(size * times for times in (1, 2, 2.5, 5, 10) if (high - low) / (size * times) <= 5)
    marks = np.arange(np.floor(low / step), np.ceil(high / step) + 1) * step
    digits = max(0, 1 - int(np.floor(np.log10(step))))
    plot.yticks(marks.tolist(), [f"{mark:.{digits}f}" for mark in marks])
    plot.ylim(float(marks[0]), float(marks[-1]))


def _colour(index: int, count: int, depth: Depth) -> Any:
    """The colour of a layer, as plotext takes it: light enough on a dark screen, dark enough on a light one."""
    if depth == "none":
        return "default"
    return ("blue", "cyan", "green", "orange", "red", "magenta")[index * 6 // max(count, 1)]


def _lines(plot: Any) -> list[Text]:
    """What was drawn, as lines that Rich can colour as the terminal allows."""
    lines = Text.from_ansi(plot.build()).split("\n")
    for line in lines:
        line.rstrip()
    return [line for line in lines if line.plain]
