"""Small seeded models, one for every trait that a plain Vision Transformer of timm can have."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from timm.models.beit import Beit
from timm.models.deit import VisionTransformerDistilled
from timm.models.eva import Eva
from timm.models.naflexvit import NaFlexVit, NaFlexVitCfg
from timm.models.vision_transformer import ParallelScalingBlock, ParallelThingsBlock, ResPostBlock, VisionTransformer
from timm.models.vision_transformer_relpos import VisionTransformerRelPos
from torch import nn

SIZE = {"img_size": 32, "patch_size": 8, "embed_dim": 48, "depth": 2, "num_heads": 3, "num_classes": 0}
PLAIN = partial(VisionTransformer, **SIZE)
ROPE = partial(Eva, **SIZE, use_rot_pos_emb=True, use_abs_pos_emb=False, ref_feat_shape=(4, 4))

TRAITS: dict[str, Callable[[], nn.Module]] = {
    "plain": PLAIN,
    "registers": partial(PLAIN, reg_tokens=4),
    "no CLS": partial(PLAIN, class_token=False, global_pool="avg"),
    "no CLS, registers": partial(PLAIN, class_token=False, reg_tokens=2, global_pool="avg"),
    "pooled by attention": partial(PLAIN, class_token=False, global_pool="map"),
    "query-key norm": partial(PLAIN, qk_norm=True),
    "norm after": partial(PLAIN, block_fn=ResPostBlock),
    "LayerScale, pre-norm": partial(PLAIN, init_values=0.1, pre_norm=True),
    "parallel blocks": partial(PLAIN, block_fn=ParallelScalingBlock),
    "two attentions a block": partial(PLAIN, block_fn=ParallelThingsBlock),
    "distilled": partial(VisionTransformerDistilled, **SIZE),
    "relative position table": partial(Beit, **SIZE, use_abs_pos_emb=False, use_rel_pos_bias=True),
    "shared relative positions": partial(Beit, **SIZE, use_abs_pos_emb=False, use_shared_rel_pos_bias=True),
    "relative position MLP": partial(VisionTransformerRelPos, **SIZE, rel_pos_type="mlp"),
    "rotary positions": ROPE,
    "rotary, registers": partial(ROPE, num_reg_tokens=4, attn_type="rope"),
    "rotary, split projections": partial(ROPE, qkv_fused=False, scale_mlp=True, swiglu_mlp=True),
    "grouped queries": partial(ROPE, attn_type="rope", qkv_fused=False, num_kv_heads=1),
    "flexible": lambda: NaFlexVit(
        NaFlexVitCfg(
            patch_size=8, embed_dim=48, depth=2, num_heads=3, reg_tokens=1, class_token=True, pos_embed_grid_size=(4, 4)
        ),
        num_classes=0,
    ),
    "not square": partial(PLAIN, **{**SIZE, "img_size": (32, 48)}),
    "not square, relative positions": partial(
        Beit, **{**SIZE, "img_size": (32, 48)}, use_abs_pos_emb=False, use_rel_pos_bias=True
    ),
}


def build(trait: str) -> nn.Module:
    """The model with this trait, weights drawn from a seed and wide enough that attention is far from uniform."""
    torch.manual_seed(0)
    return widen(TRAITS[trait]()).eval()


def widen(model: nn.Module) -> nn.Module:
    """Add seeded noise to the weights of `model`, so that its attention is far from uniform; returns the model."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            wide = 0.2 if parameter.ndim > 1 else 0.05
            if not name.endswith("norm.weight"):
                parameter.add_(wide * torch.randn(parameter.shape, generator=generator))
    return model


def images(trait: str, count: int = 2) -> torch.Tensor:
    """Random images of the size that the model with this trait takes."""
    size = (32, 48) if trait.startswith("not square") else (32, 32)
    return torch.randn(count, 3, *size, generator=torch.Generator().manual_seed(2))
