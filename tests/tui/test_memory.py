"""What is kept from one start to the next, and what is copied."""

from __future__ import annotations

import json
from base64 import b64decode
from pathlib import Path

import pytest

from tests.tui.test_app import page, press, settled
from vitscope.tui import clipboard, memory
from vitscope.tui.app import Browser
from vitscope.tui.memory import Memory, recall, remember
from vitscope.tui.start import begun, browse
from vitscope.tui.state import State


def test_every_cache_has_its_place(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    assert recall(one) is None
    remember(one, Memory("mae/3/4@head", "grey", light=True))
    remember(two, Memory("@runs"))
    assert (recall(one).place, recall(one).palette, recall(one).light) == ("mae/3/4@head", "grey", True)
    assert recall(two).light is None
    assert [path.name for path in memory.folder().iterdir()] == ["browser.json"]


def test_the_oldest_are_forgotten(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "MOST", 3)
    for n in range(5):
        remember(tmp_path / str(n), Memory(f"m{n}"))
    assert [recall(tmp_path / str(n)) is not None for n in range(5)] == [False, False, True, True, True]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"caches": []}', '{"caches": {"/a": 3}}', '{"caches": {"/a": {"place": 1}}}', "\x00" * 9]
)
def test_a_file_that_makes_no_sense_is_passed_over_and_written_anew(text):
    memory.folder().mkdir(exist_ok=True)
    (memory.folder() / "browser.json").write_text(text)
    assert recall(Path("/a")) is None
    remember(Path("/a"), Memory("mae"))
    assert recall(Path("/a")).place == "mae"


def test_a_folder_that_cannot_be_written_is_left_alone(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("VITSCOPE_STATE", str(tmp_path / "file"))
    remember(tmp_path, Memory("mae"))
    assert recall(tmp_path) is None
    assert "cannot be written" in clipboard.keep("text")


def test_the_browser_starts_where_it_was_left(cache):
    remember(cache, Memory("small/3/2@head?q=2,4", "cividis", light=True))
    state = begun(cache, None, recall(cache), fresh=False)
    assert (state.view, state.layer, state.head, state.patch) == ("head", 2, 1, (1, 3))
    assert (state.palette, state.light) == ("cividis", True)


@pytest.mark.parametrize(("place", "view"), [("small/2", "overview"), (None, "runs")])
def test_another_place_or_a_fresh_start_keeps_the_colours(cache, place, view):
    left = Memory("small/3/2@head", "cividis", light=True)
    state = begun(cache, place, left, fresh=place is None)
    assert (state.view, state.palette, state.light) == (view, "cividis", True)


def test_a_theme_that_is_asked_for_stands_above_the_one_that_was_left(cache, monkeypatch):
    seen = []
    monkeypatch.setattr(Browser, "run", lambda self, **_: seen.append(self.state.light))
    for name in ("ESCDELAY", "TEXTUAL_FPS", "TEXTUAL_ANIMATIONS"):  # which starting would set for all tests
        monkeypatch.setenv(name, "none")
    remember(cache, Memory("@runs", light=True))
    for light in (None, False, None):
        with pytest.raises(SystemExit):
            browse(cache, light=light)
    assert seen == [True, False, True]


@pytest.mark.parametrize("place", ["gone/1/1@head", "small/9@head", "small@nowhere", "small?q=x"])
def test_a_place_that_is_not_there_any_more_is_the_list(cache, place):
    assert begun(cache, None, Memory(place, "mauve"), fresh=False) == State()


def test_osc_52_holds_the_text_and_goes_through_tmux():
    plain = clipboard.sequence("mae/1/2 é", {})
    assert plain.startswith("\x1b]52;c;")
    assert b64decode(plain[7:-1]).decode() == "mae/1/2 é"
    wrapped = clipboard.sequence("x", {"TMUX": "socket,1,0"})
    assert wrapped.startswith(clipboard.sequence("x", {}))
    assert wrapped.endswith("\x1bPtmux;\x1b\x1b]52;c;eA==\x07\x1b\\")
    assert clipboard.sequence("x" * 100_000, {}) == ""


async def test_y_copies_the_place_and_says_where_to(cache, monkeypatch):
    app = Browser(cache, State(), "256")
    sent = []
    monkeypatch.setattr(app, "send", sent.append)
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        await press(pilot, "enter", "j", "enter", "y")
        assert sent == [clipboard.sequence("small/2/1@head", {})]
        assert "sent to the clipboard: small/2/1@head" in page(pilot)
    assert (memory.folder() / "copied.txt").read_text() == "small/2/1@head"


def test_what_is_kept_is_text_for_people(cache):
    remember(cache, Memory("mae"))
    stored = json.loads((memory.folder() / "browser.json").read_text())
    assert stored["version"] == 1
    assert list(stored["caches"]) == [str(cache)]
