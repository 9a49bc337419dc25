"""Names and files become models; nothing becomes a random model in silence."""

from __future__ import annotations

import pytest
import timm
import torch
from safetensors.torch import save_file
from timm.layers import resample_abs_pos_embed

from vitscope import catalog
from vitscope.errors import ModelError, UnknownName
from vitscope.models.build import PACKAGE, load
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
    assert model.notes == ("images of 96×96 pixels, as the checkpoint's position table says",)
    assert model.checkpoint is not None
    assert model.checkpoint["file"] == "small.safetensors"
    assert torch.equal(model.module.state_dict()["pos_embed"], weights["pos_embed"])


@pytest.mark.parametrize("size", [(64, 64), (96, 160)])
def test_a_checkpoint_at_another_image_size_has_its_position_table_resampled(tmp_path, size):
    weights = timm.create_model(SMALL, num_classes=0, img_size=96).state_dict()
    save_file(weights, tmp_path / "small.safetensors")
    model = load(f"timm/{SMALL}", tmp_path / "small.safetensors", size)
    assert model.image_size == size
    assert model.notes == (f"position table resampled from images of 96×96 to {size[0]}×{size[1]} pixels",)
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
def test_weights_of_the_catalog_are_exact_tags_of_timm_or_shipped_files(name):
    entry = catalog.MODELS[name]
    architecture, _, tag = entry.timm.partition(".")
    if entry.file:
        assert (PACKAGE / entry.file).is_file()
        assert not tag
    else:
        assert tag
        assert entry.timm in timm.list_pretrained(f"{architecture}.*")


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
