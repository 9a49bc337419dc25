"""What a loaded model does, seen through the tap, and small models of the catalog for files of small models."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from tests.models.layouts.originals import DEPTH, EDGE, HEADS, PATCH, WIDTH, Seen
from vitscope import catalog
from vitscope.models.build import Loaded
from vitscope.models.tap import Piece, tap

SMALL: dict[str, Any] = {"img_size": EDGE, "patch_size": PATCH, "embed_dim": WIDTH, "depth": DEPTH, "num_heads": HEADS}
BASE = {"FS": "fs", "CLIP": "clip", "DINO": "dino", "MoCo-v3": "moco", "MAE": "mae", "BEiT": "beit"}


def small(method: str, **changes: Any) -> catalog.Model:
    """The B/16 of a method, but as small as the models of `originals`."""
    model = catalog.MODELS[BASE[method]]
    return catalog.Model(
        timm=model.timm,
        method=method,
        supervision=model.supervision,
        about=model.about,
        arguments={**model.arguments, **SMALL, **changes},
        normalisation=model.normalisation,
    )


def look(loaded: Loaded, images: Tensor) -> Seen:
    """Attention and output of every block of a loaded model."""
    seen = Seen()

    def keep(piece: Piece) -> None:
        seen.attention.append(piece.attention_BHQT.clone())

    with torch.inference_mode(), tap(loaded.module, keep, lambda _, tokens: seen.output.append(tokens.clone())):
        loaded.module(images)
    return seen


def assert_agree(found: Seen, expected: Seen, tolerance: float = 1e-4) -> None:
    """Every block's attention and output, to within `tolerance`; and the attention is worth comparing."""
    assert len(found.attention) == len(expected.attention) == len(found.output) == len(expected.output) > 1
    for layer, (mine, theirs) in enumerate(zip(found.attention, expected.attention, strict=True)):
        assert mine.shape == theirs.shape
        assert theirs.std() > 0.01, "attention that is all the same shows nothing"
        torch.testing.assert_close(mine, theirs, rtol=0, atol=tolerance, msg=lambda said, at=layer: f"{at}: {said}")
    for mine, theirs in zip(found.output, expected.output, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=tolerance, atol=tolerance)


def furthest(found: Seen, expected: Seen) -> float:
    """The largest difference of any block's output."""
    return max(float((mine - theirs).abs().max()) for mine, theirs in zip(found.output, expected.output, strict=True))
