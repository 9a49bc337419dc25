"""Pages about features: where one is on them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vitscope.geometry import Geometry

Tokens = Literal["all", "spatial", "cls"]
Branch = Literal["attention", "mlp", "tokens"]
TOKENS: tuple[Tokens, ...] = ("all", "spatial", "cls")
BRANCHES: tuple[Branch, ...] = ("attention", "mlp", "tokens")


@dataclass(frozen=True, kw_only=True)
class Features:
    """A place on the pages of CKA, residual branches and tasks. The row of a matrix is the state's layer."""

    other: str | None = None  # folder name of the run whose layers are the columns; None: the open run itself
    column: int = 0  # layer of that run; on the page of tasks, the layer that is read
    tokens: Tokens = "all"
    across: bool = False  # the last layers of all models, instead of all layers of two
    pair: tuple[str, str] = ("", "")  # row and column there: folder names of runs; "": the first
    branch: Branch = "attention"  # what a block adds; "tokens": the norms of tokens themselves
    score: str = ""  # what the page of tasks shows; "": the first there is
    alone: bool = False  # there: this number alone, instead of every task beside each other


START = Features()


@dataclass(frozen=True)
class Candidate:
    """A run that another can be compared with."""

    name: str  # of its folder
    geometry: Geometry
