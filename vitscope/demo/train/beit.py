"""BEiT: masked patches, whose discrete visual tokens the ViT itself must tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn import functional

from vitscope.demo.train.loop import Settings
from vitscope.demo.train.pictures import views
from vitscope.demo.train.tokenizer import CODES, Tokenizer
from vitscope.demo.zoo import PATCH, SIDE, WIDTH, architecture

if TYPE_CHECKING:
    from vitscope.demo.train.pictures import Pictures

GRID = SIDE // PATCH
MASKED = 40
"""Patches hidden in each picture, 40 %."""


def blockwise_mask(generator_device: torch.device, count: int) -> torch.Tensor:
    """Masks made of rectangles, exactly `MASKED` patches each: bool [count, tokens]."""
    rows = torch.arange(GRID)[None, :]
    hidden = torch.zeros(count, GRID, GRID, dtype=torch.bool)
    while True:
        short = hidden.flatten(1).sum(1) < MASKED
        if not short.any():
            break
        size = torch.randint(2, 6, (2, count, 1))
        start = (torch.rand(2, count, 1) * (GRID - size + 1)).long()
        inside = (rows >= start) & (rows < start + size)
        hidden |= (inside[0][:, :, None] & inside[1][:, None, :]) & short[:, None, None]
    chance = torch.rand(count, GRID * GRID) + hidden.flatten(1)
    keep = chance.topk(MASKED, dim=1).indices
    return torch.zeros(count, GRID * GRID, dtype=torch.bool).scatter_(1, keep, value=True).to(generator_device)


class MaskedTokens(nn.Module):
    """A ViT that sees a mask token in place of the hidden patches, and a linear layer to the visual tokens."""

    settings = Settings(epochs=24, batch=48, rate=2e-3, cooldown=1)

    def __init__(self, tokenizer: Tokenizer) -> None:
        super().__init__()
        self.tokenizer = tokenizer.requires_grad_(requires_grad=False)
        self.vit = architecture("beit")
        self.mask_token = nn.Parameter(torch.randn(1, 1, WIDTH) * 0.02)
        self.tell = nn.Linear(WIDTH, CODES)

    def exported(self) -> nn.Module:
        """The ViT without the mask token and the last linear layer."""
        return self.vit

    def loss(self, pictures: Pictures, chosen: torch.Tensor, *, cooling: bool) -> torch.Tensor:  # noqa: ARG002
        """Cross entropy of the hidden patches' visual tokens."""
        vit: Any = self.vit
        images = views(pictures.images[chosen], area=(0.5, 1.0), colour=0.2)
        with torch.no_grad():
            codes = self.tokenizer.codes(images)
        hidden = blockwise_mask(images.device, len(images))
        tokens = vit.patch_embed(images)
        tokens = torch.where(hidden[:, :, None], self.mask_token.to(tokens.dtype), tokens)
        x = torch.cat((vit.cls_token.expand(len(images), -1, -1).to(tokens.dtype), tokens), 1)
        for block in vit.blocks:
            x = block(x)
        scores = self.tell(vit.norm(x)[:, 1:][hidden])
        return functional.cross_entropy(scores.float(), codes[hidden])

    def after_step(self) -> None:
        """Nothing follows a step."""
