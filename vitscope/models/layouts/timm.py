"""The names of timm, which are also those of DINO's backbones and of MAE's encoders: nothing to do."""

from __future__ import annotations

from vitscope.models.layouts.base import Converted, Layout, Tensors, holds


def _convert(tensors: Tensors) -> Converted:
    return Converted(tensors)


LAYOUT = Layout(
    "timm, DINO backbone or MAE encoder", lambda tensors: holds(tensors, r"(encoder\.)?blocks\.\d+\."), _convert
)
