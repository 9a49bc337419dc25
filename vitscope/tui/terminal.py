"""Is there a terminal that could show the browser? Asked before Textual is imported."""

from __future__ import annotations

import os
import sys

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
