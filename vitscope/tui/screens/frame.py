"""What every page has: the line that says where one is, and the line that says what can be pressed."""

from __future__ import annotations

import re

from rich.cells import cell_len

from vitscope.amounts import counted
from vitscope.store.reader import Run
from vitscope.tui import moves, searching
from vitscope.tui.bindings import Binding
from vitscope.tui.book import Book
from vitscope.tui.keymap import LOOKS
from vitscope.tui.keys import hints
from vitscope.tui.library import Failure
from vitscope.tui.needs import WITH_HEADS
from vitscope.tui.prompt import KEYS, Prompt
from vitscope.tui.render.surface import Rect, Surface, ending, fit
from vitscope.tui.render.words import short, wrap
from vitscope.tui.state import State, View

KEY_OF = {look: key for key, look in LOOKS.items()}
LEADS: tuple[tuple[str, View], ...] = ((r"(layer |L)\d+( H\d+)?", "layer"), (r"(head |H)\d+", "head"))
NARROW = 50  # columns from which on the line at the foot names ":"
BOX = 24  # columns that a box needs at least
QUERIES = {"cls": "CLS", "register": "register", "spatial": "mean"}  # query tokens that are no patch
NAME, LAST = 7, 16  # cells that the first and the last part of the line at the top keep at least
ALSO: dict[View, tuple[str, ...]] = {
    "overview": ("place", "query"),
    "layer": ("head", "query"),
    "models": ("head", "query"),
    **dict.fromkeys(("head", "image", "images"), ("query",)),
    **dict.fromkeys(("distance", "saliency"), ("place",)),
    **dict.fromkeys(("cka", "residual"), ("layer",)),
}
"""What is under the cursor of a page and not among its crumbs; it stands behind them where there is room."""


def body(surface: Surface) -> Rect:
    """The part between header and footer, with a margin where there is room for one."""
    margin = 2 if surface.width >= 70 else 1 if surface.width >= 50 else 0
    top = 2 if surface.height >= 20 else 1
    bottom = 2 if surface.height >= 24 else 1
    return Rect(margin, top, surface.width - 2 * margin, max(0, surface.height - top - bottom))


def header(surface: Surface, state: State, book: Book) -> None:
    """Name, breadcrumbs, and at the right what the numbers are made from."""
    theme = surface.theme
    surface.fill(Rect(0, 0, surface.width, 1), theme.panel)
    run = book.run(state)
    crumbs = _crumbs(state, book)
    about = ""
    if run is not None and state.view not in {"runs", "results"}:
        about = _about(state, book, run)
    narrow = cell_len(" vitscope " + " › ".join(crumbs) + about) + 4 > surface.width
    x = surface.write(1, 0, "vitscope", theme.accent, bold=True)
    surface.spot(Rect(0, 0, x, 1), moves.go("runs"))
    room = surface.width - x - 1
    if narrow:
        about = "" if cell_len(" › ".join(crumbs) + about) + 6 > room else about
        crumbs = _shortened(crumbs, room - (cell_len(about) + 2 if about else 0), named=state.view == "image")
    for i, crumb in enumerate(crumbs):
        last = i == len(crumbs) - 1
        x = surface.write(x, 0, " › ", theme.dim)
        left, x = x, surface.write(x, 0, crumb, theme.text if last else theme.dim, bold=last)
        view = _leads(crumb, first=i == 0)
        if view and view != state.view != "runs" and run is not None and not state.help:
            surface.spot(Rect(left, 0, x - left, 1), moves.go(view))
    if run is not None and not state.help:
        _also(surface, Rect(x, 0, surface.width - x - (cell_len(about) + 3 if about else 1), 1), state, run)
    if about:
        surface.write(surface.width - cell_len(about) - 1, 0, about, theme.dim)


def _also(surface: Surface, rect: Rect, state: State, run: Run) -> None:
    """What is under the cursor, as many parts as fit; each has room for its longest, so that none comes and goes."""
    g, (row, column) = run.geometry, state.patch or (0, 0)
    patch = f"patch {row + 1},{column + 1}"
    layer, head = f"layer {state.layer + 1}", f"head {state.head + 1}"
    parts = {
        "layer": (layer, f"layer {g.layers}"),
        "head": (head, f"head {g.heads}"),
        "place": (f"{layer} · {head}", f"layer {g.layers} · head {g.heads}"),
        "query": (QUERIES.get(state.kind, patch), f"patch {g.rows},{g.columns}"),
    }
    x, room = rect.x, rect.width
    names = () if state.view == "cka" and state.features.across else ALSO.get(state.view, ())
    for text, longest in (parts[name] for name in names):
        room -= cell_len(f" · {longest}")
        if room < 0:
            return
        x = surface.write(x, rect.y, f" · {text}", surface.theme.dim)


