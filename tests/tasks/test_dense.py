"""Dense tiling: sizes as in the paper's code, to the token, and every token against a tile that is run by itself."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from vitscope.errors import ModelError
from vitscope.models import build
from vitscope.models.backbone import Backbone
from vitscope.models.shape import geometry_of
from vitscope.tasks.dense import features, tiles, tiling


@pytest.fixture(scope="module")
def model() -> Backbone:
    """demo-beit without its training: 80 px, patch 8, grid 10 × 10, one CLS token, positions relative in a tile."""
    loaded = build.load("random/demo-beit")
    geometry = geometry_of(loaded.name, loaded.module, loaded.image_size)
    return Backbone(loaded, geometry, torch.device("cpu"), torch.float)


def picture(width: int, height: int, seed: int = 0) -> Image.Image:
    """Coarse noise, every part of it different."""
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


@pytest.mark.parametrize(
    ("width", "height", "patch", "resized", "grid"),
    [
        (854, 480, 16, (784, 448), (28, 49)),
        (854, 480, 8, (792, 448), (56, 99)),
        (854, 480, 14, (784, 448), (32, 56)),
        (854, 480, 32, (768, 448), (14, 24)),
        (640, 480, 16, (592, 448), (28, 37)),
        (480, 640, 16, (448, 592), (37, 28)),
        (1152, 480, 16, (1072, 448), (28, 67)),
        (224, 224, 16, (448, 448), (28, 28)),
        (49, 49, 16, (448, 448), (28, 28)),  # 448 / 49 · 49 is less than 448 in floating point
        (30, 20, 16, (672, 448), (28, 42)),  # smaller than a tile: enlarged
        (1, 1, 16, (448, 448), (28, 28)),
    ],
)
def test_sizes_are_those_of_the_papers_code(width, height, patch, resized, grid):
    layout = tiling(height, width, 224, (patch, patch))
    assert (layout.width, layout.height) == resized
    assert (layout.rows, layout.columns) == grid


def test_tiles_start_where_those_of_the_papers_code_do():
    layout = tiling(480, 854, 224, (16, 16))
    assert layout.tops == (0, 224)
    assert layout.lefts == (0, 224, 448, 560)
    assert layout.corners[:5] == ((0, 0), (0, 224), (0, 448), (0, 560), (224, 0))


def test_every_tile_starts_at_a_patch_and_all_of_them_cover_the_image():
    for width in range(1, 400, 7):
        for patch in (8, 14, 16, 28, 32):
            layout = tiling(100, width, 224, (patch, patch))
            covered = np.zeros((layout.height, layout.width), dtype=bool)
            for top, left in layout.corners:
                assert top % patch == 0
                assert left % patch == 0
                covered[top : top + 224, left : left + 224] = True
                assert (top + 224 <= layout.height) and (left + 224 <= layout.width)
            assert covered.all()


def test_an_image_of_nothing_has_no_tiles():
    with pytest.raises(ValueError, match="0 × 5"):
        tiling(0, 5, 224, (16, 16))


def expected(model: Backbone, image: Image.Image) -> list[np.ndarray]:
    """Each tile through the model by itself; a token is taken from the first tile that covers it."""
    layout = tiling(image.height, image.width, 80, (8, 8))
    resized = np.asarray(image.resize((layout.width, layout.height), Image.Resampling.BICUBIC))
    found = [np.full((layout.rows, layout.columns, 96), np.nan) for _ in range(8)]
    for top in layout.tops:
        for left in layout.lefts:
            tile = torch.from_numpy(resized[None, top : top + 80, left : left + 80].copy())
            for layer, tokens in enumerate(model.features(tile)):
                for index in range(100):
                    row, column = top // 8 + index // 10, left // 8 + index % 10
                    if np.isnan(found[layer][row, column, 0]):
                        found[layer][row, column] = tokens[0, 1 + index].numpy()
    return found


@pytest.mark.parametrize(("size", "batch"), [((170, 90), 100), ((170, 90), 3), ((90, 170), 1), ((30, 20), 4)])
def test_every_token_of_every_layer(model, size, batch):
    image = picture(*size)
    model.batch_size = batch
    wanted = expected(model, image)
    model.forwards = 0
    found = features(model, image)
    assert model.forwards == len(tiling(image.height, image.width, 80, (8, 8)).corners)  # one pass for all layers
    assert len(found) == 8
    for tokens, truth in zip(found, wanted, strict=True):
        assert tokens.dtype == torch.float32
        np.testing.assert_allclose(tokens.numpy(), truth, rtol=0, atol=2e-5)


def test_the_earlier_of_two_tiles_wins(model):
    """Tokens of an overlap differ from tile to tile, so the test above tells them apart."""
    layout = tiling(90, 170, 80, (8, 8))
    assert layout.lefts[-1] < layout.lefts[-2] + 80
    cut = torch.from_numpy(tiles(picture(170, 90), layout))
    last = model.features(cut)[-1]
    before, after = len(layout.lefts) - 2, len(layout.lefts) - 1
    shift = (layout.lefts[-1] - layout.lefts[-2]) // 8
    grids = last[:, 1:].reshape(len(cut), 10, 10, 96)
    assert (grids[before, :, shift:] - grids[after, :, : 10 - shift]).abs().max() > 1e-3


def test_prefix_tokens_are_left_out():
    """A model with registers."""
    from timm.models.vision_transformer import VisionTransformer

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        module = VisionTransformer(
            img_size=32, patch_size=8, embed_dim=12, depth=2, num_heads=2, num_classes=0, reg_tokens=3, fc_norm=False
        ).eval()
    model = Backbone(_loaded(module, (32, 32)), geometry_of("m", module, (32, 32)), torch.device("cpu"), torch.float)
    image = picture(64, 64)
    found = features(model, image)
    first = model.features(torch.from_numpy(np.asarray(image)[None, :32, :32].copy()))
    for dense, tokens in zip(found, first, strict=True):
        assert dense.shape == (8, 8, 12)
        np.testing.assert_allclose(dense[:4, :4].reshape(16, 12), tokens[0, 4:], atol=1e-5)


def test_a_window_that_is_not_square_is_refused():
    from timm.models.vision_transformer import VisionTransformer

    module = VisionTransformer(
        img_size=(32, 48), patch_size=8, embed_dim=12, depth=1, num_heads=2, num_classes=0, fc_norm=False
    ).eval()
    model = Backbone(_loaded(module, (32, 48)), geometry_of("m", module, (32, 48)), torch.device("cpu"), torch.float)
    with pytest.raises(ModelError, match="sees 32×48 pixels"):
        features(model, picture(40, 40))


def _loaded(module: torch.nn.Module, size: tuple[int, int]) -> build.Loaded:
    half = (0.5, 0.5, 0.5)
    return build.Loaded("tiny", module, "random:0", size, half, half, None, ())
