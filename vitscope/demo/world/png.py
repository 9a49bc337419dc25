"""PNG files whose bytes are the same on every machine.

Compressors differ between zlib versions and JPEG encoders between processors, so pictures are stored in a PNG without
compression.  They keep the names of the real data sets (`.JPEG`, `.jpg`); like every reader of ImageNet, which itself
holds a PNG called `n02105855_2933.JPEG`, a reader must look at the content.
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

_STORED = 65535
"""The longest stored block that deflate allows, in bytes."""


def voc_palette() -> np.ndarray:
    """The 256 colours of PASCAL VOC and DAVIS, uint8 [256, 3]: bits 0, 3, 6 of an index make red's highest bits."""
    index = np.arange(256)
    colours = np.zeros((256, 3), np.int64)
    for level in range(8):
        for channel in range(3):
            colours[:, channel] |= (index >> (3 * level + channel) & 1) << (7 - level)
    return colours.astype(np.uint8)


def write_png(path: Path, pixels: np.ndarray, *, palette: np.ndarray | None = None) -> None:
    """Write uint8 pixels: [h, w, 3] colours, or [h, w] indices into a palette [256, 3], or [h, w] grey."""
    height, width = pixels.shape[:2]
    kind = 2 if pixels.ndim == 3 else 0 if palette is None else 3
    rows = np.zeros((height, 1 + width * (3 if kind == 2 else 1)), np.uint8)
    rows[:, 1:] = pixels.reshape(height, -1)
    content = b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0))
    if palette is not None:
        content += _chunk(b"PLTE", palette.tobytes())
    path.write_bytes(content + _chunk(b"IDAT", _stored(rows.tobytes())) + _chunk(b"IEND", b""))


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def _stored(content: bytes) -> bytes:
    blocks = [b"\x78\x01"]
    for start in range(0, len(content), _STORED):
        piece = content[start : start + _STORED]
        last = start + _STORED >= len(content)
        blocks.append(struct.pack("<BHH", last, len(piece), len(piece) ^ 0xFFFF) + piece)
    return b"".join(blocks) + struct.pack(">I", zlib.adler32(content))
