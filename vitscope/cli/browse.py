"""`vitscope browse`: walk through a cache in the terminal."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from vitscope.cli.complete import run_names
from vitscope.cli.options import CacheFolder, Quiet, Verbose, cache_folder
from vitscope.cli.paths import to_path
from vitscope.cli.talk import Talk
from vitscope.errors import ViewError


class Theme(StrEnum):
    """What the page looks like."""

    light = "light"
    dark = "dark"


def browse(
    context: typer.Context,
    place: Annotated[
        str | None,
        typer.Argument(
            metavar="PLACE",
            help="Where to start: MODEL, MODEL/LAYER or MODEL/LAYER/HEAD, then @VIEW; y copies the place one is at.",
            autocompletion=run_names,
        ),
    ] = None,
    cache: CacheFolder = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Start at the list of runs, not where it was left.", show_default=False)
    ] = False,
    list_keys: Annotated[
        bool, typer.Option("--list-keys", help="Print what every key is called and does.", show_default=False)
    ] = False,
    theme: Annotated[
        Theme | None,
        typer.Option(
            help="Of the page; else as t left it, then $VITSCOPE_THEME, then what the terminal says.",
            show_default=False,
        ),
    ] = None,
    no_mouse: Annotated[
        bool,
        typer.Option("--no-mouse", help="Leave the mouse to the terminal, to select text with it.", show_default=False),
    ] = False,
    screenshot: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            parser=to_path,
            help="Write the page as .svg or .txt, without a terminal, and leave.",
            show_default=False,
        ),
    ] = None,
    keys: Annotated[
        str | None,
        typer.Option(
            metavar="KEYS",
            help="With --screenshot: keys to press first, such as 'l l enter'; texts in quotes.",
            show_default=False,
        ),
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(metavar="WxH", help="With --screenshot: columns and rows, else 120x40.", show_default=False),
    ] = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Walk through models, layers and heads in the terminal.

    Keys are shown at the foot of every page; ? shows all of them, q leaves. Without PLACE it starts where it was left.
    A click chooses what is under it, and goes into what is chosen; the wheel goes through layers and lists.

    A table \\[keys] in the file of settings gives keys of your own: zoom = "enter f2".

    \b
    For example:
      vitscope browse
      vitscope browse mae/7/3
      vitscope browse "mae/7/3@image:2?q=5,9"
      vitscope browse mae --keys "D l l" --screenshot distance.svg
    """
    talk = Talk.of(context, quiet=quiet, verbose=verbose)
    in_terminal = fresh or no_mouse
    if list_keys:
        if in_terminal or any(given is not None for given in (place, cache, theme, screenshot, keys, size)):
            raise ViewError("--list-keys prints the keys and leaves: give it no other option and no PLACE.")
        _list_keys()
        return
    light = None if theme is None else theme is Theme.light
    if screenshot is not None:
        if in_terminal:
            raise ViewError("--fresh and --no-mouse belong to a terminal: leave them out with --screenshot FILE.")
        _picture(cache_folder(cache), screenshot, place, keys or "", size or "120x40", light)
        talk.say(f"written to {screenshot}")
        return
    if keys is not None or size is not None:
        raise ViewError("--keys and --size belong to --screenshot FILE: in a terminal, press keys yourself.")

    from vitscope.tui.terminal import check

    check()
    folder = cache_folder(cache)
    talk.detail(f"opening {folder}")

    from vitscope.tui.start import browse as start

    start(folder, place, light=light, fresh=fresh, mouse=False if no_mouse else None)


def _list_keys() -> None:
    from vitscope.tui.keymap import listed
    from vitscope.tui.start import own_keys

    typer.echo(listed(own_keys()))


def _picture(cache: Path, file: Path, place: str | None, keys: str, size: str, light: bool | None) -> None:
    """What --screenshot writes."""
    from vitscope.tui.colors import check, is_light
    from vitscope.tui.headless import screenshot

    check(os.environ)
    look = is_light(os.environ) if light is None else light
    screenshot(cache, file, place=place, presses=keys, size=size, light=look, environment=os.environ)
