"""The measurements of the paper in the manner of its code, written anew from its description, to be compared with.

What is kept of that manner: batches of two for attention; all layers' attention stacked to one (B, L, H, T, T) tensor;
every metric cuts off the CLS token and renormalises the rows anew, on the whole tensor; AAAM by a loop over queries; a
pass of the same model for either side of a CKA, and for each choice of tokens; a HSIC for every pair of layers, one by
one; separate passes for CLS and for patches; one run of the model for every layer that a task looks at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import torch
from torch import Tensor, nn

from vitscope.geometry import patch_distance
from vitscope.models.build import Loaded
from vitscope.models.shape import geometry_of

Tokens = Callable[[Tensor], Tensor]
TOKENS: dict[str, Tokens] = {
    "all": lambda tokens_BTD: tokens_BTD.flatten(1),
    "cls": lambda tokens_BTD: tokens_BTD[:, 0],
    "spat": lambda tokens_BTD: tokens_BTD[:, 1:].flatten(1),
}


@torch.inference_mode()
def stacked_attention(module: nn.Module, pixels: Tensor) -> Tensor:
    """One forward pass with fused attention switched off before: attention of all layers, (B, L, H, T, T)."""
    kept: list[Tensor] = []
    hooks = [
        one.attn_drop.register_forward_hook(lambda _module, inputs, _output: kept.append(inputs[0]))
        for one in module.modules()
        if hasattr(one, "attn_drop")
    ]
    module(pixels)
    for hook in hooks:
        hook.remove()
    return torch.stack(kept, 1)


def spatial(whole_BLHTT: Tensor) -> Tensor:
    """Attention among patches, rows renormalised, a row of zeros staying so: (B, L, H, N, N)."""
    patches = whole_BLHTT[..., 1:, 1:]
    mass = patches.sum(-1, keepdim=True)
    return patches / torch.where(mass == 0, torch.ones_like(mass), mass)


class AverageAttention:
    """The mean map of every query, (L, H, T, T)."""

    def __init__(self) -> None:
        self.total: Tensor | float = 0.0
        self.images = 0

    def add(self, whole_BLHTT: Tensor) -> None:
        """Add the images of a batch."""
        self.total = self.total + whole_BLHTT.sum(0)
        self.images += len(whole_BLHTT)

    def result(self) -> Tensor:
        """The mean over images."""
        assert isinstance(self.total, Tensor)
        return self.total / self.images


class AverageOnTokens:
    """Mean attention on each token by all queries, by CLS, by patches, by patches among themselves: 4 × (L, H, T)."""

    def __init__(self) -> None:
        self.rows: list[Tensor] = []

    def add(self, whole_BLHTT: Tensor) -> None:
        """Add the images of a batch."""
        pure = torch.zeros_like(whole_BLHTT[..., 0, :])
        pure[..., 1:] = spatial(whole_BLHTT).mean(-2)
        modes = [whole_BLHTT.mean(-2), whole_BLHTT[..., 0, :], whole_BLHTT[..., 1:, :].mean(-2), pure]
        self.rows.append(torch.stack(modes).cpu())

    def result(self) -> Tensor:
        """(mode, L, H, T), the mean over images."""
        return torch.cat(self.rows, 1).mean(1)


class AttentionDistance:
    """How far each head looks, (L, H)."""

    def __init__(self, model: Loaded) -> None:
        g = geometry_of(model.name, model.module, model.image_size)
        device = next(model.module.parameters()).device
        self.distance_NN = torch.from_numpy(patch_distance(g)).to(torch.float32)
        self.distance_NN = self.distance_NN.to(device if device.type != "meta" else "cpu")
        self.rows: list[Tensor] = []

    def add(self, whole_BLHTT: Tensor) -> None:
        """Add the images of a batch."""
        self.rows.append((spatial(whole_BLHTT) * self.distance_NN).sum(-1).mean(-1).cpu())

    def result(self) -> Tensor:
        """The mean over images."""
        return torch.cat(self.rows).mean(0)


class Aligned:
    """AAAM, (L, H, 2K−1, 2K−1): each query's map moved so that the query lies in the middle, query by query."""

    def __init__(self, side: int) -> None:
        self.side, self.images = side, 0
        self.total: Tensor | float = 0.0

    def add(self, whole_BLHTT: Tensor) -> None:
        """Add the images of a batch."""
        k, maps = self.side, spatial(whole_BLHTT).cpu()
        canvas = torch.zeros(*maps.shape[:3], 2 * k - 1, 2 * k - 1)
        for query in range(k * k):
            top, left = k - 1 - query // k, k - 1 - query % k
            canvas[..., top : top + k, left : left + k] += maps[..., query, :].unflatten(-1, (k, k))
        self.total = self.total + canvas.sum(0)
        self.images += len(maps)

    def result(self) -> Tensor:
        """The mean over images and queries."""
        assert isinstance(self.total, Tensor)
        return self.total / (self.images * self.side**2)


