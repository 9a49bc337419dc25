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
