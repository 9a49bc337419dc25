"""What is summed per image while a model runs: one file a metric, one catalog line.

A metric is a number that can be added up. It says what a batch contributes; one of the ways to add in
`vitscope.metrics.sums` (Mean, Moments, Stack) and `vitscope.metrics.rows` (Rows, Blocks) does the rest: inside a shard
in float32 on the device, across shards in float64 and in shard order, so that one process, eight, or a run that was
killed and went on give the same numbers.

There are metrics of attention, which are given a `Batch` for every piece of a layer's attention, and metrics of
features, which are given `Features` at the places in a block that they name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import torch

from vitscope.batch import Batch, Features
from vitscope.geometry import Geometry
from vitscope.metrics.sums import Sums


@dataclass(frozen=True)
class Setting:
    """What a metric has to know before the first batch."""

    geometry: Geometry
    device: torch.device
    classes: int = 0  # 0: the images have no classes
    gallery: tuple[int, ...] = ()  # places of the images that are kept with all their attention
    width: int = 0  # of a token
    taps: frozenset[str] = frozenset()  # the names of vitscope.batch.PLACES that the model's blocks have
    places: tuple[int, ...] = ()  # the places in the data set that a shard goes through, in this order
    block: int = 32  # so many consecutive images of that order make one Gram matrix


class Metric(Protocol):
    """What every class in this package offers. Nobody inherits from it."""

    version: ClassVar[int]
    """Goes up whenever the numbers change, so that old results are not taken for new ones."""
    unit: ClassVar[str]
    needs: ClassVar[str]
    """What a model and images must have for it to apply, in a few words."""
    dims: ClassVar[Mapping[str, tuple[str, ...]]]
    """Name of each resulting array → the names of its dimensions."""
    sums: Any
    """The Sums that this metric adds to; its class says how shards are merged."""
    adds: ClassVar[type[Sums]]

    def __init__(self, setting: Setting) -> None: ...

    @staticmethod
    def applies(setting: Setting) -> bool:
        """Whether this model and these images have what is measured."""
        ...


class OfAttention(Metric, Protocol):
    """A metric of attention."""

    def add(self, batch: Batch) -> None:
        """Add one layer of some images. Runs inside the forward pass; only the gallery may wait for the device."""
        ...


class OfFeatures(Metric, Protocol):
    """A metric of features."""

    at: ClassVar[tuple[str, ...]]
    """The names of vitscope.batch.PLACES that it looks at; nothing is tapped that nobody looks at."""

    def look(self, features: Features) -> None:
        """Add one place of one layer of some images. Runs inside the forward pass and never waits for the device."""
        ...
