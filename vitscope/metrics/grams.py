"""Gram matrices of blocks of images: all that CKA needs of a model, whatever it is compared with."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from vitscope.batch import NORMS, OUTPUT, RESIDUAL, Features
from vitscope.metrics import Setting
from vitscope.metrics.rows import Blocks

CHUNK = 1 << 18  # numbers; tokens are centred and multiplied in pieces that stay in a CPU's cache


def _dims(*names: str) -> dict[str, tuple[str, ...]]:
    """Names and dims of the arrays of some kinds of Gram."""
    grams = dict.fromkeys(names, ("layer", "block", "image", "other"))
    return {**grams, **{f"{name}-range": ("layer", "block") for name in names}, "places": ("block", "image")}


class Grams:
    """X·Xᵀ of each block of images and layer, X the block's output with one row an image (paper section 5.1).

    X holds the CLS token (`cls`), the patches (`spatial`) or all tokens (`all`), flattened, less the mean row of the
    block: HSIC₁ does not change by that, and float32 keeps its digits (on Grams that are not centred it may lose all of
    them). Shape (L, block, n, n); rows of images that could not be read are NaN. `…-range` (L, block) is max − min over
    all entries of the Gram of the X that is not centred, by which the paper's code divides.
    """

    version: ClassVar[int] = 1
    unit: ClassVar[str] = "1"
    needs: ClassVar[str] = "blocks whose output is their tokens"
    dims: ClassVar = _dims("cls", "spatial", "all")
    adds: ClassVar = Blocks
    at: ClassVar = (OUTPUT,)

    def __init__(self, setting: Setting) -> None:
        self.prefix = len(setting.geometry.prefix)
        self.cls = "cls" in setting.geometry.prefix
        names = ("cls", "spatial", "all") if self.cls else ("spatial", "all")
        self.sums = Blocks(names, setting.geometry.layers, setting.block, setting.places, setting.device)

    @staticmethod
    def applies(setting: Setting) -> bool:
        return OUTPUT in setting.taps

    def look(self, features: Features) -> None:
        for block, images, rows in self.sums.blocks_of(features.images.places):
            tokens = features.tokens_BTD[images]
            spatial, others = gram(tokens[:, self.prefix :]), gram(tokens[:, : self.prefix])
            found = {"spatial": spatial, "all": spatial + others}
            if self.cls:
                found["cls"] = others if self.prefix == 1 else gram(tokens[:, :1])
            for name, matrix in found.items():
                self.sums.put(name, features.layer, block, rows, matrix[:, :-1], spread(matrix))


class NormGrams:
    """The same of the outputs of the two norms of each block, all tokens: `norm1` and `norm2`.

    The paper's code compares all layers of two models there, before attention and before the MLP.
    """

    version: ClassVar[int] = 1
    unit: ClassVar[str] = "1"
    needs: ClassVar[str] = "blocks with two norms"
    dims: ClassVar = _dims(*NORMS)
    adds: ClassVar = Blocks
    at: ClassVar = NORMS

    def __init__(self, setting: Setting) -> None:
        self.sums = Blocks(self.at, setting.geometry.layers, setting.block, setting.places, setting.device)

    @staticmethod
    def applies(setting: Setting) -> bool:
        return setting.taps.issuperset(NORMS)

    def look(self, features: Features) -> None:
        of_all_tokens(self.sums, features)


class ResidualGrams:
    """The same of the summands of the residual additions, all tokens (paper, appendix D.4): skip and branch of
    attention and of the MLP. The branch is what is added, after LayerScale or gamma.
    """

    version: ClassVar[int] = 1
    unit: ClassVar[str] = "1"
    needs: ClassVar[str] = "blocks that add attention and then the MLP to the stream, each in one step"
    dims: ClassVar = _dims(*RESIDUAL)
    adds: ClassVar = Blocks
    at: ClassVar = RESIDUAL

    def __init__(self, setting: Setting) -> None:
        self.sums = Blocks(self.at, setting.geometry.layers, setting.block, setting.places, setting.device)

    @staticmethod
    def applies(setting: Setting) -> bool:
        return setting.taps.issuperset(RESIDUAL)

    def look(self, features: Features) -> None:
        of_all_tokens(self.sums, features)


def of_all_tokens(sums: Blocks, features: Features) -> None:
    """Keep the Gram of all tokens of each block under the name of the place."""
    for block, images, rows in sums.blocks_of(features.images.places):
        matrix = gram(features.tokens_BTD[images])
        sums.put(features.place, features.layer, block, rows, matrix[:, :-1], spread(matrix))


def gram(tokens_BTD: Tensor) -> Tensor:
    """(B, B + 1): X·Xᵀ, X the tokens of each image in one row less the mean row m of all B; X·m in the last column.

    Sums over tokens, so that Grams of different tokens of the same images can be added.
    """
    images, tokens, width = tokens_BTD.shape
    found = tokens_BTD.new_zeros(images, images + 1)
    step = tokens if tokens_BTD.device.type != "cpu" else max(CHUNK // (images * width), 1)
    for start in range(0, tokens, max(step, 1)):
        part = tokens_BTD[:, start : start + step]
        mean = part.mean(0)
        rows = (part - mean).flatten(1)
        found[:, :-1].addmm_(rows, rows.T)
        found[:, -1] += rows @ mean.flatten()
    return found


def spread(matrix: Tensor) -> Tensor:
    """Max − min over all entries, with the diagonal, of the Gram that is not centred, out of what `gram` gives.

    Its entries are X·Xᵀ + X·m·1ᵀ + 1·(X·m)ᵀ + m·m, of which the last term moves both ends alike.
    """
    offset = matrix[:, -1]
    whole = matrix[:, :-1] + offset[:, None] + offset
    return whole.max() - whole.min()
