"""A matrix for a figure: one picture for each number, names of rows and columns at its edges."""

from __future__ import annotations

from typing import Any

import numpy as np

from vitscope.export.drawing import Box, Drawing, colour_bar, inside, some
from vitscope.export.style import SEQUENTIAL, plain, unit_label
from vitscope.views import Column, View

WRITTEN = 14  # rows or columns: up to here a cell is large enough for its number
LARGE, SMALL = 0.34, 0.15  # inches of a cell
LETTER = 0.058  # inches that a letter of a name takes


def matrices(view: View, columns: dict[str, Column]) -> Drawing:
    """A panel for each of `columns`, of shape (rows, columns), side by side."""
    down, across = (view.coords[dim] for dim in view.dims)
    size = LARGE if max(len(down), len(across)) <= WRITTEN else SMALL
    names = any(isinstance(name, str) for name in [*down, *across])
    left = 0.45 + (LETTER * max(len(str(name)) for name in down) if names else 0.12)
    bottom = 0.4 + (LETTER * max(len(str(name)) for name in across) if names else 0.1)
    wide, high = max(size * len(across), 0.8), max(size * len(down), 0.8)
    panel, height = left + wide + 0.75, bottom + high + 0.25

    def onto(part: Any, box: Box) -> None:
        for place, (name, column) in enumerate(columns.items()):
            cell = (box[0] + box[2] * place / len(columns), box[1], box[2] / len(columns), box[3])
            axes = part.add_axes(inside(cell, left, bottom, panel - left - wide, 0.25, panel, height))
            values = np.asarray(column.values, dtype=float)
            axes.set_title(plain(name.replace("_", " ")), fontsize=8)
            _picture(part, axes, values, unit_label(column.unit).strip(), size == LARGE)
            _names(axes, view, names)

    return Drawing(panel * len(columns), height, onto)


def _picture(part: Any, axes: Any, values: np.ndarray, unit: str, written: bool) -> None:
    """The colours, from 0 to 1 or as far as the values reach, and the numbers where there is room for them."""
    known = values[np.isfinite(values)]
    low, high = (min(0.0, float(known.min())), max(1.0, float(known.max()))) if known.size else (0.0, 1.0)
    image = axes.imshow(values, vmin=low, vmax=high, cmap=SEQUENTIAL)
    colour_bar(part, axes, image, unit)
    axes.spines[["top", "right"]].set_visible(True)
    for (row, column), value in np.ndenumerate(values if written else np.empty((0, 0))):
        text = "–" if np.isnan(value) else f"{value:.2f}"
        ink = "white" if value < (low + high) / 2 else "black"
        axes.text(column, row, text, ha="center", va="center", fontsize=5.5, color="black" if np.isnan(value) else ink)


def _names(axes: Any, view: View, words: bool) -> None:
    down, across = (view.coords[dim] for dim in view.dims)
    shown = some(list(range(len(down))), 24)
    axes.set_yticks(shown, [plain(str(down[index])) for index in shown])
    shown = some(list(range(len(across))), 24)
    axes.set_xticks(shown, [plain(str(across[index])) for index in shown], rotation=90 if words else 0)
    axes.tick_params(length=0, labelsize=6)
    axes.set_ylabel(view.dims[0].replace("_", " "))
    axes.set_xlabel(view.dims[1].replace("_", " "))
