"""`show summary`: the paper's Table 1 and its extensions, the best layer of every model in every task."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from vitscope import catalog
from vitscope.derive.summary import TABLE_1, Conditions, Score, published, score
from vitscope.errors import NotMeasured, StoreError
from vitscope.store.reader import Cache, Result, Run
from vitscope.views import Column, Options, View
from vitscope.views.curves import RANDOM, SPREAD
from vitscope.views.select import fitting, refuse
from vitscope.views.several import build

LAYER, PAPER, PAPER_LAYER, DIFFERENCE = "_layer", "_paper", "_paper_layer", "_difference"
MOST_NOTES = 3  # models named in a note before "and others"


@dataclass(frozen=True)
class Entry:
    """A model's number in one column of the table."""

    run: Run
    best: Score
    paper: tuple[float, int | None] | None
    why: str  # no number of the paper, or a caution beside it
    array: str  # of the result, that the number is of
    place: tuple[str, str] | None  # along its other dim, such as ("k", "20")


def view(cache: Cache, models: list[str], options: Options) -> View:
    """One row a model, dims (model,), and for every task and data set that any of them was evaluated on the columns

    TASK                        the best layer's number, a fraction; of `random` the mean over its trials
    TASK_layer, TASK_std        that layer, from 1; the spread over trials
    TASK_paper, …_paper_layer   the paper's number and layer where model, data and protocol are the paper's
    TASK_difference             how far it is from it

    A task that was evaluated on several data sets has a column for each. Raises ViewError for options, which it has
    none of, NotMeasured when nothing was evaluated for any of these models.
    """
    refuse(options, "summary", among=("query", "image", "tokens", "layer", "head", "taps", "exact"))
    found = _evaluations(cache)
    names = [_name(found, model) for model in models]
    groups = entries(found, names)
    if not groups:
        raise NotMeasured(
            f"no task was evaluated for {', '.join(names)}: do so with `vitscope evaluate TASK --model {names[0]}`, "
            f"TASK being one of {', '.join(catalog.TASKS)}."
        )
    columns: dict[str, Column] = {}
    for label, of_models in groups.items():
        columns |= _columns(label, names, of_models)
    runs = [entry.run for of_models in groups.values() for entry in of_models.values()]
    built = build(
        runs,
        name="summary",
        title="Best layer of every model in every task",
        coords={"model": names},
        fixed={},
        columns=columns,
        notes=[
            "Of every model its best layer; of retrieval mAP (Medium), of k-NN top-1 with 20 neighbours.",
            *cautions(groups),
        ],
    )
    images = sum(max(entry.run.images for entry in of_models.values()) for of_models in groups.values())
    return replace(built, model=", ".join(names), images=images)


def in_words(run: Run) -> str:
    """The best layer of an evaluation, such as "top1 0.4519 at layer 12"; StoreError where its result is damaged."""
    values, sense, array, place = deciding(run, run.result(run.spec.task))
    what = f"{array} ({' '.join(place)})" if place else array
    best = score(values, trials=run.model == RANDOM, sense=sense)
    if best.layer is None:
        spread = "" if best.spread is None else f" ± {best.spread:.4f}"
        return f"{what} {best.value:.4f}{spread} by chance, over {len(values)} trials"
    return f"{what} {best.value:.4f} at layer {best.layer + 1} of {len(values)}"


def entries(found: Sequence[Run], names: Sequence[str]) -> dict[str, dict[str, Entry]]:
    """The newest evaluation of every model, by task and, where there are several, data set; in the catalog's order.

    `found` are evaluations, newest first, and `names` the models that are asked for; of the columns' labels each has
    the entries of the models that were evaluated so.
    """
    groups: dict[tuple[str, str, str], dict[str, Entry]] = {}
    for task in catalog.TASKS:
        for run in found:
            key = (task, run.dataset, run.spec.images)
            if run.spec.task != task or run.model not in names or run.model in groups.get(key, {}):
                continue
            if (entry := _entry(run)) is not None:
                groups.setdefault(key, {})[run.model] = entry
    tasks, places = Counter(task for task, *_ in groups), Counter((task, place) for task, place, _ in groups)
    return {
        " ".join(
            [task, *([place] if tasks[task] > 1 else []), *([images[:4]] if places[task, place] > 1 else [])]
        ): of_models
        for (task, place, images), of_models in groups.items()
    }


def _evaluations(cache: Cache) -> list[Run]:
    """All finished evaluations, newest first."""
    return [run for run in cache.runs() if run.spec.task in catalog.TASKS and run.complete]


