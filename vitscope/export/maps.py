"""Maps over the patch grid as text: one, those of a layer, or all layers and heads as thumbnails."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rich.text import Text

from vitscope.export.heat import (
    Scale,
    beside,
    cell_columns,
    colour_bar,
    enlarge,
    heat,
    middle,
    number,
    shrink,
)
from vitscope.export.palette import Depth
from vitscope.views import View

LINES = 20  # a single map is enlarged to at most so many lines
LABEL = 6
STRONGEST = 5
OWN_SCALE = "Every map has its own scale, from 0 to its highest value."


def maps(view: View, values: np.ndarray, width: int, depth: Depth) -> list[Text]:
    """Values whose last two dims are the grid, as lines of at most `width` columns."""
    lead = view.dims[:-2]
    if not lead:
        return _single(view, values, width, depth)
    if len(lead) == 1:
        return _several(view, values, lead[0], width, depth)
    return _thumbnails(view, values, width, depth)


def _single(view: View, values: np.ndarray, width: int, depth: Depth) -> list[Text]:
    """One map as large as fits, the strongest places beside it, its scale below."""
    scale = Scale.of(values)
    rows, columns = values.shape
    across = cell_columns(depth)
    lines_per_row = 0.5 if depth != "none" else 1
    factor = int(max(1, min(LINES / (rows * lines_per_row), width // 2 // (columns * across))))
    picture = heat(enlarge(shrink(values, width // across), factor), scale, depth)
    wide = max(line.cell_len for line in picture)
    facts = _facts(view, values)
    aside = width - wide - 3
    if aside >= max(line.cell_len for line in facts):
        picture = beside([picture, facts], [wide, aside], gap=3)
        facts = []
    return [*picture, Text(), colour_bar(scale, depth, view.unit), *([Text()] if facts else []), *facts]


def _facts(view: View, values: np.ndarray) -> list[Text]:
    """The sum, the mean, and the strongest places, in words."""
    grid = f"{values.shape[0]}×{values.shape[1]}"
    lines = [Text(f"{grid}, sum {number(float(values.sum()))}, mean {number(float(values.mean()))}"), Text()]
    order = np.argsort(values, axis=None, kind="stable")[::-1][:STRONGEST]
    for place in order.tolist():
        row, column = divmod(place, values.shape[1])
        where = _where(view, row, column)
        lines.append(Text(f"{number(float(values[row, column])).rjust(8)}  {where}"))
    return lines


def _where(view: View, row: int, column: int) -> str:
    """Such as "row 3, column 7", or for displacements "2 up, 1 right"."""
    down, right = view.coords["row"][row], view.coords["column"][column]
    if view.coords["row"][0] > 0:
        return f"row {down}, column {right}"
    steps = [
        f"{abs(step)} {names[step > 0]}" for step, names in ((down, ("up", "down")), (right, ("left", "right"))) if step
    ]
    return ", ".join(steps) or "the query itself"


def _several(view: View, values: np.ndarray, dim: str, width: int, depth: Depth) -> list[Text]:
    """The maps of one axis side by side, as many in a row as fit, each under its name and its highest value."""
    across = cell_columns(depth)
    small = [shrink(value, max(1, width // across)) for value in values]
    blocks = []
    for place, value, shown in zip(view.coords[dim], values, small, strict=True):
        title = Text.assemble((f"{dim} {place}", "bold"), f" {number(float(np.nanmax(value)))}")
        blocks.append([title, *heat(shown, Scale.of(shown), depth)])
    wide = max(line.cell_len for block in blocks for line in block)
    return [*_wrapped(blocks, wide, width), Text(f"{OWN_SCALE} The number is that value.", "dim")]


def _wrapped(blocks: Sequence[list[Text]], wide: int, width: int) -> list[Text]:
    fitting = max(1, (width + 2) // (wide + 2))
    lines: list[Text] = []
    for start in range(0, len(blocks), fitting):
        part = blocks[start : start + fitting]
        lines += [*beside(part, [wide] * len(part)), Text()]
    return lines


def _thumbnails(view: View, values: np.ndarray, width: int, depth: Depth) -> list[Text]:
    """A row of small maps per layer, a column per head; heads that do not fit follow below."""
    heads, across = view.coords["head"], cell_columns(depth)
    fitting = max(1, (width - LABEL) // (4 * across + 1))
    size = -(-len(heads) // -(-len(heads) // fitting))
    columns = max(1, ((width - LABEL) // size - 1) // across)
    displaced = view.coords["row"][0] < 0
    small = [[middle(value, columns) if displaced else shrink(value, columns) for value in row] for row in values]
    wide = small[0][0].shape[1] * across
    lines: list[Text] = []
    for start in range(0, len(heads), size):
        part = slice(start, start + size)
        lines.append(Text("layer ".rjust(LABEL) + " ".join(f"h{head}".ljust(wide) for head in heads[part]), "dim"))
        for layer, row in zip(view.coords["layer"], small, strict=True):
            blocks = [heat(value, Scale.of(value), depth) for value in row[part]]
            lines += beside(
                [[Text(f"{layer}".rjust(LABEL - 1), "dim")], *blocks], [LABEL - 1, *[wide] * len(blocks)], gap=1
            )
            if depth == "none" or small[0][0].shape[0] % 2 == 0:
                lines.append(Text())
    cut = small[0][0].shape != values.shape[2:]
    return [*lines, Text(f"{_cut(values, small[0][0], displaced) if cut else ''}{OWN_SCALE}", "dim")]


def _cut(values: np.ndarray, small: np.ndarray, displaced: bool) -> str:
    whole = f"{values.shape[2]}×{values.shape[3]}"
    if displaced:
        return f"The middle {small.shape[0]}×{small.shape[1]} of {whole}; --layer shows all of it. "
    return f"{whole} patches as means over {small.shape[0]}×{small.shape[1]} squares; --layer shows all of them. "
