"""One head: where a query token looks, the aligned map beside it, its numbers and tags, its neighbours below."""

from __future__ import annotations

from vitscope.store.reader import Run
from vitscope.tui import mouse, searching
from vitscope.tui.book import Book
from vitscope.tui.library import Maps
from vitscope.tui.render.heat import factor, heat, shrink, span
from vitscope.tui.render.surface import Rect, Surface
from vitscope.tui.screens import maps, numbers, reach
from vitscope.tui.screens.cells import pooled
from vitscope.tui.screens.frame import gone
from vitscope.tui.screens.marks import Marks
from vitscope.tui.state import State

GAP = 3
SIDE = 27  # columns of the numbers
FLOW = 2  # lines of the numbers, where they stand below the maps
POOLED = 70  # columns of a page on which an AAAM is shown even where its cells have to share pixels
LIST = 14  # columns that a list of patches needs
STRIP, SMALLEST = 2, 5  # lines of words around the maps of all heads, and their edge in pixels at least
SIZES = (6, 4, 3, 2, 1)  # pixels per patch


def draw(surface: Surface, rect: Rect, state: State, book: Book) -> None:
    """Columns as the terminal allows: map; map and numbers; map, AAAM and numbers; below, all heads of the layer."""
    run = book.run(state)
    if run is None:
        gone(surface, rect)
        return
    strip, upper = _divided(run, rect)
    times, aaam = layout(run, upper)
    g = run.geometry
    times = max(0, min(times, factor(g.rows, g.columns, *_room(upper))))
    end = upper.bottom  # of the words about the maps
    if not times and rect.width >= 60:  # the map takes what there is, but for the numbers
        upper = Rect(rect.x, rect.y, rect.width, upper.height - FLOW)
    _, columns = maps.size(g, times, *_room(upper))
    wide = max(columns, 26) if rect.width >= 60 else max(columns, 19 if aaam else 0)
    room = wide + 1 if aaam and rect.width < 60 else max(wide, 26)
    bottom = maps.query(surface, Rect(rect.x, rect.y, room, upper.height), state, book, run, most=times)
    x = rect.x + wide + (GAP if rect.width >= 60 else 2)
    free = None
    if aaam or rect.width >= POOLED:
        x, bottom, free = _aligned(
            surface, Rect(x, rect.y, rect.right - x, end - rect.y), aaam, bottom, state, book, run
        )
    if rect.width < 60 and rect.right - x >= 16:
        numbers.draw(surface, Rect(x, rect.y + 1, rect.right - x, bottom - rect.y - 2), state, book, run)
        free = Rect(rect.x, bottom, rect.width, upper.bottom - bottom)
    elif rect.right - x >= SIDE - 3:
        low = _side(surface, Rect(x, rect.y, rect.right - x, upper.height), state, book, run)
        bottom = max(bottom, low)
    elif end > bottom:
        y = bottom + (1 if end - bottom > FLOW + 1 else 0)
        bottom = numbers.flow(surface, Rect(rect.x, y, rect.width, end - y), state, book, run)
        if free is not None and free.height < 2:
            free = Rect(rect.x, bottom + 1, rect.width, end - bottom - 1)
    if free is not None:
        reach.draw(surface, free, state, book, run)
    if strip:
        lines = -(-pooled(run.geometry, strip)[0] // 2) + STRIP
        _heads(surface, Rect(rect.x, bottom + 1, rect.width, lines), strip, state, book, run)


def _room(rect: Rect) -> tuple[int, int]:
    return rect.width, rect.height - 2


def _divided(run: Run, rect: Rect) -> tuple[int, Rect]:
    """Edge in pixels of the maps of all heads at the bottom, and what is above: an AAAM comes before large ones."""
    edges = range(strip_edge(run, rect), _least(run) - 1, -1)  # none where there is no room
    for edge in edges:
        lines = -(-pooled(run.geometry, edge)[0] // 2) + STRIP + 1
        upper = Rect(rect.x, rect.y, rect.width, rect.height - lines)
        if layout(run, upper)[1] or (edge == edges[0] and not layout(run, rect)[1]):
            return edge, upper
    return 0, rect


def _aligned(
    surface: Surface, rect: Rect, times: int, bottom: int, state: State, book: Book, run: Run
) -> tuple[int, int, Rect | None]:
    """The AAAM, with `times` 0 made smaller by means; where it goes on to the right, the row below, what is free."""
    g = run.geometry
    for beside in (True, False):  # the numbers, or below the maps
        place = Rect(rect.x, rect.y, rect.width - (SIDE + GAP if beside else 0), rect.height - (0 if beside else FLOW))
        _, columns = maps.fitted(2 * g.rows - 1, 2 * g.columns - 1, *_room(place), times)
        wide = max(columns, 27)
        if rect.width - wide - GAP >= SIDE - 3:
            break
    low = maps.aligned(surface, Rect(rect.x, rect.y, wide, place.height), state, book, run, most=times)
    bottom, x = max(bottom, low), rect.x + wide + GAP
    if beside:
        return x, bottom, None
    if bottom - low > 3 or rect.right - x < LIST:
        return x, bottom, Rect(rect.x, low + 1, rect.width, bottom - low - 1)
    return x, bottom, Rect(x, rect.y, rect.right - x, bottom - rect.y)


def layout(run: Run, rect: Rect) -> tuple[int, int]:
    """Pixels per patch of the map, and of the AAAM (0: no room for it): as large as leaves room for the numbers."""
    g = run.geometry
    room = rect.height - 2
    for numbers_wide in (SIDE, 0):  # beside the maps, or below them
        below = 0 if numbers_wide else FLOW
        for times in SIZES:
            if -(-g.rows * times // 2) + below > room:
                continue
            left = rect.width - max(g.columns * times, 26) - GAP - (numbers_wide + GAP if numbers_wide else 0)
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
    bottom = min(rect.bottom, rect.y + 2 + len(rows))  # the same for CLS, which has no line for itself
    if state.kind == "patch" and state.patch is not None:
        rows.append(("itself", float(mine[state.patch])))
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
    return bottom


def strip_edge(run: Run, rect: Rect) -> int:
    """Longer side in pixels of the maps of all heads below, 0 where there is no room for them."""
    g = run.geometry
    longest = max(g.rows, g.columns)
    if rect.height < 28:
        return 0
    edge = min((rect.width // g.heads - 2) * longest // g.columns, 2 * (rect.height // 4 - 2), longest)
    return edge if edge >= _least(run) else 0


def _least(run: Run) -> int:
    return min(SMALLEST, max(run.geometry.rows, run.geometry.columns))


def _heads(surface: Surface, rect: Rect, edge: int, state: State, book: Book, run: Run) -> None:
    """The same query in every head of the layer."""
    g, theme = run.geometry, surface.theme
    values = book.maps(state, run)
    if not isinstance(values, Maps):
        return
    surface.write(rect.x, rect.y, f"all heads of layer {state.layer + 1}, {maps.asked(state)}", theme.dim)
    rows, columns = pooled(run.geometry, edge)
    kept, marks = searching.matches(book, state, run), Marks(surface)
    pitch = min(rect.width // g.heads, columns + 3)
    for head in range(g.heads):
        x, here = rect.x + head * pitch, head == state.head
        small = shrink(values.patches[state.layer, head], rows, columns)
        scale = maps.scaled(state, values) if state.scale != "head" else span(small, log=state.log)
        drawn = heat(surface, x, rect.y + 1, small, scale, 1)
        label, ink = f"[{head + 1}]" if here else str(head + 1), theme.accent if here else theme.dim
        surface.write(x, drawn.bottom, label, ink, bold=here, width=max(columns, len(label)), align="centre")
        surface.spot(Rect(x, drawn.y, pitch, drawn.height + 1), mouse.head(state.layer, head))
        if kept is not None:
            place = Rect(x, drawn.y, max(columns, len(label)), drawn.height + 1)
            marks.add(place, found=(state.layer, head) in kept, chosen=here)
    if kept is not None:
        marks.draw()
