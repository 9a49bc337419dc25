"""Keys of one's own."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.tui.test_keys import FACTS, at
from tests.tui.walker import Walker
from vitscope import config
from vitscope.cli.app import app
from vitscope.errors import ConfigError
from vitscope.tui import keys
from vitscope.tui.bindings import BINDINGS
from vitscope.tui.keymap import remapped
from vitscope.tui.start import own_keys


@pytest.fixture
def settings(tmp_path, monkeypatch):
    """A file of settings that is written by calling it; keys as they were afterwards."""
    file = tmp_path / "config.toml"
    monkeypatch.setenv("VITSCOPE_CONFIG", str(file))
    yield file.write_text
    keys.use(BINDINGS)


def where(name: str) -> str:
    return f"the line of {name}"


def test_other_keys_do_the_same(settings, cache):
    settings('device = "cpu"\n[keys]\nzoom = "Z enter"\ndistance = "f5"\n"next-layer" = "ctrl+n"\n')
    keys.use(own_keys())
    assert keys.press(at("overview"), "Z", FACTS).view == "head"
    assert keys.press(at("overview"), "f5", FACTS).view == "distance"
    assert keys.press(at("overview"), "D", FACTS).view == "overview"
    assert keys.press(at("head"), "ctrl+n", FACTS).layer == 2
    assert config.get("device") == "cpu"


def test_footer_and_help_say_the_real_keys(settings, cache):
    more = 'previous-match = ""\nhead-left = "a"\nquery-mean = "f7"\n'
    settings(f'[keys]\nzoom = "Z"\ndistance = "f5"\nnext-layer = "N"\n{more}')
    keys.use(own_keys())
    walker = Walker(cache)
    walker.press("enter")
    foot = walker.page(240, 50).splitlines()[-1]
    assert "Z zoom in" in foot
    assert "f5 dots" in foot
    assert "N K layer" in foot
    assert "a j k l step" in foot
    walker.press("?")
    assert "f5  heads by layer" in walker.page(200, 60)


def test_the_help_is_left_by_the_real_key(settings):
    settings('[keys]\nquit = "f9"\n')
    keys.use(own_keys())
    opened = keys.press(at("head"), "?", FACTS)
    assert keys.press(opened, "f9", FACTS).quit == 0
    closed = keys.press(opened, "q", FACTS)
    assert (closed.quit, closed.help) == (None, False)


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"zooom": "Z"}, "the line of zooom: nothing is called 'zooom': did you mean zoom"),
        ({"zoom": "hyper+z"}, "no key is called 'hyper[+]z'"),
        ({"zoom": "entr"}, "no key is called 'entr'"),
        ({"interrupt": "x"}, "keeps its key"),
        ({"zoom": "D"}, "the line of zoom: 'D' is the key of zoom and of distance on the page overview"),
        ({"zoom": "Z", "distance": "Z"}, "'Z' is the key of"),
    ],
)
def test_what_makes_no_sense_is_a_sentence_with_its_line(table, says):
    with pytest.raises(ConfigError, match=says):
        remapped(BINDINGS, table, where)


def test_keys_can_be_swapped():
    found = remapped(BINDINGS, {"distance": "C", "cka": "D"}, where)
    assert {b.name: b.keys for b in found if b.name in {"distance", "cka"}} == {"distance": ("C",), "cka": ("D",)}


def test_without_a_table_nothing_changes():
    assert remapped(BINDINGS, {}, where) == BINDINGS


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[data]\nimages = "/a"\n\n[keys]\n# mine\nquit = "x"\nzooom = "Z"\n', "config.toml, line 7"),
        ('keys.zooom = "Z"\n', "config.toml, line 1"),
        ("[keys]\nzoom = 3\n", "config.toml, line 2: zoom takes keys in quotation marks"),
        ("keys = 3\n", "names a table"),
    ],
)
def test_sentences_name_the_line(settings, text, says):
    settings(text)
    with pytest.raises(ConfigError, match=says):
        own_keys()


def test_the_command_stops_before_the_screen_is_touched(settings, monkeypatch, cache):
    settings('[keys]\nzooom = "Z"\n')
    monkeypatch.setattr("vitscope.tui.terminal.check", lambda: None)
    done = CliRunner().invoke(app, ["browse", "--cache", str(cache)])
    assert done.exit_code == 1
    assert "line 2" in done.output + (done.stderr if done.stderr_bytes else "")


def test_all_keys_are_listed(settings):
    settings('[keys]\nzoom = "Z"\n')
    done = CliRunner().invoke(app, ["browse", "--list-keys"])
    lines = done.output.splitlines()
    assert len(lines) == len(BINDINGS)
    assert next(line for line in lines if line.startswith("zoom ")).split()[1] == "Z"
    assert any(line.startswith("interrupt  ") and line.endswith("everywhere") for line in lines)
    assert Path(config.path()).exists()


def test_the_help_names_the_table_of_keys():
    done = CliRunner().invoke(app, ["browse", "--help"])
    assert "A table [keys] in the file of settings" in " ".join(done.output.split())
