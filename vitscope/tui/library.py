"""Library: what pages need from the cache, one frozen item a thing, and what becomes of each."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from vitscope.derive.query import Query
from vitscope.store.reader import Run
from vitscope.tui.live import Picture


@dataclass(frozen=True)
class Failure:
    """Why an item is not there: one sentence for the pane that wanted it."""

    sentence: str
    broken: bool = False  # something is wrong with the cache, and not only missing in it


@dataclass(frozen=True)
class Listing:
    """Everything in the cache: readable runs, newest first, and what cannot be read with the reason.

    `runs` are extractions, `evaluations` those of tasks.
    """

    folder: Path
    runs: tuple[Run, ...] = ()
    evaluations: tuple[Run, ...] = ()
    measured: dict[str, tuple[str, ...]] = field(default_factory=dict)  # run folder name -> its metrics
    broken: tuple[tuple[str, str], ...] = ()
    failure: str = ""

    def run(self, name: str | None) -> Run | None:
        """The run whose folder is called `name`."""
        return next((run for run in self.runs if run.folder.name == name), None)


class Column(NamedTuple):
    """A number for every head: values and, if known, their spread over images, both (L, H)."""

    values: np.ndarray
    spread: np.ndarray | None
    unit: str


class Maps(NamedTuple):
    """Attention of one query token in every head: to the patches (L, H, R, C), and to the prefix (L, H, prefix)."""

    patches: np.ndarray
    prefix: np.ndarray


class Numbers(NamedTuple):
    """The stored numbers of every head, and why others are missing."""

    columns: dict[str, Column]
    missing: dict[str, str]


@dataclass(frozen=True)
class Item:
    """One thing that a page wants from a run.

    numbers  what the extraction stored for every head: Numbers
    offsets  offset vectors (L, H, 2) in image sides
    tags     [layer][head] a list of Tag
    aligned  AAAM of the heads of `layer`, (H, 2R−1, 2C−1)
    maps     of one query token, in the mean over images or in one `image` of the gallery: Maps
    picture  the crop of one `image`, (rows, columns, 3) uint8
    cka      CKA of all layers with those of the run in the folder `others[0]`, of `tokens`: Similarity
    across   CKA of the last layers of the runs in `others`, of `tokens`: Across
    residual CKA of skip with branch, and norm ratios: Residual
    curves   every number that the evaluations in `others` have of every layer: {name: Score}
    scores   every number that the evaluations in `others` have of every head: {name: (L, H)}
    table    the best of every model in every task, of the evaluations in `others`: Table
    saliency IoU of heads with masks, of the evaluation `others[0]`: Saliency
    norms    norms of patch tokens: Norms
    info     run information, with the evaluations of the same model in `others`
    shapes   AAAM of all heads on a grid that all models share (L, H, cells)
    """

    kind: Literal[
        "numbers", "offsets", "tags", "aligned", "maps", "picture", "cka", "across", "residual", "curves", "scores",
        "shapes", "table", "saliency", "norms", "info",
    ]  # fmt: skip
    run: Path
    layer: int = 0
    image: int | None = None
    query: Query = "spatial"
    flag: bool = False  # aligned: divided by coverage; maps: attention received instead of given
    tokens: str = "all"
    others: tuple[Path, ...] = ()
    live: Picture | None = None  # maps, picture: what the model saw of an image that was opened in the browser

    @property
    def slow(self) -> bool:
        """Whether it takes long enough to be waited for beside everything else."""
        return self.kind not in {"numbers", "maps", "picture", "norms", "saliency"}
