"""`vitscope browse`: walk through a cache in the terminal."""

from __future__ import annotations

from typing import Annotated

import typer

from vitscope.cli.options import CacheFolder, Quiet, Verbose, cache_folder
from vitscope.cli.talk import Talk


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
    from vitscope.tui.terminal import check

    talk = Talk.of(context, quiet=quiet, verbose=verbose)
    check()
    folder = cache_folder(cache)
    talk.detail(f"opening {folder}")

    from vitscope.tui.app import browse as start

    start(folder, place)
