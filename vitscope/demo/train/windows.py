"""Small views in a ViT made for large ones: a view's tokens take their positions from a window of the grid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from torch import nn


def cls_of_views(vit: nn.Module, images: torch.Tensor) -> torch.Tensor:
    """The CLS tokens [B, width] of square views whose side is any multiple of the patch, up to the ViT's own size.

    A smaller view's positions are a window of the ViT's, placed at random: patches keep the scale and the spacing
    that they have in a whole picture, and every position is trained.
    """
    model: Any = vit
    tokens = model.patch_embed.proj(images)
    side, grid = tokens.shape[-1], model.patch_embed.grid_size[0]
    top, left = (int(torch.randint(grid - side + 1, ())) for _ in range(2))
    table = model.pos_embed[:, 1:].unflatten(1, (grid, grid))[:, top : top + side, left : left + side]
    tokens = tokens.flatten(2).transpose(1, 2) + table.flatten(1, 2)
    cls = (model.cls_token + model.pos_embed[:, :1]).expand(len(tokens), -1, -1).to(tokens.dtype)
    return model.norm(model.blocks(torch.cat((cls, tokens), 1)))[:, 0]


def side_at(progress: float) -> int:
    """The side in pixels of large views: four fifths of a picture, and all of it towards the end of the training."""
    return 64 if progress < 0.85 else 80
