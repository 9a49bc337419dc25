"""A terminal for programs under test: a pty that answers as a modern terminal does, times and counts what comes."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import tempfile
import termios
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import pyte

FRAME_END = b"\x1b[?2026l"  # Textual brackets every frame with synchronised update, if the terminal knows it
ANSWERS = {
    b"\x1b[?2026$p": b"\x1b[?2026;2$y",  # yes, I know synchronised updates
    b"\x1b[c": b"\x1b[?62;22c",
    b"\x1b[6n": b"\x1b[1;1R",
}
QUESTION = re.compile(rb"(?:\x1b\[(\d+;\d+)H)?(" + b"|".join(map(re.escape, ANSWERS)) + rb")")
BEGUN = re.compile(rb"\x1b(\[([?\d;$]{0,8}(H(\x1b(\[6?)?)?)?)?)?$")  # what may become a question with the next bytes


@dataclass(frozen=True)
class Frame:
    """What one key did: milliseconds from the key to the end of its last frame, and what came back."""

    milliseconds: float
    size: int
    data: bytes


class Answers:
    """What a terminal sends back for the questions in what it is sent, however that is cut into pieces.

    Where the cursor is, is known right after it has been put somewhere; otherwise the answer is 1;1.
    """

    def __init__(self) -> None:
        self._rest = b""

    def to(self, data: bytes) -> list[bytes]:
        """The answers to the questions that `data` ends, in their order."""
        text = self._rest + data
        begun = BEGUN.search(text)
        self._rest = begun[0] if begun else b""
        return [_answer(place, question) for place, question in QUESTION.findall(text)]


def _answer(place: bytes, question: bytes) -> bytes:
    return b"\x1b[%bR" % place if place and question == b"\x1b[6n" else ANSWERS[question]


class Terminal:
    """Runs a program on a pty. Use it as a context manager: the program is ended at its end."""

    def __init__(
        self, command: Sequence[str], *, columns: int, rows: int, environment: Mapping[str, str | None] | None = None
    ) -> None:
        self.columns, self.rows = columns, rows
        variables = dict(os.environ) | {"TERM": "xterm-256color", "LANG": "C.UTF-8"}
        self._state = tempfile.TemporaryDirectory()  # a program that remembers nothing, unless it is given something
        usual = {"COLORTERM": None, "NO_COLOR": None, "TMUX": None, "VITSCOPE_STATE": self._state.name}
        for name, value in {**usual, **(environment or {})}.items():
            if value is None:
                variables.pop(name, None)
            else:
                variables[name] = value
        self.data = bytearray()
        self.started = time.perf_counter()
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self._answers = Answers()
        self._shown = 0  # how much of `data` the screen has seen
        self.pid, self._pty = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            os.execvpe(command[0], list(command), variables)
        self.status: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            self.wait()
        self.close()
        self._state.cleanup()

    def close(self) -> None:
        """Take the terminal away, as a window that is closed."""
        if self._pty >= 0:
            os.close(self._pty)
        self._pty = -1

    def read(self, timeout: float) -> bytes | None:
        """What comes within `timeout` seconds; b"" if nothing does, None when the program has closed the terminal."""
        if self._pty < 0:
            time.sleep(timeout)
            return None
        if not select.select([self._pty], [], [], timeout)[0]:
            return b""
        try:
            data = os.read(self._pty, 1 << 18)
        except OSError:
            return None
        for answer in self._answers.to(data):
            self.send(answer)
        self.data += data
        return data

    def send(self, data: bytes) -> None:
        """What keys send, and what the terminal answers."""
        os.write(self._pty, data)

    def until(self, text: str, limit: float = 20.0) -> float:
        """Seconds from the start until `text` is on the screen; TimeoutError."""
        while time.perf_counter() - self.started < limit:
            data = self.read(0.05)
            now = time.perf_counter() - self.started
            if data and text in self.screen():
                return now
            if data is None:
                break
        raise TimeoutError(f"{text!r} did not appear; the screen shows:\n{self.screen()}")

    def settle(self, quiet: float = 0.3, limit: float = 20.0) -> int:
        """Read until nothing has come for `quiet` seconds; returns how many bytes came."""
        start = last = time.perf_counter()
        size = 0
        while time.perf_counter() - last < quiet and time.perf_counter() - start < limit:
            data = self.read(0.02)
            if data is None:
                break
            if data:
                last, size = time.perf_counter(), size + len(data)
        return size

    def press(self, key: str, quiet: float = 0.1) -> Frame:
        """Send a key and read until nothing has come for `quiet` seconds."""
        before = len(self.data)
        start = time.perf_counter()
        end = start
        self.send(key.encode())
        while True:
            data = self.read(quiet)
            if not data:
                break
            if FRAME_END in self.data[-len(data) - len(FRAME_END) :]:
                end = time.perf_counter()
        data = bytes(self.data[before:])
        return Frame((end - start) * 1e3, len(data), data)

    def screen(self) -> str:
        """The text on the screen now."""
        self._stream.feed(bytes(self.data[self._shown :]))
        self._shown = len(self.data)
        return "\n".join(line.rstrip() for line in self._screen.display)

    def looks(self) -> list[list[tuple[str, ...]]]:
        """What each cell looks like: its upper and lower colour where it holds pixels, or its character and colours."""
        self.screen()
        return [[_look(self._screen.buffer[y][x]) for x in range(self.columns)] for y in range(self.rows)]

    def kill(self, number: int) -> None:
        """Send a signal to the program."""
        os.kill(self.pid, number)

    def wait(self, limit: float = 10.0) -> int:
        """Read on until the program ends; its exit code, or minus the signal that ended it."""
        deadline = time.perf_counter() + limit
        while self.status is None:
            self.read(0.02)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
                self.settle(0.05, 1.0)
            elif time.perf_counter() > deadline:
                os.kill(self.pid, signal.SIGKILL)
                deadline += 5
        return self.status


def _look(cell: pyte.screens.Char) -> tuple[str, ...]:
    blocks = {"▀": (cell.fg, cell.bg), "▄": (cell.bg, cell.fg), "█": (cell.fg, cell.fg), " ": (cell.bg, cell.bg)}
    return blocks.get(cell.data, (cell.data, cell.fg, cell.bg))
