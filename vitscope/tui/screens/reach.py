"""How far a head's patches look, as a histogram, and which patches the query token attends to most."""

from __future__ import annotations

import numpy as np

from vitscope.derive.aligned import displacements
from vitscope.geometry import Geometry
from vitscope.store.reader import Run
from vitscope.tui.book import Book
from vitscope.tui.library import Maps
from vitscope.tui.render.surface import Rect, Surface
from vitscope.tui.render.words import number
from vitscope.tui.state import State

EIGHTHS = " ▁▂▃▄▅▆▇█"
MOST = 6  # patches that are named
NARROW = 14  # columns that a histogram needs
WIDE = 60  # columns from which on it has the list beside it where there is none below
TALLEST = 4  # lines of bars


def by_distance(aaam: np.ndarray, geometry: Geometry) -> np.ndarray:
    """Share of the attention among patches at each distance, rounded to whole patches: an AAAM (2R−1, 2C−1) summed up.

    Null rows have no attention to share, so that the sum may be less than 1.
    """
    down, right = displacements(geometry)
    length = np.rint(np.hypot(down[:, None], right[None])).astype(int)
    return np.bincount(length.ravel(), weights=np.asarray(aaam, dtype=np.float64).ravel())


def most(values: np.ndarray, count: int) -> list[tuple[int, int, float]]:
    """The patches (row, column, value) with the largest values of a map (R, C), the first of equals first."""
    order = np.argsort(-values, axis=None, kind="stable")[:count]
    places = [divmod(int(at), values.shape[1]) for at in order]
    return [(row, column, float(values[row, column])) for row, column in places]


def draw(surface: Surface, rect: Rect, state: State, book: Book, run: Run) -> int:
    """Both, as far as there is room, the histogram with bars as tall as the list allows; returns the row below."""
    if 4 <= rect.height < 7 and rect.width >= WIDE:
        half = rect.width // 2
        histogram(surface, Rect(rect.x, rect.y, half - 2, rect.height), state, book, run)
        rect = Rect(rect.x + half, rect.y, rect.width - half, rect.height)
    elif rect.height >= 4 and rect.width >= NARROW:
        tall = max(1, min(TALLEST, rect.height - 2 - (3 if rect.height >= 7 else 0)))
        y = histogram(surface, Rect(rect.x, rect.y, rect.width, tall + 2), state, book, run)
        if rect.bottom - y < 3:
            return y
        rect = Rect(rect.x, y + 1, rect.width, rect.bottom - y - 1)
    values = book.maps(state, run)
    return patches(surface, rect, state, values) if rect.height >= 2 and isinstance(values, Maps) else rect.y


def histogram(surface: Surface, rect: Rect, state: State, book: Book, run: Run) -> int:
    """A bar for every distance in patches, between a title and an axis; returns the row below."""
    theme = surface.theme
    layer = book.reach(state, run)
    if not isinstance(layer, np.ndarray):
        return rect.y
    shares = by_distance(layer[state.head], run.geometry)
    wide = max(1, min(3, rect.width // len(shares)))
    merged = -(-len(shares) // rect.width)  # distances that share a bar
    bars = np.add.reduceat(shares, np.arange(0, len(shares), merged))
    top = float(bars.max(initial=0)) or 1.0
    titles = [f"attention by distance, up to {top:.0%}", "attention by distance", "by distance"]
    title = next(title for title in titles if len(title) <= max(rect.width, len(titles[-1])))
    surface.write(rect.x, rect.y, title, theme.dim, width=rect.width)
    tall = rect.height - 2
    for i, share in enumerate(bars.tolist()):
        eighths = round(8 * tall * share / top) if share > 0 else 0
        for line in range(tall):
            filled = max(0, min(8, eighths - 8 * (tall - 1 - line)))
            surface.write(rect.x + i * wide, rect.y + 1 + line, EIGHTHS[filled] * max(1, wide - 1), theme.accent)
    far = f"{len(shares) - 1} patches"
    y = rect.bottom - 1
    surface.write(rect.x, y, "0", theme.dim)
    at = max(rect.x + 2, min(rect.x + len(bars) * wide - len(far), rect.right - len(far)))
    surface.write(at, y, far, theme.dim)
    return rect.bottom


def patches(surface: Surface, rect: Rect, state: State, values: Maps, where: str = "") -> int:
    """The patches that the query attends to most, with their shares; of a token that receives, who gives most.

    `where` is said behind that. Returns the row below.
    """
    theme = surface.theme
    title = f"{'receives most from' if state.received else 'attends most to'}{where}"
    x = surface.write(rect.x, rect.y, title, theme.dim)
    y = rect.y
    if rect.height >= 3:
        x, y = rect.x, rect.y + 1
    else:
        x += 2
    for row, column, value in most(values.patches[state.layer, state.head], MOST):
        place, share = f"{row + 1},{column + 1}", number(value, 2) if state.received else f"{value:.1%}"
        wide = len(place) + len(share) + 1
        if x + wide > rect.right:
            x, y = rect.x, y + 1
        if y >= rect.bottom:
            return y
        end = surface.write(x, y, place, theme.dim)
        x = surface.write(end + 1, y, share, bold=True) + 2
    return y + 1
