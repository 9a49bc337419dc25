"""The line that is typed into: a search for heads, a command, a path. Pure: every key makes a new line."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

Purpose = Literal["find", "command", "open", "export"]

KEYS = "⏎ take  tab complete  esc leave  ctrl+u empty"


@dataclass(frozen=True)
class Prompt:
    """What is being typed, for what, and where the next character goes."""

    purpose: Purpose
    text: str = ""
    at: int = 0
    history: tuple[str, ...] = ()  # lines taken before, the last one last
    back: int = 0  # how many of them Up has gone back
    stem: str | None = None  # what was typed before Tab completed it


def prompt(purpose: Purpose, text: str = "", history: tuple[str, ...] = ()) -> Prompt:
    """A line that begins with `text` and is typed on at its end."""
    return Prompt(purpose, text, len(text), history)


def remembered(history: tuple[str, ...], text: str) -> tuple[str, ...]:
    """The history with one line more; every line is in it once, and blank ones are not.

    >>> remembered(("a", "b"), "a")
    ('b', 'a')
    """
    return (*(line for line in history if line != text), text) if text.strip() else history


def inserted(line: Prompt, text: str) -> Prompt:
    """Typed or pasted characters where the cursor is; line breaks become spaces, other controls are dropped."""
    clean = "".join(
        " " if char in "\r\n\t" else char for char in text.strip("\r\n") if char in "\r\n\t" or char.isprintable()
    )
    text = line.text[: line.at] + clean + line.text[line.at :]
    return replace(line, text=text, at=line.at + len(clean), stem=None)


def typed(line: Prompt, key: str) -> Prompt:
    """The line after a key; Enter and Escape are not its business, and keys that mean nothing change nothing.

    >>> line = prompt("find", "iou>.5 tag:offset")
    >>> typed(line, "ctrl+w").text
    'iou>.5 '
    >>> typed(typed(line, "home"), "x").text
    'xiou>.5 tag:offset'
    """
    text, at = line.text, line.at
    if key in {"up", "down"}:
        return _walked(line, line.back + (1 if key == "up" else -1))
    word = text[: text[:at].rstrip(" ").rfind(" ") + 1]
    shorter = {  # what is left before the cursor, and after it
        "backspace": (text[: max(at - 1, 0)], text[at:]),
        "ctrl+h": (text[: max(at - 1, 0)], text[at:]),
        "delete": (text[:at], text[at + 1 :]),
        "ctrl+d": (text[:at], text[at + 1 :]),
        "ctrl+u": ("", text[at:]),
        "ctrl+w": (word, text[at:]),
    }
    if key in shorter:
        before, after = shorter[key]
        return replace(line, text=before + after, at=len(before))
    places = {"left": at - 1, "right": at + 1, "home": 0, "ctrl+a": 0, "end": len(text), "ctrl+e": len(text)}
    if key in places:
        return replace(line, at=max(0, min(places[key], len(text))))
    character = " " if key == "space" else key
    return inserted(line, character) if len(character) == 1 else line


def _walked(line: Prompt, back: int) -> Prompt:
    """The line taken `back` lines ago; an empty one after the last."""
    back = max(0, min(back, len(line.history)))
    if back == line.back:
        return line
    text = line.history[-back] if back else ""
    return replace(line, text=text, at=len(text), back=back)
