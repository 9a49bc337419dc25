"""The summary as a figure: a panel for each task, a bar for each model with its number, the paper's as a mark."""

from __future__ import annotations

from typing import Any

import numpy as np

from vitscope.export.drawing import Box, Drawing, inside
from vitscope.export.style import SERIES, plain
from vitscope.export.summary import PAPER, first_line, main
from vitscope.views import Column, View

ACROSS = 4  # panels in a row
WIDE, BAR = 1.9, 0.2  # inches of a panel, and of a bar in it


def scores(view: View, columns: dict[str, Column]) -> Drawing:
    """Horizontal bars; models that a task was not evaluated for have none."""
    models = [plain(str(model)) for model in view.coords["model"]]
    tasks = list(main(columns))
    across = min(ACROSS, len(tasks))
    rows, label = -(-len(tasks) // across), 0.2 + 0.065 * max(map(len, models))
    width, high = label + WIDE * across, 0.6 + BAR * len(models)

    def onto(part: Any, box: Box) -> None:
        for index, task in enumerate(tasks):
            row, place = divmod(index, across)
            left = box[0] + box[2] * (label + WIDE * place) / width
            cell = (left, box[1] + box[3] * (rows - 1 - row) / rows, box[2] * WIDE / width, box[3] / rows)
            axes = part.add_axes(inside(cell, 0.05, 0.3, 0.1, 0.25, WIDE, high))
            _bars(axes, columns, task, len(models))
            axes.set_title(plain(task), fontsize=8, loc="left")
            axes.set_yticks(range(len(models)), models if place == 0 else [""] * len(models))

    return Drawing(width, rows * high, onto)


def _bars(axes: Any, columns: dict[str, Column], task: str, models: int) -> None:
    values = np.nan_to_num(columns[task].values)
    axes.barh(range(models), values, height=0.75, color=SERIES[0], linewidth=0)
    top = max(float(values.max()), 1e-9)
    for model in range(models):
        inner = values[model] > 0.6 * top
        axes.text(
            values[model] + (-0.02 if inner else 0.02) * top, model, first_line(columns, task, model),
            ha="right" if inner else "left", va="center", fontsize=6, color="white" if inner else "0.2",
        )  # fmt: skip
    if (paper := columns.get(f"{task}{PAPER}")) is not None:
        axes.plot(paper.values, range(models), "|", color=SERIES[1], markersize=9, mew=1.5, label="paper")
        axes.legend(loc="lower right", fontsize=6)
        top = max(top, float(np.nanmax(paper.values)))
    axes.set(xlim=(0, 1.05 * top), ylim=(models - 0.5, -0.5))
    axes.tick_params(axis="y", length=0)
