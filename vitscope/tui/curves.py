"""What the page of tasks shows, read from the evaluations in the cache: in a worker thread, numpy only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vitscope import catalog
from vitscope.errors import StoreError, VitscopeError
from vitscope.store.reader import Result, Run, load_run
from vitscope.views.curves import RANDOM
from vitscope.views.summary import copied, deciding

MOST = 24  # curves of one array that are offered, such as one for each k of k-NN


class Score(NamedTuple):
    """One number of every layer of several models: values (L,) of each, `random` its mean and spread over trials.

    `task` names the evaluation; the first of its numbers is the one that decides which layer is best. `images` and
    `protocol` are those of the evaluations.
    """

    name: str
    dataset: str
    models: tuple[str, ...]
    values: tuple[np.ndarray, ...]
    random: tuple[float, float] | None
    task: str = ""
    images: int = 0
    protocol: str = ""

    @property
    def short(self) -> str:
        """The name without the data set."""
        return self.name.removesuffix(f" · {self.dataset}")


def curves(folders: Sequence[Path]) -> dict[str, Score]:
    """Every number of every layer that the evaluations hold, by a name such as "clusters purity, cls · imagenet-val".

    Tasks come as in the catalog, and of each the number first that decides which layer is best, for most models where
    they differ. Of several evaluations of the same model with the same task, data and settings the first (newest)
    counts.
    """
    found: dict[str, list[tuple[Run, np.ndarray]]] = {}
    taken: set[tuple[str, str]] = set()
    leading: set[str] = set()
    for folder in folders:
        try:
            run = load_run(folder)
            result = run.result(run.spec.task)
        except VitscopeError:  # listed as broken on the page of runs
            continue
        leading |= {f"{run.spec.task} {label} · {run.dataset}" for label in _leading(run, result)}
        for label, values in _series(result):
            kind = f"{run.spec.task} {label} · {run.dataset}"
            if (kind, run.model) not in taken:
                taken.add((kind, run.model))
                found.setdefault(kind, []).append((run, values))

    def place(name: str) -> tuple[int, str, int]:
        run = found[name][0][0]
        return list(catalog.TASKS).index(run.spec.task), run.dataset, -len(found[name]) if name in leading else 0

    return {name: _score(name, found[name]) for name in sorted(found, key=place)}


def tasks(scores: Mapping[str, Score]) -> tuple[str, ...]:
    """The first number of every task."""
    first: dict[str, str] = {}
    for name, score in scores.items():
        first.setdefault(score.task, name)
    return tuple(first.values())


def _leading(run: Run, result: Result) -> list[str]:
    """The label of the number that decides which layer of an evaluation is best, as `_series` has it."""
    try:
        _, _, array, place = deciding(run, result)
    except StoreError:
        return []
    return [f"{array}, {place[1]}" if place else array]


def _series(result: Result) -> Iterator[tuple[str, np.ndarray]]:
    """Each array that has layers, one curve for each combination of its other coordinates, and none of them twice."""
    for name, info in result.arrays.items():
        others = [dim for dim in info.dims if dim != "layer"]
        labels = [result.coords.get(dim, []) for dim in others]
        if len(others) == len(info.dims) or not all(labels) or np.prod([len(part) for part in labels]) > MOST:
            continue
        if not others and copied(result, result.array(name)):
            continue
        values = np.moveaxis(np.array(result.array(name), dtype=np.float64), info.dims.index("layer"), -1)
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
        name=name,
        dataset=pairs[0][0].dataset,
        models=tuple(run.model for run, _ in models),
        values=tuple(values for _, values in models),
        random=spread,
        task=f"{pairs[0][0].spec.task} · {pairs[0][0].dataset}",
        images=max(run.images for run, _ in pairs),
        protocol=", ".join(dict.fromkeys(run.spec.protocol for run, _ in pairs)),
    )
