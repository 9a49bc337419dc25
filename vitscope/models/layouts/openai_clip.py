"""OpenAI's CLIP: the image tower `visual.*` of an archive or a state dict; open_clip writes it too."""

from __future__ import annotations

from vitscope.models.layouts.base import Converted, Layout, Tensors, Traits, rename, without

OPENAI = frozenset({"input_resolution", "context_length", "vocab_size"})
"""Numbers that only OpenAI's own archives hold: their activation is QuickGELU for certain."""

_BLOCK = r"transformer\.resblocks\.(\d+)\."
_RULES = (
    (r"class_embedding$", "cls_token"),
    (r"positional_embedding$", "pos_embed"),
    (r"conv1\.", "patch_embed.proj."),
    (r"ln_pre\.", "norm_pre."),
    (r"ln_post\.", "norm."),
    (_BLOCK + r"ln_([12])\.", r"blocks.\1.norm\2."),
    (_BLOCK + r"attn\.in_proj_", r"blocks.\1.attn.qkv."),
    (_BLOCK + r"attn\.out_proj\.", r"blocks.\1.attn.proj."),
    (_BLOCK + r"mlp\.c_fc\.", r"blocks.\1.mlp.fc1."),
    (_BLOCK + r"mlp\.c_proj\.", r"blocks.\1.mlp.fc2."),
)
_HEAD_WIDTH = 64  # clip/model.py: vision_heads = vision_width // 64
_UNSAID = "it does not say whether its GELU is the exact or the quick one: the model's is taken"


def _convert(tensors: Tensors) -> Converted:
    quick = tensors.keys() >= OPENAI
    image, text = without(tensors, r"(?!visual\.)")
    image = {name.removeprefix("visual."): tensor for name, tensor in image.items()}
    image, projection = without(image, r"proj$")
    named = rename(image, _RULES)
    for name in ("cls_token", "pos_embed"):
        if name in named:
            named[name] = named[name].reshape(1, -1, named[name].shape[-1])
    heads = named["cls_token"].shape[-1] // _HEAD_WIDTH or None
    return Converted(
        named,
        (*(f"visual.{name}" for name in projection), *text),
        Traits(eps=1e-5, activation="quick_gelu" if quick else None, heads=heads),
        () if quick else (_UNSAID,),
    )


LAYOUT = Layout("OpenAI's CLIP", lambda tensors: "visual.class_embedding" in tensors, _convert, frozenset({"CLIP"}))
