"""Heads that were searched for: a ranked table, and the one under the cursor beside it."""

from __future__ import annotations

from typing import NamedTuple

from rich.cells import cell_len

from vitscope.amounts import counted
from vitscope.store.reader import Run
from vitscope.store.text import printable
from vitscope.tui import mouse, searching
from vitscope.tui.book import QUANTITIES, Book
from vitscope.tui.census import ALIKE, Found, everywhere
from vitscope.tui.finding import Spot
from vitscope.tui.render.surface import Align, Rect, Surface
from vitscope.tui.render.words import glyph, number, short, word, wrap
from vitscope.tui.screens import maps, numbers
from vitscope.tui.screens.frame import gone, notice
from vitscope.tui.state import State
from vitscope.tui.steps import clamp

EXAMPLE = "tag:offset  layer:>=4 distance<.2  sort:-entropy  model:mae | sink"
WIDE, TALL = 66, 10  # cells of a page from which on there is a preview
NARROW = 50
NUMBER = 8  # columns of a number at least
TAG, WORDS = 6, 14  # columns of the first tag as a word, and of its name
OTHERS = ("distance", "entropy", "offset", "iou", "prefix-mass")  # shown where there is room


class Table(NamedTuple):
    """The columns of the list: title, width and alignment of each, and the numbers in the last of them."""

    columns: tuple[tuple[str, int, Align], ...]
    numbers: tuple[str, ...]
    models: bool
    tags: int  # columns for tags


def draw(surface: Surface, rect: Rect, state: State, book: Book) -> None:
    """What was asked and how many heads fit; the list; the head under the cursor where there is room."""
    run = book.run(state)
    if run is None:
        gone(surface, rect)
        return
    found = searching.found(book, state, run)
    said = 2 if rect.height >= 9 else 1
    _said(surface, Rect(rect.x, rect.y, rect.width, said), state, book, run, found)
    if found is None:
        return
    side = 0
    if rect.width >= WIDE and rect.height >= TALL:
        side = 30 if rect.width < 100 else 36 if rect.width < 150 else 72
    below = 1 if rect.height >= 14 else 0
    top = rect.y + said + (1 if rect.height >= 18 else 0)
    place = Rect(rect.x, top, rect.width - (side + 3 if side else 0), rect.bottom - top - below)
    _list(surface, place, state, found)
    if below:
        lines = wrap(f"numbers: {', '.join(('layer', 'head', *found.heads.numbers))}", place.width - 2)
        names = lines[0] + (" …" if len(lines) > 1 else "")
        surface.write(rect.x, rect.bottom - 1, names, surface.theme.dim)
    shown = searching.preview(book, state, run)
    if side and shown:
        _preview(surface, Rect(rect.right - side, top, side, rect.bottom - top), *shown, book)


def _said(surface: Surface, rect: Rect, state: State, book: Book, run: Run, found: Found | None) -> None:
    """How many heads fit, or why the query is not understood."""
    theme, finding = surface.theme, state.finding
    if found is None:
        surface.write(rect.x, rect.y, "reading the numbers of all heads …", theme.dim)
        return
    if found.problem:
        for y, line in enumerate(wrap(found.problem, rect.width)[: rect.height]):
            surface.write(rect.x, rect.y + y, line, theme.bad, bold=not y)
        return
    count = len(searching.searched(book, state, run))
    whose = counted(count, "model") if everywhere(finding) else short(run.model)
    x = surface.write(rect.x, rect.y, counted(len(found.spots), "head"), theme.accent, bold=True)
    x = surface.write(x, rect.y, f" of {len(found.heads)} of {whose}", theme.dim)
    unread = searching.unread(book, state, run)
    if unread:
        surface.write(x + 2, rect.y, f"reading {counted(unread, 'model')} …", theme.dim)
    if rect.height < 2:
        return
    asked = finding.query or ("" if finding.like else EXAMPLE)
    like = _like(book, finding.like) if finding.like else ""
    parts = [like, asked] if finding.like or finding.query else [f"such as  {asked}"]
    line = "   ".join(part for part in parts if part)
    surface.write(rect.x, rect.y + 1, line, theme.dim, width=min(rect.width, cell_len(line)))


def _like(book: Book, like: Spot) -> str:
    run = book.listing.run(like.run) if book.listing else None
    name = f"{short(run.model)} " if run else ""
    return f"AAAM like {name}layer {like.layer + 1} head {like.head + 1}"


