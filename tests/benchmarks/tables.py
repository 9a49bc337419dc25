"""What a benchmark found, as a table for the terminal or as Markdown for the documentation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Printed:
    """A table of text; all columns but the first hold numbers."""

    title: str
    titles: Sequence[str]
    rows: Sequence[Sequence[str]]


def show(found: Printed, *, as_markdown: bool) -> None:
    """Print it."""
    if as_markdown:
        print(f"{found.title}:\n")
        markdown(found.titles, found.rows)
        print()
        return
    table = Table(title=found.title)
    for number, title in enumerate(found.titles):
        table.add_column(title, justify="right" if number else "left", no_wrap=True)
    for row in found.rows:
        table.add_row(*row)
    Console(width=max(120, Console().width)).print(table)


def markdown(header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table in Markdown, numbers to the right, each row as soon as it is there.

    >>> markdown(("what", "ms"), [("a step", 7)])
    | what | ms |
    | --- | ---: |
    | a step | 7 |
    """
    for line in chain([header, ["---", *["---:"] * (len(header) - 1)]], rows):
        print("| " + " | ".join(str(cell) for cell in line) + " |", flush=True)
