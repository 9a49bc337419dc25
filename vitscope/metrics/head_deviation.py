"""Deviation over heads: how much the heads of a layer differ."""

from __future__ import annotations

from typing import ClassVar

import torch

from vitscope.batch import Batch
from vitscope.metrics import Setting
from vitscope.metrics.sums import Moments


class HeadDeviation:
    """Per image and layer: sample standard deviation over heads of A[q, k], averaged over all patches q and k.

    Not renormalised, as in the paper's code. Costs about as much as all default metrics together.
    """

    version: ClassVar[int] = 1
    unit: ClassVar[str] = "1"
    needs: ClassVar[str] = "two heads or more"
    dims: ClassVar = {"mean": ("layer",), "std": ("layer",)}
    adds: ClassVar = Moments

    def __init__(self, setting: Setting) -> None:
        self.sums = Moments(setting.geometry.layers, (), setting.device)

    @staticmethod
    def applies(setting: Setting) -> bool:
        return setting.geometry.heads > 1

    def add(self, batch: Batch) -> None:
        spatial_BHQP = batch.spatial_BHQP
        if spatial_BHQP.shape[2] == 0:  # a slice of prefix queries alone
            self.sums.add(batch, spatial_BHQP.new_zeros(batch.size))
            return
        spread_BQP = torch.std(spatial_BHQP, dim=1, correction=1)
        self.sums.add(batch, spread_BQP.sum((1, 2)) / batch.geometry.patches**2)
