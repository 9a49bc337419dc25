"""Peak memory of an extraction at 200 and at 800 images: it must not grow with the number of images.

    python -m tests.benchmarks.bench_memory [--model random/vit_tiny_patch16_224] [--few 200] [--many 800]

Each extraction is a process of its own; the peak is the operating system's (ru_maxrss).
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from vitscope import catalog
from vitscope.run.extract import Request, extract
from vitscope.spec import Resources


class Silent:
    def tell(self, sentence: str) -> None:
        """Nobody is listening."""

    def warn(self, sentence: str) -> None:
        """Nobody is listening."""

    def progress(self, done: int, total: int) -> None:
        """Nobody is watching."""


def run(model: str, images: Path, limit: int, cache: Path) -> int:
    """Extract `limit` images with every metric; peak memory of this process in KiB."""
    extract(
        Request(model=model, data=images, limit=limit, metrics=tuple(catalog.METRICS)), Resources(), cache, Silent()
    )
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def draw(folder: Path, count: int) -> None:
    """So many JPEG files of enlarged noise."""
    folder.mkdir()
    generator = np.random.default_rng(0)
    for number in range(count):
        noise = generator.integers(0, 256, (24, 32, 3), dtype=np.uint8)
        Image.fromarray(noise).resize((320, 240)).save(folder / f"{number:04}.jpg")


def main() -> None:
    """Print both peaks and their ratio."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="random/vit_tiny_patch16_224")
    parser.add_argument("--few", type=int, default=200)
    parser.add_argument("--many", type=int, default=800)
    parser.add_argument("--run", nargs=3, metavar=("IMAGES", "LIMIT", "CACHE"))
    options = parser.parse_args()
    if options.run:
        print(run(options.model, Path(options.run[0]), int(options.run[1]), Path(options.run[2])))
        return
    with tempfile.TemporaryDirectory() as folder:
        images = Path(folder) / "images"
        draw(images, options.many)
        peaks = [
            _peak(options.model, images, limit, Path(folder) / str(limit)) for limit in (options.few, options.many)
        ]
    print(f"{options.model}: {peaks[0] / 1024:.0f} MiB at {options.few} images, {peaks[1] / 1024:.0f} MiB at "
          f"{options.many}; ratio {peaks[1] / peaks[0]:.3f}")  # fmt: skip


def _peak(model: str, images: Path, limit: int, cache: Path) -> int:
    command = [sys.executable, "-m", "tests.benchmarks.bench_memory", "--model", model, "--run"]
    found = subprocess.run([*command, str(images), str(limit), str(cache)], capture_output=True, text=True, check=True)
    return int(found.stdout)


if __name__ == "__main__":
    main()
