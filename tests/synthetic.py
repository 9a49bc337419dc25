"""A cache without a model: attention of plausible heads, summed over a few invented images and written by RunWriter.

    run = synthetic.write(tmp_path, layers=3, heads=4, grid=(4, 4))      # the folder of the run
    Cache(tmp_path).find("synthetic")

Heads take turns in KINDS, layer by layer, so that every kind is there in a model of more than a few heads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tests import features
from vitscope.geometry import Geometry, patch_distance
from vitscope.spec import Protocol, Spec
from vitscope.store.lock import lock
from vitscope.store.writer import Measured, RunWriter

PATCH = 8
KINDS = ("local", "soft", "right", "up-left", "row", "column", "global", "sparse", "object", "sink")
METRICS = (
    "attention",
    "spatial-attention",
    "distance",
    "entropy",
    "prefix-mass",
    "class-attention",
    "head-deviation",
    "position-deviation",
    "gallery",
)
OF_HEADS = ("attention", "aligned", "distance", "offset", "heads", "deviation")  # views of a number for every head
Arrays = dict[str, Measured]


def write(
    cache: Path,
    *,
    layers: int = 3,
    heads: int = 4,
    grid: tuple[int, int] = (4, 4),
    prefix: Sequence[str] = ("cls",),
    images: int = 4,
    gallery: int = 2,
    classes: Sequence[str] = ("cat", "dog"),
    model: str = "synthetic",
    dataset: str = "shapes",
    metrics: Sequence[str] | None = None,
    finished: bool = True,
    seed: int = 0,
    started: str = "2026-01-02T03:04:05+00:00",
    block: int = 0,
    protocol: Protocol = "corrected",
) -> Path:
    """Write one run into `cache` and return its folder; `metrics` are those of METRICS that it holds, None: all.

    Metrics that do not apply (no prefix, no classes, no gallery) are left out as an extraction leaves them out. With
    `block`, it also holds what an extraction keeps of features (`tests.features`), in Gram blocks of so many images.
    """
    geometry = Geometry(layers, heads, tuple(prefix), *grid, (PATCH, PATCH))
    sample = [_image(geometry, index, seed) for index in range(images)]
    names = ["/".join(filter(None, [_class(classes, i), f"{i:03d}.jpg"])) for i in range(images)]
    labels = [index % len(classes) for index in range(images)] if classes else []
    results = _results(geometry, [attention for attention, _ in sample], labels, len(classes))
    if gallery:
        results["gallery"] = _gallery(sample[:gallery])
    if block:
        results |= features.results(geometry, images, seed, block)
    coords = {
        "gallery": {"image": names[:gallery]},
        "class-attention": {"class": list(classes)},
        "prefix-mass": {"prefix": list(prefix)},
        **features.coords(geometry),
    }
    writer = _writer(cache, geometry, model, dataset, list(classes), images, finished, seed, started, protocol)
    with lock(writer.folder):
        for metric, arrays in results.items():
            if metrics is None or metric in metrics:
                count = min(gallery, images) if metric == "gallery" else images
                writer.put_result(metric, 1, arrays, count, coords.get(metric, {}))
    return writer.folder


def attention(geometry: Geometry, index: int, seed: int = 0) -> np.ndarray:
    """Post-softmax attention of one invented image, shape (L, H, T, T), float64, rows sum to one."""
    return _image(geometry, index, seed)[0]


def _class(classes: Sequence[str], index: int) -> str:
    return classes[index % len(classes)] if classes else ""


def _image(geometry: Geometry, index: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Attention (L, H, T, T) and the crop (height, width, 3) uint8 of one image: a disc on a gradient."""
    rng = np.random.default_rng([seed, index])
    centre = rng.uniform(0.25, 0.75, 2) * (geometry.rows, geometry.columns)
    logits = np.empty((geometry.layers, geometry.heads, geometry.patches, geometry.patches))
    for layer in range(geometry.layers):
        for head in range(geometry.heads):
            kind = KINDS[(layer * geometry.heads + head) % len(KINDS)]
            sharp = np.random.default_rng([seed, layer, head]).uniform(0.3, 1.0)  # the same in every image
            logits[layer, head] = sharp * _logits(kind, geometry, centre)
    logits += rng.normal(0, 0.3, logits.shape)
    spatial = np.exp(logits - logits.max(-1, keepdims=True))
    spatial /= spatial.sum(-1, keepdims=True)
    return _with_prefix(spatial, geometry, rng), _disc(geometry, centre, index)


