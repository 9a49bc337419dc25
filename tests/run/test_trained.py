"""The trained DINOv2 ViT-S/14 over real photographs, through the program: every number against slow, plain code.

The attention that the numbers are checked against comes by another way than the product's: timm's own unfused path, a
hook on the dropout after the softmax, and torchvision's resizing and cropping.

*Relative error* is |found − expected| / |expected| for every single number, without exception for small ones: expected
zeros must be found as zeros. It is so strict only where found and expected come from the same float32 activations. Two
numbers of other kinds have their own scale, said where they are compared: components of an offset, which cancel, and
attention of a model run in float64.
"""

from __future__ import annotations

import csv
import io
import json
import random
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import load_file
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as transforms
from typer.testing import CliRunner

from tests import oracles
from tests.run import jobs
from vitscope import catalog
from vitscope.batch import Batch, Images
from vitscope.cli import app
from vitscope.derive.aligned import aligned
from vitscope.derive.average import MODES, average
from vitscope.derive.distance import mean_distance, uniform_distance
from vitscope.derive.offset import magnitude, offset
from vitscope.metrics import Setting
from vitscope.metrics.head_deviation import HeadDeviation
from vitscope.metrics.position_deviation import PositionDeviation
from vitscope.store.reader import Cache, Run
from vitscope.tui.app import Browser
from vitscope.tui.place import starting

pytestmark = [pytest.mark.weights, pytest.mark.slow]

MODEL = "timm/vit_small_patch14_dinov2.lvd142m"
PHOTOGRAPHS = 7
TOLERANCE = 1e-4
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SAMPLE = [(layer, random.Random(layer).randrange(6)) for layer in (0, 3, 6, 9, 11)]  # heads for the slowest loops


def vitscope(*arguments: str | Path) -> bytes:
    """What a command that ends well writes to stdout."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.stderr
    return result.stdout_bytes


@pytest.fixture(scope="module")
def cache(photographs: Path, trained_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache with everything measured over the photographs."""
    cache = tmp_path_factory.mktemp("cache")
    given = ("--model", MODEL, "--checkpoint", trained_checkpoint, "--data", photographs, "--cache", cache)
    vitscope("extract", *given, "--metrics", "all", "--gallery", str(PHOTOGRAPHS), "--device", "cpu")
    return cache


@pytest.fixture(scope="module")
def run(cache: Path) -> Run:
    return Cache(cache).find(MODEL)


@pytest.fixture(scope="module")
def crops(photographs: Path) -> list[Image.Image]:
    """What the model sees, by torchvision."""
    images = [Image.open(path).convert("RGB") for path in sorted(photographs.iterdir())]
    bicubic = InterpolationMode.BICUBIC
    return [transforms.center_crop(transforms.resize(image, [224], bicubic), [224]) for image in images]


def attention_of(crops: list[Image.Image], checkpoint: Path, dtype: torch.dtype) -> np.ndarray:
    """Attention of every photograph (I, L, H, T, T), float64, computed by the model in `dtype`."""
    model = timm.create_model("vit_small_patch14_dinov2", pretrained=False, img_size=224, num_classes=0)
    model.load_state_dict(load_file(checkpoint), strict=True)
    model.eval().to(dtype)
    seen: list[np.ndarray] = []
    for block in model.blocks:
        block.attn.fused_attn = False
        block.attn.attn_drop.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].double().numpy()))
    with torch.inference_mode():
        for crop in crops:
            pixels = torch.from_numpy(np.asarray(crop).copy()).permute(2, 0, 1).to(dtype) / 255
            model(transforms.normalize(pixels, MEAN, STD)[None])
    layers = len(model.blocks)
    return np.concatenate(seen).reshape(len(crops), layers, *seen[0].shape[1:])


@pytest.fixture(scope="module")
def attention(crops: list[Image.Image], trained_checkpoint: Path) -> np.ndarray:
    """Of the same model as the product's, in float32."""
    return attention_of(crops, trained_checkpoint, torch.float32)


@pytest.fixture(scope="module")
def exact(crops: list[Image.Image], trained_checkpoint: Path) -> np.ndarray:
    """Of the same model in float64."""
    return attention_of(crops, trained_checkpoint, torch.float64)


@pytest.fixture(scope="module")
def spatial(attention: np.ndarray) -> np.ndarray:
    """R of every photograph (I, L, H, P, P)."""
    return attention[..., 1:, 1:] / attention[..., 1:, 1:].sum(-1, keepdims=True)


