"""Models side by side: a row for each, a column for each head of one layer, all for the same query token."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from vitscope.store.reader import Run
from vitscope.tui.book import QUANTITIES, Book
from vitscope.tui.library import Column, Failure, Maps
from vitscope.tui.palettes import diverging
from vitscope.tui.render.heat import Span, bar, heat, shrink, span
from vitscope.tui.render.surface import Rect, Surface, fit
from vitscope.tui.render.words import compact
from vitscope.tui.screens import maps, numbers
from vitscope.tui.screens.frame import failed, gone
from vitscope.tui.side import Peer, moved
from vitscope.tui.state import State

LABEL = 16  # columns that the names of models take at most
SMALLEST = 3  # a smaller map says nothing


@dataclass(frozen=True)
class Row:
    """One model: its run and its place, and its heads in the order in which they are drawn."""

    run: Run
    state: State
    heads: tuple[int, ...]
    column: Column | Failure | None
    maps: np.ndarray | Failure | None  # (columns, edge, edge) in that order, 1 where attention is uniform

    @property
    def pinned(self) -> bool:
        return self.run.folder.name == self.state.side.pin


def draw(surface: Surface, rect: Rect, state: State, book: Book) -> None:
    """The rows, the scale they share, and the number under the cursor."""
    run = book.run(state)
    if run is None:
        gone(surface, rect)
        return
    peers = book.peers(state, run)
    runs = _runs(book, peers, run)
    label = min(LABEL, rect.width // 6, 3 + max(len(_name(other)) for other in runs))
    wide = max(1, (rect.width - label) // max(peer.geometry.heads for peer in peers))
    edge = min(14, wide - 1, 2 * (max(1, (rect.height - 5) // len(peers)) - 1))
    edge = edge if edge >= SMALLEST else 0
    high = (edge + 1) // 2 + 1 if edge else 1
    rows = _compared([_row(state, book, run, *pair, edge) for pair in zip(peers, runs, strict=True)], state)
    scales = _scales(state, rows)
    surface.write(rect.x, rect.y, _title(state), surface.theme.dim, width=rect.width)
    visible = max(1, (rect.height - 3) // high)
    here = next((i for i, row in enumerate(rows) if row.run is run), 0)
    first = max(0, min(here - visible // 2, len(rows) - visible))
    y = rect.y + 1
    for i, row in list(enumerate(rows))[first : first + visible]:
        _label(surface, Rect(rect.x, y, label - 1, high), i, row, chosen=i == here)
        for place in range(len(row.heads)):
            cell = Rect(rect.x + label + place * wide, y, wide, high)
            _cell(surface, cell, edge, row, place, scales[i], chosen=i == here)
        y += high
    _below(surface, Rect(rect.x, y, rect.width, rect.bottom - y), rows[here], scales[here], state, book)


def _runs(book: Book, peers: tuple[Peer, ...], run: Run) -> list[Run]:
    return [(book.listing.run(peer.name) if book.listing else None) or run for peer in peers]


def _name(run: Run) -> str:
    return run.model.rpartition("/")[2]


def _title(state: State) -> str:
    what = f"layer {state.layer + 1}, attention {maps.asked(state)}"
    if state.side.ordered:
        return f"{what}; heads in the order of their {QUANTITIES[state.quantity].short}"
    return f"{what}; heads by index: the same index is not the same head, s puts them in order"


def _row(state: State, book: Book, run: Run, peer: Peer, other: Run, edge: int) -> Row:
    theirs = state if other is run else moved(state, run.geometry, peer)
    g = other.geometry
    order = peer.order if state.side.ordered and peer.order else tuple(range(g.heads))
    found = book.maps(theirs, other)
    drawn: np.ndarray | Failure | None = found if isinstance(found, Failure) else None
    if isinstance(found, Maps) and edge:
        drawn = shrink(found.patches[theirs.layer, list(order)], edge, edge) * g.patches
    column = book.column(other, state.quantity) if state.quantity != "tag" else None
    return Row(other, theirs, order, column, drawn)


def _compared(rows: list[Row], state: State) -> list[Row]:
    """The rows as they are, or each less the pinned one, column by column; columns that it lacks are left empty."""
    if not state.side.difference:
        return rows
    base = next((row.maps for row in rows if row.pinned), None)
    if not isinstance(base, np.ndarray):
        return [replace(row, maps=base) for row in rows]
    less = []
    for row in rows:
        if isinstance(row.maps, np.ndarray):
            count = min(len(base), len(row.maps))
            minus = np.full(row.maps.shape, np.nan)
            minus[:count] = row.maps[:count] - base[:count]
            less.append(replace(row, maps=minus))
        else:
            less.append(row)
    return less


def _scales(state: State, rows: list[Row]) -> list[Span]:
    """The scale of each row: of its own values, or of all; of differences the same for all, with 0 in the middle."""
    drawn = [row.maps if isinstance(row.maps, np.ndarray) else np.zeros(1) for row in rows]
    every = np.concatenate([values.ravel() for values in drawn])
    if state.side.difference:
        most = float(np.nanmax(np.abs(every), initial=0)) or 1.0
        return [Span(-most, most)] * len(rows)
    if state.scale == "model":
        return [span(every, log=state.log)] * len(rows)
    return [span(values, log=state.log) for values in drawn]


def _own(row: Row, place: int, scale: Span) -> Span:
    """The scale of one map, where every head has its own."""
    state = row.state
    if state.scale != "head" or state.side.difference or not isinstance(row.maps, np.ndarray):
        return scale
    return span(row.maps[place], log=state.log)


def _label(surface: Surface, rect: Rect, number: int, row: Row, *, chosen: bool) -> None:
    theme = surface.theme
    ink = theme.accent if chosen else theme.dim
    surface.write(rect.x, rect.y, f"{number + 1} {_name(row.run)}", ink, bold=chosen, width=rect.width)
    if row.pinned and rect.height > 1:
        surface.write(rect.x + 2, rect.y + 1, "pinned", theme.accent, width=rect.width - 2)


def _cell(surface: Surface, rect: Rect, edge: int, row: Row, place: int, scale: Span, *, chosen: bool) -> None:
    """One head: its small map with its number below; where there is no room for maps, the number on its colour."""
    theme, head = surface.theme, row.heads[place]
    chosen = chosen and head == row.state.head
    value = float(row.column.values[row.state.layer, head]) if isinstance(row.column, Column) else None
    width = max(1, rect.width - 1)
    if edge and isinstance(row.maps, np.ndarray):
        ramp = diverging(theme) if row.state.side.difference else None
        heat(surface, rect.x, rect.y, row.maps[place], _own(row, place, scale), 1, ramp=ramp)
    elif edge:
        surface.fill(Rect(rect.x, rect.y, edge, rect.height - 1), theme.panel)
    text, back = str(head + 1), None
    if value is not None and edge:
        text = f"{head + 1} {compact(value, width - 3)}" if width >= 6 else text
    elif value is not None and isinstance(row.column, Column):
        whole = span(row.column.values, zero=QUANTITIES[row.state.quantity].zero)
        back = theme.back if theme.plain else int(theme.ramp[whole.levels(np.array([value]), len(theme.ramp))[0]])
        text = compact(value, width) if width >= 3 else " "
    ink = theme.dim if back is None else theme.on(back)
    long = min(width, len(text)) if back is None else width
    if chosen:
        ink, back = theme.on(theme.accent), theme.accent
    surface.write(rect.x, rect.bottom - 1, fit(text, long), ink, back=back, bold=chosen)


def _below(surface: Surface, rect: Rect, row: Row, scale: Span, state: State, book: Book) -> None:
    """The scale, and the head under the cursor in words."""
    theme, y = surface.theme, rect.y
    if isinstance(row.maps, Failure):
        y = failed(surface, rect, row.maps)
    elif isinstance(row.maps, np.ndarray) and rect.height > 1:
        place = row.heads.index(state.head) if state.head in row.heads else 0
        whose = {"head": "each head", "layer": "each model", "model": "all models"}[state.scale]
        label = f"times uniform; scale of {whose}{', log' if state.log else ''}"
        if state.side.difference:
            label = "times uniform, less the pinned model"
        ramp = diverging(theme) if state.side.difference else None
        bar(surface, rect.x, y, rect.width, _own(row, place, scale), label, ramp=ramp)
        y += 1
    if y < rect.bottom:
        title = f"{row.run.model} · head {state.head + 1}"
        surface.write(rect.x, y, title, bold=True, width=min(len(title), rect.width))
        numbers.flow(surface, Rect(rect.x, y + 1, rect.width, rect.bottom - y - 1), state, book, row.run)
