"""Whole sessions in tmux, and through ssh: all that one came for, and a terminal as it was before."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.benchmarks.terminal import Terminal
from tests.tui.test_terminal import START
from tests.tui.tmux import PATIENCE, Pane, Server, script
from vitscope.catalog import GROUPS

ROOT = Path(__file__).parents[2]
BROWSE = [sys.executable, "-m", "vitscope", "browse", "--cache"]
PLAIN = "0 1 0 0 0"  # no alternate screen, a cursor, no reports of the mouse


@pytest.fixture
def environment(tmp_path) -> dict[str, str]:
    """What the browser needs wherever its shell comes from."""
    return {"PYTHONPATH": str(ROOT), "VITSCOPE_STATE": str(tmp_path / "state"), "LANG": "C.UTF-8"}


@pytest.fixture(params=["tmux", "ssh"])
def through(request, tmp_path) -> Iterator[list[str]]:
    """What stands before a command so that it runs in this terminal: nothing, or ssh to a server here."""
    if request.param == "tmux":
        yield ["sh", "-c"]
        return
    with Server(tmp_path) as server:
        yield server.command


def opened(through: list[str], folder: Path, command: list[str], environment: dict[str, str]) -> Pane:
    """A pane that runs a command, in which nothing but the browser changes the terminal."""
    way = " ".join(f"'{word}'" for word in [*through, f"sh '{script(folder, command, environment)}'"])
    return Pane(way, folder)


@pytest.fixture(scope="module")
def measured(tmp_path_factory, photographs) -> Path:
    """The six models of the demo over four photographs."""
    folder = tmp_path_factory.mktemp("measured")
    words = ["extract", "--model", "demo", "--data", str(photographs), "--limit", "4", "--cache", str(folder)]
    command = [sys.executable, "-m", "vitscope", *words]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.slow
def test_all_that_one_came_for(through, measured, photographs, tmp_path, environment):
    with opened(through, tmp_path, [*BROWSE, str(measured)], environment) as pane:
        pane.until("Runs  6", *GROUPS["demo"])
        pane.press("Enter")
        pane.until("all heads")
        seen = set()
        for _ in GROUPS["demo"]:
            crumb = pane.screen().split("›")[1].strip()
            seen.add(crumb)
            pane.press("m")
            pane.until_not(f"› {crumb} ›")
        assert seen == set(GROUPS["demo"])
        pane.press("=")
        pane.until("models", *GROUPS["demo"])
        pane.press("/")
        pane.type("tag:offset")
        pane.press("Enter")
        pane.press("A")
        pane.until("of 6 models", "demo-mae", "offset-local")
        pane.press("Enter")
        pane.until("aligned (AAAM)")
        pane.press("o")
        pane.type(str(photographs / "coffee.png"))
        pane.press("Enter")
        pane.until("coffee.png (live)", "coffee.png:")
        pane.press("BSpace")
        pane.until("aligned (AAAM)")
        file = tmp_path / "seen.csv"
        pane.press("e")
        pane.press("C-u")
        pane.type(str(file))
        pane.press("Enter")
        pane.until("written to")
        assert file.read_text().count("\n") > 100
        pane.press("q")
        pane.until("left with 0")
        assert pane.modes() == PLAIN
    assert (tmp_path / "before").read_text() == (tmp_path / "after").read_text()


@pytest.mark.parametrize(
    ("way", "code"), [("q", 0), ("ctrl+c", 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129), ("crash", 1)]
)
def test_the_terminal_is_as_it_was_however_one_leaves(through, cache, tmp_path, environment, way, code):
    command = [*BROWSE, str(cache)]
    if way == "crash":
        after_three = (
            "n = [0]; draw = app.draw; app.draw = lambda *a: n.append(0) or (1 / 0 if len(n) > 4 else draw(*a))"
        )
        command = [sys.executable, "-c", f"import vitscope.tui.app as app; {after_three}\n{START}", str(cache)]
    with opened(through, tmp_path, command, environment) as pane:
        pane.until("vitscope › runs", "small")
        assert pane.modes().startswith("1 0")
        if way == "q":
            pane.press("q")
        elif way == "ctrl+c":
            pane.press("C-c")
            pane.until("ctrl+c again")
            pane.press("C-c")
        elif way == "crash":
            pane.press("j", "k", "j", "k", "j", "k", "j", "k")
        else:
            os.kill(int((tmp_path / "pid").read_text()), way)
        screen = pane.until(f"left with {code}")
        assert pane.modes() == PLAIN
        assert "vitscope › runs" not in screen
        assert ("because of a bug" in screen) == (way == "crash")
        assert "Traceback" not in screen
    before, after = ((tmp_path / name).read_text() for name in ("before", "after"))
    assert before == after
    assert "icanon" in after


def test_a_closed_connection_ends_the_browser(cache, tmp_path, environment):
    with Server(tmp_path) as server:
        run = script(tmp_path, [*BROWSE, str(cache)], environment)
        with Terminal([*server.command, f"sh '{run}'"], columns=80, rows=24) as terminal:
            terminal.until("small", PATIENCE)
            browser = int((tmp_path / "pid").read_text())
            terminal.kill(signal.SIGKILL)
            terminal.wait()
        end = time.monotonic() + PATIENCE
        while Path(f"/proc/{browser}").exists() and time.monotonic() < end:
            time.sleep(0.05)
        assert not Path(f"/proc/{browser}").exists()


def test_over_ssh_there_are_256_colours_even_where_the_terminal_has_more(cache, tmp_path, environment):
    with Server(tmp_path) as server:
        run = script(tmp_path, [*BROWSE, str(cache)], environment)
        local = {"COLORTERM": "truecolor"}
        with Terminal([*server.command, f"sh '{run}'"], columns=80, rows=24, environment=local) as terminal:
            terminal.until("small", PATIENCE)
            for key in ("\r", "\r", "i"):
                terminal.press(key, 0.3)
            assert b"48;5;" in terminal.data
            assert b"48;2;" not in terminal.data
            assert b"38;2;" not in terminal.data
            terminal.press("q")
            terminal.until("left with 0", PATIENCE)
