"""Canvas: a widget that shows a surface and sends the terminal only the cells that changed.

Textual repaints a changed span from its widget's left edge on. A page here is one widget, so each line knows what the
terminal has of it (`Line.shown`) and answers a partial repaint with the difference. Whenever something else may have
been painted over a line (Textual divides it then), what is shown counts as unknown and the line is sent whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.color import Color
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual.filter import LineFilter
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.widget import Widget

from vitscope.tui.colors import Depth
from vitscope.tui.palettes import RAMPS, theme
from vitscope.tui.render.encode import Row, difference, encode, row, runs
from vitscope.tui.render.surface import BOLD, REVERSE, UNDERLINE, Surface


class Line:
    """One line of the canvas: what it should show and what the terminal shows (None: unknown)."""

    def __init__(self, wanted: Row, depth: Depth) -> None:
        self.wanted = wanted
        self.depth: Depth = depth
        self.shown: Row | None = None
        self.sent = 0  # characters

    def whole(self) -> str:
        """Terminal output of all of it; from now on the terminal shows it."""
        self.shown = self.wanted
        return self._counted(encode(self.wanted, self.depth))

    def change(self) -> str:
        """Terminal output that brings the line up to date, from its first column on."""
        if self.shown is None:
            return self.whole()
        before, self.shown = self.shown, self.wanted
        return self._counted(difference(before, self.wanted, self.depth))

    def _counted(self, text: str) -> str:
        self.sent += len(text)
        return text

    def dirty(self) -> tuple[int, int] | None:
        """First column and column after the last that the terminal has to be told about."""
        if self.shown is None:
            return 0, len(self.wanted.char)
        stretches = runs(~self.shown.same(self.wanted), self.shown, self.wanted)
        return (stretches[0][0], stretches[-1][1]) if stretches else None

    def segments(self) -> list[Segment]:
        """The line for Textual itself: screenshots, and lines with something on top of them."""
        cells = self.wanted
        parts: list[Segment] = []
        last: tuple[int, int, int] | None = None
        characters: list[str] = []
        looks = zip(cells.fore.tolist(), cells.back.tolist(), cells.attr.tolist(), strict=True)
        for code, look in zip(cells.char.tolist(), looks, strict=True):
            if look != last and characters:
                parts.append(Segment("".join(characters), _style(*last, self.depth) if last else None))
                characters = []
            last = look
            if code:
                characters.append(chr(code))
        if last and characters:
            parts.append(Segment("".join(characters), _style(*last, self.depth)))
        return parts


class LineStrip(Strip):
    """A strip whose terminal output is made by its line; its segments are made only when somebody wants them."""

    def __init__(self, line: Line, width: int, *, partial: bool = False) -> None:
        self._made: list[Segment] | None = None
        self._line = line
        self._partial = partial
        super().__init__((), width)
        self._made = None

    @property
    def _segments(self) -> list[Segment]:  # Strip's own slot, filled on demand
        if self._made is None:
            self._made = self._line.segments()
        return self._made

    @_segments.setter
    def _segments(self, segments: list[Segment]) -> None:
        self._made = segments

    def __iter__(self) -> Iterator[Segment]:
        return iter(self._segments)

    def render(self, console: Console) -> str:  # noqa: ARG002
        """Called by the compositor while it writes a frame."""
        return self._line.change() if self._partial else self._line.whole()

    def crop(self, start: int, end: int | None = None) -> Strip:
        """The compositor crops to the end of a dirty span, which `Canvas.show` chose to hold every change."""
        if start == 0 and end is not None and self._line.shown is not None:
            return LineStrip(self._line, min(end, self.cell_length), partial=True)
        self._line.shown = None
        return super().crop(start, end)

    def divide(self, cuts: Iterable[int]) -> list[Strip]:
        """Divided where something lies on top; a cut at the end is none."""
        inner = [cut for cut in cuts if cut < self.cell_length]
        if not inner:
            return [self]
        self._line.shown = None
        return list(super().divide(cuts))

    def apply_filter(self, filter: LineFilter, background: object) -> Strip:  # noqa: A002, ARG002
        """Filters change colours, and this line has chosen its own already."""
        return self


class Canvas(Widget):
    """The whole page."""

    DEFAULT_CSS = "Canvas { width: 100%; height: 100%; }"
    ALLOW_SELECT = False

    def __init__(self) -> None:
        super().__init__()
        self.surface: Surface = Surface(0, 0, theme("mono", light=False, palette=RAMPS[0]))
        self._lines: list[Line] = []
        self._shape = Size(0, 0)

    def show(self, surface: Surface) -> None:
        """Bring the terminal up to date with `surface`."""
        self.surface = surface
        size = Size(surface.width, surface.height)
        rows = [row(surface, y) for y in range(surface.height)]
        depth = surface.theme.depth
        if size != self._shape or not self._lines:
            self._shape = size
            self._lines = [Line(cells, depth) for cells in rows]
            self.refresh()
            return
        dirty: list[Region] = []
        for y, (line, cells) in enumerate(zip(self._lines, rows, strict=True)):
            line.wanted, line.depth = cells, depth
            span = line.dirty()
            if span is not None:
                dirty.append(Region(span[0], y, span[1] - span[0], 1))
        if dirty:
            self.refresh(*dirty)

    def sent(self) -> int:
        """Characters that the terminal has been sent since the last call."""
        size = sum(line.sent for line in self._lines)
        for line in self._lines:
            line.sent = 0
        return size

    def render_lines(self, crop: Region) -> list[Strip]:
        """The lines of `crop`; blank ones where the page has not been drawn for this size yet."""
        strips: list[Strip] = []
        for y in crop.line_range:
            if crop.x == 0 and y < len(self._lines) and self._shape.width == crop.width:
                strips.append(LineStrip(self._lines[y], crop.width))
            else:
                strips.append(Strip.blank(crop.width))
        return strips

    def get_line_filters(self) -> list[LineFilter]:
        """None: colours are chosen for the terminal before they come here."""
        return []


def _style(fore: int, back: int, attr: int, depth: Depth) -> Style:
    colours = depth != "mono"
    return Style(
        color=_color(fore) if colours else None,
        bgcolor=_color(back) if colours else None,
        bold=bool(attr & BOLD),
        reverse=bool(attr & REVERSE),
        underline=bool(attr & UNDERLINE),
    )


def _color(colour: int) -> Color:
    return Color.from_rgb(colour >> 16, colour >> 8 & 255, colour & 255)
