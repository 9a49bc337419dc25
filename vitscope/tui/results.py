"""The table of results, as evaluations in the cache give it, and which of them are there. In a worker thread."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vitscope.catalog import rank
from vitscope.errors import VitscopeError
from vitscope.store.reader import Run, load_run
from vitscope.tui.panels import Sheet
from vitscope.views.curves import RANDOM
from vitscope.views.summary import Entry, cautions, entries


class Cell(NamedTuple):
    """A model's best number in a task; layers from 0."""

    value: float
    layer: int | None  # None where the number is the mean of trials
    spread: float | None  # over trials
    paper: float | None  # the paper's own number, where it is of the same
    paper_layer: int | None
    score: str  # the number on the page of tasks
    what: str  # in words


class Table(NamedTuple):
    """Best numbers by model and task; `columns` are labels of tasks."""

    models: tuple[str, ...]
    columns: tuple[str, ...]
    cells: dict[tuple[str, str], Cell]
    notes: tuple[str, ...]

    def best(self, column: str) -> float:
        """The best number of a column, noise left out; NaN if there is none."""
        known = [cell.value for (model, of), cell in self.cells.items() if of == column and model != RANDOM]
        return float(np.nanmax(known)) if np.isfinite(known).any() else float("nan")

    def ordered(self, sort: str) -> tuple[str, ...]:
        """The models, those with the best number in the column `sort` first; noise is always the last."""
        if sort not in self.columns:
            return self.models

        def place(model: str) -> tuple[bool, float]:
            cell = self.cells.get((model, sort))
            return model == RANDOM, -cell.value if cell is not None and np.isfinite(cell.value) else float("inf")

        return tuple(sorted(self.models, key=place))

    def sheet(self, sort: str) -> Sheet:
        """What the moves need of it."""
        targets = {place: (cell.score, cell.layer or 0) for place, cell in self.cells.items()}
        return Sheet(self.ordered(sort), self.columns, targets)


def table(folders: Sequence[Path]) -> Table:
    """The best layer of every model in every task that was evaluated; `folders` are evaluations, newest first."""
    found = []
    for folder in folders:
        try:
            run = load_run(folder)
        except VitscopeError:  # listed as broken on the page of runs
            continue
        if run.complete:
            found.append(run)
    names = sorted({run.model for run in found}, key=lambda name: (name == RANDOM, rank(name), name))
    groups = entries(found, names)
    cells = {(model, label): _cell(entry) for label, of_models in groups.items() for model, entry in of_models.items()}
    models = tuple(name for name in names if any(model == name for model, _ in cells))
    return Table(models, tuple(groups), cells, tuple(cautions(groups)))


def _cell(entry: Entry) -> Cell:
    run, paper = entry.run, entry.paper or (None, None)
    series = f"{entry.array}, {entry.place[1]}" if entry.place else entry.array
    where = f"{' '.join(entry.place)}, " if entry.place else ""
    layers = "" if entry.best.layer is None else f"of {run.geometry.layers} · "
    return Cell(
        entry.best.value,
        entry.best.layer,
        entry.best.spread,
        paper[0],
        None if paper[1] is None else paper[1] - 1,
        f"{run.spec.task} {series} · {run.dataset}",
        f"{layers}{run.spec.task} {entry.array}, {where}{run.dataset}, n = {run.images}",
    )


def evaluations(runs: Sequence[Run], task: str, model: str) -> tuple[Run, ...]:
    """The finished evaluations of a model on one task, in the order of `runs`."""
    return tuple(run for run in runs if run.spec.task == task and run.model == model and run.complete)
