"""The trainers: each objective reaches the whole ViT, and a killed training goes on as if nothing had happened."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from vitscope.demo.train import beit, clip, dino, fs, loop, mae, moco, windows
from vitscope.demo.train.__main__ import METHODS, export, parsed
from vitscope.demo.train.momentum import follow
from vitscope.demo.train.optimiser import optimiser_for, orthogonal
from vitscope.demo.train.pictures import Pictures, cached, drawn, views
from vitscope.demo.train.positions import sine_cosine
from vitscope.demo.train.tokenizer import CODES, Tokenizer
from vitscope.demo.zoo import DEMO_MODELS, architecture


@pytest.fixture(scope="module")
def pictures() -> Pictures:
    return drawn("train", 1)


def built(name: str, pictures: Pictures):
    torch.manual_seed(0)
    return {
        "fs": fs.Supervised,
        "clip": lambda: clip.ImageText(pictures.captions),
        "dino": dino.SelfDistillation,
        "moco": moco.MomentumContrast,
        "mae": mae.MaskedAutoencoder,
        "beit": lambda: beit.MaskedTokens(Tokenizer()),
    }[name]()


@pytest.mark.parametrize("cooling", [False, True])
@pytest.mark.parametrize("name", METHODS)
def test_every_objective_teaches_every_layer(name, cooling, pictures):
    method = built(name, pictures)
    loss = method.loss(pictures, torch.arange(8), cooling=cooling)
    assert torch.isfinite(loss)
    loss.backward()
    method.after_step()
    student = method.student.vit if name == "dino" else method.base.vit if name == "moco" else method.vit
    for block in student.blocks:
        assert block.attn.qkv.weight.grad.abs().sum() > 0
        assert block.mlp.fc2.weight.grad.abs().sum() > 0
    assert (student.patch_embed.proj.weight.grad is None) == (name == "moco")


@pytest.mark.parametrize("name", ["fs", "dino"])
def test_a_killed_training_goes_on_exactly(name, pictures, tmp_path):
    def train(folder, *, stop_after=None):
        method = built(name, pictures)
        method.settings = dataclasses.replace(method.settings, epochs=3, batch=8, cooldown=1)

        def say(text, **_):
            if stop_after and f"epoch={stop_after}" in text:
                raise KeyboardInterrupt

        loop.fit(method, pictures, pictures, state=folder / "state.pt", curve=folder / "curve.csv", seed=3, say=say)
        return method

    whole = train(tmp_path / "whole").exported().state_dict()
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "killed", stop_after=2)
    resumed = train(tmp_path / "killed").exported().state_dict()
    assert all(torch.equal(whole[key], resumed[key]) for key in whole)
    lines = (tmp_path / "killed" / "curve.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in lines] == ["epoch", "1", "2", "3"]


def test_the_rate_climbs_stays_and_falls():
    settings = loop.Settings(epochs=10, rate=1.0, cooldown=2)
    rates = [loop.rate_at(step, 100, settings) for step in range(1000)]
    assert rates[0] == pytest.approx(0.01)
    assert rates[100] == rates[799] == 1.0
    assert rates[900] == pytest.approx(0.5)
    assert rates[999] == pytest.approx(0.005)


def test_pictures_are_drawn_once(tmp_path):
    first = cached(tmp_path, "val", 1)
    second = cached(tmp_path, "val", 1)
    assert torch.equal(first.images, second.images)
    assert torch.equal(first.masks, second.masks)
    assert first.captions == second.captions
    assert [path.name for path in tmp_path.iterdir()] == ["val-1.npz"]
    assert torch.equal(first.images, drawn("val", 1).images)


def test_captions_name_the_object_its_colours_and_the_ground(pictures):
    for caption, kind in zip(pictures.captions, ["giraffe", "elephant", "ox"], strict=False):
        assert kind in caption
        assert len(caption.split()) <= clip.LENGTH


def test_views_stay_in_range_and_differ(pictures):
    torch.manual_seed(0)
    seen = views(pictures.images, colour=0.9, grey=0.5)
    assert seen.shape == (24, 3, 80, 80)
    assert float(seen.abs().max()) <= 1
    assert not torch.equal(seen, views(pictures.images, colour=0.9, grey=0.5))


def test_masks_hide_exactly_forty_patches():
    torch.manual_seed(0)
    hidden = beit.blockwise_mask(torch.device("cpu"), 50)
    assert hidden.shape == (50, 100)
    assert set(hidden.sum(1).tolist()) == {beit.MASKED}


def test_patches_are_cut_in_row_major_order():
    image = torch.arange(80 * 80).view(1, 1, 80, 80).expand(1, 3, 80, 80).float()
    cut = mae.patches(image)
    assert cut.shape == (1, 100, 192)
    assert cut[0, 0, 0] == 0
    assert cut[0, 1, 0] == 8
    assert cut[0, 10, 0] == 8 * 80


def test_seeing_all_patches_is_the_whole_vit(pictures):
    torch.manual_seed(0)
    vit = architecture("fs").eval()
    images = views(pictures.images[:2])
    whole = vit(images)
    assert torch.allclose(windows.cls_of_some(vit, images, kept=100), whole, atol=1e-5)
    assert torch.allclose(windows.cls_of_views(vit, images), whole, atol=1e-5)


def test_fixed_positions_tell_rows_from_columns():
    table = sine_cosine(10, 96)
    assert table.shape == (1, 101, 96)
    assert float(table[0, 0].abs().sum()) == 0
    assert torch.equal(table[0, 1, 48:], table[0, 2, 48:])
    assert torch.equal(table[0, 1, :48], table[0, 11, :48])


def test_muon_makes_matrices_nearly_orthogonal():
    torch.manual_seed(0)
    values = torch.linalg.svdvals(orthogonal(torch.randn(3, 96, 32)))
    assert float(values.max()) < 1.3
    assert float(values.min()) > 0.6


def test_the_optimiser_descends():
    torch.manual_seed(0)
    layers = torch.nn.ModuleDict(
        {"blocks": torch.nn.Sequential(torch.nn.Linear(8, 8), torch.nn.GELU(), torch.nn.Linear(8, 8))}
    )
    optimiser = optimiser_for(layers, 1e-2, 0.0)
    assert [len(group["params"]) for group in optimiser.param_groups] == [2, 0, 2]
    inputs, target = torch.randn(64, 8), torch.randn(64, 8)
    losses = []
    for _ in range(60):
        loss = (layers["blocks"](inputs) - target).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.8 * losses[0]


def test_a_follower_moves_by_one_minus_momentum():
    slow, fast = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)
    wanted = 0.9 * slow.weight.detach().clone() + 0.1 * fast.weight.detach()
    follow(slow, fast, 0.9)
    assert torch.allclose(slow.weight, wanted)


def test_the_tokenizer_uses_its_codes(pictures):
    torch.manual_seed(0)
    tokenizer, seen = Tokenizer(), views(pictures.images[:4])
    loss = tokenizer.loss(seen)
    loss.backward()
    assert torch.isfinite(loss)
    with torch.no_grad():
        for _ in range(30):  # until codes that nobody chose start again where patches are
            tokenizer.loss(seen)
    codes = tokenizer.codes(seen)
    assert codes.shape == (4, 100)
    assert int(codes.max()) < CODES
    assert len(codes.unique()) > CODES / 4


def test_an_exported_file_is_half_precision_and_described(tmp_path):
    from safetensors import safe_open

    export("mae", architecture("mae"), tmp_path / "demo-mae.safetensors")
    with safe_open(tmp_path / "demo-mae.safetensors", "pt") as file:
        assert file.metadata()["method"] == "mae"
        assert file.get_tensor("cls_token").dtype == torch.float16


def test_the_command_line_trains_everything_by_default():
    assert set(parsed([]).only) == set(METHODS) == {demo.method for demo in DEMO_MODELS.values()}
    assert parsed(["--only", "fs"]).only == ["fs"]
