"""What one pass for all layers saves: a task of units, against the same task with the backbone run anew for each layer.

    python -m tests.benchmarks.bench_tasks [--model random/demo-fs] [--images 8] [--rounds 5] [--clock wall|cpu]

The paper's code takes one layer a run (`--blk b`), so that a sweep repeats the backbone for each. Rows: pooled vectors
of regions in dense tiles, and vectors of one crop; the ratio is the median over rounds of (sweep) / (one pass).
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from PIL import Image

from tests.tasks import backbones
from vitscope.models.backbone import Backbone
from vitscope.tasks import dense
from vitscope.tasks.regions import pooled

Work = Callable[[Backbone, list[Image.Image], range], None]
REGIONS = 7  # of an image, about as many as COCO has
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


def pictures(count: int) -> list[Image.Image]:
    """Noise of COCO's commonest size."""
    rng = np.random.default_rng(0)
    return [Image.fromarray(rng.integers(0, 256, (480, 640, 3), dtype=np.uint8)) for _ in range(count)]


def of_tiles(model: Backbone, images: list[Image.Image], layers: range) -> None:
    """Regions of some layers of every image, from dense tiles."""
    for image in images:
        found = dense.features(model, image)
        tokens = [found[layer] for layer in layers]
        weights = np.full((REGIONS, *tokens[0].shape[:2]), 1 / tokens[0][..., 0].numel())
        pooled(tokens, weights)


def of_crops(model: Backbone, images: list[Image.Image], layers: range) -> None:
    """CLS and mean patch of some layers of every image, from one crop."""
    crops = np.stack([np.asarray(image.resize(model.window[::-1])) for image in images])
    found = model.features(torch.from_numpy(crops))
    for layer in layers:
        found[layer][:, 0].clone()
        found[layer][:, 1:].mean(1)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--model", default="random/demo-fs")
    parser.add_argument("--images", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    options = parser.parse_args()
    model, images, clock = backbones.named(options.model), pictures(options.images), CLOCKS[options.clock]
    works: dict[str, Callable[[Backbone, list[Image.Image], range], None]] = {
        "dense tiles": of_tiles,
        "one crop": of_crops,
    }
    print(f"{options.model}: {model.layers} layers, {options.images} images, {torch.get_num_threads()} threads")
    for name, work in works.items():
        ratios, once = [], []
        for _ in range(options.rounds):
            start = clock()
            work(model, images, range(model.layers))
            middle = clock()
            for layer in range(model.layers):
                work(model, images, range(layer, layer + 1))
            end = clock()
            once.append(middle - start)
            ratios.append((end - middle) / (middle - start))
        print(f"{name:12} one pass {statistics.median(once):6.2f} s, a run a layer {statistics.median(ratios):5.2f} ×")


if __name__ == "__main__":
    main()
