"""What measuring costs: extraction against the bare fused forward of the same batches, in turn, in one process.

    python -m tests.benchmarks.bench_extraction [--model random/vit_base_patch16_224] [--batch 32] [--rounds 7]
                                                [--only LABEL …] [--clock wall|cpu]

Rows: each group of metrics alone, the default set, and all metrics; the ratio is the median over rounds of (tapped pass
with these metrics) / (bare forward), each pair measured back to back. On a machine that does something else beside,
`--clock cpu` with OMP_NUM_THREADS=1 counts the seconds that this process computes, not those that it waits. In a few
images the gallery of eight is a large part; `default without the gallery` is what all others cost.
"""

from __future__ import annotations

import argparse
import statistics

import torch

from tests.benchmarks.machine import CLOCKS, described, in_turn, spread
from tests.benchmarks.tables import markdown
from vitscope import catalog
from vitscope.batch import Images
from vitscope.metrics import Setting
from vitscope.models import build
from vitscope.models.places import tokens_of
from vitscope.models.shape import geometry_of
from vitscope.run.device import choose
from vitscope.run.loader import Loaded
from vitscope.run.measure import Pass
from vitscope.run.plan import plan
from vitscope.spec import Resources

DEFAULT = [name for name, entry in catalog.METRICS.items() if entry.default]
OF_ATTENTION = [name for name in catalog.METRICS if not hasattr(catalog.load("metric", catalog.METRICS, name), "at")]
GROUPS = {
    "nothing (tap alone)": [],
    "attention": ["attention"],
    "spatial-attention": ["spatial-attention"],
    "distance": ["distance"],
    "entropy": ["entropy"],
    "prefix-mass": ["prefix-mass"],
    "class-attention": ["class-attention"],
    "vectors": ["vectors"],
    "grams": ["grams"],
    "norm-grams": ["norm-grams"],
    "residual-grams": ["residual-grams"],
    "residual-norms": ["residual-norms"],
    "token-norms": ["token-norms"],
    "all of attention but the gallery": [name for name in DEFAULT if name in OF_ATTENTION and name != "gallery"],
    "all of features": [name for name in DEFAULT if name not in OF_ATTENTION],
    "all default metrics": DEFAULT,
    "default without the gallery": [name for name in DEFAULT if name != "gallery"],
    "all default and both deviations": list(catalog.METRICS),
}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="random/vit_base_patch16_224")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--batches", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", nargs="*", choices=GROUPS)
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    options = parser.parse_args()
    device = choose(options.device)
    model = build.load(options.model)
    model.module.to(device)
    geometry = geometry_of(model.name, model.module, model.image_size)
    batches = _batches(options.batch, options.batches, model.image_size)
    tokens = tokens_of(model.module, model.image_size)
    places = tuple(range(options.batches * options.batch))
    setting = Setting(geometry, device, 10, tuple(range(8)), tokens.width, tokens.places, places)
    planned = plan([], setting, Resources(batch_size=options.batch))
    print(described())
    print(f"{options.model}, {len(batches)} batches of {options.batch}, {options.rounds} rounds\n")

    def row(label: str) -> tuple[str, str, str]:
        metrics = {name: catalog.load("metric", catalog.METRICS, name) for name in GROUPS[label]}
        current = Pass(metrics, model, setting, planned)
        pixels = [current._normalised(batch.images.pixels) for batch in batches if batch.images is not None]

        def bare() -> None:
            with torch.inference_mode():
                for batch in pixels:
                    model.module(batch)

        def tapped() -> None:
            for batch in batches:
                current.run(batch)

        ratios, taken = in_turn({label: tapped}, bare, device, options.rounds, CLOCKS[options.clock])[label]
        each = statistics.median(taken) / (len(batches) * options.batch) * 1e3
        return label, spread(ratios), f"{each:.1f}"

    markdown(("metrics", "time / bare forward (least … most)", "ms an image"), map(row, options.only or GROUPS))


def _batches(size: int, count: int, crop: tuple[int, int]) -> list[Loaded]:
    """Batches of noise, as the loader would give them; the gallery lies in the first of them."""
    generator = torch.Generator().manual_seed(0)
    loaded = []
    for start in range(0, count * size, size):
        pixels = torch.randint(0, 256, (size, *crop, 3), dtype=torch.uint8, generator=generator)
        places = tuple(range(start, start + size))
        images = Images(pixels, torch.tensor(places) % 10, places)
        loaded.append(Loaded(0, size, images, ()))
    return loaded


if __name__ == "__main__":
    main()
