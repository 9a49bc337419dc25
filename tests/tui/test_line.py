"""The simulated slow line is as slow as it says, loses nothing, and answers late."""

from __future__ import annotations

import sys
import time

from tests.benchmarks.line import Line
from tests.benchmarks.terminal import ANSWERS, Answers, Terminal

WORDS = "import sys, tty; tty.setraw(0); print('ready', flush=True); sys.stdin.buffer.raw.read(1)"
MUCH = f"{WORDS}; print('x' * 30_000 + '\\r\\n' * 9 + 'end', flush=True); sys.stdin.buffer.raw.read(1)"
ASKS = f"{WORDS}; print('\\x1b[6n', end='', flush=True); print(sys.stdin.buffer.raw.read(6)[1:], flush=True)"


def test_a_line_is_no_faster_than_its_rate_and_its_way():
    with Line([sys.executable, "-c", MUCH], rate=100e3, trip=0.2, columns=80, rows=24) as line:
        line.until("ready")
        held = line.hold("x", 1 / 30)
        assert held.presses == 1
        assert held.size > 30_000
        assert held.after >= 0.2 + 30_000 / 100e3
        assert line.screen().rstrip().endswith("end")


def test_an_answer_takes_a_round_trip_more():
    with Line([sys.executable, "-c", ASKS], rate=1e6, trip=0.3, columns=80, rows=24) as line:
        line.until("ready")
        start = time.perf_counter()
        line.send(b"x")
        line.until("[1;1R")
        assert time.perf_counter() - start >= 0.6


def test_a_terminal_answers_each_question_once_wherever_it_is_cut():
    text = b"a\x1b[6n\x1b[2;15H\x1b[6nb\x1b[?2026$p\x1b[31m\x1b[c\x1b[3;4Hc\x1b[6n"
    expected = [b"\x1b[1;1R", b"\x1b[2;15R", ANSWERS[b"\x1b[?2026$p"], ANSWERS[b"\x1b[c"], b"\x1b[1;1R"]
    for cut in range(len(text) + 1):
        answers = Answers()
        assert answers.to(text[:cut]) + answers.to(text[cut:]) == expected
    with Terminal([sys.executable, "-c", ASKS], columns=80, rows=24) as terminal:
        terminal.until("ready")
        terminal.press("x")
        assert terminal.wait() == 0
        assert b"[1;1R" in terminal.data
