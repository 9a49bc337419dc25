"""transformers' ViT and ViTMAE, which also hold FS and DINO; BEiT and DINOv2 add to these names."""

from __future__ import annotations

from vitscope.models.layouts.base import Converted, Layout, Tensors, fused, holds, rename, without

_BLOCK = r"encoder\.layer\.(\d+)\."
RULES = (
    (r"embeddings\.cls_token$", "cls_token"),
    (r"embeddings\.position_embeddings$", "pos_embed"),
    (r"embeddings\.patch_embeddings\.projection\.", "patch_embed.proj."),
    (_BLOCK + r"attention\.attention\.(query|key|value)\.", r"blocks.\1.attn.\2."),
    (_BLOCK + r"attention\.output\.dense\.", r"blocks.\1.attn.proj."),
    (_BLOCK + r"layernorm_before\.", r"blocks.\1.norm1."),
    (_BLOCK + r"layernorm_after\.", r"blocks.\1.norm2."),
    (_BLOCK + r"intermediate\.dense\.", r"blocks.\1.mlp.fc1."),
    (_BLOCK + r"output\.dense\.", r"blocks.\1.mlp.fc2."),
    (r"layernorm\.", "norm."),
)
_UNUSED = r"(vit\.)?pooler\.|classifier\.|decoder\.|(vit\.)?embeddings\.mask_token$"


def stacked(tensors: Tensors, kinds: tuple[str, ...] = ("weight", "bias")) -> Tensors:
    """Query, key and value of every block as timm's qkv."""
    for kind in kinds:
        query, key, value = (f"blocks.{{}}.attn.{part}.{kind}" for part in ("query", "key", "value"))
        tensors = fused(tensors, (query, key, value), f"blocks.{{}}.attn.qkv.{kind}")
    return tensors


def _convert(tensors: Tensors) -> Converted:
    kept, dropped = without(tensors, _UNUSED)
    return Converted(
        stacked(rename({name.removeprefix("vit."): tensor for name, tensor in kept.items()}, RULES)), dropped
    )


def _matches(tensors: Tensors) -> bool:
    return holds(tensors, r"(vit\.)?encoder\.layer\.\d+\.layernorm_before\.")


LAYOUT = Layout("transformers' ViT", _matches, _convert, frozenset({"FS", "DINO", "MAE", "MoCo-v3"}), config=True)
MAE = Layout(
    "transformers' ViTMAE (its encoder)",
    lambda tensors: _matches(tensors) and holds(tensors, r"decoder\."),
    _convert,
    frozenset({"MAE"}),
    config=True,
)
