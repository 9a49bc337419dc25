"""Norms of patch tokens after every block, the share that stands far out, and where on the grid the long ones are."""

from __future__ import annotations

import numpy as np

from vitscope.store.reader import Run
from vitscope.tui.book import Book
from vitscope.tui.library import Failure
from vitscope.tui.measures import Norms
from vitscope.tui.render.heat import bar, factor, heat, mark, point, shrink, span
from vitscope.tui.render.surface import Rect, Surface
from vitscope.tui.render.words import number
from vitscope.tui.screens.frame import failed
from vitscope.tui.state import State

TABLE = 46  # columns of the numbers of layers
LARGEST = 6  # pixels per patch
BAR = 8
FENCE = 3  # interquartile ranges
CROSS = "×"


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
        _map(surface, Rect(rect.x + TABLE + 3, rect.y, rect.width - TABLE - 3, rect.height), state, run, found)
        return
    low = min(rect.height // 2, len(found.median) + 2)
    _table(surface, Rect(rect.x, rect.y, rect.width, low), state, found)
    _map(surface, Rect(rect.x, rect.y + low, rect.width, rect.height - low), state, run, found)


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


def _map(surface: Surface, rect: Rect, state: State, run: Run, found: Norms) -> None:
    """The mean norm of every patch over images, in the layer under the cursor; crosses on those that stand far out."""
    layer = min(state.layer, len(found.mean) - 1)
    values = found.mean[layer]
    title = f"layer {layer + 1}, mean norm of every patch"
    title = title if len(title) <= rect.width else f"layer {layer + 1}, norms"
    surface.write(rect.x, rect.y, title, bold=True)
    if rect.height < 4:
        return
    rows, columns = values.shape
    low = 5 if rect.height >= 12 else 3
    times = min(LARGEST, factor(rows, columns, rect.width, rect.height - low))
    shown = values
    if times == 0:
        share = min(rect.width / columns, 2 * (rect.height - low) / rows)
        shown = shrink(values, max(1, int(rows * share)), max(1, int(columns * share)))
    drawn = heat(surface, rect.x, rect.y + 1, shown, span(values, zero=False), max(1, times))
    out, at = far_out(values), state.patch or run.geometry.centre()
    if times:
        for row, column in np.argwhere(out).tolist():
            point(surface, drawn.x, drawn.y, times, (row, column), CROSS)
        mark(surface, drawn.x, drawn.y, times, *at)
    bar(surface, rect.x, drawn.bottom, max(drawn.width, min(rect.width, 34)), span(values, zero=False), "norm")
    _reading(surface, Rect(rect.x, drawn.bottom + 1, rect.width, rect.bottom - drawn.bottom - 1), values, at, out)


def _reading(surface: Surface, rect: Rect, values: np.ndarray, at: tuple[int, int], out: np.ndarray) -> None:
    """The patch under the cursor, the longest one, and how many stand far out, as far as there is room."""
    median = float(np.nanmedian(values)) if np.isfinite(values).any() else float("nan")
    if rect.height < 1 or not median > 0:
        return
    x = surface.write(rect.x, rect.y, f"patch {at[0] + 1},{at[1] + 1}", surface.theme.accent, bold=True)
    x = surface.write(x + 2, rect.y, number(float(values[at])), bold=True)
    beside = f", {number(float(values[at]) / median)} × median"
    surface.write(x, rect.y, beside if x + len(beside) <= rect.right else "", surface.theme.dim)
    row, column = np.unravel_index(int(np.nanargmax(values)), values.shape)
    longest = f"longest {row + 1},{column + 1}: {number(float(np.nanmax(values)) / median)} × median"
    count = int(out.sum())
    crossed = f"{CROSS} {count} of {values.size} far out" if count else "no patch stands far out"
    for y, text in enumerate((longest, crossed), start=rect.y + 1):
        if y < rect.bottom:
            surface.write(rect.x, y, text, surface.theme.dim, width=min(len(text), rect.width))


def far_out(values: np.ndarray) -> np.ndarray:
    """Which norms of a map (R, C) lie beyond its third quartile + 3 × its interquartile range, as `token-norms` counts.

    >>> far_out(np.array([[1.0, 2.0, 3.0], [2.0, 2.5, 40.0]])).tolist()
    [[False, False, False], [False, False, True]]
    """
    known = values[np.isfinite(values)]
    if not known.size:
        return np.zeros(values.shape, dtype=bool)
    first, third = np.quantile(known, [0.25, 0.75])
    return values > third + FENCE * (third - first)
