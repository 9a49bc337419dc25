"""The most important pages as text, kept in snapshots/: what changes there changes for whoever looks.

`python -m tests.tui.test_snapshots` writes them anew. Two keep colours as well, below the text: two letters for each
cell, of its foreground and its background, and what the letters stand for.
"""

from __future__ import annotations

import contextlib
import string
import tempfile
from pathlib import Path

import pytest

from tests.tui import zoo
from tests.tui.walker import Walker
from vitscope.tui.render.surface import Surface

FOLDER = Path(__file__).parent / "snapshots"
PAGES = {  # name: keys from the list of runs, size, whether colours are kept
    "runs": ("", (80, 24), False),
    "overview": ("enter", (120, 40), False),
    "overview-small": ("enter", (40, 12), True),
    "layer": ("enter L J", (80, 24), False),
    "head": ("enter J . enter h", (120, 40), False),
    "head-small": ("enter enter", (40, 12), True),
    "image": ("enter enter i", (80, 24), False),
    "distance-all": ("enter D A", (120, 40), False),
    "models": ("enter =", (120, 40), False),
    "find": ("enter f", (80, 24), False),
    "cka": ("enter C m m", (80, 24), False),
    "residual": ("enter B", (80, 24), False),
    "tasks": ("enter T", (120, 40), False),
    "results": ("enter R", (80, 24), False),
}


@pytest.fixture(scope="module")
def cache(tmp_path_factory) -> Path:
    return zoo.write(tmp_path_factory.mktemp("zoo") / "zoo")


def taken(cache: Path, name: str) -> str:
    """A page as it is kept. Paths on it are relative, and so the same wherever the cache is."""
    keys, size, colours = PAGES[name]
    with contextlib.chdir(cache.parent):
        walker = Walker(Path(cache.name))
        walker.press(*keys.split())
        surface = walker.surface(*size)
    text = "\n".join(line.rstrip() for line in surface.text().splitlines())
    return f"{text}\n{coloured(surface) if colours else ''}"


def coloured(surface: Surface) -> str:
    """Two letters for each cell, and what the letters stand for."""
    letters: dict[int, str] = {}
    names = string.ascii_letters + string.digits
    lines = []
    for fore, back in zip(surface.fore.tolist(), surface.back.tolist(), strict=True):
        cells = [
            letters.setdefault(colour, names[len(letters)]) for pair in zip(fore, back, strict=True) for colour in pair
        ]
        lines.append("".join(cells))
    return "\n".join(["", *lines, "", *(f"{letter} #{colour:06x}" for colour, letter in letters.items()), ""])


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_as_it_was(cache, name):
    expected = (FOLDER / f"{name}.txt").read_text()
    assert taken(cache, name) == expected, "python -m tests.tui.test_snapshots writes it anew"


def test_nothing_else_is_kept():
    assert {file.stem for file in FOLDER.iterdir()} == set(PAGES)


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        made = zoo.write(Path(folder) / "zoo")
        for name in PAGES:
            (FOLDER / f"{name}.txt").write_text(taken(made, name))
