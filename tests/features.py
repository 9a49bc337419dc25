"""Features without a model, and what an extraction keeps of them: Gram blocks, norms, vectors.

Two seeds are two models over the same images: both see the images' own ten numbers, ever less of them with depth.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tests.derive import grams
from vitscope.geometry import Geometry
from vitscope.store.writer import Measured

WIDTH = 6
OWN = 10  # numbers that make an image what it is
METRICS = ("grams", "norm-grams", "residual-grams", "residual-norms", "token-norms", "vectors")


def tokens(geometry: Geometry, images: int, seed: int, tap: str = "block") -> np.ndarray:
    """Features (L, I, T, WIDTH) of one tap, float64."""
    rng = np.random.default_rng([seed, sum(map(ord, tap))])
    own = np.random.default_rng(7).normal(size=(images, OWN))
    found = np.empty((geometry.layers, images, geometry.tokens, WIDTH))
    for layer in range(geometry.layers):
        mixed = own @ rng.normal(size=(OWN, geometry.tokens * WIDTH))
        share = 0.8 * layer / max(1, geometry.layers)
        noise = rng.normal(size=(images, geometry.tokens * WIDTH)) * 3
        found[layer] = ((1 - share) * mixed + share * noise + 2).reshape(images, geometry.tokens, WIDTH)
    return found


def results(geometry: Geometry, images: int, seed: int, size: int) -> dict[str, dict[str, Measured]]:
    """Every metric of METRICS as an extraction in blocks of `size` images stores it."""
    order = np.random.default_rng(0).permutation(images)
    block = tokens(geometry, images, seed)
    many = len(geometry.prefix)
    parts = {"cls": block[:, :, :1], "spatial": block[:, :, many:], "all": block}
    if "cls" not in geometry.prefix:
        del parts["cls"]
    norms = {name: tokens(geometry, images, seed, name) for name in ("norm1", "norm2")}
    streams = {
        f"{branch}-{side}": tokens(geometry, images, seed, branch + side)
        for branch in ("attention", "mlp")
        for side in ("skip", "branch")
    }
    return {
        "grams": _blocks(parts, order, size),
        "norm-grams": _blocks(norms, order, size),
        "residual-grams": _blocks(streams, order, size),
        "residual-norms": _ratios(streams, geometry),
        "token-norms": _norms(block[:, :, many:]),
        "vectors": _vectors(parts, order, geometry),
    }


def coords(geometry: Geometry) -> dict[str, dict[str, list[str]]]:
    """The coordinates that go with `results`."""
    kinds = [name for name in ("all", "cls", "spatial") if name != "cls" or "cls" in geometry.prefix]
    return {
        "residual-norms": {"branch": ["attention", "mlp"], "tokens": kinds},
        "vectors": {"tokens": [name for name in kinds if name != "all"]},
    }


def _blocks(parts: dict[str, np.ndarray], order: np.ndarray, size: int) -> dict[str, Measured]:
    arrays = {}
    for name, features in parts.items():
        stored = grams.blocks([layer[order] for layer in features], size, ranges=True, order=order)
        arrays[name] = Measured(stored.grams, ("layer", "block", "image", "other"), "1")
        arrays[f"{name}-range"] = Measured(stored.ranges, ("layer", "block"), "1")
        arrays["places"] = Measured(stored.places.astype(np.int64), ("block", "image"), "1")
    return arrays


def _ratios(streams: dict[str, np.ndarray], geometry: Geometry) -> dict[str, Measured]:
    many = len(geometry.prefix)
    parts: Sequence[slice] = [slice(None), *[slice(0, 1)] * ("cls" in geometry.prefix), slice(many, None)]
    ratios = []
    for branch in ("attention", "mlp"):
        both = zip(streams[f"{branch}-skip"], streams[f"{branch}-branch"], strict=True)
        ratios.append([[_length(skip[:, part]) / _length(added[:, part]) for part in parts] for skip, added in both])
    dims = ("branch", "layer", "tokens")
    arrays = {"mean": np.mean(ratios, axis=-1), "std": np.std(ratios, axis=-1, ddof=1)}
    return {name: Measured(values.astype(np.float32), dims, "1") for name, values in arrays.items()}


def _length(values: np.ndarray) -> np.ndarray:
    return np.sqrt((values**2).sum(axis=(-2, -1)))


def _norms(patches: np.ndarray) -> dict[str, Measured]:
    """Of (L, I, P, D)."""
    length = np.sqrt((patches**2).sum(-1))
    far = (length > 1.5 * np.median(length, axis=-1, keepdims=True)).mean(-1)
    arrays = {
        "mean": length.mean(1),
        "outliers": far.mean(1),
        "outliers-std": far.std(1),
        "median": np.median(length, (1, 2)),
    }
    return {name: Measured(values.astype(np.float32), ("layer", "patch")[: values.ndim], "1")
            for name, values in arrays.items()}  # fmt: skip


def _vectors(parts: dict[str, np.ndarray], order: np.ndarray, geometry: Geometry) -> dict[str, Measured]:
    kinds = [parts[name].mean(2) for name in ("cls", "spatial") if name in parts]
    rows = np.stack(kinds)[:, :, order].astype(np.float16)
    dims = ("tokens", "layer", "row", "width")
    half = rows.shape[2] // 2
    return {
        "rows-00000": Measured(rows[:, :, :half], dims, "1"),
        "rows-00001": Measured(rows[:, :, half:], dims, "1"),
        "places": Measured(order.astype(np.int64), ("row",), "1"),
    }
