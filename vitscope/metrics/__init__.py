"""What is summed per image while a model runs: one file a metric, one catalog line.

A metric is a number that can be added up. It says what a batch contributes; one of the three ways to add in
`vitscope.metrics.sums` (Mean, Moments, Stack) does the rest: inside a shard in float32 on the device, across shards in
float64 and in shard order, so that one process, eight, or a run that was killed and went on give the same numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import torch

from vitscope.batch import Batch
from vitscope.geometry import Geometry
from vitscope.metrics.sums import Sums


@dataclass(frozen=True)
class Setting:
    """What a metric has to know before the first batch."""

    geometry: Geometry
    device: torch.device
    classes: int = 0  # 0: the images have no classes
    gallery: int = 0  # how many images are kept with all their attention


class Metric(Protocol):
    """What a class in this package offers. Nobody inherits from it."""

    version: ClassVar[int]
    """Goes up whenever the numbers change, so that old results are not taken for new ones."""
    unit: ClassVar[str]
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

    def add(self, batch: Batch) -> None:
        """Add one layer of some images. Runs inside the forward pass; only the gallery may wait for the device."""
        ...
