"""The world's pictures as tensors, and the random views of them that methods train on."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

from vitscope.demo.world.captions import caption
from vitscope.demo.world.compose import SIDE, portrait
from vitscope.demo.world.kinds import KINDS
from vitscope.demo.world.stream import Stream

if TYPE_CHECKING:
    from pathlib import Path

TRAIN_PER_CLASS, VAL_PER_CLASS = 400, 25
"""The class folders that the world writes hold the first of these training pictures and all of the others."""


@dataclass
class Pictures:
    """One split of N: `images` uint8 [N, 3, 80, 80], `labels` int64 [N], `captions`, `masks` bool [N, 80, 80]."""

    images: torch.Tensor
    labels: torch.Tensor
    captions: list[str]
    masks: torch.Tensor

    def to(self, device: torch.device) -> Pictures:
        """The same pictures on another device."""
        return Pictures(self.images.to(device), self.labels.to(device), self.captions, self.masks.to(device))

    def every(self, step: int) -> Pictures:
        """Each step-th picture; classes stay balanced, since they are drawn in turn."""
        return Pictures(self.images[::step], self.labels[::step], self.captions[::step], self.masks[::step])


def drawn(split: str, per_class: int) -> Pictures:
    """Draw a split, class after class."""
    images, masks, captions = [], [], []
    for kind in KINDS:
        for number in range(per_class):
            picture, ground = portrait(kind, split, number)
            images.append(picture.image.transpose(2, 0, 1))
            masks.append(picture.mask(0))
            captions.append(caption(picture.things[0], ground, Stream("caption", kind.name, split, number)))
    labels = torch.arange(len(KINDS)).repeat_interleave(per_class)
    return Pictures(torch.from_numpy(np.stack(images)), labels, captions, torch.from_numpy(np.stack(masks)))


def cached(folder: Path, split: str, per_class: int) -> Pictures:
    """Draw a split, or read it back if it was drawn into `folder` before."""
    path = folder / f"{split}-{per_class}.npz"
    if not path.exists():
        made = drawn(split, per_class)
        folder.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part.npz")
        text = np.frombuffer(json.dumps(made.captions).encode(), np.uint8)
        np.savez(part, images=made.images.numpy(), masks=np.packbits(made.masks.numpy(), axis=-1), captions=text)
        part.replace(path)
    with np.load(path, allow_pickle=False) as file:
        masks = torch.from_numpy(np.unpackbits(file["masks"], axis=-1).astype(bool))
        captions = json.loads(file["captions"].tobytes().decode())
        images = torch.from_numpy(file["images"])
    return Pictures(images, torch.arange(len(KINDS)).repeat_interleave(per_class), captions, masks)


def normalised(images: torch.Tensor) -> torch.Tensor:
    """uint8 to float32 in [-1, 1]: mean and standard deviation .5, as for all six models."""
    return images.float().div_(127.5).sub_(1.0)


def _uniform(count: int, low: float, high: float, device: torch.device) -> torch.Tensor:
    return torch.rand(count, device=device) * (high - low) + low


def views(
    images: torch.Tensor,
    *,
    side: int = SIDE,
    area: tuple[float, float] = (0.5, 1.0),
    colour: float = 0.4,
    grey: float = 0.0,
) -> torch.Tensor:
    """A random view of each picture: crop, mirror, colours; normalised float32 [B, 3, side, side].

    `area` is the share of the picture that a crop keeps; `colour` the strength of the change of brightness, contrast
    and channels; `grey` the probability to lose all colour.
    """
    count, device = len(images), images.device
    scale = _uniform(count, *area, device).sqrt()
    stretch = _uniform(count, -0.15, 0.15, device).exp()
    half = torch.stack((scale * stretch, scale / stretch), 1).clamp_(max=1.0)
    middle = (torch.rand(count, 2, device=device) * 2 - 1) * (1 - half)
    mirror = torch.where(torch.rand(count, device=device) < 0.5, -1.0, 1.0)
    frame = torch.zeros(count, 2, 3, device=device)
    frame[:, 0, 0], frame[:, 1, 1], frame[:, :, 2] = half[:, 0] * mirror, half[:, 1], middle
    grid = functional.affine_grid(frame, [count, 3, side, side], align_corners=False)
    seen = functional.grid_sample(normalised(images), grid, padding_mode="reflection", align_corners=False)
    return _recoloured(seen, colour, grey) if colour or grey else seen


def _recoloured(seen: torch.Tensor, colour: float, grey: float) -> torch.Tensor:
    count, device = len(seen), seen.device
    mixing = torch.eye(3, device=device) + (torch.rand(count, 3, 3, device=device) - 0.5) * colour
    if colour > 0.5:  # strong: channels also change places, which turns every hue into another
        order = torch.argsort(torch.rand(count, 3, device=device), dim=1)
        places = functional.one_hot(order, 3).float()
        mixing = torch.where((torch.rand(count, device=device) < 0.5)[:, None, None], mixing, places @ mixing)
    lost = torch.rand(count, device=device) < grey
    mixing = torch.where(lost[:, None, None], torch.full_like(mixing, 1 / 3), mixing)
    gain = 1 + (torch.rand(count, 1, 1, device=device) - 0.5) * colour
    shift = (torch.rand(count, 3, 1, device=device) - 0.5) * colour
    flat = torch.baddbmm(shift, mixing * gain, seen.flatten(2))
    return flat.clamp_(-1, 1).view_as(seen)
