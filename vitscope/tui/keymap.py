"""Keys of one's own: the table [keys] of the settings, NAME = "key other-key" for any binding by its name. Pure.

What it says is checked whole before anything starts, and every sentence about it names the line it is about.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, get_args

from vitscope.errors import ConfigError
from vitscope.store.text import printable
from vitscope.tui.state import View

if TYPE_CHECKING:
    from vitscope.tui.bindings import Binding

FIXED = ("interrupt",)  # what has to work whatever a file says
_NAMED = r"enter|escape|space|tab|backspace|delete|insert|home|end|pageup|pagedown|up|down|left|right|f\d{1,2}"
_KEY = re.compile(rf"\S|(?:(?:ctrl|shift|alt)\+)+(?:[a-z]|{_NAMED})|{_NAMED}")
LOOKS = {
    "enter": "⏎", "escape": "esc", "up": "↑", "down": "↓", "left": "←", "right": "→", "pagedown": "pgdn",
    "pageup": "pgup", "backspace": "⌫", "delete": "del",
}  # fmt: skip
LIST = "`vitscope browse --list-keys` lists them"

Where = Callable[[str], str]
"""Where the settings name a binding, such as "config.toml, line 7"."""


def remapped(bindings: Sequence[Binding], table: Mapping[str, str], where: Where) -> tuple[Binding, ...]:
    """The bindings with the keys that `table` gives them; ConfigError for what makes no sense."""
    names = [binding.name for binding in bindings]
    for name, keys in table.items():
        if name not in names:
            near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
            hint = f"did you mean {' or '.join(near)}? " if near else ""
            raise ConfigError(f"{where(name)}: nothing is called {printable(name)!r}: {hint}{LIST}.")
        if name in FIXED:
            raise ConfigError(f"{where(name)}: {name} keeps its key, so that there is always a way out.")
        for key in keys.split():
            if not _KEY.fullmatch(key):
                raise ConfigError(
                    f"{where(name)}: no key is called {printable(key)!r}: a key is a character, or a name such as "
                    'enter, space, f5 or ctrl+x; several have spaces between them, as in "j down".'
                )
    found = tuple(replace(b, keys=tuple(table[b.name].split())) if b.name in table else b for b in bindings)
    _unique(found, table, where)
    return tuple(_relabelled(binding, bindings, found, table) for binding in found)


def _unique(found: Sequence[Binding], table: Mapping[str, str], where: Where) -> None:
    """ConfigError where a key would do two things on a page."""
    taken: dict[tuple[str, str], Binding] = {}
    for binding in found:
        for key, view in ((key, view) for view in binding.views for key in binding.keys):
            other = taken.setdefault((key, view), binding)
            if other is binding:
                continue
            mine, theirs = (binding, other) if binding.name in table else (other, binding)
            raise ConfigError(
                f"{where(mine.name)}: {printable(key)!r} is the key of {mine.name} and of {theirs.name} on the page "
                f'{view}: take another one, or give {theirs.name} one too, as in {theirs.name} = "f9".'
            )


def _relabelled(
    binding: Binding, before: Sequence[Binding], after: Sequence[Binding], table: Mapping[str, str]
) -> Binding:
    """The binding with labels for help and footer that say the real keys."""
    shown = shown_keys(binding.keys) if binding.name in table else binding.shown
    old = binding.hint_keys.split() if " " in binding.hint_keys else list(binding.hint_keys)
    partners = [
        next((i for i, b in enumerate(before) if key in b.keys and set(b.views) & set(binding.views)), None)
        for key in old
    ]
    known = [at for at in partners if at is not None]
    if not any(after[at].name in table for at in known):
        return replace(binding, shown=shown)
    new = [LOOKS.get(after[at].keys[0], after[at].keys[0]) for at in known if after[at].keys]
    return replace(binding, shown=shown, hint_keys=" ".join(new) or shown)


def shown_keys(keys: Sequence[str]) -> str:
    """Keys for help and footer, two at most.

    >>> shown_keys(("enter", "ctrl+x", "z"))
    '⏎ ctrl+x'
    """
    return " ".join(LOOKS.get(key, key) for key in keys[:2]) or "–"


def listed(bindings: Sequence[Binding]) -> str:
    """Name, keys, what it does and where, a line for each binding: what the table [keys] can hold."""
    rows = [(b.name, " ".join(b.keys) or "–", b.about, _where(b)) for b in bindings]
    wide = [max(len(row[i]) for row in rows) for i in range(3)]
    lines = [f"{a:{wide[0]}}  {b:{wide[1]}}  {c:{wide[2]}}  {d}" for a, b, c, d in rows]
    return "\n".join(line.rstrip() for line in lines)


def _where(binding: Binding) -> str:
    return "everywhere" if set(binding.views) == set(get_args(View)) else " ".join(binding.views)
