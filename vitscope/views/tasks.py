"""`show knn`, `retrieval`, `davis`, `spair`, `saliency`, `objects`, `parts`: a task's numbers, for several models.

Dims (model, layer), a column for each number that the task reports. With `options.layer` that layer alone: dims
(model, …) with what it is made of, such as objects, categories or heads, or (model,) where there is nothing below.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from vitscope.derive.summary import score
from vitscope.errors import DamagedError, ViewError
from vitscope.store.reader import Cache, Result, Run
from vitscope.store.text import shown
from vitscope.views import Column, Options, View
from vitscope.views.curves import RANDOM, curves
from vitscope.views.grams import same_images
from vitscope.views.select import exists, fitting, refuse
from vitscope.views.several import build

Source = tuple[str, Mapping[str, str]]
"""An array of the result, and the place to take along each of its dims but those that are shown."""
Shape = Callable[[Cache, list[str], Options], View]


@dataclass(frozen=True)
class Layout:
    """What of a task is shown. The first column is the one by which a layer is called the best."""

    title: str
    columns: Mapping[str, Source]
    below: str = ""  # the dim that one layer is taken apart into
    detail: Mapping[str, Source] = field(default_factory=dict)
    modes: bool = False  # `options.query` chooses among the places of the dim `mode`


MOST_NOTES = 5  # of a run, in one view
K = {"k": "20"}
SCORES: dict[str, Source] = {name: (name, {}) for name in ("purity", "nmi", "ari")}
LAYOUTS = {
    "knn": Layout(
        "k-NN classification, accuracy",
        {"top1": ("top1", K), "top5": ("top5", K)},
        "k",
        {"top1": ("top1", {}), "top5": ("top5", {})},
    ),
    "retrieval": Layout(
        "Retrieval, mean average precision",
        {name: ("map", {"difficulty": name}) for name in ("medium", "hard", "easy")},
        "difficulty",
        {"map": ("map", {}), **{f"precision_at_{k}": ("precision", {"k": k}) for k in ("1", "5", "10")}},
    ),
    "davis": Layout(
        "Video segmentation, J and F",
        {name: (name, {}) for name in ("jf", "j", "f")},
        "object",
        {"j": ("j-object", {}), "f": ("f-object", {})},
    ),
    "spair": Layout(
        "Keypoints, PCK",
        {
            "pck": ("pck", {}),
            **{f"point_{alpha}": ("pck-point", {"alpha": alpha}) for alpha in ("0.1", "0.05", "0.01")},
            **{f"image_{alpha}": ("pck-image", {"alpha": alpha}) for alpha in ("0.1", "0.05", "0.01")},
        },
        "category",
        {f"pck_{alpha}": ("pck-category", {"alpha": alpha}) for alpha in ("0.1", "0.05", "0.01")},
    ),
    "saliency": Layout(
        "IoU of attention with masks",
        {name: (name, {}) for name in ("fixed", "oracle", "merged")},
        "head",
        {"iou": ("iou", {})},
        modes=True,
    ),
    "objects": Layout("k-means against objects", SCORES),
    "parts": Layout("k-means against parts", SCORES),
}


def table(task: str, cache: Cache, models: list[str], options: Options) -> View:
    """The view of `task`; ViewError for options that do not exist and for models that saw different data.

    Raises StoreError where a model has not been evaluated, DamagedError where a result is not as its run says.
    """
    layout = LAYOUTS[task]
    uses = ("layer", *(("query",) if layout.modes else ()))
    refuse(options, task, uses=uses, among=("query", "image", "tokens", "head", "taps", "exact"))
    runs = [cache.find(model, task) for model in models]
    same_images(runs)
    for run in runs:
        if run.model != RANDOM:
            exists(run, "layer", options.layer, run.geometry.layers)
    results = [run.result(task) for run in runs]
    mode = _mode(results, options.query) if layout.modes else ""
    title = f"{layout.title}{f', {mode}' if mode else ''}"
    if options.layer is not None and layout.detail:
        return _one_layer(task, title, runs, results, options.layer, mode)
    measured = _measured(layout.columns, runs, results, mode)
    first = next(iter(measured))
    notes = [best_layers(runs, measured[first], first), *_notes(runs)]
    return curves(
        runs,
        measured,
        name=task,
        title=title,
        layer=options.layer,
        units=dict.fromkeys(measured, "1"),
        notes=notes,
    )


def _view_of(task: str) -> Shape:
    def view(cache: Cache, models: list[str], options: Options) -> View:
        return table(task, cache, models, options)

    view.__doc__ = f"{LAYOUTS[task].title}; see `table`."
    return view


knn = _view_of("knn")
retrieval = _view_of("retrieval")
davis = _view_of("davis")
spair = _view_of("spair")
saliency = _view_of("saliency")
objects = _view_of("objects")
parts = _view_of("parts")


def best_layers(runs: Sequence[Run], values: Sequence[np.ndarray], what: str) -> str:
    """A sentence: the best layer of every model, and its number; of `random` the mean and spread over its trials."""
    said = []
    for run, of_model in zip(runs, values, strict=True):
        best = score(of_model, trials=run.model == RANDOM)
        spread = "" if best.spread is None else f" ± {best.spread:.4f}"
        said.append(f"{run.model} {best.value:.4f}{spread}{'' if best.layer is None else f' (layer {best.layer + 1})'}")
    return f"Best by {what.replace('_', ' ')}: {', '.join(said)}."


def _measured(
    columns: Mapping[str, Source], runs: Sequence[Run], results: Sequence[Result], mode: str
) -> dict[str, list[np.ndarray]]:
    """(L,) of every run for each column that all of them have."""
    found: dict[str, list[np.ndarray]] = {}
    for column, source in columns.items():
        rows = [_taken(run, result, source, mode, ()) for run, result in zip(runs, results, strict=True)]
        if all(row is not None for row in rows):
            found[column] = [row for row in rows if row is not None]
    if not found:
        raise ViewError(f"{', '.join(run.name for run in runs)} have no number in common.")
    return found


def _one_layer(task: str, title: str, runs: list[Run], results: list[Result], layer: int, mode: str) -> View:
    """What one layer's numbers are made of: columns over (model, places below)."""
    layout = LAYOUTS[task]
    places = [_places(run, result, layout.below) for run, result in zip(runs, results, strict=True)]
    if any(names != places[0] for names in places):
        raise ViewError(
            f"{', '.join(run.model for run in runs)} do not have the same {layout.below}s: ask for one --model."
        )
    columns: dict[str, Column] = {}
    for name, source in layout.detail.items():
        rows = [_taken(run, result, source, mode, (layout.below,)) for run, result in zip(runs, results, strict=True)]
        kept = [row for row in rows if row is not None]
        if len(kept) == len(rows):
            picked = [row.mean(0) if run.model == RANDOM else row[layer] for run, row in zip(runs, kept, strict=True)]
            columns[name] = Column(values=np.stack(picked), unit="1")
    if not columns:
        raise ViewError(f"{', '.join(run.name for run in runs)} have no number of every {layout.below} in common.")
    return build(
        runs,
        name=task,
        title=f"{title}, layer {layer + 1}",
        coords={"model": [run.model for run in runs], layout.below: places[0]},
        fixed={"layer": [layer + 1]},
        columns=columns,
        notes=_notes(runs),
    )


