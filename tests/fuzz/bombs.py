"""Small files that ask for endless memory. `python -m tests.fuzz.bombs FOLDER` reads each under a limit.

Prints JSON: what was said of each, and by how many MiB the process grew at most while it was read.
"""

from __future__ import annotations

import io
import json
import pickle
import resource
import struct
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import torch

from tests.data import trees
from tests.fuzz import readers
from vitscope.data.davis import read_mask
from vitscope.data.pixels import Unreadable, decode
from vitscope.errors import VitscopeError

ROOM = 1 << 30  # bytes that may be taken besides what the program took before


def png(width: int, height: int) -> bytes:
    """The header of a grey picture, and a few of its rows."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = chunk(b"IDAT", zlib.compress(bytes(width + 1)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + rows + chunk(b"IEND", b"")


def npy(shape: tuple[int, ...]) -> bytes:
    """The header of an array of float64 without what it claims."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "<f8", "fortran_order": False, "shape": shape})
    return file.getvalue()


def packed(name: str, content: bytes, times: int) -> bytes:
    """An archive with one entry that repeats `content`."""
    file = io.BytesIO()
    with (
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open(name, "w", force_zip64=True) as entry,
    ):
        for _ in range(times):
            entry.write(content)
    return file.getvalue()


def saved(value: object) -> bytes:
    """What torch.save makes of it."""
    file = io.BytesIO()
    torch.save(value, file)
    return file.getvalue()


def header(length: int) -> bytes:
    """A safetensors file that claims a header of so many bytes."""
    return length.to_bytes(8, "little") + b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}' + bytes(8)


def claims(shape: list[int]) -> bytes:
    """A safetensors file with a tensor of a shape that its bytes do not fill."""
    text = json.dumps({"a": {"dtype": "F32", "shape": shape, "data_offsets": [0, 4]}}).encode()
    return len(text).to_bytes(8, "little") + text + bytes(4)


def rows(count: int) -> bytes:
    """A parquet file of the same row over and over."""
    image = pyarrow.array([{"bytes": b"", "path": "x"}])
    table = pyarrow.table({"image": image.take(pyarrow.array(np.zeros(count, np.int32))),
                           "label": pyarrow.array(np.zeros(count, np.int64))})  # fmt: skip
    file = io.BytesIO()
    pyarrow.parquet.write_table(table, file, compression="zstd")
    return file.getvalue()


def runs(counts: object, side: int = 6) -> bytes:
    """Annotations with one region in run lengths."""
    content = trees.annotations()
    content["annotations"][1]["segmentation"] = {"size": [side, 8], "counts": counts}
    return json.dumps(content).encode()


DEEP = b"[" * 100_000 + b"]" * 100_000
BOMBS: dict[str, Callable[[], tuple[str, bytes]]] = {
    "json-deep": lambda: ("coco", DEEP),
    "json-integer": lambda: ("coco", b'{"images": ' + b"9" * 100_000 + b"}"),
    "run.json-deep": lambda: ("sealed-json", DEEP),
    "settings-deep": lambda: ("settings", b"a = " + DEEP),
    "settings-integer": lambda: ("settings", b"workers = " + b"9" * 100_000),
    "memory-deep": lambda: ("memory", DEEP),
    "config-deep": lambda: ("config.json", DEEP),
    "config-large": lambda: ("config.json", b'{"model_type": "vit", "num_hidden_layers": 1000000000}'),
    "config-timm": lambda: ("config.json", b'{"architecture": "vit_tiny_patch16_224", "model_args": {"embed_dim": 1e12}}'),
    "array-claims": lambda: ("array", npy((10**9, 10**9))),
    "npz-claims": lambda: ("npz", packed("a.npy", npy((10**6, 10**6)), 1)),
    "npz-packed": lambda: ("npz", packed("a.npy", bytes(1 << 20), 600)),
    "torch-packed": lambda: ("torch", packed("archive/data.pkl", bytes(1 << 20), 600)),
    "torch-stretched": lambda: ("torch", saved({"a": torch.zeros(1).expand(10**6, 10**6)})),
    "torch-sparse": lambda: ("torch", saved({"a": torch.sparse_coo_tensor(torch.tensor([[0]]), torch.ones(1), (10**12,))})),
    "safetensors-header": lambda: ("safetensors", header(1 << 60)),
    "safetensors-claims": lambda: ("safetensors", claims([1 << 40, 1 << 20])),
    "state-header": lambda: ("shard-state", header(1 << 60)),
    "gnd-length": lambda: ("gnd", b"\x80\x02X\xff\xff\xff\x7fabc."),
    "gnd-number": lambda: ("gnd", b"\x80\x02]r\xff\xff\xff\x7f."),
    "gnd-laughs": lambda: ("gnd", pickle.dumps({**trees.TRUTH, "imlist": laughs()}, protocol=2)),
    "parquet-rows": lambda: ("parquet", rows(3_000_000)),
    "runs-many": lambda: ("coco", runs([0] * 1_000_000)),
    "runs-packed": lambda: ("coco", runs("0" * 1_000_000)),
    "runs-large": lambda: ("coco", runs([10**18, -(10**18) + 48])),
}  # fmt: skip
PICTURES = {"png-60000": png(60_000, 60_000), "png-long": png(2**31 - 1, 1)}


def laughs() -> object:
    """Lists of lists of lists, each twice in the next: small in a pickle, endless when written out."""
    found: object = "x"
    for _ in range(60):
        found = [found, found]
    return found


def grown(before: int) -> int:
    """MiB by which the process is larger than it ever was before."""
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10


def main(folder: Path) -> None:
    """Read all of them."""
    made = {name: make() for name, make in BOMBS.items()}
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + ROOM, resource.RLIM_INFINITY))
    said: dict[str, tuple[str, int]] = {}
    for name, (reader, content) in made.items():
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        said[name] = readers.run(reader, content), grown(peak)
    for name, content in PICTURES.items():
        path = folder / f"{name}.png"
        path.write_bytes(content)
        for reader, read in (("image", decode), ("mask", read_mask)):
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            try:
                read(path)
                found = ""
            except (Unreadable, VitscopeError) as error:
                found = str(error)
            said[f"{name}-{reader}"] = found, grown(peak)
    readers.clear()
    print(json.dumps(said))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
