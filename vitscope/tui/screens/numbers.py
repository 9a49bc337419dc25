"""The numbers and tags of one head, as a column of lines."""

from __future__ import annotations

import math

import numpy as np
from rich.cells import cell_len

from vitscope.derive.offset import magnitude
from vitscope.store.reader import Run
from vitscope.tui.book import OPT_IN, QUANTITIES, Book
from vitscope.tui.library import Column, Failure, Numbers
from vitscope.tui.palettes import rgb_of
from vitscope.tui.render.surface import Rect, Surface
from vitscope.tui.render.words import SCORES, TAGS, glyph, number, sentence
from vitscope.tui.screens.frame import failed
from vitscope.tui.state import State

SLIGHT = 0.05  # patches: less of an offset has no direction worth an arrow
LONGEST = 8  # letters of a number, with an arrow or without
COMPASS = "→↗↑↖←↙↓↘"


def draw(surface: Surface, rect: Rect, state: State, book: Book, run: Run) -> int:
    """Numbers with unit and spread, then tags with scores; returns the row below."""
    y = rect.y
    for label, value, unit, spread in lines(state, book, run):
        if y >= rect.bottom:
            return y
        surface.write(rect.x, y, label, surface.theme.dim, width=min(10, rect.width))
        x = surface.write(rect.x + 10, y, value, bold=True)
        for part in (unit, spread):
            if part and x + len(part) + 1 <= rect.right:
                x = surface.write(x + 1, y, part, surface.theme.dim)
        y += 1
    return tags(surface, Rect(rect.x, y + 1, rect.width, rect.bottom - y - 1), state, book, run)


def lines(state: State, book: Book, run: Run) -> list[tuple[str, str, str, str]]:
    """(label, value, unit, spread over images) of every number that there is for the head under the cursor."""
    place = state.layer, state.head
    rows = []
    numbers = book.numbers(run)
    known = numbers.columns if isinstance(numbers, Numbers) else {}
    for name in [*QUANTITIES, *(name for name in known if name.startswith("on "))]:
        if (
            name == "tag"
            or (name in OPT_IN and name not in known)
            or (name == "prefix-mass" and not run.geometry.prefix)
        ):
            continue
        column = book.column(run, name)
        label = _label(name, run)
        if not isinstance(column, Column):
            rows.append(
                (
                    label,
                    "–" if isinstance(column, Failure) else "…",
                    "not measured" if isinstance(column, Failure) else "",
                    "",
                )
            )
            continue
        spread = "" if column.spread is None else f"± {number(float(column.spread[place]), 2)}"
        rows.append((label, number(float(column.values[place])), unit(column.unit), spread))
        vector = book.offsets(run) if name == "offset" else None
        if isinstance(vector, np.ndarray):
            far = float(magnitude(vector[place])) > SLIGHT * run.geometry.step
            rows[-1] = (label, f"{rows[-1][1]} {direction(vector[place])}" if far else rows[-1][1], rows[-1][2], "")
    return rows


def flow(surface: Surface, rect: Rect, state: State, book: Book, run: Run, first: str = "") -> int:
    """Numbers one after the other as in a text, each with room for the longest, then tags in a line of their own.

    `first` stands before them. Units are left out where they would push numbers off, and numbers that have no place in
    one line or more above the tags. Returns the row below.
    """
    entries = [(label, value, f" {unit}".rstrip()) for label, value, unit, _ in lines(state, book, run)]
    entries = [(first, "", ""), *entries] if first else entries
    room = max(1, rect.height - 1)
    placed = _placed(entries, rect.width)
    if any(line >= room for _, line in placed):
        entries = [(label, value, "") for label, value, _ in entries]
        placed = _placed(entries, rect.width)
    low = rect.y
    for (column, line), (label, value, unit) in zip(placed, entries, strict=True):
        if line < room and rect.y + line < rect.bottom:
            low = rect.y + line + 1
            x = surface.write(rect.x + column, low - 1, f"{label} ", surface.theme.dim)
            x = surface.write(x, low - 1, value, bold=True)
            surface.write(x, low - 1, unit, surface.theme.dim)
    found = book.tags(run)
    x = rect.x
    for tag in found[state.layer][state.head] if isinstance(found, list) and low < rect.bottom else []:
        text, score, what = sentence(tag.name, tag.detail), number(tag.score, 2), SCORES.get(tag.name, "")
        if x + cell_len(f"{text} {score} {what}") > rect.right:
            break
        x = surface.write(x, low, f"{text} ")
        x = surface.write(x, low, score, bold=True)
        x = surface.write(x, low, f" {what}".rstrip(), surface.theme.dim) + 3
    return min(low + 1, rect.bottom)


def _placed(entries: list[tuple[str, str, str]], width: int) -> list[tuple[int, int]]:
    """Column and line of every entry, which has room for the longest value it may have."""
    x, line, placed = 0, 0, []
    for label, _, unit in entries:
        wide = len(label) + 1 + LONGEST + len(unit)
        if x and x + wide > width:
            x, line = 0, line + 1
        placed.append((x, line))
        x += wide + 2
    return placed


def tags(surface: Surface, rect: Rect, state: State, book: Book, run: Run) -> int:
    """Tags of the head under the cursor with their scores; returns the row below."""
    y = rect.y
    found = book.tags(run)
    if found is None or isinstance(found, Failure):
        if found is None and y < rect.bottom:
            surface.write(rect.x, y, "tags …", surface.theme.dim)
        elif isinstance(found, Failure):
            y = failed(surface, rect, found)
        return y
    mine = found[state.layer][state.head]
    most = max((len(head) for layer in found for head in layer), default=0)
    below = min(rect.bottom, y + max(1, most))  # what follows stays in its place from head to head
    if not mine and y < rect.bottom:
        surface.write(rect.x, y, "no tag", surface.theme.dim)
    for tag in mine:
        if y >= rect.bottom:
            break
        chip(surface, rect.x, y, tag.name, tag.detail)
        text = sentence(tag.name, tag.detail)
        x = surface.write(rect.x + 4, y, text, width=min(cell_len(text), rect.width - 4))
        score = f"{number(tag.score, 2)} {SCORES.get(tag.name, '')}"
        x = max(x + 1, rect.x + 20)
        if x + len(score) <= rect.right:
            surface.write(x, y, score, surface.theme.dim)
        y += 1
    return below


def chip(surface: Surface, x: int, y: int, name: str, detail: str) -> None:
    """A tag's character on its colour."""
    surface.write(x, y, f" {glyph(name, detail)} ", 0x000000, back=colour(name), bold=True)


def direction(vector: np.ndarray) -> str:
    """An arrow for a vector (x right, y down), "·" for none."""
    if not np.any(vector):
        return "·"
    angle = math.atan2(-float(vector[1]), float(vector[0]))
    return COMPASS[round(angle / (math.pi / 4)) % 8]


def _label(name: str, run: Run) -> str:
    if name == "prefix-mass":
        return "on cls" if run.geometry.prefix == ("cls",) else "on prefix"
    return QUANTITIES[name].short if name in QUANTITIES else name


def unit(stored: str) -> str:
    """A unit as the cache names it, for people: "" for a plain number."""
    return {"1": "", "image side": "image sides"}.get(stored, stored)


def colour(tag: str, *, light: bool = False) -> int:
    """The colour of a tag: a paper for black text, or with `light` an ink for a light page."""
    codes = TAGS.get(tag, ("", "", 246, 240))
    return rgb_of(codes[3] if light else codes[2])
