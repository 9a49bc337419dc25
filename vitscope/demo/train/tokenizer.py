"""The visual tokens that BEiT predicts: a small vector-quantised autoencoder, trained before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

from vitscope.demo.train.loop import Settings, rate_at
from vitscope.demo.train.optimiser import optimiser_for
from vitscope.demo.train.pictures import views
from vitscope.demo.zoo import PATCH

if TYPE_CHECKING:
    from vitscope.demo.train.pictures import Pictures

CODES, CODE_WIDTH = 256, 16
SETTINGS = Settings(epochs=1, batch=64, rate=2e-3, cooldown=1)
STEPS = 500
KEEP = 0.97
"""How slowly a code moves towards the mean of the patches that chose it."""


class Tokenizer(nn.Module):
    """Convolutions to one of `CODES` codes for each patch, and back to its pixels."""

    codebook: torch.Tensor
    chosen: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(3, 64, PATCH // 2, PATCH // 2), nn.GELU(), nn.Conv2d(64, 128, 2, 2), nn.GELU(),
            nn.Conv2d(128, 64, 3, 1, 1), nn.GELU(), nn.Conv2d(64, CODE_WIDTH, 1),
        )  # fmt: skip
        self.decoder = nn.Sequential(
            nn.Conv2d(CODE_WIDTH, 64, 3, 1, 1), nn.GELU(), nn.Conv2d(64, 128, 1), nn.GELU(),
            nn.Conv2d(128, 3 * PATCH * PATCH, 1), nn.PixelShuffle(PATCH),
        )  # fmt: skip
        self.register_buffer("codebook", torch.randn(CODES, CODE_WIDTH))
        self.register_buffer("chosen", torch.ones(CODES))

    def codes(self, images: torch.Tensor) -> torch.Tensor:
        """The code of each patch: float [B, 3, side, side] to int64 [B, tokens] in row-major order."""
        return self._nearest(self._encoded(images)).flatten(1)

    def _encoded(self, images: torch.Tensor) -> torch.Tensor:
        return functional.layer_norm(self.encoder(images).float().permute(0, 2, 3, 1), (CODE_WIDTH,))

    def _nearest(self, found: torch.Tensor) -> torch.Tensor:
        return (self.codebook.square().sum(1) - 2 * (found @ self.codebook.T)).argmin(-1)

    def loss(self, images: torch.Tensor) -> torch.Tensor:
        """Error of the repainted pixels, and of the distance to the chosen codes; moves the codebook as it goes."""
        found = self._encoded(images)
        codes = self._nearest(found)
        quantised = functional.embedding(codes, self.codebook)
        self._move(found.detach().flatten(0, 2), codes.flatten())
        passed = found + (quantised - found).detach()
        painted = self.decoder(passed.permute(0, 3, 1, 2)).float()
        return functional.mse_loss(painted, images) + 0.1 * functional.mse_loss(found, quantised)

    @torch.no_grad()
    def _move(self, found: torch.Tensor, codes: torch.Tensor) -> None:
        count = torch.bincount(codes, minlength=CODES).float()
        total = torch.zeros_like(self.codebook).index_add_(0, codes, found)
        self.chosen.mul_(KEEP).add_(count, alpha=1 - KEEP)
        mean = total / count.clamp(min=1)[:, None]
        self.codebook.copy_(torch.where(count[:, None] > 0, torch.lerp(self.codebook, mean, 1 - KEEP), self.codebook))
        idle = self.chosen < 0.5  # a code that nobody chooses starts again where a patch is
        picked = found[torch.randint(len(found), (CODES,), device=found.device)]
        self.codebook.copy_(torch.where(idle[:, None], picked, self.codebook))
        self.chosen.copy_(torch.where(idle, torch.full_like(self.chosen, 4.0), self.chosen))


def trained_tokenizer(pictures: Pictures, seed: int) -> tuple[Tokenizer, list[tuple[int, float, float]]]:
    """Train a tokenizer; returns it and its curve of (step, loss, perplexity of the codes in use)."""
    torch.manual_seed(seed)
    device = pictures.images.device
    tokenizer = Tokenizer().to(device).train()
    optimiser = optimiser_for(tokenizer, SETTINGS.rate, SETTINGS.decay)
    curve: list[tuple[int, float, float]] = []
    for step in range(STEPS):
        for group in optimiser.param_groups:
            group["lr"] = rate_at(step, STEPS, SETTINGS)
        chosen = torch.randint(len(pictures.images), (SETTINGS.batch,)).to(device)
        with torch.autocast(device.type, torch.bfloat16):
            loss = tokenizer.loss(views(pictures.images[chosen], colour=0.2))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        if step % 50 == 49:
            share = tokenizer.chosen / tokenizer.chosen.sum()
            perplexity = float((-(share * share.clamp(min=1e-12).log()).sum()).exp())
            curve.append((step + 1, round(float(loss.detach()), 5), round(perplexity, 1)))
    return tokenizer.eval(), curve
