"""Paths as they are typed."""

from __future__ import annotations

from pathlib import Path

import typer


def to_path(text: str) -> Path:
    """The path that an option names; BadParameter for none, as of a variable that is not set: it is no current folder.

    >>> to_path("photos")
    PosixPath('photos')
    """
    if not text:
        raise typer.BadParameter("it is empty: name a path, or leave the option out")
    return Path(text)
