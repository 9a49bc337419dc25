"""The ways to add up over images: Mean, Moments and Stack; those of single images are in `vitscope.metrics.rows`.

Each holds tensors while a shard is measured (`add`), gives them up as a state of numpy arrays (`state`), and knows how
two states become one (`merge`) and how a state becomes the result (`compute`). `merge` is associative, and the state of
no images is neutral.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from vitscope.batch import Batch

State = Mapping[str, np.ndarray]


class Sums(Protocol):
    """What all ways to add up have in common."""

    def state(self) -> dict[str, np.ndarray]:
        """What was added so far."""
        ...

    @staticmethod
    def merge(left: State, right: State) -> dict[str, np.ndarray]:
        """The state of both sets of images, those of `left` first; sums in float64."""
        ...

    @staticmethod
    def compute(state: State) -> dict[str, np.ndarray]:
        """The result as float32 arrays (Stack: as stored)."""
        ...

    @staticmethod
    def images(state: State) -> int:
        """How many images were added."""
        ...

    @staticmethod
    def sound(state: State) -> bool:
        """Whether every number is finite that should be."""
        ...


def finite(state: State) -> bool:
    """Whether all numbers are finite."""
    return all(np.isfinite(values).all() for values in state.values() if values.dtype.kind == "f")


class Mean:
    """Mean over images of something linear in attention: a sum and a count, or one of each per class.

    `total` is float32 of any shape; the metric adds to it in place. `count` is a float32 vector beside it: one number,
    or one per class (then classes are the first dimension of `total`). `merge` makes float64 of both.
    """

    def __init__(self, shape: tuple[int, ...], device: torch.device, classes: int = 1) -> None:
        self.total = torch.zeros(shape, dtype=torch.float32, device=device)
        self.count = torch.zeros(classes, dtype=torch.float32, device=device)

    def state(self) -> dict[str, np.ndarray]:
        return {"total": self.total.cpu().numpy(), "count": self.count.cpu().numpy()}

    @staticmethod
    def merge(left: State, right: State) -> dict[str, np.ndarray]:
        return {key: np.add(left[key], right[key], dtype=np.float64) for key in ("total", "count")}

    @staticmethod
    def compute(state: State) -> dict[str, np.ndarray]:
        total, count = state["total"], state["count"]
        each = count[0] if len(count) == 1 else count.reshape(-1, *[1] * (total.ndim - 1))
        with np.errstate(invalid="ignore", divide="ignore"):  # a class without images has no mean: NaN
            return {"mean": np.divide(total, each, dtype=np.float64).astype(np.float32)}

    @staticmethod
    def images(state: State) -> int:
        return int(state["count"].sum())

    @staticmethod
    def sound(state: State) -> bool:
        return finite(state)


class Moments:
    """Mean and spread over images of a number per image: count, mean, and sum of squared deviations from the mean.

    Merged by Chan's rule, which keeps its digits where a sum of squares would lose them.
    """

    def __init__(self, layers: int, shape: tuple[int, ...], device: torch.device) -> None:
        self.count = [0] * layers
        self.mean = torch.zeros(layers, *shape, dtype=torch.float32, device=device)
        self.squares = torch.zeros_like(self.mean)
        self._pending: Tensor | None = None

    def add(self, batch: Batch, part: Tensor) -> None:
        """Add what the queries of `batch` contribute to each image's number, shape (B, *shape)."""
        value = part if batch.first or self._pending is None else self._pending + part
        self._pending = None if batch.last else value
        if batch.last:
            self.put(batch.layer, value)

    def put(self, layer: int, value: Tensor) -> None:
        """Add the numbers of some images in one layer, shape (B, *shape)."""
        n, seen = len(value), self.count[layer]
        mean = value.mean(0)
        squares = (value - mean).square().sum(0)
        shift = mean - self.mean[layer]
        self.count[layer] = seen + n
        self.mean[layer] += shift * (n / (seen + n))
        self.squares[layer] += squares + shift.square() * (seen * n / (seen + n))

    def state(self) -> dict[str, np.ndarray]:
        count = np.array(self.count[:1], dtype=np.float64)
        return {"count": count, "mean": self.mean.cpu().numpy(), "squares": self.squares.cpu().numpy()}

    @staticmethod
    def merge(left: State, right: State) -> dict[str, np.ndarray]:
        n, m = left["count"], right["count"]
        both = np.maximum(n + m, 1)
        shift = right["mean"].astype(np.float64) - left["mean"]
        return {
            "count": n + m,
            "mean": left["mean"] + shift * (m / both),
            "squares": left["squares"] + right["squares"].astype(np.float64) + shift**2 * (n * m / both),
        }

    @staticmethod
    def compute(state: State) -> dict[str, np.ndarray]:
        """Mean, and sample standard deviation over images (ddof 1; NaN for one image)."""
        freedom = state["count"][0] - 1
        spread = np.sqrt(state["squares"] / freedom) if freedom > 0 else np.full_like(state["mean"], np.nan)
        return {"mean": state["mean"].astype(np.float32), "std": spread.astype(np.float32)}

    @staticmethod
    def images(state: State) -> int:
        return int(state["count"][0])

    @staticmethod
    def sound(state: State) -> bool:
        return finite(state)


class Stack:
    """Arrays of single images, one after another; nothing is added up."""

    def __init__(self) -> None:
        self.arrays: dict[str, list[np.ndarray]] = {}

    def state(self) -> dict[str, np.ndarray]:
        return {name: np.stack(arrays) for name, arrays in self.arrays.items()}

    @staticmethod
    def merge(left: State, right: State) -> dict[str, np.ndarray]:
        names = list(left) or list(right)
        both = [side for side in (left, right) if side]
        return {name: np.concatenate([side[name] for side in both]) for name in names}

    @staticmethod
    def compute(state: State) -> dict[str, np.ndarray]:
        """The arrays, in the order of the data set if they say their `place` in it."""
        if "place" not in state or (np.diff(state["place"]) > 0).all():
            return dict(state)
        order = np.argsort(state["place"])
        return {name: values[order] for name, values in state.items()}

    @staticmethod
    def images(state: State) -> int:
        return len(next(iter(state.values()))) if state else 0

    @staticmethod
    def sound(state: State) -> bool:
        return finite(state)
