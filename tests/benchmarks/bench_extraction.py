"""What measuring costs: extraction against the bare fused forward of the same batches, in turn, in one process.

    python -m tests.benchmarks.bench_extraction [--model random/vit_base_patch16_224] [--batch 8] [--rounds 7]

Rows: each group of metrics alone, the default set, and all metrics; the ratio is the median over rounds of (tapped pass
with these metrics) / (bare forward), each pair measured back to back.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch

from vitscope import catalog
from vitscope.batch import Images
from vitscope.metrics import Setting
from vitscope.models import build
from vitscope.models.shape import geometry_of
from vitscope.run.device import choose, describe
from vitscope.run.loader import Loaded
from vitscope.run.measure import Pass
from vitscope.run.plan import plan
from vitscope.spec import Resources

DEFAULT = [name for name, entry in catalog.METRICS.items() if entry.default]
GROUPS = {
    "nothing (tap alone)": [],
    "attention": ["attention"],
    "spatial-attention": ["spatial-attention"],
    "distance": ["distance"],
    "entropy": ["entropy"],
    "prefix-mass": ["prefix-mass"],
    "class-attention": ["class-attention"],
    "all default metrics": DEFAULT,
    "default without the gallery": [name for name in DEFAULT if name != "gallery"],
    "all default and both deviations": list(catalog.METRICS),
}


def timed(work: Callable[[], object], device: torch.device) -> float:
    """Seconds that `work` takes, with the device's queue empty before and after."""
    _wait(device)
    start = time.perf_counter()
    work()
    _wait(device)
    return time.perf_counter() - start


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="random/vit_base_patch16_224")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    device = choose(options.device)
    model = build.load(options.model)
    model.module.to(device)
    geometry = geometry_of(model.name, model.module, model.image_size)
    batches = _batches(options.batch, model.image_size)
    setting = Setting(geometry, device, classes=10, gallery=8)
    planned = plan([], setting, Resources(batch_size=options.batch))
    with torch.inference_mode():  # memory, kernels and clocks warm up
        for _ in range(2):
            model.module(torch.zeros(options.batch, 3, *model.image_size, device=device))
    print(f"{options.model}, {len(batches)} batches of {options.batch}, {describe(device)}, {options.rounds} rounds")
    print(f"{'metrics':<34} {'ratio':>6}  (least … most)   ms an image")

    for label, names in GROUPS.items():
        metrics = {name: catalog.load("metric", catalog.METRICS, name) for name in names}
        current = Pass(metrics, model, setting, planned)
        pixels = [current._normalised(batch.images.pixels) for batch in batches if batch.images is not None]

        def bare(pixels: list[torch.Tensor] = pixels) -> None:
            with torch.inference_mode():
                for batch in pixels:
                    model.module(batch)

        def tapped(current: Pass = current) -> None:
            for batch in batches:
                current.run(batch)

        bare()
        tapped()
        pairs = [(timed(tapped, device), timed(bare, device)) for _ in range(options.rounds)]
        ratios = sorted(one / other for one, other in pairs)
        each = statistics.median(one for one, _ in pairs) / (len(batches) * options.batch) * 1e3
        print(
            f"{label:<34} {statistics.median(ratios):6.3f}  ({ratios[0]:.3f} … {ratios[-1]:.3f})  {each:8.1f}",
            flush=True,
        )


def _batches(size: int, crop: tuple[int, int]) -> list[Loaded]:
    """Two batches of noise, as the loader would give them; the second lies behind the gallery."""
    generator = torch.Generator().manual_seed(0)
    loaded = []
    for start in (0, size):
        pixels = torch.randint(0, 256, (size, *crop, 3), dtype=torch.uint8, generator=generator)
        places = tuple(range(start, start + size))
        images = Images(pixels, torch.tensor(places) % 10, places)
        loaded.append(Loaded(0, size, images, ()))
    return loaded


if __name__ == "__main__":
    main()
