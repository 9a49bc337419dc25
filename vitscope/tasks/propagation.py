"""Labels handed on from frame to frame by the likeness of tokens (paper section 6.2, after DINO's evaluation on DAVIS).

A token of a frame takes the mean of the labels of the few tokens that it resembles most: near it in the first frame and
in the frames just before. The labels stay soft on their way.
"""

from __future__ import annotations

from collections import deque

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from vitscope.tasks.tokens import unit_length

PREVIOUS = 7  # frames besides the first
RADIUS = 12  # rows and columns that a token looks away from its place
KEPT = 5  # source tokens of a token, and those that tie with the last of them
TEMPERATURE = 0.1


class Propagation:
    """The soft masks of one layer over one sequence.

    What is kept of a frame are its normalised tokens in float16 and its soft mask: of the first frame and of the seven
    before, so at most 8 × rows × columns × (2·D + 4·channels) bytes. For DAVIS's widest sequence (1152 × 480) and B/16
    that is 23 MB a layer, 280 MB for twelve; while one layer is computed, as much again of that layer in float32.
    """

    def __init__(self, tokens: Tensor, mask: Tensor) -> None:
        """`tokens` is float (rows, columns, D) of the first frame, `mask` float (rows, columns, channels)."""
        self._first = unit_length(tokens), mask
        self._previous: deque[tuple[Tensor, Tensor]] = deque(maxlen=PREVIOUS)

    def step(self, tokens: Tensor) -> Tensor:
        """The soft mask (rows, columns, channels) of the next frame, whose tokens are (rows, columns, D)."""
        target = unit_length(tokens)
        context = (self._first, *self._previous)
        mask = propagate(target, [pair[0] for pair in context], [pair[1] for pair in context])
        self._previous.append((target, mask))
        return mask


def propagate(target: Tensor, sources: list[Tensor], masks: list[Tensor]) -> Tensor:
    """The soft mask of one frame from those of its context, float32 (rows, columns, channels).

    `target` and every one of `sources` are (rows, columns, D) of unit length, `masks` (rows, columns, channels). The
    weight of a source token is exp(cosine / 0.1) if it is at most RADIUS rows and columns away, and 0 unless it is
    among the KEPT largest over the whole context; what ties with the last of them is kept too. Weights are divided by
    their sum. Memory: the sources in float32, and the weights of one row of targets.
    """
    rows, columns = target.shape[:2]
    tokens = torch.stack([source.float() for source in sources], 1)  # (rows, frames, columns, D): a band is one slice
    labels = torch.stack(masks, 1)
    place = torch.arange(columns, device=target.device)
    near = ((place[:, None] - place).abs() <= RADIUS).repeat(len(sources), 1)  # (frames × columns, columns)
    found = labels.new_empty(rows, columns, labels.shape[-1])
    for row in range(rows):
        band = slice(max(row - RADIUS, 0), row + RADIUS + 1)
        source, label = tokens[band].flatten(0, 2), labels[band].flatten(0, 2)
        weight = ((source @ target[row].float().T) / TEMPERATURE).exp_().unflatten(0, (-1, len(near))).mul_(near)
        weight = weight.flatten(0, 1)
        least = weight.topk(min(KEPT, len(weight)), 0).values[-1]
        weight.mul_(weight >= least)
        found[row] = (weight / weight.sum(0)).T @ label
    return found


def first_mask(mask: np.ndarray, rows: int, columns: int, channels: int | None) -> np.ndarray:
    """float32 (rows, columns, channels): one channel for the background and each id, 1 where a token has that id.

    `mask` is uint8 (H, W), resized to the tokens by nearest neighbour. Without `channels` there are as many as the
    small mask needs, as in the paper's code; an object that it lost is then not followed.
    """
    small = np.asarray(Image.fromarray(mask).resize((columns, rows), Image.Resampling.NEAREST))
    return (small[..., None] == np.arange(int(small.max()) + 1 if channels is None else channels)).astype(np.float32)


def decide(mask: Tensor, patch: tuple[int, int], size: tuple[int, int]) -> np.ndarray:
    """uint8 (H, W) of object ids from a soft mask (rows, columns, channels); `size` is (H, W).

    Enlarged by the patch (bilinear), every channel stretched to 0 … 1 over the frame, the largest channel of every
    pixel, and that resized by nearest neighbour. A channel that is the same everywhere stays as it is; the paper's
    code divides it by 0.
    """
    large = F.interpolate(mask.movedim(-1, 0)[None], scale_factor=tuple(map(float, patch)), mode="bilinear")[0]
    low, high = large.amin((1, 2), keepdim=True), large.amax((1, 2), keepdim=True)
    ids = _first_largest(torch.where(high > low, (large - low) / (high - low), large)).cpu().numpy()
    return np.asarray(Image.fromarray(ids).resize((size[1], size[0]), Image.Resampling.NEAREST))


def _first_largest(channels: Tensor) -> Tensor:
    """uint8 (H, W): `argmax` over the first axis, which torch computes an order of magnitude slower."""
    best, ids = channels[0], torch.zeros(channels.shape[1:], dtype=torch.uint8, device=channels.device)
    for number, channel in enumerate(channels[1:], 1):
        ids = torch.where(channel > best, number, ids)
        best = torch.maximum(channel, best)
    return ids
