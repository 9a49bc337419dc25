"""README and docs say what is there: their commands parse, and the README has every name of the catalog."""

from __future__ import annotations

import re
import shlex
from itertools import product
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
PAGES = [README, *sorted((README.parent / "docs").glob("*.md"))]
SAMPLES = {"TASK": "knn", "data.KIND": "data.images"}  # what pages write for any of several that commands know

AT_ONCE = {"--install-completion", "--show-completion"}  # what parsing alone would already do, to the user's shell


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A home of their own: nothing that is parsed here may touch that of whoever runs the tests."""
    monkeypatch.setenv("HOME", str(tmp_path))


def command_lines(page: Path = README) -> list[str]:
    """Every line of a code block that starts vitscope, with the lines that a backslash joins to it."""
    lines: list[str] = []
    inside = False
    for line in page.read_text("utf-8").replace("\\\n", " ").splitlines() if page.is_file() else []:
        if line.lstrip().startswith("```"):
            inside = not inside
        elif inside:
            lines += [part.strip() for part in re.split(r"&&|\||;", line) if PROGRAM.match(part.strip())]
    return lines


def mentioned(text: str) -> list[str]:
    """Every command that stands between backquotes in a sentence; where words leave a choice (a|b), each of them."""
    sentences = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    found = re.findall(r"`(vitscope\s[^`]*)`", sentences)
    ways = [product(*(word.split("|") for word in shlex.split(command))) for command in found]
    return [shlex.join(SAMPLES.get(word, word) for word in words) for each in ways for words in each]


def parse(command: Any, words: list[str], parent: Any = None, name: str = "vitscope") -> None:
    """Parse `words` as the program would, without running it; raises what wrong usage raises."""
    if found := AT_ONCE.intersection(words):
        assert found <= {name for option in command.params for name in option.opts}, f"no such option: {found}"
        return
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


@pytest.mark.parametrize(
    "line", [pytest.param(line, id=f"{page.name}: {line}") for page in PAGES for line in command_lines(page)]
)
def test_every_command_of_a_code_block_parses(line):
    parse(typer.main.get_command(app), shlex.split(PROGRAM.sub("", line), comments=True))


def unfit(command: str) -> str:
    """Why a command that a sentence mentions would be refused; "" where it is only not written out."""
    try:
        parse(typer.main.get_command(app), shlex.split(command)[1:])
    except Exception as error:  # typer's own click has errors that cannot be named
        return "" if type(error).__name__ == "MissingParameter" else str(error) or type(error).__name__
    return ""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_of_a_sentence_parses(page):
    commands = mentioned(page.read_text("utf-8"))
    assert {command: why for command in commands if (why := unfit(command))} == {}


def test_commands_of_sentences_are_found_and_wrong_ones_noticed():
    text = (
        "As `vitscope show\ncka|norms` does:\n```\n`vitscope no`\n```\n`vitscope config set mouse off` in `vitscope`."
    )
    assert mentioned(text) == ["vitscope show cka", "vitscope show norms", "vitscope config set mouse off"]
    assert [bool(unfit(command)) for command in mentioned(text)] == [False, False, True]
    assert sum(len(mentioned(page.read_text("utf-8"))) for page in PAGES) > 10


@pytest.mark.parametrize("option", sorted(AT_ONCE))
def test_what_parsing_would_do_at_once_is_not_done(option, tmp_path):
    assert unfit(f"vitscope {option}") == ""
    assert list(tmp_path.iterdir()) == []
    assert unfit(f"vitscope cache {option}x") != ""


@pytest.mark.parametrize("name", NAMES)
def test_the_readme_names_it(name):
    assert f"`{name}`" in README.read_text("utf-8")


@pytest.mark.parametrize("line", ["evaluate knn", "show heads --modl mae", "cache burn", "show"])
def test_a_command_that_does_not_exist_is_noticed(line):
    with pytest.raises(UsageError, match=r"(?i)no such|missing"):
        parse(typer.main.get_command(app), shlex.split(line))
