"""Files that are cut short while somebody looks at them, which would end a process that has them mapped."""

from __future__ import annotations

import mmap
import sys
from pathlib import Path

import numpy as np
import pytest

from tests import synthetic
from tests.benchmarks.terminal import Terminal
from tests.tui.test_mouse import PAGES
from tests.tui.test_terminal import START
from tests.tui.walker import Walker
from vitscope.errors import DamagedError
from vitscope.store.reader import Cache
from vitscope.tui import readers
from vitscope.tui.library import Failure, Item


def arrays(value: object) -> list[np.ndarray]:
    """All arrays in a value that was read."""
    if isinstance(value, np.ndarray):
        return [value]
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    parts = vars(value).values() if hasattr(value, "__dataclass_fields__") else parts
    return [found for part in parts for found in arrays(part)]


def mapped(values: np.ndarray) -> bool:
    owner: object = values
    while isinstance(owner, np.ndarray):
        owner = owner.base
    return isinstance(owner, mmap.mmap)


def test_nothing_that_is_kept_is_mapped_from_a_file(cache):
    walker = Walker(cache)
    for page, keys in PAGES.items():
        walker.state = type(walker.state)()
        walker.press(*("enter" if key == "\r" else key for key in keys))
        walker.press("c", "r", "a")
        assert walker.state.view == page
    kept = [(item.kind, values) for item, value in walker.book.items.items() for values in arrays(value)]
    assert len(kept) > 20
    assert [kind for kind, values in kept if mapped(values)] == []


def cut(folder: Path) -> None:
    """Cut every array in a folder short, in its place."""
    files = list(folder.rglob("*.npy"))
    assert files
    for file in files:
        with file.open("r+b") as stream:
            stream.truncate(100)


def test_the_browser_outlives_files_that_are_cut_short_and_names_them(tmp_path):
    cache = tmp_path / "cache"
    synthetic.write(cache, layers=3, heads=4, grid=(14, 14), gallery=3, images=3)
    with Terminal([sys.executable, "-c", START, str(cache)], columns=120, rows=40) as terminal:
        terminal.until("synthetic")
        for key in "\r\ri":
            terminal.press(key, 0.5)
        assert "cannot be shown" not in terminal.screen()
        cut(cache)
        seen = ""
        for key in "ijhlJK\x7f\x7fcrDvvCBTRXO\r=":
            terminal.press(key, 0.3)
            seen += terminal.screen()
        assert "cannot be shown" in seen
        assert "is damaged" in seen
        assert "measured it again" in seen
        terminal.press("q")
        assert terminal.wait() == 0


@pytest.mark.parametrize("kind", ["numbers", "tags", "maps", "offsets", "shapes"])
def test_a_file_that_is_cut_short_while_it_is_read_is_named(tmp_path, monkeypatch, kind):
    folder = synthetic.write(tmp_path, layers=2, heads=2, grid=(14, 14), gallery=0)
    run = Cache(tmp_path).runs()[0]
    given = readers._array

    def open_and_cut(*words):
        values = given(*words)
        cut(folder)
        return values

    monkeypatch.setattr(readers, "_array", open_and_cut)
    found = readers.read(run, Item(kind, run.folder))
    if kind == "numbers":
        assert len(found.missing) > 2
        assert all("is damaged" in sentence for sentence in found.missing.values())
        return
    assert isinstance(found, Failure)
    assert found.broken
    assert "mean.npy is damaged" in found.sentence
    with pytest.raises(DamagedError):
        readers._READERS[kind](run, Item(kind, run.folder))
