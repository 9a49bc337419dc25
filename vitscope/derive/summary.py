"""The best layer of a model in a task, and the paper's own numbers beside it (paper Table 1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Score:
    """A model's number in a task."""

    value: float  # NaN where no layer has one
    layer: int | None = None  # from 0; None where the layers are trials
    spread: float | None = None  # over trials (n − 1)


def score(values_L: np.ndarray, *, trials: bool = False, sense: str = "max") -> Score:
    """The best layer, the first of equals; of `trials` the mean and spread instead.

    >>> score(np.array([0.1, 0.4, 0.4]))
    Score(value=0.4, layer=1, spread=None)
    """
    values = np.asarray(values_L, dtype=np.float64)
    known = np.flatnonzero(~np.isnan(values))
    if not known.size:
        return Score(float("nan"))
    if trials:
        spread = float(values[known].std(ddof=1)) if known.size > 1 else None
        return Score(float(values[known].mean()), None, spread)
    best = known[(np.argmin if sense == "min" else np.argmax)(values[known])]
    return Score(float(values[best]), int(best))


@dataclass(frozen=True)
class Published:
    """A column of the paper's Table 1: fractions with their layers from 1, and what has to match for a comparison."""

    data: str  # in words
    counts: Mapping[str, int]  # of run.json
    settings: Mapping[str, Any]  # of the Spec
    scores: Mapping[str, tuple[float, int | None]]
    array: str  # the number of every layer that the column is of
    place: Mapping[str, str] = field(default_factory=dict)  # along its other dims
    caution: str = ""


TABLE_1: dict[str, Published] = {
    "knn": Published(
        "ImageNet-1k, 1,281,167 images of train and 50,000 of val",
        {"gallery": 1_281_167, "queries": 50_000},
        {"tokens": "cls", "temperature": 0.07},
        {
            "fs": (0.8379, 12), "clip": (0.7575, 12), "dino": (0.7606, 12), "moco": (0.7159, 12),
            "mae": (0.4519, 12), "beit": (0.2684, 8), "random": (0.0010, None),
        },
        "top1",
        {"k": "20"},
    ),
    "retrieval": Published(
        "ROxford5k, 4,993 images and 70 queries",
        {"database": 4993, "queries": 70},
        {"tokens": "cls", "query": "whole", "resolution": "long side at most 224"},
        {
            "fs": (0.45, 12), "clip": (0.40, 12), "dino": (0.37, 12), "moco": (0.31, 12),
            "mae": (0.15, 10), "beit": (0.14, 8), "random": (0.02, None),
        },
        "map",
        {"difficulty": "medium"},
    ),
    "davis": Published(
        "DAVIS-2017 val, 30 sequences with 61 objects",
        {"units": 30, "object": 61},
        {},
        {
            "fs": (0.59, 8), "clip": (0.60, 9), "dino": (0.60, 12), "moco": (0.61, 11),
            "mae": (0.54, 12), "beit": (0.58, 9), "random": (0.06, None),
        },
        "jf",
    ),
    "spair": Published(
        "SPair-71k test, 20 pairs of each of 18 categories",
        {"units": 18},
        {"split": "test", "pairs": 20},
        {
            "fs": (0.2856, 9), "clip": (0.3070, 8), "dino": (0.2828, 9), "moco": (0.2585, 9),
            "mae": (0.2274, 11), "beit": (0.2411, 8), "random": (0.0132, None),
        },
        "pck",
        caution="which 360 pairs the paper drew depends on its file system, so that its numbers are of other pairs",
    ),
}  # fmt: skip


PREPROCESS = ("short side, bicubic, centre crop", *(f"of the task {task}" for task in TABLE_1))


@dataclass(frozen=True)
class Conditions:
    """What of an evaluation decides whether the paper's number is comparable."""

    task: str
    model: str
    protocol: str
    image_size: tuple[int, int]
    counts: Mapping[str, int]
    settings: Mapping[str, Any]
    preprocess: str
    checkpoint: str = ""  # the file that the weights were read from; empty: the tag's own
    left_out: int = 0  # files that could not be read


def published(of: Conditions) -> tuple[tuple[float, int | None] | None, str]:
    """The paper's score and layer (from 1) for exactly this and a caution; or None and why there is none."""
    column = TABLE_1.get(of.task)
    if column is None:
        return None, "the paper has a figure, but no table"
    if of.model not in column.scores:
        return None, "the paper's Table 1 has no such model"
    reasons = (
        (
            any(of.counts.get(name) != count for name, count in column.counts.items()),
            f"the paper's data are {column.data}",
        ),
        (bool(of.left_out), f"{of.left_out} files could not be read"),
        (of.protocol != "paper", f"the protocol is {of.protocol}, the paper's numbers are for --protocol paper"),
        (of.image_size != (224, 224), f"images are {of.image_size[0]}×{of.image_size[1]} pixels, the paper's 224×224"),
        (not of.preprocess.endswith(PREPROCESS), f"crops are made so: {of.preprocess}"),
        *(
            (of.settings.get(name) != value, f"{name} is {of.settings.get(name)}, the paper's {value}")
            for name, value in column.settings.items()
        ),
    )
    reason = next((reason for differs, reason in reasons if differs), "")
    if reason:
        return None, reason
    weights = (
        f"{of.model}'s weights are those in {of.checkpoint}, which may not be the paper's" if of.checkpoint else ""
    )
    return column.scores[of.model], "; ".join(filter(None, (column.caution, weights)))
