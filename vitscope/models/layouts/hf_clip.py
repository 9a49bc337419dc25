"""transformers' CLIP: the image tower `vision_model`, with the text tower beside it or without."""

from __future__ import annotations

from vitscope.models.layouts.base import Converted, Layout, Tensors, fused, holds, rename, without

_BLOCK = r"encoder\.layers\.(\d+)\."
_RULES = (
    (r"embeddings\.class_embedding$", "cls_token"),
    (r"embeddings\.position_embedding\.weight$", "pos_embed"),
    (r"embeddings\.patch_embedding\.", "patch_embed.proj."),
    (r"pre_layrnorm\.", "norm_pre."),  # spelled so
    (r"post_layernorm\.", "norm."),
    (_BLOCK + r"self_attn\.([qkv])_proj\.", r"blocks.\1.attn.\2."),
    (_BLOCK + r"self_attn\.out_proj\.", r"blocks.\1.attn.proj."),
    (_BLOCK + r"layer_norm([12])\.", r"blocks.\1.norm\2."),
    (_BLOCK + r"mlp\.fc([12])\.", r"blocks.\1.mlp.fc\2."),
)
_UNUSED = (
    r"text_model\.|text_projection\.|visual_projection\.|logit_scale$|classifier\.|"
    r"vision_model\.embeddings\.position_ids$"
)


def _convert(tensors: Tensors) -> Converted:
    kept, dropped = without(tensors, _UNUSED)
    named = rename({name.removeprefix("vision_model."): tensor for name, tensor in kept.items()}, _RULES)
    for kind in ("weight", "bias"):
        query, key, value = (f"blocks.{{}}.attn.{part}.{kind}" for part in "qkv")
        named = fused(named, (query, key, value), f"blocks.{{}}.attn.qkv.{kind}")
    for name in ("cls_token", "pos_embed"):
        if name in named:
            named[name] = named[name].reshape(1, -1, named[name].shape[-1])
    return Converted(named, dropped)


LAYOUT = Layout(
    "transformers' CLIP",
    lambda tensors: holds(tensors, r"vision_model\.encoder\.layers\.\d+\.self_attn\."),
    _convert,
    frozenset({"CLIP"}),
    config=True,
)
