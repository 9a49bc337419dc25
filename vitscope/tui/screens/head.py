"""One head: where a query token looks, the aligned map beside it, its numbers and tags, its neighbours below."""

from __future__ import annotations

from vitscope.store.reader import Run
from vitscope.tui.book import Book
from vitscope.tui.library import Maps
from vitscope.tui.render.heat import heat, shrink, span
from vitscope.tui.render.surface import Rect, Surface
from vitscope.tui.screens import maps, numbers
from vitscope.tui.screens.frame import notice
from vitscope.tui.state import State

GAP = 3


def draw(surface: Surface, rect: Rect, state: State, book: Book) -> None:
    """Columns as the terminal allows: map; map and numbers; map, AAAM and numbers; below, all heads of the layer."""
    run = book.run(state)
    if run is None:
        notice(surface, rect, "this run is gone from the cache: esc leads back to the runs.")
        return
    g = run.geometry
    strip = _strip_edge(run, rect)
    upper = Rect(rect.x, rect.y, rect.width, rect.height - (strip // 2 + 3 if strip else 0))
    times, wide = _layout(run, upper)
    x, column = upper.x, g.columns * times
    maps.query(surface, Rect(x, upper.y, max(column, 12), upper.height), state, book, run, most=times)
    x += max(column, 26 if upper.width >= 100 else 14) + GAP
    if wide:
        maps.aligned(surface, Rect(x, upper.y, wide, upper.height), state, book, run)
        x += wide + GAP
    if upper.right - x >= 20:
        _side(surface, Rect(x, upper.y, upper.right - x, upper.height), state, book, run)
    elif upper.height - (-(-g.rows * times // 2)) > 4:
        y = upper.y + -(-g.rows * times // 2) + 3
        _lines(surface, Rect(upper.x, y, upper.width, upper.bottom - y), state, book, run)
    if strip:
        _heads(surface, Rect(rect.x, upper.bottom + 1, rect.width, strip // 2 + 2), strip, state, book, run)


def _layout(run: Run, rect: Rect) -> tuple[int, int]:
    """Pixels per patch of the map, and columns for the AAAM (0: no room for it)."""
    g = run.geometry
    room = rect.height - 2
    tallest = max(1, 2 * room // g.rows)
    aaam = 2 * g.columns - 1
    for side in (26, 0):
        for times in range(min(tallest, maps.LARGEST), 0, -1):
            left = rect.width - g.columns * times - GAP - (side + GAP if side else 0)
            fits = min(left // aaam, 2 * room // (2 * g.rows - 1))
            if fits >= max(1, times // 2):
                return times, aaam * max(1, min(fits, max(1, times // 2)))
    return min(tallest, maps.LARGEST, max(1, (rect.width - 22) // g.columns)), 0


def _side(surface: Surface, rect: Rect, state: State, book: Book, run: Run) -> None:
    surface.write(rect.x, rect.y, f"layer {state.layer + 1} · head {state.head + 1}", surface.theme.accent, bold=True)
    bottom = numbers.draw(surface, Rect(rect.x, rect.y + 2, rect.width, rect.height - 2), state, book, run)
    values = book.maps(state, run)
    if isinstance(values, Maps) and bottom + 3 < rect.bottom:
        _shares(surface, Rect(rect.x, bottom + 1, rect.width, rect.bottom - bottom - 1), state, run, values)


def _shares(surface: Surface, rect: Rect, state: State, run: Run, values: Maps) -> None:
    """Where this query's attention goes: to itself, to the prefix, to the patches."""
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
            return
        surface.write(rect.x, y, name, surface.theme.dim, width=10)
        surface.write(rect.x + 11, y, f"{share:6.1%}" if not state.received else f"{share:6.3f}", bold=True)


def _lines(surface: Surface, rect: Rect, state: State, book: Book, run: Run) -> None:
    """Numbers in as many columns as fit, for narrow terminals."""
    entries = numbers.lines(state, book, run)
    across = max(1, rect.width // 26)
    for i, (label, value, _unit, _spread) in enumerate(entries):
        y = rect.y + i // across
        if y >= rect.bottom:
            return
        x = rect.x + (i % across) * 26
        surface.write(x, y, label, surface.theme.dim, width=10)
        surface.write(x + 11, y, value, bold=True)


def _strip_edge(run: Run, rect: Rect) -> int:
    """Edge in pixels of the maps of all heads below, 0 where there is no room for them."""
    g = run.geometry
    if rect.height < 28:
        return 0
    edge = min(rect.width // g.heads - 2, 2 * (rect.height // 4 - 2), max(g.rows, g.columns))
    return edge - edge % 2 if edge >= 5 else 0


def _heads(surface: Surface, rect: Rect, edge: int, state: State, book: Book, run: Run) -> None:
    """The same query in every head of the layer."""
    g, theme = run.geometry, surface.theme
    values = book.maps(state, run)
    if not isinstance(values, Maps):
        return
    surface.write(rect.x, rect.y, f"layer {state.layer + 1}, every head {maps.asked(state)}", theme.dim)
    longest = max(g.rows, g.columns)
    size = max(1, round(edge * g.rows / longest)), max(1, round(edge * g.columns / longest))
    pitch = rect.width // g.heads
    pitch = min(pitch, edge + 3)
    for head in range(g.heads):
        x, here = rect.x + head * pitch, head == state.head
        small = shrink(values.patches[state.layer, head], *size)
        scale = maps.scaled(state, values) if state.scale != "head" else span(small, log=state.log)
        heat(surface, x, rect.y + 1, small, scale, 1)
        label = f"▔{head + 1}▔" if here else str(head + 1)
        surface.write(
            x,
            rect.y + 1 + (edge + 1) // 2,
            label,
            theme.accent if here else theme.dim,
            bold=here,
            width=edge,
            align="centre",
        )
