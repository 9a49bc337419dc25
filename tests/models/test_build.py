"""Names and files become models; nothing becomes a random model in silence."""

from __future__ import annotations

import pytest
import timm
import torch
from safetensors.torch import save_file
from timm.layers import resample_abs_pos_embed

from tests.models.zoo import build
from vitscope import catalog
from vitscope.errors import ModelError, UnknownName, WeightsError
from vitscope.models import traits
from vitscope.models.build import PACKAGE, load
from vitscope.models.names import resolve
from vitscope.models.shape import geometry_of

SMALL = "vit_tiny_patch16_224"


def test_a_random_model_is_the_same_every_time_and_says_so():
    torch.manual_seed(5)
    one = load(f"random/{SMALL}")
    torch.manual_seed(6)
    other = load(f"random/{SMALL}")
    assert one.weights == other.weights == "random:0"
    for left, right in zip(one.module.state_dict().values(), other.module.state_dict().values(), strict=True):
        assert torch.equal(left, right)
    assert not one.module.training
    assert not any(parameter.requires_grad for parameter in one.module.parameters())


def test_a_random_model_leaves_the_callers_random_numbers_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    load(f"random/{SMALL}")
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("size", [(224, 224), (112, 160), (64, 64)])
def test_another_image_size(size):
    model = load(f"random/{SMALL}", image_size=size)
    geometry = geometry_of(model.name, model.module, model.image_size)
    assert (geometry.rows, geometry.columns) == (size[0] // 16, size[1] // 16)
    assert geometry.patch == (16, 16)


def test_an_image_size_that_is_no_multiple_of_the_patch():
    with pytest.raises(ModelError, match="do not fill images of 100×64; 96×64 would work"):
        load(f"random/{SMALL}", image_size=(100, 64))


def test_the_image_size_of_the_checkpoints_position_table(tmp_path):
    weights = timm.create_model(SMALL, num_classes=0, img_size=96).state_dict()
    save_file(weights, tmp_path / "small.safetensors")
    model = load(f"timm/{SMALL}", tmp_path / "small.safetensors")
    assert model.image_size == (96, 96)
    assert model.notes == (
        "small.safetensors is in the layout of timm, DINO backbone or MAE encoder",
        "images of 96×96 pixels, as the checkpoint's position table says",
    )
    assert model.checkpoint is not None
    assert model.checkpoint["file"] == "small.safetensors"
    assert torch.equal(model.module.state_dict()["pos_embed"], weights["pos_embed"])


@pytest.mark.parametrize("size", [(64, 64), (96, 160)])
def test_a_checkpoint_at_another_image_size_has_its_position_table_resampled(tmp_path, size):
    weights = timm.create_model(SMALL, num_classes=0, img_size=96).state_dict()
    save_file(weights, tmp_path / "small.safetensors")
    model = load(f"timm/{SMALL}", tmp_path / "small.safetensors", size)
    assert model.image_size == size
    assert model.notes[1:] == (f"position table resampled from images of 96×96 to {size[0]}×{size[1]} pixels",)
    grid = size[0] // 16, size[1] // 16
    expected = resample_abs_pos_embed(weights["pos_embed"], new_size=list(grid))
    assert torch.equal(model.module.state_dict()["pos_embed"], expected)
    assert torch.equal(model.module.state_dict()["blocks.3.attn.qkv.weight"], weights["blocks.3.attn.qkv.weight"])
    geometry = geometry_of(model.name, model.module, model.image_size)
    assert (geometry.rows, geometry.columns) == grid


def test_normalisation_is_the_familys(tmp_path):
    save_file(timm.create_model(SMALL, num_classes=0).state_dict(), tmp_path / "w.safetensors")
    assert load(f"timm/{SMALL}", tmp_path / "w.safetensors").mean == (0.5, 0.5, 0.5)
    assert load("random").mean == (0.5, 0.5, 0.5)


def test_a_file_that_was_given_is_found_again_by_its_path(tmp_path, monkeypatch):
    path = tmp_path / "w.safetensors"
    save_file(timm.create_model(SMALL, num_classes=0).state_dict(), path)
    monkeypatch.chdir(tmp_path)
    for given in (path.relative_to(tmp_path), path):
        checkpoint = load(f"timm/{SMALL}", given).checkpoint
        assert checkpoint is not None
        assert checkpoint["path"] == str(path.resolve())
    shipped = load("demo-fs").checkpoint
    assert shipped is not None
    assert "path" not in shipped, "its own weights are found without one"


@pytest.mark.parametrize(("trait", "told"), [("pooled by attention", True), ("no CLS", False), ("plain", False)])
def test_the_query_of_attention_pooling_is_said_to_be_unmeasured(trait, told):
    assert any("that query's attention is not measured" in note for note in traits.pooling(build(trait))) is told


def test_a_checkpoint_for_a_random_model_is_a_contradiction(tmp_path):
    with pytest.raises(ModelError, match="random weights by definition"):
        load("random", tmp_path / "w.safetensors")


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("dinno", "Did you mean dino"),
        (SMALL, f"Did you mean timm/{SMALL}"),
        ("timm/vit_tny_patch16_224", "vit_tiny_patch16_224"),
        ("timm/vit_tiny_patch16_224.augrg_in21k", "augreg_in21k"),
        ("timm/", "no model is called 'timm/'"),
        ("", "no model is called ''"),
    ],
)
def test_unknown_names_come_with_near_ones(name, sentence):
    with pytest.raises(UnknownName, match=sentence):
        load(name)


