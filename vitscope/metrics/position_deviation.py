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

    Low where all queries attend alike, as in sparse repeating patterns (paper section 4.1). Not renormalised, as in the
    paper's code.
    """

    version: ClassVar[int] = 1
    unit: ClassVar[str] = "1"
    needs: ClassVar[str] = "two patches or more"
    dims: ClassVar = {"mean": ("layer", "head"), "std": ("layer", "head")}
    adds: ClassVar = Moments

    def __init__(self, setting: Setting) -> None:
        self.sums = Moments(setting.geometry.layers, (setting.geometry.heads,), setting.device)
        self._seen = 0  # queries so far, with the mean and the squared deviations of every column
        self._mean = self._squares = torch.zeros(0)

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
        spatial_BHQP = batch.spatial_BHQP
        count = spatial_BHQP.shape[2]
        if batch.first:
            self._mean = self._squares = spatial_BHQP.new_zeros(*spatial_BHQP.shape[:2], spatial_BHQP.shape[3])
            self._seen = 0
        if count:
            mean = spatial_BHQP.mean(2)
            shift, both = mean - self._mean, self._seen + count
            squares = (spatial_BHQP - mean.unsqueeze(2)).square().sum(2)
            self._squares = self._squares + squares + shift.square() * (self._seen * count / both)
            self._mean = self._mean + shift * (count / both)
            self._seen = both
        return (self._squares / (self._seen - 1)).sqrt() if batch.last else torch.zeros_like(self._squares)
