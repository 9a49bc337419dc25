"""Attention of patches to the prefix tokens: CLS, distillation token, registers."""

from __future__ import annotations

from typing import ClassVar

from vitscope.batch import Batch
from vitscope.metrics import Setting
from vitscope.metrics.sums import Moments


class PrefixMass:
    """Per image, layer, head and prefix token p: mean over patches q of A[q, p].

    The paper's code means this for CLS, but takes the first patch in its place.
    """

    version: ClassVar[int] = 1
    unit: ClassVar[str] = "1"
    needs: ClassVar[str] = "a CLS token or registers"
    dims: ClassVar = {"mean": ("layer", "head", "prefix"), "std": ("layer", "head", "prefix")}
    adds: ClassVar = Moments

    def __init__(self, setting: Setting) -> None:
        g = setting.geometry
        self.sums = Moments(g.layers, (g.heads, len(g.prefix)), setting.device)

    @staticmethod
    def applies(setting: Setting) -> bool:
        return len(setting.geometry.prefix) > 0

    def add(self, batch: Batch) -> None:
        to_prefix_BHQp = batch.from_patches_BHQT[..., : len(batch.geometry.prefix)]
        self.sums.add(batch, to_prefix_BHQp.sum(2) / batch.geometry.patches)
