"""The line that says what is under the cursor."""

from __future__ import annotations

from vitscope.store.reader import Run
from vitscope.tui.book import QUANTITIES, Book
from vitscope.tui.library import Column, Failure
from vitscope.tui.render.surface import Rect, Surface
from vitscope.tui.render.words import number, sentence
from vitscope.tui.screens.numbers import unit
from vitscope.tui.state import State

WIDE = 90  # columns from which on there is room for titles in full


def reading(surface: Surface, rect: Rect, state: State, book: Book, run: Run) -> None:
    """Layer and head, the chosen number with its unit and spread over images, and the tags as far as they fit."""
    theme, here = surface.theme, (state.layer, state.head)
    place = f"layer {state.layer + 1} · head {state.head + 1}"
    if rect.width < 50:
        place = f"L{state.layer + 1} H{state.head + 1}"
    x = surface.write(rect.x, rect.y, place, theme.accent, bold=True) + 2
    if state.quantity != "tag":
        quantity = QUANTITIES[state.quantity]
        title = quantity.title if rect.width >= WIDE else quantity.short  # tags say more than long titles
        column = book.column(run, state.quantity)
        x = surface.write(x, rect.y, f"{title} ", theme.dim)
        if not isinstance(column, Column):
            missing = isinstance(column, Failure)
            surface.write(x, rect.y, "not measured" if missing else "…", theme.bad if missing else theme.dim)
            return
        x = surface.write(x, rect.y, number(float(column.values[here])), bold=True)
        x = surface.write(x, rect.y, f" {unit(column.unit)}".rstrip(), theme.dim)
        spread = f" ± {number(float(column.spread[here]), 2)}" if column.spread is not None else ""
        if x + len(spread) <= rect.right:
            x = surface.write(x, rect.y, spread, theme.dim)
        x += 2
    tags = book.tags(run)
    for tag in tags[state.layer][state.head] if isinstance(tags, list) else []:
        text = sentence(tag.name, tag.detail)
        if x + len(text) > rect.right:
            return
        x = surface.write(x, rect.y, text) + 2
