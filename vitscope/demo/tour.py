"""The tour: the embedded world in the cache, and the six small models measured on it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from vitscope import catalog
from vitscope.demo import world
from vitscope.run.extract import extract
from vitscope.run.request import Report, Request, Watcher
from vitscope.spec import Resources

IMAGES = Path("imagenet", "val")


def draw(cache: Path, progress: Callable[[int, int], None] | None = None) -> Path:
    """The embedded world's validation images as class folders, drawn into `cache` unless they are there already.

    The world appears whole or not at all: it is drawn beside its place and then renamed.
    """
    folder = cache / "world"
    if not (folder / IMAGES).is_dir():
        unfinished = cache / ".world"
        shutil.rmtree(unfinished, ignore_errors=True)
        world.write(unfinished, only=("imagenet",), progress=progress)
        shutil.rmtree(folder, ignore_errors=True)
        unfinished.rename(folder)
    return folder / IMAGES


def measure(name: str, images: Path, cache: Path, watcher: Watcher) -> Report:
    """Extract every default metric of one of the small models over the world's images; what is there is kept."""
    metrics = tuple(metric for metric, entry in catalog.METRICS.items() if entry.default)
    return extract(Request(model=name, data=images, metrics=metrics), Resources(), cache, watcher)
