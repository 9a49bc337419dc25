"""Evaluations without a model: results of tasks as a run of its own keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from vitscope.geometry import Geometry
from vitscope.spec import Spec
from vitscope.store.lock import lock
from vitscope.store.reader import Run, load_run
from vitscope.store.writer import Measured, RunWriter

Arrays = Mapping[str, tuple[np.ndarray, tuple[str, ...]]]


def write(
    cache: Path,
    task: str,
    arrays: Arrays,
    *,
    model: str = "synthetic",
    best: str = "",
    coords: Mapping[str, list[str]] | None = None,
    heads: int = 3,
    counts: Mapping[str, int] | None = None,
    notes: tuple[str, ...] = (),
    finished: bool = True,
    started: str = "2026-01-02T03:04:05+00:00",
    **spec: Any,
) -> Run:
    """Write one evaluation; arrays are values with their dims, of which one is "layer"."""
    layers = next(values.shape[dims.index("layer")] for values, dims in arrays.values())
    geometry = Geometry(layers, heads, ("cls",), 4, 4, (8, 8))
    fields = {
        "model": model, "weights": "random:0", "dataset": "shapes", "images": "0" * 64, "image_size": (32, 32),
        "preprocess": f"of the task {task}", "normalization": "none", "task": task, "settings": {}, **spec,
    }  # fmt: skip
    facts = {
        "geometry": geometry.to_json(), "used": 7, "skipped": [], "counts": dict(counts or {}), "notes": list(notes),
        "best": [best or next(iter(arrays)), "max"], "checkpoint": None, "started": started,
        "finished": started if finished else None, "passes": [],
    }  # fmt: skip
    writer = RunWriter(cache, Spec(**fields), facts)
    with lock(writer.folder):
        if finished:
            measured = {name: Measured(values, dims, "1") for name, (values, dims) in arrays.items()}
            writer.put_result(task, 1, measured, 7, coords or {})
    return load_run(writer.folder)


def curve(seed: int, *shape: int) -> np.ndarray:
    """Numbers from 0 to 1."""
    return np.random.default_rng(seed).random(shape)
