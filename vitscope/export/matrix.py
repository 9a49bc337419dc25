"""A matrix as text: a coloured cell for each number, names at its edges."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rich.text import Text

from vitscope.export.grid import cell, decimal_power
from vitscope.export.heat import Scale, colour_bar, number, unit_name
from vitscope.export.palette import Depth, is_light, level, ramp

WIDEST = 24  # columns that the name of a row may take


def matrix(
    values: np.ndarray, names: tuple[Sequence[object], Sequence[object]], dims: Sequence[str], unit: str, width: int,
    depth: Depth,
) -> list[Text]:  # fmt: skip
    """Values (R, C) as lines; columns that do not fit follow below, under the names of the rows again."""
    scale = Scale.of(values)
    power = decimal_power(scale)
    cells = [[cell(value / 10**power) for value in row] for row in values.tolist()]
    rows, columns = ([_short(str(name)) for name in part] for part in names)
    corner = f"{dims[0].replace('_', ' ')} \\ {dims[1].replace('_', ' ')}"
    label = max(map(len, [*rows, corner])) + 1
    wide = max(len(text) for row in [*cells, columns] for text in row)
    steps = level(values, scale.low, scale.high, max(len(ramp(depth)), 1)).tolist()
    fitting = max(1, (width - label) // (wide + 1))
    size = -(-len(columns) // -(-len(columns) // fitting))
    lines: list[Text] = []
    for start in range(0, len(columns), size):
        part = slice(start, start + size)
        lines.append(Text(f"{corner} ".rjust(label) + " ".join(name.rjust(wide) for name in columns[part]), "dim"))
        for name, texts, row in zip(rows, cells, steps, strict=True):
            lines.append(_row(name.rjust(label - 1), texts[part], row[part], wide, depth))
        lines.append(Text())
    ends = Text(f"{number(scale.low)} to {number(scale.high)}{unit_name(unit)}")
    bar = ends if depth == "none" else colour_bar(scale, depth, unit)
    times = f", cells ×10^{power}" if power else ""
    return [*lines, Text(" " * label).append_text(bar).append(times, "dim")]


def _row(name: str, texts: Sequence[str], steps: Sequence[int], wide: int, depth: Depth) -> Text:
    line = Text(f"{name} ", "dim")
    colours = ramp(depth)
    for text, step in zip(texts, steps, strict=True):
        style = "not dim"
        if colours and step >= 0:
            style = f"{'black' if is_light(step, depth) else 'bright_white'} on {colours[step]}"
        line.append(text.rjust(wide), style).append(" ", "not dim")
    line.rstrip()
    return line


def _short(name: str) -> str:
    return name if len(name) <= WIDEST else f"{name[: WIDEST - 1]}…"
