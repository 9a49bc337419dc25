"""Views as tables for a text: Markdown, and LaTeX with booktabs. No place is left out; numbers have four digits.

The summary has a row for each model and the best of every task in bold. Of a view with one number and two dims the
first goes down and the second across; every other view has a line for each place, as in CSV.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from vitscope.export.data import arrays_of, lines
from vitscope.export.summary import first_line, main, second_line
from vitscope.views import View
from vitscope.views.curves import RANDOM

DIGITS = 4  # significant, of a number
SPECIAL = {  # what means something else to LaTeX
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "±": r"$\pm$", "–": "--", "×": r"$\times$",
}  # fmt: skip
Row = list[tuple[str, bool]]  # the text of each cell, and whether it is bold


def markdown_bytes(views: Sequence[View]) -> bytes:
    """A table for each view below its title, notes below that; UTF-8."""
    parts = []
    for view in views:
        head, rows = table(view)
        numeric = [all(_is_number(row[at][0]) for row in rows) for at in range(len(head))]
        out = [f"**{_plain(view.title)}**", ""]
        out.append(_bar([_plain(name) for name in head]))
        out.append(_bar(["---:" if right else "---" for right in numeric]))
        out += [_bar([f"**{_plain(text)}**" if bold else _plain(text) for text, bold in row]) for row in rows]
        out += ["", *(f"{_plain(note)}\n" for note in view.notes)]
        parts.append("\n".join(out).rstrip("\n") + "\n")
    return "\n".join(parts).encode()


def latex_bytes(views: Sequence[View]) -> bytes:
    r"""A table environment for each view, with \toprule and its like of booktabs; the notes as comments; UTF-8."""
    parts = []
    for view in views:
        head, rows = table(view)
        numeric = [all(_is_number(row[at][0]) for row in rows) for at in range(len(head))]
        body = [[rf"\textbf{{{_escaped(text)}}}" if bold else _escaped(text) for text, bold in row] for row in rows]
        out = [
            *(f"% {' '.join(note.split())}" for note in view.notes),
            r"\begin{table}",
            rf"  \caption{{{_escaped(view.title)}}}",
            rf"  \begin{{tabular}}{{{''.join('r' if right else 'l' for right in numeric)}}}",
            r"    \toprule",
            f"    {' & '.join(map(_escaped, head))} \\\\",
            r"    \midrule",
            *(f"    {' & '.join(row)} \\\\" for row in body),
            r"    \bottomrule",
            r"  \end{tabular}",
            r"\end{table}",
        ]
        parts.append("\n".join(out) + "\n")
    return "\n".join(parts).encode()


def table(view: View) -> tuple[list[str], list[Row]]:
    """What the columns are called, and the rows."""
    if view.name == "summary" and view.columns is not None:
        return _summary(view)
    numbers = arrays_of(view)
    if len(view.dims) == 2 and len(numbers) == 1:
        ((name, values),) = numbers.items()
        down, across = (view.coords[dim] for dim in view.dims)
        rows = [[(str(place), False), *((_said(value), False) for value in row)]
                for place, row in zip(down, np.asarray(values).tolist(), strict=True)]  # fmt: skip
        return [f"{name}: {view.dims[0]} by {view.dims[1]}", *map(str, across)], rows
    every = list(lines(view))
    names = list(dict.fromkeys(["model", *view.coords, *numbers]))
    return names, [[(_said(line.get(name, "")), False) for name in names] for line in every]


def _summary(view: View) -> tuple[list[str], list[Row]]:
    columns = view.columns or {}
    tasks, models = list(main(columns)), [str(model) for model in view.coords["model"]]
    judged = np.array([model != RANDOM for model in models])
    rows: list[Row] = []
    for row, model in enumerate(models):
        cells: Row = [(model, False)]
        for task in tasks:
            values = np.where(judged, columns[task].values, np.nan)
            best = bool(np.isfinite(values[row]) and values[row] == np.nanmax(values))
            cells.append((first_line(columns, task, row), best))
        rows.append(cells)
        papers = [second_line(columns, task, row) for task in tasks]
        if any(papers):
            rows.append([("", False), *((text, False) for text in papers)])
    return ["model", *tasks], rows


def _said(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.{DIGITS}g}" if math.isfinite(value) else "–"
    return str(value)


def _is_number(text: str) -> bool:
    return text in {"", "–"} or text.replace(".", "", 1).replace("-", "").replace("e", "", 1).replace("+", "").isdigit()


def _bar(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _plain(text: str) -> str:
    """Text that Markdown takes as it is, in one line."""
    return "".join(f"\\{letter}" if letter in "\\|*_`<>[]" else letter for letter in " ".join(text.split()))


def _escaped(text: str) -> str:
    """Text that LaTeX takes as it is, in one line."""
    return "".join(SPECIAL.get(letter, letter) for letter in " ".join(text.split()))
