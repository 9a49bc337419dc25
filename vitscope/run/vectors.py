"""The vectors that a task needs: from the extraction of each of its sets, which is made where the cache has none."""

from __future__ import annotations

from pathlib import Path

from vitscope.run.extract import extract
from vitscope.run.request import Request, TaskRequest, Watcher
from vitscope.spec import Resources
from vitscope.store.reader import load_run
from vitscope.store.vectors import Vectors as Stored
from vitscope.tasks import Vectors, VectorsOfSet


def vectors_of(
    task: Vectors, asked: TaskRequest, resources: Resources, cache: Path, watcher: Watcher
) -> tuple[dict[str, VectorsOfSet], list[dict[str, str]]]:
    """One vector an image and layer of every set of `task`, and the files that could not be read, with the reason.

    All layers come out of one pass; a set that was extracted before is not looked at again.
    """
    found: dict[str, VectorsOfSet] = {}
    skipped: list[dict[str, str]] = []
    for name, images in task.sets.items():
        watcher.tell(f"{name}: {len(images.records)} images from {images.root}")
        request = Request(
            model=asked.model,
            data=images.root,
            checkpoint=asked.checkpoint,
            torchscript=asked.torchscript,
            image_size=asked.image_size,
            gallery=0,
            precision=asked.precision,
            preprocess=asked.preprocess,
            protocol=asked.protocol,
            metrics=("vectors",),
        )
        report = extract(request, resources, cache, watcher, images=images)
        found[name] = Stored(load_run(report.folder))
        skipped += report.skipped
    return found, skipped
