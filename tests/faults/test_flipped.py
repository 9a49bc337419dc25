"""One bit of one file of the cache is not as it was written: found, named, never shown as if true, and measured anew.

Every file of a cache that holds all kinds of them. The usual run flips one place a file, `-m long` all of PLACES.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.faults.commands import IMAGE, program
from tests.faults.sound import OTHER, Sound, check_whole, made, mend, read
from tests.run import jobs
from vitscope.store import lock as locking
from vitscope.store.lock import lock
from vitscope.store.reader import Cache, Run
from vitscope.tui import readers
from vitscope.tui.library import Failure, Item

PLACES = {"start": 0.0, "header": 0.04, "middle": 0.5, "end": 1.0}
VIEWS = {
    "attention": ("attention", "--layer", "2"),
    "distance": ("distance",),
    "gallery": ("attention", "--image", IMAGE, "--layer", "1"),
    "grams": ("cka",),
}
ITEMS = {
    "attention": [{"kind": "maps"}, {"kind": "maps", "query": (1, 1)}],
    "distance": [{"kind": "numbers"}],
    "gallery": [{"kind": "maps", "image": 0}, {"kind": "picture", "image": 1}],
    "grams": [{"kind": "cka"}],
}


def flip(path: Path, where: float) -> None:
    """Change one bit of a file."""
    raw = bytearray(path.read_bytes())
    raw[round(where * (len(raw) - 1))] ^= 1
    path.write_bytes(raw)


def looked_at(run: Run | None, metric: str, path: Path, before: list[object]) -> None:
    """The browser shows what it showed before, or says which file is damaged."""
    if run is None:
        return
    for values, now in zip(before, items(run, metric), strict=True):
        if isinstance(now, Failure):
            assert str(path) in now.sentence
        else:
            assert same(values, now) or str(path) in str(now), (values, now)


def items(run: Run, metric: str) -> list[object]:
    asked = [Item(run=run.folder, others=(run.folder,), **fields) for fields in ITEMS[metric]]
    return [readers.read(run, item) for item in asked]


def same(one: Any, other: Any) -> bool:
    """Whether two values of the browser are equal."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, tuple | list):
        return len(one) == len(other) and all(same(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, np.ndarray):
        return np.array_equal(one, other, equal_nan=True)
    if hasattr(one, "__dict__"):
        return same(vars(one), vars(other))
    return bool(one == other)


def every_file(sound: Sound, tmp_path: Path, tried: Callable[..., None], places: list[list[str]]) -> None:
    """Flip a bit in every file, at some of its places, one at a time."""
    files = sound.files()
    kinds = {Path(file).suffix for file in files}
    assert kinds == {".json", ".npy", ".safetensors"}
    for number, file in enumerate(files):
        for place in places[number % len(places)]:
            try:
                flipped(sound, tmp_path / "cache", file, PLACES[place])
            except AssertionError as error:
                error.add_note(f"{file}, {place}")
                raise
            tried("flipped", "right")


def flipped(sound: Sound, cache: Path, file: str, where: float) -> None:
    """A bit of a file: found by all who read it, and mended by who measures."""
    shutil.rmtree(cache, ignore_errors=True)
    shutil.copytree(sound.cache, cache)
    path, run = cache / file, file.split("/", maxsplit=1)[0]
    metric = file.split("/")[1].partition("@")[0] if "@" in file and "shards" not in file else ""
    opened = next((one for one in Cache(cache).runs() if one.folder.name == run), None)
    before = items(opened, metric) if opened and metric in ITEMS and not opened.spec.task else []
    said = (
        program("show", *VIEWS[metric], "--format", "csv", "--model", run, "--cache", cache) if before else (0, "", "")
    )
    assert said[0] == 0, said
    flip(path, where)
    for name, values in read(cache):
        assert np.array_equal(values, sound.arrays[name], equal_nan=True)
    code, out, _ = program("cache", "verify", "--cache", cache)
    assert code == 1
    assert str(path) in out.replace("\n", "").replace("         ", "")
    if before:
        looked_at(opened, metric, path, before)
        again = program("show", *VIEWS[metric], "--format", "csv", "--model", run, "--cache", cache)
        assert again == said or (again[:2] == (1, "") and str(path) in again[2]), again
    mend(sound, cache)
    shutil.rmtree(cache)


def test_a_bit_of_every_file(sound: Sound, tmp_path: Path, tried: Callable[..., None]) -> None:
    every_file(sound, tmp_path, tried, [[place] for place in PLACES])


@pytest.mark.long
def test_a_bit_at_every_place_of_every_file(sound: Sound, tmp_path: Path, tried: Callable[..., None]) -> None:
    every_file(sound, tmp_path, tried, [list(PLACES)])


@pytest.mark.parametrize("place", PLACES)
def test_a_bit_of_the_lock_of_a_killed_process(
    sound: Sound, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tried: Callable[..., None], place: str
) -> None:
    """It cannot be known who held it: a sentence says which file to delete, and then the run goes on."""
    cache = shutil.copytree(sound.cache, tmp_path / "cache")
    folder = next(run.folder for run in Cache(cache).runs() if not run.complete)
    with lock(folder):
        raw = (folder / "lock").read_bytes()
    (folder / "lock").write_bytes(raw)
    flip(folder / "lock", PLACES[place])
    monkeypatch.setattr(locking, "gone", lambda _owner: True)
    code, out, said = made(OTHER, sound.data, cache)
    assert (code, out) == (1, "")
    assert f"{folder / 'lock'} does not say by whom" in said
    (folder / "lock").unlink()
    assert made(OTHER, sound.data, cache)[0] == 0
    check_whole(cache, sound)
    jobs.check_tidy(next(run for run in Cache(cache).runs() if run.folder == folder))
    tried("flipped", "refused")
