"""BEiT's pre-trained checkpoint: one table of relative positions that all blocks share.

timm keeps a table in every block, so each gets a copy. Which row belongs to which pair of tokens is computed anew.
"""

from __future__ import annotations

import re

from vitscope.models.layouts.base import Converted, Layout, Tensors, holds, without

SHARED = "rel_pos_bias.relative_position_bias_table"
_INDEX = r"(.*\.)?relative_position_index$"


def _convert(tensors: Tensors) -> Converted:
    kept, dropped = without(tensors, rf"mask_token$|lm_head\.|{_INDEX}")
    return Converted(in_every_block(kept, SHARED), dropped)


def in_every_block(tensors: Tensors, shared: str) -> Tensors:
    """The table called `shared`, where there is one, as a tensor of every block instead."""
    if shared not in tensors:
        return tensors
    blocks = {match[0] for match in (re.match(r"blocks\.\d+\.", name) for name in tensors) if match}
    kept = {name: tensor for name, tensor in tensors.items() if name != shared}
    return kept | {f"{block}attn.relative_position_bias_table": tensors[shared] for block in sorted(blocks)}


LAYOUT = Layout(
    "BEiT",
    lambda tensors: SHARED in tensors or (holds(tensors, r"blocks\.\d+\.gamma_1$") and holds(tensors, _INDEX)),
    _convert,
    frozenset({"BEiT"}),
)
