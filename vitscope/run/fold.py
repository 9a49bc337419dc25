"""Shards → results: merged in the order of the shards, not in the order in which they were finished."""

from __future__ import annotations

from functools import reduce

from vitscope.data.records import ImageSet
from vitscope.geometry import Geometry
from vitscope.metrics import Metric
from vitscope.store.writer import Measured, RunWriter


def fold(writer: RunWriter, name: str, metric: type[Metric], shards: int, images: ImageSet, geometry: Geometry) -> None:
    """Merge a metric's shards and write its result."""
    key = f"{name}@{metric.version}"
    state = reduce(metric.adds.merge, (writer.shard_state(shard, key) for shard in range(shards)))
    values = metric.adds.compute(state)
    arrays = {
        array: Measured(values[array], dims, "1" if array in {"crop", "place"} else metric.unit)
        for array, dims in metric.dims.items()
        if array in values  # a gallery whose images were all unreadable is empty
    }
    dims = {dim for shape in metric.dims.values() for dim in shape}
    coords: dict[str, list[str]] = {}
    if "class" in dims:
        coords["class"] = list(images.classes)
    if "prefix" in dims:
        coords["prefix"] = list(geometry.prefix)
    if "image" in dims:
        coords["image"] = [images.records[int(place)].name for place in values.get("place", ())]
    writer.put_result(name, metric.version, arrays, metric.adds.images(state), coords)
