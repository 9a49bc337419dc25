"""`vitscope browse`: walk through a cache in the terminal."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from vitscope.cli.options import CacheFolder, Quiet, Verbose, cache_folder
from vitscope.cli.talk import Talk
from vitscope.errors import TerminalError


def browse(
    context: typer.Context,
    place: Annotated[
        str | None,
        typer.Argument(metavar="PLACE", help="Where to start: MODEL, MODEL/LAYER or MODEL/LAYER/HEAD, from 1."),
    ] = None,
    cache: CacheFolder = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Walk through models, layers and heads in the terminal.

    Keys are shown at the foot of every page; ? shows all of them, q leaves.

    \b
    For example:
      vitscope browse
      vitscope browse mae/7/3
    """

    talk = Talk.of(context, quiet=quiet, verbose=verbose)
    check_terminal()
    folder = cache_folder(cache)
    talk.detail(f"opening {folder}")

    from vitscope.tui.app import browse as start

    start(folder, place)


def check_terminal() -> None:
    """Raise TerminalError unless a person sits at a terminal that can place text."""
    instead = "use `vitscope show VIEW --model MODEL` for text, or --format json for scripts"
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise TerminalError(f"the browser needs a terminal, and this is a pipe or a file: {instead}.")
    term = os.environ.get("TERM", "")
    if term in {"", "dumb", "unknown"}:
        kind = f"TERM={term}" if term else "no TERM"
        raise TerminalError(
            f"the browser needs a terminal that can move its cursor, and this one says {kind}: "
            f"set TERM (for example TERM=xterm-256color), or {instead}."
        )
