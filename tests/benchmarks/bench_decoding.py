"""What JPEG's draft mode (decoding at 1/2, 1/4 or 1/8) would save, and what it would change.

    python -m tests.benchmarks.bench_decoding [--checkpoint FILE] [--rounds 3] [--margin 2]

Photographs of scikit-image and scikit-learn are brought to 500, 1000, 2000 and 4000 pixels of width, with grain, since
enlarging makes no detail, and kept as JPEG of quality 95. Draft mode is used where the short side stays at least
`--margin` times that of the crop of 224 pixels. Rows: CPU seconds of decoding and cropping with it over those without,
and how pixels differ (levels of 255). With the file of the trained DINOv2 ViT-S/14, also how much the attention metrics
of these photographs differ.
"""

from __future__ import annotations

import argparse
import io
import statistics
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from vitscope import catalog
from vitscope.batch import Images
from vitscope.data.pixels import crop
from vitscope.metrics import Setting
from vitscope.models import build
from vitscope.models.places import tokens_of
from vitscope.models.shape import geometry_of
from vitscope.run.loader import Loaded
from vitscope.run.measure import Pass
from vitscope.run.plan import plan
from vitscope.spec import Resources

WIDTHS = (500, 1000, 2000, 4000)
SIDE = 224
GRAIN = 6.0  # standard deviation in levels of 255
METRICS = ("attention", "distance", "entropy")
MODEL = "timm/vit_small_patch14_dinov2.lvd142m"


def photographs() -> list[Image.Image]:
    """Photographs that ship with scikit-image and scikit-learn."""
    from skimage import data
    from sklearn.datasets import load_sample_images

    arrays = [data.astronaut(), data.chelsea(), data.coffee(), data.rocket(), *load_sample_images().images]
    return [Image.fromarray(array) for array in arrays]


def jpeg(image: Image.Image, width: int) -> bytes:
    """The photograph at a width, with grain, as JPEG."""
    large = np.asarray(image.resize((width, round(width * image.height / image.width)), Image.Resampling.LANCZOS))
    noise = np.random.default_rng(0).normal(0, GRAIN, large.shape)
    file = io.BytesIO()
    Image.fromarray(np.clip(large + noise, 0, 255).astype(np.uint8)).save(file, "JPEG", quality=95)
    return file.getvalue()


def cropped(raw: bytes, margin: float | None) -> np.ndarray:
    """The crop, decoded in draft mode where the short side keeps `margin` crops; None: in full."""
    image = Image.open(io.BytesIO(raw))
    if margin is not None:
        image.draft("RGB", (int(margin * SIDE), int(margin * SIDE)))
    return crop(image.convert("RGB"), (SIDE, SIDE))


def seconds(raws: list[bytes], margin: float | None) -> float:
    """CPU seconds for all of them."""
    began = time.process_time()
    for raw in raws:
        cropped(raw, margin)
    return time.process_time() - began


def measured(crops: list[np.ndarray], model: build.Loaded) -> dict[str, np.ndarray]:
    """Means of the attention metrics over the crops."""
    geometry, tokens = geometry_of(model.name, model.module, model.image_size), tokens_of(model.module, (SIDE, SIDE))
    cpu = torch.device("cpu")
    setting = Setting(geometry, cpu, 0, (), tokens.width, tokens.places, tuple(range(len(crops))))
    metrics = {name: catalog.load("metric", catalog.METRICS, name) for name in METRICS}
    current = Pass(metrics, model, setting, plan(metrics.values(), setting, Resources(batch_size=len(crops))))
    pixels = torch.from_numpy(np.stack(crops))
    current.run(Loaded(0, len(crops), Images(pixels, None, tuple(range(len(crops)))), ()))
    return {name: metric.sums.compute(metric.sums.state())["mean"] for name, metric in current.metrics.items()}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--margin", type=float, default=2.0)
    options = parser.parse_args()
    model = build.load(MODEL, options.checkpoint, (SIDE, SIDE)) if options.checkpoint else None
    print(f"{'width':>5} {'CPU':>5} {'ms full':>8}  {'mean':>5} {'99.9 %':>6} {'most':>5} (levels)  change of metrics")
    for width in WIDTHS:
        raws = [jpeg(image, width) for image in photographs()]
        pairs = [(seconds(raws, options.margin), seconds(raws, None)) for _ in range(options.rounds)]
        ratio = statistics.median(draft / full for draft, full in pairs)
        each = statistics.median(full for _, full in pairs) / len(raws) * 1e3
        one, two = ([cropped(raw, margin) for raw in raws] for margin in (options.margin, None))
        apart = np.abs(np.stack(one).astype(int) - np.stack(two).astype(int))
        said = ""
        if model is not None:
            draft, full = measured(one, model), measured(two, model)
            said = ", ".join(f"{name} {_change(draft[name], full[name])}" for name in METRICS)
        print(
            f"{width:>5} {ratio:5.2f} {each:8.1f}  {apart.mean():5.2f} {np.quantile(apart, 0.999):6.1f} "
            f"{apart.max():5d}           {said}",
            flush=True,
        )


def _change(one: np.ndarray, two: np.ndarray) -> str:
    """The largest difference, absolute and as a share of the number itself where it is not tiny."""
    apart = np.abs(np.asarray(one, dtype=float) - two)
    return f"{apart.max():.1e} ({100 * (apart / np.maximum(np.abs(two), 1e-3)).mean():.2f} % on average)"


if __name__ == "__main__":
    main()
