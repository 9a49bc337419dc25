"""Fixed two-dimensional sine-cosine positions, as MAE and MoCo-v3 use."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn


def sine_cosine(grid: int, width: int) -> torch.Tensor:
    """Positions of CLS (zeros) and of a grid of tokens in row-major order: float32 [1, 1 + grid², width]."""
    quarter = width // 4
    omega = 10000.0 ** (-torch.arange(quarter, dtype=torch.float64) / quarter)
    column = torch.arange(grid, dtype=torch.float64).repeat(grid)[:, None] * omega
    row = torch.arange(grid, dtype=torch.float64).repeat_interleave(grid)[:, None] * omega
    table = torch.cat((column.sin(), column.cos(), row.sin(), row.cos()), 1)
    return torch.cat((torch.zeros(1, width, dtype=torch.float64), table)).float()[None]


def start_positions(vit: nn.Module, grid: int, width: int) -> None:
    """Let a timm ViT's learnt positions start from the fixed ones: neighbours are alike from the first step."""
    model: Any = vit
    with torch.no_grad():
        model.pos_embed.copy_(sine_cosine(grid, width) * 0.5)


def fix_positions(vit: nn.Module, grid: int, width: int) -> None:
    """Give a timm ViT the fixed positions and keep the optimiser away from them."""
    vit.pos_embed = nn.Parameter(sine_cosine(grid, width), requires_grad=False)
