"""What a benchmark found, as a table for the terminal or as Markdown for the documentation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Printed:
    """A table of text; all columns but the first hold numbers."""

    title: str
    titles: Sequence[str]
    rows: Sequence[Sequence[str]]


def show(found: Printed, *, markdown: bool) -> None:
    """Print it."""
    if markdown:
        print(as_markdown(found))
        return
    table = Table(title=found.title)
    for number, title in enumerate(found.titles):
        table.add_column(title, justify="right" if number else "left", no_wrap=True)
    for row in found.rows:
        table.add_row(*row)
    Console(width=max(120, Console().width)).print(table)


def as_markdown(found: Printed) -> str:
    """The table in Markdown, its title above it.

    >>> print(as_markdown(Printed("speed", ("step", "ms"), [("cursor", "7")])))
    speed:
    <BLANKLINE>
    | step | ms |
    |---|---:|
    | cursor | 7 |
    <BLANKLINE>
    """
    marks = ["---", *["---:"] * (len(found.titles) - 1)]
    lines = ["| " + " | ".join(row) + " |" for row in (found.titles, *found.rows)]
    return "\n".join([f"{found.title}:", "", lines[0], "|" + "|".join(marks) + "|", *lines[1:], ""])