def _logits(kind: str, geometry: Geometry, centre: np.ndarray) -> np.ndarray:
    """Logits (P, P) of a head of one kind, up to noise."""
    row, column = (axis.ravel() for axis in np.indices((geometry.rows, geometry.columns)))
    down = (row[None] - row[:, None]).astype(float)
    right = (column[None] - column[:, None]).astype(float)
    shapes: dict[str, Callable[[], np.ndarray]] = {
        "local": lambda: -4.0 * (down**2 + right**2),
        "soft": lambda: -0.4 * (down**2 + right**2),
        "right": lambda: -4.0 * (down**2 + (right - 1) ** 2),
        "up-left": lambda: -4.0 * ((down + 1) ** 2 + (right + 1) ** 2),
        "row": lambda: -4.0 * down**2 - 0.05 * right**2,
        "column": lambda: -4.0 * right**2 - 0.05 * down**2,
        "global": lambda: np.zeros_like(down),
        "sparse": lambda: np.broadcast_to(np.where(np.arange(len(row)) % 5 == 2, 6.0, 0.0), down.shape).copy(),
        "object": lambda: np.broadcast_to(
            -0.6 * ((row - centre[0]) ** 2 + (column - centre[1]) ** 2), down.shape
        ).copy(),
        "sink": lambda: np.broadcast_to(np.where(np.arange(len(row)) == len(row) - 1, 7.0, 0.0), down.shape).copy(),
    }
    return shapes[kind]()


def _with_prefix(spatial: np.ndarray, geometry: Geometry, rng: np.random.Generator) -> np.ndarray:
    """(L, H, P, P) as the patches of (L, H, T, T); each prefix token gets a share that grows with depth."""
    many = len(geometry.prefix)
    tokens = geometry.tokens
    full = np.zeros((*spatial.shape[:2], tokens, tokens))
    share = 0.5 * (np.arange(1, geometry.layers + 1) / geometry.layers)[:, None, None, None] * (many > 0)
    share = share * np.random.default_rng(geometry.heads).uniform(0.1, 1.0, (*spatial.shape[:2], 1, 1))
    share = share * rng.uniform(0.8, 1.0, (1, 1, tokens, 1))
    full[:, :, many:, many:] = spatial
    full[:, :, :many, many:] = spatial.mean(-2, keepdims=True) if many else 0
    full *= 1 - share
    if many:
        full[..., :many] = share * rng.dirichlet(np.ones(many), (geometry.layers, geometry.heads, tokens))
    return full


def _disc(geometry: Geometry, centre: np.ndarray, index: int) -> np.ndarray:
    height, width = geometry.rows * PATCH, geometry.columns * PATCH
    y, x = np.indices((height, width))
    crop = np.stack([60 + 120 * y / height, 90 + 100 * x / width, np.full((height, width), 120.0)], axis=-1)
    inside = np.hypot(y / PATCH - centre[0], x / PATCH - centre[1]) < min(geometry.rows, geometry.columns) / 5
    crop[inside] = [(230, 80, 60), (250, 220, 90), (90, 220, 120), (240, 240, 240)][index % 4]
    return crop.round().astype(np.uint8)


