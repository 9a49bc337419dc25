"""The browser without a terminal: what `browse --screenshot` writes."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from typer.testing import CliRunner

from tests.tui import zoo
from tests.tui.walker import Walker
from vitscope.cli.app import app
from vitscope.errors import ConfigError, StoreError, ViewError
from vitscope.tui import keys
from vitscope.tui.headless import screenshot
from vitscope.tui.palettes import rgb_of, theme
from vitscope.tui.place import spelled
from vitscope.tui.render.surface import Surface
from vitscope.tui.render.svg import MARGIN, TALL, WIDE, svg

SVG = "{http://www.w3.org/2000/svg}"


def shoot(cache, file, presses="", *, place=None, size="120x40", **environment):
    screenshot(cache, file, place=place, presses=presses, size=size, light=False, environment=environment)
    return file.read_text()


def painted(text: str, columns: int, rows: int) -> np.ndarray:
    """The colour of every half cell in a picture, by painting its rectangles one over the other."""
    pixels = np.full((rows * TALL, columns * WIDE), -1)
    for rect in ElementTree.fromstring(text).iter(f"{SVG}rect"):
        x, y = int(rect.get("x", -MARGIN)), int(rect.get("y", -MARGIN))
        area = np.s_[max(y, 0) : y + int(rect.get("height")), max(x, 0) : x + int(rect.get("width"))]
        pixels[area] = int(rect.get("fill")[1:], 16)
    return pixels


def test_pixels_and_papers_are_where_the_surface_has_them():
    surface = Surface(12, 4, theme("truecolor"))
    colours = np.arange(1, 25).reshape(4, 6) * 0x0A0B0C % 0xFFFFFF
    surface.pixels(3, 1, colours)
    surface.write(0, 0, "ab", back=0x123456)
    surface.write(0, 3, "x", 0xFF0000, back=0x00FF00, reverse=True)
    pixels = painted(svg(surface), 12, 4)
    assert (pixels[TALL : 3 * TALL : TALL // 2, 3 * WIDE : 9 * WIDE : WIDE] == colours).all()
    assert (pixels[TALL + 7, 3 * WIDE :][: 6 * WIDE] == np.repeat(colours[0], WIDE)).all()
    assert set(pixels[0, : 2 * WIDE]) == {0x123456}
    assert pixels[3 * TALL, 0] == 0xFF0000
    assert set(pixels[0, 3 * WIDE :]) == {surface.theme.back}


def test_blocks_are_as_wide_as_the_characters_say():
    surface = Surface(4, 1, theme("truecolor"))
    surface.write(0, 0, "█▌▂", 0x112233)
    pixels = painted(svg(surface), 4, 1) == 0x112233
    assert pixels[:, :WIDE].all()
    assert pixels[0, WIDE : 2 * WIDE].tolist() == [True] * 4 + [False] * 4
    assert pixels[:, 2 * WIDE].tolist() == [False] * 12 + [True] * 4


def test_letters_stand_in_their_cells_and_are_escaped():
    surface = Surface(12, 1, theme("truecolor"))
    surface.write(1, 0, "<a&b> 日本", bold=True)
    texts = list(ElementTree.fromstring(svg(surface)).iter(f"{SVG}text"))
    assert [(text.text, int(text.get("x")) // WIDE, int(text.get("textLength")) // WIDE) for text in texts] == [
        ("<a&b>", 1, 5),
        ("日本", 7, 4),
    ]


def test_without_colours_there_are_ink_and_paper_only(cache, tmp_path):
    text = shoot(cache, tmp_path / "a.svg", "enter enter i", NO_COLOR="1")
    fills = {element.get("fill") for element in ElementTree.fromstring(text).iter() if element.get("fill")}
    assert len(fills) == 2


def test_colours_are_those_that_are_asked_for(cache, tmp_path):
    asked = {"truecolor": "truecolor", "256": "256", "16": "16", "mono": "mono", "": "truecolor"}
    made = {name: shoot(cache, tmp_path / "a.svg", "enter enter i", VITSCOPE_COLORS=name) for name in asked}
    assert len({*made.values()}) == 4
    assert made[""] == made["truecolor"] == shoot(cache, tmp_path / "a.svg", "enter enter i", TERM="xterm")
    assert made["256"] == shoot(cache, tmp_path / "a.svg", "enter enter i", VITSCOPE_COLORS="256", NO_COLOR="1")
    of_the_terminal = {f"#{rgb_of(code):06x}" for code in range(256)}
    fills = {
        name: {element.get("fill") for element in ElementTree.fromstring(text).iter() if element.get("fill")}
        for name, text in made.items()
    }
    assert not fills["truecolor"] <= of_the_terminal
    assert fills["256"] <= of_the_terminal
    assert len(fills["256"]) > 20
    assert len(fills["mono"]) == 2


def test_keys_are_those_of_the_settings(cache, tmp_path, monkeypatch):
    file = tmp_path / "config.toml"
    monkeypatch.setenv("VITSCOPE_CONFIG", str(file))
    monkeypatch.setattr(keys, "_table", [*keys._table])
    file.write_text('[keys]\ndistance = "f5"\n')
    assert "heads by layer" in shoot(cache, tmp_path / "a.txt", "f5", place="small/1/1").splitlines()[0]
    assert "head 1" in shoot(cache, tmp_path / "a.txt", "D", place="small/1/1").splitlines()[0]
    file.write_text('[keys]\nnowhere = "f5"\n')
    with pytest.raises(ConfigError, match="nothing is called 'nowhere'"):
        shoot(cache, tmp_path / "b.txt")
    assert not (tmp_path / "b.txt").exists()


def test_keys_lead_to_a_page_and_all_of_it_is_there(cache, tmp_path):
    text = shoot(cache, tmp_path / "a.txt", "enter l j enter c", size="80x24")
    assert "layer 2 › head 2" in text.splitlines()[0]
    assert "attention from CLS" in text
    assert "…" not in text.replace("atten…", "")
    assert len(text.splitlines()) == 24
    assert max(map(len, text.splitlines())) <= 80


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    return zoo.write(tmp_path_factory.mktemp("zoo"))


@pytest.mark.parametrize(
    "presses",
    [
        "f j j", "D A", "D A A", "= . p m d s", "C A l j", "C m j l", "enter i w", "I w", "U v v", "R l j s", "X j j j",
        "B v v l j", "T 1 j l", "z c r \\", "enter l l c x",
    ],
)  # fmt: skip
def test_a_place_is_the_page_that_its_keys_lead_to(everything, tmp_path, presses):
    person = Walker(everything)
    state = person.press("enter", *presses.split())
    assert state.message == ""
    place = spelled(state, person.book.known())
    assert shoot(everything, tmp_path / "a.txt", place=place) == person.page(120, 40, "truecolor") + "\n", place


def test_the_same_cache_and_keys_give_the_same_bytes(cache, tmp_path):
    shots = [shoot(cache, tmp_path / f"{i}.svg", "D v esc C", place="small/2/3") for i in range(3)]
    assert shots[0] == shots[1] == shots[2]


@pytest.mark.parametrize(
    ("presses", "size", "file", "says"),
    [
        ("enter jj", "120x40", "a.svg", "no key is called 'jj'"),
        ("'enter", "120x40", "a.svg", "quotation mark"),
        ("", "wide", "a.svg", "such as 120x40"),
        ("", "10x40", "a.svg", "from 20x6 to 500x200"),
        ("", "120x40", "a.gif", ".svg for a picture"),
    ],
)
def test_what_makes_no_sense_is_a_sentence(cache, tmp_path, presses, size, file, says):
    with pytest.raises(ViewError, match=says):
        shoot(cache, tmp_path / file, presses, size=size)
    assert not (tmp_path / file).exists()


def test_a_file_that_cannot_be_written_is_a_sentence(cache, tmp_path):
    with pytest.raises(StoreError, match="nowhere"):
        shoot(cache, tmp_path / "nowhere" / "a.svg")


@pytest.mark.parametrize("place", [None, "small/1/2"])
def test_a_cache_that_is_not_there_gives_no_picture(tmp_path, place):
    with pytest.raises(StoreError, match=r"there is no cache .*nowhere: .*--cache"):
        shoot(tmp_path / "nowhere", tmp_path / "a.svg", place=place)
    assert not list(tmp_path.iterdir())


def test_the_command_writes_a_picture_and_needs_no_terminal(cache, tmp_path, monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    file = tmp_path / "a.svg"
    words = ["browse", "small/1/2", "--cache", str(cache), "--screenshot", str(file), "--theme", "light"]
    done = CliRunner().invoke(app, [*words, "--keys", "i", "--size", "80x24"])
    assert done.exit_code == 0, done.output
    picture = file.read_text()
    assert f'width="{80 * WIDE + 2 * MARGIN}"' in picture
    assert f'rx="8" fill="#{theme("truecolor", light=True).back:06x}"' in picture


def test_keys_without_a_picture_are_refused(cache):
    done = CliRunner().invoke(app, ["browse", "--cache", str(cache), "--keys", "q"])
    assert done.exit_code == 1
