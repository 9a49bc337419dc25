"""What the extraction keeps of the features of the trained DINOv2, against slow, plain float64 code.

The features come by another way than the product's: hooks on timm's own modules (block, norms, LayerScale), the fused
kernel, and torchvision's resizing and cropping. A Gram is compared relative to the largest of its entries, CKA and
ratios to within 1e-4.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import load_file
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as transforms

from tests.run import jobs
from vitscope.batch import NORMS, OUTPUT, PLACES, RESIDUAL
from vitscope.data.images import read
from vitscope.run.order import named, places
from vitscope.store.reader import Run
from vitscope.store.vectors import Vectors

pytestmark = [pytest.mark.weights, pytest.mark.slow]

MODEL = "timm/vit_small_patch14_dinov2.lvd142m"
METRICS = ("grams", "norm-grams", "residual-grams", "residual-norms", "token-norms", "vectors")
TOLERANCE = 1e-4
KEPT = {"cls": slice(0, 1), "spatial": slice(1, None), "all": slice(None)}


@pytest.fixture(scope="module", params=["corrected", "paper"])
def run(request, photographs: Path, trained_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    asked = jobs.request(
        photographs,
        model=MODEL,
        checkpoint=trained_checkpoint,
        image_size=None,
        metrics=METRICS,
        protocol=request.param,
    )
    return jobs.measured(asked, tmp_path_factory.mktemp("cache"))[1]


@pytest.fixture(scope="module")
def features(photographs: Path, trained_checkpoint: Path) -> dict[str, np.ndarray]:
    """Place → (I, L, T, D) float64."""
    model = timm.create_model("vit_small_patch14_dinov2", pretrained=False, img_size=224, num_classes=0)
    model.load_state_dict(load_file(trained_checkpoint), strict=True)
    model.eval()
    seen: dict[str, list[np.ndarray]] = {place: [] for place in PLACES}

    def keep(place: str, tokens: torch.Tensor) -> None:
        seen[place].append(tokens[0].double().numpy())

    for block in model.blocks:
        block.register_forward_pre_hook(lambda _m, inputs: keep("attention-skip", inputs[0]))
        block.norm2.register_forward_pre_hook(lambda _m, inputs: keep("mlp-skip", inputs[0]))
        for module, place in (
            (block, OUTPUT), (block.norm1, "norm1"), (block.norm2, "norm2"),
            (block.ls1, "attention-branch"), (block.ls2, "mlp-branch"),
        ):  # fmt: skip
            module.register_forward_hook(lambda _m, _i, out, place=place: keep(place, out))
    images = read(photographs).records
    with torch.inference_mode():
        for record in images:
            resized = transforms.resize(Image.open(record.path).convert("RGB"), [224], InterpolationMode.BICUBIC)
            pixels = torch.from_numpy(np.asarray(transforms.center_crop(resized, [224])).copy()).permute(2, 0, 1) / 255
            model(transforms.normalize(pixels, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))[None])
    return {place: np.stack(tokens).reshape(len(images), len(model.blocks), 257, 384) for place, tokens in seen.items()}


def gram(rows: np.ndarray) -> np.ndarray:
    return np.array([[float((one * other).sum()) for other in rows] for one in rows])


def hsic(one: np.ndarray, other: np.ndarray) -> float:
    """HSIC₁ of two Grams (Nguyen et al. 2020)."""
    n = len(one)
    k, m = one - np.diag(np.diag(one)), other - np.diag(np.diag(other))
    ones = np.ones(n)
    middle = (ones @ k @ ones) * (ones @ m @ ones) / ((n - 1) * (n - 2))
    return (np.trace(k @ m) + middle - 2 / (n - 2) * (ones @ k @ m @ ones)) / (n * (n - 3))


def check(run: Run, metric: str, array: str, tokens: np.ndarray) -> None:
    """Grams, ranges, and the CKA of all layers with each other, in the one block that seven photographs make."""
    order = places(named(run.spec.protocol), len(tokens))
    size = run.spec.gram_images
    assert run.array(metric, "places").tolist() == [[*order, *[-1] * (size - len(tokens))]]
    found = run.array(metric, array).astype(np.float64)
    assert found.shape == (12, 1, size, size)
    uncentred = [gram(layer) for layer in tokens[order].swapaxes(0, 1)]
    for layer, expected in enumerate(uncentred):
        rows = tokens[order, layer] - tokens[order, layer].mean(0)
        centred = gram(rows)
        inside = found[layer, 0, : len(tokens), : len(tokens)]
        np.testing.assert_allclose(inside, centred, rtol=0, atol=TOLERANCE * centred.max())
        spread = run.array(metric, f"{array}-range")[layer, 0]
        np.testing.assert_allclose(spread, expected.max() - expected.min(), rtol=TOLERANCE)
    for one, other in np.ndindex(12, 12):
        k, m = (found[layer, 0, : len(tokens), : len(tokens)] for layer in (one, other))
        ours = hsic(k, m) / np.sqrt(hsic(k, k) * hsic(m, m))
        k, m = uncentred[one], uncentred[other]
        truth = hsic(k, m) / np.sqrt(hsic(k, k) * hsic(m, m))
        np.testing.assert_allclose(ours, truth, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("kind", KEPT)
def test_grams_of_block_outputs(run, features, kind):
    check(run, "grams", kind, features[OUTPUT][:, :, KEPT[kind]])


@pytest.mark.parametrize("place", NORMS)
def test_grams_of_norms(run, features, place):
    check(run, "norm-grams", place, features[place])


@pytest.mark.parametrize("place", RESIDUAL)
def test_grams_of_skips_and_branches(run, features, place):
    check(run, "residual-grams", place, features[place])


def test_ratios_of_norms(run, features):
    assert run.result("residual-norms").coords == {"branch": ["attention", "mlp"], "tokens": ["all", "cls", "spatial"]}
    for b, branch in enumerate(("attention", "mlp")):
        for t, kind in enumerate(("all", "cls", "spatial")):
            skip, added = (
                np.sqrt((features[f"{branch}-{side}"][:, :, KEPT[kind]] ** 2).sum((2, 3)))
                for side in ("skip", "branch")
            )
            ratio = skip / added
            np.testing.assert_allclose(run.array("residual-norms")[b, :, t], ratio.mean(0), rtol=TOLERANCE)
            np.testing.assert_allclose(run.array("residual-norms", "std")[b, :, t], ratio.std(0, ddof=1), rtol=1e-3)


def test_norms_of_patch_tokens(run, features):
    norms = np.sqrt((features[OUTPUT][:, :, 1:] ** 2).sum(-1))
    np.testing.assert_allclose(run.array("token-norms"), norms.mean(0), rtol=TOLERANCE)
    np.testing.assert_allclose(run.array("token-norms", "median"), np.median(norms, -1).mean(0), rtol=TOLERANCE)
    low, high = np.percentile(norms, [25, 75], axis=-1)
    share = (norms > (high + 3 * (high - low))[..., None]).mean(-1)
    np.testing.assert_allclose(run.array("token-norms", "outliers"), share.mean(0), atol=1e-6)
    np.testing.assert_allclose(run.array("token-norms", "outliers-std"), share.std(0, ddof=1), atol=1e-6)


def test_vectors(run, features):
    vectors, tokens = Vectors(run), features[OUTPUT]
    assert vectors.places.tolist() == list(range(len(tokens)))
    for layer in range(12):
        for kind, expected in (("cls", tokens[:, layer, 0]), ("spatial", tokens[:, layer, 1:].mean(1))):
            found = vectors.read(layer, kind, 0, len(tokens)).astype(np.float64)
            np.testing.assert_allclose(found, expected, rtol=2**-10, atol=TOLERANCE * np.abs(expected).max())