class Deviations:
    """Standard deviation over heads (L,) and over query positions (L, H), from attention among patches as it is."""

    def __init__(self) -> None:
        self.heads: list[Tensor] = []
        self.positions: list[Tensor] = []

    def add(self, whole_BLHTT: Tensor) -> None:
        """Add the images of a batch."""
        patches = whole_BLHTT[..., 1:, 1:]
        self.heads.append(patches.std(2).mean((-1, -2)).cpu())
        self.positions.append(patches.std(-2).mean(-1).cpu())

    def result(self) -> tuple[Tensor, Tensor]:
        """The means over images."""
        return torch.cat(self.heads).mean(0), torch.cat(self.positions).mean(0)


def gram(rows_BD: Tensor) -> Tensor:
    """K of one batch as the paper's code takes it: stretched to 0 … 1, then without its diagonal."""
    k = rows_BD @ rows_BD.T
    k = (k - k.min()) / (k - k.min()).max()
    return k.fill_diagonal_(0)


def hsic(k: Tensor, other: Tensor) -> float:
    """The unbiased HSIC of two Gram matrices without diagonal."""
    n = len(k)
    ones = torch.ones(n, 1, device=k.device)
    trace = torch.trace(k @ other)
    sums = (ones.T @ k @ ones @ ones.T @ other @ ones) / ((n - 1) * (n - 2))
    rest = ones.T @ k @ other @ ones * 2 / (n - 2)
    return float((trace + sums - rest) / (n * (n - 3)))


def cka(
    batches: Iterable[Tensor], first: Callable[[Tensor], list[Tensor]], second: Callable[[Tensor], list[Tensor]],
    tokens: Tokens,
) -> np.ndarray:  # fmt: skip
    """CKA of all layers with all layers, (L, L'); both sides run the model."""
    sums: np.ndarray | None = None
    for pixels in batches:
        left, right = first(pixels), second(pixels)
        if sums is None:
            sums = np.zeros((3, len(left), len(right)))
        for row, one in enumerate(left):
            k = gram(tokens(one))
            for column, other in enumerate(right):
                inner = gram(tokens(other))
                sums[:, row, column] += hsic(k, inner), hsic(k, k), hsic(inner, inner)
    assert sums is not None
    return sums[0] / np.sqrt(sums[1] * sums[2])


def taps(module: nn.Module, places: Callable[[nn.Module], Iterable[nn.Module]]) -> Callable[[Tensor], list[Tensor]]:
    """A function of pixels: one forward pass, and what came out of some modules of every block."""

    @torch.inference_mode()
    def run(pixels: Tensor) -> list[Tensor]:
        kept: list[Tensor] = []
        hooks = [
            place.register_forward_hook(lambda _module, _inputs, output: kept.append(output))
            for place in places(module)
        ]
        module(pixels)
        for hook in hooks:
            hook.remove()
        return kept

    return run


def streams(module: nn.Module, branch: str) -> Callable[[Tensor], tuple[list[Tensor], list[Tensor]]]:
    """A function of pixels: one forward pass, and what every block's skip and branch carry; `branch`: attn or mlp."""

    @torch.inference_mode()
    def run(pixels: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        skips: list[Tensor] = []
        branches: list[Tensor] = []
        hooks = []
        for block in module.blocks:
            norm = block.norm1 if branch == "attn" else block.norm2
            hooks += [
                norm.register_forward_pre_hook(lambda _module, inputs: skips.append(inputs[0])),
                getattr(block, branch).register_forward_hook(lambda _m, _i, output: branches.append(output)),
            ]
        module(pixels)
        for hook in hooks:
            hook.remove()
        return skips, branches

    return run


def vectors(batches: Iterable[Tensor], run: Callable[[Tensor], list[Tensor]], kind: str) -> Iterator[np.ndarray]:
    """(B, L, D) a batch: CLS of every layer, or the mean over patches, after all tokens have come to the CPU."""
    for pixels in batches:
        whole = torch.stack([tokens.cpu() for tokens in run(pixels)], 1)
        yield (whole[:, :, 0] if kind == "cls" else whole[:, :, 1:].mean(2)).numpy()
