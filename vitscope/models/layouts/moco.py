"""MoCo-v3: the base encoder, not the momentum encoder, without its projector (`head`) and the predictor."""

from __future__ import annotations

from vitscope.models.layouts.base import Converted, Layout, Tensors, Traits, holds, without

_BASE = "base_encoder."
_HEADS = {384: 12, 768: 12, 1024: 16}
"""By width (moco-v3/vits.py): ViT-S has 12 heads of 32, where everybody else's has 6 of 64."""


def _convert(tensors: Tensors) -> Converted:
    kept, dropped = without(tensors, r"momentum_encoder\.|predictor\.|base_encoder\.head\.")
    named = {name.removeprefix(_BASE): tensor for name, tensor in kept.items()}
    width = named["cls_token"].shape[-1] if "cls_token" in named else 0
    return Converted(named, dropped, Traits(heads=_HEADS.get(width)))


LAYOUT = Layout(
    "MoCo-v3 (its base encoder)", lambda tensors: holds(tensors, r"base_encoder\."), _convert, frozenset({"MoCo-v3"})
)
