"""Strings that come from files, made safe for a screen."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Any


def printable(text: str) -> str:
    """`text` without anything that could steer a terminal, each such character replaced by U+FFFD.

    Replaced are control characters, invisible formatting such as direction overrides, lone surrogates, line and
    paragraph separators, what Unicode leaves unassigned or private, and marks that would pile up on one character.

    >>> printable("cat\x1b[2J.jpg")
    'cat\ufffd[2J.jpg'
    """
    if text.isascii() and text.isprintable():
        return text
    safe, piled = [], 0
    for char in text:
        kind = unicodedata.category(char)
        piled = piled + 1 if kind in _MARKS else 0
        safe.append("\ufffd" if kind in _UNSAFE or piled > MOST_MARKS else char)
    return "".join(safe)


MOST_MARKS = 4  # on one character; no script has words with more
_MARKS = frozenset({"Mn", "Me"})
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Cn", "Co", "Zl", "Zp"})


def shown(path: Path) -> str:
    """A path as a message shows it."""
    return printable(str(path))


def cleaned(value: Any) -> Any:
    """A JSON value with every string in it printable, keys included."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, list):
        return [cleaned(item) for item in value]
    if isinstance(value, dict):
        return {printable(key): cleaned(item) for key, item in value.items()}
    return value
