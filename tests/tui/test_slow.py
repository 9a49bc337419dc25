"""The browser on a slow line, and in terminals that answer late, never, or with something else."""

from __future__ import annotations

import sys

import pytest

from tests import synthetic
from tests.benchmarks import terminal as terminals
from tests.benchmarks.line import Line
from tests.benchmarks.terminal import Terminal
from tests.tui.test_terminal import START
from vitscope.tui.gate import FRAMES

WHOLE = "t"  # light and dark: the key after which every cell of a page is sent again


@pytest.fixture(scope="module")
def maps(tmp_path_factory):
    folder = tmp_path_factory.mktemp("maps")
    synthetic.write(folder, layers=2, heads=3, grid=(14, 14), gallery=0)
    return folder


def start(cache) -> list[str]:
    return [sys.executable, "-c", START, str(cache)]


def test_a_key_that_is_held_on_a_slow_line_does_not_fill_it(maps):
    with Line(start(maps), rate=12e3, trip=0.2, columns=120, rows=40) as line:
        line.until("Runs")
        line.settle(1.0)
        for key in "\r\r":
            line.press(key, 1.0)
        page = line.press(WHOLE, 1.5)
        assert page.size > 8_000
        before = len(line.data)
        held = line.hold(WHOLE, 2.0)
        assert held.presses == 60
        assert 2 < held.frames < held.presses / 3
        assert line.behind <= FRAMES
        assert line.data[before:].count(b"\x1b[6n") == held.frames
        stepped = line.looks()
        line.press("?", 1.5)
        line.press("?", 1.5)
        assert line.looks() == stepped  # the last page is the one of the last key


def test_a_terminal_that_never_answers_gets_every_page_and_is_left_at_once(maps, monkeypatch):
    monkeypatch.delitem(terminals.ANSWERS, b"\x1b[6n")
    monkeypatch.setattr(terminals, "_answer", lambda _place, question: terminals.ANSWERS.get(question, b""))
    with Terminal(start(maps), columns=120, rows=40) as terminal:
        terminal.until("Runs")
        frames = [terminal.press(key, 0.4) for key in ("\r", "\r", *WHOLE * 8)]
        assert all(frame.size > 8_000 for frame in frames[2:])
        assert 1 <= terminal.data.count(b"\x1b[6n") <= 3
        terminal.press("q")
        assert terminal.wait() == 0


def test_an_answer_that_is_on_its_way_is_waited_for_before_the_shell_would_read_it(maps):
    with Line(start(maps), rate=1e6, trip=0.9, columns=80, rows=24) as line:
        line.until("Runs")
        line.settle(1.5)
        line.send(b"\r")
        line.read(1.2)
        line.send(b"tq")
        assert line.wait() == 0
        assert line.asked > 2
        assert line.answered == line.asked


def test_f3_with_shift_is_no_answer_and_no_key(maps):
    with Terminal(start(maps), columns=80, rows=24) as terminal:
        terminal.until("Runs")
        terminal.settle(0.5)
        assert terminal.press("\x1b[1;2R", 0.4).size == 0
        assert terminal.press("\r", 0.5).size > 1_000
