"""`random`: a pseudo-model of noise, so that every number has its chance value by the same way as a model's.

Its ten "layers" are ten independent trials, as many as the paper's code averages: tokens are Gaussian (paper sections
5.2 and 6), a row of attention is uniform numbers divided by their sum. (The paper's code draws uniform tokens, although
the paper says Gaussian, and divides attention such that its rows do not sum to 1.) Both are a function of the image's
pixels, the trial and a fixed seed, by integer arithmetic: the same image gives the same noise in any batch and in any
order, and no state of a random generator is read or left behind.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

TRIALS, HEADS, WIDTH, PATCH, SIDE = 10, 12, 768, 16, 224  # of a ViT-B/16
SEED = 0
WEIGHTS = f"noise:{SEED}"  # what stands for the weights in a run's identity; another algorithm needs another name
FEATURES, ATTENTION = 1, 2  # the streams of numbers that an image and a trial have
_ODD = (0x9E3779B1 - 2**32, 0x85EBCA6B - 2**32, 0xC2B2AE35 - 2**32)  # multipliers with well mixed bits, as int32


class Noise(nn.Module):
    """Ten trials of noise that answer like a plain Vision Transformer of timm: `blocks`, a CLS token, a grid.

    Takes normalised images (B, 3, height, width), sides multiples of 16; returns the last trial's CLS (B, 768).
    """

    num_prefix_tokens: ClassVar[int] = 1
    embed_dim: ClassVar[int] = WIDTH

    def __init__(self, image_size: tuple[int, int]) -> None:
        super().__init__()
        self.cls_token = nn.Parameter(torch.zeros(1, 1, 1), requires_grad=False)  # says device and number format
        self.blocks = nn.ModuleList(Trial(trial) for trial in range(TRIALS))
        self.pretrained_cfg: dict[str, Any] = {
            "input_size": (3, *image_size),
            "mean": (0.5, 0.5, 0.5),
            "std": (0.5, 0.5, 0.5),
            "interpolation": "bicubic",
            "crop_pct": 1.0,
            "crop_mode": "center",
        }

    def forward(self, images: Tensor) -> Tensor:
        """CLS of the last trial, (B, 768)."""
        key_B2, (rows, columns) = _key(images), self._grid(images)
        tokens_BTD = images.new_zeros(len(images), 1 + rows * columns, WIDTH)
        for trial in self.blocks:
            tokens_BTD = trial(tokens_BTD, key_B2)
        return tokens_BTD[:, 0]

    def forward_intermediates(self, images: Tensor, **_asked: object) -> list[Tensor]:
        """Zeros in the shape of the patch grid (B, 768, rows, columns), as timm's method says where patches stand."""
        return [images.new_zeros(len(images), WIDTH, *self._grid(images))]

    def _grid(self, images: Tensor) -> tuple[int, int]:
        height, width = images.shape[-2:]
        if height % PATCH or width % PATCH or not (height and width):
            raise ValueError(f"sides must be multiples of {PATCH}")
        return height // PATCH, width // PATCH


class Trial(nn.Module):
    """One trial: output (B, T, 768) and attention (B, 12, T, T) say nothing of its input but its shape."""

    def __init__(self, trial: int) -> None:
        super().__init__()
        self.trial = trial

    def forward(self, tokens_BTD: Tensor, key_B2: Tensor) -> Tensor:
        """Gaussian tokens like `tokens_BTD` (its number format and device); attention goes through the usual call."""
        images, tokens, width = tokens_BTD.shape
        noise_BHTT = uniform(key_B2, self.trial, ATTENTION, HEADS * tokens**2).reshape(images, HEADS, tokens, tokens)
        nothing_BHT1 = noise_BHTT.new_zeros(images, HEADS, tokens, 1)
        F.scaled_dot_product_attention(nothing_BHT1, nothing_BHT1, nothing_BHT1, attn_mask=noise_BHTT.log_())
        return gaussian(key_B2, self.trial, tokens * width).reshape(tokens_BTD.shape).to(tokens_BTD.dtype)


def build(image_size: tuple[int, int] | None = None) -> Noise:
    """The pseudo-model in eval mode, for images of (height, width); 224 × 224 where none is said."""
    return Noise(image_size or (SIDE, SIDE)).eval()


def uniform(key_B2: Tensor, trial: int, stream: int, count: int) -> Tensor:
    """float32 (B, count), evenly distributed over the open interval from 0 to 1 in steps of 2⁻²³."""
    return _shifted(_words(key_B2, trial, stream, count), 9).float().add_(0.5).mul_(2.0**-23)


def gaussian(key_B2: Tensor, trial: int, count: int) -> Tensor:
    """float32 (B, count), `count` even, of the standard normal distribution (Box and Muller 1958)."""
    radius, angle = uniform(key_B2, trial, FEATURES, count).chunk(2, dim=1)
    radius, angle = radius.log().mul_(-2).sqrt_(), angle.mul(2 * math.pi)
    return torch.cat([angle.cos().mul_(radius), angle.sin_().mul_(radius)], 1)


def _key(images: Tensor) -> Tensor:
    """int32 (B, 2): 64 bits that stand for the pixels of each image, rounded to the 256 steps that a file has."""
    levels = (images.float() * 127.5 + 127.5).round().to(torch.int32).flatten(1)
    place = torch.arange(levels.shape[1], dtype=torch.int32, device=levels.device)
    keys = [
        _mixed(_mixed(place, salt, 0) ^ levels, salt, 1).sum(1, dtype=torch.int64).to(torch.int32)
        for salt in (2 * SEED + 1, 2 * SEED + 2)
    ]
    return torch.stack(keys, 1)


def _words(key_B2: Tensor, trial: int, stream: int, count: int) -> Tensor:
    """int32 (B, count): well mixed bits for an image, a trial and a stream of its numbers."""
    salt_B2 = _mixed(key_B2, 2 * trial + 1, stream)
    place = torch.arange(count, dtype=torch.int32, device=key_B2.device)
    return _mixed(place.expand(len(key_B2), count), salt_B2[:, :1], salt_B2[:, 1:])


def _mixed(words: Tensor, first: Tensor | int, second: Tensor | int) -> Tensor:
    """Every bit of the result hangs on every bit of a word and of both salts: multiply, shift and add, as hashes do.

    int32 arithmetic wraps around, so that the result is the same on every device.
    """
    words = words * _ODD[0]
    words += first
    words ^= _shifted(words, 16)
    words *= _ODD[1]
    words += second
    words ^= _shifted(words, 13)
    words *= _ODD[2]
    words ^= _shifted(words, 16)
    return words


def _shifted(words: Tensor, bits: int) -> Tensor:
    """The bits of int32 words moved to the right, with zeros moving in."""
    return (words >> bits).bitwise_and_((1 << (32 - bits)) - 1)