def _taken(run: Run, result: Result, source: Source, mode: str, kept: tuple[str, ...]) -> np.ndarray | None:
    """An array with `layer` first, then the dims `kept`; along all others its place is taken. None if it is not there.

    The place may be missing for k alone, where the nearest one stands in for it.
    """
    name, picks = source
    if name not in result.arrays:
        return None
    dims = list(result.arrays[name].dims)
    sizes = [len(_places(run, result, dim)) for dim in dims]
    values = np.asarray(fitting(result, name, *sizes), dtype=np.float64)
    for dim in [dim for dim in dims if dim not in {"layer", *kept}]:
        labels, wanted = result.coords.get(dim, []), mode if dim == "mode" else picks.get(dim, "")
        if dim == "k" and wanted and wanted not in labels:
            numbers = [label for label in labels if label.isdecimal()]
            wanted = (
                min(numbers, key=lambda label: abs(int(label) - int(wanted)), default="") if wanted.isdecimal() else ""
            )
        if wanted not in labels:
            return None
        values = np.take(values, labels.index(wanted), axis=dims.index(dim))
        dims.remove(dim)
    if "layer" not in dims or len(dims) != 1 + len(kept):
        raise DamagedError(
            f"{result.metric} in {shown(result.folder)} has {name} over {', '.join(dims)}: evaluate again."
        )
    return values.transpose([dims.index(dim) for dim in ("layer", *kept)])


def _places(run: Run, result: Result, dim: str) -> list[Any]:
    """Names along a dim; layers and heads from 1."""
    if dim in {"layer", "head"}:
        return list(range(1, (run.geometry.layers if dim == "layer" else run.geometry.heads) + 1))
    return result.coords.get(dim, [])


def _mode(results: Sequence[Result], asked: str | None) -> str:
    """The mode to show: the one asked for, else the first that all have; ViewError."""
    common = [
        mode for mode in results[0].coords.get("mode", []) if all(mode in r.coords.get("mode", []) for r in results)
    ]
    if not common or (asked is not None and asked not in common):
        raise ViewError(
            f"no --query {asked or 'mode'} was evaluated for all of these models, only: {', '.join(common)}."
        )
    return asked or common[0]


def _notes(runs: Sequence[Run]) -> list[str]:
    """What a run's notes say, each sentence once, and what was asked differently of the models."""
    said = list(dict.fromkeys(str(note) for run in runs for note in run.facts.get("notes", [])))
    if len(said) > MOST_NOTES:
        said[MOST_NOTES - 1 :] = [f"… and {len(said) - MOST_NOTES + 1} more notes in run.json."]
    for name in dict.fromkeys(name for run in runs for name in run.spec.settings):
        values = [run.spec.settings.get(name) for run in runs]
        if any(value != values[0] for value in values):
            each = ", ".join(f"{run.model} {value}" for run, value in zip(runs, values, strict=True))
            said.append(f"Not evaluated alike: {name} is {each}.")
    return said
