"""Surface: a page as a grid of cells, each a character, two colours and an attribute."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

import numpy as np
from rich.cells import cell_len, get_character_cell_size

from vitscope.tui.palettes import Theme

if TYPE_CHECKING:
    from vitscope.tui.state import Move

HALF = ord("▀")  # upper half block: two pixels in one cell, the foreground above, the background below
BOLD, REVERSE, UNDERLINE = 1, 2, 4

Align = Literal["left", "right", "centre"]


@dataclass(frozen=True)
class Rect:
    """A part of a surface, in cells."""

    x: int
    y: int
    width: int
    height: int

    @property
    def right(self) -> int:
        """First column to the right of it."""
        return self.x + self.width

    @property
    def bottom(self) -> int:
        """First row below it."""
        return self.y + self.height


Action: TypeAlias = "str | Move"
"""What a click does: presses a key, or makes a move."""


class Spot(NamedTuple):
    """A part of a page that can be clicked; `pick` gives what that does, for a column and a row of it."""

    rect: Rect
    pick: Callable[[int, int], Action]


class Surface:
    """A grid of cells that pages draw on. Everything outside of it is cut off without complaint.

    `char` holds code points (0: the second half of a wide character), `fore` and `back` 24-bit colours, `attr` flags;
    all of shape (height, width).
    """

    def __init__(self, width: int, height: int, theme: Theme) -> None:
        self.width, self.height, self.theme = width, height, theme
        shape = (height, width)
        self.char = np.full(shape, ord(" "), dtype=np.uint32)
        self.fore = np.full(shape, theme.text, dtype=np.int32)
        self.back = np.full(shape, theme.back, dtype=np.int32)
        self.attr = np.zeros(shape, dtype=np.uint8)
        self.spots: list[Spot] = []

    @property
    def rect(self) -> Rect:
        """All of it."""
        return Rect(0, 0, self.width, self.height)

    def write(
        self,
        x: int,
        y: int,
        text: str,
        ink: int | None = None,
        *,
        back: int | None = None,
        bold: bool = False,
        reverse: bool = False,
        width: int | None = None,
        align: Align = "left",
    ) -> int:
        """Write `text` at (x, y), shortened to `width` cells with an ellipsis; returns the column after it.

        `ink` is the theme's text colour if not given; without `back` the background stays as it is.
        """
        if width is not None:
            text = fit(text, width, align)
        if not 0 <= y < self.height:
            return x + cell_len(text)
        codes = np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)
        if len(codes) != cell_len(text):
            codes = _wide(text)
        left, right = max(0, -x), min(len(codes), self.width - x)
        if left < right:
            part = np.s_[y, x + left : x + right]
            self.char[part] = codes[left:right]
            if right < len(codes) and not codes[right]:  # half of a wide character has no room
                self.char[y, x + right - 1] = ord(" ")
            self.fore[part] = self.theme.text if ink is None else ink
            self.attr[part] = (BOLD if bold else 0) | (REVERSE if reverse else 0)
            if back is not None:
                self.back[part] = back
        return x + len(codes)

    def spot(self, rect: Rect, action: Action) -> None:
        """A click on `rect` does `action`."""
        self.spots.append(Spot(rect, lambda _column, _row: action))

    def spread(self, rect: Rect, pick: Callable[[int, int], Action]) -> None:
        """A click on `rect` does what `pick` says for the column and row in it."""
        self.spots.append(Spot(rect, pick))

    def at(self, x: int, y: int) -> Action | None:
        """What a click at (x, y) does, if anything; what was drawn last lies on top."""
        for rect, pick in reversed(self.spots):
            if rect.x <= x < rect.right and rect.y <= y < rect.bottom:
                return pick(x - rect.x, y - rect.y)
        return None

    def fill(self, rect: Rect, back: int, *, reverse: bool = False) -> None:
        """Give every cell of `rect` a background."""
        part = self._part(rect)
        self.back[part] = back
        if reverse:
            self.attr[part] |= REVERSE

    def blank(self, rect: Rect) -> None:
        """Wipe what was drawn in `rect`, for something that lies over the page."""
        part = self._part(rect)
        self.char[part], self.attr[part] = ord(" "), 0
        self.fore[part], self.back[part] = self.theme.text, self.theme.panel

    def pixels(self, x: int, y: int, colours: np.ndarray) -> None:
        """Paint pixels, two above each other in a cell; `colours` of shape (2 × rows, columns), 24-bit integers."""
        rows, columns = colours.shape[0] // 2, colours.shape[1]
        top, bottom = max(0, -y), max(0, min(rows, self.height - y))
        left, right = max(0, -x), max(0, min(columns, self.width - x))
        if top >= bottom or left >= right:
            return
        part = np.s_[y + top : y + bottom, x + left : x + right]
        self.char[part] = HALF
        self.attr[part] = 0
        self.fore[part] = colours[2 * top : 2 * bottom : 2, left:right]
        self.back[part] = colours[2 * top + 1 : 2 * bottom : 2, left:right]

    def characters(self, x: int, y: int, codes: np.ndarray, ink: int | None = None) -> None:
        """Put code points (rows, columns) on the surface, on the background that is there."""
        rows, columns = codes.shape
        top, bottom = max(0, -y), max(0, min(rows, self.height - y))
        left, right = max(0, -x), max(0, min(columns, self.width - x))
        part = np.s_[y + top : y + bottom, x + left : x + right]
        self.char[part] = codes[top:bottom, left:right]
        self.fore[part] = self.theme.text if ink is None else ink
        self.attr[part] = 0

    def rule(self, x: int, y: int, width: int) -> None:
        """A faint horizontal line."""
        self.write(x, y, "─" * max(0, width), self.theme.faint)

    def text(self) -> str:
        """What a reader sees, without colours."""
        rows = ["".join(chr(code) for code in row if code) for row in self.char.tolist()]
        return "\n".join(row.rstrip() for row in rows)

    def _part(self, rect: Rect) -> tuple[slice, slice]:
        x, y = max(0, rect.x), max(0, rect.y)
        return np.s_[y : max(y, rect.bottom), x : max(x, rect.right)]


def _wide(text: str) -> np.ndarray:
    """Code points cell by cell: a 0 after a wide character, nothing for what has no width of its own."""
    codes: list[int] = []
    for character in text:
        size = get_character_cell_size(character)
        codes += [ord(character), 0][:size]
    return np.array(codes, dtype=np.uint32)


def fit(text: str, width: int, align: Align = "left") -> str:
    """`text` in exactly `width` cells: padded, or cut with an ellipsis.

    >>> fit("attention", 6), fit("7", 3, "right")
    ('atten…', '  7')
    """
    if width <= 0:
        return ""
    if cell_len(text) > width:
        kept, used = [], 0
        for character in text:
            size = get_character_cell_size(character)
            if used + size > width - 1:
                break
            kept.append(character)
            used += size
        text = "".join(kept) + "…"
    space = width - cell_len(text)
    before = {"left": 0, "right": space, "centre": space // 2}[align]
    return " " * before + text + " " * (space - before)


def ending(text: str, width: int) -> str:
    """The end of `text` in at most `width` cells, after an ellipsis where it is cut: what tells names of files apart.

    >>> ending("val/00001821.jpg", 9), ending("a.jpg", 9)
    ('…1821.jpg', 'a.jpg')
    """
    return text if cell_len(text) <= width else fit(text[::-1], width)[::-1].lstrip()
