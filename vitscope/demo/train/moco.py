"""MoCo-v3: contrast of two views with a momentum encoder and a predictor, symmetric, with a fixed patch projection."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

from vitscope.demo.train.loop import Settings
from vitscope.demo.train.momentum import follow, frozen, mlp
from vitscope.demo.train.pictures import views
from vitscope.demo.train.positions import fix_positions
from vitscope.demo.train.windows import area_at, cls_of_views, side_at
from vitscope.demo.zoo import PATCH, SIDE, WIDTH, architecture

if TYPE_CHECKING:
    from vitscope.demo.train.pictures import Pictures

TEMPERATURE, MOMENTUM, SHARED = 0.2, 0.95, 64


class Encoder(nn.Module):
    """A ViT and the projector on its CLS token."""

    def __init__(self, vit: nn.Module) -> None:
        super().__init__()
        self.vit = vit
        self.projector = mlp((WIDTH, 256, 256, SHARED), last_norm=True)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """float [B, 3, side, side] to [B, SHARED]."""
        return self.projector(cls_of_views(self.vit, images))


class MomentumContrast(nn.Module):
    """A base encoder with a predictor, and the momentum encoder that it must agree with."""

    settings = Settings(epochs=12, batch=64, rate=2e-3, cooldown=1)

    def __init__(self) -> None:
        super().__init__()
        vit = architecture("moco")
        fix_positions(vit, SIDE // PATCH, WIDTH)
        frozen(vit.patch_embed)  # type: ignore[arg-type]  # random and fixed: MoCo-v3's remedy against instability
        self.base = Encoder(vit)
        self.slow = frozen(copy.deepcopy(self.base))
        self.predictor = mlp((SHARED, 256, SHARED), last_norm=True)

    def exported(self) -> nn.Module:
        """The base encoder's ViT, as MoCo-v3 ships it."""
        return self.base.vit

    def loss(self, pictures: Pictures, chosen: torch.Tensor, *, cooling: bool) -> torch.Tensor:
        """InfoNCE over the batch, of each view's prediction against the other view's momentum key."""
        images = pictures.images[chosen]
        side, area = side_at(cooling=cooling), area_at(cooling=cooling)
        seen = torch.cat([views(images, side=side, area=area, colour=0.8, grey=0.15) for _ in range(2)])
        queries = functional.normalize(self.predictor(self.base(seen)).float(), dim=1).chunk(2)
        with torch.no_grad():
            keys = functional.normalize(self.slow(seen).float(), dim=1).chunk(2)
        target = torch.arange(len(images), device=images.device)
        pairs = ((queries[0], keys[1]), (queries[1], keys[0]))
        terms = [functional.cross_entropy(q @ k.T / TEMPERATURE, target) for q, k in pairs]
        return torch.stack(terms).mean() * 2 * TEMPERATURE

    def after_step(self) -> None:
        """The momentum encoder follows the base encoder."""
        follow(self.slow, self.base, MOMENTUM)