def rounding(attention: np.ndarray, exact: np.ndarray) -> np.ndarray:
    """What float32 costs on this processor: the largest relative error of attention in each head, (…, L, H, 1, 1).

    Numbers below the smallest of float16 are left out, which no result keeps.
    """
    error = np.divide(np.abs(attention - exact), exact, out=np.zeros_like(exact), where=exact > 2**-24)
    worst = error.max((-2, -1), keepdims=True)
    assert worst.max() < 10 * TOLERANCE  # else this is no rounding
    return worst


def assert_equal(found: np.ndarray, expected: np.ndarray, scale: np.ndarray | float | None = None) -> None:
    """Relative error of every number at most TOLERANCE; relative to `scale` where it is given."""
    assert found.shape == expected.shape
    error = np.abs(found.astype(np.float64) - expected)
    allowed = TOLERANCE * (np.abs(expected) if scale is None else np.broadcast_to(scale, expected.shape))
    assert (error <= allowed).all(), f"{(error > allowed).sum()} of {error.size}, the worst by {error.max()}"


def assert_moments(run: Run, metric: str, per_image: np.ndarray) -> None:
    """Mean and sample deviation over images of a metric."""
    assert_equal(run.array(metric, "mean"), per_image.mean(0))
    assert_equal(run.array(metric, "std"), per_image.std(0, ddof=1))


def test_the_run_says_what_it_is(run: Run, photographs: Path) -> None:
    geometry = run.geometry
    assert (geometry.layers, geometry.heads, geometry.rows, geometry.columns) == (12, 6, 16, 16)
    assert (geometry.prefix, geometry.patch) == (("cls",), (14, 14))
    assert run.images == PHOTOGRAPHS
    assert set(run.results()) == set(catalog.METRICS) - {"class-attention"}
    assert {result.images for result in run.results().values()} == {PHOTOGRAPHS}
    assert run.result("gallery").coords["image"] == sorted(path.name for path in photographs.iterdir())
    jobs.check_tidy(run)


def test_every_number_of_every_head(run: Run, attention: np.ndarray, exact: np.ndarray, spatial: np.ndarray) -> None:
    """All layers, heads, queries and keys, by the definitions in plain numpy."""
    patches = attention[..., 1:, 1:]
    row, column = np.divmod(np.arange(256), 16)
    apart = np.hypot(row[:, None] - row, column[:, None] - column) / 15
    mean, close = attention.mean(0), exact.mean(0)
    assert_equal(run.array("attention"), mean, scale=(1 + rounding(mean, close) / TOLERANCE) * mean)
    mean, close = spatial.mean(0), (exact[..., 1:, 1:] / exact[..., 1:, 1:].sum(-1, keepdims=True)).mean(0)
    assert_equal(run.array("spatial-attention"), mean, scale=(1 + rounding(mean, close) / TOLERANCE) * mean)
    assert_moments(run, "distance", (spatial * apart).sum(-1).mean(-1))
    surprise = np.log(attention, out=np.zeros_like(attention), where=attention > 0)
    assert_moments(run, "entropy", -(attention * surprise).sum(-1).mean(-1))
    assert_moments(run, "prefix-mass", attention[..., 1:, :1].mean(-2))
    assert_moments(run, "head-deviation", patches.std(2, ddof=1).mean((-2, -1)))
    assert_moments(run, "position-deviation", patches.std(3, ddof=1).mean(-1))


def test_the_gallery_is_what_the_model_saw(
    run: Run, attention: np.ndarray, exact: np.ndarray, crops: list[Image.Image]
) -> None:
    for found, expected in zip(run.array("gallery", "crop"), crops, strict=True):
        np.testing.assert_array_equal(found, np.asarray(expected))
    found = run.array("gallery", "attention").astype(np.float64)
    half = np.maximum(attention * 2**-11, 2**-25)  # float16 keeps eleven bits, and nothing below 2⁻²⁴
    single = (TOLERANCE + rounding(attention, exact)) * attention
    assert (np.abs(found - attention) <= half + single).all()


