"""MAE with its decoder, as the demo and training checkpoints have it: the encoder alone is the model."""

from __future__ import annotations

from vitscope.models.layouts.base import Converted, Layout, Tensors, without


def _convert(tensors: Tensors) -> Converted:
    return Converted(*without(tensors, r"mask_token$|decoder_"))


LAYOUT = Layout(
    "MAE with its decoder (its encoder)",
    lambda tensors: "decoder_embed.weight" in tensors and "patch_embed.proj.weight" in tensors,
    _convert,
    frozenset({"MAE"}),
)
