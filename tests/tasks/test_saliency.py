"""Saliency: thresholded attention against masks, by formulas, by the model's own attention and by loops."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.models import zoo
from vitscope.data.masks import MaskedImage, Region, soft_mask
from vitscope.models.backbone import Backbone
from vitscope.models.build import Loaded
from vitscope.models.shape import geometry_of
from vitscope.tasks import saliency
from vitscope.tasks.saliency import attention_maps, foreground, iou, merged, top_mass

HALF = (0.5, 0.5, 0.5)


def kept_by_loops(values: list[int], mass: Fraction) -> list[bool]:
    """In whole numbers: take the largest, of equal ones the later, until their share is at least `mass`."""
    order = sorted(range(len(values)), key=lambda place: (values[place], place), reverse=True)
    kept, held = [False] * len(values), 0
    for place in order:
        if Fraction(held, sum(values)) >= mass:
            break
        kept[place], held = True, held + values[place]
    return kept


def test_five_weights() -> None:
    """The example of protocols 9.5: ascending sums .05 .15 .30 .60 1.0, of which two are above .4."""
    np.testing.assert_array_equal(top_mass(np.array([0.05, 0.10, 0.15, 0.30, 0.40]), 0.6), [0, 0, 0, 1, 1])


@pytest.mark.parametrize("mass", [Fraction(3, 5), Fraction(1, 2), Fraction(9, 10), Fraction(1, 100)])
@pytest.mark.parametrize("scale", [1.0, 0.1, 1e-6])
def test_against_whole_numbers(mass: Fraction, scale: float) -> None:
    """Small whole numbers: many ties, and many sums exactly on the border."""
    random = np.random.default_rng(0)
    maps = random.integers(0, 5, (50, 3, 20)) + (random.random((50, 3, 20)) < 0.1)
    found = top_mass(maps * scale, float(mass))
    expected = [[kept_by_loops(row.tolist(), mass) for row in image] for image in maps]
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("patches", [5, 49, 100, 196])
def test_uniform_attention_keeps_its_share(patches: int) -> None:
    uniform = np.full(patches, 1 / patches, np.float32)
    assert top_mass(uniform, 0.6).sum() == -(-patches * 6 // 10)


def test_all_mass_keeps_everything_but_zeros() -> None:
    np.testing.assert_array_equal(top_mass(np.array([0.0, 0.5, 0.5]), 1.0), [0, 1, 1])


def test_a_map_of_zeros_has_no_foreground() -> None:
    assert not top_mass(np.zeros(4), 0.6).any()


def test_merged_heads_have_equal_weight() -> None:
    """Q5: a head with little mass on the patches counts as much as one with all of it."""
    maps = np.array([[8.0, 0, 0, 0], [0, 0.1, 0.1, 0]])
    np.testing.assert_allclose(merged(maps), [0.5, 0.25, 0.25, 0], rtol=1e-15)


def test_iou() -> None:
    truth = np.array([True, True, False, False])
    found = np.array([[1, 1, 0, 0], [1, 0, 1, 0], [0, 0, 1, 1], [1, 1, 1, 1], [0, 0, 0, 0]], bool)
    np.testing.assert_array_equal(iou(found, truth), [1, 1 / 3, 0, 1 / 2, 0])


# the ground truth


def square(first: int, last: int, side: int = 480) -> list[list[float]]:
    return [[first, first, last, first, last, last, first, last]]


def image(*segmentations: object, size: tuple[int, int] = (480, 480)) -> MaskedImage:
    regions = tuple(Region(0, segmentation, False) for segmentation in segmentations)
    return MaskedImage(Path("none"), "none", 1, *size, regions)


def test_a_patch_that_is_touched_is_foreground() -> None:
    """Q7: a square of 200 in an image of 480 gives 49 of 14 × 14 patches, which are about 34 by area."""
    given = image(square(100, 300))
    touched = foreground(given, (14, 14), threshold=0.0, first_ring=True)
    half = foreground(given, (14, 14), threshold=0.5, first_ring=True)
    assert touched is not None
    assert half is not None
    assert touched.sum() == 49
    assert half.sum() == 36
    soft = soft_mask(np.pad(np.ones((200, 200), bool), ((100, 180), (100, 180))), 14, 14, crop=True)
    assert soft is not None
    np.testing.assert_array_equal(touched.reshape(14, 14), soft > 0)
    assert not (half & ~touched).any()


def test_objects_are_united() -> None:
    one, other = square(0, 100), square(300, 480)
    found = [
        foreground(image(*given), (6, 6), threshold=0.0, first_ring=False) for given in ((one,), (other,), (one, other))
    ]
    np.testing.assert_array_equal(found[0] | found[1], found[2])


def test_with_a_threshold_the_parts_of_a_patch_add_up() -> None:
    """Two parts that each cover 40 % of the one patch: together they cover it."""
    left, right = [[0, 0, 4, 0, 4, 10, 0, 10]], [[4, 0, 8, 0, 8, 10, 4, 10]]
    given = {"size": (10, 10)}
    assert foreground(image(left, **given), (1, 1), threshold=0.5, first_ring=False) is None
    both = foreground(image(left, right, **given), (1, 1), threshold=0.5, first_ring=False)
    assert both is not None
    assert both.all()


def test_nothing_in_the_centre_crop() -> None:
    """An object at the left end of a wide image; and an image without objects."""
    assert foreground(image(square(0, 8), size=(100, 400)), (14, 14), threshold=0.0, first_ring=False) is None
    assert foreground(image(), (14, 14), threshold=0.0, first_ring=False) is None
    assert foreground(image(), (14, 14), threshold=0.5, first_ring=False) is None


def test_a_short_first_ring_leaves_a_region_out_as_in_the_paper() -> None:
    """Q18: the reference drops a region whose first ring is too short, whatever else it holds."""
    given = image([[6, 4, 7, 5], *square(100, 200)])
    assert foreground(given, (14, 14), threshold=0.0, first_ring=True) is None
    assert foreground(given, (14, 14), threshold=0.0, first_ring=False) is not None


# the maps


def backbone(trait: str) -> Backbone:
    model = zoo.build(trait)
    size = zoo.TRAITS[trait]().patch_embed.img_size if trait == "not square" else (32, 32)
    loaded = Loaded(trait, model, "random:0", size, HALF, HALF, None, ())
    return Backbone(loaded, geometry_of(trait, model, size), torch.device("cpu"), torch.float32)


def maps_by_loops(model: Backbone, pixels: torch.Tensor, modes: tuple[str, ...]) -> np.ndarray:
    """From all the attention of every layer, row by row."""
    layers: list[list[np.ndarray]] = [[] for _ in range(model.layers)]
    model.run(pixels, on_attention=lambda piece: layers[piece.layer].append(piece.attention_BHQT.double().numpy()))
    prefix, g = len(model.geometry.prefix), model.geometry
    found = np.zeros((len(modes), len(pixels), g.layers, g.heads, g.patches))
    for layer, (attention,) in enumerate(layers):
        for mode, name in enumerate(modes):
            if name == "spatial":
                for query in range(prefix, g.tokens):
                    found[mode, :, layer] += attention[:, :, query, prefix:]
            else:
                row, column = (g.rows + 1) // 2 - 1, (g.columns + 1) // 2 - 1
                query = 0 if name == "cls" else prefix + row * g.columns + column
                found[mode, :, layer] = attention[:, :, query, prefix:]
    return found


@pytest.mark.parametrize("trait", ["plain", "registers", "no CLS", "two attentions a block", "not square"])
@pytest.mark.parametrize("held", [1 << 26, 2500, 40])
def test_maps_of_a_model(trait: str, held: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is held at once: all images, one image, a query or two."""
    monkeypatch.setattr(saliency, "HELD", held)
    model = backbone(trait)
    modes = saliency.MODES if "cls" in model.geometry.prefix else saliency.MODES[1:]
    height, width = model.window
    pixels = torch.randint(0, 256, (3, height, width, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    found = attention_maps(model, pixels, modes)
    np.testing.assert_allclose(found, maps_by_loops(model, pixels, modes), rtol=2e-5, atol=1e-9)
    assert model.forwards == 6  # once for each image, and once more for the loops


def test_chunks_hold_no_more_than_they_may(monkeypatch: pytest.MonkeyPatch) -> None:
    model = backbone("plain")  # 3 heads × 17 × 17 = 867 numbers an image
    sizes: list[int] = []
    run = model.run

    def watched(pixels: torch.Tensor, on_attention: Callable, chunk: object) -> None:
        def watch(piece) -> None:
            sizes.append(piece.attention_BHQT.numel())
            on_attention(piece)

        run(pixels, on_attention=watch, chunk=chunk)

    monkeypatch.setattr(model, "run", watched)
    for held in (900, 1800, 200):
        monkeypatch.setattr(saliency, "HELD", held)
        attention_maps(model, torch.zeros(4, 32, 32, 3, dtype=torch.uint8), saliency.MODES)
        assert max(sizes) <= held
        assert max(sizes) > held // 2
        sizes.clear()
