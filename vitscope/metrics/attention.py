"""Mean attention: every average of single attention maps that is linear can be read off it later."""

from __future__ import annotations

from typing import ClassVar

from vitscope.batch import Batch
from vitscope.metrics import Setting
from vitscope.metrics.sums import Mean


class Attention:
    """Ā: mean over images of the attention A[query, key] after the softmax, shape (L, H, T, T) (paper section 4.1)."""

    version: ClassVar[int] = 1
    unit: ClassVar[str] = "1"
    needs: ClassVar[str] = "tokens"
    dims: ClassVar = {"mean": ("layer", "head", "query", "key")}
    adds: ClassVar = Mean

    def __init__(self, setting: Setting) -> None:
        g = setting.geometry
        self.sums = Mean((g.layers, g.heads, g.tokens, g.tokens), setting.device)

    @staticmethod
    def applies(setting: Setting) -> bool:
        return setting.geometry.tokens > 0

    def add(self, batch: Batch) -> None:
        attention = batch.attention_BHQT
        self.sums.total[batch.layer, :, batch.queries] += attention[0] if batch.size == 1 else attention.sum(0)
        if batch.layer == 0 and batch.first:
            self.sums.count += batch.size
