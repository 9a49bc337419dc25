"""A view with several numbers at each place as a table that fits: a row for each place, a column for each number.

Where there is too little room, spreads go first, then what comes last in the view; tags always stay, and a line below
says what was left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from rich.text import Text

from vitscope.export.data import TAG
from vitscope.export.heat import number, unit_name
from vitscope.views import Column, View

SHORT_UNITS = {"image side": "side"}
SPREAD = "_std"
COMPONENTS = ("x", "y")  # go before the rest: magnitude says more


@dataclass(frozen=True)
class _Shown:
    """A column as text: the lines of its header, then a text for each row."""

    name: str
    header: list[str]
    rows: list[str]
    left: bool = False

    @property
    def width(self) -> int:
        return max(map(len, [*self.header, *self.rows]))

    def padded(self, text: str) -> str:
        return text.ljust(self.width) if self.left else text.rjust(self.width)


def table(view: View, columns: dict[str, Column], width: int) -> list[Text]:
    """The lines of the table, at most `width` columns wide where that is possible at all."""
    if not view.dims:
        return _list(columns)
    places = list(product(*(view.coords[dim] for dim in view.dims)))
    index = [_Shown(dim, [dim], [str(place[axis]) for place in places]) for axis, dim in enumerate(view.dims)]
    every = [_shown(name, column) for name, column in columns.items()]
    chosen = _fitting(every, width - sum(column.width + 2 for column in index))
    shown = [*index, *chosen]
    deep = max(len(column.header) for column in shown)
    heads = [[""] * (deep - len(column.header)) + column.header for column in shown]
    lines = [_line([c.padded(head[row]) for c, head in zip(shown, heads, strict=True)], "dim") for row in range(deep)]
    lines += [_line([column.padded(column.rows[row]) for column in shown]) for row in range(len(places))]
    out = [column.name for column in every if column not in chosen]
    if out:
        said = f"No room here for {', '.join(out)}: widen the terminal, or use --format csv or json."
        lines += [Text(), Text(said, "dim")]
    return lines


def _list(columns: dict[str, Column]) -> list[Text]:
    """All numbers of one head, one below the other."""
    label = max(map(len, columns))
    lines = []
    for name, column in columns.items():
        text = _shown(name, column).rows[0] if column.unit == TAG else number(float(column.values))
        unit = "" if column.unit == TAG else unit_name(column.unit)
        lines.append(Text.assemble((f"{name.rjust(label)}  ", "dim"), f"{text}{unit}"))
    return lines


def _line(cells: list[str], style: str = "") -> Text:
    return Text("  ".join(cells).rstrip(), style)


def _fitting(columns: list[_Shown], room: int) -> list[_Shown]:
    """Those that fit, in their own order; which go first is said at the top of this file."""

    def rank(column: _Shown) -> tuple[int, int]:
        order = [column.left, not column.name.endswith(SPREAD), column.name not in COMPONENTS]
        return -sum(weight * flag for weight, flag in zip((4, 2, 1), order, strict=True)), columns.index(column)

    kept = []
    for column in sorted(columns, key=rank):
        if column.left or column.width + 2 <= room:
            kept.append(column)
            room -= column.width + 2
    return [column for column in columns if column in kept]


def _shown(name: str, column: Column) -> _Shown:
    if column.unit == TAG:
        return _Shown(name, [name], [", ".join(tags) or "–" for tags in column.values.ravel()], left=True)
    values = np.asarray(column.values, dtype=float).ravel()
    unit = [] if column.unit == "1" else [SHORT_UNITS.get(column.unit, column.unit)]
    return _Shown(name, [*name.split("_"), *unit], _numbers(values))


def _numbers(values: np.ndarray) -> list[str]:
    """All with as many decimals as give the largest three significant digits, five at most.

    >>> _numbers(np.array([0.5, 0.123456, np.nan]))
    ['0.500', '0.123', '–']
    """
    known = np.abs(values[np.isfinite(values)])
    top = float(known.max()) if known.size else 0.0
    decimals = 0 if top == 0 else int(np.clip(2 - np.floor(np.log10(top)), 0, 5))
    return ["–" if np.isnan(value) else f"{value:.{decimals}f}" for value in values]
