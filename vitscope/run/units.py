"""Units of a task through a model: each is committed when it is measured, so that a kill costs one unit at most."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from vitscope.data import presence
from vitscope.errors import DamagedError, out_of_memory
from vitscope.models import build
from vitscope.models.backbone import Backbone
from vitscope.models.shape import geometry_of
from vitscope.run import device as devices
from vitscope.run.measure import DTYPES
from vitscope.run.plan import BATCH
from vitscope.run.request import Watcher
from vitscope.run.share import Share
from vitscope.run.stages import Stopwatch, summed
from vitscope.spec import Resources
from vitscope.store.writer import RunWriter
from vitscope.tasks import Measured, Units


def measure(
    task: Units,
    key: str,
    model: build.Loaded,
    writer: RunWriter,
    resources: Resources,
    target: torch.device,
    precision: str,
    watcher: Watcher,
    share: Share,
    root: Path,
) -> list[dict[str, float]]:
    """Measure and commit every unit of `task` in `share` that has no whole state under `key` in the run yet.

    A unit whose passes do not fit on the device is measured again with passes of half as many images. Returns seconds
    by stage: of every unit that was measured, as its record has them, and at the end of what came after the last
    record; nothing where no unit was owed. DataError where files had to be skipped and `root`, the folder of the data
    set, is gone or empty.
    """
    units = [unit for unit in range(len(task.units)) if unit in share]
    total = len(units)
    owed = [unit for unit in units if not _intact(writer, unit, key)]
    if 0 < len(owed) < total:
        watcher.tell(f"going on: {total - len(owed)} of {total} units were finished before")
    watcher.progress(total - len(owed), total)
    if not owed:
        return []
    backbone = _backbone(model, target, precision, resources.batch_size or BATCH[target.type])
    spent, watch = [], Stopwatch(target)
    for done, unit in enumerate(owed, total - len(owed) + 1):
        backbone.timed = watch.stage
        with watch.stage("metrics"):  # but for what the task and the model take out of it
            found = _fitting(task, unit, backbone, watcher)
        if found.skipped:
            presence.check(root, ())
        record = _record(task, unit, found, backbone, watch)
        spent.append(record["stages"])
        watch = Stopwatch(target)
        with watch.stage("write"):
            writer.put_shard(unit, {key: found.state}, record)
        watcher.progress(done, total)
    return [*spent, summed([watch.read(0)])]


def _backbone(model: build.Loaded, target: torch.device, precision: str, batch_size: int) -> Backbone:
    """The model on its device, in its number format."""
    dtype = DTYPES[precision]
    model.module.to(target, dtype)
    geometry = geometry_of(model.name, model.module, model.image_size)
    return Backbone(model, geometry, target, dtype, batch_size)


def _fitting(task: Units, unit: int, model: Backbone, watcher: Watcher) -> Measured:
    """One unit; where memory runs out, in passes of half as many images."""
    while True:
        try:
            return task.measure(unit, model)
        except (MemoryError, RuntimeError) as error:
            if model.batch_size == 1 or not out_of_memory(error):
                raise
        model.batch_size //= 2
        devices.release(model.device)
        watcher.warn(f"{devices.describe(model.device)} has too little memory: passes of {model.batch_size} images now")


def _record(task: Units, unit: int, found: Measured, model: Backbone, watch: Stopwatch) -> dict[str, Any]:
    """What the record of a unit says besides its state."""
    skipped = [{"file": file, "reason": reason} for file, reason in found.skipped]
    stages = summed([watch.read(0)])
    return {"unit": task.units[unit], "skipped": skipped, "batch_size": model.batch_size, "stages": stages}


def missing(task: Units, key: str, writer: RunWriter) -> list[int]:
    """The units, of any share, that are not committed."""
    return [unit for unit in range(len(task.units)) if key not in writer.shard_metrics(unit)]


def _intact(writer: RunWriter, unit: int, key: str) -> bool:
    """Whether a unit is committed, and as its checksum says."""
    if key not in writer.shard_metrics(unit):
        return False
    try:
        writer.shard_state(unit, key)
    except DamagedError:
        return False
    return True
