"""Every plain Vision Transformer of timm is tapped and checked, or refused with a reason.

By default one of each class and trait; `pytest -m sweep -s` goes through the whole list and prints the counts.
"""

from __future__ import annotations

from collections import Counter

import pytest
import timm

from tests.models import sweep

TAPPED = {
    "beit_base_patch16_224": "relative position table, no key bias",
    "beit3_base_patch16_224": "norms inside of attention and MLP",
    "deit_tiny_distilled_patch16_224": "distillation token",
    "deit3_small_patch16_224": "LayerScale",
    "eva02_tiny_patch14_224": "rotary positions, SwiGLU",
    "eva02_base_patch14_224": "split projections",
    "eva_giant_patch14_224": "post-norm of EVA",
    "vit_small_patch16_dinov3": "DINOv3: rotary positions, registers",
    "vit_small_patch16_dinov3_qkvb": "DINOv3 with biases",
    "vit_base_patch16_sapiens2": "grouped queries, images that are not square",
    "vit_pe_core_tiny_patch16_384": "rotary positions, pooled by attention",
    "vit_small_patch16_rope_224": "ROPE-ViT",
    "gemma4_vit_167m": "an encoder inside of the model",
    "qwen3_vit_88m": "an encoder inside of the model, rotary positions",
    "deepseek_vit_412m_align": "an encoder of DeepSeek",
    "naflexvit_base_patch16_gap": "flexible resolution, no CLS",
    "vit_small_patch14_dinov2": "DINOv2",
    "vit_small_patch14_reg4_dinov2": "registers after positions",
    "vit_base_patch16_siglip_224": "no CLS, pooled by attention",
    "vit_medium_patch16_gap_240": "no CLS, mean of patches",
    "vit_medium_patch16_reg4_gap_256": "registers without CLS",
    "vit_base_patch16_clip_quickgelu_224": "CLIP: norm before the blocks",
    "vit_base_patch16_rpn_224": "norms after attention and MLP",
    "vit_base_patch16_xp_224": "attention and MLP side by side",
    "vit_small_patch16_18x2_224": "two attentions a block",
    "vit_base_patch16_rope_mixed_224": "rotary positions that differ from layer to layer",
    "vit_tiny_r_s16_p8_224": "patches from a ResNet",
    "vit_relpos_small_patch16_224": "relative positions from an MLP",
    "vit_srelpos_small_patch16_224": "relative positions shared by the layers",
    "vitamin_small_224": "patches from convolutions",
}

REFUSED = {
    "vit_dlittle_patch16_reg1_gap_256": "difference of two maps",
    "vit_dpwee_patch16_reg1_gap_256": "difference of two maps",
    "samvit_base_patch16": "inside windows",
    "cait_xxs24_224": "talking heads",
    "convit_tiny": "gated with positions",
    "xcit_nano_12_p16_224": "between channels",
    "mixer_s32_224": "no scaled-dot-product attention",
}

DIFFERENCE = {"vit_dlittle_patch16_reg1_gap_256", "vit_dpwee_patch16_reg1_gap_256", "vit_dwee_patch16_reg1_gap_256"}


@pytest.mark.parametrize("name", TAPPED)
def test_one_of_each_class_and_trait(name):
    assert sweep.outcome(name) == "tapped"


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_says_why(name):
    assert REFUSED[name] in sweep.outcome(name)


def test_the_plain_modules_are_represented():
    assert {sweep.module_of(name) for name in TAPPED} == set(sweep.PLAIN)


@pytest.mark.sweep
@pytest.mark.parametrize("module", [*sweep.PLAIN, *sweep.OTHERS])
def test_the_whole_list(module, capsys):
    found = {name: sweep.outcome(name) for name in sweep.names(module)}
    counts = Counter(found.values())
    with capsys.disabled():
        print(f"\n{module}: {len(found)} architectures: {', '.join(f'{n} {what}' for what, n in counts.most_common())}")
    refused = {name for name, what in found.items() if what != "tapped"}
    assert refused == (set(found) if module in sweep.OTHERS else DIFFERENCE & set(found))


@pytest.mark.sweep
def test_nothing_else_of_timm_ends_in_a_traceback(capsys):
    known = {*sweep.PLAIN, *sweep.OTHERS}
    first = {sweep.module_of(name): name for name in reversed(timm.list_models()) if sweep.module_of(name) not in known}
    counts = Counter(sweep.outcome(name) for name in first.values())
    with capsys.disabled():
        print(f"\n{len(first)} other families: {', '.join(f'{n} {what}' for what, n in counts.most_common())}")
    assert "tapped" not in counts
