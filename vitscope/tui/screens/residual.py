"""Residual branches: CKA of the stream with what attention or MLP adds to it, and the ratio of their norms."""

from __future__ import annotations

import numpy as np

from vitscope.tui.book import Book
from vitscope.tui.library import Failure
from vitscope.tui.render.heat import bar
from vitscope.tui.render.surface import Rect, Surface
from vitscope.tui.render.words import number
from vitscope.tui.screens import matrix, norms
from vitscope.tui.screens.frame import failed, gone
from vitscope.tui.similarity import Residual
from vitscope.tui.state import State

SAID = {"attention": "attention", "mlp": "MLP"}
COLUMN = 11
TABLE = 5 + 6 * COLUMN  # columns of the norm ratios beside the matrix
KINDS = {"all": "all tokens", "spatial": "patches", "cls": "CLS"}


def draw(surface: Surface, rect: Rect, state: State, book: Book) -> None:
    """The matrix of the branch chosen; beside it or, where there is no room, below it, the ratios of every layer."""
    run = book.run(state)
    if run is None:
        gone(surface, rect)
        return
    if state.features.branch == "tokens":
        norms.draw(surface, rect, state, book, run)
        return
    found = book.residual(run)
    if found is None:
        surface.write(rect.x, rect.y, "residual branches, computing …", surface.theme.dim)
        return
    if isinstance(found, Failure):
        failed(surface, rect, found)
        return
    layers = run.geometry.layers
    beside = bool(found.ratios) and rect.width >= TABLE + 7 + 4 * layers and rect.height < 2 * layers + 9
    if found.similar:
        width = rect.width - TABLE - 3 if beside else rect.width
        table = min(layers + 4, rect.height // 2) if found.ratios and not beside and rect.height >= 14 else 0
        tall = max(6, rect.height - table)
        bottom = _matrix(surface, Rect(rect.x, rect.y, width, tall), state, found)
    else:
        bottom = failed(surface, Rect(rect.x, rect.y, rect.width, 3), Failure(found.missing))
    if not found.ratios:
        failed(surface, Rect(rect.x, bottom + 1, rect.width, rect.bottom - bottom - 1), Failure(found.missing))
    elif beside and found.similar:
        _ratios(surface, Rect(rect.right - TABLE, rect.y, TABLE, rect.height), state, found)
    elif bottom + 4 < rect.bottom:
        _ratios(surface, Rect(rect.x, bottom + 1, rect.width, rect.bottom - bottom - 1), state, found)


def _matrix(surface: Surface, rect: Rect, state: State, found: Residual) -> int:
    branch = state.features.branch
    title = f"stream before {SAID[branch]} (rows) with what it adds"
    title = title if len(title) <= rect.width else f"stream (rows) with {SAID[branch]}"
    surface.write(rect.x, rect.y, title, bold=True, width=min(len(title), rect.width))
    values = found.similar[branch]
    layers = [str(i + 1) for i in range(len(values))]
    at = min(state.layer, len(values) - 1), min(state.features.column, len(values) - 1)
    place = Rect(rect.x, rect.y + 1, rect.width, rect.height - 3)
    y = matrix.draw(surface, place, values, matrix.Names(layers, layers), at)
    x = surface.write(rect.x, y, f"layer {at[0] + 1} with layer {at[1] + 1}", surface.theme.accent, bold=True)
    surface.write(x + 2, y, number(float(values[at])), bold=True)
    if y + 1 < rect.bottom:
        bar(surface, rect.x, y + 1, rect.width, matrix.span(values), "CKA")
    return y + 2


def _ratios(surface: Surface, rect: Rect, state: State, found: Residual) -> None:
    """‖skip‖/‖branch‖ of every layer, by branch and tokens, as many columns as fit."""
    theme = surface.theme
    title = "norm of the stream over norm of what is added"
    surface.write(rect.x, rect.y, title, bold=True, width=min(len(title), rect.width))
    columns = [(b, kind) for b in SAID for kind in KINDS if (b, kind) in found.ratios]
    columns.sort(key=lambda column: column[0] != state.features.branch)
    columns = columns[: max(1, (rect.width - 5) // COLUMN)]
    for i, (branch, kind) in enumerate(columns):
        x = rect.x + 5 + i * COLUMN
        surface.write(x, rect.y + 1, SAID[branch], theme.dim)
        surface.write(x, rect.y + 2, KINDS[kind], theme.dim)
    count = len(next(iter(found.ratios.values())))
    shown = max(1, min(count, rect.height - 3))
    first = max(0, min(state.layer - shown // 2, count - shown))
    for layer in range(first, first + shown):
        y, here = rect.y + 3 + layer - first, layer == state.layer
        if y >= rect.bottom:
            return
        ink = theme.accent if here else theme.dim
        surface.write(rect.x, y, str(layer + 1), ink, bold=here, width=3, align="right")
        for i, column in enumerate(columns):
            _bar(surface, rect.x + 5 + i * COLUMN, y, found.ratios[column], layer, here=here)


def _bar(surface: Surface, x: int, y: int, values: np.ndarray, layer: int, *, here: bool) -> None:
    """A number and how it compares with the column's largest."""
    theme = surface.theme
    value, top = float(values[layer]), float(np.nanmax(values))
    end = surface.write(x, y, number(value, 3)[:5].ljust(6), theme.text if here else theme.dim, bold=here)
    eighths = round(8 * 3 * value / top) if top > 0 and np.isfinite(value) else 0
    full, part = divmod(max(0, min(24, eighths)), 8)
    surface.write(end, y, "█" * full + " ▏▎▍▌▋▊▉"[part], theme.accent if here else theme.faint)
