"""Copying: to the clipboard of the terminal that shows the page, and into a file, since nobody answers whether it came.

OSC 52 reaches the terminal in front of the person also through SSH. tmux may take it for itself, or hand it on.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping

from vitscope.errors import StoreError
from vitscope.store.files import atomic
from vitscope.store.text import shown
from vitscope.tui.memory import folder

MOST = 74_000  # bytes that terminals take at least


def sequence(text: str, environment: Mapping[str, str]) -> str:
    """What asks a terminal to keep `text`; "" for what is too long for many of them."""
    data = text.encode()
    if len(data) > MOST:
        return ""
    ask = f"\x1b]52;c;{b64encode(data).decode()}\x07"
    if environment.get("TMUX"):
        return ask + "\x1bPtmux;" + ask.replace("\x1b", "\x1b\x1b") + "\x1b\\"
    return ask


def keep(text: str) -> str:
    """Write `text` into the file of what was copied last; its name, or why that failed."""
    file = folder() / "copied.txt"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with atomic(file) as target:
            target.write(text.encode())
    except (OSError, StoreError):
        return f"{shown(file)} cannot be written"
    return shown(file)
