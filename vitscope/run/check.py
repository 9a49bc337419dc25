"""What `vitscope doctor` finds: one line each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "note", "problem"]


@dataclass(frozen=True)
class Check:
    """One line: what was looked at, how it stands, what was found, what to do about it."""

    name: str
    state: State
    found: str
    todo: str = ""


def size(count: float) -> str:
    """Bytes in words.

    >>> size(2_300_000), size(1.5e11)
    ('2 MB', '150.0 GB')
    """
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
