"""The state after a key: finds the binding that holds, or what the key does to a line that is being typed. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from vitscope.tui import command, exporting, finding, moves, opening, queries
from vitscope.tui.bindings import BINDINGS, Binding
from vitscope.tui.keymap import LOOKS
from vitscope.tui.prompt import Prompt, Purpose, typed
from vitscope.tui.state import Facts, State, View, jumped

OWN = 4  # pages that a key belongs to, at most, to be one of their own
PAGES = 3  # named of those where a key does something that does nothing here

_table: list[tuple[Binding, ...]] = [BINDINGS]


def bindings() -> tuple[Binding, ...]:
    """The bindings that hold now: those above, or with the keys that the settings give them."""
    return _table[0]


def use(table: tuple[Binding, ...]) -> None:
    """From now on these hold."""
    _table[0] = table


def find(key: str, view: View) -> Binding | None:
    """The binding of `key` on the page `view`."""
    return next((binding for binding in bindings() if key in binding.keys and view in binding.views), None)


def press(state: State, key: str, facts: Facts) -> State:
    """The state after a key. A key that means nothing here changes nothing but the message."""
    if key == "ctrl+c":
        return moves.interrupt(state, facts)
    before = replace(state, message="", leaving=False)
    if state.prompt is not None:
        return jumped(before, in_prompt(before, state.prompt, key, facts))
    binding = find(key, state.view)
    if state.help:
        leaves = binding is not None and binding.move is moves.leave
        return moves.leave(before, facts) if leaves else moves.in_help(before, key)
    if state.opening.asked is not None and key == "escape":
        return opening.give_up(before)
    return jumped(before, binding.move(before, facts)) if binding else replace(before, message=_elsewhere(key))


def _elsewhere(key: str) -> str:
    """Where a key does something that does nothing here; "" if nowhere."""
    every = [binding for binding in bindings() if key in binding.keys]
    if not every:
        return ""
    found = every[0]
    if len(every) > 1:
        return f"{LOOKS.get(key, key)} does nothing on this page: ? lists what does"
    views = ", ".join(found.views[:PAGES]) + (", …" if len(found.views) > PAGES else "")
    return f"{found.shown} ({found.about}) is not for this page, but for {views}"


def options(state: State, facts: Facts, text: str) -> list[command.Option]:
    """What a command that begins with `text` could be."""
    return command.options(text, state, facts, bindings())


def _command(state: State, facts: Facts, text: str) -> State:
    return command.run(state, facts, text, bindings())


TAKE: dict[Purpose, Callable[[State, Facts, str], State]] = {
    "find": finding.take,
    "open": opening.take,
    "command": _command,
    "export": exporting.take,
}
"""What becomes of a typed line when Enter is pressed, by what it was typed for."""

FOLLOW: dict[Purpose, Callable[[State, Facts, str], State]] = {"find": finding.follow}
"""What follows every letter of a line while it is typed; purposes that wait for Enter are not here."""


def _terms(state: State, facts: Facts, text: str) -> list[command.Option]:
    return [command.Option(line, about) for line, about in queries.options(state, facts, text)]


COMPLETE: dict[Purpose, Callable[[State, Facts, str], list[command.Option]]] = {
    "find": _terms,
    "command": options,
    "export": exporting.options,
}
"""What Tab can make of a line; it is listed above it."""


def in_prompt(state: State, line: Prompt, key: str, facts: Facts) -> State:
    """The state after a key while a line is typed: Enter takes the line, Escape leaves it."""
    if key == "escape":
        return replace(state, prompt=None)
    if key == "enter":
        return TAKE[line.purpose](replace(state, prompt=None), facts, line.text)
    if key in {"tab", "shift+tab"}:
        return completed(state, line, facts, 1 if key == "tab" else -1)
    return written(state, replace(typed(line, key), stem=None), facts)


def completed(state: State, line: Prompt, facts: Facts, by: int) -> State:
    """The state after Tab in a line."""
    find_options = COMPLETE.get(line.purpose)
    if find_options is None:
        return replace(state, prompt=line)
    found = [option.line for option in find_options(state, facts, line.text if line.stem is None else line.stem)]
    return written(state, command.complete(line, by, found), facts)


def written(state: State, line: Prompt, facts: Facts) -> State:
    """The state with another line in it, and what follows from that at once."""
    after = replace(state, prompt=line)
    follow = FOLLOW.get(line.purpose)
    return follow(after, facts, line.text) if follow else after


def hints(view: View) -> list[Binding]:
    """What the footer offers on a page: first what is of this page, then what it shares with others."""
    here = [binding for binding in bindings() if binding.hint and view in binding.views]
    return sorted(here, key=lambda binding: len(binding.views) > OWN)
