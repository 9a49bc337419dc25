"""J, F and their statistics, as the official evaluator (davis2017-evaluation, semi-supervised) defines them.

J is the overlap of regions. F compares boundaries: a boundary pixel is matched when the other mask has one within a
disc whose radius is 0.8 % of the image's diagonal, rounded up.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from sklearn.neighbors import KDTree

TOLERANCE = 0.008  # of the diagonal


@dataclass(frozen=True)
class Truth:
    """One object of one frame: where it is, and what of its boundary the comparison needs."""

    region: np.ndarray  # bool (H, W)
    boundary: np.ndarray  # int (n, 2), the boundary's pixels
    tree: KDTree | None  # of the boundary; None where there is none
    radius: int

    @classmethod
    def of(cls, region: np.ndarray) -> Truth:
        """What of `region`, bool (H, W), can be computed once for all layers."""
        pixels = np.argwhere(boundary(region))
        return cls(region, pixels, KDTree(pixels) if len(pixels) else None, tolerance(region.shape))


def tolerance(shape: tuple[int, ...]) -> int:
    """Radius of the disc in pixels for an image of (height, width).

    >>> tolerance((480, 854)), tolerance((480, 910))
    (8, 9)
    """
    return math.ceil(TOLERANCE * float(np.linalg.norm(shape)))


def objects(first_mask: np.ndarray) -> int:
    """How many objects a sequence has: the largest id of its first ground truth, void pixels already 0."""
    return int(first_mask.max(initial=0))


def boundary(region: np.ndarray) -> np.ndarray:
    """bool (H, W): pixels that differ from the one to the right, below, or below to the right.

    In the last row only the pixel to the right counts, in the last column only the one below; the corner is never one.
    """
    found = np.zeros(region.shape, bool)
    found[:, :-1] |= region[:, :-1] != region[:, 1:]
    found[:-1] |= region[:-1] != region[1:]
    found[:-1, :-1] |= region[:-1, :-1] != region[1:, 1:]
    return found


def overlap(region: np.ndarray, truth: np.ndarray) -> float:
    """J of two bool (H, W): their intersection over their union, 1 where both are empty."""
    union = int(np.count_nonzero(region | truth))
    return int(np.count_nonzero(region & truth)) / union if union else 1.0


def contour(region: np.ndarray, truth: Truth) -> float:
    """F of a bool (H, W): harmonic mean of the shares of both boundaries that are matched.

    1 where neither has a boundary, 0 where only one has.
    """
    pixels = np.argwhere(boundary(region))
    if truth.tree is None or not len(pixels):
        return float(truth.tree is None and not len(pixels))
    precision = np.mean(truth.tree.query(pixels)[0] <= truth.radius)
    recall = np.mean(KDTree(pixels).query(truth.boundary)[0] <= truth.radius)
    return float(2 * precision * recall / (precision + recall)) if precision + recall else 0.0


def statistics(values: np.ndarray) -> tuple[float, float, float]:
    """Mean, recall (share above 0.5) and decay (first quarter's mean minus the last's) over the frames of an object.

    A quarter holds both of its ends. The evaluator keeps their places in 8 bits, which wraps above 256 frames; here
    it does not.

    >>> tuple(round(value, 9) for value in statistics(np.array([1, .9, .8, .7, .6, .5, .4, .3])))
    (0.65, 0.625, 0.5)
    """
    ends = np.round(np.linspace(1, len(values), 5) + 1e-10).astype(int) - 1
    first, last = values[ends[0] : ends[1] + 1], values[ends[3] : ends[4] + 1]
    return float(values.mean()), float((values > 0.5).mean()), float(first.mean() - last.mean())


def score(mask: np.ndarray, truths: list[Truth]) -> tuple[list[float], list[float]]:
    """J and F of every object of one frame; `mask` is uint8 (H, W) of object ids, `truths[n]` the object n + 1.

    The evaluator leaves the first and the last frame of a sequence out, and so must the caller.
    """
    regions = [mask == thing + 1 for thing in range(len(truths))]
    pairs = list(zip(regions, truths, strict=True))
    return [overlap(region, truth.region) for region, truth in pairs], [contour(*pair) for pair in pairs]
