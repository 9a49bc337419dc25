"""`vitscope show`: print any number or picture of a run."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vitscope import catalog
from vitscope.cli import complete
from vitscope.cli.options import CacheFolder, Measured, Quiet, Verbose, cache_folder, expand
from vitscope.cli.paths import to_path
from vitscope.cli.talk import PIPE_WIDTH, Talk, console, depth, plain, result
from vitscope.errors import ViewError

if TYPE_CHECKING:
    from vitscope.views import Options, View


class Format(StrEnum):
    """What a view is printed as."""

    table = "table"
    json = "json"
    csv = "csv"
    npy = "npy"
    md = "md"
    tex = "tex"
    png = "png"
    svg = "svg"


class Tokens(StrEnum):
    """The tokens that attention goes to, or that features are of."""

    cls = "cls"
    spatial = "spatial"
    all = "all"


class Taps(StrEnum):
    """Where in a block features are taken."""

    block = "block"
    norm = "norm"
    attention = "attention"
    mlp = "mlp"


VIEW_HELP = "One of: " + ", ".join(catalog.VIEWS) + "."
QUERY_HELP = "The attending token: cls, spatial (mean patch), all (mean token), pure (renormalised) or ROW,COL."


def show(
    context: typer.Context,
    view: Annotated[
        str, typer.Argument(metavar="VIEW", help=VIEW_HELP, show_default=False, autocompletion=complete.views)
    ],
    model: Measured,
    layer: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Only this layer, from 1.", show_default=False)
    ] = None,
    head: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Only this head, from 1.", show_default=False)
    ] = None,
    query: Annotated[str | None, typer.Option(metavar="QUERY", help=QUERY_HELP, show_default=False)] = None,
    image: Annotated[
        str | None, typer.Option(metavar="NAME", help="One image of the gallery, not the mean.", show_default=False)
    ] = None,
    tokens: Annotated[
        Tokens | None, typer.Option(help="Attention to these tokens, or features of them.", show_default=False)
    ] = None,
    taps: Annotated[
        Taps | None,
        typer.Option(help="cka: block or norm outputs; residual: attention or mlp.", show_default=False),
    ] = None,
    exact: Annotated[
        bool, typer.Option("--exact", help="cka: of the whole set, from vectors.", show_default=False)
    ] = False,
    cache: CacheFolder = None,
    form: Annotated[
        Format, typer.Option("--format", "-f", metavar="|".join(Format), help="What to print.")
    ] = Format.table,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", parser=to_path, help="Write here instead of stdout.", show_default=False
        ),
    ] = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Print a view of a measured model, or of several side by side: a plot, numbers for a script, or a figure.

    \b
    json  one object, or a list of them where --model is given more than once (cka and tasks: one of all)
    csv   one line per number, with the name of the model
    npy   the array alone; npy, png and svg want --output FILE or a pipe

    \b
    For example:
      vitscope show distance --model mae --format png --output distance.png
      vitscope show cka --model mae --model dino --tokens spatial
    """
    talk = Talk.of(context, quiet=quiet, verbose=verbose)
    catalog.find("view", catalog.VIEWS, view)
    binary = form in {Format.npy, Format.png, Format.svg}
    if binary and output is None and sys.stdout.isatty():
        raise ViewError(f"{form} is not for a terminal: write it with --output FILE.{form}, or send it into a pipe.")

    from vitscope.views import Options

    options = Options(
        layer=None if layer is None else layer - 1,
        head=None if head is None else head - 1,
        query=query,
        image=image,
        tokens=tokens and tokens.value,
        taps=taps and taps.value,
        exact=exact or None,
    )
    views = _views(talk, view, cache, expand(model), options)
    if form is Format.table and output is None:
        _print(views)
        return
    content = _bytes(views, form)
    if output is None:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return

    from vitscope.store.files import atomic

    with atomic(output) as file:
        file.write(content)
    talk.say(f"written to {output}")


def _views(talk: Talk, name: str, cache: Path | None, models: list[str], options: Options) -> list[View]:
    """One view of all models where it sets them side by side, else one of each."""
    from vitscope.store.reader import Cache

    shown = catalog.VIEWS[name]
    make = catalog.load("view", catalog.VIEWS, name)
    found = Cache(cache_folder(cache))
    talk.detail(f"cache: {found.folder}")
    if shown.several:
        return [make(found, models, options)]
    return [make(found.find(model, shown.task), options) for model in models]


def _print(views: Sequence[View]) -> None:
    """Tables and plots on stdout, in the width and the colours that it has."""
    from vitscope.export.table import render

    for number, view in enumerate(views):
        screen = console()
        if number:
            result("")
        result(render(view, screen.width, depth(screen)))


def _bytes(views: Sequence[View], form: Format) -> bytes:
    from vitscope.export import written
    from vitscope.export.table import render

    if form is Format.table:
        return plain(*(render(view, PIPE_WIDTH, "none") for view in views)).encode()
    return written(views, form.value)
