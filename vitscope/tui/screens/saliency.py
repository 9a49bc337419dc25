"""Where heads look against where objects are: IoU of every head with masks, the best head of each layer, and others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from vitscope.store.reader import Run
from vitscope.tui import searching
from vitscope.tui.book import Book
from vitscope.tui.library import Failure
from vitscope.tui.measures import Saliency
from vitscope.tui.render.surface import Rect, Surface
from vitscope.tui.render.words import number, sentence
from vitscope.tui.screens import dots, peek
from vitscope.tui.screens.dots import Dots
from vitscope.tui.screens.frame import failed, gone, notice
from vitscope.tui.state import State

WHOSE = {"cls": "attention of CLS", "spatial": "attention of all patches", "centre": "attention of the middle patch"}
FIXED, ORACLE, MERGED = "★", "▲", "□"


def draw(surface: Surface, rect: Rect, state: State, book: Book) -> None:
    """The head under the cursor in words, the dots with their marks, and what the marks are."""
    run = book.run(state)
    if run is None:
        gone(surface, rect)
        return
    if not book.masks(run):
        command = f"`vitscope evaluate saliency --model {run.model} --data FOLDER`"
        said = f"{run.model} has not been compared with masks: {command} does so, over PartImageNet or COCO."
        notice(surface, rect, said)
        return
    found = book.saliency(state, run)
    if isinstance(found, Failure):
        failed(surface, rect, found)
        return
    if found is None:
        surface.write(rect.x, rect.y, "IoU with masks …", surface.theme.dim)
        return
    mode = found.place(state.panels.mode)
    _reading(surface, Rect(rect.x, rect.y, rect.width, 1), state, book, run, found, mode)
    side = peek.width(rect)
    width = rect.width - (side + 4 if side else 0)
    low = _legend(surface, Rect(rect.x, rect.y + 1, width, rect.height - 1), found, mode)
    shown = replace(_dots(state, found, mode), found=searching.matches(book, state, run))
    dots.draw(surface, Rect(rect.x, low, width, rect.bottom - low), shown)
    if side:
        peek.draw(surface, Rect(rect.right - side, rect.y + 2, side, rect.height - 2), state, book, run)


def _dots(state: State, found: Saliency, mode: int) -> Dots:
    values = found.iou[mode]
    fixed = np.array([row[np.isfinite(row)].max() if np.isfinite(row).any() else np.nan for row in values])
    oracle, merged = found.oracle[mode], found.merged[mode]
    return Dots(
        values=values,
        layer=state.layer,
        head=state.head,
        zero=True,
        marks=((MERGED, merged), (ORACLE, oracle), (FIXED, fixed)),
        beside=(("best", fixed), ("oracle", oracle), ("merged", merged)),
    )


def _reading(surface: Surface, rect: Rect, state: State, book: Book, run: Run, found: Saliency, mode: int) -> None:
    """The head under the cursor: its IoU, whether it is the best of its layer, its tags as far as they fit."""
    theme, values = surface.theme, found.iou[mode, state.layer]
    place = f"layer {state.layer + 1} · head {state.head + 1}"
    if rect.width < 50:
        place = f"L{state.layer + 1} H{state.head + 1}"
    x = surface.write(rect.x, rect.y, place, theme.accent, bold=True)
    x = surface.write(x + 2, rect.y, "IoU ", theme.dim)
    x = surface.write(x, rect.y, number(float(values[state.head])), bold=True) + 2
    rank = 1 + int((values > values[state.head]).sum())
    tags = book.tags(run)
    mine = tags[state.layer][state.head] if isinstance(tags, list) else []
    for text in (f"{rank} of {len(values)} in its layer", *(sentence(tag.name, tag.detail) for tag in mine)):
        if x + len(text) > rect.right:
            return
        x = surface.write(x, rect.y, text, theme.dim) + 2


def _legend(surface: Surface, rect: Rect, found: Saliency, mode: int) -> int:
    """Whose attention, which masks, what the marks are; returns the row below."""
    theme = surface.theme
    whose = WHOSE.get(found.modes[mode], found.modes[mode])
    x = surface.write(rect.x, rect.y, whose, bold=True)
    count = f"{mode + 1}/{len(found.modes)}"
    if x + len(count) + 2 <= rect.right:
        x = surface.write(x + 1, rect.y, count, theme.dim)
    over = f"over {found.dataset}, n = {found.images}"
    if np.isfinite(found.mass):
        over += f", {found.mass:.0%} of the mass"
    y = rect.y
    if rect.height < 12:
        return y + 1
    if x + len(over) + 2 > rect.right:
        x, y = rect.x - 2, y + 1
    surface.write(x + 2, y, over, theme.dim, width=min(len(over), max(0, rect.right - x - 2)))
    x, y = rect.x, y + 1
    marks = ((FIXED, "best head"), (ORACLE, "best head of every image"), (MERGED, "all heads merged"))
    for mark, text in (*marks, (dots.DOT, "a head, or how many")):
        if x + len(text) + 2 > rect.right:
            break
        x = surface.write(x, y, mark, theme.dim if mark == dots.DOT else theme.good, bold=mark != dots.DOT)
        x = surface.write(x + 1, y, text, theme.dim) + 3
    return y + 1
