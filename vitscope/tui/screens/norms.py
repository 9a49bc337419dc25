"""Norms of patch tokens after every block, the share that stands far out, and where on the grid the long ones are."""

from __future__ import annotations

import numpy as np

from vitscope.store.reader import Run
from vitscope.tui.book import Book
from vitscope.tui.library import Failure
from vitscope.tui.measures import Norms
from vitscope.tui.render.heat import bar, factor, heat, shrink, span
from vitscope.tui.render.surface import Rect, Surface
from vitscope.tui.render.words import number
from vitscope.tui.screens.frame import failed
from vitscope.tui.state import State

TABLE = 46  # columns of the numbers of layers
LARGEST = 4  # pixels per patch
BAR = 8


def draw(surface: Surface, rect: Rect, state: State, book: Book, run: Run) -> None:
    """Numbers of every layer; the map of the layer under the cursor beside them or, where it is narrow, below."""
    found = book.norms(run)
    if isinstance(found, Failure):
        failed(surface, rect, found)
        return
    if found is None:
        surface.write(rect.x, rect.y, "norms of tokens …", surface.theme.dim)
        return
    if rect.width >= TABLE + 20:
        _table(surface, Rect(rect.x, rect.y, TABLE, rect.height), state, found)
        _map(surface, Rect(rect.x + TABLE + 3, rect.y, rect.width - TABLE - 3, rect.height), state, found)
        return
    low = min(rect.height // 2, len(found.median) + 2)
    _table(surface, Rect(rect.x, rect.y, rect.width, low), state, found)
    _map(surface, Rect(rect.x, rect.y + low, rect.width, rect.height - low), state, found)


def _table(surface: Surface, rect: Rect, state: State, found: Norms) -> None:
    """Of every layer the mean and the median norm, with a bar, and the share of outliers with its spread."""
    theme, layers = surface.theme, len(found.median)
    mean = found.mean.mean(axis=(1, 2))
    top = float(np.nanmax(mean)) if np.isfinite(mean).any() else 0.0
    surface.write(rect.x + 5, rect.y, "mean", bold=True)
    surface.write(rect.x + 12, rect.y, "median", bold=True)
    wide = rect.width >= 36 + BAR
    share_at = rect.x + 20 + (BAR + 2 if wide else 0)
    surface.write(share_at, rect.y, "far out", bold=True)
    shown = max(1, min(layers, rect.height - 1))
    at = min(state.layer, layers - 1)
    first = max(0, min(at - shown // 2, layers - shown))
    for y, layer in enumerate(range(first, first + shown), start=rect.y + 1):
        here = layer == at
        ink = theme.accent if here else theme.dim
        text = theme.text if here else theme.dim
        surface.write(rect.x, y, str(layer + 1), ink, bold=here, width=3, align="right")
        surface.write(rect.x + 5, y, number(float(mean[layer])), text, bold=here)
        surface.write(rect.x + 12, y, number(float(found.median[layer])), text)
        if wide:
            _bar(surface, rect.x + 20, y, float(mean[layer]) / top if top > 0 else 0.0, ink if here else theme.faint)
        x = surface.write(share_at, y, f"{found.outliers[layer]:.2%}", text, bold=here)
        if x + 8 <= rect.right:
            surface.write(x, y, f" ± {found.spread[layer]:.2%}", theme.dim)


def _bar(surface: Surface, x: int, y: int, share: float, ink: int) -> None:
    eighths = round(8 * BAR * share) if np.isfinite(share) else 0
    full, part = divmod(max(0, min(8 * BAR, eighths)), 8)
    surface.write(x, y, "█" * full + (" ▏▎▍▌▋▊▉"[part] if full < BAR else ""), ink)


def _map(surface: Surface, rect: Rect, state: State, found: Norms) -> None:
    """The mean norm of every patch over images, in the layer under the cursor."""
    layer = min(state.layer, len(found.mean) - 1)
    values = found.mean[layer]
    title = f"layer {layer + 1}, mean norm of every patch"
    title = title if len(title) <= rect.width else f"layer {layer + 1}, norms"
    surface.write(rect.x, rect.y, title, bold=True)
    if rect.height < 4:
        return
    rows, columns = values.shape
    times = min(LARGEST, factor(rows, columns, rect.width, rect.height - 3))
    shown = values
    if times == 0:
        share = min(rect.width / columns, 2 * (rect.height - 3) / rows)
        shown = shrink(values, max(1, int(rows * share)), max(1, int(columns * share)))
    drawn = heat(surface, rect.x, rect.y + 1, shown, span(values, zero=False), max(1, times))
    bar(surface, rect.x, drawn.bottom, max(drawn.width, min(rect.width, 34)), span(values, zero=False), "norm")
    if np.isfinite(values).any() and drawn.bottom + 1 < rect.bottom:
        row, column = np.unravel_index(int(np.nanargmax(values)), values.shape)
        beside = number(float(np.nanmax(values) / np.nanmedian(values)))
        text = f"longest at {row + 1},{column + 1}: {beside} × the median"
        text = text if len(text) <= rect.width else f"longest at {row + 1},{column + 1}"
        surface.write(rect.x, drawn.bottom + 1, text, surface.theme.dim)