def _about(state: State, book: Book, run: Run) -> str:
    """What the numbers are made from; or what is searched for, on pages that mark the heads that fit."""
    if state.view in WITH_HEADS and searching.matches(book, state, run) is not None:
        return f"/{state.finding.query.strip()}"
    return f"{run.dataset} · {counted(run.images, 'image')}"


def _leads(crumb: str, *, first: bool) -> View | None:
    """The page that a part of the breadcrumbs leads to."""
    by_word: View | None = next((view for words, view in LEADS if re.fullmatch(words, crumb)), None)
    return by_word or ("overview" if first else None)


def _crumbs(state: State, book: Book) -> list[str]:
    run = book.run(state)
    if state.help:
        return ["keys"]
    if run is None or state.view == "runs":
        return ["runs"]
    name = short(run.model)
    layer, head = f"layer {state.layer + 1}", f"head {state.head + 1}"
    return [
        name,
        *{
            "overview": ("all heads",),
            "head": (layer, head),
            "image": (layer, head, book.image(state) or f"image {state.image + 1}"),
            "images": (layer, head, "images"),
            "distance": ("heads by layer",),
            "models": (layer, "models"),
            "cka": (_cka(state, book, run),),
            "residual": ("norms of tokens" if state.features.branch == "tokens" else "residual branches",),
            "curves": ("tasks by layer",),
            "results": ("results",),
            "layer": (layer,),
            "saliency": ("heads against masks",),
            "info": ("run information",),
            "find": ("find heads",) if state.finding.like is None else ("more like this",),
        }[state.view],
    ]


def _cka(state: State, book: Book, run: Run) -> str:
    other = book.other(state, run)
    them = "itself" if other is run else short(other.model)
    return "CKA of last layers" if state.features.across else f"CKA with {them}"


def _shortened(crumbs: list[str], room: int, *, named: bool) -> list[str]:
    """Crumbs in `room` cells: the model's name gives way first, then all but the last two.

    Before both the last one does where it is the name of a file (`named`), whose end says enough.
    """

    def over() -> int:
        return max(0, cell_len(" › ".join(crumbs)) + 3 - room)

    *before, last = crumbs
    if named:
        crumbs = [*before, ending(last, max(LAST, cell_len(last) - over()))]
    if over() and before:
        wide = cell_len(crumbs[0])
        crumbs = [fit(crumbs[0], min(wide, max(NAME, wide - over()))), *crumbs[1:]]
    if over():
        short = [crumb.replace("layer ", "L").replace("head ", "H") for crumb in crumbs[1:]]
        crumbs = [" ".join(short[:2]), *short[2:]] if len(short) > 1 else short or crumbs
    return [*crumbs[:-1], ending(crumbs[-1], max(1, cell_len(crumbs[-1]) - over()))]


def footer(surface: Surface, state: State) -> None:
    """The keys that matter here, or what vitscope has to say about the last one."""
    theme, y = surface.theme, surface.height - 1
    surface.fill(Rect(0, y, surface.width, 1), theme.panel)
    if state.prompt is not None:
        _prompt(surface, y, state.prompt)
        _said(surface, y, state.message)
        return
    if state.message:
        _said(surface, y + 1, state.message)
        return
    if state.opening.asked is not None:
        _asked(surface, y, state)
        return
    if state.help:
        surface.write(1, y, "esc closes   j k scroll", theme.dim)
        surface.spot(surface.rect, "escape")
        return
    ways = [binding for binding in hints(state.view) if binding.group == "vitscope"]
    if len(state.trail) == 1:
        ways = [binding for binding in ways if binding.name != "back"]
    if surface.width < NARROW:
        ways = [binding for binding in ways if binding.name != "command"]
    right = surface.width - 1 - sum(cell_len(b.shown) + cell_len(b.hint) + 3 for b in ways)
    _hints(surface, right + 2, y, ways, surface.width)
    _hints(surface, 1, y, [binding for binding in hints(state.view) if binding.group != "vitscope"], right)


def _said(surface: Surface, bottom: int, message: str) -> None:
    """What vitscope has to say, in as many lines above `bottom` as it takes."""
    lines = wrap(message, surface.width - 2) if message else []
    for y, line in enumerate(lines, start=bottom - len(lines)):
        surface.write(0, y, " " * surface.width, back=surface.theme.panel)
        surface.write(1, y, line, surface.theme.accent, bold=True)


