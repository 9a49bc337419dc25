"""Shards → results: merged in the order of the shards, not in the order in which they were finished."""

from __future__ import annotations

from functools import reduce

import numpy as np

from vitscope.data.records import ImageSet
from vitscope.metrics import Metric, Setting
from vitscope.store.writer import Measured, RunWriter

COUNTS = {"crop", "place", "places"}  # arrays without a unit


def fold(writer: RunWriter, name: str, metric: type[Metric], shards: range, images: ImageSet, setting: Setting) -> None:
    """Merge a metric's shards and write its result; what was written shard by shard is only named."""
    key = f"{name}@{metric.version}"
    state = reduce(metric.adds.merge, (writer.shard_state(shard, key) for shard in shards))
    values = metric.adds.compute(state)
    arrays = {
        array: Measured(values[array], dims, "1" if array in COUNTS else metric.unit)
        for array, dims in metric.dims.items()
        if array in values  # a gallery whose images were all unreadable is empty, a model without CLS has no Gram of it
    }
    coords = _coords(metric, values, images, setting)
    streamed = shards if hasattr(metric.adds, "streamed") else ()
    writer.put_result(name, metric.version, arrays, metric.adds.images(state), coords, streamed)


def _coords(
    metric: type[Metric], values: dict[str, np.ndarray], images: ImageSet, setting: Setting
) -> dict[str, list[str]]:
    """The names along the dims that have names."""
    dims = {dim for shape in metric.dims.values() for dim in shape}
    named = getattr(metric, "coords", None)
    coords: dict[str, list[str]] = named(setting) if named else {}
    if "class" in dims:
        coords["class"] = list(images.classes)
    if "prefix" in dims:
        coords["prefix"] = list(setting.geometry.prefix)
    if "place" in metric.dims:
        coords["image"] = [images.records[int(place)].name for place in values.get("place", ())]
    return coords
