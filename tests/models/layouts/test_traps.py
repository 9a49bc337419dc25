"""What loads and computes something else: each is taken care of, refused, or said."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import load_file, save_file
from timm.layers import resample_abs_pos_embed
from torch import nn

from tests.models.layouts.looking import assert_agree, furthest, look, small
from tests.models.layouts.originals import EDGE, HEADS, Beit, Clip, ViT, gelu, jax_arrays, pixels, seeded
from vitscope import catalog
from vitscope.errors import WeightsError
from vitscope.models import build, fit, hub, names
from vitscope.models.build import load


@pytest.fixture
def a_small(monkeypatch: pytest.MonkeyPatch):
    """Puts a small model of a method into the catalog as `small`."""

    def put(method: str, **changes: Any) -> None:
        monkeypatch.setitem(catalog.MODELS, "small", small(method, **changes))

    return put


# CLIP


def test_openais_archives_have_quick_gelu_whatever_the_architecture_says(tmp_path, monkeypatch, a_small):
    a_small("CLIP")
    exact = small("CLIP")
    exact = catalog.Model("vit_base_patch16_clip_224.openai", "CLIP", "explicit", "", arguments=exact.arguments)
    monkeypatch.setitem(catalog.MODELS, "exact", exact)
    model = seeded(Clip(numbers=True))
    torch.save(model.state_dict(), tmp_path / "clip.pth")
    with torch.inference_mode():
        quick, other = model.visual(pixels()), model.visual(pixels(), gelu)
    assert furthest(quick, other) > 0.01, "the wrong activation shows"
    assert_agree(look(load("small", tmp_path / "clip.pth"), pixels()), quick)
    loaded = load("exact", tmp_path / "clip.pth")
    assert_agree(look(loaded, pixels()), quick)
    assert "QuickGELU, as OpenAI's CLIP has" in loaded.notes
    assert loaded.weights != load("small", tmp_path / "clip.pth").weights


def test_a_state_dict_that_does_not_say_which_gelu(tmp_path, a_small):
    a_small("CLIP")
    torch.save(seeded(Clip(numbers=False)).state_dict(), tmp_path / "clip.pth")
    assert any("does not say whether its GELU" in note for note in load("small", tmp_path / "clip.pth").notes)
    torch.save(seeded(Clip(numbers=True)).state_dict(), tmp_path / "clip.pth")
    assert not any("does not say" in note for note in load("small", tmp_path / "clip.pth").notes)


def test_eps_of_clip(tmp_path, a_small):
    """Tokens so small that 1e-5 is not little beside their variance."""
    a_small("CLIP")
    model = seeded(Clip(numbers=True))
    with torch.no_grad():
        for parameter in (model.visual.conv1.weight, model.visual.class_embedding, model.visual.positional_embedding):
            parameter.mul_(0.01)
    torch.save(model.state_dict(), tmp_path / "clip.pth")
    loaded = load("small", tmp_path / "clip.pth")
    with torch.inference_mode():
        expected = model.visual(pixels())
    assert_agree(look(loaded, pixels()), expected)
    for norm in loaded.module.modules():
        if isinstance(norm, nn.LayerNorm):
            norm.eps = 1e-6
    assert furthest(look(loaded, pixels()), expected) > 0.01


def test_clip_of_the_catalog_has_no_patch_bias_a_norm_in_front_and_quick_gelu():
    for name in ("clip", "clip-b32", "clip-l14"):
        assert "_clip_quickgelu_" in catalog.MODELS[name].timm
    module = on_meta("clip")
    assert module.patch_embed.proj.bias is None  # type: ignore[union-attr]
    assert isinstance(module.norm_pre, nn.LayerNorm)
    assert {type(block.mlp.act).__name__ for block in module.blocks} == {"QuickGELU"}  # type: ignore[union-attr]
    assert {norm.eps for norm in module.modules() if isinstance(norm, nn.LayerNorm)} == {1e-5}


def test_which_weights_of_timm_need_quick_gelu():
    assert names.quick_gelu("vit_base_patch16_clip_224.openai")
    assert names.quick_gelu("vit_large_patch14_clip_336.openai")
    assert not names.quick_gelu("vit_base_patch16_clip_224.laion2b")
    assert not names.quick_gelu("vit_base_patch16_clip_224.openai_ft_in1k")  # fine-tuned with the exact one
    assert not names.quick_gelu("vit_base_patch16_clip_quickgelu_224.openai")
    assert not names.quick_gelu("vit_base_patch16_224.mae")


def test_openais_weights_under_timms_plain_name_are_computed_with_quick_gelu(monkeypatch):
    from_timm(monkeypatch)
    loaded = load("timm/vit_base_patch32_clip_224.openai")
    assert {type(block.mlp.act).__name__ for block in loaded.module.blocks} == {"QuickGELU"}  # type: ignore[union-attr]
    assert "QuickGELU in place of timm's exact GELU, as OpenAI trained these weights" in loaded.notes
    assert load("clip-b32").notes == ()


# MoCo-v3


def test_moco_small_has_twelve_heads(tmp_path, monkeypatch, a_small):
    wide = {"embed_dim": 384, "depth": 2}
    model = seeded(ViT(heads=12, width=384, depth=2), wide=0.1)
    state = {f"module.base_encoder.{name}": tensor for name, tensor in model.state_dict().items()}
    torch.save({"state_dict": state}, tmp_path / "moco.pth.tar")
    a_small("MoCo-v3", **wide, num_heads=6)
    with pytest.raises(WeightsError, match=r"was made with 12 heads a layer, and small has 6"):
        load("small", tmp_path / "moco.pth.tar")
    a_small("MoCo-v3", **wide, num_heads=12)
    with torch.inference_mode():
        assert_agree(look(load("small", tmp_path / "moco.pth.tar"), pixels()), model(pixels()))
    assert catalog.MODELS["moco-s16"].arguments == {"num_heads": 12}


# BEiT


def test_beit_of_the_catalog_has_relative_positions_only_and_no_key_bias(tmp_path, a_small):
    names_of = {name for name, _ in on_meta("beit").named_parameters()}
    assert "pos_embed" not in names_of
    assert {"norm.weight", "blocks.0.gamma_1", "blocks.11.attn.relative_position_bias_table"} <= names_of
    assert not any("k_bias" in name or "fc_norm" in name for name in names_of)
    a_small("BEiT")
    model = seeded(Beit())
    torch.save({"model": model.state_dict()}, tmp_path / "beit.pth")
    module = load("small", tmp_path / "beit.pth").module
    for block in module.blocks:  # type: ignore[union-attr]
        assert not block.attn.k_bias.any()
        assert torch.equal(block.attn.relative_position_bias_table, model.rel_pos_bias.relative_position_bias_table)


# DINO and MAE


def test_dino_small_8_of_timm_is_another_than_the_papers(tmp_path, monkeypatch):
    entry = catalog.MODELS["dino-s8"]
    assert entry.original is not None
    assert entry.original.file == "dino_deitsmall8_300ep_pretrain.pth"
    from_timm(monkeypatch)
    (note,) = load("dino-s8").notes
    assert note.startswith("timm has DINO's default weights of S/8; the paper used those of 300 epochs")


@pytest.mark.parametrize("file", ["dino_deitsmall8_pretrain.pth", "dino_deitsmall8_300ep_pretrain.pth"])
def test_a_file_for_dino_small_8_that_is_not_called_like_the_papers(tmp_path, file):
    with torch.device("meta"):
        wanted = timm.create_model("vit_small_patch8_224", num_classes=0).state_dict()
    torch.save({name: torch.zeros(tensor.shape) for name, tensor in wanted.items()}, tmp_path / file)
    notes = load("dino-s8", tmp_path / file).notes
    said = f"the paper used dino_deitsmall8_300ep_pretrain.pth; whether {file} is the same cannot be told"
    assert (said in notes) == ("300ep" not in file)


def test_a_known_digest_is_checked(tmp_path, monkeypatch, a_small):
    model = small("MAE")
    original = catalog.MODELS["mae"].original
    monkeypatch.setitem(catalog.MODELS, "small", catalog.Model(**{**vars(model), "original": original}))
    path = tmp_path / "mae_pretrain_vit_base.pth"
    torch.save({"model": seeded(ViT()).state_dict()}, path)
    assert f"not the published {path.name}: its md5 begins with" in load("small", path).notes[-1]
    found = build.file_digest(path, "md5")
    true = catalog.paper.Original(path.name, "", f"md5:{found[:6]}")
    monkeypatch.setitem(catalog.MODELS, "small", catalog.Model(**{**vars(model), "original": true}))
    assert load("small", path).notes[-1] == f"md5 as published: {path.name}"


# The wrong file


def test_a_file_of_another_method(tmp_path, a_small):
    a_small("DINO")
    state = {f"module.base_encoder.{name}": tensor for name, tensor in seeded(ViT()).state_dict().items()}
    torch.save({"state_dict": state}, tmp_path / "moco.pth.tar")
    sentence = (
        r"moco.pth.tar is a checkpoint in the layout of MoCo-v3 \(its base encoder\), and small stands for DINO: give"
    )
    with pytest.raises(WeightsError, match=sentence):
        load("small", tmp_path / "moco.pth.tar")


def test_a_file_of_another_size_brings_the_model_that_it_is_for(tmp_path):
    with torch.device("meta"):
        large = timm.create_model("beit_large_patch16_224", num_classes=0, global_pool="token").state_dict()
    converted = fit.Converted(dict(large))
    named, layout = names.resolve("beit"), next(each for each in build.layouts.LAYOUTS if each.name == "BEiT")
    with pytest.raises(WeightsError, match="24 layers of width 1024 with patches of 16×16, and beit has 12") as raised:
        fit.check_size(named, on_meta("beit"), layout, converted, "file")
    assert str(raised.value).endswith(": give a file of its own, or try --model beit-l16.")
    with pytest.raises(WeightsError, match="stands for MAE: give a file of its own, or try --model beit-l16"):
        fit.check_method(names.resolve("mae"), layout, converted, "file")


def test_a_file_that_does_not_tell_its_method_is_known_by_its_name(tmp_path, a_small):
    a_small("MoCo-v3")
    path = tmp_path / "dino_deitsmall16_pretrain.pth"
    torch.save(seeded(ViT()).state_dict(), path)
    with pytest.raises(WeightsError, match=r"published for dino-s16, and small stands for MoCo-v3; .*--model dino-s16"):
        load("small", path)
    a_small("DINO")
    assert load("small", path).weights == load("small", path.rename(tmp_path / "mine.pth")).weights


@pytest.mark.parametrize(("file", "told"), [("mine.pth", False), ("mae_pretrain_vit_base.pth", True)])
def test_what_the_file_does_not_tell_is_said(tmp_path, monkeypatch, file, told):
    entry = catalog.Model(**{**vars(small("MAE")), "original": catalog.MODELS["mae"].original})
    monkeypatch.setitem(catalog.MODELS, "small", entry)
    torch.save({"model": seeded(ViT()).state_dict()}, tmp_path / file)
    said = f"nothing in {file} says by which method it was trained: taken for MAE, as small is"
    assert (said in load("small", tmp_path / file).notes) is not told


def test_the_wrong_size_in_a_layout_of_no_method_brings_the_right_model_of_the_same(tmp_path):
    with torch.device("meta"):
        state = timm.create_model("vit_small_patch16_224", num_classes=0).state_dict()
    layout = build.layouts.recognise(state, "file")
    with pytest.raises(WeightsError, match=r"or try --model dino-s16\.$"):
        fit.check_size(names.resolve("dino"), on_meta("dino"), layout, fit.Converted(dict(state)), "file")


def test_many_names_that_were_left_out_are_counted(tmp_path, a_small):
    a_small("MoCo-v3")
    state = {f"module.base_encoder.{name}": tensor for name, tensor in seeded(ViT()).state_dict().items()}
    state |= {name.replace("base", "momentum"): tensor for name, tensor in state.items()}
    state["module.base_encoder.head.0.weight"] = torch.ones(1)
    torch.save({"state_dict": state}, tmp_path / "m.pth")
    momentum = sum("momentum_encoder" in name for name in state)
    said = f"left out of m.pth: base_encoder.head.0.weight, momentum_encoder.… ({momentum})"
    assert said in load("small", tmp_path / "m.pth").notes


def test_heads_of_a_jax_file(tmp_path, a_small):
    np.savez(tmp_path / "fs.npz", **jax_arrays())  # type: ignore[arg-type]
    a_small("FS", num_heads=2 * HEADS)
    with pytest.raises(WeightsError, match=f"made with {HEADS} heads a layer, and small has {2 * HEADS}"):
        load("small", tmp_path / "fs.npz")


def test_a_file_of_no_vision_transformer(tmp_path, a_small):
    a_small("DINO")
    save_file({"conv1.weight": torch.ones(1), "bn1.weight": torch.ones(1)}, tmp_path / "resnet.safetensors")
    with pytest.raises(WeightsError, match=r"no layout of a Vision Transformer .*\(bn1.weight, conv1.weight\)"):
        load("small", tmp_path / "resnet.safetensors")


# FS


def test_tags_are_augreg_and_not_augreg2():
    fs = {name: model for name, model in catalog.MODELS.items() if model.method == "FS" and not model.file}
    assert len(fs) == 6
    for name, model in fs.items():
        assert model.timm.endswith(".augreg_in21k_ft_in1k"), name
        config = timm.get_pretrained_cfg(model.timm)
        assert config is not None
        assert model.original is not None
        assert config.url == f"{model.original.where}{model.original.file}"


# Position tables


def test_positions_of_another_grid_stay_unless_a_size_is_asked_for(tmp_path, a_small):
    a_small("DINO", img_size=48)
    model = seeded(ViT())
    torch.save(model.state_dict(), tmp_path / "dino.pth")
    loaded = load("small", tmp_path / "dino.pth")
    assert loaded.image_size == (EDGE, EDGE)
    assert torch.equal(loaded.module.state_dict()["pos_embed"], model.pos_embed)
    with torch.inference_mode():
        assert_agree(look(loaded, pixels()), model(pixels()))
    asked = load("small", tmp_path / "dino.pth", (48, 48))
    assert asked.image_size == (48, 48)
    assert asked.notes[-1] == "position table resampled from images of 32×32 to 48×48 pixels"
    expected = resample_abs_pos_embed(model.pos_embed, new_size=[6, 6])  # type: ignore[arg-type]
    assert torch.equal(asked.module.state_dict()["pos_embed"], expected)


def test_a_wide_image_with_as_many_patches_is_no_square_one(tmp_path, a_small):
    """A table of 4×4 places has as many rows as one of 2×8, and means others."""
    a_small("DINO")
    model = seeded(ViT())
    torch.save(model.state_dict(), tmp_path / "dino.pth")
    loaded = load("small", tmp_path / "dino.pth", (16, 64))
    expected = resample_abs_pos_embed(model.pos_embed, new_size=[2, 8], old_size=[4, 4])  # type: ignore[arg-type]
    assert torch.equal(loaded.module.state_dict()["pos_embed"], expected)
    assert loaded.notes[-1] == "position table resampled from images of 32×32 to 16×64 pixels"


@pytest.mark.parametrize("shared", [True, False])
def test_relative_positions_stay_unless_a_size_is_asked_for(tmp_path, a_small, shared):
    a_small("BEiT", img_size=48)
    model = seeded(Beit())
    path = tmp_path / "beit.pth"
    torch.save({"model": model.state_dict()}, path)
    if not shared:
        a_small("BEiT")
        save_file(load("small", path).module.state_dict(), tmp_path / "beit.safetensors")
        a_small("BEiT", img_size=48)
        path = tmp_path / "beit.safetensors"
        assert "blocks.0.attn.relative_position_bias_table" in load_file(path)
    loaded = load("small", path)
    assert loaded.image_size == (EDGE, EDGE)
    with torch.inference_mode():
        assert_agree(look(loaded, pixels()), model(pixels()))
    asked = load("small", path, (48, 48))
    assert asked.image_size == (48, 48)
    table = asked.module.state_dict()["blocks.1.attn.relative_position_bias_table"]
    assert tuple(table.shape) == (11 * 11 + 3, HEADS)
    assert torch.equal(table[-3:], model.rel_pos_bias.relative_position_bias_table[-3:])
    assert asked.notes[-1] == "position table resampled from images of 32×32 to 48×48 pixels"
    assert look(asked, pixels(edge=48)).attention[0].shape[-1] == 37


def test_a_size_that_timms_own_weights_were_not_made_for_is_said(monkeypatch):
    fetched = from_timm(monkeypatch)
    assert load("mae", image_size=(224, 224)).notes == ()
    assert fetched[-1] is True
    assert load("mae", image_size=(64, 64)).notes == (
        "position table resampled from images of 224×224 to 64×64 pixels",
    )


def on_meta(name: str) -> nn.Module:
    """The architecture of a name of the catalog, without memory for its weights."""
    with torch.device("meta"):
        return names.resolve(name).create(None)


def from_timm(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """As if the Hub answered: timm's models come with one block and without weights; returns which were fetched."""
    create, fetched = timm.create_model, []

    def created(name: str, *, pretrained: bool, **arguments: Any) -> nn.Module:
        fetched.append(pretrained)
        return create(name, pretrained=False, **{**arguments, "depth": 1})

    monkeypatch.setattr(names.timm, "create_model", created)
    monkeypatch.setattr(hub, "check", lambda name, architecture: None)
    monkeypatch.setattr(hub, "taken", lambda architecture: None)
    return fetched
