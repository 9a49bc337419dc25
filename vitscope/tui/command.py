"""The command line: every binding by its name, and what takes a word more. Pure.

`options` says what a line could become, for Tab and for the list above the line; `run` does what it says.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple, cast

from vitscope.errors import UnknownName, VitscopeError
from vitscope.store.text import printable
from vitscope.tui import queries
from vitscope.tui.palettes import RAMPS
from vitscope.tui.place import VIEWS, resolved, spelled, trail
from vitscope.tui.prompt import Prompt, prompt, remembered
from vitscope.tui.state import Facts, State, View, enter

if TYPE_CHECKING:
    from vitscope.tui.bindings import Binding


class Option(NamedTuple):
    """What a line could become, and what that does."""

    line: str
    about: str


@dataclass(frozen=True)
class Command:
    """Something to do that takes a word: what that may be, and the state after it (VitscopeError: why not)."""

    about: str
    words: Callable[[State, Facts], Sequence[str]]
    move: Callable[[State, Facts, str], State]


def _goto(state: State, facts: Facts, place: str) -> State:
    return resolved(place, facts.known, state)


def _view(state: State, facts: Facts, name: str) -> State:
    view = cast(View, _one_of("view", name, VIEWS))
    if state.run is None and view != "runs":
        return replace(state, message=f"open a run first: {name} is a view of one")
    if view in {"image", "images"} and not facts.images:
        return replace(state, message="this run kept no images: measure them with --metrics gallery")
    return replace(enter(state, view), trail=trail(view))


def _palette(state: State, _facts: Facts, name: str) -> State:
    return replace(state, palette=_one_of("palette", name, RAMPS))


def _number(state: State, facts: Facts, name: str) -> State:
    return replace(state, quantity=_one_of("number", name, facts.quantities))


def _theme(state: State, _facts: Facts, name: str) -> State:
    return replace(state, light=_one_of("theme", name, ("light", "dark")) == "light")


def _export(state: State, _facts: Facts, file: str) -> State:
    return replace(state, asked=("export", file))


def _places(state: State, facts: Facts) -> list[str]:
    """This place, and the first page of every run."""
    runs = [spelled(State(trail=trail("overview"), run=run.name), facts.known) for run in facts.known]
    return list(dict.fromkeys([spelled(state, facts.known), *runs]))


COMMANDS: dict[str, Command] = {
    "goto": Command("go to MODEL/LAYER/HEAD@VIEW:IMAGE?q=ROW,COLUMN", _places, _goto),
    "view": Command("another page of this place", lambda _state, _facts: VIEWS, _view),
    "palette": Command("colours of maps", lambda _state, _facts: RAMPS, _palette),
    "number": Command("what heads are coloured by", lambda _state, facts: facts.quantities, _number),
    "export": Command("write what is shown into FILE.svg .png .csv .json .npy", lambda _state, _facts: (), _export),
    "save": Command("keep the query for heads under NAME", queries.names, queries.save),
    "search": Command("search for heads with a saved query", queries.names, queries.search),
    "forget": Command("forget a saved query", queries.names, queries.forget),
    "theme": Command("light or dark", lambda _state, _facts: ("light", "dark"), _theme),
}


def options(text: str, state: State, facts: Facts, bindings: Sequence[Binding]) -> list[Option]:
    """What `text` could become on this page: names that begin with it before those that hold it."""
    name, space, word = text.lstrip().partition(" ")
    if space:
        command = COMMANDS.get(name)
        if command is None:
            return []
        about = command.about
        return [Option(f"{name} {found}", about) for found in _fitting(word.strip(), command.words(state, facts))]
    abouts = {name: command.about for name, command in COMMANDS.items()}
    abouts |= {b.name: b.about or b.name for b in bindings if state.view in b.views and b.name not in COMMANDS}
    return [Option(f"{found} " if found in COMMANDS else found, abouts[found]) for found in _fitting(name, abouts)]


def complete(line: Prompt, by: int, found: Sequence[str]) -> Prompt:
    """The line after Tab: as far as all that is found agrees, then what is found one after the other.

    >>> line = complete(prompt("command", "pa"), 1, ["palette ", "patch-left"])
    >>> line.text, complete(line, 1, ["palette ", "patch-left"]).text
    ('palette ', 'patch-left')
    """
    stem = line.text if line.stem is None else line.stem
    if not found:
        return line
    same = _agreed(found)
    if line.stem is None and len(same) > len(stem):
        return replace(prompt(line.purpose, same, line.history), stem=same if len(found) > 1 else None)
    at = found.index(line.text) + by if line.text in found else 0 if by > 0 else -1
    return replace(prompt(line.purpose, found[at % len(found)], line.history), stem=stem)


def run(state: State, facts: Facts, text: str, bindings: Sequence[Binding]) -> State:
    """The state after a line; where it means nothing, the line stays with a sentence about it."""
    name, _, word = text.strip().partition(" ")
    if not name:
        return state
    state = replace(state, commands=remembered(state.commands, text.strip()))
    here = {b.name: b for b in bindings if state.view in b.views}
    try:
        if name in COMMANDS and word:
            return COMMANDS[name].move(state, facts, word.strip())
        if name in here:
            return here[name].move(state, facts)
    except VitscopeError as error:
        return _again(state, text, printable(str(error)))
    return _again(state, text, _unknown(name, state, facts, bindings))


def _unknown(name: str, state: State, facts: Facts, bindings: Sequence[Binding]) -> str:
    """Why `name` does nothing on this page."""
    if name in COMMANDS:
        return f"{name} what? {', '.join(list(COMMANDS[name].words(state, facts))[:8])}"
    elsewhere = next((b for b in bindings if b.name == name), None)
    if elsewhere:
        return f"{name} is not for this page, but for {', '.join(elsewhere.views[:4])}"
    names = [*COMMANDS, *(b.name for b in bindings if state.view in b.views)]
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    hint = f": did you mean {' or '.join(near)}?" if near else "; Tab lists what there is"
    return f"no command is called {printable(name)!r}{hint}"


def _agreed(lines: Sequence[str]) -> str:
    """What all lines begin with."""
    first, last = min(lines), max(lines)
    return first[: next((i for i, char in enumerate(first) if last[i : i + 1] != char), len(first))]


def _again(state: State, text: str, sentence: str) -> State:
    return replace(state, prompt=prompt("command", text, state.commands), message=sentence)


def _fitting(word: str, names: Sequence[str] | dict[str, str]) -> list[str]:
    first = [name for name in names if name.startswith(word)]
    return first + [name for name in names if word in name and name not in first]


def _one_of(kind: str, name: str, names: Sequence[str]) -> str:
    if name in names:
        return name
    begins = [other for other in names if other.startswith(name)]
    if len(begins) == 1:
        return begins[0]
    raise UnknownName(kind, name, names)
