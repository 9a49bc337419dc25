"""What a figure shows of a view, and how large: dots over layers, bars, offsets as points, a grid for each number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from vitscope.export.data import TAG
from vitscope.export.drawing import Box, Drawing, colour_bar, inside
from vitscope.export.pictures import maps
from vitscope.export.style import DIVERGING, SEQUENTIAL, plain, unit_label
from vitscope.views import Column, View

HEADS = ("layer", "head")
PANELS = 3  # in a row
FAINTEST = 1e-3  # of the highest attention: the lower end of a logarithmic scale
CELL = 0.17  # inches of a head in a grid


def draw(view: View) -> Drawing:
    """The drawing that suits the dims of `view`."""
    if view.columns is not None:
        special = {"offset": _offsets, "deviation": _deviation} if view.dims == HEADS else {}
        return special.get(view.name, _panels)(view, view.columns)
    values = np.asarray(view.values, dtype=float)
    if view.dims[-2:] == ("row", "column"):
        return maps(view, values)
    if view.dims == HEADS:
        return _dots(view, values)
    if view.dims[-1:] == ("token",) and len(view.dims) > 1:
        return _token_rows(view, values)
    return _bars(view, values)


def _dots(view: View, values: np.ndarray) -> Drawing:
    """A dot for every head over its layer, a line through the means."""

    def onto(part: Any, box: Box) -> None:
        axes = part.add_axes(inside(box, 0.62, 0.5, 0.2, 0.15, width, height))
        _dot_axes(axes, view.coords["layer"], values)
        axes.set_ylabel(f"{plain(view.title.lower())}{unit_label(view.unit)}")

    width, height = 5.2, 3.2
    return Drawing(width, height, onto)


def _dot_axes(axes: Any, layers: Sequence[Any], values: np.ndarray) -> None:
    axes.grid(axis="y")
    axes.plot(layers, np.nanmean(values, axis=1), color="C1", linewidth=1.5, label="mean over heads", zorder=3)
    for head in range(values.shape[1]):
        label = "one head" if head == 0 else "_"
        axes.plot(layers, values[:, head], "o", color="C0", markersize=3.5, alpha=0.65, mew=0, label=label)
    axes.legend(loc="lower right", ncols=2, bbox_to_anchor=(1.02, 0.99), borderaxespad=0)
    _layer_axis(axes, layers, min(0.0, float(np.nanmin(values))))


def _layer_axis(axes: Any, layers: Sequence[Any], bottom: float) -> None:
    axes.set_xlabel("layer")
    axes.set_xlim(layers[0] - 0.5, layers[-1] + 0.5)
    axes.set_ylim(bottom=bottom)
    axes.set_xticks(_some(layers, 16))


def _deviation(view: View, columns: dict[str, Column]) -> Drawing:
    """Deviation over heads as a line with its spread over images, over positions as a dot for every head."""
    layers = view.coords["layer"]
    shown = [name for name in ("over_heads", "over_positions") if name in columns]

    def onto(part: Any, box: Box) -> None:
        for place, name in enumerate(shown):
            cell = (box[0] + box[2] * place / len(shown), box[1], box[2] / len(shown), box[3])
            axes = part.add_axes(inside(cell, 0.62, 0.5, 0.2, 0.25, 3.8, 2.8))
            axes.set_ylabel(f"deviation {name.replace('_', ' ')}{unit_label(columns[name].unit)}")
            if name == "over_positions":
                _dot_axes(axes, layers, columns[name].values)
                continue
            over, spread = columns[name].values[:, 0], columns[f"{name}_std"].values[:, 0]
            axes.grid(axis="y")
            axes.fill_between(layers, over - spread, over + spread, color="C1", alpha=0.25, linewidth=0)
            axes.plot(layers, over, "o-", color="C1", linewidth=1.5, markersize=3)
            axes.set_title("band: spread over images", fontsize=7, loc="right", pad=3)
            _layer_axis(axes, layers, 0.0)

    return Drawing(3.8 * len(shown), 2.8, onto)


def _bars(view: View, values: np.ndarray) -> Drawing:
    """A bar for every place of the one axis that is left, or for the one number."""
    names = [str(place) for place in view.coords[view.dims[0]]] if view.dims else [view.name]
    heights = np.atleast_1d(values)

    def onto(part: Any, box: Box) -> None:
        axes = part.add_axes(inside(box, 0.62, 0.5, 0.2, 0.1, width, height))
        _bar_axes(axes, heights, names, view.dims[0] if view.dims else "")
        axes.set_ylabel(f"{plain(view.title.partition(',')[0].lower())}{unit_label(view.unit)}")

    width, height = 5.2, 3.0
    return Drawing(width, height, onto)


def _bar_axes(axes: Any, heights: np.ndarray, names: Sequence[str], dim: str) -> None:
    axes.grid(axis="y")
    axes.bar(np.arange(len(heights)), heights, width=0.8, color="C0", linewidth=0)
    shown = _some(list(range(len(names))), 16)
    axes.set_xticks(shown, [plain(str(names[index])) for index in shown])
    axes.set_xlabel(dim)
    axes.set_xlim(-0.7, len(heights) - 0.3)


def _token_rows(view: View, values: np.ndarray) -> Drawing:
    """Attention to every token as a matrix: a row for every head, prefix tokens first; colours are logarithmic."""
    from matplotlib.colors import LogNorm

    rows = values.reshape(-1, values.shape[-1])
    height = min(9.0, max(1.6, 0.07 * len(rows) + 0.8))

    def onto(part: Any, box: Box) -> None:
        axes = part.add_axes(inside(box, 0.62, 0.45, 1.05, 0.08, 6.4, height))
        top = float(np.nanmax(rows))
        scale = LogNorm(top * FAINTEST, top) if top > 0 else None
        image = axes.imshow(np.maximum(rows, top * FAINTEST), aspect="auto", norm=scale, cmap=SEQUENTIAL)
        colour_bar(part, axes, image, "attention")
        axes.set_xlabel("token")
        tokens = _some(list(range(rows.shape[1])), 10)
        axes.set_xticks(tokens, [plain(str(view.coords["token"][index])) for index in tokens])
        places = view.coords[view.dims[0]]
        step = len(rows) // len(places)
        shown = _some(list(range(len(places))), 24)
        axes.set_yticks([index * step + (step - 1) / 2 for index in shown], [str(places[index]) for index in shown])
        axes.set_ylabel(f"{view.dims[0]}, its heads from top to bottom" if step > 1 else view.dims[0])

    return Drawing(6.4, height, onto)


def _offsets(view: View, columns: dict[str, Column]) -> Drawing:
    """A point for every head, right and down as on the image, coloured by its layer."""
    x, y = columns["x"].values, columns["y"].values
    layers = view.coords["layer"]

    def onto(part: Any, box: Box) -> None:
        axes = part.add_axes(inside(box, 0.7, 0.5, 0.9, 0.1, 4.6, 3.6))
        reach = max(float(np.nanmax(np.abs([x, y]))), 1e-6) * 1.08
        axes.axhline(0, color="0.8", linewidth=0.6)
        axes.axvline(0, color="0.8", linewidth=0.6)
        colours = np.repeat(np.asarray(layers, dtype=float), x.shape[1])
        points = axes.scatter(x.ravel(), y.ravel(), c=colours, s=14, cmap=SEQUENTIAL, linewidths=0.3, edgecolors="0.3")
        axes.set(xlim=(-reach, reach), ylim=(reach, -reach), aspect="equal")
        axes.set_xlabel(f"right{unit_label(columns['x'].unit)}")
        axes.set_ylabel(f"down{unit_label(columns['y'].unit)}")
        colour_bar(part, axes, points, "layer", ticks=_some(layers, 12))

    return Drawing(4.6, 3.6, onto)


def _panels(view: View, columns: dict[str, Column]) -> Drawing:
    """A panel for each number: a grid of layers × heads, or bars where one axis is left."""
    shape = next(iter(columns.values())).values.shape
    across = 1.35 + CELL * shape[1] if len(shape) == 2 else 3.0
    down = 0.75 + CELL * shape[0] if len(shape) == 2 else 1.7
    many = min(PANELS, len(columns))
    rows = -(-len(columns) // many)
    width, height = many * across, rows * down

    def onto(part: Any, box: Box) -> None:
        for index, (name, column) in enumerate(columns.items()):
            row, place = divmod(index, many)
            cell = (
                box[0] + box[2] * place / many,
                box[1] + box[3] * (rows - 1 - row) / rows,
                box[2] / many,
                box[3] / rows,
            )
            axes = part.add_axes(inside(cell, 0.5, 0.4, 0.75, 0.25, across, down))
            axes.set_title(f"{plain(name.replace('_', ' '))}{unit_label('1' if column.unit == TAG else column.unit)}")
            axes.title.set_fontsize(8)
            _panel(part, axes, view, column)

    return Drawing(width, height, onto)


def _panel(part: Any, axes: Any, view: View, column: Column) -> None:
    if column.unit == TAG:
        _tags(axes, view, column.values)
    elif column.values.ndim == 2:
        values = np.asarray(column.values, dtype=float)
        far = float(np.nanmax(np.abs(values))) if np.isfinite(values).any() else 1.0
        signed = bool(np.nanmin(values) < 0) if np.isfinite(values).any() else False
        limits = {"vmin": -far, "vmax": far, "cmap": DIVERGING} if signed else {"vmin": 0, "cmap": SEQUENTIAL}
        colour_bar(part, axes, axes.imshow(values, **limits), "")
        _head_ticks(axes, view)
    else:
        names = [str(place) for place in view.coords[view.dims[0]]] if view.dims else [""]
        _bar_axes(axes, np.atleast_1d(np.asarray(column.values, dtype=float)), names, view.dims[0] if view.dims else "")


def _tags(axes: Any, view: View, values: np.ndarray) -> None:
    """The first letters of each head's tags, and what they stand for below."""
    grid = values.reshape(1, -1) if values.ndim < 2 else values
    names = sorted({tag for tags in grid.ravel() for tag in tags})
    for (row, place), tags in np.ndenumerate(grid):
        axes.text(place, row, "".join(tag[0] for tag in tags), ha="center", va="center", fontsize=5)
    axes.set(xlim=(-0.5, grid.shape[1] - 0.5), ylim=(grid.shape[0] - 0.5, -0.5))
    legend = "\n".join(f"{tag[0]}  {plain(tag)}" for tag in names)
    axes.text(1.03, 1, legend, transform=axes.transAxes, ha="left", va="top", fontsize=5)
    if values.ndim == 2:
        _head_ticks(axes, view)


def _head_ticks(axes: Any, view: View) -> None:
    for dim, set_ticks in (("layer", axes.set_yticks), ("head", axes.set_xticks)):
        places = view.coords[dim]
        shown = _some(list(range(len(places))), 8)
        set_ticks(shown, [str(places[index]) for index in shown])
    axes.set_xlabel("head", labelpad=1)
    axes.set_ylabel("layer", labelpad=1)


def _some(places: Sequence[Any], most: int) -> list[Any]:
    """The first place and every n-th after it, `most` at most.

    >>> _some([1, 2, 3, 4, 5], 3)
    [1, 3, 5]
    """
    return list(places[:: -(-len(places) // most)])
