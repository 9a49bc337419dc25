"""A slow line between a program and its terminal, as SSH over a long way: a rate, a round trip, and a buffer between.

    with Line(command, rate=250e3, trip=0.1, columns=120, rows=40) as line:
        line.until("Runs")
        held = line.hold("j", 2.0)

The program writes into a pty that is emptied at once into a buffer of WINDOW bytes, as sshd and TCP do: it notices
little of how slow the line is. From there bytes go at the line's rate and arrive half a round trip later; keys, and the
terminal's answers to questions such as CSI 6 n, travel half a round trip back.
"""

from __future__ import annotations

import os
import re
import select
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tests.benchmarks.terminal import FRAME_END, Terminal

WINDOW = 2 << 20  # bytes on their way before the program has to wait: sshd's buffers and TCP's window
PACKET = 1400  # bytes that travel together
UNSEEN = re.compile(
    rb"\x1b\[(\?2026[hl$]p?|6n|c|\?25[hl]|\?\d+\$p|\d+;\d+H)|\s"
)  # of what is sent, what changes nothing on the screen
FRAME_ASKED = b"\x1b[6n"
REPEAT = 30.0  # key presses a second while a key is held


@dataclass(frozen=True)
class Held:
    """What a held key did: seconds from its last press to the last change of the screen, frames, bytes, presses.

    `way` is the longest that anything was on its way, from the program's write to the terminal: what a line that is
    full costs, however busy the machine is that measures.
    """

    after: float
    way: float
    frames: int
    size: int
    presses: int


class Line(Terminal):
    """A terminal at the far end of a line. `rate` in bytes a second, `trip` in seconds there and back."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        rate: float,
        trip: float,
        columns: int,
        rows: int,
        environment: Mapping[str, str | None] | None = None,
    ) -> None:
        self.rate, self.trip = rate, trip
        self._there: deque[tuple[float, bytes]] = deque()  # packets by the time of their arrival
        self._back: deque[tuple[float, bytes]] = deque()
        self._end = b""  # of what the program wrote: the beginning of a question, perhaps
        self._free = 0.0  # when all that is in the buffer has been sent
        self.arrivals: list[tuple[float, bytes]] = []  # what the terminal has been sent, and when
        self.released = 0.0  # when the key was that was held last
        self.asked = self.answered = 0  # questions after frames, and those whose answers the program has got
        self.slowest = 0.0  # seconds that something was on its way at most
        self.behind = 0  # most questions that were not answered at a time while a key was held
        super().__init__(command, columns=columns, rows=rows, environment=environment)

    def send(self, data: bytes) -> None:
        """Keys and answers reach the program half a round trip later."""
        self._back.append((time.perf_counter() + self.trip / 2, data))

    def read(self, timeout: float) -> bytes | None:
        """What arrives within `timeout` seconds; b"" if nothing does, None when the program has closed the terminal."""
        end = time.perf_counter() + timeout
        while True:
            arrived = self._arrived()
            if arrived:
                return arrived
            now = time.perf_counter()
            if now >= end:
                return b""
            if not self._work(min([end, *(queue[0][0] for queue in (self._there, self._back) if queue)]) - now):
                return None

    def hold(self, keys: str | Callable[[int], str], seconds: float, quiet: float = 3.0) -> Held:
        """Press a key REPEAT times a second (or the n-th of many), then wait until nothing has come for `quiet`."""
        self.arrivals.clear()
        self.behind, self.slowest = 0, 0.0
        presses = round(seconds * REPEAT)
        start = time.perf_counter()
        for n in range(presses):
            while (left := start + n / REPEAT - time.perf_counter()) > 0:
                self.read(left)
            self.send((keys if isinstance(keys, str) else keys(n)).encode())
        self.released = time.perf_counter()
        self.settle(quiet, 60.0)
        changes = [when for when, data in self.arrivals if UNSEEN.sub(b"", data)]
        data = b"".join(data for _, data in self.arrivals)
        after = max([0.0, *(when - self.released for when in changes)])
        return Held(after, self.slowest, data.count(FRAME_END), len(data), presses)

    def _arrived(self) -> bytes:
        """What has arrived at the terminal by now, which answers what is asked in it."""
        now, parts = time.perf_counter(), []
        while self._there and self._there[0][0] <= now:
            when, data = self._there.popleft()
            self.arrivals.append((when, data))
            parts.append(data)
            for answer in self._answers.to(data):
                self._back.append((when + self.trip / 2, answer))
        data = b"".join(parts)
        self.data += data
        return data

    def _work(self, timeout: float) -> bool:
        """Hand on keys that have come through, and take what the program writes; False when it has closed its end."""
        while self._back and self._back[0][0] <= time.perf_counter():
            data = self._back.popleft()[1]
            if self._pty >= 0:
                os.write(self._pty, data)
                self.answered += data.endswith(b"R")
        waiting = max(0.0, self._free - time.perf_counter()) * self.rate
        if self._pty < 0 or waiting >= WINDOW:
            time.sleep(max(0.0, min(timeout, 0.01)))
            return self._pty >= 0 or bool(self._there)
        if not select.select([self._pty], [], [], max(0.0, timeout))[0]:
            return True
        try:
            self._put(os.read(self._pty, 1 << 16))
        except OSError:
            return bool(self._there)
        return True

    def _put(self, data: bytes) -> None:
        """Put what the program wrote on the line."""
        self.asked += (self._end + data).count(FRAME_ASKED)
        self._end = data[1 - len(FRAME_ASKED) :]
        self.behind = max(self.behind, self.asked - self.answered)
        for start in range(0, len(data), PACKET):
            packet = data[start : start + PACKET]
            self._free = max(self._free, time.perf_counter()) + len(packet) / self.rate
            self._there.append((self._free + self.trip / 2, packet))
        self.slowest = max(self.slowest, self._free + self.trip / 2 - time.perf_counter())
