"""Writers of image files of every kind, out of one small picture; nothing binary is kept in git."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image

WIDTH, HEIGHT = 32, 24
CORNERS = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255))  # upper left, upper right, lower left, lower right


def quadrants() -> np.ndarray:
    """A picture (24, 32, 3), uint8, whose quarters are red, green, blue and white: turned, it differs."""
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    for corner, colour in enumerate(CORNERS):
        row, column = divmod(corner, 2)
        picture[row * HEIGHT // 2 :, column * WIDTH // 2 :] = colour
    return picture


def greys() -> np.ndarray:
    """The same quarters in grey (24, 32), uint8: 0, 80, 160, 255."""
    picture = np.zeros((HEIGHT, WIDTH), np.uint8)
    for corner, grey in enumerate((0, 80, 160, 255)):
        row, column = divmod(corner, 2)
        picture[row * HEIGHT // 2 :, column * WIDTH // 2 :] = grey
    return picture


def corners(image: Image.Image) -> np.ndarray:
    """The colours in the middle of the four quarters, (4, 3), int."""
    picture = np.asarray(image).astype(int)
    rows, columns = picture.shape[0] // 4, picture.shape[1] // 4
    return np.array([picture[row, column] for row in (rows, 3 * rows) for column in (columns, 3 * columns)])


def colour() -> Image.Image:
    """`quadrants` as an image."""
    return Image.fromarray(quadrants())


def grey() -> Image.Image:
    """`greys` as an image."""
    return Image.fromarray(greys())


def frames() -> tuple[Image.Image, list[Image.Image]]:
    """A first frame and two others, all black."""
    return colour(), [Image.new("RGB", (WIDTH, HEIGHT))] * 2


def animation(path: Path) -> None:
    """Several frames in any format that can hold them."""
    first, others = frames()
    first.save(path, save_all=True, append_images=others, lossless=True)


def multipage(path: Path) -> None:
    """A TIFF with several pages."""
    first, others = frames()
    first.save(path, save_all=True, append_images=others)


def multipicture(path: Path) -> None:
    """A JPEG with several pictures, as cameras with two lenses write."""
    first, others = frames()
    first.save(path, format="MPO", save_all=True, append_images=others, quality=95, subsampling=0)


def gif(path: Path) -> None:
    """A GIF under another suffix."""
    first, others = frames()
    first.save(path, format="GIF", save_all=True, append_images=others)


IN_COLOUR: dict[str, Callable[[Path], None]] = {
    "plain.jpg": lambda path: colour().save(path, quality=95, subsampling=0),
    "progressive.JPEG": lambda path: colour().save(path, format="JPEG", quality=95, subsampling=0, progressive=True),
    "cmyk.jpg": lambda path: colour().convert("CMYK").save(path, quality=95),
    "pictures.jpg": multipicture,
    "plain.png": lambda path: colour().save(path),
    "interlaced.PNG": lambda path: colour().save(path, format="PNG", interlace=True),
    "palette.png": lambda path: colour().quantize(4).save(path),
    "opaque.png": lambda path: colour().convert("RGBA").save(path),
    "animated.png": animation,
    "really-a.png": lambda path: colour().save(path, format="JPEG", quality=95, subsampling=0),
    "gif.png": gif,
    "lossy.webp": lambda path: colour().save(path, quality=95),
    "lossless.webp": lambda path: colour().save(path, lossless=True),
    "animated.webp": animation,
    "plain.bmp": lambda path: colour().save(path),
    "palette.bmp": lambda path: colour().quantize(4).save(path),
    "plain.tif": lambda path: colour().save(path),
    "packed.tiff": lambda path: colour().save(path, compression="tiff_lzw"),
    "cmyk.tif": lambda path: colour().convert("CMYK").save(path),
    "pages.tif": multipage,
    "plain.ppm": lambda path: colour().save(path),
}
IN_GREY: dict[str, Callable[[Path], None]] = {
    "grey.jpg": lambda path: grey().save(path, quality=95),
    "grey.png": lambda path: grey().save(path),
    "grey-alpha.png": lambda path: grey().convert("LA").save(path),
    "16.png": lambda path: Image.fromarray(greys().astype(np.uint16) * 257).save(path),
    "16.tif": lambda path: Image.fromarray(greys().astype(np.uint16) * 257).save(path),
    "16-big-endian.tif": lambda path: Image.fromarray(greys().astype(">u2") * np.array(257, ">u2")).save(path),
    "16.pgm": lambda path: path.write_bytes(
        b"P5 32 24 65535\n" + (greys().astype(">u2") * 257).astype(">u2").tobytes()
    ),
    "32-of-8.tif": lambda path: Image.fromarray(greys().astype(np.int32)).save(path),
    "32-of-16.tif": lambda path: Image.fromarray(greys().astype(np.int32) * 257).save(path),
    "32.tif": lambda path: Image.fromarray(greys().astype(np.int32) * 8_000_000 - 900_000_000).save(path),
    "float-of-1.tif": lambda path: Image.fromarray(greys().astype(np.float32) / 255).save(path),
    "float-of-8.tif": lambda path: Image.fromarray(greys().astype(np.float32)).save(path),
    "float.tif": lambda path: Image.fromarray(greys().astype(np.float32) * 1e6 - 1e7).save(path),
    "grey.bmp": lambda path: grey().save(path),
    "grey.webp": lambda path: grey().save(path, lossless=True),
    "plain.pgm": lambda path: grey().save(path),
}


def lab(path: Path) -> None:
    """CIE L*a*b*."""
    from PIL import ImageCms

    to_lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
    ImageCms.applyTransform(colour(), to_lab).save(path)


def turned(path: Path, orientation: int) -> np.ndarray:
    """Write `quadrants` as a camera held in one of eight ways does, with the tag that says so; gives what is stored."""
    upright = quadrants()
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.swapaxes(0, 1),
        6: np.rot90(upright, 1),
        7: np.rot90(upright, 2).swapaxes(0, 1),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    lossless = {"lossless": True} if path.suffix == ".webp" else {}
    Image.fromarray(np.ascontiguousarray(stored)).save(path, exif=exif, **lossless)
    return stored


def claim_png(path: Path, width: int, height: int) -> None:
    """A PNG of a few bytes that says it has width × height pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(1000))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b""))
