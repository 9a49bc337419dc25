"""From keypoints of one image to points of another that resemble them, and how often that is right (paper section 6.2).

Two ways to find a point, both from the similarities of tokens (the paper's code enlarges the tokens of both images to
224 × 224 pixels and compares all of those; a sum of products can be enlarged as well as its factors, with the same
result):

* ``pixels``, as in the paper's code: the tokens' similarities, enlarged bilinearly, and the first largest pixel.
* ``tokens``: the most similar token, and the middle of its patch.

Coordinates are (x, y) in pixels, 0 at the centre of the first pixel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

ALPHAS = (0.1, 0.05, 0.01)


@dataclass(frozen=True)
class Placed:
    """Where an image lies on the canvas that the model sees: enlarged by `scale`, its corner at (left, top)."""

    scale: float
    left: int
    top: int
    width: int
    height: int

    def points(self, points: np.ndarray) -> np.ndarray:
        """Points (n, 2) of the image on the canvas, float64."""
        return points * self.scale + (self.left, self.top)


def placed(width: int, height: int, window: tuple[int, int]) -> Placed:
    """Where an image of `width` × `height` goes on a canvas of `window` (height, width): as large as fits, centred.

    >>> placed(500, 375, (224, 224))
    Placed(scale=0.448, left=0, top=28, width=224, height=168)
    """
    scale = min(window[0] / height, window[1] / width)
    tall, wide = (max(round(side * scale), 1) for side in (height, width))
    return Placed(scale, (window[1] - wide) // 2, (window[0] - tall) // 2, wide, tall)


def canvas(image: Image.Image, window: tuple[int, int]) -> np.ndarray:
    """uint8 (H, W, 3): an RGB image resized (Lanczos) to fit `window` (height, width), on black."""
    place = placed(image.width, image.height, window)
    found = np.zeros((*window, 3), np.uint8)
    resized = image.resize((place.width, place.height), Image.Resampling.LANCZOS)
    found[place.top : place.top + place.height, place.left : place.left + place.width] = np.asarray(resized)
    return found


@dataclass(frozen=True)
class Grid:
    """The patches of the canvas."""

    rows: int
    columns: int
    patch: tuple[int, int]  # height, width in pixels

    def weights(self, points: np.ndarray) -> Tensor:
        """float32 (n, rows × columns): what each token adds to the enlarged map at points (n, 2).

        Points are rounded to the nearest pixel and kept on the canvas (the paper's code cuts x, and may leave it by y).
        """
        x, y = np.rint(points).astype(np.int64).T
        down = _bilinear(self.rows, self.patch[0])[y.clip(0, self.rows * self.patch[0] - 1)]
        across = _bilinear(self.columns, self.patch[1])[x.clip(0, self.columns * self.patch[1] - 1)]
        return torch.from_numpy((down[:, :, None] * across[:, None]).reshape(len(points), -1)).float()

    def best_pixels(self, likeness: Tensor) -> np.ndarray:
        """(x, y) of the first largest pixel, float64 (..., 2), of token maps (..., rows × columns) enlarged.

        Between two token centres the enlarged map is linear along both axes, so that only the outermost pixels of
        each such cell can be largest: 2K of them along an axis instead of 224.
        """
        downs, across = _corners(self.rows, self.patch[0]), _corners(self.columns, self.patch[1])
        tall, wide = (
            torch.from_numpy(_bilinear(count, patch)[places]).to(likeness)
            for count, patch, places in ((self.rows, self.patch[0], downs), (self.columns, self.patch[1], across))
        )
        large = tall @ likeness.unflatten(-1, (self.rows, self.columns)) @ wide.T
        first = large.flatten(-2).argmax(-1).cpu().numpy()
        return np.stack([across[first % len(across)], downs[first // len(across)]], -1).astype(np.float64)

    def best_tokens(self, likeness: Tensor) -> np.ndarray:
        """(x, y) of the middle of the patch of the first largest token, float64 (..., 2)."""
        row, column = np.divmod(likeness.argmax(-1).cpu().numpy(), self.columns)
        centre = (np.stack([column, row], -1) + 0.5) * self.patch[::-1]
        return centre - 0.5


def likeness(source_LPD: Tensor, target_LPD: Tensor, weights_NP: Tensor) -> Tensor:
    """float32 (L, n, P): similarity of n points of the source with every token of the target, in every layer.

    `weights_NP` mixes the source's tokens at each point; tokens are of unit length, their mixtures are not.
    """
    points_LND = weights_NP.to(source_LPD.device) @ source_LPD.float()
    return points_LND @ target_LPD.float().mT


def correct(found: np.ndarray, truth: np.ndarray, extent: float, *, strict: bool) -> np.ndarray:
    """bool (alpha, ..., n): which of the points found (..., n, 2) lie within alpha × extent of `truth` (n, 2).

    `extent` is the longer side of the target's box in the same pixels. `strict`: nearer than that, as the paper's code
    has it; otherwise at that distance too, as the official evaluation does.
    """
    distance = np.linalg.norm(found - truth, axis=-1)
    limits = [alpha * extent for alpha in ALPHAS]
    return np.stack([distance < limit if strict else distance <= limit for limit in limits])


def _bilinear(count: int, patch: int) -> np.ndarray:
    """float64 (count × patch, count): each pixel of an enlarged row as a mixture of tokens (align_corners=False)."""
    place = np.clip((np.arange(count * patch) + 0.5) / patch - 0.5, 0, count - 1)
    return np.clip(1 - np.abs(place[:, None] - np.arange(count)), 0, 1)


def _corners(count: int, patch: int) -> np.ndarray:
    """The first and the last pixel of every stretch between two token centres, and of the two ends, ascending."""
    cell = np.floor((np.arange(count * patch) + 0.5) / patch - 0.5)
    changes = np.flatnonzero(np.diff(cell)) + 1
    return np.unique(np.concatenate([[0], changes - 1, changes, [count * patch - 1]]))
