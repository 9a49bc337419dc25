"""One vector an image and layer: what clustering, k-NN and retrieval need, for all layers at once."""

from __future__ import annotations

from typing import ClassVar

from vitscope.batch import OUTPUT, Features
from vitscope.metrics import Setting
from vitscope.metrics.rows import Rows


class Vectors:
    """Per image and layer: the CLS token and the mean of the patch tokens, float16, of the block's output.

    Before the final norm, as in the paper's code; registers are in neither. Shape (tokens, L, row, D), in one array for
    every shard; tokens are cls and spatial, or spatial alone in a model without CLS. `vitscope.store.vectors` reads it.
    """

    version: ClassVar[int] = 1
    unit: ClassVar[str] = "1"
    needs: ClassVar[str] = "blocks whose output is their tokens"
    dims: ClassVar = {"rows": ("tokens", "layer", "row", "width"), "places": ("row",)}
    adds: ClassVar = Rows
    at: ClassVar = (OUTPUT,)

    def __init__(self, setting: Setting) -> None:
        g = setting.geometry
        self.tokens = self.coords(setting)["tokens"]
        self.sums = Rows(len(self.tokens), g.layers, setting.width, setting.places, setting.device)

    @staticmethod
    def applies(setting: Setting) -> bool:
        return OUTPUT in setting.taps

    @staticmethod
    def coords(setting: Setting) -> dict[str, list[str]]:
        """The names along the dims."""
        return {"tokens": ["cls", "spatial"] if "cls" in setting.geometry.prefix else ["spatial"]}

    def look(self, features: Features) -> None:
        places = features.images.places
        for number, kind in enumerate(self.tokens):
            vectors = features.tokens_BTD[:, 0] if kind == "cls" else features.patches_BPD.mean(1)
            self.sums.put(features.layer, number, vectors, places)
