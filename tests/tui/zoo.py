"""A cache with one of everything that a browser may meet: all prefixes and grids, half a run, broken files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests import evaluations, synthetic

STARTED = "2026-01-0{}T03:04:05+00:00"


def write(cache: Path) -> Path:
    """Write it into `cache`, and return that. "whole" is the newest and has everything."""
    shape = {"images": 8, "block": 4}
    synthetic.write(cache, model="whole", layers=3, heads=4, gallery=8, started=STARTED.format(9), **shape)
    synthetic.write(cache, model="deep", layers=5, heads=2, grid=(6, 3), gallery=1, seed=1,
                    started=STARTED.format(8), **shape)  # fmt: skip
    synthetic.write(cache, model="registered", layers=2, heads=3, prefix=("cls", "reg1", "reg2"), seed=2,
                    started=STARTED.format(7), **shape)  # fmt: skip
    synthetic.write(cache, model="timm/sightless", layers=2, heads=3, grid=(3, 5), prefix=("reg1",), gallery=1, seed=3,
                    started=STARTED.format(6), **shape)  # fmt: skip
    synthetic.write(cache, model="bare", layers=2, heads=2, grid=(1, 7), prefix=(), gallery=0, classes=(), seed=4,
                    images=8, metrics=("attention", "distance"), started=STARTED.format(5))  # fmt: skip
    synthetic.write(cache, model="half", layers=2, heads=2, gallery=0, metrics=("entropy",), finished=False, seed=5,
                    started=STARTED.format(4))  # fmt: skip
    synthetic.write(cache, model="日本 \x1b[2J", layers=1, heads=1, grid=(2, 2), images=3, gallery=1, seed=6,
                    started=STARTED.format(3))  # fmt: skip
    _damage(synthetic.write(cache, model="damaged", layers=2, heads=2, grid=(3, 3), seed=7, **shape))
    (synthetic.write(cache, model="broken", layers=1, heads=1, grid=(2, 2), seed=8) / "run.json").write_text("{")
    _evaluate(cache)
    return cache


def _damage(folder: Path) -> None:
    """Cut the arrays of attention in half."""
    for file in folder.rglob("*.npy"):
        if "attention" in file.as_posix():
            file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def _evaluate(cache: Path) -> None:
    """Every kind of number by layer, of several models and of noise; masks for one of them."""
    rng = np.random.default_rng(0)
    for model, layers in (("whole", 3), ("deep", 5), ("random", 2)):
        evaluations.write(
            cache, "knn", {"top1": (rng.random((layers, 2)), ("layer", "k"))}, model=model,
            coords={"k": ["10", "20"]}, dataset="imagenet-val",
        )  # fmt: skip
    evaluations.write(cache, "davis", {"jf": (rng.random(3), ("layer",))}, model="whole", dataset="davis-val")
    masks = {
        "iou": (rng.random((3, 3, 4)), ("mode", "layer", "head")),
        "best-head": (rng.random((3, 3)), ("mode", "layer")),
        "oracle": (rng.random((3, 3)), ("mode", "layer")),
        "merged": (rng.random((3, 3)), ("mode", "layer")),
    }
    evaluations.write(
        cache, "saliency", masks, model="whole", coords={"mode": ["cls", "spatial", "centre"]}, best="best-head",
        settings={"mass": 0.6}, dataset="partimagenet", heads=4,
    )  # fmt: skip
