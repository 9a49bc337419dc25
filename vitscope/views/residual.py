"""`show residual`: how much of the stream each branch changes (paper, appendix D.4)."""

from __future__ import annotations

from typing import Any

import numpy as np

from vitscope.derive.cka import cka
from vitscope.errors import NotMeasured, ViewError
from vitscope.store.reader import Result, Run
from vitscope.views import Column, Options, View
from vitscope.views.grams import blocks, said
from vitscope.views.select import build, exists, fitting, refuse

BRANCHES = ("attention", "mlp")
METRIC = "residual-grams"


def view(run: Run, options: Options) -> View:
    """Norm ratios ‖skip‖/‖branch‖ and CKA of skip with branch of the same block, dims (layer,), unit 1, as columns

    attention_all, attention_cls, attention_spatial, each with its spread over images (…_std)
    attention_cka  CKA of what the block takes in with what its attention adds, all tokens
    mlp_…          the same of the MLP, whose skip is the stream after attention

    A ratio is taken in every image, then averaged. With `options.taps` attention or mlp, the whole matrix of that CKA:
    dims (skip_layer, branch_layer). Raises ViewError for options that do not exist, NotMeasured without any of it.
    """
    refuse(options, "residual", uses=("taps", "layer"), among=("query", "image", "tokens", "exact", "head"))
    exists(run, "layer", options.layer, run.geometry.layers)
    if options.taps is not None:
        return _matrix(run, options)
    columns: dict[str, Column] = {}
    notes: list[str] = []
    missing: list[NotMeasured] = []
    for part in (_ratios, _similar):
        try:
            columns.update(part(run))
            notes += [said(run, METRIC)] if part is _similar else []
        except NotMeasured as error:
            missing.append(error)
    if not columns:
        raise missing[0]
    return _built(run, options, columns, [*notes, *(f"Left out: {error}" for error in missing)])


def _built(run: Run, options: Options, columns: dict[str, Column], notes: list[str]) -> View:
    at = slice(None) if options.layer is None else options.layer
    return build(
        run,
        name="residual",
        title=f"Skip over branch: ratio of norms, and CKA{_said(options)}",
        images=run.images,
        coords={} if options.layer is not None else {"layer": list(range(1, run.geometry.layers + 1))},
        fixed={} if options.layer is None else {"layer": [options.layer + 1]},
        columns={name: Column(values=np.asarray(c.values[at]), unit=c.unit) for name, c in columns.items()},
        notes=notes,
    )


def _ratios(run: Run) -> dict[str, Column]:
    """Norm ratios of every kind of token that the model has."""
    result = run.result("residual-norms")
    tokens = result.coords.get("tokens", [])
    shape = (len(BRANCHES), run.geometry.layers, len(tokens))
    mean, std = (np.asarray(fitting(result, name, *shape), dtype=np.float64) for name in ("mean", "std"))
    columns = {}
    for b, branch in enumerate(_branches(result)):
        for t, token in enumerate(tokens):
            columns[f"{branch}_{token}"] = Column(values=mean[b, :, t], unit="1")
            columns[f"{branch}_{token}_std"] = Column(values=std[b, :, t], unit="1")
    return columns


def _branches(result: Result) -> list[str]:
    return result.coords.get("branch", list(BRANCHES))


def _similar(run: Run) -> dict[str, Column]:
    """CKA of skip and branch of the same block."""
    return {f"{branch}_cka": Column(values=np.diagonal(matrix(run, branch)), unit="1") for branch in BRANCHES}


def matrix(run: Run, branch: str) -> np.ndarray:
    """CKA of every block's skip (rows) with every block's branch (columns), (L, L); NotMeasured."""
    return cka(blocks(run, METRIC, f"{branch}-skip"), blocks(run, METRIC, f"{branch}-branch"))


def _matrix(run: Run, options: Options) -> View:
    if options.taps not in BRANCHES:
        raise ViewError(f"taps {options.taps!r} are none of attention or mlp, the branches that `show residual` has.")
    layers: list[Any] = list(range(1, run.geometry.layers + 1))
    values, coords = matrix(run, options.taps), {"skip_layer": layers, "branch_layer": layers}
    if options.layer is not None:
        values, coords = values[options.layer], {"branch_layer": layers}
    name = "attention" if options.taps == "attention" else "MLP"
    return build(
        run,
        name="residual",
        title=f"CKA of the stream before {name} with what {name} adds{_said(options)}",
        images=run.images,
        coords=coords,
        fixed={} if options.layer is None else {"skip_layer": [options.layer + 1]},
        unit="1",
        values=values,
        notes=[said(run, METRIC)],
    )


def _said(options: Options) -> str:
    return "" if options.layer is None else f", layer {options.layer + 1}"
