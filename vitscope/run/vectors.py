"""The vectors that a task needs: from the extraction of each of its sets, which is made where the cache has none."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from vitscope.run.extract import extract
from vitscope.run.request import Request, TaskRequest, Watcher
from vitscope.spec import Resources
from vitscope.store.reader import load_run
from vitscope.store.vectors import Vectors as Stored
from vitscope.tasks import Vectors, VectorsOfSet


@dataclass(frozen=True)
class Found:
    """The vectors of every set; none where only a part of the shards was asked for."""

    sets: dict[str, VectorsOfSet] = field(default_factory=dict)
    skipped: list[dict[str, str]] = field(default_factory=list)  # files that could not be read: file and reason
    missing: list[int] = field(default_factory=list)  # shards that nobody has measured yet


def vectors_of(task: Vectors, asked: TaskRequest, resources: Resources, cache: Path, watcher: Watcher) -> Found:
    """One vector an image and layer of every set of `task`.

    All layers come out of one pass; a set that was extracted before is not looked at again.
    """
    found = Found()
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
        if resources.shard is None:
            found.sets[name] = Stored(load_run(report.folder))
        found.skipped.extend(report.skipped)
        found.missing.extend(report.missing)
    return found