@pytest.mark.parametrize(("layer", "head"), SAMPLE)
def test_slow_loops_over_images_and_tokens(run: Run, attention: np.ndarray, layer: int, head: int) -> None:
    """The oracles of tests/oracles.py, which know no numpy formula at all, for heads chosen at random."""
    geometry, one = run.geometry, attention[:, layer : layer + 1, head : head + 1]

    def of(metric: str, array: str = "mean") -> np.ndarray:
        return run.array(metric, array)[layer : layer + 1, head : head + 1]

    for metric, per_image in {
        "distance": oracles.distance(one, geometry),
        "entropy": oracles.entropy(one),
        "prefix-mass": oracles.prefix_mass(one, geometry),
        "position-deviation": oracles.position_deviation(one, geometry),
    }.items():
        assert_equal(of(metric), oracles.mean(per_image))
        assert_equal(of(metric, "std"), oracles.spread(per_image))
    mean, pairs = of("attention"), of("spatial-attention")
    assert_equal(mean, oracles.mean_attention(one))
    assert_equal(pairs, oracles.mean_spatial(one, geometry))
    for mode in MODES:
        assert_equal(average(mode, mean, pairs, geometry), oracles.average(mode, one, geometry))
    assert_equal(aligned(pairs, geometry), oracles.aligned(one, geometry))
    assert_equal(aligned(pairs, geometry, corrected=True), oracles.aligned_corrected(one, geometry))
    assert_equal(mean_distance(pairs, geometry), oracles.mean(oracles.distance(one, geometry)))
    vector = oracles.offset(one, geometry)
    assert_equal(offset(pairs, geometry), vector, scale=np.abs(vector).max())  # of the larger component
    assert_equal(magnitude(offset(pairs, geometry)), np.hypot(vector[..., 0], vector[..., 1]))


def test_slow_loops_over_heads(run: Run, attention: np.ndarray) -> None:
    layer = random.Random(2).randrange(12)
    per_image = oracles.head_deviation(attention[:, layer : layer + 1], run.geometry)
    assert_equal(run.array("head-deviation")[layer : layer + 1], oracles.mean(per_image))
    assert_equal(run.array("head-deviation", "std")[layer : layer + 1], oracles.spread(per_image))


def test_a_model_in_float64_agrees(run: Run, exact: np.ndarray) -> None:
    """What float32 costs: attention to within 1e-4 of the largest in its row, numbers of a head to within 1e-4."""
    patches = exact[..., 1:, 1:]
    mean = exact.mean(0)
    assert_equal(run.array("attention"), mean, scale=mean.max(-1, keepdims=True))
    assert_moments(run, "entropy", -(exact * np.log(exact)).sum(-1).mean(-1))
    assert_moments(run, "prefix-mass", exact[..., 1:, :1].mean(-2))
    assert_moments(run, "head-deviation", patches.std(2, ddof=1).mean((-2, -1)))
    assert_moments(run, "position-deviation", patches.std(3, ddof=1).mean(-1))


# identities: what must hold whatever the images


def test_identities_of_the_aligned_maps(run: Run) -> None:
    pairs = run.array("spatial-attention").astype(np.float64)
    found = aligned(pairs, run.geometry)
    np.testing.assert_allclose(found.sum((-2, -1)), 1, rtol=1e-6)
    maps = pairs.reshape(12, 6, 16, 16, 16, 16)
    shifted = np.zeros_like(found)
    for row, column in np.ndindex(16, 16):
        shifted[..., 15 - row : 31 - row, 15 - column : 31 - column] += maps[:, :, row, column]
    np.testing.assert_allclose(found, shifted / 256, rtol=1e-12)
    uniform = aligned(np.full((1, 1, 256, 256), 1 / 256), run.geometry)[0, 0]
    step = 16 - np.abs(np.arange(-15, 16))
    np.testing.assert_allclose(uniform, np.outer(step, step) / 16**4, rtol=1e-12)
    np.testing.assert_allclose(aligned(pairs, run.geometry, corrected=True), found / (uniform * 256), rtol=1e-12)


def test_identities_of_offset_and_distance(run: Run) -> None:
    pairs = run.array("spatial-attention")
    maps, axis = aligned(pairs, run.geometry), np.linspace(-1, 1, 31)
    centre = np.stack([(maps * axis).sum((-2, -1)), (maps * axis[:, None]).sum((-2, -1))], -1)
    found = offset(pairs, run.geometry)
    np.testing.assert_allclose(found, centre, rtol=0, atol=1e-7)
    both = pairs + np.swapaxes(pairs, -2, -1)
    np.testing.assert_allclose(offset(both, run.geometry), 0, atol=1e-8)
    np.testing.assert_allclose(run.array("distance"), mean_distance(pairs, run.geometry), rtol=1e-5)
    assert round(uniform_distance(run.geometry), 4) == 0.5551
    np.testing.assert_allclose(mean_distance(np.broadcast_to(np.eye(256), pairs.shape), run.geometry), 0)