def _results(geometry: Geometry, sample: list[np.ndarray], labels: list[int], classes: int) -> dict[str, Arrays]:
    """Every metric but the gallery, by name."""
    many = len(geometry.prefix)
    distance = patch_distance(geometry)
    per_image: dict[str, list[np.ndarray]] = {name: [] for name in METRICS}
    for image in sample:
        spatial = image[:, :, many:, many:]
        mass = spatial.sum(-1, keepdims=True)
        renormalised = np.divide(spatial, mass, out=np.zeros_like(spatial), where=mass > 0)
        per_image["attention"].append(image)
        per_image["spatial-attention"].append(renormalised)
        per_image["distance"].append((renormalised * distance).sum(-1).mean(-1))
        safe = np.where(image > 0, image, 1.0)
        per_image["entropy"].append(-(image * np.log(safe)).sum(-1).mean(-1))
        per_image["prefix-mass"].append(image[:, :, many:, :many].mean(-2))
        per_image["head-deviation"].append(spatial.std(1, ddof=min(1, geometry.heads - 1)).mean((-2, -1)))
        per_image["position-deviation"].append(spatial.std(2, ddof=min(1, geometry.patches - 1)).mean(-1))
        per_image["class-attention"].append(image.mean(-2))
    lh = ("layer", "head")
    results = {
        "attention": _mean(per_image["attention"], (*lh, "query", "key")),
        "spatial-attention": _mean(per_image["spatial-attention"], (*lh, "query", "key")),
        "distance": _moments(per_image["distance"], lh, "image side"),
        "entropy": _moments(per_image["entropy"], lh, "nat"),
        "head-deviation": _moments(per_image["head-deviation"], ("layer",), "1"),
        "position-deviation": _moments(per_image["position-deviation"], lh, "1"),
    }
    if many:
        results["prefix-mass"] = _moments(per_image["prefix-mass"], (*lh, "prefix"), "1")
    if classes:
        received = np.stack(per_image["class-attention"])
        means = [received[[i for i, label in enumerate(labels) if label == c]].mean(0) for c in range(classes)]
        results["class-attention"] = {"mean": _measured(np.stack(means), ("class", *lh, "key"), "1")}
    return results


def _gallery(sample: list[tuple[np.ndarray, np.ndarray]]) -> Arrays:
    attention, crops = (np.stack(parts) for parts in zip(*sample, strict=True))
    dims = ("image", "layer", "head", "query", "key")
    return {
        "attention": Measured(attention.astype(np.float16), dims, "1"),
        "crop": Measured(crops, ("image", "row", "column", "channel"), "1"),
    }


def _measured(values: np.ndarray, dims: tuple[str, ...], unit: str) -> Measured:
    return Measured(values.astype(np.float32), dims, unit)


def _mean(images: list[np.ndarray], dims: tuple[str, ...]) -> Arrays:
    return {"mean": _measured(sum(images) / len(images), dims, "1")}


def _moments(images: list[np.ndarray], dims: tuple[str, ...], unit: str) -> Arrays:
    values = np.stack(images)
    spread = values.std(0, ddof=1) if len(images) > 1 else np.zeros_like(values[0])
    return {"mean": _measured(values.mean(0), dims, unit), "std": _measured(spread, dims, unit)}


def _writer(
    cache: Path,
    geometry: Geometry,
    model: str,
    dataset: str,
    classes: list[str],
    images: int,
    finished: bool,
    seed: int,
    started: str,
    protocol: Protocol,
) -> RunWriter:
    spec = Spec(
        model=model,
        weights=f"random:{seed}",
        dataset=dataset,
        images=f"{images:064d}",
        image_size=(geometry.rows * PATCH, geometry.columns * PATCH),
        preprocess="short-side",
        normalization="mean 0.5 0.5 0.5, std 0.5 0.5 0.5",
        protocol=protocol,
    )
    facts: dict[str, Any] = {
        "geometry": geometry.to_json(),
        "classes": classes,
        "images": images,
        "used": images,
        "skipped": [],
        "versions": {"vitscope": "0.1.0"},
        "device": "cpu",
        "batch_size": 8,
        "started": started,
        "finished": started if finished else None,
        "seconds": 1.5,
        "checkpoint": None,
        "command": f"vitscope extract --model {model} --data {dataset}",
        "passes": [],
    }
    return RunWriter(cache, spec, facts)
