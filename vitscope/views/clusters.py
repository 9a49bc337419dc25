"""`show clusters`: how well k-means of each layer finds the classes, for several models (paper section 5, Fig. 7)."""

from __future__ import annotations

import numpy as np

from vitscope.errors import NotMeasured, ViewError
from vitscope.store.reader import Cache, Result, Run
from vitscope.views import Options, View
from vitscope.views.curves import RANDOM, curves
from vitscope.views.grams import same_images
from vitscope.views.select import exists, fitting, refuse

SCORES = ("purity", "nmi", "ari")
NAMES = {"cls": "CLS", "spatial": "mean over patches"}


def view(cache: Cache, models: list[str], options: Options) -> View:
    """Columns purity, nmi and ari, dims (model, layer), unit 1; with `options.layer` dims (model,).

    `options.tokens`: cls (the default, unless a model has none) or spatial. Raises ViewError for options that do not
    exist and models whose clusters are of other images or another number, StoreError without an evaluation.
    """
    refuse(options, "clusters", uses=("tokens", "layer"), among=("query", "image", "head", "taps", "exact"))
    runs = [cache.find(model, "clusters") for model in models]
    for run in runs:
        if run.model != RANDOM:
            exists(run, "layer", options.layer, run.geometry.layers)
    results = [run.result("clusters") for run in runs]
    tokens = _tokens(results, options.tokens)
    clusters = _clusters(runs)
    measured = {name: [_scores(*pair, name, tokens) for pair in zip(runs, results, strict=True)] for name in SCORES}
    return curves(
        runs,
        measured,
        name="clusters",
        title=f"k-means with {clusters} clusters against classes, {NAMES[tokens]}",
        layer=options.layer,
        units=dict.fromkeys(SCORES, "1"),
    )


def _tokens(results: list[Result], asked: str | None) -> str:
    """The tokens to show; ViewError for others than cls and spatial, NotMeasured for those that a run lacks."""
    if asked not in {None, "cls", "spatial"}:
        raise ViewError(f"clusters are of the tokens cls or spatial, not {asked!r}.")
    every = [result.coords.get("tokens", []) for result in results]
    if asked is None:
        return "cls" if all("cls" in names for names in every) else "spatial"
    for result, names in zip(results, every, strict=True):
        if asked not in names:
            raise NotMeasured(f"{result.folder.parent.name} has clusters of {', '.join(names)} only, not of {asked}.")
    return asked


def _clusters(runs: list[Run]) -> int:
    """How many clusters all runs have; ViewError if they cannot be compared."""
    same_images(runs)
    counts = {run.model: run.spec.settings.get("clusters") for run in runs}
    if len(set(counts.values())) > 1:
        every = ", ".join(f"{model} {count}" for model, count in counts.items())
        raise ViewError(f"these models have different numbers of clusters ({every}), which cannot be compared.")
    return int(next(iter(counts.values())) or 0)


def _scores(run: Run, result: Result, name: str, tokens: str) -> np.ndarray:
    """One score of every layer, (L,) float64."""
    names = result.coords.get("tokens", [])
    return np.asarray(fitting(result, name, len(names), run.geometry.layers), dtype=np.float64)[names.index(tokens)]
