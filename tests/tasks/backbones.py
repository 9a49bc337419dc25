"""Models as tasks see them: small, seeded, on the CPU."""

from __future__ import annotations

import torch
from torch import nn

from vitscope.models import build
from vitscope.models.backbone import Backbone
from vitscope.models.build import Loaded
from vitscope.models.shape import geometry_of

HALF = (0.5, 0.5, 0.5)


def of(module: nn.Module, image_size: tuple[int, int], *, name: str = "small", batch_size: int = 8) -> Backbone:
    """A module with its geometry."""
    loaded = Loaded(name, module, "random:0", image_size, HALF, HALF, None, ())
    geometry = geometry_of(name, module, image_size)
    return Backbone(loaded, geometry, torch.device("cpu"), torch.float32, batch_size)


def named(name: str, *, batch_size: int = 8, checkpoint=None, image_size=None) -> Backbone:
    """A model by its name in the catalog."""
    loaded = build.load(name, checkpoint, image_size)
    geometry = geometry_of(name, loaded.module, loaded.image_size)
    return Backbone(loaded, geometry, torch.device("cpu"), torch.float32, batch_size)
