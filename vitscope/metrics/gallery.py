"""The gallery: a few images of a data set with all of their attention, to be looked at later without a model."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from vitscope.batch import Batch
from vitscope.metrics import Setting
from vitscope.metrics.sums import Stack


class Gallery:
    """For some images: A as float16, shape (image, L, H, T, T), and the crop that the model saw, uint8 RGB."""

    version: ClassVar[int] = 1
    unit: ClassVar[str] = "1"
    needs: ClassVar[str] = "--gallery of 1 or more"
    dims: ClassVar = {
        "attention": ("image", "layer", "head", "query", "key"),
        "crop": ("image", "row", "column", "channel"),
        "place": ("image",),
    }
    adds: ClassVar = Stack

    def __init__(self, setting: Setting) -> None:
        self.wanted = frozenset(setting.gallery)
        self.sums = Stack()
        self._at: dict[int, int] = {}

    @staticmethod
    def applies(setting: Setting) -> bool:
        return len(setting.gallery) > 0

    def add(self, batch: Batch) -> None:
        for image, place in enumerate(batch.places_B):
            if place not in self.wanted:
                continue
            if place not in self._at:
                self._start(batch, image, place)
            kept = self.sums.arrays["attention"][self._at[place]]
            kept[batch.layer, :, batch.queries] = batch.attention_BHQT[image].half().cpu().numpy()

    def _start(self, batch: Batch, image: int, place: int) -> None:
        g, arrays = batch.geometry, self.sums.arrays
        self._at[place] = len(arrays.setdefault("place", []))
        arrays["place"].append(np.array(place))
        arrays.setdefault("crop", []).append(batch.images.pixels[batch.group][image].numpy())
        arrays.setdefault("attention", []).append(np.zeros((g.layers, g.heads, g.tokens, g.tokens), np.float16))
