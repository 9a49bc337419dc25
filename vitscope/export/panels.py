"""Several numbers of every head in one figure: a small grid of layers × heads for each, colours for the tags."""

from __future__ import annotations

from typing import Any

import numpy as np

from vitscope.export.columns import SPREAD
from vitscope.export.data import TAG
from vitscope.export.drawing import Box, Drawing, bar_axes, colour_bar, inside, some, upright
from vitscope.export.heat import number, unit_name
from vitscope.export.style import DIVERGING, SEQUENTIAL, SERIES, plain, unit_label
from vitscope.views import Column, View

ACROSS = 4  # panels in a row
CELL = 0.13  # inches of a head in a grid
SIGNS = {
    "row": "–", "column": "|", "both": "+",
    "right": "→", "down-right": "↘", "down": "↓", "down-left": "↙",
    "left": "←", "up-left": "↖", "up": "↑", "up-right": "↗",
}  # fmt: skip


def panels(view: View, columns: dict[str, Column]) -> Drawing:
    """A panel for each number but the spreads: a grid, bars where one axis is left, a list where none is."""
    columns = {name: column for name, column in columns.items() if not name.endswith(SPREAD)} or columns
    if not view.dims:
        return _list(columns)
    shape = next(iter(columns.values())).values.shape
    wide = 1.25 + max(CELL * shape[1], 0.9) if len(shape) == 2 else 2.4
    turned = upright(view.coords[view.dims[0]]) if len(shape) == 1 else 0.0
    high = 0.65 + max(CELL * shape[0], 0.6) if len(shape) == 2 else 1.4 + turned
    many = min(ACROSS, len(columns))
    rows = -(-len(columns) // many)

    def onto(part: Any, box: Box) -> None:
        for index, (name, column) in enumerate(columns.items()):
            row, place = divmod(index, many)
            left, bottom = box[0] + box[2] * place / many, box[1] + box[3] * (rows - 1 - row) / rows
            cell = (left, bottom, box[2] / many, box[3] / rows)
            axes = part.add_axes(inside(cell, 0.5, 0.4 + turned, 0.75 if len(shape) == 2 else 0.2, 0.25, wide, high))
            unit = unit_label("1" if column.unit == TAG else column.unit)
            axes.set_title(f"{plain(name.replace('_', ' '))}{unit}", fontsize=8)
            _panel(part, axes, view, column)

    return Drawing(many * wide, rows * high, onto)


def _panel(part: Any, axes: Any, view: View, column: Column) -> None:
    if column.unit == TAG:
        _tags(axes, view, column.values)
        return
    values = np.asarray(column.values, dtype=float)
    if values.ndim == 1:
        bar_axes(axes, values, view.coords[view.dims[0]], view.dims[0])
        return
    known = values[np.isfinite(values)]
    far = float(np.abs(known).max()) if known.size else 1.0
    signed = bool(known.size and known.min() < 0)
    limits = {"vmin": -far, "vmax": far, "cmap": DIVERGING} if signed else {"vmin": 0, "vmax": far, "cmap": SEQUENTIAL}
    colour_bar(part, axes, axes.imshow(values, **limits), "")
    _places(axes, view)


def _tags(axes: Any, view: View, values: np.ndarray) -> None:
    """The colour of each head's first tag, a sign for its direction, a list of the colours beside."""
    from matplotlib.patches import Patch

    grid = values if values.ndim == 2 else values.reshape(1, -1)
    kinds = sorted({tags[0].split()[0] for tags in grid.ravel() if tags})
    colours = dict(zip(kinds, SERIES * (1 + len(kinds) // len(SERIES)), strict=False))
    for (row, place), tags in np.ndenumerate(grid):
        if not tags:
            continue
        kind, _, detail = tags[0].partition(" ")
        axes.add_patch(_square(place, row, colours[kind]))
        axes.text(place, row, SIGNS.get(detail, ""), ha="center", va="center", fontsize=5, color="white")
    axes.set(xlim=(-0.5, grid.shape[1] - 0.5), ylim=(grid.shape[0] - 0.5, -0.5), aspect="equal")
    patches = [Patch(color=colours[kind], label=plain(kind)) for kind in kinds]
    beside = {"loc": "upper left", "bbox_to_anchor": (1.0, 1.05)}
    below = {
        "loc": "upper left",
        "bbox_to_anchor": (-0.1, -2.1 if not upright(view.coords[view.dims[-1]]) else 4.5),
        "ncols": 3,
    }
    style = {"fontsize": 5, "handlelength": 0.8, "handleheight": 0.8, "handletextpad": 0.4, "columnspacing": 0.8}
    axes.legend(handles=patches, **(beside if values.ndim == 2 else below), **style)
    _places(axes, view)


def _square(place: int, row: int, colour: str) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle((place - 0.5, row - 0.5), 1, 1, facecolor=colour, edgecolor="white", linewidth=0.4)


def _places(axes: Any, view: View) -> None:
    """Numbers of layers and heads at the edges of a grid; the axis that is not there has none."""
    axes.set(xticks=[], yticks=[])
    names = {dim: view.coords[dim] for dim in view.dims}
    if len(names) == 1:
        names = {"head": next(iter(names.values()))}
        axes.set_xlabel(view.dims[0], labelpad=1)
    else:
        axes.set_xlabel("head", labelpad=1)
        axes.set_ylabel("layer", labelpad=1)
    for dim, set_ticks in (("layer", axes.set_yticks), ("head", axes.set_xticks)):
        shown = some(list(range(len(names.get(dim, [])))), 8)
        labels = [plain(str(names[dim][index])) for index in shown]
        set_ticks(shown, labels, rotation=90 if dim == "head" and upright(labels) else 0)


def _list(columns: dict[str, Column]) -> Drawing:
    """The numbers of one head as a list."""

    def onto(part: Any, box: Box) -> None:
        for index, (name, column) in enumerate(columns.items()):
            middle = box[1] + box[3] * (1 - (index + 0.5) / len(columns))
            text = ", ".join(column.values.item()) if column.unit == TAG else number(float(column.values))
            unit = "" if column.unit == TAG else unit_name(column.unit)
            part.text(
                box[0] + 0.45 * box[2], middle, plain(name.replace("_", " ")), ha="right", va="center", color="0.35"
            )
            part.text(box[0] + 0.48 * box[2], middle, plain(f"{text}{unit}"), ha="left", va="center")

    return Drawing(3.4, 0.19 * len(columns), onto)