def test_identities_of_the_averages(run: Run) -> None:
    mean, pairs = run.array("attention"), run.array("spatial-attention")
    of = {mode: average(mode, mean, pairs, run.geometry) for mode in MODES}
    np.testing.assert_allclose(of["all"], (of["cls"] + 256 * of["spatial"]) / 257, rtol=1e-6)
    for mode, values in of.items():
        np.testing.assert_allclose(values.sum(-1), 1, rtol=1e-6, err_msg=mode)
    assert not of["pure"][..., 0].any()
    np.testing.assert_allclose(of["spatial"][..., 0], run.array("prefix-mass")[..., 0], rtol=1e-5)


def test_identities_of_the_deviations(run: Run, attention: np.ndarray) -> None:
    """Photographs whose heads are made alike, and whose queries are."""
    images = Images(torch.zeros(PHOTOGRAPHS, 0), None, tuple(range(PHOTOGRAPHS)))
    setting, layer = Setting(run.geometry, torch.device("cpu")), slice(0, PHOTOGRAPHS)

    def added(metric: type, values: np.ndarray) -> np.ndarray:
        measured, given = metric(setting), torch.from_numpy(values).float()
        measured.add(Batch(run.geometry, 0, given, given.log(), 0, images, layer))
        return measured.sums.compute(measured.sums.state())["mean"][0]

    real = attention[:, 5]
    assert (added(HeadDeviation, real) > 1e-4).all()
    assert not added(HeadDeviation, np.repeat(real[:, :1], 6, 1)).any()
    assert (added(PositionDeviation, real) > 1e-4).all()
    np.testing.assert_allclose(added(PositionDeviation, np.repeat(real[:, :, 9:10], 257, 2)), 0, atol=1e-9)


# and all of it can be looked at


@pytest.mark.parametrize("view", [name for name, view in catalog.VIEWS.items() if not (view.task or view.several)])
def test_show(cache: Path, view: str, tmp_path: Path) -> None:
    command = ("show", view, "--model", MODEL, "--cache", cache)
    assert b"\x1b" not in vitscope(*command)
    shown = json.loads(vitscope(*command, "--format", "json"))
    assert (shown["view"], shown["model"], shown["images"]) == (view, MODEL, PHOTOGRAPHS)
    shape = tuple(len(shown["coords"][dim]) for dim in shown["dims"])
    columns = shown.get("columns") or {"value": {"values": shown["values"]}}
    for name, column in columns.items():
        assert np.array(column["values"], dtype=object).shape[: len(shape)] == shape, name
    rows = list(csv.DictReader(io.StringIO(vitscope(*command, "--format", "csv").decode())))
    assert len(rows) % np.prod(shape) == 0
    array = np.load(io.BytesIO(vitscope(*command, "--format", "npy")), allow_pickle=False)
    assert array.size >= np.prod(shape)
    assert vitscope(*command, "--format", "png").startswith(b"\x89PNG")
    assert b"<svg" in vitscope(*command, "--format", "svg")[:2000]
    vitscope(*command, "--format", "png", "--output", tmp_path / "figure.png")
    with Image.open(tmp_path / "figure.png") as figure:
        assert min(figure.size) > 200


def test_show_tells_the_measured_numbers(cache: Path, run: Run) -> None:
    shown = np.load(io.BytesIO(vitscope("show", "distance", "--model", MODEL, "--cache", cache, "--format", "npy")))
    np.testing.assert_array_equal(shown, run.array("distance"))
    place = ("--layer", "12", "--head", "3", "--query", "4,7", "--image", "coffee.png")
    command = ("show", "attention", "--model", MODEL, "--cache", cache, *place, "--format", "npy")
    index = run.result("gallery").coords["image"].index("coffee.png")
    expected = run.array("gallery", "attention")[index, 11, 2, 1 + 3 * 16 + 6, 1:].reshape(16, 16)
    np.testing.assert_array_equal(np.load(io.BytesIO(vitscope(*command))), expected)


async def test_browse(cache: Path) -> None:
    browser = Browser(cache, starting(cache, f"{MODEL}/7/3"), "256")
    async with browser.run_test(size=(120, 40)) as pilot:
        for _ in range(500):
            await pilot.pause(0.01)
            if browser.book.listing is not None and not browser.unread():
                break
        assert not browser.unread()
        await pilot.press("escape")
        await pilot.press("q")
    assert browser.return_code == 0
