"""Mean attention on every token, class by class."""

from __future__ import annotations

from typing import ClassVar

import torch.nn.functional as F

from vitscope.batch import Batch
from vitscope.metrics import Setting
from vitscope.metrics.sums import Mean


class ClassAttention:
    """Per class, layer, head and key k: mean over the class's images and all queries of A[q, k].

    The paper's code has it, but does not compute it unless told to.
    """

    version: ClassVar[int] = 1
    unit: ClassVar[str] = "1"
    needs: ClassVar[str] = "class folders"
    dims: ClassVar = {"mean": ("class", "layer", "head", "key")}
    adds: ClassVar = Mean

    def __init__(self, setting: Setting) -> None:
        g = setting.geometry
        self.sums = Mean((setting.classes, g.layers, g.heads, g.tokens), setting.device, classes=setting.classes)

    @staticmethod
    def applies(setting: Setting) -> bool:
        return setting.classes > 0

    def add(self, batch: Batch) -> None:
        labels_B = batch.labels_B
        if labels_B is None:
            raise ValueError("class attention needs a class for every image")
        on_token_BHT = batch.attention_BHQT.sum(2) / batch.geometry.tokens
        self.sums.total[:, batch.layer].index_add_(0, labels_B, on_token_BHT)
        if batch.layer == 0 and batch.first:
            self.sums.count += F.one_hot(labels_B, len(self.sums.count)).sum(0)
