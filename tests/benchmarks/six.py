"""A synthetic cache of six ViT-B/16: 12 × 12 heads, 197 tokens, 8 gallery images, Gram blocks of 5,000 images.

    with six.cache(None) as folder: ...       # a temporary one
    with six.cache(Path("six")) as folder: ...   # kept there; written only where there is nothing yet

One takes about five seconds to write and 150 MB.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from tests import synthetic
from vitscope.store.lock import lock
from vitscope.store.reader import load_run
from vitscope.store.writer import Measured, RunWriter

MODELS = ("fs", "clip", "dino", "moco", "mae", "beit")
LAYERS, HEADS, GALLERY = 12, 12, 8
IMAGES, SIZE = 5000, 32  # of the Gram blocks
SIZES = ("80x24", "120x40", "200x50")
DEPTHS = ("256", "truecolor")


def write(cache: Path, *, layers: int = LAYERS, gallery: int = GALLERY) -> None:
    """Write the six into `cache`."""
    for seed, model in enumerate(MODELS):
        folder = synthetic.write(
            cache, layers=layers, heads=HEADS, grid=(14, 14), images=max(4, gallery), gallery=gallery, block=4,
            model=model, seed=seed,
        )  # fmt: skip
        put_grams(folder, seed)


def put_grams(folder: Path, seed: int) -> None:
    """Gram blocks of IMAGES images in place of a run's own; they are invented, their size is what counts."""
    run = load_run(folder)
    facts = {name: value for name, value in run.facts.items() if name not in {"format", "sha256"}}
    blocks = -(-IMAGES // SIZE)
    rng = np.random.default_rng(seed)
    places = np.full(blocks * SIZE, -1)
    places[:IMAGES] = np.arange(IMAGES)
    arrays = {"places": Measured(places.reshape(blocks, SIZE), ("block", "image"), "1")}
    for name in ("all", "spatial", "cls"):
        rows = rng.normal(size=(run.geometry.layers, blocks, SIZE, 2 * SIZE)).astype(np.float32)
        grams = rows @ rows.transpose(0, 1, 3, 2)
        grams[:, -1, IMAGES % SIZE :] = np.nan
        grams[:, -1, :, IMAGES % SIZE :] = np.nan
        arrays[name] = Measured(grams, ("layer", "block", "image", "other"), "1")
    writer = RunWriter(folder.parent, run.spec, facts)
    with lock(writer.folder):
        writer.put_result("grams", 1, arrays, IMAGES, {})


@contextmanager
def cache(folder: Path | None) -> Iterator[Path]:
    """The cache in `folder`, in which the six are written where it holds nothing; None: a temporary one of the six."""
    with tempfile.TemporaryDirectory() as temporary:
        found = folder or Path(temporary)
        if not found.is_dir() or not any(found.iterdir()):
            found.mkdir(parents=True, exist_ok=True)
            write(found)
        yield found


def arguments(parser: argparse.ArgumentParser) -> None:
    """Which cache, sizes and depths of colour to measure, and how to print: alike for all benchmarks here."""
    parser.add_argument(
        "--cache", type=Path, help="measure on this cache; the synthetic one is written into an empty one"
    )
    parser.add_argument("--size", action="append", help="columns x rows; more than once: several (default: 120x40)")
    parser.add_argument("--colours", action="append", choices=["truecolor", "256", "16", "mono"], help="default: 256")
    parser.add_argument(
        "--all", action="store_true", help=f"all sizes ({', '.join(SIZES)}) and depths ({', '.join(DEPTHS)})"
    )
    parser.add_argument("--markdown", action="store_true", help="print a table for the documentation")


def chosen(options: argparse.Namespace) -> tuple[list[tuple[int, int]], list[str]]:
    """Sizes as (columns, rows), and depths of colour."""
    sizes = options.size or (SIZES if options.all else ("120x40",))
    depths = options.colours or (DEPTHS if options.all else ("256",))
    return [(int(columns), int(rows)) for columns, _, rows in (size.partition("x") for size in sizes)], list(depths)
