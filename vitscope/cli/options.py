"""Options that several commands share, said once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from vitscope.cli import complete

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


def _models(offered: Callable[[typer.Context, str], complete.Offer]) -> Any:
    """The option that names models; `offered`: what the shell offers for it."""
    return typer.Option(
        "--model",
        "-m",
        metavar="MODEL",
        help="A model, or a group of models; repeat it for several.",
        show_default=False,
        autocompletion=offered,
    )


Models = Annotated[list[str], _models(complete.models)]
Measured = Annotated[list[str], _models(complete.measured)]
HOW = "How it is run (changes no number's meaning)"
Dataset = Annotated[
    str | None,
    typer.Option(
        metavar="KIND",
        help="Kind of folder, where a guess is wrong.",
        show_default=False,
        autocompletion=complete.datasets,
    ),
]
Device = Annotated[
    str | None,
    typer.Option(
        metavar="auto|cpu|cuda[:i]|mps", help="Where; else the best there is.", show_default=False, rich_help_panel=HOW
    ),
]
BatchSize = Annotated[
    int | None,
    typer.Option(
        metavar="N", min=1, help="Images a forward pass; else as fit.", show_default=False, rich_help_panel=HOW
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=0,
        help="Processes that decode images; else as fit.",
        show_default=False,
        rich_help_panel=HOW,
    ),
]
Checkpoint = Annotated[
    Path | None,
    typer.Option(
        "--checkpoint",
        metavar="FILE",
        help="Weights from a local file or folder, in the layout of the method, of timm or of transformers.",
        show_default=False,
    ),
]
AllowTorchScript = Annotated[
    bool,
    typer.Option(
        "--allow-torchscript",
        help="Load a checkpoint that is a TorchScript archive, if its sha256 is known, as those of OpenAI's CLIP are.",
        show_default=False,
    ),
]
AllowAnyTorchScript = Annotated[
    bool,
    typer.Option(
        "--allow-any-torchscript",
        help="Load any TorchScript archive, which compiles the code that is in it.",
        show_default=False,
    ),
]


def torchscript(known: bool, every: bool) -> Literal["refuse", "known", "any"]:
    """Which TorchScript archives may be loaded, out of the two options.

    >>> torchscript(False, False), torchscript(True, False), torchscript(True, True)
    ('refuse', 'known', 'any')
    """
    return "any" if every else "known" if known else "refuse"


def expand(models: list[str]) -> list[str]:
    """The models asked for, with groups such as `demo` written out; each of them once."""
    from vitscope import catalog

    return list(dict.fromkeys(name for model in models for name in catalog.GROUPS.get(model, (model,))))


def cache_folder(option: Path | None) -> Path:
    """Where the cache is: the option, $VITSCOPE_CACHE, the setting, ./cache if there is one, the user's folder."""
    from vitscope.store import layout

    return layout.cache_folder(option)
