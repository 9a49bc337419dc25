"""Options that several commands share, said once."""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from vitscope import catalog
from vitscope.cli import complete
from vitscope.cli.paths import to_path

Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print results and errors only.", show_default=False)]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Say more about what is done.", show_default=False)]
CacheFolder = Annotated[
    Path | None,
    typer.Option(
        "--cache",
        metavar="DIR",
        parser=to_path,
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


class Precision(StrEnum):
    """Number format of the forward pass."""

    fp32 = "fp32"
    bf16 = "bf16"
    fp16 = "fp16"


class Protocol(StrEnum):
    """What is done where the paper's code differs from what it means.

    Of an extraction: EXIF turns, which it ignores, and Gram matrices, of 8 images as they are listed instead of 32
    shuffled, which CKA divides by their range. docs/tasks.md has a table for each task.
    """

    corrected = "corrected"
    paper = "paper"


class Preprocess(StrEnum):
    """How an image becomes a crop: short side to the crop's and its middle, or as the model was evaluated."""

    paper = "paper"
    model = "model"


Photographs = Annotated[
    Path | None,
    typer.Option(
        "--data", metavar="DIR", parser=to_path, help="Photographs, flat or in class folders.", show_default=False
    ),
]
Limit = Annotated[int | None, typer.Option(metavar="N", min=1, help="At most N images.", show_default=False)]
PerClass = Annotated[
    int | None, typer.Option(metavar="N", min=1, help="At most N images of each class.", show_default=False)
]
ImageSize = Annotated[
    str | None,
    typer.Option("--image-size", metavar="N|HxW", help="Crop in pixels; else the model's own.", show_default=False),
]
Gallery = Annotated[int, typer.Option(metavar="N", min=0, help="Keep all attention of N images.")]
NumberFormat = Annotated[
    Precision | None,
    typer.Option(
        "--precision",
        metavar="fp32|bf16|fp16",
        help="Number format of the forward pass; else fp32.",
        show_default=False,
    ),
]
ProtocolOf = Annotated[
    Protocol,
    typer.Option("--protocol", metavar="corrected|paper", help="As defined, or as the paper's code."),
]
PreprocessOf = Annotated[
    Preprocess,
    typer.Option("--preprocess", metavar="paper|model", help="Crops as in the paper for all, or as each model's own."),
]
Metrics = Annotated[
    str,
    typer.Option(
        metavar="default|all|NAME,…",
        help="What is measured; `default,NAME` adds to the default.",
        autocompletion=complete.metrics,
    ),
]
Restart = Annotated[bool, typer.Option("--restart", help="Forget what this run measured before.")]
LONGEST = 65536  # pixels of a side
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


def decoders(images: str) -> Any:
    """The option that says how many processes decode these images."""
    return typer.Option(
        "--workers",
        metavar="N",
        min=0,
        help=f"Processes that decode {images}; else as fit.",
        show_default=False,
        rich_help_panel=HOW,
    )


Workers = Annotated[int | None, decoders("images")]
Checkpoint = Annotated[
    Path | None,
    typer.Option(
        "--checkpoint",
        metavar="FILE",
        parser=to_path,
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


def image_size(text: str) -> tuple[int, int]:
    """Height and width in pixels out of `224` or `224x448`; BadParameter for anything else.

    >>> image_size("224"), image_size("224x448")
    ((224, 224), (224, 448))
    """
    match = re.fullmatch(r"(\d+)(?:[xX×](\d+))?", text)
    size = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
    if not 1 <= min(size) <= max(size) <= LONGEST:
        raise typer.BadParameter(
            f"{text!r} is neither a side such as 224 nor HEIGHTxWIDTH such as 224x448, of at most {LONGEST} pixels"
        )
    return size


def metric_names(text: str) -> tuple[str, ...]:
    """Names out of `default`, `all`, or names joined by commas, in the order of the catalog; UnknownName.

    >>> metric_names("entropy,distance")
    ('distance', 'entropy')
    """
    wanted: set[str] = set()
    for name in filter(None, (part.strip() for part in text.split(","))):
        if name in {"default", "all"}:
            wanted |= {metric for metric, entry in catalog.METRICS.items() if entry.default or name == "all"}
        else:
            catalog.find("metric", catalog.METRICS, name)
            wanted.add(name)
    if not wanted:
        raise typer.BadParameter("name at least one metric, or `default`, or `all`", param_hint="--metrics")
    return tuple(name for name in catalog.METRICS if name in wanted)


def torchscript(known: bool, every: bool) -> Literal["refuse", "known", "any"]:
    """Which TorchScript archives may be loaded, out of the two options.

    >>> torchscript(False, False), torchscript(True, False), torchscript(True, True)
    ('refuse', 'known', 'any')
    """
    return "any" if every else "known" if known else "refuse"


def expand(models: list[str]) -> list[str]:
    """The models asked for, with groups such as `demo` written out; each of them once."""
    return list(dict.fromkeys(name for model in models for name in catalog.GROUPS.get(model, (model,))))


def cache_folder(option: Path | None) -> Path:
    """Where the cache is: the option, $VITSCOPE_CACHE, the setting, ./cache if there is one, the user's folder."""
    from vitscope.store import layout

    return layout.cache_folder(option)
