"""A cache that holds all kinds of files, to be damaged: what is read out of it, and what makes it whole again."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tests.faults import commands
from tests.faults.commands import EXTRACT, WHAT, program
from vitscope.errors import StoreError
from vitscope.store.reader import Cache

OTHER = ("extract", *WHAT, "--metrics", "attention,vectors", "--gallery", "0", "--image-size", "32")
MAKE = (  # what makes all kinds of files; the last leaves shards that wait for others
    EXTRACT,
    ("evaluate", "width", *WHAT),
    ("evaluate", "apart", *WHAT),
    (*OTHER, "--shard", "1/2"),
)
MEND = (*MAKE[:3], OTHER)


@dataclass
class Sound:
    """A cache in which nothing is wrong, and what is read out of it."""

    cache: Path
    data: Path
    whole: dict[str, Any]  # facts and names of files once everything is measured
    arrays: dict[tuple[str, str, str], np.ndarray]  # then: run, metric, array

    def files(self) -> list[str]:
        return sorted(str(path.relative_to(self.cache)) for path in self.cache.rglob("*") if path.is_file())


def made(words: tuple[str, ...], data: Path, cache: Path) -> tuple[int, str, str]:
    return program(*words, "--data", data, "--cache", cache)


def built(data: Path, folder: Path) -> Sound:
    """A new one in `folder`, which must be empty."""
    cache, ended = folder / "sound", folder / "ended"
    for words in MAKE:
        assert made(words, data, cache)[0] == 0
    shutil.copytree(cache, ended)
    assert made(OTHER, data, ended)[0] == 0
    return Sound(cache, data, outline(ended), dict(read(ended)))


def read(cache: Path) -> Iterator[tuple[tuple[str, str, str], np.ndarray]]:
    """All that can be read in a cache."""
    for run in Cache(cache).runs():
        for metric, result in run.results().items():
            for name in result.arrays:
                try:
                    yield (run.folder.name, metric, name), np.array(result.array(name))
                except StoreError as error:
                    assert " is damaged: " in str(error) or " is missing; " in str(error)


def outline(cache: Path) -> dict[str, Any]:
    """What is in a sound cache, but for the numbers."""
    return {name: (run["facts"], run["names"], run["complete"]) for name, run in commands.left(cache).items()}


def check_whole(cache: Path, sound: Sound) -> None:
    """Everything is measured. What was measured anew alone may differ in its last digits: see vitscope.run.measure."""
    assert outline(cache) == sound.whole
    found = dict(read(cache))
    assert found.keys() == sound.arrays.keys()
    for name, values in found.items():
        scale = float(np.nan_to_num(np.abs(sound.arrays[name].astype(float))).max(initial=0.0))
        np.testing.assert_allclose(values.astype(float), sound.arrays[name].astype(float), rtol=1e-3, atol=1e-3 * scale)


def mend(sound: Sound, cache: Path) -> None:
    """The commands that made the cache make it whole again.

    An evaluation that is there does not look for the vectors that it was made of: they are asked for with --restart.
    """
    (task,) = (words for words in MEND if "apart" in words)
    vectors = {name for name in sound.arrays if "-first-" in name[0] or "-second-" in name[0]}
    lost = not vectors <= dict(read(cache)).keys()
    for words in (*MEND, *([(*task, "--restart")] if lost else [])):
        code, _, said = made(words, sound.data, cache)
        assert code == 0, said
    check_whole(cache, sound)
