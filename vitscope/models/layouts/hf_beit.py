"""transformers' BEiT: LayerScale is called lambda, keys have no bias, the table of positions may be shared."""

from __future__ import annotations

from vitscope.models.layouts import hf_vit
from vitscope.models.layouts.base import Converted, Layout, Tensors, holds, rename, without
from vitscope.models.layouts.beit import in_every_block

_BLOCK = r"encoder\.layer\.(\d+)\."
_SHARED = "encoder.relative_position_bias.relative_position_bias_table"
_RULES = (
    (_BLOCK + r"attention\.attention\.(query|value)\.bias$", r"blocks.\1.attn.\2_bias"),
    (_BLOCK + r"attention\.attention\.relative_position_bias\.", r"blocks.\1.attn."),
    (_BLOCK + r"lambda_([12])$", r"blocks.\1.gamma_\2"),
    (r"pooler\.layernorm\.", "fc_norm."),
    *hf_vit.RULES,
)
_UNUSED = r"(beit\.)?embeddings\.mask_token$|lm_head\.|classifier\.|(.*\.)?relative_position_index$"


def _convert(tensors: Tensors) -> Converted:
    kept, dropped = without(tensors, _UNUSED)
    if "layernorm.weight" in kept:  # the norm of BeitForMaskedImageModeling; the one inside is not in the original
        kept, inner = without(kept, r"beit\.layernorm\.")
        dropped += inner
    named = rename({name.removeprefix("beit."): tensor for name, tensor in kept.items()}, _RULES)
    named = rename(named, [(r"(blocks\.\d+\.attn\.)query_bias", r"\1q_bias"), (r"(.*)value_bias$", r"\1v_bias")])
    return Converted(in_every_block(hf_vit.stacked(named, ("weight",)), _SHARED), dropped)


LAYOUT = Layout(
    "transformers' BEiT",
    lambda tensors: holds(tensors, r"(beit\.)?encoder\.layer\.\d+\.lambda_1$"),
    _convert,
    frozenset({"BEiT"}),
    config=True,
)