def _asked(surface: Surface, y: int, state: State) -> None:
    """What the process with the model is doing, and how to stop it."""
    way = "esc gives up"
    surface.write(1, y, state.opening.doing, surface.theme.accent, bold=True, width=surface.width - cell_len(way) - 4)
    surface.write(surface.width - cell_len(way) - 1, y, way, surface.theme.dim)
    surface.spot(Rect(surface.width - cell_len(way) - 1, y, cell_len(way), 1), "escape")


def _prompt(surface: Surface, y: int, line: Prompt) -> None:
    """The line that is typed, scrolled so that its cursor is seen."""
    theme = surface.theme
    x = surface.write(1, y, f"{line.purpose} ", theme.accent, bold=True)
    room = max(1, surface.width - x - 2)
    first = max(0, line.at - room + 1)
    surface.write(x, y, line.text[first : first + room])
    under = line.text[line.at : line.at + 1] or " "
    surface.write(x + line.at - first, y, under, theme.panel, back=theme.accent)
    keys_at = surface.width - cell_len(KEYS) - 1
    if x + cell_len(line.text) + 3 < keys_at:
        surface.write(keys_at, y, KEYS, theme.dim)


def _hints(surface: Surface, x: int, y: int, bindings: list[Binding], stop: int) -> None:
    """Keys and their words from `x` on, as many as end before `stop`."""
    for binding in bindings:
        if not binding.keys:  # somebody has taken them away
            continue
        keys = binding.hint_keys or binding.shown
        if x + cell_len(keys) + cell_len(binding.hint) + 1 > stop:
            return
        left, x = x, surface.write(x, y, keys, surface.theme.accent, bold=True)
        x = surface.write(x, y, f" {binding.hint}", surface.theme.dim) + 2
        surface.spot(Rect(left, y, x - left - 2, 1), binding.keys[0])
        _each(surface, left, y, binding)


def _each(surface: Surface, x: int, y: int, binding: Binding) -> None:
    """Where a hint stands for several keys, each is pressed by a click on it."""
    for match in re.finditer(r"\S+" if " " in binding.hint_keys else r"\S", binding.hint_keys):
        surface.spot(Rect(x + match.start(), y, cell_len(match[0]), 1), KEY_OF.get(match[0], match[0]))


def gone(surface: Surface, rect: Rect) -> None:
    """For a page whose run is not in the cache any more."""
    notice(surface, rect, "This run is not in the cache any more: esc leads back to the runs.")


def failed(surface: Surface, rect: Rect, failure: Failure) -> int:
    """Why a pane is empty: what was not measured with the command that measures it, or the whole sentence."""
    theme = surface.theme
    command = re.search(r"`(vitscope extract [^`]+)`", failure.sentence)
    if command is None and failure.broken and rect.width >= BOX and rect.height >= 5:
        return _boxed(surface, rect, failure.sentence)
    if command is None:
        return notice(surface, rect, failure.sentence)
    surface.write(rect.x, rect.y, "not measured; run:", theme.dim)
    below = Rect(rect.x, rect.y + 1, rect.width, rect.height - 1)
    return notice(surface, below, command[1], ink=theme.accent)


def _boxed(surface: Surface, rect: Rect, sentence: str) -> int:
    """What is broken, in a box that stands out from pages that are only empty; returns the row below it."""
    ink, wide = surface.theme.bad, min(rect.width, 100)
    bottom = notice(surface, Rect(rect.x + 2, rect.y + 1, wide - 4, rect.height - 2), sentence, ink=surface.theme.text)
    surface.write(rect.x, rect.y, "┌─ cannot be shown ".ljust(wide - 1, "─") + "┐", ink)
    for y in range(rect.y + 1, bottom):
        surface.write(rect.x, y, "│", ink)
        surface.write(rect.x + wide - 1, y, "│", ink)
    surface.write(rect.x, bottom, "└" + "─" * (wide - 2) + "┘", ink)
    return bottom + 1


def notice(surface: Surface, rect: Rect, text: str, *, ink: int | None = None) -> int:
    """A sentence in a pane, wrapped; commands between backquotes are set apart. Returns the row below it."""
    theme = surface.theme
    y = rect.y
    command = False
    for line in wrap(text, rect.width):
        if y >= rect.bottom:
            break
        x = rect.x
        for i, part in enumerate(line.split("`")):
            if i:
                command = not command
            x = surface.write(x, y, part, theme.accent if command else (theme.dim if ink is None else ink))
        y += 1
    return y
