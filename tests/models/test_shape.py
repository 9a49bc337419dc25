"""Where tokens stand is asked of the model, and what is no plain ViT is refused with the reason."""

from __future__ import annotations

import pytest
import timm
import torch

from tests.models.zoo import TRAITS, build, images
from vitscope.errors import ModelError
from vitscope.models import hub
from vitscope.models.build import load
from vitscope.models.shape import check_architecture, geometry_of

PREFIX = {
    "registers": ("cls", "reg1", "reg2", "reg3", "reg4"),
    "no CLS": (),
    "no CLS, registers": ("reg1", "reg2"),
    "pooled by attention": (),
    "distilled": ("cls", "dist"),
    "relative position MLP": (),
    "rotary, registers": ("cls", "reg1", "reg2", "reg3", "reg4"),
    "flexible": ("cls", "reg1"),
}


@pytest.mark.parametrize("trait", TRAITS)
def test_grid_prefix_and_heads(trait):
    model, size = build(trait), tuple(images(trait).shape[-2:])
    geometry = geometry_of(trait, model, size)
    assert (geometry.rows, geometry.columns) == (size[0] // 8, size[1] // 8)
    assert geometry.patch == (8, 8)
    assert geometry.prefix == PREFIX.get(trait, ("cls",))
    assert geometry.layers == 2
    assert geometry.heads == (6 if trait == "two attentions a block" else 3)


REFUSED = {
    "swin_tiny_patch4_window7_224": "inside windows",
    "swinv2_tiny_window8_256": "inside windows",
    "cait_xxs24_224": "talking heads",
    "xcit_nano_12_p16_224": "between channels",
    "samvit_base_patch16": "inside windows",
    "levit_128s": "subsampled",
    "pvt_v2_b0": "no plain sequence of transformer blocks",
    "vit_dpwee_patch16_reg1_gap_256": "difference of two maps",
    "resnet18": "no plain sequence of transformer blocks",
    "mixer_s32_224": "no scaled-dot-product attention",
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_token_to_token_attention_is_refused_with_the_reason(name):
    small = {"depth": 1} if name.startswith(("cait", "xcit", "samvit", "vit_")) else {}
    model = timm.create_model(name, pretrained=False, num_classes=0, **small).eval()
    size = model.pretrained_cfg["input_size"][1:]
    with pytest.raises(ModelError, match=f"{name} is not a plain Vision Transformer: .*{REFUSED[name]}"):
        geometry_of(name, model, size)


def test_a_wrong_image_size_is_said():
    with pytest.raises(ModelError, match=r"plain does not take images of 40×40 pixels: .*40.*[^.]\.$"):
        geometry_of("plain", build("plain"), (40, 40))


def test_damaged_weights_are_found_before_the_run():
    model = build("plain")
    with torch.no_grad():
        model.blocks[1].attn.qkv.weight[0, 0] = torch.nan  # type: ignore[index,union-attr]
    with pytest.raises(ModelError, match="attention of layer 2 sums to 1 only within nan"):
        geometry_of("plain", model, (32, 32))


@pytest.mark.parametrize("trait", TRAITS)
def test_an_architecture_is_judged_without_weights(trait):
    check_architecture(trait, TRAITS[trait], tuple(images(trait).shape[-2:]))
    height = 3 if trait == "flexible" else 40
    with pytest.raises(ModelError, match=f"does not take images of {height}×44 pixels"):
        check_architecture(trait, TRAITS[trait], (height, 44))


@pytest.mark.parametrize("name", ["swin_tiny_patch4_window7_224", "mixer_s32_224"])
def test_what_is_no_plain_vit_is_refused_before_its_weights_are_fetched(name, monkeypatch):
    def fetched(*_):
        raise AssertionError

    monkeypatch.setattr(hub, "check", fetched)
    with pytest.raises(ModelError, match="is not a plain Vision Transformer"):
        load(f"timm/{name}")
    with pytest.raises(AssertionError):
        load("timm/vit_tiny_patch16_224")
