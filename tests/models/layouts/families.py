"""Small models of transformers, from seeded weights, saved as its own folders and run by its own code."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers
from torch import Tensor, nn

from tests.models.layouts.originals import DEPTH, EDGE, HEADS, PATCH, WIDTH, Seen, seeded

DIMENSIONS: dict[str, Any] = {
    "hidden_size": WIDTH,
    "num_hidden_layers": DEPTH,
    "num_attention_heads": HEADS,
    "image_size": EDGE,
    "patch_size": PATCH,
}
SIZES = DIMENSIONS | {"intermediate_size": 4 * WIDTH}
DECODER = {
    "decoder_hidden_size": 32,
    "decoder_num_hidden_layers": 1,
    "decoder_num_attention_heads": 2,
    "decoder_intermediate_size": 64,
}
TEXT = {
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "vocab_size": 30,
    "eos_token_id": 1,
    "bos_token_id": 0,
    "pad_token_id": 1,
}


def vit(**more: Any) -> nn.Module:
    return transformers.ViTModel(transformers.ViTConfig(**SIZES | more))


def classifier(**more: Any) -> nn.Module:
    return transformers.ViTForImageClassification(transformers.ViTConfig(**SIZES | more))


def mae(**more: Any) -> nn.Module:
    return transformers.ViTMAEForPreTraining(transformers.ViTMAEConfig(**SIZES | DECODER | {"mask_ratio": 0.0} | more))


def beit(**more: Any) -> nn.Module:
    shared = {"use_shared_relative_position_bias": True, "use_mask_token": True, "use_mean_pooling": False}
    return transformers.BeitForMaskedImageModeling(transformers.BeitConfig(**SIZES | shared | {"vocab_size": 9} | more))


def beit_of_blocks(**more: Any) -> nn.Module:
    return transformers.BeitModel(transformers.BeitConfig(**SIZES | {"use_relative_position_bias": True} | more))


def clip_image(**more: Any) -> nn.Module:
    return transformers.CLIPVisionModelWithProjection(transformers.CLIPVisionConfig(**SIZES | more))


def clip(**more: Any) -> nn.Module:
    config = transformers.CLIPConfig(vision_config=SIZES | more, text_config=TEXT, projection_dim=20)
    return transformers.CLIPModel(config)


def dinov2(**more: Any) -> nn.Module:
    return transformers.Dinov2Model(transformers.Dinov2Config(**DIMENSIONS | more))


def dinov2_gated(**more: Any) -> nn.Module:
    return dinov2(use_swiglu_ffn=True, **more)


def dinov2_registers(**more: Any) -> nn.Module:
    return transformers.Dinov2WithRegistersModel(transformers.Dinov2WithRegistersConfig(**DIMENSIONS | more))


FAMILIES: dict[str, tuple[Callable[..., nn.Module], str]] = {
    "ViT": (vit, "transformers' ViT"),
    "ViT with a classifier": (classifier, "transformers' ViT"),
    "ViTMAE": (mae, "transformers' ViTMAE (its encoder)"),
    "BEiT, shared table": (beit, "transformers' BEiT"),
    "BEiT, a table a block": (beit_of_blocks, "transformers' BEiT"),
    "CLIP vision": (clip_image, "transformers' CLIP"),
    "CLIP": (clip, "transformers' CLIP"),
    "DINOv2": (dinov2, "transformers' DINOv2"),
    "DINOv2, gated": (dinov2_gated, "transformers' DINOv2"),
    "DINOv2, registers": (dinov2_registers, "transformers' DINOv2"),
}


def written(family: str, folder: Path, **more: Any) -> nn.Module:
    """The model of a family, from a seed; its folder as `save_pretrained` writes it. `more` goes into its config."""
    model = seeded(FAMILIES[family][0](**more))
    model.save_pretrained(folder)  # type: ignore[operator]
    return model


def forward(model: Any, images: Tensor) -> Seen:
    """Attention and output of every block as transformers computes them."""
    seen = Seen()
    model.set_attn_implementation("eager")
    lists = {name: part for name, part in model.named_modules() if isinstance(part, nn.ModuleList)}
    (blocks,) = (part for name, part in lists.items() if not name.startswith(("decoder", "text_model")))
    handles = [
        block.register_forward_hook(lambda _m, _i, out: seen.output.append(out if isinstance(out, Tensor) else out[0]))
        for block in blocks
    ]
    tower = model.vision_model if hasattr(model, "vision_model") else model
    more = {"noise": torch.arange(16).repeat(len(images), 1).float()} if hasattr(model, "decoder") else {}
    with torch.inference_mode():
        seen.attention = list(tower(images, output_attentions=True, **more).attentions)
    for handle in handles:
        handle.remove()
    return seen
