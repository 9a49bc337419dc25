"""CLIP: contrast between pictures and captions, with a small text encoder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

from vitscope.demo.train.loop import Settings
from vitscope.demo.train.pictures import views
from vitscope.demo.train.positions import start_positions
from vitscope.demo.train.windows import cls_of_some, kept_at
from vitscope.demo.zoo import PATCH, SIDE, WIDTH, architecture

if TYPE_CHECKING:
    from vitscope.demo.train.pictures import Pictures

LENGTH, SHARED = 26, 64
"""Words in the longest caption, and the width of the space where pictures and captions meet."""


class TextEncoder(nn.Module):
    """Two transformer layers over whole words; the mean over a caption's words is its description."""

    def __init__(self, words: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words + 1, WIDTH, padding_idx=0)
        self.pos_embed = nn.Parameter(torch.randn(LENGTH, WIDTH) * 0.02)
        layer = nn.TransformerEncoderLayer(
            WIDTH, 4, 2 * WIDTH, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(WIDTH)

    def forward(self, words: torch.Tensor) -> torch.Tensor:
        """int64 [B, words], 0 where a caption has ended, to float [B, width]."""
        real = words > 0
        seen = self.norm(self.layers(self.embedding(words) + self.pos_embed, src_key_padding_mask=~real))
        return (seen * real[:, :, None]).sum(1) / real.sum(1, keepdim=True)


class ImageText(nn.Module):
    """A ViT and a text encoder that meet in one space, with a learnt temperature."""

    settings = Settings(epochs=11, batch=64, rate=2e-3, cooldown=1)

    def __init__(self, captions: list[str]) -> None:
        super().__init__()
        vocabulary = sorted({word for caption in captions for word in caption.split()})
        self.index = {word: place + 1 for place, word in enumerate(vocabulary)}
        self.vit = architecture("clip")
        start_positions(self.vit, SIDE // PATCH, WIDTH)
        self.text = TextEncoder(len(vocabulary))
        self.from_vit = nn.Linear(WIDTH, SHARED, bias=False)
        self.from_text = nn.Linear(WIDTH, SHARED, bias=False)
        self.log_scale = nn.Parameter(torch.tensor(2.66))  # log(1 / .07)

    def exported(self) -> nn.Module:
        """The image tower without its projection."""
        return self.vit

    def words(self, captions: list[str]) -> torch.Tensor:
        """Captions as word numbers: int64 [B, LENGTH], 0 after the end; unknown words are left out."""
        numbers = torch.zeros(len(captions), LENGTH, dtype=torch.int64)
        for row, caption in enumerate(captions):
            known = [self.index[word] for word in caption.split() if word in self.index][:LENGTH]
            numbers[row, : len(known)] = torch.tensor(known)
        return numbers

    def loss(self, pictures: Pictures, chosen: torch.Tensor, *, cooling: bool) -> torch.Tensor:
        """Cross entropy over the batch's pictures and over its captions."""
        seen = views(pictures.images[chosen], colour=0.0, area=(0.6, 1.0))
        words = self.words([pictures.captions[i] for i in chosen.tolist()]).to(seen.device)
        looked = cls_of_some(self.vit, seen, kept=kept_at(cooling=cooling))
        image = functional.normalize(self.from_vit(looked).float(), dim=1)
        text = functional.normalize(self.from_text(self.text(words)).float(), dim=1)
        scores = self.log_scale.clamp(max=4.6).exp() * image @ text.T
        target = torch.arange(len(scores), device=scores.device)
        return (functional.cross_entropy(scores, target) + functional.cross_entropy(scores.T, target)) / 2

    def after_step(self) -> None:
        """Nothing follows a step."""
