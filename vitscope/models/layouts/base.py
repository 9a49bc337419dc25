"""What a layout is, and how tensors get the names of timm."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

Tensors = dict[str, Tensor]


@dataclass(frozen=True)
class Traits:
    """What is no tensor and decides the numbers all the same; None where the file does not say."""

    eps: float | None = None  # of every LayerNorm
    activation: str | None = None  # of the MLP, as transformers spells it: gelu, quick_gelu, …
    heads: int | None = None


@dataclass(frozen=True)
class Converted:
    """Tensors under the names of timm; what fits no rule keeps its name, so that a strict load reports it."""

    tensors: Tensors
    dropped: tuple[str, ...] = ()  # names in the file of what no analysis needs
    traits: Traits = Traits()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Layout:
    """One way to name the tensors of a Vision Transformer in a file."""

    name: str
    matches: Callable[[Tensors], bool]
    convert: Callable[[Tensors], Converted]
    methods: frozenset[str] = frozenset()  # methods of the catalog whose weights look so; empty: any
    config: bool = False  # a config.json beside the file says which LayerNorm eps and activation it has


def rename(tensors: Tensors, rules: Iterable[tuple[str, str]]) -> Tensors:
    r"""Names changed by the first rule (regular expression, replacement) that matches them from their beginning.

    A name that is taken already stays as it is.

    >>> list(rename({"h.0.ln.bias": torch.ones(1), "x": torch.ones(1)}, [(r"h\.(\d+)\.ln\.", r"blocks.\1.norm1.")]))
    ['blocks.0.norm1.bias', 'x']
    """
    patterns = [(re.compile(pattern), replacement) for pattern, replacement in rules]
    found: Tensors = {}
    for name, tensor in tensors.items():
        new = next((regex.sub(to, name, count=1) for regex, to in patterns if regex.match(name)), name)
        found[name if new in found or (new != name and new in tensors) else new] = tensor
    return found


def without(tensors: Tensors, pattern: str) -> tuple[Tensors, tuple[str, ...]]:
    """The tensors whose names the regular expression does not match from their beginning, and the names it does."""
    dropped = tuple(name for name in tensors if re.match(pattern, name))
    return {name: tensor for name, tensor in tensors.items() if name not in dropped}, dropped


def fused(tensors: Tensors, parts: tuple[str, str, str], whole: str) -> Tensors:
    """Query, key and value of every block stacked to one tensor (3D, …), as timm keeps them.

    `parts` and `whole` hold {} for the number of the block. Parts that are not all there, or differ in shape, stay.
    """
    found = dict(tensors)
    first = re.compile(re.escape(parts[0]).replace(r"\{\}", r"(\d+)"))
    for match in filter(None, map(first.fullmatch, tensors)):
        names = [part.format(match[1]) for part in parts]
        three = [tensors[name] for name in names if name in tensors]
        if len({tensor.shape for tensor in three}) == 1 and len(three) == 3:
            found[whole.format(match[1])] = torch.cat(three)
            for name in names:
                del found[name]
    return found


def holds(tensors: Tensors, pattern: str) -> bool:
    """Whether a name matches the regular expression from its beginning."""
    return any(re.match(pattern, name) for name in tensors)
