"""Google's JAX checkpoints of "How to train your ViT?" (.npz), read as timm reads them.

Kernels are (in, out), (height, width, in, out) for the patches, (width, heads, head width) for query, key and value,
and (heads, head width, width) for the output projection.
"""

from __future__ import annotations

import re

from torch import Tensor

from vitscope.models.layouts.base import Converted, Layout, Tensors, Traits, fused, rename, without

_BLOCK = r"Transformer/encoderblock_(\d+)/"
_ATTENTION = _BLOCK + r"MultiHeadDotProductAttention_1/"
_RULES = (
    (r"embedding/", "patch_embed.proj."),
    (r"cls$", "cls_token"),
    (r"Transformer/posembed_input/pos_embedding$", "pos_embed"),
    (_BLOCK + r"LayerNorm_0/", r"blocks.\1.norm1."),
    (_BLOCK + r"LayerNorm_2/", r"blocks.\1.norm2."),
    (_ATTENTION + r"(query|key|value)/", r"blocks.\1.attn.\2."),
    (_ATTENTION + r"out/", r"blocks.\1.attn.proj."),
    (_BLOCK + r"MlpBlock_3/Dense_0/", r"blocks.\1.mlp.fc1."),
    (_BLOCK + r"MlpBlock_3/Dense_1/", r"blocks.\1.mlp.fc2."),
    (r"Transformer/encoder_norm/", "norm."),
)
_QUERY = re.compile(_ATTENTION + "query/kernel")


def _convert(tensors: Tensors) -> Converted:
    tensors = {name.removeprefix("opt/target/"): tensor for name, tensor in tensors.items()}
    heads = next((int(t.shape[1]) for n, t in tensors.items() if _QUERY.fullmatch(n) and t.ndim == 3), None)
    tensors, dropped = without(tensors, r"(head|pre_logits)/")
    named = {
        re.sub(r"\.(kernel|scale)$", ".weight", name): _turned(name, tensor)
        for name, tensor in rename(tensors, _RULES).items()
    }
    for kind in ("weight", "bias"):
        parts = tuple(f"blocks.{{}}.attn.{part}.{kind}" for part in ("query", "key", "value"))
        named = fused(named, (parts[0], parts[1], parts[2]), f"blocks.{{}}.attn.qkv.{kind}")
    return Converted(named, dropped, Traits(heads=heads))


def _turned(name: str, tensor: Tensor) -> Tensor:
    """A tensor of JAX in torch's order of axes; `name` is timm's but for its last part."""
    if name.endswith((".query.kernel", ".key.kernel", ".value.kernel")):
        return tensor.flatten(1).T
    if name.endswith((".query.bias", ".key.bias", ".value.bias")):
        return tensor.flatten()
    if name.endswith(".attn.proj.kernel"):
        return tensor.flatten(0, -2).T
    if name.endswith(".kernel"):
        return tensor.permute(3, 2, 0, 1) if tensor.ndim == 4 else tensor.T
    return tensor


LAYOUT = Layout(
    "Google's JAX .npz",
    lambda tensors: any(name.endswith("embedding/kernel") for name in tensors),
    _convert,
    frozenset({"FS"}),
)
