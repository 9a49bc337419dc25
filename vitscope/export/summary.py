"""The summary on a terminal: a row for each model, in each cell the number and its layer, the paper's below it."""

from __future__ import annotations

import numpy as np
from rich.text import Text

from vitscope.export.columns import SPREAD
from vitscope.views import Column, View

LAYER, PAPER, PAPER_LAYER, DIFFERENCE = "_layer", "_paper", "_paper_layer", "_difference"
GAP = 3


def main(columns: dict[str, Column]) -> dict[str, Column]:
    """The columns that hold a task's number itself."""
    beside = (LAYER, SPREAD, PAPER, DIFFERENCE)
    return {name: column for name, column in columns.items() if not name.endswith(beside)}


def summary(view: View, columns: dict[str, Column], width: int) -> list[Text]:
    """The lines of the table, at most `width` columns wide: tasks that do not fit follow in a table below."""
    models = [str(model) for model in view.coords["model"]]
    label = max(len("model"), *map(len, models))
    cells = {
        task: [(first_line(columns, task, row), second_line(columns, task, row)) for row in range(len(models))]
        for task in main(columns)
    }
    wide = {
        task: max(len(part) for part in [*task.split(), *(text for row in rows for text in row)])
        for task, rows in cells.items()
    }
    lines: list[Text] = []
    for tasks in _blocks(wide, width - label):
        deep = max(len(task.split()) for task in tasks)
        for line in range(deep):
            heads = [(task.split() + [""] * deep)[line].ljust(wide[task]) for task in tasks]
            lines.append(_line("model" if line == 0 else "", label, heads, "dim"))
        for row, model in enumerate(models):
            for line, style in ((0, ""), (1, "dim")):
                texts = [cells[task][row][line].ljust(wide[task]) for task in tasks]
                if line == 0 or any(text.strip() for text in texts):
                    lines.append(_line(model if line == 0 else "", label, texts, style))
        lines.append(Text())
    return lines[:-1]


def first_line(columns: dict[str, Column], task: str, row: int) -> str:
    """A model's number with its layer or spread; a dash where there is none."""
    value, layer, spread = (_number(columns, task, suffix, row) for suffix in ("", LAYER, SPREAD))
    if np.isnan(value):
        return "–"
    return f"{value:.3f}{'' if np.isnan(layer) else f' ({layer:.0f})'}{'' if np.isnan(spread) else f' ± {spread:.3f}'}"


def second_line(columns: dict[str, Column], task: str, row: int) -> str:
    """The paper's number with its layer, and how far this one is from it; nothing where there is none."""
    paper, layer, apart = (_number(columns, task, suffix, row) for suffix in (PAPER, PAPER_LAYER, DIFFERENCE))
    if np.isnan(paper):
        return ""
    return f"paper {paper:.3f}{'' if np.isnan(layer) else f' ({layer:.0f})'}, {apart:+.3f}"


def _number(columns: dict[str, Column], task: str, suffix: str, row: int) -> float:
    column = columns.get(f"{task}{suffix}")
    return float("nan") if column is None else float(column.values[row])


def _blocks(wide: dict[str, int], room: int) -> list[list[str]]:
    """Tasks that stand beside each other, as many as there is room for."""
    blocks: list[list[str]] = [[]]
    left = room
    for task, width in wide.items():
        if blocks[-1] and width + GAP > left:
            blocks.append([])
            left = room
        blocks[-1].append(task)
        left -= width + GAP
    return blocks


def _line(name: str, label: int, texts: list[str], style: str) -> Text:
    return Text((name.rjust(label) + "".join(" " * GAP + text for text in texts)).rstrip(), style)
