"""The residual stream of a block, followed through its forward pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from vitscope.batch import RESIDUAL

_ADDITIONS = frozenset((torch.add, torch.Tensor.add, torch.Tensor.add_))


class Stream:
    """Knows the stream by identity: it is what the block was given, then each sum of which it was an operand.

    A block class need not be known for that: whatever computes a branch, it ends in one addition to the stream. Both
    operands are handed on before they are added, so that an addition in place cannot overwrite what is looked at.
    """

    def __init__(self, sinks: Mapping[str, Callable[[int, Tensor], None]]) -> None:
        self._sinks = sinks
        self._tokens: Tensor | None = None
        self._layer = self._seen = 0

    def enter(self, layer: int, inputs: Sequence[object]) -> None:
        """A block begins; the first of its inputs is the stream."""
        self._layer, self._seen = layer, 0
        self._tokens = inputs[0] if inputs and isinstance(inputs[0], Tensor) else None

    def leave(self) -> None:
        """The block ends."""
        self._tokens = None

    def follow(self, func: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
        """Look at a call of torch that is about to happen; whether its result will be the stream."""
        if self._tokens is None or func not in _ADDITIONS or kwargs or len(args) != 2:
            return False
        left, right = args
        if right is self._tokens:
            left, right = right, left
        if left is not self._tokens or not isinstance(right, Tensor) or right.shape != left.shape:
            return False
        for place, tokens in zip(RESIDUAL[2 * self._seen : 2 * self._seen + 2], (left, right), strict=False):
            if place in self._sinks:
                self._sinks[place](self._layer, tokens)
        self._seen += 1
        return True

    def goes_on(self, tokens: Tensor) -> None:
        """The sum that `follow` announced."""
        self._tokens = tokens
