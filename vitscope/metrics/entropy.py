"""Attention entropy: how evenly a head spreads its attention."""

from __future__ import annotations

from typing import ClassVar

from vitscope.batch import Batch
from vitscope.metrics import Setting
from vitscope.metrics.sums import Moments


class Entropy:
    """Per image, layer and head: mean over all queries q of −Σ_k A[q, k]·log A[q, k], in nats.

    Between 0 (one token gets everything) and log T (all T tokens get the same).
    """

    version: ClassVar[int] = 1
    unit: ClassVar[str] = "nat"
    needs: ClassVar[str] = "tokens"
    dims: ClassVar = {"mean": ("layer", "head"), "std": ("layer", "head")}
    adds: ClassVar = Moments

    def __init__(self, setting: Setting) -> None:
        self.sums = Moments(setting.geometry.layers, (setting.geometry.heads,), setting.device)

    @staticmethod
    def applies(setting: Setting) -> bool:
        return setting.geometry.tokens > 0

    def add(self, batch: Batch) -> None:
        self.sums.add(batch, batch.entropy_BHQ.sum(-1) / batch.geometry.tokens)
