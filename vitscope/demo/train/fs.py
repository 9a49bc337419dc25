"""FS, full supervision: class labels and cross entropy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn
from torch.nn import functional

from vitscope.demo.train.loop import Settings
from vitscope.demo.train.pictures import views
from vitscope.demo.train.positions import start_positions
from vitscope.demo.train.windows import cls_of_some, kept_at
from vitscope.demo.world.kinds import KINDS
from vitscope.demo.zoo import PATCH, SIDE, WIDTH, architecture

if TYPE_CHECKING:
    import torch

    from vitscope.demo.train.pictures import Pictures


class Supervised(nn.Module):
    """A ViT and a linear classifier on its CLS token."""

    settings = Settings(epochs=10, rate=2e-3)

    def __init__(self) -> None:
        super().__init__()
        self.vit = architecture("fs")
        start_positions(self.vit, SIDE // PATCH, WIDTH)
        self.classifier = nn.Linear(WIDTH, len(KINDS))

    def exported(self) -> nn.Module:
        """The trained ViT."""
        return self.vit

    def loss(self, pictures: Pictures, chosen: torch.Tensor, *, cooling: bool) -> torch.Tensor:
        """Cross entropy with a little label smoothing."""
        seen = views(pictures.images[chosen], area=(0.7, 1.0), colour=0.2)
        scores = self.classifier(cls_of_some(self.vit, seen, kept=kept_at(cooling=cooling)))
        return functional.cross_entropy(scores.float(), pictures.labels[chosen], label_smoothing=0.1)

    def after_step(self) -> None:
        """Nothing follows a step."""
