"""Numbers of every layer of several models for a figure: a line for each model, a panel for each number."""

from __future__ import annotations

from typing import Any

import numpy as np

from vitscope.export.columns import SPREAD
from vitscope.export.drawing import Box, Drawing, inside, some
from vitscope.export.style import SERIES, plain, unit_label
from vitscope.views import Column, View

WIDE, HIGH = 3.4, 2.6
MARKS = "osD^vPX*"  # with the eight colours, told apart in grey as well


def curves(view: View, columns: dict[str, Column]) -> Drawing:
    """Columns of shape (model, layer); a model that has a spread (`…_std`) is drawn as a band without marks."""
    shown = [name for name in columns if not name.endswith(SPREAD)]
    models = view.coords["model"]
    key = 0.5 + 0.065 * max(len(str(model)) for model in models)

    def onto(part: Any, box: Box) -> None:
        width = WIDE * len(shown) + key
        for place, name in enumerate(shown):
            cell = (box[0] + box[2] * WIDE * place / width, box[1], box[2] * WIDE / width, box[3])
            axes = part.add_axes(inside(cell, 0.55, 0.5, 0.15, 0.15, WIDE, HIGH))
            spread = columns.get(f"{name}{SPREAD}")
            _lines(axes, view, columns[name].values, None if spread is None else spread.values)
            axes.set_ylabel(f"{plain(name.replace('_', ' '))}{unit_label(columns[name].unit)}")
            if place == len(shown) - 1:
                axes.legend(loc="upper left", bbox_to_anchor=(1.02, 1.02), borderaxespad=0)

    return Drawing(WIDE * len(shown) + key, HIGH, onto)


def _lines(axes: Any, view: View, values: np.ndarray, spread: np.ndarray | None) -> None:
    layers = view.coords["layer"]
    axes.grid(axis="y")
    for index, (model, row) in enumerate(zip(view.coords["model"], values, strict=True)):
        colour = SERIES[index % len(SERIES)]
        if spread is not None and np.isfinite(spread[index]).any():
            axes.fill_between(layers, row - spread[index], row + spread[index], color="0.6", alpha=0.4, linewidth=0)
            axes.plot(layers, row, "--", color="0.4", linewidth=1, label=plain(str(model)))
            continue
        mark = MARKS[index // len(SERIES) % len(MARKS)]
        axes.plot(layers, row, f"{mark}-", color=colour, linewidth=1.3, markersize=3, label=plain(str(model)))
    known = values[np.isfinite(values)]
    axes.set_ylim(bottom=min(0.0, float(known.min())) if known.size else 0.0)
    axes.set_xlim(layers[0] - 0.5, layers[-1] + 0.5)
    axes.set_xticks(some(layers, 12))
    axes.set_xlabel("layer")
