"""Results that need labels, masks, videos or keypoints: one file a task, one line in `catalog.TASKS`.

There are two kinds. A task of `Units` looks at its data unit by unit (a few images, a video, a category of pairs), and
every layer of the model comes out of the same forward pass. A task of `Vectors` asks for one vector an image and layer
of some sets of images, which the extraction keeps, and needs no forward pass of its own.

Formulas are functions of arrays in the same file, so that they can be tested without a model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np

from vitscope.data.records import ImageSet
from vitscope.models.backbone import Backbone

State = dict[str, np.ndarray]


def _unheard(done: int, total: int) -> None:
    """Nobody asked how far it is."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What an evaluation was asked for; a task reads what concerns it."""

    root: Path  # the folder of the data set
    kind: str | None = None  # a name of catalog.DATASETS; None: recognised
    protocol: str = "corrected"
    limit: int | None = None  # at most so many images, pairs or videos
    per_class: int | None = None
    device: str = "cpu"  # where a task of Vectors computes, as torch names it; changes no number's meaning
    progress: Callable[[int, int], None] = _unheard  # told how far a long computation is: done, in all
    options: Mapping[str, Any] = field(default_factory=dict)  # the task's own, as it names them in `options`


@dataclass(frozen=True)
class Option:
    """An option of a task: its default says its type (bool, int, float, str, or a tuple of one of them)."""

    default: Any
    about: str
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Array:
    """One array of an outcome: values, a name for each axis, the unit ("1" for none)."""

    values: np.ndarray
    dims: tuple[str, ...]
    unit: str


@dataclass(frozen=True)
class Outcome:
    """What a task found. `coords` names the places along a dim; `notes` are sentences for the user."""

    arrays: Mapping[str, Array]
    count: int  # images, pairs or frames behind the numbers
    coords: Mapping[str, list[str]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Measured:
    """What one unit gave: sums or rows, and the files that could not be used, with the reason."""

    state: State
    skipped: tuple[tuple[str, str], ...] = ()  # (file, reason)


class Task(Protocol):
    """What both kinds offer. Constructed from `Asked`: reads and checks the tree, raises DataError before any work."""

    version: ClassVar[int]
    """Goes up whenever the numbers change."""
    options: ClassVar[Mapping[str, Option]]
    """The options that it understands, besides those that all tasks share."""
    best: ClassVar[tuple[str, str]]
    """(array, "max" or "min"): the number of every layer by which the best layer is chosen, dims ("layer",)."""
    dataset: str
    """The data set's name for people."""
    fingerprint: str
    """sha256 that stands for all files and ground truth that decide a number."""
    settings: dict[str, Any]
    """Everything else that decides a number, in clear: texts, numbers, and lists of them."""
    notes: tuple[str, ...]
    """What the user should know of the data: counts that differ from the published ones, files left out."""

    def __init__(self, asked: Asked) -> None: ...


class Units(Task, Protocol):
    """A task that runs the model itself, unit by unit; a unit is what is kept when a run is killed."""

    units: Sequence[str]
    """Names of the units, in order."""

    def measure(self, unit: int, model: Backbone) -> Measured:
        """One unit: every image through the model once, for all layers."""
        ...

    def compute(self, states: Iterable[State]) -> Outcome:
        """The outcome from the states of all units, in order."""
        ...


class Vectors(Task, Protocol):
    """A task over one vector an image and layer, which the metric `vectors` of the extraction keeps."""

    sets: Mapping[str, ImageSet]
    """The images whose vectors it needs, by name, such as gallery and queries."""

    def compute(self, vectors: Mapping[str, VectorsOfSet], watcher: Any) -> Outcome:
        """The outcome of all layers; `watcher.progress(done, total)` where it takes long."""
        ...


class VectorsOfSet(Protocol):
    """The vectors of one set of images, on disk, of which a slice of one layer is read at a time."""

    layers: int
    width: int
    places: np.ndarray
    """int64 [I]: which records of the ImageSet there are vectors of, ascending; the others could not be read."""

    def read(self, layer: int, tokens: str, start: int, stop: int) -> np.ndarray:
        """float16 [stop − start, width] of one layer from 0; `tokens` is "cls" or "spatial" (mean over patches)."""
        ...
