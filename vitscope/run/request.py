"""What an extraction or evaluation is asked for, what it tells while it runs, and what it reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is to be measured, as the user asked for it."""

    model: str
    data: Path
    checkpoint: Path | None = None
    torchscript: Literal["refuse", "known", "any"] = "refuse"  # which TorchScript archives may be that checkpoint
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


@dataclass(frozen=True, kw_only=True)
class TaskRequest:
    """What is to be evaluated, as the user asked for it."""

    task: str  # a name of catalog.TASKS
    model: str
    data: Path
    checkpoint: Path | None = None
    torchscript: Literal["refuse", "known", "any"] = "refuse"  # which TorchScript archives may be that checkpoint
    dataset: str | None = None
    limit: int | None = None
    per_class: int | None = None
    image_size: tuple[int, int] | None = None
    precision: str = "fp32"
    preprocess: str = "paper"  # or "model", for tasks over vectors: see loader.preprocess_of
    protocol: str = "corrected"
    options: Mapping[str, Any] = field(default_factory=dict)  # the task's own, those that were given
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
        """So many images (or units of a task) of so many are done; another total begins another stage."""
        ...


@dataclass(frozen=True)
class Report:
    """What an extraction or evaluation did."""

    folder: Path
    images: int  # in the data set
    used: int  # measured, those of earlier starts included
    skipped: list[dict[str, str]]  # file and reason
    seconds: float
    measured: list[str]
    reused: list[str]
    stages: dict[str, float] = field(default_factory=dict)  # seconds of each of vitscope.run.stages.STAGES
    decoders: int = 0  # processes that decoded beside the one with the model
    missing: list[int] = field(default_factory=list)  # shards (or units) that nobody has measured, where a part was
