"""CKA of the trained DINOv2 ViT-S/14, as the program shows it, against float64 on features taken by plain hooks."""

from __future__ import annotations

import io
import json
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import load_file
from typer.testing import CliRunner

from vitscope.cli import app
from vitscope.store.reader import Cache

pytestmark = [pytest.mark.weights, pytest.mark.slow]

MODEL = "timm/vit_small_patch14_dinov2.lvd142m"
IMAGES = 36  # a block of 32 and one of 4; with --protocol paper four of 8 and one of 4
TOLERANCE = 1e-4
METRICS = "grams,norm-grams,residual-grams,vectors"


@pytest.fixture(scope="module")
def crops(photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Squares of 224 pixels out of the photographs, which no resizing changes."""
    folder = tmp_path_factory.mktemp("crops")
    sources = [Image.open(path).convert("RGB") for path in sorted(photographs.iterdir())]
    for index in range(IMAGES):
        source = sources[index % len(sources)]
        left = (37 * index) % (source.width - 224)
        top = (53 * index) % (source.height - 224)
        source.crop((left, top, left + 224, top + 224)).save(folder / f"{index:02d}.png")
    return folder


@pytest.fixture(scope="module")
def cache(crops: Path, trained_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A cache for each protocol."""
    found = {}
    for protocol in ("corrected", "paper"):
        found[protocol] = tmp_path_factory.mktemp(protocol)
        given = ["extract", "--model", MODEL, "--checkpoint", trained_checkpoint, "--data", crops, "--device", "cpu"]
        run(*given, "--metrics", METRICS, "--protocol", protocol, "--cache", found[protocol])
    return found


@pytest.fixture(scope="module")
def features(crops: Path, trained_checkpoint: Path) -> dict[str, np.ndarray]:
    """Tokens (L, I, T, D) at every tap, float32, by hooks on timm's model."""
    model = timm.create_model("vit_small_patch14_dinov2", pretrained=False, img_size=224, num_classes=0)
    model.load_state_dict(load_file(trained_checkpoint), strict=True)
    model.eval().float()
    seen: dict[str, list[np.ndarray]] = {name: [] for name in ("block", "norm1", "norm2", "attn-in", "ls1", "ls2")}
    for block in model.blocks:
        block.register_forward_pre_hook(lambda _, i: seen["attn-in"].append(i[0][0].numpy()))
        block.register_forward_hook(lambda _, i, o: seen["block"].append(o[0].numpy()))
        for name in ("norm1", "norm2", "ls1", "ls2"):
            getattr(block, name).register_forward_hook(lambda _, i, o, name=name: seen[name].append(o[0].numpy()))
    mean, std = (torch.tensor(v)[:, None, None] for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    with torch.inference_mode():
        for path in sorted(crops.iterdir()):
            pixels = torch.from_numpy(np.asarray(Image.open(path)).copy()).permute(2, 0, 1) / 255
            model(((pixels - mean) / std)[None])
    layers = len(model.blocks)
    taps = {name: np.stack([np.stack(values[layer::layers]) for layer in range(layers)])
            for name, values in seen.items()}  # fmt: skip
    streams = {"attention-skip": taps["attn-in"], "attention-branch": taps["ls1"], "mlp-branch": taps["ls2"]}
    return {**taps, **streams, "mlp-skip": taps["attn-in"] + taps["ls1"]}


def run(*arguments: object) -> bytes:
    done = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.stderr
    return done.stdout_bytes


def shown(cache: Path, view: str, *options: str) -> np.ndarray:
    values = np.load(io.BytesIO(run("show", view, "--model", MODEL, "--cache", cache, "--format", "npy", *options)))
    assert np.isfinite(values.view(np.float64)).all()
    return values


def expected(one: np.ndarray, other: np.ndarray, places: np.ndarray, *, paper: bool) -> np.ndarray:
    """CKA of all pairs of layers of features (L, I, …), block by block with HSIC₁ as it is defined, float64."""
    terms = np.zeros((len(one), len(other), 3))
    for block in places:
        rows = block[block >= 0]
        grams = [[_gram(layer[rows], paper=paper) for layer in features] for features in (one, other)]
        for i, j in product(range(len(one)), range(len(other))):
            k, l = grams[0][i], grams[1][j]  # noqa: E741
            terms[i, j] += _hsic(k, l), _hsic(k, k), _hsic(l, l)
    return terms[..., 0] / np.sqrt(terms[..., 1] * terms[..., 2])


def _gram(rows: np.ndarray, *, paper: bool) -> np.ndarray:
    flat = rows.reshape(len(rows), -1).astype(np.float64)
    if not paper:
        flat = flat - flat.mean(axis=0)  # keeps float64's digits; HSIC₁ does not change
    gram = flat @ flat.T
    if paper:
        gram = (gram - gram.min()) / (gram - gram.min()).max()
    np.fill_diagonal(gram, 0)
    return gram


def _hsic(k: np.ndarray, l: np.ndarray) -> float:  # noqa: E741
    n, ones = len(k), np.ones(len(k))
    sums = (ones @ k @ ones) * (ones @ l @ ones) / ((n - 1) * (n - 2))
    return (np.trace(k @ l) + sums - 2 / (n - 2) * (ones @ k @ l @ ones)) / (n * (n - 3))


@pytest.mark.parametrize("protocol", ["corrected", "paper"])
@pytest.mark.parametrize("tokens", ["all", "cls", "spatial"])
def test_layers_of_every_kind_of_tokens(cache, features, protocol, tokens):
    part = {"all": slice(None), "cls": slice(0, 1), "spatial": slice(1, None)}[tokens]
    tap = features["block"][:, :, part]
    places = Cache(cache[protocol]).find(MODEL).array("grams", "places")
    assert places.shape == ((2, 32) if protocol == "corrected" else (5, 8))
    found = shown(cache[protocol], "cka", "--tokens", tokens)
    np.testing.assert_allclose(found, expected(tap, tap, places, paper=protocol == "paper"), atol=TOLERANCE)
    assert np.abs(np.diagonal(found) - 1).max() < 1e-12


@pytest.mark.parametrize("protocol", ["corrected", "paper"])
def test_layer_norms(cache, features, protocol):
    woven = np.stack([features["norm1"], features["norm2"]], axis=1).reshape(24, *features["norm1"].shape[1:])
    places = Cache(cache[protocol]).find(MODEL).array("norm-grams", "places")
    found = shown(cache[protocol], "cka", "--taps", "norm")
    np.testing.assert_allclose(found, expected(woven, woven, places, paper=protocol == "paper"), atol=TOLERANCE)


@pytest.mark.parametrize("protocol", ["corrected", "paper"])
@pytest.mark.parametrize("branch", ["attention", "mlp"])
def test_residual_branches(cache, features, protocol, branch):
    places = Cache(cache[protocol]).find(MODEL).array("residual-grams", "places")
    found = shown(cache[protocol], "residual", "--taps", branch)
    one, other = features[f"{branch}-skip"], features[f"{branch}-branch"]
    np.testing.assert_allclose(found, expected(one, other, places, paper=protocol == "paper"), atol=TOLERANCE)


@pytest.mark.parametrize("tokens", ["cls", "spatial"])
def test_exact_cka_of_all_images(cache, features, tokens):
    rows = features["block"][:, :, 0] if tokens == "cls" else features["block"][:, :, 1:].mean(axis=2)
    found = shown(cache["corrected"], "cka", "--exact", "--tokens", tokens)
    whole = expected(rows, rows, np.arange(IMAGES)[None], paper=False)
    np.testing.assert_allclose(found["unbiased"], whole, atol=2e-3)  # vectors are kept in half precision
    half = rows.astype(np.float16)
    np.testing.assert_allclose(
        found["unbiased"], expected(half, half, np.arange(IMAGES)[None], paper=False), atol=TOLERANCE
    )
    centred = [layer - layer.mean(axis=0) for layer in half.astype(np.float64)]
    norms = np.array([[np.linalg.norm(x.T @ y) ** 2 for y in centred] for x in centred])
    own = np.sqrt(np.diagonal(norms))
    np.testing.assert_allclose(found["biased"], norms / np.outer(own, own), atol=TOLERANCE)


def test_what_is_known_of_real_features(cache):
    found = shown(cache["corrected"], "cka")
    neighbours, ends = np.diagonal(found, 1).mean(), found[0, -1]
    assert neighbours > 0.8
    assert ends < neighbours
    view = json.loads(run("show", "cka", "--model", MODEL, "--cache", cache["corrected"], "--format", "json"))
    assert (view["dims"], view["unit"], view["images"]) == (["layer", "other_layer"], "1", IMAGES)
