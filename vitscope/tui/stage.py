"""Stage: an application of one page. It draws when the terminal is ready for it, hears clicks, and ends properly."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

from textual.app import App, ComposeResult
from textual.events import CursorPosition, Event, MouseDown, MouseEvent, MouseScrollDown, MouseScrollUp

from vitscope.tui.driver import ClickDriver
from vitscope.tui.gate import Gate
from vitscope.tui.render.surface import Surface
from vitscope.tui.widgets.canvas import Canvas

LAST = 1.0  # seconds that the terminal is given at the end for answers which nobody would read after it


class Stage(App[None]):
    """What the browser is built on."""

    ENABLE_COMMAND_PALETTE = False
    CSS = "Screen { layers: base; overflow: hidden; }"

    def __init__(self) -> None:
        super().__init__(driver_class=ClickDriver)
        self.gate = Gate()
        self._canvas = Canvas()
        self._waits = False  # there is something to draw, and a timer for it
        self._left = False

    @property
    def shown(self) -> Surface:
        """The page that was drawn last: what somebody sees who points at it."""
        return self._canvas.surface

    def page(self, width: int, height: int) -> Surface:
        """The page as it should look now."""
        raise NotImplementedError

    def click(self, x: int, y: int) -> None:
        """A button was pressed at column `x` and row `y`."""
        raise NotImplementedError

    def wheel(self, by: int) -> None:
        """The wheel was turned one step, up (-1) or down (1)."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        """One widget that is the page."""
        yield self._canvas

    def obey_signals(self) -> None:
        """Leave properly when told to by a signal."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.leave, 128 + number)
        loop.add_signal_handler(signal.SIGHUP, self.exit, None, 128 + signal.SIGHUP)

    def leave(self, code: int) -> None:
        """End with an exit code, after the terminal's last answer; told twice, at once."""
        if self._left or not self.gate.asking:
            self.exit(return_code=code)
            return
        self._left = True
        self.set_interval(0.01, self._answered_or(code, self.gate.now() + LAST))

    def _answered_or(self, code: int, end: float) -> Callable[[], None]:
        def look() -> None:
            if not self.gate.asking or self.gate.now() >= end:
                self.exit(return_code=code)

        return look

    def draw(self) -> None:
        """Put the page on the canvas; when too much is on its way to the terminal already, as soon as it is not."""
        if self._left:
            return
        if not self.gate.ready:
            if not self._waits:
                self._waits = True
                self.set_timer(self.gate.wait, self._draw_at_last)
            return
        self._waits = False
        width, height = self.size
        if not self._canvas.is_mounted:  # the cache was read before Textual had put it there
            self.call_after_refresh(self.draw)
        elif width and height:
            self._canvas.show(self.page(width, height))

    def _draw_at_last(self) -> None:
        if self._waits:
            self._waits = False
            self.draw()

    def post_display_hook(self) -> None:
        """Textual has sent a frame: have the terminal say when it has shown it."""
        size = self._canvas.sent()
        if size:
            self.send(self.gate.sent(size))

    def on_cursor_position(self, event: CursorPosition) -> None:
        """It has; or somebody has pressed F3 with shift, which looks the same and is told apart by the gate."""
        self.gate.answered(event.y + 1, event.x + 1)
        if self._waits and self.gate.ready:
            self.draw()

    async def on_event(self, event: Event) -> None:
        """Clicks and the wheel are for the page; Textual, which would look for widgets under them, is not told."""
        match event:
            case MouseDown():
                self.click(event.x, event.y)
            case MouseScrollDown() | MouseScrollUp():
                self.wheel(1 if isinstance(event, MouseScrollDown) else -1)
            case MouseEvent():
                pass
            case _:
                await super().on_event(event)

    def send(self, sequence: str) -> None:
        """Send the terminal something that shows nothing."""
        if self._driver is not None and sequence:
            self._driver.write(sequence)
            self._driver.flush()

    @property
    def crash(self) -> Exception | None:
        """What ended the application although nobody asked for it."""
        return self._exception

    def _fatal_error(self) -> None:
        """End without Textual's own page about the error: `start` writes a log and says one sentence."""
        self._close_messages_no_wait()
