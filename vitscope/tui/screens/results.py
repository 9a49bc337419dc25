"""Results: the best layer of every model in every task, the paper's own numbers beside where they are of the same."""

from __future__ import annotations

import numpy as np

from vitscope.tui import mouse
from vitscope.tui.book import Book
from vitscope.tui.library import Failure
from vitscope.tui.render.surface import Rect, Surface
from vitscope.tui.render.words import short, wrap
from vitscope.tui.results import Cell, Table
from vitscope.tui.screens.frame import failed, gone, notice
from vitscope.tui.state import State
from vitscope.tui.steps import window
from vitscope.views.curves import RANDOM

DETAILS = 5  # lines below the table
NONE = "No task has been evaluated in this cache: `vitscope evaluate knn --model MODEL --data FOLDER` measures one."


def draw(surface: Surface, rect: Rect, state: State, book: Book) -> None:
    """The table, scrolled to its cursor; below it the number under the cursor in full, and what has to be known."""
    run = book.run(state)
    if run is None:
        gone(surface, rect)
        return
    found = book.table(run)
    if isinstance(found, Failure):
        failed(surface, rect, found)
    elif found is None:
        surface.write(rect.x, rect.y, "results …", surface.theme.dim)
    elif not found.columns:
        notice(surface, rect, NONE)
    else:
        _table(surface, rect, state, found)


