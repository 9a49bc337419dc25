"""Is there a terminal that could show the browser, and how far is it? Asked before Textual is imported."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from vitscope.errors import TerminalError


def check() -> None:
    """Raise TerminalError unless a person sits at a terminal that can place text."""
    instead = "use `vitscope show VIEW --model MODEL` for text, or --format json for scripts"
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise TerminalError(f"the browser needs a terminal, and this is a pipe or a file: {instead}.")
    if not sys.stderr.isatty():  # which Textual draws on
        raise TerminalError("the browser draws on stderr, which is a pipe or a file here: leave out `2>`.")
    term = os.environ.get("TERM", "")
    if term in {"", "dumb", "unknown"}:
        kind = f"TERM={term}" if term else "no TERM"
        raise TerminalError(
            f"the browser needs a terminal that can move its cursor, and this one says {kind}: "
            f"set TERM (for example TERM=xterm-256color), or {instead}."
        )


def settings(environment: Mapping[str, str]) -> dict[str, str]:
    """What Textual is told by environment variables, which it reads when it is imported; what is set already stays.

    A lone Esc is told from the keys that begin with it by what follows within ESCDELAY milliseconds; over SSH that may
    come late. Only a held key makes more than one frame in a twentieth of a second, and nothing here is animated.

    >>> settings({"SSH_CONNECTION": "192.0.2.1 50000 192.0.2.2 22", "TEXTUAL_FPS": "60"})
    {'ESCDELAY': '100', 'TEXTUAL_ANIMATIONS': 'none'}
    """
    far = bool(environment.get("SSH_CONNECTION") or environment.get("SSH_TTY"))
    usual = {"ESCDELAY": "100" if far else "25", "TEXTUAL_FPS": "20" if far else "30", "TEXTUAL_ANIMATIONS": "none"}
    return {name: value for name, value in usual.items() if name not in environment}
