"""Maps over the patch grid for a figure: one, those of a layer, or a mosaic of all layers and heads."""

from __future__ import annotations

from typing import Any

import numpy as np

from vitscope.export.drawing import Box, Drawing, colour_bar, inside
from vitscope.export.heat import number
from vitscope.export.style import DIVERGING, plain, unit_label
from vitscope.views import View

RELATIVE = "attention, share of\neach map's highest"
GUTTER = 0.12  # of a map's edge, between the maps of a mosaic
SIDE = 3.2  # inches of a single map's longer edge
PANEL = 1.15
TILE = 0.56
ACROSS = 6  # maps of a layer in a row
NAME = 14  # letters of an image's name that have room above its map


def maps(view: View, values: np.ndarray) -> Drawing:
    """Values whose last two dims are the grid."""
    if values.ndim == 2:
        return _single(view, values)
    if values.ndim == 3:
        return _several(view, values)
    return _mosaic(view, values)


def _edges(shape: tuple[int, ...], longest: float) -> tuple[float, float]:
    """Width and height in inches of a map of `shape`."""
    rows, columns = shape[-2:]
    return longest * columns / max(rows, columns), longest * rows / max(rows, columns)


def _single(view: View, values: np.ndarray) -> Drawing:
    wide, high = _edges(values.shape, SIDE)
    width, height = wide + 1.6, high + 0.65

    def onto(part: Any, box: Box) -> None:
        axes = part.add_axes(inside(box, 0.6, 0.5, 1.0, 0.15, width, height))
        image = axes.imshow(values, vmin=0, extent=_extent(view))
        axes.set_xlabel("patches right of the query" if _displaced(view) else "column")
        axes.set_ylabel("patches below the query" if _displaced(view) else "row")
        axes.spines[["top", "right"]].set_visible(True)
        if _displaced(view):
            axes.plot(0, 0, "+", color="white", markersize=5, markeredgewidth=0.7)
        colour_bar(part, axes, image, f"attention{unit_label(view.unit)}")

    return Drawing(width, height, onto)


def _extent(view: View) -> tuple[float, float, float, float]:
    rows, columns = view.coords["row"], view.coords["column"]
    return columns[0] - 0.5, columns[-1] + 0.5, rows[-1] + 0.5, rows[0] - 0.5


def _displaced(view: View) -> bool:
    return view.coords["row"][0] < 1


def _several(view: View, values: np.ndarray) -> Drawing:
    """A panel for each layer, head or image, its highest value above it; differences around zero share one scale."""
    far = float(np.abs(values).max()) if (values < 0).any() else 0.0
    scale = {"vmin": -far, "vmax": far, "cmap": DIVERGING} if far else {"vmin": 0, "vmax": 1}
    wide, high = _edges(values.shape, PANEL)
    many = min(ACROSS, len(values))
    rows = -(-len(values) // many)
    width, height = max(many * (wide + 0.12) + 0.95, 3.2), rows * (high + 0.28) + 0.1

    def onto(part: Any, box: Box) -> None:
        for index, value in enumerate(values):
            row, place = divmod(index, many)
            left, top = 0.15 + place * (wide + 0.12), 0.25 + row * (high + 0.28)
            margins = left, height - top - high, width - left - wide, top
            axes = part.add_axes(inside(box, *margins, width, height))
            image = axes.imshow(value if far else _relative(value), **scale)
            axes.set(xticks=[], yticks=[])
            axes.spines[["top", "right"]].set_visible(True)
            axes.set_title(f"{_called(view, index)} · {number(float(np.nanmax(value)))}", fontsize=6.5, pad=2)
            if index == many - 1:
                beside = part.add_axes(
                    inside(box, left + wide + 0.1, margins[1], margins[2] - 0.18, top, width, height)
                )
                label = f"attention{unit_label(view.unit)}" if far else RELATIVE
                part.colorbar(image, cax=beside).set_label(label, fontsize=6)

    return Drawing(width, height, onto)


def _called(view: View, index: int) -> str:
    """The place of a panel; of the name of an image its end, which tells it from others."""
    dim, place = view.dims[0], str(view.coords[view.dims[0]][index])
    if dim != "image":
        return f"{dim} {place}"
    return plain(place if len(place) <= NAME else f"…{place[1 - NAME :]}")


def _relative(value: np.ndarray) -> np.ndarray:
    highest = np.nanmax(value)
    return value / highest if highest > 0 else value


def _mosaic(view: View, values: np.ndarray) -> Drawing:
    """A row of maps per layer, a column per head, as one picture."""
    layers, heads, rows, columns = values.shape
    gutter = max(1, round(GUTTER * max(rows, columns)))
    down, right = rows + gutter, columns + gutter
    picture = np.full((layers * down - gutter, heads * right - gutter), np.nan)
    for layer in range(layers):
        for head in range(heads):
            place = slice(layer * down, layer * down + rows), slice(head * right, head * right + columns)
            picture[place] = _relative(values[layer, head])
    wide, high = _edges(picture.shape, max(SIDE, TILE * max(layers, heads)))
    width, height = wide + 1.45, high + 0.55

    def onto(part: Any, box: Box) -> None:
        axes = part.add_axes(inside(box, 0.5, 0.1, 0.95, 0.45, width, height))
        image = axes.imshow(picture, vmin=0, vmax=1)
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0, top=False, labeltop=True, labelbottom=False)
        axes.set_xticks(np.arange(heads) * right + (columns - 1) / 2, [str(head) for head in view.coords["head"]])
        axes.set_yticks(np.arange(layers) * down + (rows - 1) / 2, [str(layer) for layer in view.coords["layer"]])
        axes.set_xlabel("head")
        axes.xaxis.set_label_position("top")
        axes.set_ylabel("layer")
        colour_bar(part, axes, image, RELATIVE)

    return Drawing(width, height, onto)
