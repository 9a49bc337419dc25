"""Driver: Textual's own, which asks the terminal for clicks and the wheel and for nothing else of the mouse."""

from __future__ import annotations

from textual.drivers.linux_driver import LinuxDriver

CLICKS = 1000, 1006  # buttons and the wheel; in a form that knows more than 223 columns


class ClickDriver(LinuxDriver):
    """Textual asks for every motion too, which on a slow line is a lot to be told for nothing."""

    def _enable_mouse_support(self) -> None:
        self._switch("h")

    def _disable_mouse_support(self) -> None:
        self._switch("l")

    def _switch(self, to: str) -> None:
        if self._mouse:
            self.write("".join(f"\x1b[?{mode}{to}" for mode in CLICKS))
            self.flush()

    def _query_in_band_window_resize(self) -> None:
        """Not asked: with it, Textual would have the mouse reported in pixels."""
