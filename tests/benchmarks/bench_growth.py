"""How time, memory and disk grow with images, tokens, layers and models, beside the bare forward and a store-all hook.

    python -m tests.benchmarks.bench_growth [--only images tokens layers models disk] [--batch 8] [--rounds 3]
                                            [--clock wall|cpu]

Every point is measured in a process of its own, with the default metrics. `tokens` and `layers`: a pass over one batch
of noise of a ViT of width 384, and the median of its ratios to the bare forward, in turn; memory is what the pass adds
to the peak after a bare forward. `images` and `models`: whole extractions, as `vitscope extract` makes them; memory is
the peak of the process. Exponents are those of the power law that fits best; 1 is proportional. `disk`: the bytes of
two runs, so that what an image adds is told apart from what there is once, beside a file that keeps all attention.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from timm.models.vision_transformer import VisionTransformer

from tests.benchmarks.bench_memory import Silent, draw
from tests.benchmarks.machine import CLOCKS, MIB, bytes_below, described, exponent, in_turn, peak, timed
from tests.benchmarks.peers import hooked
from tests.benchmarks.tables import markdown
from tests.tasks import backbones
from vitscope import catalog
from vitscope.batch import Images
from vitscope.demo.zoo import DEMO_MODELS
from vitscope.metrics import Setting
from vitscope.models import build
from vitscope.models.places import tokens_of
from vitscope.run.extract import extract
from vitscope.run.loader import Loaded
from vitscope.run.measure import Pass
from vitscope.run.plan import plan
from vitscope.run.request import Request
from vitscope.spec import Resources
from vitscope.store.reader import Cache
from vitscope.tui.similarity import across

DEFAULT = tuple(name for name, entry in catalog.METRICS.items() if entry.default)
PATCH, WIDTH, HEADS, DEPTH = 16, 384, 6, 12
CPU = torch.device("cpu")
MODEL = "random/vit_tiny_patch16_224"
Point = dict[str, float]


def tokens(side: int, options: argparse.Namespace) -> Point:
    """A pass over images of `side` pixels."""
    return _pass(side, DEPTH, options) | {"size": (side // PATCH) ** 2 + 1}


def layers(depth: int, options: argparse.Namespace) -> Point:
    """A pass of `depth` layers."""
    return _pass(224, depth, options) | {"size": depth}


def _pass(side: int, depth: int, options: argparse.Namespace) -> Point:
    vit = VisionTransformer(img_size=side, patch_size=PATCH, embed_dim=WIDTH, depth=depth, num_heads=HEADS).eval()
    model = backbones.of(vit, (side, side))
    stands, places = tokens_of(vit, (side, side)), tuple(range(options.batch))
    setting = Setting(model.geometry, CPU, 0, (), stands.width, stands.places, places, options.batch)
    metrics = {name: catalog.load("metric", catalog.METRICS, name) for name in DEFAULT if name != "gallery"}
    metrics = {name: metric for name, metric in metrics.items() if metric.applies(setting)}
    planned = plan(metrics.values(), setting, Resources(batch_size=options.batch))
    pixels = torch.randint(0, 256, (options.batch, side, side, 3), dtype=torch.uint8)
    normalised = model.normalised(pixels)

    def bare() -> None:
        with torch.inference_mode():
            vit(normalised)

    current = Pass(metrics, model.model, setting, planned)
    bare()
    before = peak()
    current.run(Loaded(0, options.batch, Images(pixels, None, places), ()))
    memory = peak() - before
    ratios, taken = in_turn(
        {"pass": lambda: current.run(Loaded(0, options.batch, Images(pixels, None, places), ()))}, bare, CPU,
        options.rounds, CLOCKS[options.clock],
    )["pass"]  # fmt: skip
    ratio = statistics.median(ratios)
    each = statistics.median(taken) / options.batch
    return {"seconds": each, "bare": each / ratio, "ratio": ratio, "memory": memory}


def images(count: int, options: argparse.Namespace) -> Point:
    """An extraction of `count` images; seconds of each."""
    with tempfile.TemporaryDirectory() as folder:
        draw(Path(folder) / "images", count)
        request = Request(model=MODEL, data=Path(folder) / "images", metrics=DEFAULT)
        seconds = timed(
            lambda: extract(request, Resources(), Path(folder) / "cache", Silent()), CPU, CLOCKS[options.clock]
        )
        disk = bytes_below(Path(folder) / "cache") / MIB
    return {"size": count, "seconds": seconds / count, "memory": peak(), "disk": disk}


def models(count: int, options: argparse.Namespace) -> Point:
    """Extractions of `count` of the demo models over the same images, and CKA of the last layers of all pairs."""
    clock = CLOCKS[options.clock]
    with tempfile.TemporaryDirectory() as folder:
        draw(Path(folder) / "images", 96)
        chosen = list(DEMO_MODELS)[:count]

        def work() -> None:
            for name in chosen:
                extract(Request(model=name, data=Path(folder) / "images", metrics=DEFAULT), Resources(),
                        Path(folder) / "cache", Silent())  # fmt: skip

        seconds = timed(work, CPU, clock)
        folders = [Cache(Path(folder) / "cache").find(name).folder for name in chosen]
        pairs = timed(lambda: across(folders, "all"), CPU, clock)
    return {"size": count, "seconds": seconds, "pairs": pairs, "memory": peak()}


AXES: dict[str, tuple[Callable[[int, argparse.Namespace], Point], tuple[int, ...]]] = {
    "images": (images, (64, 128, 256, 512)),
    "tokens": (tokens, (112, 160, 224, 320, 448)),
    "layers": (layers, (3, 6, 12, 24)),
    "models": (models, (1, 2, 4)),
}


def disk(few: int, many: int) -> list[tuple[str, float, float]]:
    """(what, MiB once, KiB an image) of a run with default metrics, and of a file that keeps all attention.

    The run's gallery keeps all attention of eight images, which are counted to what there is once.
    """
    sizes = [alone("images", count)["disk"] for count in (few, many)]
    each = (sizes[1] - sizes[0]) / (many - few)
    rows = [("a run with the default metrics", sizes[0] - each * few, each * 1024)]
    model, count, kept = build.load(MODEL), 4, []
    hooked(model.module, kept)
    with torch.inference_mode(), tempfile.TemporaryDirectory() as folder:
        model.module(torch.randn(count, 3, *model.image_size))
        for name, number_format in (("float16", np.float16), ("float32", np.float32)):
            path = Path(folder) / f"{name}.npy"
            np.save(path, torch.stack(kept, 1).numpy().astype(number_format))
            rows.append((f"a hook that keeps all attention, {name}", 0.0, path.stat().st_size / count / 1024))
    return rows


def alone(axis: str, size: int) -> Point:
    """One point, in a process of its own, with the options of this one."""
    command = [sys.executable, "-m", "tests.benchmarks.bench_growth", *sys.argv[1:], "--alone", axis, str(size)]
    return json.loads(subprocess.check_output(command, text=True).splitlines()[-1])


def main() -> None:
    """Print a table for each axis."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", nargs="*", choices=[*AXES, "disk"], default=[*AXES, "disk"])
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    parser.add_argument("--alone", nargs=2, metavar=("AXIS", "SIZE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.alone:
        axis, size = options.alone
        print(json.dumps(AXES[axis][0](int(size), options)))
        return
    print(described())
    for axis in options.only:
        print()
        if axis == "disk":
            rows = [(name, f"{once:.1f}", f"{each:.1f}", f"{once + each * 5000 / 1024:.0f}")
                    for name, once, each in disk(64, 192)]  # fmt: skip
            markdown((MODEL, "MiB once", "KiB an image", "MiB for 5,000 images"), rows)
        else:
            _show(axis, [alone(axis, size) for size in AXES[axis][1]])


def _show(axis: str, points: list[Point]) -> None:
    """Print a row for each point, and one with the exponents of what grows."""
    said = {
        "seconds": "s" if axis == "models" else "ms an image", "bare": "bare forward, ms an image", "ratio": "ratio",
        "pairs": "CKA of all pairs, s", "memory": "memory, MiB", "disk": "disk, MiB",
    }  # fmt: skip
    there = [name for name in said if name in points[0]]
    times = {name: 1e3 if "ms" in said[name] else 1 for name in there}
    rows = [[f"{point['size']:.0f}", *(f"{point[name] * times[name]:.4g}" for name in there)] for point in points]
    sizes = [point["size"] for point in points]
    rows.append(["exponent", *(f"{exponent(sizes, [point[name] for point in points]):.2f}" for name in there)])
    markdown((axis, *(said[name] for name in there)), rows)


if __name__ == "__main__":
    main()
