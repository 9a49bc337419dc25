"""One head: where a query token looks, the aligned map beside it, its numbers and tags, its neighbours below."""

from __future__ import annotations

from vitscope.store.reader import Run
from vitscope.tui.book import Book
from vitscope.tui.library import Maps
from vitscope.tui.render.heat import heat, shrink, span
from vitscope.tui.render.surface import Rect, Surface
from vitscope.tui.screens import maps, numbers, reach
from vitscope.tui.screens.frame import gone
from vitscope.tui.state import State

GAP = 3
SIDE = 27  # columns of the numbers
FLOW = 2  # lines of the numbers, where they stand below the maps
SIZES = (6, 4, 3, 2, 1)  # pixels per patch


def draw(surface: Surface, rect: Rect, state: State, book: Book) -> None:
    """Columns as the terminal allows: map; map and numbers; map, AAAM and numbers; below, all heads of the layer."""
    run = book.run(state)
    if run is None:
        gone(surface, rect)
        return
    strip, free = strip_edge(run, rect), None
    upper = Rect(rect.x, rect.y, rect.width, rect.height - (strip // 2 + 4 if strip else 0))
    times, aaam = layout(run, upper)
    wide = _wide(run, times) if rect.width >= 60 else max(run.geometry.columns * times, 19 if aaam else 0)
    room = wide + 1 if aaam and rect.width < 60 else max(wide, 26)
    bottom = maps.query(surface, Rect(rect.x, rect.y, room, upper.height), state, book, run, most=times)
    x = rect.x + wide + (GAP if rect.width >= 60 else 2)
    if aaam:
        wide = max((2 * run.geometry.columns - 1) * aaam, 27)
        beside = rect.right - x - wide - GAP >= SIDE - 3
        tall = upper.height - (0 if beside else FLOW)
        low = maps.aligned(surface, Rect(x, rect.y, wide, tall), state, book, run, most=aaam)
        bottom = max(bottom, low)
        free = None if beside else Rect(x, low + 1, rect.right - x, bottom - low - 1)
        x += wide + GAP
    if rect.width < 60 and rect.right - x >= 16:
        numbers.draw(surface, Rect(x, rect.y + 1, rect.right - x, bottom - rect.y - 2), state, book, run)
        free = Rect(rect.x, bottom, rect.width, upper.bottom - bottom)
    elif rect.right - x >= SIDE - 3:
        low = _side(surface, Rect(x, rect.y, rect.right - x, upper.height), state, book, run)
        bottom = max(bottom, low)
    elif upper.bottom > bottom:
        gap = 1 if upper.bottom - bottom > FLOW else 0
        place = Rect(rect.x, bottom + gap, rect.width, upper.bottom - bottom - gap)
        bottom = numbers.flow(surface, place, state, book, run)
    if free is not None:
        reach.draw(surface, free, state, book, run)
    if strip:
        _heads(surface, Rect(rect.x, bottom + 1, rect.width, strip // 2 + 3), strip, state, book, run)


def _wide(run: Run, times: int) -> int:
    """Columns of the map and what belongs to it."""
    return max(run.geometry.columns * times, 26)


def layout(run: Run, rect: Rect) -> tuple[int, int]:
    """Pixels per patch of the map, and of the AAAM (0: no room for it): as large as leaves room for the numbers."""
    g = run.geometry
    room = rect.height - 2
    for numbers_wide in (SIDE, 0):  # beside the maps, or below them
        below = 0 if numbers_wide else FLOW
        for times in SIZES:
            if -(-g.rows * times // 2) + below > room:
                continue
            left = rect.width - _wide(run, times) - GAP - (numbers_wide + GAP if numbers_wide else 0)
            fits = min(left // (2 * g.columns - 1), 2 * (room - below) // (2 * g.rows - 1))
            if fits >= max(1, times // 3):
                return times, min(fits, max(1, times // 2))
    for times in SIZES:
        if -(-g.rows * times // 2) <= room and g.columns * times + GAP + SIDE - 3 <= rect.width:
            return times, 0
    return 1, 0


def _side(surface: Surface, rect: Rect, state: State, book: Book, run: Run) -> int:
    surface.write(rect.x, rect.y, f"layer {state.layer + 1} · head {state.head + 1}", surface.theme.accent, bold=True)
    bottom = numbers.draw(surface, Rect(rect.x, rect.y + 2, rect.width, rect.height - 2), state, book, run)
    values = book.maps(state, run)
    if isinstance(values, Maps) and bottom + 3 < rect.bottom:
        bottom = _shares(surface, Rect(rect.x, bottom + 1, rect.width, rect.bottom - bottom - 1), state, run, values)
    return reach.draw(surface, Rect(rect.x, bottom + 1, rect.width, rect.bottom - bottom - 1), state, book, run)


def _shares(surface: Surface, rect: Rect, state: State, run: Run, values: Maps) -> int:
    """Where this query's attention goes: to itself, to the prefix, to the patches; returns the row below."""
    mine, prefix = values.patches[state.layer, state.head], values.prefix[state.layer, state.head]
    rows = [("patches", float(mine.sum()))] + [(name, float(prefix[i])) for i, name in enumerate(run.geometry.prefix)]
    if state.kind == "patch" and state.patch is not None:
        rows.insert(0, ("itself", float(mine[state.patch])))
    surface.write(
        rect.x,
        rect.y,
        "of this query's attention" if not state.received else "received by this token",
        surface.theme.dim,
    )
    for y, (name, share) in enumerate(rows, start=rect.y + 1):
        if y >= rect.bottom:
            break
        surface.write(rect.x, y, name, surface.theme.dim, width=10)
        surface.write(rect.x + 11, y, f"{share:6.1%}" if not state.received else f"{share:6.3f}", bold=True)
    return min(rect.bottom, rect.y + 1 + len(rows))


def strip_edge(run: Run, rect: Rect) -> int:
    """Edge in pixels of the maps of all heads below, 0 where there is no room for them."""
    g = run.geometry
    if rect.height < 28:
        return 0
    edge = min(rect.width // g.heads - 2, 2 * (rect.height // 4 - 2), max(g.rows, g.columns))
    return edge if edge >= min(5, max(g.rows, g.columns)) else 0


def _heads(surface: Surface, rect: Rect, edge: int, state: State, book: Book, run: Run) -> None:
    """The same query in every head of the layer."""
    g, theme = run.geometry, surface.theme
    values = book.maps(state, run)
    if not isinstance(values, Maps):
        return
    surface.write(rect.x, rect.y, f"all heads of layer {state.layer + 1}, {maps.asked(state)}", theme.dim)
    longest = max(g.rows, g.columns)
    size = max(1, round(edge * g.rows / longest)), max(1, round(edge * g.columns / longest))
    pitch = min(rect.width // g.heads, edge + 3)
    for head in range(g.heads):
        x, here = rect.x + head * pitch, head == state.head
        small = shrink(values.patches[state.layer, head], *size)
        scale = maps.scaled(state, values) if state.scale != "head" else span(small, log=state.log)
        heat(surface, x, rect.y + 1, small, scale, 1)
        label = f"[{head + 1}]" if here else str(head + 1)
        surface.write(
            x,
            rect.y + 1 + (edge + 1) // 2,
            label,
            theme.accent if here else theme.dim,
            bold=here,
            width=edge,
            align="centre",
        )
