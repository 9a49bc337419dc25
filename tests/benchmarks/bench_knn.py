"""k-NN of one layer over a gallery of ImageNet's size on disk: memory, and time beside a plain matrix product.

    python -m tests.benchmarks.bench_knn [--gallery 1281167] [--width 768] [--queries 512] [--folder DIR]

Rows are float16 noise in a file of 2 GB in DIR; where the disk has no room the gallery is smaller, and that is said.
The plain product multiplies as many queries with as many rows in float32, tile by tile, one tile of the gallery over
and over: nothing is read, normalised, sorted or kept. Times are those of the processor, all threads together, so that
other work on the machine changes them little; the clock's are beside them. Memory is the operating system's peak
(ru_maxrss) of the search. With few queries reading and normalising the gallery weighs most: more of them bring the
ratio down.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from vitscope.tasks.nearest import SIZES, nearest, unit_rows
from vitscope.tasks.votes import hits

CLASSES, K, BLOCK = 1000, 200, 16384


def main() -> None:
    """Print what the search took, and what the product alone takes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--gallery", type=int, default=1_281_167)
    parser.add_argument("--width", type=int, default=768)
    parser.add_argument("--queries", type=int, default=512)
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        room = int(0.9 * shutil.disk_usage(folder).free) // (2 * options.width)
        count = min(options.gallery, room)
        if count < options.gallery:
            print(f"the disk has room for {count} rows only, not {options.gallery}")
        path = Path(folder) / "gallery.f16"
        write(path, count, options.width)
        before = peak()
        took, first = timed(lambda: search(path, count, options.width, options.queries))
        after = peak()
    plain, _ = timed(lambda: product(count, options.width, options.queries))
    print(f"{options.queries} queries, {count} × {options.width} rows, k = {K}, {torch.get_num_threads()} threads")
    print(f"search {took[0]:.1f} s, plain product {plain[0]:.1f} s, ratio {took[0] / plain[0]:.2f}", end="; ")
    print(f"by the clock {took[1]:.1f} s and {plain[1]:.1f} s; right by chance {first:.4f}")
    print(f"peak {after:.0f} MiB, {after - before:.0f} MiB above what was there before")


def write(path: Path, count: int, width: int) -> None:
    """Noise, float16, a block at a time."""
    generator = np.random.default_rng(0)
    with path.open("wb") as file:
        for start in range(0, count, BLOCK):
            shape = (min(BLOCK, count - start), width)
            file.write(generator.standard_normal(shape, np.float32).astype(np.float16).tobytes())


def search(path: Path, count: int, width: int, queries: int) -> float:
    """The share of `queries` whose class is first, labels being noise as well."""
    generator = np.random.default_rng(1)
    gallery_labels, labels = generator.integers(0, CLASSES, count), generator.integers(0, CLASSES, queries)
    rows = generator.standard_normal((queries, width), np.float32)
    sizes, right = SIZES["cpu"], 0

    def read(start: int, stop: int) -> np.ndarray:
        found = np.fromfile(path, np.float16, (stop - start) * width, offset=2 * width * start)
        return found.reshape(-1, width)

    unit = unit_rows(rows, torch.device("cpu"))
    found = nearest(unit, read, count, K, sizes, lambda _rows: None)
    for start in range(0, queries, sizes.queries):
        part = slice(start, start + sizes.queries)
        voted = gallery_labels[found.places_QK[part]]
        right += hits(found.similarity_QK[part], voted, labels[part], CLASSES, 0.07, empty=False)[0]
    return right / queries


def product(count: int, width: int, queries: int) -> None:
    """The same multiplications and nothing else."""
    sizes = SIZES["cpu"]
    gallery, asked = torch.randn(sizes.gallery, width), torch.randn(min(queries, sizes.queries), width)
    out = torch.empty(len(asked), sizes.gallery)
    for _ in range(0, queries, sizes.queries):
        for start in range(0, count, sizes.gallery):
            size = min(sizes.gallery, count - start)
            torch.mm(asked, gallery[:size].T, out=out[:, :size]) if size == sizes.gallery else asked @ gallery[:size].T


def timed(work: Callable[[], float | None]) -> tuple[tuple[float, float], float]:
    """Seconds of the processor and of the clock, and what `work` gave."""
    processor, clock = time.process_time(), time.perf_counter()
    found = work()
    return (time.process_time() - processor, time.perf_counter() - clock), found or 0.0


def peak() -> float:
    """The largest memory of this process so far, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
