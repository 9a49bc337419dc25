"""`show cka`: how alike layers are: of a model, of two, or the last ones of many (paper section 5, Fig. 6)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from vitscope.derive.cka import Blocks, cka, each_with_each
from vitscope.errors import ViewError
from vitscope.store.reader import Cache, Run
from vitscope.views import Column, Options, View
from vitscope.views.grams import TOKENS, blocks, comparable, said
from vitscope.views.select import exists, refuse
from vitscope.views.several import build
from vitscope.views.whole import Place, exactly

NAMES = {"cls": "CLS", "spatial": "patches", "all": "all tokens"}
EXACT = (
    "Over all images at once, with a linear kernel: unbiased from HSIC₁, which is what blocks of images estimate, and "
    "as published by Kornblith and others, which is too high where images are few for the width."
)


def view(cache: Cache, models: list[str], options: Options) -> View:
    """CKA, unit 1, not cut to 0 … 1.

    one model:    every layer with every layer of it, dims (layer, other_layer)
    two models:   layers of the first with those of the second
    more models:  the last layers, or with `options.layer` that layer, of every model with every other, dims
                  (model, other_model)

    With `options.layer` one or two models have dims (other_layer,). `options.tokens`: all (the default), cls or
    spatial. `options.taps`: block, the outputs of blocks, or norm, those of the LayerNorms before attention and MLP,
    which the paper compares layer by layer. `options.exact` gives columns unbiased and biased over the vectors of all
    images instead of blocks; its tokens are cls (the default) or spatial, the mean over patches. Raises ViewError for
    options that do not go together and models that were not measured on the same images, NotMeasured.
    """
    refuse(options, "cka", uses=("tokens", "taps", "exact", "layer"), among=("query", "image", "head"))
    runs = [cache.find(model) for model in models]
    for run in runs:
        exists(run, "layer", options.layer, run.geometry.layers)
    if options.exact:
        return _exact(runs, options)
    return _blocks(runs, options)


def _blocks(runs: list[Run], options: Options) -> View:
    """The minibatch estimate."""
    tokens, taps = options.tokens or "all", options.taps or "block"
    if tokens not in TOKENS:
        raise ViewError(f"tokens {tokens!r} are none of cls, spatial or all.")
    if taps not in {"block", "norm"}:
        raise ViewError(f"the view 'cka' compares the taps block and norm, not {taps!r}: `show residual` has those.")
    if taps == "norm" and (tokens != "all" or options.layer is not None or len(runs) > 2):
        raise ViewError("LayerNorm outputs are compared of all tokens and all layers, for one model or two.")
    metric = "grams" if taps == "block" else "norm-grams"
    comparable(runs, metric)
    parts = [_part(run, metric, tokens) for run in runs]
    flat = options.layer is not None and len(runs) <= 2
    values, coords = _flat(_values(runs, parts, options.layer), _coords(runs, options.layer), flat)
    if taps == "norm":
        names = dict(zip(coords, values.shape, strict=True))
        coords = {dim: [f"{at // 2 + 1} LN{at % 2 + 1}" for at in range(count)] for dim, count in names.items()}
    return build(
        runs,
        name="cka",
        title=f"CKA of {_pairs(runs, options)}, {NAMES[tokens] if taps == 'block' else 'LayerNorm outputs'}",
        coords=coords,
        fixed=_fixed(options),
        unit="1",
        values=values,
        notes=[said(runs[0], metric)],
    )


def _part(run: Run, metric: str, tokens: str) -> Blocks:
    if metric == "grams":
        return blocks(run, metric, tokens)
    one, two = (blocks(run, metric, name) for name in ("norm1", "norm2"))
    return Blocks(_woven(one.grams, two.grams), one.places, _both(one.ranges, two.ranges))


def _both(one: np.ndarray | None, two: np.ndarray | None) -> np.ndarray | None:
    return None if one is None or two is None else _woven(one, two)


def _woven(one: np.ndarray, two: np.ndarray) -> np.ndarray:
    """First of one, first of two, second of one, …: the order in which a block has them."""
    return np.stack([one, two], axis=1).reshape(2 * len(one), *one.shape[1:])


def _values(runs: list[Run], parts: list[Blocks], layer: int | None) -> np.ndarray:
    """CKA of rows and columns as `_places` has them."""
    if len(runs) <= 2:
        return cka(parts[0] if layer is None else _only(parts[0], layer), parts[-1])
    return each_with_each([_only(parts[i], at) for i, at in _places(runs, layer)[0]])


def _only(part: Blocks, layer: int) -> Blocks:
    at = slice(layer, layer + 1)
    return Blocks(part.grams[at], part.places, None if part.ranges is None else part.ranges[at])


def _exact(runs: list[Run], options: Options) -> View:
    """The value of the whole set, from vectors."""
    tokens = options.tokens or "cls"
    if tokens not in {"cls", "spatial"}:
        raise ViewError("the exact CKA is of one vector an image: --tokens cls, or spatial for the mean over patches.")
    if options.taps not in {None, "block"}:
        raise ViewError("the exact CKA is of outputs of blocks: leave --taps out.")
    both = exactly(runs, _places(runs, options.layer), tokens)
    both, coords = _flat(both, _coords(runs, options.layer), options.layer is not None and len(runs) <= 2)
    return build(
        runs,
        name="cka",
        title=f"Exact CKA of {_pairs(runs, options)}, {'CLS' if tokens == 'cls' else 'mean patch'}",
        coords=coords,
        fixed=_fixed(options),
        columns={name: Column(values=both[..., i], unit="1") for i, name in enumerate(("unbiased", "biased"))},
        notes=[EXACT],
    )


def _places(runs: list[Run], layer: int | None) -> tuple[list[Place], list[Place]]:
    """(run, layer) of each row and of each column, both from 0."""
    if len(runs) > 2:
        both = [(i, run.geometry.layers - 1 if layer is None else layer) for i, run in enumerate(runs)]
        return both, both
    down = range(runs[0].geometry.layers) if layer is None else [layer]
    return [(0, at) for at in down], [(len(runs) - 1, at) for at in range(runs[-1].geometry.layers)]


def _coords(runs: list[Run], layer: int | None) -> dict[str, list[Any]]:
    """Names of rows and columns."""
    if len(runs) > 2:
        return {"model": [run.model for run in runs], "other_model": [run.model for run in runs]}
    down, across = _places(runs, layer)
    return {"layer": [at + 1 for _, at in down], "other_layer": [at + 1 for _, at in across]}


def _flat(values: np.ndarray, coords: dict[str, list[Any]], flat: bool) -> tuple[np.ndarray, dict[str, list[Any]]]:
    """Without the axis of rows, where there is one row that was asked for."""
    return (values[0], {"other_layer": coords["other_layer"]}) if flat else (values, coords)


def _pairs(runs: Sequence[Run], options: Options) -> str:
    """What is compared with what, in words."""
    layer = "" if options.layer is None else f", layer {options.layer + 1},"
    if len(runs) == 1:
        return f"{runs[0].model}{layer} with itself"
    if len(runs) == 2:
        return f"{runs[0].model}{layer} with {runs[1].model}"
    return f"{len(runs)} models, {layer.strip(', ') or 'last layers'}"


def _fixed(options: Options) -> dict[str, list[Any]]:
    return {} if options.layer is None else {"layer": [options.layer + 1]}
