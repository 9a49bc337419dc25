"""The pictures of README.md and docs/, made anew by the browser's headless twin from what the pages themselves say.

    vitscope demo --no-browse --cache CACHE && python -m tests.pictures CACHE

Above every picture stands a comment with the arguments of `vitscope browse` that it was made with:

    <!-- browse demo-mae/4/3@head --keys "c r" --size 120x40 -->
    ![…](head.png)

A name that ends with .webp is a film: a frame for every key, and for every letter that is typed into a line. Needs
rsvg-convert, which turns SVG into pixels.
"""

from __future__ import annotations

import argparse
import io
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from vitscope.tui import headless
from vitscope.tui.app import Browser
from vitscope.tui.place import starting
from vitscope.tui.render.surface import Surface
from vitscope.tui.render.svg import svg

ROOT = Path(__file__).parents[1]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
SIZE = "120x40"
TAG = re.compile(r"<!-- browse (?P<arguments>[^\n]*?) -->\n!\[[^]]*\]\((?P<file>[^)]+)\)")
COLOURS = 192  # of a still picture: letters have soft edges, photographs are few
FILMED = 96  # of a film
STILL, WALKED, TYPED = 1600, 450, 150  # milliseconds that a frame of a film stands


class Picture(NamedTuple):
    """What a page says of one of its pictures."""

    file: Path
    place: str | None
    keys: tuple[str, ...]
    size: tuple[int, int]
    light: bool


def pictures(page: Path) -> Iterator[Picture]:
    """The pictures of a page; SystemExit for arguments that make no sense."""
    parser = argparse.ArgumentParser(prog=f"browse in {page.name}")
    parser.add_argument("place", nargs="?")
    parser.add_argument("--keys", default="")
    parser.add_argument("--size", default=SIZE)
    parser.add_argument("--theme", choices=["dark", "light"], default="dark")
    for found in TAG.finditer(page.read_text("utf-8")):
        asked = parser.parse_args(shlex.split(found["arguments"]))
        keys, size = headless.words_of(asked.keys), headless.shape_of(asked.size)
        yield Picture(page.parent / found["file"], asked.place, tuple(keys), size, asked.theme == "light")


def pages(cache: Path, picture: Picture) -> list[Surface]:
    """The page before its keys, and after each of them."""
    state = replace(starting(cache, picture.place), light=picture.light)
    return headless.pages(Browser(cache, state, "truecolor"), list(picture.keys), picture.size)


def pixels(surface: Surface) -> Image.Image:
    """A page in pixels."""
    drawn = subprocess.run(["rsvg-convert"], input=svg(surface).encode(), stdout=subprocess.PIPE, check=True).stdout
    picture = Image.open(io.BytesIO(drawn)).convert("RGBA")
    page = Image.new("RGBA", picture.size, f"#{surface.theme.back:06x}")  # behind the rounded corners
    return Image.alpha_composite(page, picture).convert("RGB")


def still(cache: Path, picture: Picture) -> None:
    """Write one picture."""
    drawn = pixels(pages(cache, picture)[-1])
    drawn.quantize(COLOURS, dither=Image.Dither.NONE).save(picture.file, optimize=True)


def film(cache: Path, picture: Picture) -> None:
    """Write one film: a frame after each key, those of a walk and of a word that is typed short ones."""
    frames = [
        pixels(surface).quantize(FILMED, dither=Image.Dither.NONE).convert("RGB") for surface in pages(cache, picture)
    ]
    stand = times(picture.keys)
    frames[0].save(
        picture.file, save_all=True, append_images=frames[1:], duration=stand, loop=0, lossless=True, method=4
    )


def times(keys: tuple[str, ...]) -> list[int]:
    """Milliseconds that each frame stands, the one before all keys first."""
    found = [STILL]
    for i, word in enumerate(keys):
        typed = i > 0 and keys[i - 1] == "/"
        walked = i + 1 < len(keys) and keys[i + 1] == word
        found += [TYPED] * (len(word) - 1) if typed else []
        found.append(WALKED if walked else STILL)
    return found


def main(arguments: list[str]) -> None:
    """Make all pictures, or those whose names are given after the cache."""
    cache, names = Path(arguments[0]), set(arguments[1:])
    for page in PAGES:
        for picture in pictures(page):
            if not names or picture.file.name in names:
                (film if picture.file.suffix == ".webp" else still)(cache, picture)
                print(f"{picture.file.relative_to(ROOT)}  {picture.file.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main(sys.argv[1:] or [str(ROOT / "cache")])
