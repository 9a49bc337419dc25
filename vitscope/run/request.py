"""What an extraction is asked for, what it tells while it runs, and what it reports."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is to be measured, as the user asked for it."""

    model: str
    data: Path
    checkpoint: Path | None = None
    dataset: str | None = None
    limit: int | None = None
    per_class: int | None = None
    image_size: tuple[int, int] | None = None
    gallery: int = 8
    precision: str = "fp32"
    preprocess: str = "paper"  # or "model": see loader.preprocess_of
    protocol: str = "corrected"
    metrics: tuple[str, ...]
    restart: bool = False


class Watcher(Protocol):
    """Who is told what happens."""

    def tell(self, sentence: str) -> None:
        """A fact: where the run is, the memory it takes, where it was resumed."""
        ...

    def warn(self, sentence: str) -> None:
        """Something that went less well than hoped."""
        ...

    def progress(self, done: int, total: int) -> None:
        """So many images of so many are done."""
        ...


@dataclass(frozen=True)
class Report:
    """What an extraction did."""

    folder: Path
    images: int  # in the data set
    used: int  # measured, those of earlier starts included
    skipped: list[dict[str, str]]  # file and reason
    seconds: float
    measured: list[str]
    reused: list[str]
