"""Mean attention among patches: AAAM, offsets and mean distance are linear in it."""

from __future__ import annotations

from typing import ClassVar

from vitscope.batch import Batch
from vitscope.metrics import Setting
from vitscope.metrics.sums import Mean


class SpatialAttention:
    """R̄: mean over images of R, attention without prefix tokens and with rows renormalised, shape (L, H, P, P).

    R[q, k] = A[q, k] / Σ_k' A[q, k'], q and k over patches only; a row without any mass on patches stays 0. AAAM and
    distance (paper sections 4.2 and 4.3) are of R.
    """

    version: ClassVar[int] = 1
    unit: ClassVar[str] = "1"
    needs: ClassVar[str] = "patches"
    dims: ClassVar = {"mean": ("layer", "head", "query", "key")}
    adds: ClassVar = Mean

    def __init__(self, setting: Setting) -> None:
        g = setting.geometry
        self.sums = Mean((g.layers, g.heads, g.patches, g.patches), setting.device)

    @staticmethod
    def applies(setting: Setting) -> bool:
        return setting.geometry.patches > 0

    def add(self, batch: Batch) -> None:
        total = self.sums.total[batch.layer, :, batch.patches]
        spatial, scale = batch.spatial_BHQP, batch.scale_BHQ.unsqueeze(-1)
        if batch.size == 1:
            total.addcmul_(spatial[0], scale[0])
        else:
            total += (spatial * scale).sum(0)
        if batch.layer == 0 and batch.first:
            self.sums.count += batch.size
