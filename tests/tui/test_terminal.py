"""The browser on a real pty: what a terminal is sent, and in what state it is left."""

from __future__ import annotations

import re
import signal
import sys

import pytest

from tests.benchmarks.terminal import Terminal

ENTERED = b"\x1b[?1049h"  # the alternate screen
LEFT = b"\x1b[?1049l"
COLOUR = re.compile(rb"\x1b\[[0-9;]*(?:[34]8;[25];|\b[349][0-7]\b|\b10[0-7]\b)[0-9;]*m")
START = "import sys; from pathlib import Path; from vitscope.tui.app import browse; browse(Path(sys.argv[1]))"


def browser(cache, **environment) -> Terminal:
    return Terminal([sys.executable, "-c", START, str(cache)], columns=80, rows=24, environment=environment)


@pytest.mark.parametrize(
    ("way", "code"),
    [("q", 0), ("\x03\x03", 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)],
)
def test_the_terminal_is_restored_however_one_leaves(cache, way, code):
    with browser(cache) as terminal:
        terminal.until("small")
        if isinstance(way, str):
            for key in way:
                terminal.press(key)
        else:
            terminal.kill(way)
        assert terminal.wait() == code
        assert terminal.data.index(ENTERED) < terminal.data.rindex(LEFT)
        assert b"\x1b[?25h" in terminal.data[terminal.data.rindex(ENTERED) :]  # the cursor is shown again


def test_a_crash_restores_the_terminal_and_fails(cache):
    crash = f"import vitscope.tui.app as app; app.draw = lambda *_: 1 / 0\n{START}"
    with Terminal([sys.executable, "-c", crash, str(cache)], columns=80, rows=24) as terminal:
        assert terminal.wait() == 1
        assert terminal.data.index(ENTERED) < terminal.data.rindex(LEFT)
        assert b"ZeroDivisionError" in terminal.data


def test_no_colour_is_sent_where_none_is_wanted(cache):
    with browser(cache, NO_COLOR="1") as terminal:
        terminal.until("small")
        for key in ("\r", "\r", "h", "i", "\x1b", "D", "?"):
            terminal.press(key)
        assert COLOUR.findall(bytes(terminal.data)) == []
        assert "░" in terminal.data.decode() or "█" in terminal.data.decode()


def test_without_colorterm_there_are_256_colours_and_no_more(cache):
    with browser(cache) as terminal:
        terminal.until("small")
        for key in ("\r", "\r", "i"):
            terminal.press(key)
        assert b"48;5;" in terminal.data
        assert b"48;2;" not in terminal.data
        assert b"38;2;" not in terminal.data


def test_a_step_sends_little_and_idleness_nothing(cache):
    with browser(cache) as terminal:
        terminal.until("small")
        terminal.press("\r", 0.5)
        terminal.settle(0.5)
        assert terminal.press("l").size < 2500
        assert terminal.settle(0.5) == 0
        terminal.press("\r", 0.5)
        assert terminal.press(".").size < 6000
        assert terminal.settle(0.5) == 0


def test_what_the_terminal_shows_is_the_page(cache):
    """Differences add up to the same screen as a page that is sent whole."""
    with browser(cache) as terminal:
        terminal.until("small")
        for key in ("\r", "l", "j", "\r", "c", "h", "l", ".", "u", "\x7f", "D", "l", "v", "\x7f", "h"):
            terminal.press(key)
        stepped = terminal.looks()
        assert "layer 2 · head" in terminal.screen()
        terminal.press("?")
        terminal.press("?")
        assert terminal.looks() == stepped


def test_it_starts_where_it_was_left_unless_told_otherwise(cache, tmp_path):
    again = f"{START}, fresh=len(sys.argv) > 2)".replace("(sys.argv[1]))", "(sys.argv[1])")

    def start(*words: str) -> Terminal:
        command = [sys.executable, "-c", again, str(cache), *words]
        return Terminal(command, columns=80, rows=24, environment={"VITSCOPE_STATE": str(tmp_path)})

    for words, sees, keys in [((), "Runs", "\rj\r"), ((), "layer 2 › head 1", "y"), (("fresh",), "Runs", "")]:
        with start(*words) as terminal:
            terminal.until(sees)
            for key in keys:
                terminal.press(key, 0.3)
            if keys == "y":
                assert b"\x1b]52;c;" in terminal.data
            terminal.press("q")
            assert terminal.wait() == 0
