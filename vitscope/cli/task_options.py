"""The options that tasks have of their own, as flags; which task understands which is for the task to say."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from vitscope import catalog
from vitscope.cli.options import decoders
from vitscope.cli.paths import to_path
from vitscope.config import at_home


class FeatureTokens(StrEnum):
    """What stands for an image."""

    cls = "cls"
    spatial = "spatial"
    both = "both"


def whole_numbers(text: str) -> tuple[int, ...]:
    """Numbers from 1 joined by commas; BadParameter for anything else.

    >>> whole_numbers("10,20")
    (10, 20)
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise typer.BadParameter(f"{text!r} is not a list of numbers from 1, such as 10,20", param_hint="--k")
    return tuple(map(int, parts))


TokensOf = Annotated[
    FeatureTokens | None,
    typer.Option(
        "--tokens",
        metavar="cls|spatial|both",
        help="The CLS token, or the mean over patches; both for clusters only.",
        show_default=False,
        rich_help_panel="knn, retrieval, clusters",
    ),
]
Neighbours = Annotated[
    str | None,
    typer.Option(
        "--k",
        metavar="K,…",
        help="How many neighbours vote; else 10,20,100,200.",
        show_default=False,
        rich_help_panel="knn",
    ),
]
Temperature = Annotated[
    float | None,
    typer.Option(
        metavar="T", help="Votes weigh exp(similarity / T); else 0.07.", show_default=False, rich_help_panel="knn"
    ),
]
OF_VECTORS = ", ".join(name for name, task in catalog.TASKS.items() if task.vectors)
Workers = Annotated[int | None, decoders(f"images for {OF_VECTORS}")]
CropQuery = Annotated[
    bool | None,
    typer.Option("--crop-query", help="Queries cropped to their box.", show_default=False, rich_help_panel="retrieval"),
]
Native = Annotated[
    bool | None,
    typer.Option(
        "--native",
        help="Images not shrunk to a long side of 224 first.",
        show_default=False,
        rich_help_panel="retrieval",
    ),
]
Clusters = Annotated[
    int | None,
    typer.Option(
        "--clusters",
        metavar="K",
        min=0,
        help="How many clusters; else one a class, and 80 for objects and parts.",
        show_default=False,
        rich_help_panel="clusters, objects, parts",
    ),
]
Dense = Annotated[
    bool | None,
    typer.Option(
        "--dense/--not-dense",
        help="Tokens of tiles at twice the size (else), or of one central crop.",
        show_default=False,
        rich_help_panel="objects, parts",
    ),
]
Mass = Annotated[
    float | None,
    typer.Option(
        metavar="SHARE",
        help="Attention that a foreground holds; else 0.6.",
        show_default=False,
        rich_help_panel="saliency",
    ),
]
Threshold = Annotated[
    float | None,
    typer.Option(
        metavar="SHARE",
        help="A patch is on an object when more than this of it is; else when touched.",
        show_default=False,
        rich_help_panel="saliency",
    ),
]
Sequences = Annotated[
    str | None,
    typer.Option(metavar="NAME,…", help="Only these sequences.", show_default=False, rich_help_panel="davis"),
]
Masks = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        parser=to_path,
        help="Write the masks here, as PNGs.",
        show_default=False,
        rich_help_panel="davis",
    ),
]
Pairs = Annotated[
    int | None,
    typer.Option(
        metavar="N", min=0, help="Pairs of each category; 0: all; else 20.", show_default=False, rich_help_panel="spair"
    ),
]
Split = Annotated[
    str | None,
    typer.Option(metavar="test|val|trn", help="Which pairs; else test.", show_default=False, rich_help_panel="spair"),
]


def given(
    *,
    tokens: FeatureTokens | None,
    k: str | None,
    temperature: float | None,
    crop_query: bool | None,
    native: bool | None,
    clusters: int | None,
    dense: bool | None,
    mass: float | None,
    threshold: float | None,
    sequences: str | None,
    masks: Path | None,
    pairs: int | None,
    split: str | None,
) -> dict[str, Any]:
    """Those that were given, called as tasks call them."""
    every = {
        "tokens": None if tokens is None else tokens.value,
        "k": None if k is None else whole_numbers(k),
        "temperature": temperature,
        "crop-query": crop_query,
        "native": native,
        "clusters": clusters,
        "dense": dense,
        "mass": mass,
        "threshold": threshold,
        "sequences": None if sequences is None else tuple(filter(None, map(str.strip, sequences.split(",")))),
        "masks": None if masks is None else str(at_home(masks)),
        "pairs": pairs,
        "split": split,
    }
    return {name: value for name, value in every.items() if value is not None}
