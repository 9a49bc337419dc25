"""DINO: self-distillation from a momentum teacher, with multi-crop, centring and sharpening."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

from vitscope.demo.train.loop import Settings
from vitscope.demo.train.momentum import follow, frozen
from vitscope.demo.train.pictures import views
from vitscope.demo.train.positions import start_positions
from vitscope.demo.train.windows import area_at, cls_of_views, side_at
from vitscope.demo.zoo import PATCH, SIDE, WIDTH, architecture

if TYPE_CHECKING:
    from vitscope.demo.train.pictures import Pictures

PROTOTYPES, BOTTLENECK = 1024, 64
LOCAL_SIDE, LOCALS = 40, 2
STUDENT_TEMPERATURE, TEACHER_TEMPERATURE = 0.1, 0.04
MOMENTUM, CENTRE_MOMENTUM = 0.97, 0.9


class Head(nn.Module):
    """An MLP to a unit vector, and its cosines with prototypes of unit length."""

    def __init__(self) -> None:
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Linear(WIDTH, 256), nn.GELU(), nn.Linear(256, 256), nn.GELU(), nn.Linear(256, BOTTLENECK)
        )
        self.prototypes = nn.Parameter(torch.randn(PROTOTYPES, BOTTLENECK))

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """CLS tokens [B, width] to scores [B, prototypes]."""
        found = self.mlp(tokens)
        with torch.autocast(found.device.type, enabled=False):  # the temperatures would magnify bfloat16's error
            return functional.normalize(found.float(), dim=1) @ functional.normalize(self.prototypes, dim=1).T


class Network(nn.Module):
    """A ViT that takes pictures of two sizes, and the head on its CLS token."""

    def __init__(self) -> None:
        super().__init__()
        self.vit = architecture("dino")
        start_positions(self.vit, SIDE // PATCH, WIDTH)
        self.head = Head()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """float [B, 3, side, side] to scores [B, prototypes]."""
        return self.head(cls_of_views(self.vit, images))


class SelfDistillation(nn.Module):
    """A student that must say of every view what the teacher says of the other large one."""

    settings = Settings(epochs=24, batch=48, rate=1.5e-3, cooldown=1)
    centre: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.student = Network()
        self.teacher = copy.deepcopy(self.student)
        frozen(self.teacher)
        self.register_buffer("centre", torch.zeros(PROTOTYPES))

    def exported(self) -> nn.Module:
        """The teacher's ViT, as DINO ships it."""
        return self.teacher.vit

    def loss(self, pictures: Pictures, chosen: torch.Tensor, *, cooling: bool) -> torch.Tensor:
        """Cross entropy between the centred, sharpened teacher and the student, over all pairs of unequal views."""
        images = pictures.images[chosen]
        side, area = side_at(cooling=cooling), area_at(cooling=cooling)
        large = torch.cat([views(images, side=side, area=area, colour=0.8, grey=0.15) for _ in range(2)])
        small = [views(images, side=LOCAL_SIDE, area=(0.3, 0.7), colour=0.8, grey=0.15) for _ in range(LOCALS)]
        with torch.no_grad():
            said = self.teacher(large).float()
            target = ((said - self.centre) / TEACHER_TEMPERATURE).softmax(1).chunk(2)
            self.centre.lerp_(said.mean(0), 1 - CENTRE_MOMENTUM)
        scores = torch.cat((self.student(large), self.student(torch.cat(small)))).float() / STUDENT_TEMPERATURE
        logs = scores.log_softmax(1).chunk(2 + LOCALS)
        terms = [-(target[t] * logs[s]).sum(1).mean() for t in range(2) for s in range(2 + LOCALS) if s != t]
        return torch.stack(terms).mean()

    def after_step(self) -> None:
        """The teacher follows the student."""
        follow(self.teacher, self.student, MOMENTUM)
