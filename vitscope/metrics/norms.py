"""How long tokens are: branches against the stream they are added to, and patch tokens that stand far out."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from vitscope.batch import OUTPUT, RESIDUAL, Features
from vitscope.metrics import Setting
from vitscope.metrics.sums import Moments, State

BRANCHES = ("attention", "mlp")


class _ByBranch(Moments):
    """Moments whose first dim is (branch, layer) in one."""

    @staticmethod
    def compute(state: State) -> dict[str, np.ndarray]:
        values = Moments.compute(state)
        return {name: array.reshape(len(BRANCHES), -1, *array.shape[1:]) for name, array in values.items()}

    @staticmethod
    def sound(state: State) -> bool:
        """A branch that is 0 has no ratio, which is NaN; what overflows is infinite."""
        return not any(np.isinf(values).any() for values in state.values())


class ResidualNorms:
    """Per image, block and branch: ‖skip‖ / ‖branch‖ of the two summands of a residual addition (paper, appendix D.4).

    The norm is Frobenius over all tokens, over the patches (spatial), or that of the CLS token; the branch is what is
    added, after LayerScale or gamma. Ratio of norms first, then mean and spread over images. Shape (branch, L, tokens).
    A layer in which a branch of some image is exactly 0 has no mean: NaN.
    """

    version: ClassVar[int] = 1
    unit: ClassVar[str] = "1"
    needs: ClassVar[str] = "blocks that add attention and then the MLP to the stream, each in one step"
    dims: ClassVar = {"mean": ("branch", "layer", "tokens"), "std": ("branch", "layer", "tokens")}
    adds: ClassVar = _ByBranch
    at: ClassVar = RESIDUAL

    def __init__(self, setting: Setting) -> None:
        g = setting.geometry
        self._layers, self._tokens = g.layers, self.coords(setting)["tokens"]
        self.sums = _ByBranch(len(BRANCHES) * g.layers, (len(self._tokens),), setting.device)
        self._skip = torch.zeros(0)

    @staticmethod
    def applies(setting: Setting) -> bool:
        return setting.taps.issuperset(RESIDUAL)

    @staticmethod
    def coords(setting: Setting) -> dict[str, list[str]]:
        """The names along the dims."""
        cls = ["cls"] if "cls" in setting.geometry.prefix else []
        return {"branch": list(BRANCHES), "tokens": ["all", *cls, "spatial"]}

    def look(self, features: Features) -> None:
        branch, _, side = features.place.partition("-")
        norms = self._norms(features)
        if side == "skip":
            self._skip = norms
            return
        ratio = torch.where(norms == 0, torch.nan, self._skip / norms)
        self.sums.put(BRANCHES.index(branch) * self._layers + features.layer, ratio)

    def _norms(self, features: Features) -> Tensor:
        """(B, tokens)"""
        norm_BT = features.norm_BT
        whole = torch.linalg.vector_norm(norm_BT, dim=1)
        spatial = torch.linalg.vector_norm(norm_BT[:, len(features.geometry.prefix) :], dim=1)
        cls = [norm_BT[:, 0]] if "cls" in self._tokens else []
        return torch.stack([whole, *cls, spatial], 1)


class _Norms(Moments):
    """Moments of P norms, the share of outliers and the median, in one."""

    @staticmethod
    def compute(state: State) -> dict[str, np.ndarray]:
        values = Moments.compute(state)
        mean, std = values["mean"], values["std"]
        return {"mean": mean[:, :-2], "outliers": mean[:, -2], "outliers-std": std[:, -2], "median": mean[:, -1]}


class TokenNorms:
    """Per layer: norms of the patch tokens of the block's output, before any final norm.

    `mean` (L, P) is each patch's mean over images; `median` (L,) the median over an image's patches, then the mean over
    images. `outliers` and `outliers-std` (L,) are mean and spread over images of the share of high-norm tokens, which
    large ViTs keep for themselves instead of for the image ("artifacts", Darcet et al. 2023, "Vision Transformers Need
    Registers"). Their cut-off, 150, is read off one model's histogram and says nothing about another; here a token
    stands out whose norm lies above the outer fence of its image's patches, third quartile + 3 × interquartile range:
    what Tukey ("Exploratory Data Analysis", 1977, section 2D) calls far out. Quartiles are interpolated linearly.
    """

    version: ClassVar[int] = 1
    unit: ClassVar[str] = "1"
    needs: ClassVar[str] = "blocks whose output is their tokens"
    dims: ClassVar = {
        "mean": ("layer", "patch"),
        "outliers": ("layer",),
        "outliers-std": ("layer",),
        "median": ("layer",),
    }
    adds: ClassVar = _Norms
    at: ClassVar = (OUTPUT,)

    def __init__(self, setting: Setting) -> None:
        self.sums = _Norms(setting.geometry.layers, (setting.geometry.patches + 2,), setting.device)

    @staticmethod
    def applies(setting: Setting) -> bool:
        return OUTPUT in setting.taps

    def look(self, features: Features) -> None:
        norm_BP = features.norm_BT[:, len(features.geometry.prefix) :]
        low, median, high = _quartiles(norm_BP)
        share = (norm_BP > high + 3 * (high - low)).float().mean(1, keepdim=True)
        self.sums.put(features.layer, torch.cat([norm_BP, share, median], 1))


def _quartiles(values_BP: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The quartiles of each row, (B, 1) each; by sorting, since torch.quantile refuses more than 16 million numbers."""
    ordered, last = values_BP.sort(1).values, values_BP.shape[1] - 1

    def at(share: float) -> Tensor:
        below = int(share * last)
        rest = share * last - below
        above = min(below + 1, last)
        return ordered[:, below : below + 1] * (1 - rest) + ordered[:, above : above + 1] * rest

    return at(0.25), at(0.5), at(0.75)
