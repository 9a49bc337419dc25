"""A real trained DINOv2, in timm's names and rewritten into those of transformers: the same attention."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor

from tests.models.layouts.families import forward
from tests.models.layouts.looking import assert_agree, furthest, look
from vitscope.models.build import load

pytestmark = [pytest.mark.weights, pytest.mark.slow]

NAME = "timm/vit_small_patch14_dinov2.lvd142m"
NAMES = (
    (r"cls_token|mask_token", r"embeddings.\g<0>"),
    (r"pos_embed", "embeddings.position_embeddings"),
    (r"patch_embed\.proj", "embeddings.patch_embeddings.projection"),
    (r"blocks\.(\d+)\.attn\.proj", r"encoder.layer.\1.attention.output.dense"),
    (r"blocks\.(\d+)\.ls(\d)\.gamma", r"encoder.layer.\1.layer_scale\2.lambda1"),
    (r"blocks\.(\d+)\.", r"encoder.layer.\1."),
    (r"norm\.", "layernorm."),
)


def rewritten(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """timm's DINOv2 under the names that transformers gives it."""
    found = {"embeddings.mask_token": torch.zeros(1, 384)}
    for name, tensor in tensors.items():
        split = re.fullmatch(r"blocks\.(\d+)\.attn\.qkv\.(weight|bias)", name)
        if split:
            for part, piece in zip(("query", "key", "value"), tensor.float().chunk(3), strict=True):
                found[f"encoder.layer.{split[1]}.attention.attention.{part}.{split[2]}"] = piece.contiguous()
            continue
        rule, to = next((rule, to) for rule, to in NAMES if re.match(rule, name))
        found[re.sub(f"^(?:{rule})", to, name)] = tensor.float()
    return found


@pytest.fixture(scope="module")
def images(photographs: Path) -> Tensor:
    """Two photographs as DINOv2 sees them, (2, 3, 224, 224)."""
    crops = [Image.open(photographs / name).convert("RGB").resize((224, 224)) for name in ("coffee.png", "chelsea.png")]
    pixels = torch.from_numpy(np.stack([np.asarray(crop) for crop in crops])).permute(0, 3, 1, 2) / 255
    mean, std = torch.tensor((0.485, 0.456, 0.406)), torch.tensor((0.229, 0.224, 0.225))
    return (pixels - mean.reshape(3, 1, 1)) / std.reshape(3, 1, 1)


def test_either_way_the_same_attention(trained_checkpoint: Path, tmp_path: Path, images: Tensor) -> None:
    folder = tmp_path / "dinov2-small"
    transformers.Dinov2Config(
        hidden_size=384, num_attention_heads=6, image_size=224, patch_size=14, architectures=["Dinov2Model"]
    ).save_pretrained(folder)
    save_file(rewritten(load_file(trained_checkpoint)), folder / "model.safetensors", {"format": "pt"})
    model = transformers.Dinov2Model.from_pretrained(folder).eval()
    by_timm = load(NAME, trained_checkpoint, (224, 224))
    by_folder = load("hf-hub:somebody/dinov2-small", folder)
    by_name = load(NAME, folder, (224, 224))
    expected = look(by_timm, images)
    assert_agree(look(by_folder, images), expected)
    assert_agree(look(by_name, images), expected)
    theirs = forward(model, images)
    assert_agree(expected, theirs)
    assert furthest(look(by_folder, images), expected) == 0
    assert by_timm.weights == by_folder.weights == by_name.weights
    assert by_folder.image_size == by_timm.image_size == (224, 224)
    assert (by_folder.mean, by_folder.std) == (by_timm.mean, by_timm.std)
    assert by_folder.notes == (
        "dinov2-small/model.safetensors is in the layout of transformers' DINOv2",
        "left out of dinov2-small/model.safetensors: embeddings.mask_token",
    )
