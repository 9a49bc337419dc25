"""The short way into the browser says the same as the long one when there is no terminal for it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from typer.core import TyperGroup

import vitscope.__main__ as program
from vitscope.__main__ import plain


def run(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "vitscope", *words],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **variables},
        stdin=subprocess.DEVNULL,
    )


@pytest.mark.parametrize("words", [("browse",), ("browse", "--quiet"), ("browse", "mae/1", "--cache", "nowhere")])
def test_a_pipe_is_no_terminal(words):
    done = run(*words, TERM="xterm-256color")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("vitscope: the browser needs a terminal, and this is a pipe or a file")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--help"],
        ["browse", "--help"],
        ["browse", "a", "b"],
        ["browse", "--cache"],
        ["browse", "-q"],
        ["show", "x"],
    ],
)
def test_everything_else_is_the_command_lines(words):
    assert plain(words) is None


def stop(*_: object) -> None:
    raise KeyboardInterrupt


def test_ctrl_c_before_anything_is_imported(monkeypatch, capsys):
    monkeypatch.setattr(program, "plain", stop)
    with pytest.raises(SystemExit) as ended:
        program.main()
    assert ended.value.code == 130
    assert capsys.readouterr().err == "vitscope: interrupted before it had begun\n"


def test_ctrl_c_while_the_words_are_read(monkeypatch, capsys):
    monkeypatch.setattr(TyperGroup, "make_context", stop)
    monkeypatch.setattr(sys, "argv", ["vitscope", "models"])
    with pytest.raises(SystemExit) as ended:
        program.main()
    assert ended.value.code == 130
    assert capsys.readouterr().err.startswith("vitscope: interrupted; ")
