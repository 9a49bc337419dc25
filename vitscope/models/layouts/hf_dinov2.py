"""transformers' DINOv2, with registers or without."""

from __future__ import annotations

import re

from vitscope.models.layouts import hf_vit
from vitscope.models.layouts.base import Converted, Layout, Tensors, holds, rename, without

_PREFIX = r"(dinov2(_with_registers)?\.)?"
_BLOCK = r"encoder\.layer\.(\d+)\."
_RULES = (
    (r"embeddings\.register_tokens$", "reg_token"),
    (_BLOCK + r"norm([12])\.", r"blocks.\1.norm\2."),
    (_BLOCK + r"layer_scale([12])\.lambda1$", r"blocks.\1.ls\2.gamma"),
    (_BLOCK + r"mlp\.fc([12])\.", r"blocks.\1.mlp.fc\2."),
    (_BLOCK + r"mlp\.weights_in\.", r"blocks.\1.mlp.fc1."),
    (_BLOCK + r"mlp\.weights_out\.", r"blocks.\1.mlp.fc2."),
    *hf_vit.RULES,
)


def _convert(tensors: Tensors) -> Converted:
    kept, dropped = without(tensors, _PREFIX + r"embeddings\.mask_token$|classifier\.")
    named = hf_vit.stacked(rename({re.sub(f"^{_PREFIX}", "", name): t for name, t in kept.items()}, _RULES))
    if "reg_token" in named and {"cls_token", "pos_embed"} <= named.keys():
        # timm adds no position to the tokens before the patches, so that of CLS goes into CLS itself
        named["cls_token"] = named["cls_token"] + named["pos_embed"][:, :1]
        named["pos_embed"] = named["pos_embed"][:, 1:]
    return Converted(named, dropped)


LAYOUT = Layout(
    "transformers' DINOv2",
    lambda tensors: holds(tensors, _PREFIX + r"encoder\.layer\.\d+\.layer_scale1\.lambda1$"),
    _convert,
    frozenset({"DINOv2"}),
    config=True,
)