@pytest.mark.parametrize("name", catalog.MODELS)
def test_weights_of_the_catalog_are_exact_tags_of_timm_or_files(name):
    entry = catalog.MODELS[name]
    architecture, _, tag = entry.timm.partition(".")
    if entry.file:
        assert (PACKAGE / entry.file).is_file()
        assert not tag
    elif entry.by_hand:
        assert entry.method in {"MoCo-v3", "BEiT"}
        with pytest.raises(
            WeightsError, match=r"have to be supplied by hand, timm has none: get .* --checkpoint"
        ) as said:
            load(name)
        assert entry.original is not None
        assert entry.original.file in str(said.value)
    else:
        assert tag
        assert entry.timm in timm.list_pretrained(f"{architecture}.*")


PAPER = {
    "fs-s32": ("12", "384", "6", "50", "22.49", "half"),
    "fs-s16": ("12", "384", "6", "197", "21.67", "half"),
    "fs-b32": ("12", "768", "12", "50", "87.46", "half"),
    "fs": ("12", "768", "12", "197", "85.80", "half"),
    "fs-b8": ("12", "768", "12", "785", "85.81", "half"),
    "fs-l16": ("24", "1024", "16", "197", "303.30", "half"),
    "clip-b32": ("12", "768", "12", "50", "87.46", "clip"),
    "clip": ("12", "768", "12", "197", "85.80", "clip"),
    "clip-l14": ("24", "1024", "16", "257", "303.18", "clip"),
    "dino-s16": ("12", "384", "6", "197", "21.67", "imagenet"),
    "dino-s8": ("12", "384", "6", "785", "21.67", "imagenet"),
    "dino": ("12", "768", "12", "197", "85.80", "imagenet"),
    "dino-b8": ("12", "768", "12", "785", "85.81", "imagenet"),
    "moco-s16": ("12", "384", "12", "197", "21.67", "imagenet"),
    "moco": ("12", "768", "12", "197", "85.80", "imagenet"),
    "mae": ("12", "768", "12", "197", "85.80", "imagenet"),
    "mae-l16": ("24", "1024", "16", "197", "303.30", "imagenet"),
    "mae-h14": ("32", "1280", "16", "257", "630.76", "imagenet"),
    "beit": ("12", "768", "12", "197", "85.76", "half"),
    "beit-l16": ("24", "1024", "16", "197", "303.41", "half"),
}
"""Layers, width, heads, tokens, millions of parameters (as timm counts them) and normalisation, in the paper's code."""
MEANS = {
    "half": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "clip": ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)),
}


def test_the_paper_compares_twenty_models_and_six_of_them_closely():
    assert catalog.GROUPS["paper-all"] == tuple(PAPER)
    assert catalog.GROUPS["paper"] == ("fs", "clip", "dino", "moco", "mae", "beit")


@pytest.mark.parametrize("name", PAPER)
def test_the_papers_models_are_what_its_table_says(name):
    layers, width, heads, tokens, millions, normalisation = PAPER[name]
    entry = catalog.MODELS[name]
    with torch.device("meta"):
        module = resolve(name).create(None)
    assert entry.normalisation == MEANS[normalisation]
    size = entry.size
    assert size is not None
    stated = [str(each) for each in (size.layers, size.width, size.heads, size.tokens)]
    assert [*stated, f"{size.millions:.2f}"] == [layers, width, heads, tokens, millions]
    assert len(module.blocks) == size.layers  # type: ignore[arg-type]
    assert module.embed_dim == size.width
    assert {block.attn.num_heads for block in module.blocks} == {size.heads}  # type: ignore[union-attr]
    assert module.num_prefix_tokens + module.patch_embed.num_patches == size.tokens  # type: ignore[union-attr,operator]
    count = sum(parameter.numel() for parameter in module.parameters())
    assert f"{count / 1e6:.2f}" == millions
    assert count == parameters(entry.method, size)
    assert (entry.method == "BEiT") == (getattr(module, "pos_embed", None) is None)
    assert {norm.eps for norm in module.modules() if isinstance(norm, torch.nn.LayerNorm)} == {
        1e-5 if entry.method == "CLIP" else 1e-6
    }


def parameters(method: str, size: catalog.paper.Size) -> int:
    """How many a ViT has, counted from the description of its parts."""
    width, grid = size.width, round((size.tokens - 1) ** 0.5)
    patch = 224 // grid
    norm, mlp, projection = 2 * width, 8 * width**2 + 5 * width, width**2 + width
    qkv = 3 * (width**2 + width)
    block, rest = 2 * norm + qkv + projection + mlp, 3 * patch**2 * width + width + width + norm
    if method == "BEiT":  # no bias of keys, LayerScale, relative positions of its own in every block
        return size.layers * (block - width + 2 * width + size.heads * ((2 * grid - 1) ** 2 + 3)) + rest
    rest += size.tokens * width
    if method == "CLIP":  # no bias of patches, a norm in front
        rest += norm - width
    return size.layers * block + rest


@pytest.mark.parametrize("name", catalog.GROUPS["demo"])
def test_small_models_come_through_the_same_door(name):
    model, untrained = load(name), load(f"random/{name}")
    assert model.weights.startswith("sha256:")
    assert model.checkpoint is not None
    assert model.notes == ()
    geometry = geometry_of(name, model.module, model.image_size)
    assert geometry == geometry_of(name, untrained.module, untrained.image_size)
    assert (geometry.rows, geometry.columns, geometry.layers, geometry.heads) == (10, 10, 8, 6)
    state = model.module.state_dict()
    assert not any(
        torch.equal(state[key], value) for key, value in untrained.module.state_dict().items() if "qkv" in key
    )
