"""Strings that come from files, made safe for a screen."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Any


def printable(text: str) -> str:
    """`text` without anything that could steer a terminal, each such character replaced by U+FFFD.

    Replaced are control characters, invisible formatting such as direction overrides, lone surrogates, line and
    paragraph separators, and what Unicode leaves unassigned or private.

    >>> printable("cat\x1b[2J.jpg")
    'cat\ufffd[2J.jpg'
    """
    if text.isprintable():
        return text
    return "".join("\ufffd" if unicodedata.category(c) in _UNSAFE else c for c in text)


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
