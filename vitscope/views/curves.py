"""A number of every layer, for several models: what tasks are drawn as (paper, Fig. 7 to 10)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from vitscope.store.reader import Run
from vitscope.views import Column, View
from vitscope.views.several import build

RANDOM = "random"  # the pseudo-model whose layers are independent trials
SPREAD = "_std"


def curves(
    runs: Sequence[Run],
    measured: Mapping[str, Sequence[np.ndarray]],
    *,
    name: str,
    title: str,
    layer: int | None,
    units: Mapping[str, str],
    notes: Sequence[str] = (),
) -> View:
    """A View with a column for each of `measured` ((L,) of every run), dims (model, layer), or (model,) for one layer.

    Models with fewer layers than others have NaN for the rest. The layers of `random` are trials, not layers: it has
    their mean in every layer, and columns …_std hold their spread (n − 1), which is NaN for the other models.
    """
    noise = np.array([run.model == RANDOM for run in runs])
    longest = max((run.geometry.layers for run, is_noise in zip(runs, noise, strict=True) if not is_noise), default=1)
    columns: dict[str, Column] = {}
    for what, values in measured.items():
        padded, spread = np.full((len(runs), longest), np.nan), np.full((len(runs), longest), np.nan)
        for i, (of_model, is_noise) in enumerate(zip(values, noise, strict=True)):
            if is_noise:
                padded[i], spread[i] = np.mean(of_model), np.std(of_model, ddof=1) if len(of_model) > 1 else np.nan
            else:
                padded[i, : len(of_model)] = of_model
        both = {what: padded, f"{what}{SPREAD}": spread} if noise.any() else {what: padded}
        at = np.s_[:, :] if layer is None else np.s_[:, layer]
        columns |= {key: Column(values=each[at], unit=units[what]) for key, each in both.items()}
    models = {"model": [run.model for run in runs]}
    coords: dict[str, list[Any]] = {**models, **({} if layer is not None else {"layer": list(range(1, longest + 1))})}
    said = ["random is noise: the mean over its independent trials, in place of every layer."] if noise.any() else []
    return build(
        runs,
        name=name,
        title=title if layer is None else f"{title}, layer {layer + 1}",
        coords=coords,
        fixed={} if layer is None else {"layer": [layer + 1]},
        columns=columns,
        notes=[*said, *notes],
    )
