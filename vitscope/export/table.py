"""A view on a terminal: a heading, the plot or map that suits its dims, the numbers, and its notes."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from rich.console import Group, RenderableType
from rich.text import Text

from vitscope.export.columns import SPREAD, table
from vitscope.export.grid import bars, grid
from vitscope.export.heat import number, unit_name
from vitscope.export.maps import maps
from vitscope.export.matrix import matrix
from vitscope.export.palette import Depth
from vitscope.export.plot import dots, lines, scatter
from vitscope.export.summary import summary
from vitscope.export.tokens import tokens
from vitscope.views import Column, View

HEADS = ("layer", "head")
CURVES = ("model", "layer")
ARROWS = "→↘↓↙←↖↑↗"
NEGLIGIBLE = 0.02  # of the largest offset: below, a direction is noise and not drawn


def render(view: View, width: int, depth: Depth) -> RenderableType:
    """`view` as Rich prints it in `width` columns with colours of `depth`."""
    notes = [Text(note, "dim") for note in view.notes]
    body = _columns(view, width, depth) if view.columns else _values(view, width, depth)
    return Group(_heading(view), Text(), *body, *([Text()] if notes else []), *notes)


def _heading(view: View) -> Text:
    """What the view shows, of what model, over how many images."""
    images = "1 image" if view.images == 1 else f"{view.images} images"
    facts = [view.model, view.dataset, images]
    if view.protocol != "corrected":
        facts.append(f"protocol {view.protocol}")
    return Text.assemble((view.title, "bold"), "\n", (" · ".join(facts), "dim"))


def _values(view: View, width: int, depth: Depth) -> Iterable[RenderableType]:
    """The body of a view with one number at each place."""
    values = np.asarray(view.values, dtype=float)
    if view.dims[-2:] == ("row", "column"):
        return maps(view, values, width, depth)
    if view.dims[-1:] == ("token",):
        return _listed(tokens(view, values, width))
    if view.dims == HEADS:
        layers, heads = view.coords["layer"], view.coords["head"]
        cells = grid(values, layers, heads, view.unit, width, depth)
        return [*dots(values, layers, view.unit, width), Text(), *cells]
    if len(view.dims) == 2:
        return _matrix(view, values, view.unit, width, depth)
    if len(view.dims) == 1:
        name = view.dims[0]
        return bars(values, view.coords[name], name.replace("_", " "), view.unit, width)
    return [Text(f"{number(float(values))}{unit_name(view.unit)}")]


def _columns(view: View, width: int, depth: Depth) -> Iterable[RenderableType]:
    """The body of a view with several numbers at each place."""
    columns = view.columns or {}
    if view.name == "summary":
        return summary(view, columns, width)
    if view.dims == HEADS and view.name == "offset":
        return _offset(view, columns, width, depth)
    if view.dims == HEADS and view.name == "deviation":
        return _deviation(view, columns, width, depth)
    if len(view.dims) == 2 and view.dims != HEADS:
        return _matrices(view, columns, width, depth)
    return table(view, columns, width)


def _matrices(view: View, columns: dict[str, Column], width: int, depth: Depth) -> list[Text]:
    """Each number by itself: curves over layers, then the numbers; or the numbers alone."""
    parts: list[Text] = []
    for name, column in columns.items():
        values = np.asarray(column.values, dtype=float)
        if name.endswith(SPREAD):
            continue
        parts += [Text(), Text(f"{name.replace('_', ' ')}{unit_name(column.unit)}", "bold")]
        if view.dims == CURVES:
            parts += lines(values, view.coords["model"], view.coords["layer"], width, depth)
        parts += [Text(), *_matrix(view, values, column.unit, width, depth)]
    return parts[1:]


def _matrix(view: View, values: np.ndarray, unit: str, width: int, depth: Depth) -> list[Text]:
    down, across = (view.coords[dim] for dim in view.dims)
    return matrix(values, (down, across), view.dims, unit, width, depth)


def _offset(view: View, columns: dict[str, Column], width: int, depth: Depth) -> list[Text]:
    x, y, size = (columns[name].values for name in ("x", "y", "magnitude"))
    layers, unit = view.coords["layer"], columns["x"].unit
    turn = np.rint(np.arctan2(y, x) / (np.pi / 4)).astype(int) % 8
    arrows = np.where(size >= NEGLIGIBLE * size.max(), np.array(list(ARROWS))[turn], "·")
    cells = grid(size, layers, view.coords["head"], unit, width, depth, before=arrows)
    return [*scatter(x, y, layers, unit, width, depth), Text(), *cells]


def _deviation(view: View, columns: dict[str, Column], width: int, depth: Depth) -> list[Text]:
    layers, heads = view.coords["layer"], view.coords["head"]
    parts: list[Text] = []
    if "over_heads" in columns:
        over, spread = (columns[name].values[:, 0] for name in ("over_heads", "over_heads_std"))
        title = Text("over heads, and its spread over images", "bold")
        parts += [title, *bars(over, layers, "layer", columns["over_heads"].unit, width, spread), Text()]
    if "over_positions" in columns:
        values = columns["over_positions"].values
        unit = columns["over_positions"].unit
        title = Text("over positions", "bold")
        parts += [title, *dots(values, layers, unit, width), Text(), *grid(values, layers, heads, unit, width, depth)]
    return parts


def _listed(part: RenderableType | list[Text]) -> Iterable[RenderableType]:
    return part if isinstance(part, list) else [part]
