"""What the pages about features need from the cache, and how it is computed: in a worker thread, numpy only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vitscope.derive.cka import Blocks, cka, each_with_each
from vitscope.errors import VitscopeError
from vitscope.store.reader import Result, Run, load_run
from vitscope.store.text import printable
from vitscope.views.curves import RANDOM
from vitscope.views.grams import blocks, comparable
from vitscope.views.residual import BRANCHES, matrix

MOST = 24  # curves of one array that are offered, such as one for each k of k-NN


class Similarity(NamedTuple):
    """CKA of layers (L, L'), in how many blocks of how many images it was estimated, and in which protocol."""

    values: np.ndarray
    blocks: int
    images: int
    protocol: str


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


class Score(NamedTuple):
    """One number of every layer of several models: values (L,) of each, `random` its mean and spread over trials."""

    name: str
    dataset: str
    models: tuple[str, ...]
    values: tuple[np.ndarray, ...]
    random: tuple[float, float] | None


def similarity(run: Run, other: Path | None, tokens: str) -> Similarity:
    """CKA of every layer of `run` with every layer of the run in `other` (None: itself)."""
    second = run if other is None or other == run.folder else load_run(other)
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
        mean = np.asarray(result.array("mean"), dtype=np.float64)
        for b, branch in enumerate(result.coords.get("branch", [])):
            for t, tokens in enumerate(result.coords.get("tokens", [])):
                ratios[branch, tokens] = mean[b, :, t]
    except VitscopeError as error:
        missing.append(error)
    if not similar and not ratios:
        raise missing[0]
    return Residual(similar, ratios, " ".join(map(str, missing)))


def scores(folders: Sequence[Path]) -> dict[str, Score]:
    """Every number of every layer that the evaluations hold, by a name such as "clusters purity, cls".

    Of several evaluations of the same model with the same task, data and settings the first (newest) counts.
    """
    found: dict[str, list[tuple[Run, np.ndarray]]] = {}
    taken: set[tuple[str, str]] = set()
    for folder in folders:
        try:
            run = load_run(folder)
            result = run.result(run.spec.task)
        except VitscopeError:  # listed as broken on the page of runs
            continue
        for label, values in _series(result):
            kind = f"{run.spec.task} {label} · {run.dataset}"
            if (kind, run.model) not in taken:
                taken.add((kind, run.model))
                found.setdefault(kind, []).append((run, values))
    tasks = sorted(found, key=lambda name: (found[name][0][0].spec.task, found[name][0][0].dataset))
    return {name: _score(name, found[name]) for name in tasks}


def _series(result: Result) -> Iterator[tuple[str, np.ndarray]]:
    """Each array that has layers, one curve for each combination of its other coordinates."""
    for name, info in result.arrays.items():
        others = [dim for dim in info.dims if dim != "layer"]
        labels = [result.coords.get(dim, []) for dim in others]
        if len(others) == len(info.dims) or not all(labels) or np.prod([len(part) for part in labels]) > MOST:
            continue
        values = np.moveaxis(np.asarray(result.array(name), dtype=np.float64), info.dims.index("layer"), -1)
        for place in product(*(range(len(part)) for part in labels)):
            said = ", ".join(part[at] for part, at in zip(labels, place, strict=True))
            yield f"{name}{', ' if said else ''}{said}", values[place]


def _score(name: str, pairs: list[tuple[Run, np.ndarray]]) -> Score:
    noise = next((values for run, values in pairs if run.model == RANDOM), None)
    spread = None
    if noise is not None:
        spread = float(np.mean(noise)), float(np.std(noise, ddof=1)) if len(noise) > 1 else 0.0
    models = [(run, values) for run, values in pairs if run.model != RANDOM]
    return Score(
        name, pairs[0][0].dataset, tuple(run.model for run, _ in models), tuple(values for _, values in models), spread
    )
