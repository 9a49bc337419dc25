"""Deviation over token positions: how much a head's map depends on the query."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from vitscope.batch import Batch
from vitscope.metrics import Setting
from vitscope.metrics.sums import Moments


class PositionDeviation:
    """Per image, layer and head: sample standard deviation over patches q of A[q, k], averaged over patches k.

    Low where all queries attend alike, as in sparse repeating patterns (protocol 2.5). Not renormalised.
    """

    version: ClassVar[int] = 1
    unit: ClassVar[str] = "1"
    dims: ClassVar = {"mean": ("layer", "head"), "std": ("layer", "head")}
    adds: ClassVar = Moments

    def __init__(self, setting: Setting) -> None:
        self.sums = Moments(setting.geometry.layers, (setting.geometry.heads,), setting.device)
        self._columns: list[tuple[Tensor, Tensor, int]] = []

    @staticmethod
    def applies(setting: Setting) -> bool:
        return setting.geometry.patches > 1

    def add(self, batch: Batch) -> None:
        if batch.first and batch.last:
            spread_BHP = torch.std(batch.spatial_BHQP, dim=2, correction=1)
        else:
            spread_BHP = self._over_slices(batch)
        self.sums.add(batch, spread_BHP.mean(-1))

    def _over_slices(self, batch: Batch) -> Tensor:
        """The spread once the last slice of queries has come, 0 before; slices are merged by Chan's rule."""
        if batch.first:
            self._columns = []
        count = batch.spatial_BHQP.shape[2]
        if count:
            mean_BHP = batch.spatial_BHQP.mean(2)
            squares_BHP = (batch.spatial_BHQP - mean_BHP.unsqueeze(2)).square().sum(2)
            self._columns.append((mean_BHP, squares_BHP, count))
        if not batch.last:
            return torch.zeros_like(batch.spatial_BHQP[:, :, 0]) if count else batch.attention_BHQT.new_zeros(1)
        mean, squares, seen = self._columns[0]
        for other, more, n in self._columns[1:]:
            shift = other - mean
            squares = squares + more + shift.square() * (seen * n / (seen + n))
            mean = mean + shift * (n / (seen + n))
            seen += n
        return (squares / (seen - 1)).sqrt()
