"""The life of a small run, from the first shard to the last result, as an extraction drives it.

`python -m tests.store.life CACHE` lives it in a process of its own, to be killed.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from vitscope.geometry import Geometry
from vitscope.spec import Spec
from vitscope.store.lock import lock
from vitscope.store.writer import Measured, RunWriter

GEOMETRY = Geometry(layers=2, heads=3, prefix=("cls",), rows=2, columns=2, patch=(16, 16))
SPEC = Spec(
    model="timm/tiny",
    weights="random:0",
    dataset="photos",
    images="0" * 64,
    image_size=(32, 32),
    preprocess="short-side",
    normalization="0.5",
)
FACTS = {
    "geometry": json.loads(json.dumps(GEOMETRY.to_json())),
    "classes": ["cat", "dog"],
    "images": 4,
    "used": 0,
    "started": "2026-01-02T03:04:05+00:00",
    "finished": None,
}
SHARDS = 2
PASSES = (["distance"], ["distance", "entropy"])  # the second adds a metric


def state(shard: int, metric: str) -> dict[str, np.ndarray]:
    """What a metric summed over two images of a shard, values of shape (layer, head)."""
    total = np.random.default_rng([shard, len(metric)]).random((GEOMETRY.layers, GEOMETRY.heads), np.float32)
    return {"images": np.array(2), "total": total}


def result(metric: str) -> np.ndarray:
    """The mean over all images, shape (layer, head), float32."""
    return (sum(state(shard, metric)["total"].astype(float) for shard in range(SHARDS)) / 4).astype(np.float32)


def live(cache: Path) -> None:
    """Do what of PASSES is not done yet, shard by shard."""
    with lock(cache / SPEC.folder):
        writer = RunWriter(cache, SPEC, FACTS)
        for metrics in PASSES:
            owed = [metric for metric in metrics if not writer.finished(metric, 1)]
            if owed:
                measure(writer, owed)
                fold(writer, owed)
            writer.drop_shards()
        writer.update(finished="2026-01-02T03:05:00+00:00", used=4)


def measure(writer: RunWriter, metrics: list[str]) -> None:
    """Commit every shard that lacks one of the metrics."""
    for shard in range(SHARDS):
        owed = [metric for metric in metrics if f"{metric}@1" not in writer.shard_metrics(shard)]
        if owed:
            writer.put_shard(shard, {f"{metric}@1": state(shard, metric) for metric in owed}, {"images": 2})


def fold(writer: RunWriter, metrics: list[str]) -> None:
    """Turn committed shards into results."""
    for metric in metrics:
        states = [writer.shard_state(shard, f"{metric}@1") for shard in range(SHARDS)]
        mean = sum(state["total"].astype(float) for state in states) / sum(int(state["images"]) for state in states)
        arrays = {"mean": Measured(mean.astype(np.float32), ("layer", "head"), "nat")}
        writer.put_result(metric, 1, arrays, images=4, coords={})


if __name__ == "__main__":
    while True:
        live(Path(sys.argv[1]))
        with lock(Path(sys.argv[1]) / SPEC.folder):
            RunWriter(Path(sys.argv[1]), SPEC, FACTS).restart()
