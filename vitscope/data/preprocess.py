"""How a decoded image becomes the crop that a model sees, as a value that is part of a run's identity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from vitscope.data.pixels import Unreadable, crop

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Preprocess:
    """The steps from image to crop. The default is that of the paper's code, the same for every model."""

    share: float = 1.0  # the crop's sides over those of what the image is resized to; timm's crop_pct
    resampling: str = "bicubic"  # a name of PIL.Image.Resampling in small letters
    squeeze: bool = False  # the image takes on the crop's shape; timm's crop mode squash
    thumbnail: int | None = None  # first shrunk, with Lanczos, to a long side of at most so many pixels (for retrieval)

    @property
    def words(self) -> str:
        """The steps in words, which stand in a run's Spec: different steps, different words.

        >>> Preprocess().words, Preprocess(share=0.9).words
        ('short side, bicubic, centre crop', 'short side / 0.9, bicubic, centre crop')
        """
        first = "" if self.thumbnail is None else f"long side at most {self.thumbnail} (Lanczos), "
        over = "" if self.share == 1 else f" / {self.share:g}"
        return f"{first}{'both sides' if self.squeeze else 'short side'}{over}, {self.resampling}, centre crop"

    def apply(self, image: Image.Image, size: tuple[int, int], box: Box | None = None) -> np.ndarray:
        """The crop of `size` (height, width) of an RGB image: (H, W, 3), uint8.

        Of `box` (left, top, right, bottom in pixels, rounded), nothing outside is looked at. Raises Unreadable when
        no pixel of the image is inside it.
        """
        part = image if box is None else _inside(image, box)
        if self.thumbnail is not None:
            part = part.copy()
            part.thumbnail((self.thumbnail, self.thumbnail), Image.Resampling.LANCZOS)
        resampling = Image.Resampling[self.resampling.upper()]
        return crop(part, size, share=self.share, resampling=resampling, squeeze=self.squeeze)


def _inside(image: Image.Image, box: Box) -> Image.Image:
    """The part of `image` in `box`."""
    left, top, right, bottom = (round(edge) for edge in box)
    left, top, right, bottom = max(left, 0), max(top, 0), min(right, image.width), min(bottom, image.height)
    if left >= right or top >= bottom:
        raise Unreadable(f"its box holds no pixel of the image, which is {image.width} × {image.height}")
    return image.crop((left, top, right, bottom))
