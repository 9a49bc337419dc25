from __future__ import annotations

import pytest

from vitscope.tui.colors import detect, is_light


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


def test_light_terminals_are_recognised():
    assert is_light({"COLORFGBG": "0;15"})
    assert is_light({"COLORFGBG": "0;default;15"})
    assert not is_light({"COLORFGBG": "15;0"})
    assert not is_light({})
    assert is_light({"COLORFGBG": "15;0", "VITSCOPE_THEME": "light"})