def _name(found: Sequence[Run], asked: str) -> str:
    """The model that is asked for by name, by the last part of it or by the name of one of its runs."""
    names = dict.fromkeys(run.model for run in found)
    if asked in names:
        return asked
    for matches in (
        [name for name in names if name.rsplit("/", 1)[-1] == asked],
        [r.model for r in found if r.name == asked],
    ):
        if len(set(matches)) == 1:
            return matches[0]
    return asked


def _entry(run: Run) -> Entry | None:
    """The best layer of a run; None where its result cannot be read."""
    try:
        result = run.result(run.spec.task)
        values, sense, array, place = deciding(run, result)
    except StoreError:
        return None
    best = score(values, trials=run.model == RANDOM, sense=sense)
    counts = {str(name): count for name, count in dict(run.facts.get("counts") or {}).items()}
    checkpoint = run.facts.get("checkpoint")
    conditions = Conditions(
        task=run.spec.task,
        model=run.model,
        protocol=run.spec.protocol,
        image_size=run.spec.image_size,
        counts={**counts, **{dim: len(labels) for dim, labels in result.coords.items()}},
        settings=run.spec.settings,
        preprocess=run.spec.preprocess,
        checkpoint=str(checkpoint["file"]) if isinstance(checkpoint, dict) and "file" in checkpoint else "",
        left_out=len(run.facts.get("skipped") or []),
    )
    paper, why = published(conditions)
    return Entry(run, best, paper, why, array, place)


def deciding(run: Run, result: Result) -> tuple[np.ndarray, str, str, tuple[str, str] | None]:
    """(L,) by which the best layer is chosen, "max" or "min", its array and place: the paper's if it is there.

    StoreError where the result does not hold it.
    """
    column = TABLE_1.get(run.spec.task)
    if column is not None and column.place and column.array in result.arrays:
        ((dim, label),) = column.place.items()
        labels = result.coords.get(dim, [])
        if result.arrays[column.array].dims == ("layer", dim) and label in labels:
            values = fitting(result, column.array, run.geometry.layers, len(labels))
            return values[:, labels.index(label)], "max", column.array, (dim, label)
    named = run.facts.get("best")
    array, sense = map(str, named if isinstance(named, list) and len(named) == 2 else ("", "max"))
    values = fitting(result, array, run.geometry.layers)
    array, place = copied(result, values) or (array, None)
    return values, sense, array, place


def copied(result: Result, values: np.ndarray) -> tuple[str, tuple[str, str]] | None:
    """The array (places, L) that holds `values` (L,) too, and where: it says what they are of. None without one."""
    for name, info in result.arrays.items():
        labels = result.coords.get(info.dims[0], []) if info.dims[1:] == ("layer",) else []
        for label, part in zip(labels, result.array(name) if labels else (), strict=False):
            if np.array_equal(part, values):
                return name, (info.dims[0], label)
    return None


def _columns(label: str, names: list[str], entries: dict[str, Entry]) -> dict[str, Column]:
    """The columns of one task and data set; those that say nothing of any model are left out."""
    rows = [entries.get(name) for name in names]
    nan = float("nan")

    def each(*numbers: float | None) -> Column:
        return Column(values=np.array([nan if number is None else number for number in numbers], dtype=float), unit="1")

    bests = [row.best if row else Score(nan) for row in rows]
    papers = [row.paper if row else None for row in rows]
    columns = {
        label: each(*(best.value for best in bests)),
        f"{label}{LAYER}": each(*(None if best.layer is None else best.layer + 1 for best in bests)),
        f"{label}{SPREAD}": each(*(best.spread for best in bests)),
        f"{label}{PAPER}": each(*(paper[0] if paper else None for paper in papers)),
        f"{label}{PAPER_LAYER}": each(*(paper[1] if paper else None for paper in papers)),
        f"{label}{DIFFERENCE}": each(
            *(best.value - paper[0] if paper else None for best, paper in zip(bests, papers, strict=True))
        ),
    }
    always = {label, f"{label}{LAYER}"}
    return {name: column for name, column in columns.items() if name in always or not np.isnan(column.values).all()}


def cautions(groups: Mapping[str, dict[str, Entry]]) -> list[str]:
    """Why the paper's numbers are not beside these, or cautions where they are; what has one reason is said once."""
    reasons: dict[tuple[bool, str], tuple[dict[str, None], dict[str, None]]] = {}
    for label, of_models in groups.items():
        for model, entry in of_models.items():
            if entry.why:
                tasks, models = reasons.setdefault((entry.paper is None, entry.why), ({}, {}))
                tasks[label], models[model] = None, None
    said = []
    for (without, why), (tasks, models) in reasons.items():
        who = ", ".join(list(models)[:MOST_NOTES]) + (" and others" if len(models) > MOST_NOTES else "")
        what = "No number of the paper beside" if without else "Caution with the paper's numbers beside"
        said.append(f"{what} {', '.join(tasks)} ({who}): {why}.")
    return said
