"""The README says what is there: its commands parse, and every name of the catalog is in it."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from vitscope import catalog
from vitscope.cli import app
from vitscope.cli.app import UsageError

README = Path(__file__).parents[1] / "README.md"
NAMES = sorted({*catalog.MODELS, *catalog.DATASETS, *catalog.METRICS, *catalog.VIEWS})
PROGRAM = re.compile(r"^\$?\s*(?:\S*/)?vitscope(?=\s|$)")


def command_lines() -> list[str]:
    """Every line of a code block that starts vitscope, with the lines that a backslash joins to it."""
    lines: list[str] = []
    inside = False
    for line in README.read_text("utf-8").replace("\\\n", " ").splitlines() if README.is_file() else []:
        if line.lstrip().startswith("```"):
            inside = not inside
        elif inside:
            lines += [part.strip() for part in re.split(r"&&|\||;", line) if PROGRAM.match(part.strip())]
    return lines


def parse(command: Any, words: list[str], parent: Any = None, name: str = "vitscope") -> None:
    """Parse `words` as the program would, without running it; raises what wrong usage raises."""
    try:
        context = command.make_context(name, list(words), parent=parent)
    except typer.Exit:
        return  # --help, --version
    rest = [*getattr(context, "_protected_args", []), *context.args]
    if hasattr(command, "resolve_command") and rest:
        name, found, rest = command.resolve_command(context, rest)
        parse(found, rest, context, name)


def test_the_readme_shows_commands():
    assert README.is_file()
    assert len(command_lines()) >= 3


@pytest.mark.parametrize("line", command_lines())
def test_every_command_of_the_readme_parses(line):
    parse(typer.main.get_command(app), shlex.split(PROGRAM.sub("", line), comments=True))


@pytest.mark.parametrize("name", NAMES)
def test_the_readme_names_it(name):
    assert f"`{name}`" in README.read_text("utf-8")


@pytest.mark.parametrize("line", ["evaluate knn", "show heads --modl mae", "cache burn", "show"])
def test_a_command_that_does_not_exist_is_noticed(line):
    with pytest.raises(UsageError, match=r"(?i)no such|missing"):
        parse(typer.main.get_command(app), shlex.split(line))
