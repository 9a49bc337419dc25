"""Which tapped places the blocks of a model have, found by running it on one image and checking the sums."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from vitscope.batch import NORMS, OUTPUT, PLACES, RESIDUAL
from vitscope.models.tap import blocks_of, tap

_TOLERANCE = 1e-5  # of the largest number; sums are recomputed in the model's own number format


@dataclass(frozen=True)
class Tokens:
    """What a block's tokens are: their width, the same in all layers, and the names of PLACES where there are any."""

    width: int
    places: frozenset[str]


def tokens_of(model: nn.Module, image_size: tuple[int, int]) -> Tokens:
    """Look at every block once, on noise of `image_size` (height, width).

    The residual places are there if, in every block, the block's input + the attention branch is the stream that the
    MLP branch is added to, and that sum is the block's output. Blocks that add attention and MLP in one step, such as
    timm's ParallelScalingBlock, have none; those with other norms than two, such as ParallelThingsBlock and
    Gemma4Block, no `norm1` and `norm2`.
    """
    like = next(model.parameters())
    image = torch.randn(1, 3, *image_size, generator=torch.Generator().manual_seed(0)).to(like)
    look = _Look()
    hooks = [block.register_forward_pre_hook(lambda _module, inputs: look.enter(inputs)) for block in blocks_of(model)]
    try:
        sinks = {place: (lambda _layer, tokens, at=place: look.see(at, tokens)) for place in PLACES}
        with torch.inference_mode(), tap(model, None, places=sinks):
            model(image)
    finally:
        for hook in hooks:
            hook.remove()
    return Tokens(look.width, frozenset(look.found))


class _Look:
    """What is left of PLACES after each block."""

    def __init__(self) -> None:
        self.found = set(PLACES)
        self.width = 0
        self._given: Tensor | None = None
        self._seen: dict[str, list[Tensor]] = {}

    def enter(self, inputs: tuple[object, ...]) -> None:
        self._given = inputs[0].clone() if inputs and isinstance(inputs[0], Tensor) else None
        self._seen = {}

    def see(self, place: str, tokens: Tensor) -> None:
        self._seen.setdefault(place, []).append(tokens.clone())
        if place != OUTPUT:
            return
        self.width = tokens.shape[-1]
        shapes = {place: [seen.shape for seen in self._seen.get(place, ())] for place in PLACES}
        if any(shapes[place] != [tokens.shape] for place in NORMS):
            self.found -= set(NORMS)
        if any(shapes[place] != [tokens.shape] for place in RESIDUAL) or not self._adds_up(tokens):
            self.found -= set(RESIDUAL)

    def _adds_up(self, output: Tensor) -> bool:
        skip, branch, after, mlp = (self._seen[place][0] for place in RESIDUAL)
        sums = ((self._given, skip), (skip + branch, after), (after + mlp, output))
        return all(one is not None and _equal(one, other) for one, other in sums)


def _equal(one: Tensor, other: Tensor) -> bool:
    return bool((one - other).abs().max() <= _TOLERANCE * other.abs().max())
