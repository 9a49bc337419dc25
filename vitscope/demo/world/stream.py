"""Random numbers and angles that are the same on every platform.

NumPy does not promise that its generators keep their streams from one version to the next, and `math.sin` may differ
in its last bit between C libraries.  A drawn world must not: everything here is integer arithmetic (SplitMix64) or
IEEE additions and multiplications of Python floats, each of which is exactly rounded everywhere.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

T = TypeVar("T")
_MASK = (1 << 64) - 1
_STEP = 0x9E3779B97F4A7C15
_TAYLOR = (1.0, -1 / 6, 1 / 120, -1 / 5040, 1 / 362880, -1 / 39916800)


class Stream:
    """A stream of random numbers named by any number of keys; equal keys give equal streams."""

    def __init__(self, *keys: object) -> None:
        digest = hashlib.blake2b(repr(keys).encode(), digest_size=8).digest()
        self._state = int.from_bytes(digest, "little")

    def bits(self) -> int:
        """The next 64 random bits (SplitMix64)."""
        self._state = (self._state + _STEP) & _MASK
        z = self._state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
        return z ^ (z >> 31)

    def below(self, n: int) -> int:
        """A whole number from 0 to n - 1."""
        return (self.bits() >> 11) * n >> 53

    def between(self, low: float, high: float) -> float:
        """A number in [low, high)."""
        return low + (high - low) * ((self.bits() >> 11) * 2.0**-53)

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return self.between(0.0, 1.0) < probability

    def choice(self, items: Sequence[T]) -> T:
        """One of the items, each as likely."""
        return items[self.below(len(items))]

    def bytes_(self, *shape: int) -> np.ndarray:
        """An array of random uint8 of this shape."""
        count = 1
        for length in shape:
            count *= length
        z = np.arange(1, count // 8 + 2, dtype=np.uint64) * np.uint64(_STEP) + np.uint64(self.bits())
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
        return z.astype("<u8").view(np.uint8)[:count].reshape(shape)


def sine(turns: float) -> float:
    """sin(2π·turns), to about 1e-7, bit for bit the same everywhere."""
    turns -= float(int(turns))
    if turns < 0:
        turns += 1.0
    if turns > 0.75:
        turns -= 1.0
    elif turns > 0.25:
        turns = 0.5 - turns
    x = turns * 6.283185307179586
    total, power = 0.0, x
    for coefficient in _TAYLOR:
        total += coefficient * power
        power *= x * x
    return total


def cosine(turns: float) -> float:
    """cos(2π·turns), to about 1e-7, bit for bit the same everywhere."""
    return sine(turns + 0.25)
