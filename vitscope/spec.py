"""Spec: what is measured, which names the run in the cache. Resources: how, which changes no number's meaning."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Protocol = Literal["corrected", "paper"]
Precision = Literal["fp32", "bf16", "fp16"]

SHARD_IMAGES = 512  # the unit of work: sums are float32 inside a shard and float64 across shards


@dataclass(frozen=True, kw_only=True)
class Spec:
    """Everything that decides a number. Two runs with the same Spec are the same run."""

    model: str  # as the user named it: "mae", "timm/vit_small_patch14_dinov2.lvd142m"
    weights: str  # sha256 over the names and bytes of the loaded parameters, or "random:SEED"
    dataset: str  # a name for people: the folder's, or the catalog's
    images: str  # sha256 over the ordered list of files (relative path, size, class)
    image_size: tuple[int, int]  # height, width of the crop that the model sees, in pixels
    preprocess: str  # how the crop was made, in words
    normalization: str  # mean and standard deviation in clear
    precision: Precision = "fp32"
    protocol: Protocol = "corrected"
    shard_images: int = SHARD_IMAGES
    order: str = "as listed"  # in which the images were gone through
    gram_images: int = 0  # so many consecutive images of that order make one Gram matrix; 0: none was made
    task: str = ""  # a name of catalog.TASKS; empty: an extraction
    settings: Mapping[str, Any] = field(default_factory=dict)  # of the task: texts, numbers, lists of them

    def to_json(self) -> dict[str, Any]:
        """The fields as JSON can hold them; those that came later are left out where they say nothing."""
        fields = {**asdict(self), "image_size": list(self.image_size), "settings": dict(self.settings)}
        silent = {"order": "as listed", "gram_images": 0, "task": "", "settings": {}}
        return {name: value for name, value in fields.items() if name not in silent or value != silent[name]}

    @property
    def key(self) -> str:
        """Eight hexadecimal digits that stand for all fields."""
        clear = json.dumps(self.to_json(), sort_keys=True)
        return hashlib.sha256(clear.encode()).hexdigest()[:8]

    @property
    def folder(self) -> str:
        """Name of the run's folder: model, task if it is one's, dataset, key."""
        what = f"{self.task}-{slug(self.dataset)}" if self.task else slug(self.dataset)
        return f"{slug(self.model)}-{what}-{self.key}"


@dataclass(frozen=True, kw_only=True)
class Resources:
    """How a run is carried out. Nothing here is part of the key."""

    device: str = "auto"
    batch_size: int | None = None  # images a forward pass; None: chosen from the model's size
    workers: int | None = None  # processes that decode images; None: chosen from the machine
    shard: tuple[int, int] | None = None  # (I, N): only the shards whose number from 1 is I modulo N; nothing is folded
    memory: float = 2.0  # GiB that attention of one layer may take before queries are cut into chunks


def slug(name: str) -> str:
    """A short file name made of the last part of `name`.

    >>> slug("timm/vit_small_patch14_dinov2.lvd142m")
    'vit_small_patch14_dinov2.lvd142m'
    >>> slug("my photographs!")
    'my-photographs'
    """
    last = name.rstrip("/").rsplit("/", 1)[-1]
    return re.sub(r"[^A-Za-z0-9._]+", "-", last).strip("-.")[:60] or "unnamed"
