"""MAE: three quarters of the patches are hidden, a light decoder paints their normalised pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from timm.models.vision_transformer import Block
from torch import nn
from torch.nn import functional

from vitscope.demo.train.loop import Settings
from vitscope.demo.train.pictures import views
from vitscope.demo.train.positions import fix_positions, sine_cosine
from vitscope.demo.zoo import PATCH, SIDE, WIDTH, architecture

if TYPE_CHECKING:
    from vitscope.demo.train.pictures import Pictures

GRID = SIDE // PATCH
SEEN = GRID * GRID // 4
"""Patches that the encoder sees: a quarter of them."""
DECODER_WIDTH, DECODER_DEPTH = 64, 2


def patches(images: torch.Tensor) -> torch.Tensor:
    """Pictures [B, 3, side, side] cut into rows of patches: [B, tokens, 3 · patch²]."""
    cut = images.unflatten(3, (GRID, PATCH)).unflatten(2, (GRID, PATCH))
    return cut.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2)


class MaskedAutoencoder(nn.Module):
    """A ViT that sees a quarter of a picture, and a decoder that is thrown away after training."""

    settings = Settings(epochs=14, batch=96, rate=2e-3, cooldown=1)
    positions: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.vit = architecture("mae")
        fix_positions(self.vit, GRID, WIDTH)
        self.narrow = nn.Linear(WIDTH, DECODER_WIDTH)
        self.mask_token = nn.Parameter(torch.randn(1, 1, DECODER_WIDTH) * 0.02)
        self.decoder = nn.Sequential(*(Block(DECODER_WIDTH, 4, qkv_bias=True) for _ in range(DECODER_DEPTH)))
        self.paint = nn.Sequential(nn.LayerNorm(DECODER_WIDTH), nn.Linear(DECODER_WIDTH, 3 * PATCH * PATCH))
        self.register_buffer("positions", sine_cosine(GRID, DECODER_WIDTH), persistent=False)

    def exported(self) -> nn.Module:
        """The encoder."""
        return self.vit

    def loss(self, pictures: Pictures, chosen: torch.Tensor, *, cooling: bool) -> torch.Tensor:  # noqa: ARG002
        """Mean squared error of the hidden patches' pixels, each patch normalised by its own mean and deviation."""
        vit: Any = self.vit
        images = views(pictures.images[chosen], area=(0.5, 1.0), colour=0.0)
        order = torch.rand(len(images), GRID * GRID, device=images.device).argsort(1)
        back = order.argsort(1)
        tokens = vit.patch_embed(images) + vit.pos_embed[:, 1:]
        shown = tokens.gather(1, order[:, :SEEN, None].expand(-1, -1, WIDTH))
        cls = (vit.cls_token + vit.pos_embed[:, :1]).expand(len(images), -1, -1).to(shown.dtype)
        code = self.narrow(vit.norm(vit.blocks(torch.cat((cls, shown), 1))))
        blank = self.mask_token.to(code.dtype).expand(len(images), GRID * GRID - SEEN, -1)
        spatial = torch.cat((code[:, 1:], blank), 1).gather(1, back[:, :, None].expand(-1, -1, DECODER_WIDTH))
        painted = self.paint(self.decoder(torch.cat((code[:, :1], spatial), 1) + self.positions))[:, 1:].float()
        target = patches(images)
        target = functional.layer_norm(target, target.shape[-1:], eps=1e-6)
        error = (painted - target).square().mean(2)
        hidden = (back >= SEEN).float()
        return (error * hidden).sum() / hidden.sum()

    def after_step(self) -> None:
        """Nothing follows a step."""