def _table(state: State, found: Found, width: int, *, models: bool) -> Table:
    """As many columns as fit: layer and head, the numbers of the query, the model, tags, other numbers."""
    names = list(found.columns)
    if state.finding.like is not None and ALIKE not in names:
        names.insert(0, ALIKE)
    more = [name for name in (state.quantity, *OTHERS) if name in found.heads.numbers and name not in names]
    titles = (("L", 2), ("H", 2)) if width < NARROW else (("layer", 5), ("head", 4))
    longest = max((cell_len(short(str(name))) for name in set(found.heads.model)), default=0)
    model = min(longest, max(6, width // 4)) if models else 0
    left = width - 2 - sum(wide + 2 for _, wide in titles) - (model + 2 if models else 0) - TAG
    kept: list[tuple[str, int, Align]] = []
    for name in dict.fromkeys([*names, *more]):
        wide = max(NUMBER, min(len(name), 18))
        spare = 0 if name in names or not kept else WORDS - TAG  # numbers that nobody asked for leave tags their room
        if kept and left < wide + 2 + spare:
            break
        kept.append((name, wide, "right"))
        left -= wide + 2
    columns: list[tuple[str, int, Align]] = [("model", model, "left")] if models else []
    columns += [*((title, wide, "right") for title, wide in titles), *kept]
    tags = max(TAG, min(TAG + max(left, 0), 2 * WORDS))
    return Table((*columns, ("tags", tags, "left")), tuple(name for name, _, _ in kept), models, tags)


def _list(surface: Surface, rect: Rect, state: State, found: Found) -> None:
    theme = surface.theme
    table = _table(state, found, rect.width, models=everywhere(state.finding))
    cells: list[tuple[str, int, Align]] = [
        (QUANTITIES[t].short if t in QUANTITIES and len(t) > w else t, w, a) for t, w, a in table.columns
    ]
    _row(surface, rect.x + 2, rect.y, cells, theme.dim)
    room = rect.height - 1
    if not found.spots:
        more = "" if everywhere(state.finding) or found.problem else " A searches all models."
        place = Rect(rect.x + 2, rect.y + 2, rect.width - 2, rect.height - 2)
        notice(surface, place, f"{printable(found.strange) or 'No head fits.'}{more}")
        return
    at = clamp(state.finding.at, len(found.spots))
    first = max(0, min(at - room // 2, len(found.spots) - room))
    for i in range(first, min(first + room, len(found.spots))):
        y, chosen = rect.y + 1 + i - first, i == at
        surface.spot(Rect(rect.x, y, rect.width, 1), mouse.found(i))
        if chosen:
            surface.fill(Rect(rect.x, y, rect.width, 1), theme.panel)
            surface.write(rect.x, y, "▌", theme.accent)
        ink = theme.dim if found.problem else theme.text
        shown = _cells(table, found, i)
        _row(surface, rect.x + 2, y, shown, ink, bold=chosen)
        here = found.spots[i] == (state.run, state.layer, state.head)
        if here or found.spots[i] == state.finding.like:
            surface.write(rect.x + 1, y, "›" if here else "=", theme.accent, bold=True)
    if first + room < len(found.spots):
        surface.write(rect.right - 1, rect.y + room, "↓", theme.accent, bold=True)
    if first:
        surface.write(rect.right - 1, rect.y + 1, "↑", theme.accent, bold=True)


def _cells(table: Table, found: Found, line: int) -> list[tuple[str, int, Align]]:
    """The texts of a line of the list."""
    row, spot = int(found.rows[line]), found.spots[line]
    texts = [short(str(found.heads.model[row]))] if table.models else []
    texts += [str(spot.layer + 1), str(spot.head + 1)]
    texts += [number(float(found.heads.numbers[name][row])) for name in table.numbers]
    texts.append(_tags(found.heads.tags[row], table.tags))
    return [(text, wide, align) for text, (_, wide, align) in zip(texts, table.columns, strict=True)]


def _tags(tags: tuple[str, ...], width: int) -> str:
    """Tags as words, as many as fit."""
    words = [word(*_split(tag)) if width < WORDS else _short(tag) for tag in tags]
    while len(words) > 1 and cell_len(" ".join(words)) > width:
        words.pop()
    return " ".join(words)


def _short(tag: str) -> str:
    name, detail = _split(tag)
    return f"{name} {glyph(name, detail)}" if detail and len(glyph(name, detail)) == 1 and name != "sink" else name


def _split(tag: str) -> tuple[str, str]:
    name, _, detail = tag.partition(" ")
    return name, detail


def _row(
    surface: Surface, x: int, y: int, cells: list[tuple[str, int, Align]], ink: int, *, bold: bool = False
) -> None:
    for text, wide, align in cells:
        surface.write(x, y, text, ink, bold=bold, width=wide, align=align)
        x += wide + 2


def _preview(surface: Surface, rect: Rect, state: State, run: Run, book: Book) -> None:
    """Map and AAAM of the head, side by side or one above the other, and its numbers where they fit."""
    g, theme = run.geometry, surface.theme
    title = f"layer {state.layer + 1} · head {state.head + 1}"
    x = surface.write(rect.x, rect.y, title, theme.accent, bold=True) + 2
    surface.write(x, rect.y, short(run.model), theme.dim, width=max(0, rect.right - x))
    rect = Rect(rect.x, rect.y + 1, rect.width, rect.height - 1)
    if rect.width >= 60:
        half = Rect(rect.x, rect.y, 34, min(rect.height, g.rows + 3))
        low = maps.query(surface, half, state, book, run, most=2)
        beside = Rect(rect.x + 37, rect.y, rect.width - 37, half.height)
        low = max(low, maps.aligned(surface, beside, state, book, run, most=1))
    else:
        low = _stacked(surface, rect, state, run, book)
    if rect.bottom - low >= 5:
        numbers.draw(surface, Rect(rect.x, low + 1, rect.width, rect.bottom - low - 1), state, book, run)


def _stacked(surface: Surface, rect: Rect, state: State, run: Run, book: Book) -> int:
    """Map, and AAAM below it, made smaller by means where it must be; returns the row below."""
    g = run.geometry
    tall = {times: -(-g.rows * times // 2) + 2 for times in (1, 2)}
    times = 2 if 2 * g.columns <= rect.width and tall[2] + 1 + g.rows + 3 <= rect.height else 1
    low = maps.query(
        surface, Rect(rect.x, rect.y, rect.width, min(tall[times], rect.height)), state, book, run, most=times
    )
    if rect.bottom - low < 7:
        return low
    below = Rect(rect.x, low + 1, rect.width, min(rect.bottom - low - 1, g.rows + 3))
    return maps.aligned(surface, below, state, book, run, most=1)
