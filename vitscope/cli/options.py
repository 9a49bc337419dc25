"""Options that several commands share, said once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print results and errors only.", show_default=False)]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Say more about what is done.", show_default=False)]
CacheFolder = Annotated[
    Path | None,
    typer.Option(
        "--cache",
        metavar="DIR",
        help="The cache; else $VITSCOPE_CACHE, `vitscope config cache`, ./cache, your user cache folder.",
        show_default=False,
    ),
]
Models = Annotated[
    list[str],
    typer.Option(
        "--model",
        "-m",
        metavar="MODEL",
        help="A model, or a group of models; repeat it for several.",
        show_default=False,
    ),
]


def expand(models: list[str]) -> list[str]:
    """The models asked for, with groups such as `demo` written out; each of them once."""
    from vitscope import catalog

    return list(dict.fromkeys(name for model in models for name in catalog.GROUPS.get(model, (model,))))


def cache_folder(option: Path | None) -> Path:
    """Where the cache is: the option, $VITSCOPE_CACHE, the setting, ./cache if there is one, the user's folder."""
    from vitscope.store import layout

    return layout.cache_folder(option)
