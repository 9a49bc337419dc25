"""Gate: how many frames may be on their way to the terminal, so that a held key does not fill a slow line with pages.

After a frame the cursor, which is hidden, is put on a place of its own and the terminal is asked where it is. It
answers when it has come that far, so the answer says that the frame has been shown. Until then only so much more is
drawn; what is drawn after it is the latest page, and those between are never sent. Sizes are characters, times seconds.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

ROW = 2  # of the places: reports of row 1 look like F3 with shift or ctrl
PLACES = 16  # columns, one a question in turn
FRAMES, LARGE = 2, 64_000  # so many frames on their way, unless they are larger than that together
STEPS, SMALL = 8, 4_000  # steps of a cursor may be more, while they are smaller than that together
PATIENCE, SLOWEST = 2.0, 20_000  # a terminal answers within 2 seconds, and the time that a line of 20 kB/s takes
TRIES = 3  # questions to a terminal that has never answered


class Frame(NamedTuple):
    """A frame that the terminal has not answered to yet."""

    column: int  # where its question has put the cursor
    sent: float
    size: int


class Gate:
    """What has been sent and not been answered. A terminal that does not answer is never waited for."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.now = clock
        self._flight: deque[Frame] = deque()
        self._column = 0
        self._answers = False  # whether the terminal has answered to its last question
        self._unanswered = 0  # questions since it did

    @property
    def asking(self) -> bool:
        """Whether an answer may still come."""
        self._give_up()
        return bool(self._flight)

    @property
    def ready(self) -> bool:
        """Whether another frame may be drawn now."""
        if not self.asking or not self._answers:
            return True
        frames, size = len(self._flight), sum(frame.size for frame in self._flight)
        return (frames < FRAMES and size <= LARGE) or (frames < STEPS and size <= SMALL)

    @property
    def wait(self) -> float:
        """Seconds until it is ready whether or not the terminal answers."""
        return max(0.0, self._flight[0].sent + self._patience() - self.now()) if self._flight else 0.0

    def sent(self, size: int) -> str:
        """A frame has been sent; returns what to send after it: a question, or "" while none would be answered."""
        asking = self.asking
        if not self._answers and (asking or self._unanswered >= TRIES):
            return ""
        self._column = self._column % PLACES + 1
        self._flight.append(Frame(self._column, self.now(), size))
        self._unanswered += 1
        return f"\x1b[{ROW};{self._column}H\x1b[6n"

    def answered(self, row: int, column: int) -> None:
        """The terminal says where its cursor is, counted from 1: all frames up to that question have been shown."""
        if row != ROW or not 0 < column <= PLACES:
            return
        self._unanswered = 0
        if any(frame.column == column for frame in self._flight):
            self._answers = True
            while self._flight.popleft().column != column:
                pass

    def _patience(self) -> float:
        return PATIENCE + sum(frame.size for frame in self._flight) / SLOWEST

    def _give_up(self) -> None:
        """Wait no longer for answers that should have come."""
        if self._flight and self.now() - self._flight[0].sent >= self._patience():
            self._flight.clear()
            self._answers = False
