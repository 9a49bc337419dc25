"""Dense features: an image enlarged to two windows on its short side, and looked at in tiles.

The tiling of paper section 5.3 and its appendix B.4, to the sizes and the order of the paper's code.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from vitscope.errors import ModelError
from vitscope.models.backbone import Backbone

TILES = 2  # windows that the short side is enlarged to


@dataclass(frozen=True)
class Tiling:
    """How an image is resized and where its tiles lie; all in pixels but `rows` and `columns`."""

    height: int  # of the resized image, a multiple of the patch
    width: int
    window: int  # side of a tile: what the model sees
    patch: tuple[int, int]  # height, width

    @property
    def rows(self) -> int:
        """Rows of the dense grid of tokens."""
        return self.height // self.patch[0]

    @property
    def columns(self) -> int:
        """Columns of the dense grid of tokens."""
        return self.width // self.patch[1]

    @property
    def tops(self) -> tuple[int, ...]:
        """Where rows of tiles begin; the last one is moved up so that it ends with the image."""
        return _starts(self.height, self.window)

    @property
    def lefts(self) -> tuple[int, ...]:
        """Where columns of tiles begin."""
        return _starts(self.width, self.window)

    @property
    def corners(self) -> tuple[tuple[int, int], ...]:
        """(top, left) of every tile, row by row."""
        return tuple(product(self.tops, self.lefts))


def _starts(size: int, window: int) -> tuple[int, ...]:
    """Starts of the ⌈size/window⌉ tiles along one side.

    >>> _starts(784, 224)
    (0, 224, 448, 560)
    """
    return tuple(min(window * tile, size - window) for tile in range(-(-size // window)))


def tiling(height: int, width: int, window: int, patch: tuple[int, int]) -> Tiling:
    """The tiling of an image of `height` × `width` pixels: short side TILES·window, long side down to whole patches.

    Whole numbers throughout, so that no rounding of a quotient costs a token. Raises ValueError for an empty image.

    >>> dense = tiling(480, 854, 224, (16, 16))
    >>> (dense.height, dense.width), (dense.rows, dense.columns)
    ((448, 784), (28, 49))
    """
    if min(height, width) < 1:
        raise ValueError(f"an image of {height} × {width} pixels has no tiles")
    short = TILES * window
    if height <= width:
        return Tiling(short, short * width // (height * patch[1]) * patch[1], window, patch)
    return Tiling(short * height // (width * patch[0]) * patch[0], short, window, patch)


def tiling_for(model: Backbone, height: int, width: int) -> Tiling:
    """The tiling of an image of `height` × `width` pixels for `model`; ModelError unless it sees squares."""
    tall, wide = model.window
    if tall != wide:
        raise ModelError(
            f"{model.model.name} sees {tall}×{wide} pixels, and dense features are made of square tiles: use a square "
            f"--image-size, or no dense features."
        )
    return tiling(height, width, tall, model.geometry.patch)


def tiles(image: Image.Image, layout: Tiling) -> np.ndarray:
    """uint8 (tiles, window, window, 3): `image` resized (bicubic, antialiased) and cut as `layout` says."""
    resized = np.asarray(image.resize((layout.width, layout.height), Image.Resampling.BICUBIC))
    side = layout.window
    return np.stack([resized[top : top + side, left : left + side] for top, left in layout.corners])


def features(model: Backbone, image: Image.Image) -> list[Tensor]:
    """float32 (rows, columns, D) of every layer on the model's device: patch tokens of the whole image, densely.

    `image` is RGB of any size. All tiles go through the model together, in passes of at most `model.batch_size`, and
    every layer comes out of the same pass; where tiles overlap the earlier one wins. Held are the result and one
    layer's tokens of one pass. Raises ModelError for a window that is not square.
    """
    layout = tiling_for(model, image.height, image.width)
    with model.timed("decode"):
        cut = torch.from_numpy(tiles(image, layout))
    corners = layout.corners
    found: list[Tensor] = []
    for start in reversed(range(0, len(corners), model.batch_size)):  # the last tiles first: earlier ones cover them
        places = corners[start : start + model.batch_size]

        def paste(layer: int, tokens_BTD: Tensor, places: tuple[tuple[int, int], ...] = places) -> None:
            if layer == len(found):
                found.append(tokens_BTD.new_empty(layout.rows, layout.columns, tokens_BTD.shape[-1], dtype=torch.float))
            _paste(found[layer], tokens_BTD[:, len(model.geometry.prefix) :], places, layout)

        model.run(cut[start : start + model.batch_size], on_features=paste)
    return found


def _paste(whole: Tensor, tokens_BPD: Tensor, places: tuple[tuple[int, int], ...], layout: Tiling) -> None:
    """Write the patch tokens of some tiles over (rows, columns, D), the last tile first."""
    rows, columns = (layout.window // edge for edge in layout.patch)
    for (top, left), tokens_PD in reversed(list(zip(places, tokens_BPD, strict=True))):
        row, column = top // layout.patch[0], left // layout.patch[1]
        whole[row : row + rows, column : column + columns] = tokens_PD.reshape(rows, columns, -1)
