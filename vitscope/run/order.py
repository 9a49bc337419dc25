"""The order in which images are gone through: the same for every model, on every machine, for good.

Gram matrices of two models can be compared only where they are of the same images, so the order is part of the Spec.
"""

from __future__ import annotations

import numpy as np

SHUFFLED, LISTED = "shuffled, seed 0", "as listed"
GRAM_IMAGES = {SHUFFLED: 32, LISTED: 8}
"""Images in one Gram matrix; the paper's code takes 8 in the order of the classes, most often all of one class."""


def named(protocol: str) -> str:
    """The order that a protocol asks for, in words."""
    return LISTED if protocol == "paper" else SHUFFLED


def places(order: str, images: int) -> np.ndarray:
    """Places in the data set, int64 [images], one after another as they are gone through.

    Shuffled: sorted by the splitmix64 hash of the place (Steele, Lea and Flood 2014), so that no library's generator
    decides; a hash of the place and seed 0 never equals that of another place.

    >>> places("shuffled, seed 0", 6).tolist()
    [2, 4, 5, 1, 0, 3]
    """
    numbers = np.arange(images, dtype=np.int64)
    if order == LISTED:
        return numbers
    mixed = (numbers.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    return np.argsort(mixed, kind="stable")
