"""`show heads`: every number and tag of every head in one table (paper sections 4.1 to 4.3)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from vitscope.derive.heads import profile, tags
from vitscope.derive.offset import magnitude, offset
from vitscope.errors import NotMeasured
from vitscope.store.reader import Run
from vitscope.views import Column, Options, View, distance
from vitscope.views.select import Selection, attention, build, fitting, select, spatial

Columns = dict[str, Column]

SCORES = {  # what the rules of derive.heads weigh: name of the column → attribute of Profile, unit
    "own": ("own", "1"),
    "core_offset": ("size", "token"),
    "elongation": ("elongation", "1"),
    "reach": ("reach", "1"),
    "few_share": ("few_share", "1"),
    "sink_share": ("sink_share", "1"),
}


def view(run: Run, options: Options) -> View:
    """One row per head, dims (layer, head), as columns:

    distance, distance_std             attention distance and its spread over images, image side
    entropy, entropy_std               of a row of attention, nat
    x, y, magnitude                    mean offset right and down, and its length, image side
    to_cls, to_cls_std, …              attention of patches to each prefix token, by its name
    over_positions, over_positions_std deviation over query positions
    own … sink_share                   the scores of the tags, see `derive.heads.tags`
    tags                               lists of strings such as "offset-local right", unit "tag"

    A column that was not measured is left out, with a note that says what measures it. Raises ViewError for layers,
    heads and options that do not exist, NotMeasured when no column is left.
    """
    chosen = select(run, options, "heads")
    columns: Columns = {}
    notes: list[str] = []
    missing: list[NotMeasured] = []
    for what, metrics, part in _parts(run):
        try:
            columns.update(part(chosen))
        except NotMeasured as error:
            missing.append(error)
            notes.append(
                f"Left out: {what}. Add it with `vitscope extract --model {run.model} --data DIR --metrics {metrics}`."
            )
    if not columns:
        raise missing[0]
    return build(
        run,
        name="heads",
        title=f"Heads{chosen}",
        images=run.images,
        coords=chosen.coords(),
        fixed=chosen.fixed(),
        columns=columns,
        notes=notes,
    )


def _parts(run: Run) -> Iterator[tuple[str, str, Callable[[Selection], Columns]]]:
    """What the columns show, the metrics they need, and what makes them, in the order of the table."""
    yield "distance", "distance", _distance
    yield "entropy", "entropy", _entropy
    yield "offset", "spatial-attention", _offset
    if run.geometry.prefix:
        yield "attention to the prefix", "prefix-mass", _prefix
    yield "deviation over positions", "position-deviation", _positions
    yield "tags and their scores", "attention,spatial-attention", _tags


def _distance(chosen: Selection) -> Columns:
    mean, _ = distance.mean(chosen)
    columns = {"distance": Column(values=mean, unit="image side")}
    if "distance" in chosen.run.results():
        columns["distance_std"] = Column(values=_measured(chosen, "distance", "std"), unit="image side")
    return columns


def _with_spread(chosen: Selection, column: str, metric: str, unit: str) -> Columns:
    """Mean of a metric and its spread over images."""
    return {
        column: Column(values=_measured(chosen, metric, "mean"), unit=unit),
        f"{column}_std": Column(values=_measured(chosen, metric, "std"), unit=unit),
    }


def _entropy(chosen: Selection) -> Columns:
    return _with_spread(chosen, "entropy", "entropy", "nat")


def _offset(chosen: Selection) -> Columns:
    vectors = chosen.squeeze(offset(chosen.part(spatial(chosen.run)[1]), chosen.run.geometry))
    values = {"x": vectors[..., 0], "y": vectors[..., 1], "magnitude": magnitude(vectors)}
    return {name: Column(values=value, unit="image side") for name, value in values.items()}


def _prefix(chosen: Selection) -> Columns:
    prefix = chosen.run.geometry.prefix
    mean, std = (_measured(chosen, "prefix-mass", name, len(prefix)) for name in ("mean", "std"))
    columns: Columns = {}
    for index, token in enumerate(prefix):
        columns[f"to_{token}"] = Column(values=mean[..., index], unit="1")
        columns[f"to_{token}_std"] = Column(values=std[..., index], unit="1")
    return columns


def _positions(chosen: Selection) -> Columns:
    return _with_spread(chosen, "over_positions", "position-deviation", "1")


def _tags(chosen: Selection) -> Columns:
    mean, spatial_mean = (chosen.part(array) for _, array in (attention(chosen.run), spatial(chosen.run)))
    scores = profile(mean, spatial_mean, chosen.run.geometry)
    columns = {
        column: Column(values=chosen.squeeze(getattr(scores, name)), unit=unit)
        for column, (name, unit) in SCORES.items()
    }
    names = np.empty(scores.reach.shape, dtype=object)
    for layer, heads in enumerate(tags(scores)):
        for head, found in enumerate(heads):
            names[layer, head] = [str(tag) for tag in found]
    return {**columns, "tags": Column(values=chosen.squeeze(names), unit="tag")}


def _measured(chosen: Selection, metric: str, name: str, *more: int) -> np.ndarray:
    """An array (L, H, …) of a metric for the heads chosen, float64; NotMeasured, DamagedError."""
    geometry = chosen.run.geometry
    array = fitting(chosen.run.result(metric), name, geometry.layers, geometry.heads, *more)
    return np.asarray(chosen.pick(array), dtype=np.float64)
