"""The browser on a real pty: what a terminal is sent, and in what state it is left."""

from __future__ import annotations

import re
import signal
import sys

import pytest

from tests import synthetic
from tests.benchmarks.terminal import Terminal

ENTERED = b"\x1b[?1049h"  # the alternate screen
LEFT = b"\x1b[?1049l"
COLOUR = re.compile(rb"\x1b\[[0-9;]*(?:[34]8;[25];|\b[349][0-7]\b|\b10[0-7]\b)[0-9;]*m")
MODE = re.compile(rb"\x1b\[\?(\d+)([hl])")
USUAL = {7: b"h", 25: b"h"}  # lines are wrapped and the cursor is shown; all other modes are off
START = "import sys; from pathlib import Path; from vitscope.tui.start import browse; browse(Path(sys.argv[1]))"


def browser(cache, **environment) -> Terminal:
    return Terminal([sys.executable, "-c", START, str(cache)], columns=80, rows=24, environment=environment)


def changed_modes(data: bytes) -> set[int]:
    """Modes of a terminal that are not as a shell expects them, after all that it was sent."""
    modes = {int(number): to for number, to in MODE.findall(data)}
    assert {1000, 1006, 1004, 1049, 2004, 7, 25} <= set(modes)
    left = {number for number, to in modes.items() if to != USUAL.get(number, b"l")}
    return left | ({0} if data.count(b"\x1b[>25u") != data.count(b"\x1b[<u") else set())  # 0: Kitty's keyboard


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
        assert changed_modes(bytes(terminal.data)) == set()


@pytest.mark.parametrize(
    "crash",
    [
        "app.draw = lambda *_: 1 / 0",  # in the event loop
        "app.needs = lambda *_: [1 / 0]",
        "app.readers.listing = lambda _: 1 / 0",  # in a thread
    ],
)
def test_a_crash_restores_the_terminal_and_says_where_its_log_is(cache, tmp_path, crash):
    code = f"import vitscope.tui.app as app; {crash}\n{START}"
    environment = {"VITSCOPE_STATE": str(tmp_path)}
    with Terminal([sys.executable, "-c", code, str(cache)], columns=80, rows=24, environment=environment) as terminal:
        assert terminal.wait() == 1
        assert terminal.data.index(ENTERED) < terminal.data.rindex(LEFT)
        assert changed_modes(bytes(terminal.data)) == set()
        said = terminal.data[terminal.data.rindex(LEFT) :]
        assert b"because of a bug (ZeroDivisionError: division by zero)" in said
        assert b"crash.log" in said
        assert b"Traceback" not in said
    log = (tmp_path / "crash.log").read_text()
    assert "ZeroDivisionError: division by zero" in log
    assert "<lambda>" in log
    assert "vitscope 0" in log or "vitscope 1" in log


def test_a_terminal_that_is_closed_ends_the_browser(cache):
    with browser(cache) as terminal:
        terminal.until("small")
        terminal.close()
        assert terminal.wait() in {129, 1, -signal.SIGHUP}


@pytest.mark.parametrize("term", ["dumb", None])
def test_a_terminal_that_cannot_place_text_gets_none(cache, term):
    command = [sys.executable, "-m", "vitscope", "browse", "--cache", str(cache)]
    with Terminal(command, columns=80, rows=24, environment={"TERM": term}) as terminal:
        assert terminal.wait() == 1
        assert b"\x1b[" not in terminal.data
        assert b"set TERM" in terminal.data


def test_a_cache_that_grows_is_seen_and_one_that_does_not_costs_nothing(tmp_path):
    synthetic.write(tmp_path, layers=2, heads=2, grid=(3, 3), model="old")
    with Terminal(
        [sys.executable, "-c", f"import vitscope.tui.app as app; app.PERIOD = 0.1; {START}", str(tmp_path)],
        columns=80, rows=24,
    ) as terminal:  # fmt: skip
        terminal.until("old")
        terminal.settle(0.5)
        assert terminal.settle(0.8) == 0
        synthetic.write(tmp_path, layers=1, heads=1, grid=(2, 2), model="fresh")
        terminal.until("fresh")
        terminal.settle(0.5)
        assert terminal.settle(0.8) == 0


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
