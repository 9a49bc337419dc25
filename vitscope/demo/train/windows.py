"""Cheaper views for most of a training: a window of the grid of patches, or a random half of them."""

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


def side_at(*, cooling: bool) -> int:
    """The side in pixels of large views: seven tenths of a picture's, and all of it at the end of the training."""
    return 80 if cooling else 56


def cls_of_some(vit: nn.Module, images: torch.Tensor, *, kept: int) -> torch.Tensor:
    """The CLS tokens [B, width] of whole pictures of which a ViT sees `kept` patches, drawn anew for each picture.

    Half the patches cost less than half the time, and teach almost as much (Li et al. 2023, FLIP).
    """
    model: Any = vit
    tokens = model.patch_embed(images) + model.pos_embed[:, 1:]
    count, total, width = tokens.shape
    if kept < total:
        order = torch.rand(count, total, device=images.device).argsort(1)[:, :kept, None]
        tokens = tokens.gather(1, order.expand(-1, -1, width))
    cls = (model.cls_token + model.pos_embed[:, :1]).expand(count, -1, -1).to(tokens.dtype)
    return model.norm(model.blocks(torch.cat((cls, tokens), 1)))[:, 0]


def kept_at(*, cooling: bool) -> int:
    """How many of a whole picture's hundred patches a supervised ViT sees: half, and all at the end of the training."""
    return 100 if cooling else 50


def area_at(*, cooling: bool) -> tuple[float, float]:
    """The share of a picture that a large view shows, such that its patches keep their scale on the average."""
    return (0.4, 1.0) if cooling else (0.25, 0.8)
