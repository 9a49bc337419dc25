"""Checkpoint layouts: one file each. Which one a file has is seen from the names of its tensors."""

from __future__ import annotations

from vitscope.errors import WeightsError
from vitscope.models.layouts import (
    beit,
    dino,
    hf_beit,
    hf_clip,
    hf_dinov2,
    hf_vit,
    mae,
    moco,
    npz,
    openai_clip,
    timm,
)
from vitscope.models.layouts.base import Converted, Layout, Tensors, Traits

LAYOUTS: tuple[Layout, ...] = (
    npz.LAYOUT,
    openai_clip.LAYOUT,
    dino.LAYOUT,
    moco.LAYOUT,
    mae.LAYOUT,
    beit.LAYOUT,
    hf_clip.LAYOUT,
    hf_dinov2.LAYOUT,
    hf_beit.LAYOUT,
    hf_vit.MAE,
    hf_vit.LAYOUT,
    timm.LAYOUT,
)
"""The first that matches is taken: what is special comes before what is general."""

__all__ = ["LAYOUTS", "Converted", "Layout", "Tensors", "Traits", "recognise"]


def recognise(tensors: Tensors, source: str) -> Layout:
    """The layout of these tensors; raises WeightsError when it is none of a Vision Transformer's."""
    for layout in LAYOUTS:
        if layout.matches(tensors):
            return layout
    names = ", ".join(list(tensors)[:3])
    raise WeightsError(
        f"{source} is in no layout of a Vision Transformer that vitscope knows ({names}{', …' * (len(tensors) > 3)}): "
        f"it reads those of {'; '.join(layout.name for layout in LAYOUTS)}."
    )
