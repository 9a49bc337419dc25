"""What the page of tasks shows, read from the evaluations in the cache: in a worker thread, numpy only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vitscope import catalog
from vitscope.errors import VitscopeError
from vitscope.store.reader import Result, Run, load_run
from vitscope.views.curves import RANDOM

MOST = 24  # curves of one array that are offered, such as one for each k of k-NN


class Score(NamedTuple):
    """One number of every layer of several models: values (L,) of each, `random` its mean and spread over trials."""

    name: str
    dataset: str
    models: tuple[str, ...]
    values: tuple[np.ndarray, ...]
    random: tuple[float, float] | None


def curves(folders: Sequence[Path]) -> dict[str, Score]:
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
    models.sort(key=lambda pair: catalog.rank(pair[0].model))
    return Score(
        name, pairs[0][0].dataset, tuple(run.model for run, _ in models), tuple(values for _, values in models), spread
    )
