from __future__ import annotations

import pytest
from typer.testing import CliRunner

from vitscope.cli.app import app
from vitscope.errors import TerminalError
from vitscope.tui.colors import check, detect, is_light
from vitscope.tui.start import browse


@pytest.mark.parametrize(
    ("environment", "depth"),
    [
        ({"TERM": "xterm-256color"}, "256"),
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, "truecolor"),
        ({"TERM": "xterm-256color", "COLORTERM": "24bit"}, "truecolor"),
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor", "TERM_PROGRAM": "Apple_Terminal"}, "256"),
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor", "MOSH_CONNECTION": "1"}, "256"),
        ({"TERM": "xterm-kitty"}, "truecolor"),
        ({"TERM": "xterm-direct"}, "truecolor"),
        ({"TERM": "xterm-256color", "WT_SESSION": "x"}, "truecolor"),
        ({"TERM": "xterm"}, "16"),
        ({"TERM": "linux"}, "16"),
        ({"TERM": "dumb"}, "mono"),
        ({}, "mono"),
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor", "NO_COLOR": "1"}, "mono"),
        ({"TERM": "xterm-256color", "NO_COLOR": ""}, "256"),
        ({"TERM": "xterm-256color", "NO_COLOR": "1", "VITSCOPE_COLORS": "16"}, "16"),
        ({"TERM": "dumb", "VITSCOPE_COLORS": "truecolor"}, "truecolor"),
        ({"TERM": "xterm-256color", "VITSCOPE_COLORS": "many"}, "256"),
    ],
)
def test_colours_follow_the_environment(environment, depth):
    assert detect(environment) == depth


@pytest.mark.parametrize(
    ("features", "depth"), [("256,RGB,title", "truecolor"), ("256,title", "256"), (None, "truecolor")]
)
def test_inside_tmux_its_client_is_asked(features, depth):
    inside = {"TERM": "tmux-256color", "TMUX": "socket,1,0", "COLORTERM": "truecolor"}
    assert detect(inside, lambda: features) == depth


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({"VITSCOPE_COLORS": "purple"}, "VITSCOPE_COLORS is 'purple', but takes truecolor, 256, 16 or mono."),
        ({"VITSCOPE_THEME": "sepia"}, "VITSCOPE_THEME is 'sepia', but takes light or dark."),
        ({"VITSCOPE_COLORS": "\x1b[31m"}, "VITSCOPE_COLORS is"),
    ],
)
def test_what_means_nothing_is_said_before_the_screen_is_touched(monkeypatch, tmp_path, environment, says):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(TerminalError) as refused:
        browse(tmp_path)
    assert says in str(refused.value)
    assert "\x1b" not in str(refused.value)
    done = CliRunner().invoke(app, ["browse", "--cache", str(tmp_path), "--screenshot", str(tmp_path / "page.txt")])
    assert done.exit_code == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("depth", ["", "256", "MONO "])
def test_what_means_something_is_taken(depth):
    check({"VITSCOPE_COLORS": depth, "VITSCOPE_THEME": "dark"})


def test_light_terminals_are_recognised():
    assert is_light({"COLORFGBG": "0;15"})
    assert is_light({"COLORFGBG": "0;default;15"})
    assert not is_light({"COLORFGBG": "15;0"})
    assert not is_light({})
    assert is_light({"COLORFGBG": "15;0", "VITSCOPE_THEME": "light"})
