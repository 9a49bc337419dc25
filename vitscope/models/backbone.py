"""A model as tasks see it: crops in, tokens and attention of every layer out, one forward pass for all layers."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

from vitscope.errors import ModelError
from vitscope.geometry import Geometry
from vitscope.models.build import Loaded
from vitscope.models.tap import Chunk, Piece, Whole, tap


def _untimed(stage: str) -> AbstractContextManager[None]:
    """Nobody asked how long it takes."""
    del stage
    return nullcontext()


class Backbone:
    """A loaded model on its device, with its normalisation; counts its forward passes."""

    def __init__(
        self, model: Loaded, geometry: Geometry, device: torch.device, dtype: torch.dtype, batch_size: int = 8
    ) -> None:
        self.model, self.geometry, self.device, self.dtype = model, geometry, device, dtype
        self.batch_size = batch_size  # images that a task gives to one pass, at most; halved where they do not fit
        self.forwards = 0  # images that went through the model
        self.timed: Callable[[str], AbstractContextManager[None]] = _untimed  # what is inside is time of that stage
        self._mean = torch.tensor(model.mean, device=device).reshape(3, 1, 1)
        self._std = torch.tensor(model.std, device=device).reshape(3, 1, 1)

    @property
    def window(self) -> tuple[int, int]:
        """Height and width in pixels of what the model sees."""
        return self.model.image_size

    @property
    def layers(self) -> int:
        """L, how many blocks there are."""
        return self.geometry.layers

    def normalised(self, pixels_BHWC: Tensor) -> Tensor:
        """uint8 (B, height, width, 3) → (B, 3, height, width) in the model's number format, on its device."""
        rgb = pixels_BHWC.to(self.device, non_blocking=True).permute(0, 3, 1, 2).float() / 255
        return ((rgb - self._mean) / self._std).to(self.dtype)

    def features(self, pixels_BHWC: Tensor) -> list[Tensor]:
        """float32 (B, T, D) of every layer: what each block ends with (paper section 5.2), before the final norm.

        More than `batch_size` images go through the model in several passes.
        """
        found: list[list[Tensor]] = [[] for _ in range(self.layers)]
        for part in pixels_BHWC.split(self.batch_size):
            self.run(part, on_features=lambda layer, tokens_BTD: found[layer].append(tokens_BTD.float()))
        return [parts[0] if len(parts) == 1 else torch.cat(parts) for parts in found]

    def run(
        self,
        pixels_BHWC: Tensor,
        *,
        on_attention: Callable[[Piece], None] | None = None,
        on_features: Callable[[int, Tensor], None] | None = None,
        chunk: Chunk = Whole,
    ) -> None:
        """One forward pass, handing on attention (pieces of a layer) or tokens (B, T, D) as they appear.

        Raises ModelError when the last layer's tokens are not finite, as they are not where any layer's before are not.
        """
        self.forwards += len(pixels_BHWC)
        with self.timed("copy"):
            pixels = self.normalised(pixels_BHWC)

        def handed(piece: Piece) -> None:
            if on_attention is not None:
                with self.timed("metrics"):
                    on_attention(piece)

        def checked(layer: int, tokens_BTD: Tensor) -> None:
            if layer == self.layers - 1 and not torch.isfinite(tokens_BTD).all():
                raise ModelError(
                    f"{self.model.name}: the last layer's tokens are not finite on these images; the activations "
                    "overflow, so try --precision fp32 or another checkpoint."
                )
            if on_features is not None:
                with self.timed("metrics"):
                    on_features(layer, tokens_BTD)

        attention = None if on_attention is None else handed
        with (
            torch.inference_mode(),
            self.timed("forward"),
            tap(self.model.module, attention, checked, chunk=chunk, heads=self.geometry.heads),
        ):
            self.model.module(pixels)
