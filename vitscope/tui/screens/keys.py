"""The help: every key, from the table of bindings."""

from __future__ import annotations

from vitscope.tui.book import Book
from vitscope.tui.keys import BINDINGS, Binding
from vitscope.tui.render.surface import Rect, Surface
from vitscope.tui.state import State

WIDTH = 58  # of a column


def draw(surface: Surface, rect: Rect, state: State, _book: Book) -> None:
    """The keys of the page below, then everything else, in as many columns as fit."""
    lines = _lines(state)
    columns = max(1, rect.width // (WIDTH + 2)) if rect.height < len(lines) else 1
    tall = -(-len(lines) // columns)
    scroll = min(state.scroll, max(0, tall - rect.height))
    for column in range(columns):
        part = lines[column * tall : (column + 1) * tall][scroll : scroll + rect.height]
        x = rect.x + column * (WIDTH + 2)
        for y, (keys, about) in enumerate(part, start=rect.y):
            if not about:
                surface.write(x, y, keys, bold=True)
                continue
            surface.write(x, y, keys, surface.theme.accent, width=9, align="right")
            surface.write(x + 11, y, about, surface.theme.dim, width=min(WIDTH, rect.width) - 11)


def _lines(state: State) -> list[tuple[str, str]]:
    """(keys, what they do), or (heading, "")."""
    here = [binding for binding in BINDINGS if state.view in binding.views]
    lines: list[tuple[str, str]] = []
    for group in dict.fromkeys(binding.group for binding in here):
        lines += [("", ""), (group, "")] if lines else [(group, "")]
        lines += [_line(binding) for binding in here if binding.group == group]
    return lines


def _line(binding: Binding) -> tuple[str, str]:
    return binding.shown, binding.about
