"""Shards → results: merged in the order of the shards, not in the order in which they were finished."""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce

import numpy as np

from vitscope.data.records import ImageSet
from vitscope.metrics import Metric, Setting
from vitscope.metrics.rows import Blocks
from vitscope.store.arrays import Joined
from vitscope.store.writer import Measured, RunWriter

COUNTS = {"crop", "place", "places"}  # arrays without a unit


def fold(writer: RunWriter, name: str, metric: type[Metric], shards: range, images: ImageSet, setting: Setting) -> None:
    """Merge a metric's shards and write its result.

    What was written shard by shard is only named, and blocks of images are put one after another in the file, so that
    memory does not grow with the number of images.
    """
    key = f"{name}@{metric.version}"
    if issubclass(metric.adds, Blocks):
        _fold_blocks(writer, name, metric, shards)
        return
    state = reduce(metric.adds.merge, (writer.shard_state(shard, key) for shard in shards))
    values = metric.adds.compute(state)
    arrays = {
        array: Measured(values[array], dims, "1" if array in COUNTS else metric.unit)
        for array, dims in metric.dims.items()
        if array in values  # a gallery whose images were all unreadable is empty
    }
    coords = _coords(metric, values, images, setting)
    streamed = shards if hasattr(metric.adds, "streamed") else ()
    writer.put_result(name, metric.version, arrays, metric.adds.images(state), coords, streamed)


def _fold_blocks(writer: RunWriter, name: str, metric: type[Metric], shards: range) -> None:
    """The result of a metric of blocks: each array is the concatenation of its shards' along the dim "block"."""
    key, images = f"{name}@{metric.version}", 0
    shapes: dict[str, tuple[int, ...]] = {}
    dtypes: dict[str, str] = {}
    for shard in shards:
        state = writer.shard_state(shard, key)
        images += metric.adds.images(state)
        for array, values in metric.adds.compute(state).items():
            axis, dtypes[array] = metric.dims[array].index("block"), values.dtype.name
            longer = shapes[array][axis] if array in shapes else 0
            shapes[array] = (*values.shape[:axis], longer + values.shape[axis], *values.shape[axis + 1 :])
    arrays = {
        array: Joined(
            parts=_parts(writer, key, array, shards),
            axis=dims.index("block"),
            shape=shapes[array],
            dtype=dtypes[array],
            dims=dims,
            unit=metric.unit,
        )
        for array, dims in metric.dims.items()
        if array in shapes  # a model without CLS has no Gram of it
    }
    writer.put_result(name, metric.version, arrays, images, {})


def _parts(writer: RunWriter, key: str, array: str, shards: range) -> Iterator[np.ndarray]:
    """An array of the state of one shard after another."""
    for shard in shards:
        yield writer.shard_state(shard, key)[array]


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
