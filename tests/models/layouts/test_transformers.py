"""Folders and files of transformers compute what transformers computes, with the config's eps and activation."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.models.layouts.families import FAMILIES, forward, written
from tests.models.layouts.looking import assert_agree, furthest, look, small
from tests.models.layouts.originals import EDGE, pixels
from vitscope import catalog
from vitscope.errors import ModelError, WeightsError
from vitscope.models.build import load

HUB = "hf-hub:somebody/something"


@pytest.mark.parametrize("family", FAMILIES)
def test_every_block_agrees(tmp_path: Path, family: str) -> None:
    """A folder says all of itself: sizes, heads, eps, activation."""
    model = written(family, tmp_path / "folder")
    loaded = load(HUB, tmp_path / "folder")
    assert_agree(look(loaded, pixels()), forward(model, pixels()))
    assert loaded.image_size == (EDGE, EDGE)
    assert loaded.notes[0] == f"folder/model.safetensors is in the layout of {FAMILIES[family][1]}"
    assert loaded.checkpoint is not None
    assert loaded.checkpoint["file"] == "folder/model.safetensors"


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("eps", [0.01, 0.2])
def test_eps_is_that_of_the_config(tmp_path: Path, family: str, eps: float) -> None:
    model = written(family, tmp_path, layer_norm_eps=eps)
    loaded, images = load(HUB, tmp_path), pixels()
    assert_agree(look(loaded, images), forward(model, images))
    assert any(f"LayerNorm eps {eps:g}" in note and "config.json" in note for note in loaded.notes)
    for norm in loaded.module.modules():
        if isinstance(norm, torch.nn.LayerNorm):
            norm.eps = 1e-6
    assert furthest(look(loaded, images), forward(model, images)) > 1e-2, "the wrong eps shows"


@pytest.mark.parametrize("activation", ["quick_gelu", "gelu", "gelu_new", "gelu_pytorch_tanh", "relu", "silu"])
@pytest.mark.parametrize("family", ["ViT", "CLIP vision", "DINOv2", "BEiT, shared table"])
def test_the_activation_is_that_of_the_config(tmp_path: Path, family: str, activation: str) -> None:
    model = written(family, tmp_path, hidden_act=activation)
    assert_agree(look(load(HUB, tmp_path), pixels()), forward(model, pixels()))


def test_an_activation_that_nobody_knows(tmp_path: Path) -> None:
    written("ViT", tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"hidden_act": "mish"}))
    with pytest.raises(WeightsError, match="the activation 'mish', which vitscope does not know: it knows gelu, quick"):
        load(HUB, tmp_path)


def test_eps_and_activation_are_part_of_the_identity(tmp_path: Path) -> None:
    written("ViT", tmp_path / "a")
    written("ViT", tmp_path / "b", layer_norm_eps=1e-6)
    written("ViT", tmp_path / "c", layer_norm_eps=1e-6, hidden_act="quick_gelu")
    digests = {load(HUB, tmp_path / name).weights for name in "abc"}
    assert len(digests) == 3


METHODS = {"ViT": "DINO", "ViTMAE": "MAE", "BEiT, shared table": "BEiT", "CLIP": "CLIP"}


@pytest.mark.parametrize("family", METHODS)
@pytest.mark.parametrize("kind", ["folder", "file", "file alone", "bin"])
def test_the_same_for_a_name_of_the_catalog(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, family: str, kind: str
) -> None:
    """As a folder, or as the file in it; a file alone leaves eps and activation to the model, and says so."""
    method = METHODS[family]
    monkeypatch.setitem(catalog.MODELS, "small", small(method))
    alone = kind == "file alone"
    model = written(family, tmp_path, **({"layer_norm_eps": 1e-5 if method == "CLIP" else 1e-6} if alone else {}))
    path = tmp_path / "model.safetensors"
    if alone:
        (tmp_path / "config.json").unlink()
    if kind == "bin":
        torch.save(load_file(path), tmp_path / "pytorch_model.bin")
        path.unlink()
    loaded = load("small", path if kind.startswith("file") else tmp_path)
    assert_agree(look(loaded, pixels()), forward(model, pixels()))
    unsaid = "no config.json beside model.safetensors: LayerNorm eps and activation are those of small"
    assert (unsaid in loaded.notes) == alone
    assert loaded.mean == catalog.MODELS["small"].normalisation[0]  # type: ignore[index]


def test_normalisation_of_the_preprocessor(tmp_path: Path) -> None:
    written("ViT", tmp_path)
    assert load(HUB, tmp_path).mean == (0.5, 0.5, 0.5)
    said = {"image_mean": [0.1, 0.2, 0.3], "image_std": [0.4, 0.5, 0.6]}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(said))
    loaded = load(HUB, tmp_path)
    assert (loaded.mean, loaded.std) == ((0.1, 0.2, 0.3), (0.4, 0.5, 0.6))


def test_heads_that_are_not_the_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """MoCo's ViT-S in a folder: its tensors fit everybody's ViT-S, its heads do not."""
    monkeypatch.setitem(catalog.MODELS, "small", small("DINO", num_heads=4))
    written("ViT", tmp_path)
    with pytest.raises(WeightsError, match="was made with 2 heads a layer, and small has 4"):
        load("small", tmp_path)


def test_a_folder_of_another_family(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(catalog.MODELS, "small", small("MAE"))
    written("BEiT, shared table", tmp_path)
    with pytest.raises(WeightsError, match="in the layout of transformers' BEiT, and small stands for MAE"):
        load("small", tmp_path)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("{", "cannot be read .it is no JSON"),
        ("[]", "it holds no object"),
        ('{"model_type": "swin"}', "describes a model of type 'swin': vitscope reads beit, clip"),
        ('{"model_type": "vit", "hidden_size": "wide"}', "does not describe a model of type vit"),
        ('{"model_type": "vit", "hidden_size": 0}', "does not describe a model of type vit"),
        ('{"model_type": "vit", "hidden_size": 7, "num_attention_heads": 2}', "cannot be built"),
        ('{"architecture": "vit_tiny_patch16_224", "model_args": {"checkpoint_path": "/x"}}', "has no business to"),
        ('{"architecture": "vit_tinny_patch16_224"}', "vit_tinny_patch16_224"),
        ('{"architecture": "vit_tiny_patch16_224", "model_args": {"depht": 3}}', "depht"),
    ],
)
def test_a_config_that_says_nothing_useful(tmp_path: Path, content: str, sentence: str) -> None:
    written("ViT", tmp_path)
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(ModelError, match=sentence):
        load(HUB, tmp_path)


def test_a_folder_without_weights(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "vit"}')
    with pytest.raises(WeightsError, match=r"no weights in .*: it should hold model.safetensors or pytorch_model.bin"):
        load(HUB, tmp_path)
    (tmp_path / "model.safetensors.index.json").write_text("{}")
    with pytest.raises(WeightsError, match=r"in several pieces: save them as one model\.safetensors"):
        load(HUB, tmp_path)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_tensor_too_few_or_too_many_is_named(tmp_path: Path, family: str) -> None:
    written(family, tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    query = next(
        name
        for name in tensors
        if ".1." in name
        and name.endswith(("query.weight", "q_proj.weight"))
        and not name.startswith(("text", "decoder"))
    )
    few = {name: tensor for name, tensor in tensors.items() if name != query}
    save_file(few, tmp_path / "model.safetensors")
    with pytest.raises(WeightsError, match=r"missing: blocks\.1\.attn\.qkv\.weight; not expected: blocks\.1\.attn"):
        load(HUB, tmp_path)
    save_file(tensors | {query.replace("weight", "extra"): torch.ones(1)}, tmp_path / "model.safetensors")
    with pytest.raises(WeightsError, match=r"not expected: blocks\.1\.attn\.q\w*\.extra"):
        load(HUB, tmp_path)
