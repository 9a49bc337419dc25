"""What methods with a momentum encoder share."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Sequence


def mlp(widths: Sequence[int], *, last_norm: bool) -> nn.Sequential:
    """Linear layers with batch norm and ReLU between them, as in MoCo-v3; `last_norm` adds a plain norm at the end."""
    layers: list[nn.Module] = []
    for place, (wide, next_wide) in enumerate(pairwise(widths)):
        layers.append(nn.Linear(wide, next_wide, bias=False))
        if place < len(widths) - 2:
            layers += [nn.BatchNorm1d(next_wide), nn.ReLU()]
        elif last_norm:
            layers.append(nn.BatchNorm1d(next_wide, affine=False))
    return nn.Sequential(*layers)


def frozen(module: nn.Module) -> nn.Module:
    """The module, out of the optimiser's reach."""
    for parameter in module.parameters():
        parameter.requires_grad_(False)
    return module


def follow(slow: nn.Module, fast: nn.Module, momentum: float) -> None:
    """Move the slow module's parameters towards the fast one's."""
    with torch.no_grad():
        for old, new in zip(slow.parameters(), fast.parameters(), strict=True):
            old.lerp_(new, 1 - momentum)
