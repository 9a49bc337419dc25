"""What the pages of CKA and of residual branches show, computed from the cache: in a worker thread, numpy only."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vitscope.derive.cka import Blocks, cka, each_with_each
from vitscope.errors import VitscopeError
from vitscope.store.reader import Run, load_run
from vitscope.store.text import printable
from vitscope.views.grams import blocks, comparable
from vitscope.views.residual import BRANCHES, matrix


class Similarity(NamedTuple):
    """CKA of layers (L, L'), in how many blocks of how many images it was estimated, and in which protocol."""

    values: np.ndarray
    blocks: int
    images: int
    protocol: str

    def turned(self) -> Similarity:
        """Rows become columns."""
        return self._replace(values=self.values.T)


class Across(NamedTuple):
    """CKA of the last layers of models (M, M), NaN where two cannot be compared, and why that is."""

    names: tuple[str, ...]
    values: np.ndarray
    reasons: tuple[str, ...]


class Residual(NamedTuple):
    """CKA of skip with branch (L, L) by branch, norm ratios (L,) by branch and tokens, and what is missing."""

    similar: dict[str, np.ndarray]
    ratios: dict[tuple[str, str], np.ndarray]
    missing: str


def similarity(run: Run, other: Path, tokens: str) -> Similarity:
    """CKA of every layer of `run` with every layer of the run in the folder `other`, which may be itself."""
    second = run if other == run.folder else load_run(other)
    comparable([run, second], "grams")
    one = blocks(run, "grams", tokens)
    values = cka(one, one if second is run else blocks(second, "grams", tokens))
    return Similarity(values, one.places.shape[0], one.places.shape[1], run.spec.protocol)


def across(folders: Sequence[Path], tokens: str) -> Across:
    """CKA of the last layers of all runs with each other."""
    runs = [load_run(folder) for folder in folders]
    reasons: dict[str, None] = {}
    last: list[Blocks | None] = []
    for run in runs:
        try:
            last.append(_last(blocks(run, "grams", tokens)))
        except VitscopeError as error:
            reasons[str(error)] = None
            last.append(None)
    values = np.full((len(runs), len(runs)), np.nan)
    for group in _groups(runs, last, reasons):
        values[np.ix_(group, group)] = each_with_each([part for at, part in enumerate(last) if part and at in group])
    return Across(tuple(run.model for run in runs), values, tuple(map(printable, reasons)))


def _groups(runs: Sequence[Run], last: Sequence[Blocks | None], reasons: dict[str, None]) -> list[list[int]]:
    """Which runs can be compared with each other; why others cannot goes into `reasons`."""
    groups: list[list[int]] = []
    for at, run in enumerate(runs):
        if last[at] is None:
            continue
        for group in groups:
            try:
                comparable([runs[group[0]], run], "grams")
            except VitscopeError as error:
                reasons[str(error)] = None
            else:
                group.append(at)
                break
        else:
            groups.append([at])
    return groups


def _last(stored: Blocks) -> Blocks:
    return Blocks(stored.grams[-1:], stored.places, None if stored.ranges is None else stored.ranges[-1:])


def residual(run: Run) -> Residual:
    """What is there of CKA between skip and branch and of norm ratios; raises NotMeasured where nothing is."""
    missing: list[VitscopeError] = []
    similar: dict[str, np.ndarray] = {}
    ratios: dict[tuple[str, str], np.ndarray] = {}
    try:
        similar = {branch: matrix(run, branch) for branch in BRANCHES}
    except VitscopeError as error:
        missing.append(error)
    try:
        result = run.result("residual-norms")
        mean = np.array(result.array("mean"), dtype=np.float64)
        for b, branch in enumerate(result.coords.get("branch", [])):
            for t, tokens in enumerate(result.coords.get("tokens", [])):
                ratios[branch, tokens] = mean[b, :, t]
    except VitscopeError as error:
        missing.append(error)
    if not similar and not ratios:
        raise missing[0]
    return Residual(similar, ratios, " ".join(map(str, missing)))
