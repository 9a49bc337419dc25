"""Attention to every token as text: what each prefix token gets, what the patches get, and the strongest of them."""

from __future__ import annotations

from itertools import product

import numpy as np
from rich.table import Table
from rich.text import Text

from vitscope.export.grid import bars
from vitscope.export.heat import number
from vitscope.views import View

STRONGEST = 3
BARS = 16


def tokens(view: View, values: np.ndarray, width: int) -> Table | list[Text]:
    """Values whose last dim is the token: bars for one head, a row per head for more."""
    names = view.coords["token"]
    if len(view.dims) == 1:
        order = sorted(np.argsort(values, kind="stable")[::-1][:BARS].tolist())
        lines = bars(values[order], [names[index] for index in order], "token", view.unit, width)
        return [*lines, Text(f"The {len(order)} strongest of {len(names)} tokens; --format csv has all.", "dim")]
    return _table(view, values, names)


def _table(view: View, values: np.ndarray, names: list[str]) -> Table:
    prefix = [index for index, name in enumerate(names) if "," not in name]
    patches = [index for index, name in enumerate(names) if "," in name]
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim")
    for dim in view.dims[:-1]:
        table.add_column(dim, justify="right")
    for index in prefix:
        table.add_column(names[index], justify="right")
    table.add_column("patches", justify="right")
    table.add_column("strongest patches")
    for place in product(*(range(len(view.coords[dim])) for dim in view.dims[:-1])):
        row = values[place]
        order = [patches[index] for index in np.argsort(row[patches], kind="stable")[::-1][:STRONGEST]]
        table.add_row(
            *(str(view.coords[dim][index]) for dim, index in zip(view.dims, place, strict=False)),
            *(number(float(row[index])) for index in prefix),
            number(float(row[patches].sum())),
            "  ".join(f"{names[index]} {number(float(row[index]))}" for index in order),
        )
    return table
