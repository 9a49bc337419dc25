"""What a figure shows of a view, and how large: dots over layers, bars, offsets as points, a grid for each number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from vitscope.export.curves import curves
from vitscope.export.drawing import Box, Drawing, bar_axes, colour_bar, inside, some
from vitscope.export.matrices import matrices
from vitscope.export.panels import panels
from vitscope.export.pictures import maps
from vitscope.export.scores import scores
from vitscope.export.style import SEQUENTIAL, SERIES, plain, unit_label
from vitscope.views import Column, View

HEADS = ("layer", "head")
FAINTEST = 1e-3  # of the highest attention: the lower end of a logarithmic scale


def draw(view: View) -> Drawing:
    """The drawing that suits the dims of `view`."""
    if view.columns is not None:
        return _columns(view, view.columns)
    values = np.asarray(view.values, dtype=float)
    if view.dims[-2:] == ("row", "column"):
        return maps(view, values)
    if view.dims == HEADS:
        return _dots(view, values)
    if view.dims[-1:] == ("token",) and len(view.dims) > 1:
        return _token_rows(view, values)
    if len(view.dims) == 2:
        return matrices(view, {"": Column(values=values, unit=view.unit)})
    return _bars(view, values)


def _columns(view: View, columns: dict[str, Column]) -> Drawing:
    """The drawing of several numbers at each place."""
    if view.dims == ("model", "layer"):
        return curves(view, columns)
    if len(view.dims) == 2 and view.dims != HEADS:
        return matrices(view, columns)
    special = {"offset": _offsets, "deviation": _deviation} if view.dims == HEADS else {"summary": scores}
    return special.get(view.name, panels)(view, columns)


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
    axes.plot(layers, np.nanmean(values, axis=1), color=SERIES[1], linewidth=1.5, label="mean over heads", zorder=3)
    for head in range(values.shape[1]):
        label = "one head" if head == 0 else "_"
        axes.plot(layers, values[:, head], "o", color=SERIES[0], markersize=3.5, alpha=0.65, mew=0, label=label)
    axes.legend(loc="lower right", ncols=2, bbox_to_anchor=(1.02, 0.99), borderaxespad=0)
    _layer_axis(axes, layers, min(0.0, float(np.nanmin(values))))


def _layer_axis(axes: Any, layers: Sequence[Any], bottom: float) -> None:
    axes.set_xlabel("layer")
    axes.set_xlim(layers[0] - 0.5, layers[-1] + 0.5)
    axes.set_ylim(bottom=bottom)
    axes.set_xticks(some(layers, 16))


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
            axes.fill_between(layers, over - spread, over + spread, color=SERIES[1], alpha=0.25, linewidth=0)
            axes.plot(layers, over, "o-", color=SERIES[1], linewidth=1.5, markersize=3)
            axes.set_title("band: spread over images", fontsize=7, loc="right", pad=3)
            _layer_axis(axes, layers, 0.0)

    return Drawing(3.8 * len(shown), 2.8, onto)


def _bars(view: View, values: np.ndarray) -> Drawing:
    """A bar for every place of the one axis that is left, or for the one number."""
    names = [str(place) for place in view.coords[view.dims[0]]] if view.dims else [view.name]
    heights = np.atleast_1d(values)

    def onto(part: Any, box: Box) -> None:
        axes = part.add_axes(inside(box, 0.62, 0.5, 0.2, 0.1, width, height))
        bar_axes(axes, heights, names, view.dims[0] if view.dims else "")
        axes.set_ylabel(f"{plain(view.title.partition(',')[0].lower())}{unit_label(view.unit)}")

    width, height = 5.2, 3.0
    return Drawing(width, height, onto)


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
        tokens = some(list(range(rows.shape[1])), 10)
        axes.set_xticks(tokens, [plain(str(view.coords["token"][index])) for index in tokens])
        places = view.coords[view.dims[0]]
        step = len(rows) // len(places)
        shown = some(list(range(len(places))), 24)
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
        colour_bar(part, axes, points, "layer", ticks=some(layers, 12))

    return Drawing(4.6, 3.6, onto)
