"""What the pages of masks and of norms need from the cache. In a worker thread, numpy only."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from vitscope.errors import DamagedError
from vitscope.geometry import Geometry
from vitscope.store.reader import Run, load_run
from vitscope.views.select import fitting


class Saliency(NamedTuple):
    """IoU of a model's attention with masks, by whose attention it is (mode); fractions.

    Of `oracle` (mode, L) the best head of every image counts, of `merged` (mode, L) the mean of all heads' maps.
    """

    name: str  # folder name of the evaluation
    dataset: str
    images: int
    mass: float  # share of a map's mass that its foreground holds
    modes: tuple[str, ...]
    iou: np.ndarray  # (mode, L, H)
    oracle: np.ndarray
    merged: np.ndarray

    def place(self, mode: str) -> int:
        """Index of a mode; the first where there is none of that name."""
        return self.modes.index(mode) if mode in self.modes else 0


def modes(geometry: Geometry) -> tuple[str, ...]:
    """Whose attention is held against masks, as `vitscope.tasks.saliency` has it."""
    return (*(("cls",) if "cls" in geometry.prefix else ()), "spatial", "centre")


class Norms(NamedTuple):
    """Norms of patch tokens after every block, and the share of them that stand far out in their image."""

    mean: np.ndarray  # (L, R, C), of every patch over images
    median: np.ndarray  # (L,), of an image's patches, then the mean over images
    outliers: np.ndarray  # (L,)
    spread: np.ndarray  # (L,) of the share, over images


def saliency(run: Run, folder: Path) -> Saliency:
    """The evaluation in `folder`; StoreError, DamagedError where it is not of the heads that `run` has."""
    judged = load_run(folder)
    result = judged.result("saliency")
    layers, heads = run.geometry.layers, run.geometry.heads
    modes = tuple(result.coords.get("mode", []))
    if not modes:
        raise DamagedError(f"saliency of {judged.name} does not say whose attention it is of: evaluate again.")
    iou = np.array(fitting(result, "iou", len(modes), layers, heads), dtype=np.float64)
    oracle, merged = (
        np.array(fitting(result, name, len(modes), layers), dtype=np.float64) for name in ("oracle", "merged")
    )
    mass = judged.spec.settings.get("mass")
    share = float(mass) if isinstance(mass, int | float) else float("nan")
    return Saliency(judged.folder.name, judged.dataset, result.images, share, modes, iou, oracle, merged)


def norms(run: Run) -> Norms:
    """Norms of patch tokens; NotMeasured, DamagedError."""
    result, g = run.result("token-norms"), run.geometry
    mean = np.array(fitting(result, "mean", g.layers, g.patches), dtype=np.float64)
    median, outliers, spread = (
        np.array(fitting(result, name, g.layers), dtype=np.float64) for name in ("median", "outliers", "outliers-std")
    )
    return Norms(mean.reshape(g.layers, g.rows, g.columns), median, outliers, spread)
