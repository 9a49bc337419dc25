"""The vectors that a task needs: from the extraction of each of its sets, which is made where the cache has none."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from vitscope.run.extract import extract
from vitscope.run.request import Request, TaskRequest, Watcher
from vitscope.spec import Resources
from vitscope.store.reader import load_run
from vitscope.store.vectors import Vectors as Stored
from vitscope.tasks import Vectors, VectorsOfSet


@dataclass(frozen=True)
class Found:
    """The vectors of every set; none in a process that makes no results of them."""

    sets: dict[str, VectorsOfSet] = field(default_factory=dict)
    stages: list[dict[str, float]] = field(default_factory=list)  # seconds of each, of every extraction that was made
    decoders: int = 0  # processes that decoded beside the one with the model
    skipped: list[dict[str, str]] = field(default_factory=list)  # files that could not be read: file and reason
    missing: list[int] = field(default_factory=list)  # shards that nobody has measured yet


def vectors_of(
    task: Vectors, asked: TaskRequest, resources: Resources, cache: Path, watcher: Watcher, *, opens: bool
) -> Found:
    """One vector an image and layer of every set of `task`, opened only by the process that needs them.

    All layers come out of one pass; a set that was extracted before is not looked at again.
    """
    found, decoders = Found(), 0
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
        if opens:
            found.sets[name] = Stored(load_run(report.folder))
        found.skipped.extend(report.skipped)
        found.missing.extend(report.missing)
        found.stages.extend([report.stages] if report.stages else [])  # none where all was measured before
        decoders = max(decoders, report.decoders)
    return replace(found, decoders=decoders)
