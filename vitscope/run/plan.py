"""How much memory a pass takes, decided before it runs: batch size, chunks of attention, sums."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch

from vitscope.errors import DeviceError
from vitscope.geometry import Geometry
from vitscope.metrics import Metric, Setting
from vitscope.metrics.rows import Blocks
from vitscope.metrics.sums import Stack
from vitscope.models.tap import Chunk
from vitscope.run.device import free_memory
from vitscope.spec import Resources

BATCH = {"cpu": 32, "cuda": 64, "mps": 32}  # whole blocks of images whose Gram matrices are taken
LARGEST = 256  # on a GPU; larger batches fill it no better
FREE_SHARE = 0.8  # of the memory that is free, for a batch that is chosen by it
ALIVE = 14  # float32 copies of a block's tokens at once: stream, norm, q k v, output, and the MLP's four, twice
MAPS = 3  # copies of a piece of attention alive at once: logits, attention, and what a metric makes of it
COPIES = 2  # of one layer's tokens: in float32, and less their mean
CACHE_BYTES = 4 << 20  # on a CPU a piece this small stays in the cache while metrics read it again and again
FEWEST = 64  # queries of such a piece, where one image is too large for it: with fewer, the products are slow
GIB = 1 << 30


@dataclass(frozen=True)
class Plan:
    """The shape of a pass and what it holds in memory, in bytes."""

    batch_size: int
    chunk: Chunk
    attention: int  # one piece of attention with its copies
    budget: int  # what these may take
    tokens: int  # copies of one layer's tokens, where a metric looks at them
    sums: int  # what the metrics add to

    def sentence(self) -> str:
        """The plan in words, for the user."""
        return (
            f"batches of {self.batch_size} images; memory: {_size(self.attention)} of at most {_size(self.budget)} for "
            f"attention ({self.chunk.images} images × {self.chunk.queries} queries of one layer at a time), "
            f"{_size(self.tokens)} for copies of tokens, {_size(self.sums)} for sums"
        )


def plan(metrics: Iterable[type[Metric]], setting: Setting, resources: Resources) -> Plan:
    """Choose batch size and chunk so that attention of one layer stays inside `resources.memory` GiB.

    The same model on the same kind of device always gets the same plan: sums in float32 depend on it in their last
    digits. Raises DeviceError when the sums of these metrics alone do not fit in the memory that is free.
    """
    g, metrics = setting.geometry, list(metrics)
    budget, free = int(resources.memory * GIB), free_memory(setting.device)
    asked = resources.batch_size or _fitting(metrics, setting, free, budget)
    batch_size = _whole_blocks(asked, metrics, setting)
    chunk = _chunk(g, setting.device, batch_size, budget // MAPS)
    attention = MAPS * _attention_bytes(g, chunk) * any(not hasattr(metric, "at") for metric in metrics)
    tokens = 4 * COPIES * batch_size * g.tokens * setting.width * any(hasattr(metric, "at") for metric in metrics)
    sums = sum(_held(metric, setting) for metric in metrics)
    if free is not None and sums + attention + tokens > free:
        raise DeviceError(
            f"sums and gallery of {g.layers} layers × {g.heads} heads × {g.tokens}² tokens take {_size(sums)}, copies "
            f"of tokens {_size(tokens)}, but only {_size(free)} are free: leave out the large ones with --metrics "
            "distance,entropy,prefix-mass, or use a smaller --image-size or --gallery."
        )
    return Plan(batch_size, chunk, attention, budget, tokens, sums)


def least(metrics: Iterable[type[Metric]], setting: Setting) -> int:
    """The smallest batch there is: one image, or one block of those whose Gram matrix is wanted."""
    return _whole_blocks(1, list(metrics), setting)


def halved(made: Plan, metrics: Iterable[type[Metric]], setting: Setting) -> Plan:
    """The same with batches of half as many images, in whole blocks."""
    batch_size = max(made.batch_size // 2 // (unit := least(metrics, setting)) * unit, unit)
    chunk = replace(made.chunk, images=min(made.chunk.images, batch_size))
    return replace(made, batch_size=batch_size, chunk=chunk)


def _fitting(metrics: list[type[Metric]], setting: Setting, free: int | None, budget: int) -> int:
    """The usual batch; on a GPU the largest power of two that leaves some of its free memory."""
    if setting.device.type != "cuda" or free is None:
        return BATCH[setting.device.type]
    g = setting.geometry
    pixels = 3 * g.rows * g.patch[0] * g.columns * g.patch[1]
    image = 4 * (ALIVE + COPIES) * g.tokens * setting.width + (1 + 2 * 4) * pixels
    room = FREE_SHARE * free - sum(_held(metric, setting) for metric in metrics) - budget
    batch_size = LARGEST
    while batch_size > 1 and batch_size * image > room:
        batch_size //= 2
    return batch_size


def _whole_blocks(batch_size: int, metrics: list[type[Metric]], setting: Setting) -> int:
    """The next size at which no block of images whose Gram matrix is wanted lies in two forward passes."""
    if not any(issubclass(metric.adds, Blocks) for metric in metrics):
        return batch_size
    return -(-batch_size // setting.block) * setting.block


def _chunk(g: Geometry, device: torch.device, batch_size: int, budget: int) -> Chunk:
    """The largest piece of attention of at most `budget` bytes; smaller on a CPU, see CACHE_BYTES."""
    row, image = 4 * g.heads * g.tokens, 4 * g.heads * g.tokens**2
    if device.type == "cpu" and image > CACHE_BYTES:
        return Chunk(images=1, queries=max(min(max(CACHE_BYTES // row, FEWEST), budget // row, g.tokens), 1))
    if image > budget:
        return Chunk(images=1, queries=max(budget // row, 1))
    images = budget // image if device.type != "cpu" else CACHE_BYTES // image
    return Chunk(images=min(images, batch_size), queries=g.tokens)


def _attention_bytes(g: Geometry, chunk: Chunk) -> int:
    return 4 * chunk.images * g.heads * chunk.queries * g.tokens


def _held(metric: type[Metric], setting: Setting) -> int:
    """Bytes of the tensors that a metric adds to (measured on a device without memory), or of the gallery."""
    sums = metric(replace(setting, device=torch.device("meta"))).sums
    g = setting.geometry
    kept = 2 * len(setting.gallery) * g.layers * g.heads * g.tokens**2 if isinstance(sums, Stack) else 0
    return kept + sum(value.nbytes for value in _tensors(vars(sums)))


def _tensors(values: Mapping[str, Any]) -> Iterator[torch.Tensor]:
    for value in values.values():
        if isinstance(value, torch.Tensor):
            yield value
        elif isinstance(value, dict):
            yield from (item for item in value.values() if isinstance(item, torch.Tensor))


def _size(count: int) -> str:
    return f"{count / GIB:.1f} GiB" if count >= GIB else f"{count / (1 << 20):.0f} MiB"
