"""The tour: the embedded world in the cache, and the six small models measured and evaluated on it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from vitscope import catalog
from vitscope.demo import world
from vitscope.run.evaluate import evaluate
from vitscope.run.extract import extract
from vitscope.run.request import Report, Request, TaskRequest, Watcher
from vitscope.spec import Resources

IMAGES = Path("imagenet", "val")
PER_CLASS = 15  # images of each that are measured, of 25
SUBSETS: dict[str, tuple[str, dict[str, Any]]] = {
    "knn": ("3 images a class", {"per_class": 3}),
    "retrieval": ("all", {}),
    "davis": ("one video", {"limit": 1}),
    "spair": ("all", {}),
    "saliency": ("6 images a super-category", {"per_class": 6}),
    "clusters": (f"{PER_CLASS} images a class", {"per_class": PER_CLASS}),
    "objects": ("20 images, 24 clusters", {"limit": 20, "options": {"clusters": 24}}),
    "parts": ("2 images a super-category, 40 clusters", {"per_class": 2, "options": {"clusters": 40}}),
}  # what the demo evaluates: in words, and as it is asked for


def draw(cache: Path, progress: Callable[[int, int], None] | None = None) -> Path:
    """The embedded world's validation images as class folders, drawn into `cache` unless they are there already."""
    return tree(cache, IMAGES.parts[0], progress) / Path(*IMAGES.parts[1:])


def tree(cache: Path, kind: str, progress: Callable[[int, int], None] | None = None) -> Path:
    """One data set of the embedded world, in its real format, drawn into `cache` unless it is there already.

    It appears whole or not at all: it is drawn beside its place and then renamed. `kind` is a name of `world.WRITERS`.
    """
    folder = cache / "world" / kind
    if not folder.is_dir():
        unfinished = cache / f".world-{kind}"
        shutil.rmtree(unfinished, ignore_errors=True)
        world.write(unfinished, only=(kind,), progress=progress)
        folder.parent.mkdir(parents=True, exist_ok=True)
        (unfinished / kind).rename(folder)
        shutil.rmtree(unfinished, ignore_errors=True)
    return folder


def data_for(task: str, cache: Path, progress: Callable[[int, int], None] | None = None) -> Path:
    """The data set of the embedded world that a task is for; clusters are of the images that `measure` looks at."""
    if task == "clusters":
        return draw(cache, progress)
    return tree(cache, catalog.TASKS[task].kinds[0], progress)


def measure(name: str, images: Path, cache: Path, watcher: Watcher) -> Report:
    """Extract every default metric of one of the small models over PER_CLASS images a class; what is there is kept."""
    metrics = tuple(metric for metric, entry in catalog.METRICS.items() if entry.default)
    return extract(Request(model=name, data=images, per_class=PER_CLASS, metrics=metrics), Resources(), cache, watcher)


def judge(name: str, task: str, cache: Path, watcher: Watcher) -> Report:
    """Evaluate one of the small models on the part of the world that SUBSETS says; what is there is kept."""
    asked = TaskRequest(task=task, model=name, data=data_for(task, cache), **SUBSETS[task][1])
    return evaluate(asked, Resources(), cache, watcher)
