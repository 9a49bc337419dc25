"""Attention distance: how far a head looks."""

from __future__ import annotations

from typing import ClassVar

import torch

from vitscope.batch import Batch
from vitscope.geometry import patch_distance
from vitscope.metrics import Setting
from vitscope.metrics.sums import Moments


class Distance:
    """Per image, layer and head: mean over patches q of Σ_k R[q, k]·d(q, k), in image sides (paper section 4.3).

    d is the Euclidean distance of two patches on a square whose longer side is 1; uniform attention on a 14×14 grid
    gives 0.5601.
    """

    version: ClassVar[int] = 1
    unit: ClassVar[str] = "image side"
    needs: ClassVar[str] = "patches"
    dims: ClassVar = {"mean": ("layer", "head"), "std": ("layer", "head")}
    adds: ClassVar = Moments

    def __init__(self, setting: Setting) -> None:
        g = setting.geometry
        self.distance_PP = torch.from_numpy(patch_distance(g)).to(torch.float32).to(setting.device)
        self.sums = Moments(g.layers, (g.heads,), setting.device)

    @staticmethod
    def applies(setting: Setting) -> bool:
        return setting.geometry.patches > 0

    def add(self, batch: Batch) -> None:
        reach_BHQ = torch.linalg.vecdot(batch.spatial_BHQP, self.distance_PP[batch.patches])
        self.sums.add(batch, (reach_BHQ * batch.scale_BHQ).sum(-1) / batch.geometry.patches)
