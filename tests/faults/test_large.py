"""Many files: a folder of 20,000 is listed once, in memory that its names and sizes take."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from vitscope.data import files, images

FILES = 20_000
CLASSES = 20
BYTES_A_FILE = 2000  # of Python's memory at most: a path, a name, a record


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Empty files in class folders."""
    root = tmp_path_factory.mktemp("many")
    for number in range(CLASSES):
        folder = root / f"class {number:02d}"
        folder.mkdir()
        for file in range(FILES // CLASSES):
            (folder / f"{file:05d}.jpg").touch()
    return root


def test_many_files_are_listed_in_order(many: Path, tried: Callable[..., None]) -> None:
    tracemalloc.start()
    found = images.read(many)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(found.records) == FILES
    assert [record.name for record in found.records] == sorted(record.name for record in found.records)
    assert len(found.classes) == CLASSES
    assert most < FILES * BYTES_A_FILE
    tried("large", "right")


def test_the_first_of_many_are_found_without_the_rest(
    many: Path, monkeypatch: pytest.MonkeyPatch, tried: Callable[..., None]
) -> None:
    """A limit does not ask for the size of every file."""
    asked: list[Path] = []
    size = files.size
    monkeypatch.setattr(files, "size", lambda path: asked.append(path) or size(path))
    assert len(images.read(many, limit=7).records) == 7
    assert len(asked) == 7
    tried("large", "right")
