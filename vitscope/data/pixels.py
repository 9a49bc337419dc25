"""A file → an RGB image → the crop that a model sees.

Everything that is not 8-bit RGB becomes it in one stated way: transparency over white, 16 bits scaled by 1/257, other
depths by their range. Colour profiles are not applied, as neither the paper's code nor timm applies them.
"""

from __future__ import annotations

import errno
import io
import logging
import threading
import time
import warnings
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from vitscope.data import parquet

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "DIB", "TIFF", "PPM", "GIF")  # by content; EPS would start a program
MAX_PIXELS = 178_956_970  # where Pillow speaks of a decompression bomb
STRIP = 32  # in crops
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # what undoes each EXIF orientation

PASSING = {errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EAGAIN, errno.EMFILE, errno.ENFILE, errno.ENOMEM}
"""Errors of the system that say nothing of the file, and may pass."""
PAUSE = 0.1  # seconds after which a file is asked for again where the system's error may pass

logging.getLogger("PIL").addHandler(logging.NullHandler())  # else Python prints what Pillow logs about broken files


class Silence:
    """Pillow's warnings (odd tags, large images) are neither printed nor raised while any thread is inside.

    Python's list of warning filters belongs to all threads, so the first to enter changes it and the last restores it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._filters = warnings.catch_warnings()

    def __enter__(self) -> None:
        with self._lock:
            self._inside += 1
            if self._inside == 1:
                self._filters = warnings.catch_warnings()
                self._filters.__enter__()
                warnings.filterwarnings("ignore", module=r"PIL\.")

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._filters.__exit__(None, None, None)


quiet = Silence()


class Unreadable(Exception):
    """An image that cannot be measured; `reason` says why in a few words, for the list of skipped files.

    `lost`: it was not the file's content, but the system that would not hand it out.
    """

    def __init__(self, reason: str, *, lost: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.lost = reason, lost


def decode(path: Path, *, orient: bool = True) -> Image.Image:
    """The image in `path` as 8-bit RGB, the first one if there are several; `path` may lead into a parquet file.

    `orient` turns it upright as its EXIF orientation says (Pillow does so with TIFF in any case). Raises Unreadable
    for a file that is missing, cut short, damaged, not an image, or of more than MAX_PIXELS pixels; those are refused
    before they are decoded. Nothing is printed, but for what libtiff itself writes to stderr about damaged TIFF files.
    """
    try:
        try:
            return _decoded(path, orient=orient)
        except OSError as error:
            if error.errno not in PASSING:
                raise
            time.sleep(PAUSE)
            return _decoded(path, orient=orient)
    except Unreadable:
        raise
    except Exception as error:  # decoders raise any class on damaged files, and one bad file must not end a run
        lost = isinstance(error, OSError) and error.errno is not None
        raise Unreadable(_reason(path, error), lost=lost) from None


def _decoded(path: Path, *, orient: bool) -> Image.Image:
    """`decode`, but for what is raised, which may be anything."""
    source = io.BytesIO(parquet.image(path)) if parquet.holds(path) else path
    with quiet, Image.open(source, formats=FORMATS) as image:
        if image.width * image.height > MAX_PIXELS:
            raise Unreadable(_too_large(image))
        image.load()
        turn = _turn(image) if orient else None
        return _rgb(image) if turn is None else _rgb(image).transpose(turn)


def crop(
    image: Image.Image,
    size: tuple[int, int],
    *,
    share: float = 1.0,
    resampling: Image.Resampling = Image.Resampling.BICUBIC,
    squeeze: bool = False,
) -> np.ndarray:
    """The largest centred part of `image` with the shape of `size`, resampled to it: (H, W, 3), uint8, writable.

    `size` is (height, width) in pixels. The image is resized with antialiasing so that the crop just fits, then
    cropped: for squares exactly torchvision's Resize(S, BICUBIC) and CenterCrop(S). With a `share` below 1 the image is
    resized to cover `size` / `share`, of which the crop is the middle; `squeeze` gives up the image's shape for that of
    `size`: as timm's evaluation transforms do it (`crop_pct`, and crop mode squash). An image longer than STRIP crops
    is cropped and resized in one step, which takes no memory for its length and differs only in rounding.
    """
    height, width = size
    whole = _whole(image, (int(height / share), int(width / share)), squeeze=squeeze)
    left, top = round((whole[0] - width) / 2), round((whole[1] - height) / 2)
    if whole[0] * whole[1] > STRIP * width * height:
        across, down = image.width / whole[0], image.height / whole[1]
        right, bottom = min((left + width) * across, image.width), min((top + height) * down, image.height)
        return np.array(image.resize((width, height), resampling, box=(left * across, top * down, right, bottom)))
    resized = image.resize(whole, resampling)
    return np.array(resized.crop((left, top, left + width, top + height)))


def _whole(image: Image.Image, cover: tuple[int, int], *, squeeze: bool) -> tuple[int, int]:
    """Width and height of the resized image that covers `cover` (height, width), or is of just that shape."""
    height, width = cover
    if squeeze:
        return width, height
    if width * image.height >= height * image.width:
        return width, int(width * image.height / image.width)
    return int(height * image.width / image.height), height


def _turn(image: Image.Image) -> Image.Transpose | None:
    """What turns `image` upright; a tag that cannot be read says nothing."""
    try:
        return UPRIGHT.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # as above: the pixels are fine, only what is written beside them is damaged
        return None


def _rgb(image: Image.Image) -> Image.Image:
    """A loaded image of any mode as RGB."""
    if image.mode.startswith(("I", "F")):
        return Image.fromarray(_eight_bits(image)).convert("RGB")
    if image.has_transparency_data:
        over = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), over).convert("RGB")
    return image.convert("RGB")


def _eight_bits(image: Image.Image) -> np.ndarray:
    """One channel of 16-bit integers, 32-bit integers or floats as uint8.

    16-bit files span 0..65535. TIFF says no range for the others: values within 0..1 (floats only), 0..255 or 0..65535
    (integers only) are taken to span it, all others are stretched from their least to their greatest value.
    """
    values = np.nan_to_num(np.array(image, dtype=np.float64), copy=False, posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format in ("PNG", "PPM")):
        low, high = 0.0, 65535.0
    elif low >= 0 and high <= 255:
        low, high = 0.0, 1.0 if image.mode == "F" and high <= 1 else 255.0
    elif low >= 0 and high <= 65535 and image.mode == "I":
        low, high = 0.0, 65535.0
    values -= low
    values *= 255.0 / ((high - low) or 1.0)
    return np.rint(values, out=values).astype(np.uint8)


def _too_large(image: Image.Image) -> str:
    return f"too large: {image.width} × {image.height} pixels, at most {MAX_PIXELS:,} are decoded"


def _reason(path: Path, error: Exception) -> str:
    """A few words for whatever opening or decoding `path` raised."""
    if isinstance(error, UnidentifiedImageError):
        return (
            "the file is empty" if path.is_file() and not path.stat().st_size else "no image, or its header is damaged"
        )
    if isinstance(error, Image.DecompressionBombError):
        return f"too large: at most {MAX_PIXELS:,} pixels are decoded"
    if isinstance(error, MemoryError):
        return "decoding it takes more memory than there is"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    text = str(error) or type(error).__name__
    return "the file is cut short" if "truncated" in text.lower() else f"damaged: {text}"