def _table(surface: Surface, rect: Rect, state: State, table: Table) -> None:
    theme = surface.theme
    models = table.ordered(state.panels.sort)
    row = models.index(state.panels.model) if state.panels.model in models else 0
    column = table.columns.index(state.panels.column) if state.panels.column in table.columns else 0
    if rect.height > 12:
        title = "best layer of every model in every task"
        surface.write(rect.x, rect.y, title, bold=True, width=min(len(title), rect.width))
        rect = Rect(rect.x, rect.y + 2, rect.width, rect.height - 2)
    names = _wrapped(table.columns)
    wide = 2 + max(len("".join(said(cell))) for cell in table.cells.values())
    wide = max([wide, *(min(16, len(line) + 3) for lines in names for line in lines)])
    label = min(max(map(len, models)) + 1, max(8, rect.width - wide), 28)
    head = 1 + max(len(lines) for lines in names)
    paper = any(cell.paper is not None for cell in table.cells.values())
    low = DETAILS if rect.height > 12 else 2
    tall = 2 if paper and rect.height - head - low >= 2 * len(models) else 1
    across = max(1, min(len(table.columns), (rect.width - label) // wide))
    down = max(1, min(len(models), (rect.height - head - low) // tall))
    columns, rows = window(column, across, len(table.columns)), window(row, down, len(models))
    for i, c in enumerate(columns):
        ink = theme.accent if c == column else theme.dim
        for y, line in enumerate(names[c]):
            sorted_by = " ▾" if y == len(names[c]) - 1 and state.panels.sort == table.columns[c] else ""
            place = rect.x + label + i * wide
            surface.write(place, rect.y + y, f"{line}{sorted_by}", ink, bold=c == column, width=wide - 1)
    _more(surface, rect, label + across * wide, columns, rows, (len(models), len(table.columns)))
    surface.rule(rect.x, rect.y + head - 1, min(rect.width, label + across * wide))
    for j, r in enumerate(rows):
        y = rect.y + head + j * tall
        ink = theme.accent if r == row else theme.dim if models[r] == RANDOM else theme.text
        surface.write(rect.x, y, short(models[r]), ink, bold=r == row, width=label - 1)
        for i, c in enumerate(columns):
            place = Rect(rect.x + label + i * wide, y, wide - 1, tall)
            surface.spot(place, mouse.result(models[r], table.columns[c]))
            _cell(surface, place, table, (models[r], table.columns[c]), chosen=(r, c) == (row, column))
    bottom = rect.y + head + down * tall
    below = Rect(rect.x, bottom + (1 if low > 2 else 0), rect.width, rect.bottom - bottom - (1 if low > 2 else 0))
    _details(surface, below, table, models[row], table.columns[column])


def _wrapped(labels: tuple[str, ...]) -> list[list[str]]:
    """Each label as one line for the task and one for what tells it from others of the same task."""
    return [list(filter(None, label.partition(" ")[::2])) for label in labels]


def _more(surface: Surface, rect: Rect, wide: int, columns: range, rows: range, counts: tuple[int, int]) -> None:
    """Arrows at the edges of a table, `wide` columns, beyond which it goes on."""
    accent = surface.theme.accent
    left = ("←" if columns.start else " ") + ("↑" if rows.start else " ") + ("↓" if rows.stop < counts[0] else " ")
    surface.write(rect.x, rect.y, left, accent, bold=True)
    if columns.stop < counts[1]:
        surface.write(min(rect.x + wide, rect.right) - 1, rect.y, "→", accent, bold=True)


def _cell(surface: Surface, rect: Rect, table: Table, place: tuple[str, str], *, chosen: bool) -> None:
    theme, cell = surface.theme, table.cells.get(place)
    best = cell is not None and place[0] != RANDOM and cell.value == table.best(place[1])
    text, layer = said(cell)
    ink, back = theme.text if best else theme.dim, None
    if chosen:
        ink, back = theme.on(theme.accent), theme.accent
        mono = theme.depth == "mono"
        surface.fill(Rect(rect.x, rect.y, rect.width, 1), theme.accent, reverse=mono)
        surface.write(rect.x, rect.y, text, ink, back=back, bold=True, reverse=mono)
    else:
        surface.write(rect.x, rect.y, text, theme.accent if best and not theme.plain else ink, bold=best)
    surface.write(
        rect.x + len(text), rect.y, layer, ink if chosen else theme.dim, reverse=chosen and theme.depth == "mono"
    )
    if rect.height > 1 and cell is not None and cell.paper is not None:
        beside = f"{cell.value - cell.paper:+.4f}".replace("0.", ".", 1)
        surface.write(rect.x, rect.y + 1, f"{_short(cell.paper)} {beside}", theme.dim, width=rect.width)


def said(cell: Cell | None) -> tuple[str, str]:
    """A number and its layer, or its spread over trials, in no more than thirteen columns."""
    if cell is None or not np.isfinite(cell.value):
        return "–", ""
    if cell.layer is not None:
        return f"{cell.value:.4f}", f" @{cell.layer + 1}"
    return f"{cell.value:.4f}", "" if cell.spread is None else f" ±{_short(cell.spread)}"


def _short(value: float) -> str:
    return f"{value:.4f}".replace("0.", ".", 1)


def _details(surface: Surface, rect: Rect, table: Table, model: str, column: str) -> None:
    """The cell in full; then, as far as there is room, why the paper's numbers are not beside the others."""
    theme, cell = surface.theme, table.cells.get((model, column))
    x = surface.write(rect.x, rect.y, f"{model} ", theme.accent, bold=True)
    y = rect.y + 1
    if cell is None:
        surface.write(x, rect.y, f"not evaluated: {column}", theme.dim, width=max(0, rect.right - x))
    else:
        y = _number(surface, Rect(rect.x, rect.y, rect.width, rect.height), x, cell)
    for line in table.notes:
        if y + len(wrap(line, rect.width)) > rect.bottom:
            return
        y = notice(surface, Rect(rect.x, y, rect.width, rect.bottom - y), line)


def _number(surface: Surface, rect: Rect, x: int, cell: Cell) -> int:
    """A number, from `x` on, with its layer and what it is; the paper's below it. Returns the row below."""
    theme, y = surface.theme, rect.y + 1
    x = surface.write(x, rect.y, f"{cell.value:.4f}", bold=True)
    if cell.layer is not None:
        x = surface.write(x, rect.y, f" at layer {cell.layer + 1}")
    elif cell.spread is not None:
        x = surface.write(x, rect.y, f" ± {cell.spread:.4f} by chance")
    text = f" {cell.what}"
    if x + len(text) <= rect.right:
        surface.write(x, rect.y, text, theme.dim)
    elif y < rect.bottom:
        surface.write(rect.x, y, cell.what, theme.dim, width=min(len(cell.what), rect.width))
        y += 1
    if cell.paper is not None and y < rect.bottom:
        layer = "" if cell.paper_layer is None else f" at layer {cell.paper_layer + 1}"
        text = f"the paper's {cell.paper:.4f}{layer}, difference {cell.value - cell.paper:+.4f}"
        surface.write(rect.x, y, text, width=min(len(text), rect.width))
        y += 1
    return y
