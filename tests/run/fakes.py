"""Two small tasks over a folder of pictures, one of units and one of vectors; a test puts them into the catalog."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from tests.run import jobs
from vitscope import catalog
from vitscope.data import images
from vitscope.data.pixels import Unreadable, crop, decode
from vitscope.errors import DataError
from vitscope.run.evaluate import evaluate
from vitscope.run.request import TaskRequest
from vitscope.spec import Resources
from vitscope.tasks import Array, Asked, Measured, Option, Outcome, State, VectorsOfSet

UNIT = 4
TASKS = {
    "width": catalog.Evaluation("tests.run.fakes:Width", "how long the mean token is", kinds=("images",)),
    "apart": catalog.Evaluation("tests.run.fakes:Apart", "how far two sets are apart", kinds=("images",)),
}


class Width:
    """The mean over images of the norm of the mean patch token, in every layer."""

    version: ClassVar[int] = 1
    options: ClassVar[Mapping[str, Option]] = {
        "times": Option(1, "what it is multiplied with"),
        "tokens": Option("spatial", "which", ("cls", "spatial")),
    }
    best: ClassVar[tuple[str, str]] = ("norm", "max")
    measured: ClassVar[list[int]] = []  # units, by all instances
    die_at: ClassVar[int | None] = None  # kill -9 when this unit is asked for

    def __init__(self, asked: Asked) -> None:
        self._set = images.read(asked.root, limit=asked.limit, per_class=asked.per_class)
        self._times = asked.options["times"]
        count = len(self._set.records)
        self.units = [f"images {start}" for start in range(0, count, UNIT)]
        self.dataset, self.fingerprint = self._set.name, self._set.fingerprint
        self.settings: dict[str, Any] = {"times": self._times, "tokens": asked.options["tokens"], "list": (1, 2)}
        self.notes = ("a note of the data",)

    def measure(self, unit: int, model: Any) -> Measured:
        if unit == self.die_at:
            os.kill(os.getpid(), signal.SIGKILL)
        self.measured.append(unit)
        skipped, crops = [], []
        for record in self._set.records[unit * UNIT : (unit + 1) * UNIT]:
            try:
                crops.append(crop(decode(record.path), model.window))
            except Unreadable as error:
                skipped.append((record.name, error.reason))
        total = np.zeros(model.layers)
        if crops:
            for layer, tokens in enumerate(model.features(torch.from_numpy(np.stack(crops)))):
                total[layer] = tokens[:, 1:].mean(1).norm(dim=-1).double().sum()
        return Measured({"total": total, "count": np.array([len(crops)])}, tuple(skipped))

    def compute(self, states: Iterable[State]) -> Outcome:
        every = list(states)
        count = int(sum(state["count"][0] for state in every))
        if not count:
            raise DataError("no picture could be read.")
        norm = np.sum([state["total"] for state in every], axis=0) * self._times / count
        return Outcome({"norm": Array(norm, ("layer",), "1")}, count, notes=(f"{count} pictures.",))


class Apart:
    """The distance between the mean vectors of two halves of the pictures, in every layer."""

    version: ClassVar[int] = 1
    options: ClassVar[Mapping[str, Option]] = {}
    best: ClassVar[tuple[str, str]] = ("distance", "min")

    def __init__(self, asked: Asked) -> None:
        whole = images.read(asked.root, limit=asked.limit)
        half = len(whole.records) // 2
        self.sets = {
            name: images.ImageSet(f"{whole.name}-{name}", "images", whole.root, records, ())
            for name, records in (("first", whole.records[:half]), ("second", whole.records[half:]))
        }
        self.dataset, self.fingerprint, self.notes = whole.name, whole.fingerprint, ()
        self.settings: dict[str, Any] = {}

    def compute(self, vectors: Mapping[str, VectorsOfSet], watcher: Any) -> Outcome:
        first, second = vectors["first"], vectors["second"]
        found = np.zeros(first.layers)
        for layer in range(first.layers):
            means = [each.read(layer, "cls", 0, len(each.places)).astype(float).mean(0) for each in (first, second)]
            found[layer] = np.linalg.norm(means[0] - means[1])
            watcher.progress(layer + 1, first.layers)
        return Outcome({"distance": Array(found, ("layer",), "1")}, len(first.places) + len(second.places))


def request(data: Path, **changes: Any) -> TaskRequest:
    """`width` of the untrained test model over `data`, but for `changes`; with a checkpoint, of `jobs.MODEL`."""
    model = jobs.MODEL if changes.get("checkpoint") else jobs.UNTRAINED
    return TaskRequest(**{"task": "width", "model": model, "image_size": (jobs.EDGE,) * 2, "data": data, **changes})


def killed_at(unit: int, asked: TaskRequest, cache: Path) -> None:
    """For `jobs.start`: evaluate in a process of its own, and die when `unit` is asked for."""
    torch.set_num_threads(1)
    catalog.TASKS.update(TASKS)
    Width.die_at = unit
    evaluate(asked, Resources(device="cpu"), cache, jobs.Listener())
