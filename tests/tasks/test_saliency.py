"""Saliency: thresholded attention against masks, by formulas, by the model's own attention and by loops."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.models import zoo
from tests.tasks import backbones
from vitscope.data import coco, partimagenet
from vitscope.data.masks import MaskedImage, Region, mask, soft_mask
from vitscope.data.pixels import crop, decode
from vitscope.demo.world import write
from vitscope.errors import DataError, ModelError, TaskError
from vitscope.models.backbone import Backbone
from vitscope.tasks import Asked, Outcome, saliency
from vitscope.tasks.saliency import Saliency, attention_maps, foreground, iou, merged, top_mass


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
    """By hand: ascending sums .05 .15 .30 .60 1.0, of which two are above .4."""
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
    """A head with little mass on the patches counts as much as one with all of it."""
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
    """A square of 200 in an image of 480 gives 49 of 14 × 14 patches, which are about 34 by area."""
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
    """The paper's code drops a region whose first ring is too short, whatever else it holds."""
    given = image([[6, 4, 7, 5], *square(100, 200)])
    assert foreground(given, (14, 14), threshold=0.0, first_ring=True) is None
    assert foreground(given, (14, 14), threshold=0.0, first_ring=False) is not None


# the maps


def backbone(trait: str) -> Backbone:
    return backbones.of(zoo.build(trait), (32, 48) if trait == "not square" else (32, 32))


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


# the task


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write(tmp_path_factory.mktemp("world"), only=["coco", "partimagenet"])


def outcome(task: Saliency, model: Backbone) -> Outcome:
    return task.compute([task.measure(unit, model).state for unit in range(len(task.units))])


@pytest.mark.parametrize(("name", "protocol"), [("coco", "paper"), ("coco", "corrected"), ("partimagenet", "paper")])
def test_numbers_are_those_of_images_one_by_one(world: dict[str, Path], name: str, protocol: str) -> None:
    """Over twenty images, which are two units, in passes of five; every formula written out again."""
    read = {
        "coco": coco.read,
        "partimagenet": lambda root, limit: partimagenet.read(root, per_super_class=500, limit=limit),
    }
    model = backbones.named("demo-fs", batch_size=5)
    task = Saliency(Asked(root=world[name], protocol=protocol, limit=20, options={"mass": 0.5}))
    assert len(task.units) == 2
    found = outcome(task, model)
    assert model.forwards == found.count
    per_head, per_merged = [], []
    for image in read[name](world[name], limit=20).images:
        truth = np.zeros((10, 10), bool)
        for region in image.regions:
            if protocol == "paper" and not region.crowd and len(region.segmentation[0]) <= 4:
                continue
            soft = soft_mask(mask(region, image.height, image.width), 10, 10, crop=True)
            truth |= soft > 0 if soft is not None else False
        if not truth.any():
            continue
        pixels = torch.from_numpy(crop(decode(image.path), (80, 80)))[None]
        maps = maps_by_loops(model, pixels, saliency.MODES)[:, 0]
        maps /= maps.sum(-1, keepdims=True)
        per_head.append([[[one_iou(head, truth, 0.5) for head in layer] for layer in mode] for mode in maps])
        per_merged.append([[one_iou(layer.mean(0), truth, 0.5) for layer in mode] for mode in maps])
    assert found.count == len(per_head)
    heads = np.array(per_head)
    expected = {
        "iou": heads.mean(0), "oracle": heads.max(-1).mean(0), "fixed": heads.mean(0).max(-1),
        "merged": np.mean(per_merged, 0),
    }  # fmt: skip
    for array, values in expected.items():
        np.testing.assert_allclose(found.arrays[array].values, values, atol=2e-3, err_msg=array)
        assert np.median(np.abs(found.arrays[array].values - values)) < 1e-12, array
    best = expected["oracle" if protocol == "paper" else "fixed"][0]
    np.testing.assert_allclose(found.arrays["best-head"].values, best, atol=2e-3)
    assert (found.arrays["oracle"].values >= found.arrays["fixed"].values).all()
    assert found.coords == {"mode": ["cls", "spatial", "centre"]}


def one_iou(values: np.ndarray, truth: np.ndarray, mass: float) -> float:
    """IoU of one map, patch by patch from the largest on."""
    chosen, held = set(), 0.0
    for place in np.argsort(-values):
        if held >= mass:
            break
        chosen.add(int(place))
        held += values[place]
    objects = set(np.flatnonzero(truth).tolist())
    return len(chosen & objects) / len(chosen | objects)


def test_a_model_without_cls_has_no_mode_cls(world: dict[str, Path]) -> None:
    task = Saliency(Asked(root=world["coco"], limit=3))
    found = outcome(task, backbone("no CLS"))
    assert found.coords == {"mode": ["spatial", "centre"]}
    assert found.arrays["iou"].values.shape == (2, 2, 3)
    np.testing.assert_array_equal(found.arrays["best-head"].values, found.arrays["fixed"].values[0])
    assert found.notes == ("the model has no CLS token: mode cls is left out.",)


def test_noise_is_as_good_as_chance(world: dict[str, Path]) -> None:
    """Sixty percent of the mass of uniform numbers lie on the larger 37 % of them, wherever those are."""
    task = Saliency(Asked(root=world["partimagenet"], limit=16))
    model = backbones.named("random", image_size=(64, 64))
    found = outcome(task, model)
    assert found.arrays["iou"].values.shape == (3, 10, 12)
    assert abs(found.arrays["iou"].values[0] - found.arrays["iou"].values[0].mean()).max() < 0.15
    trained = outcome(task, backbones.named("demo-beit"))
    assert trained.arrays["fixed"].values[0].max() > found.arrays["iou"].values[0].mean() + 0.1


def test_settings_and_fingerprint_tell_runs_apart(world: dict[str, Path]) -> None:
    root = world["coco"]
    given = [{}, {"options": {"mass": 0.5}}, {"options": {"threshold": 0.5}}, {"protocol": "paper"}, {"limit": 3}]
    runs = [Saliency(Asked(root=root, **one)) for one in given]
    assert len({(task.fingerprint, str(task.settings)) for task in runs}) == len(given)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"options": {"mass": 0.0}}, "--mass 0 is no share of the attention"),
        ({"options": {"mass": 1.5}}, "--mass 1.5 is no share"),
        ({"options": {"threshold": 1.0}}, "--threshold 1 is no share of a patch"),
        ({"limit": 0}, "--limit 0 keeps no image"),
        ({"per_class": 3}, "--per-class counts images of a super-category of PartImageNet"),
    ],
)
def test_options_without_sense(world: dict[str, Path], asked: dict, message: str) -> None:
    with pytest.raises(TaskError, match=message):
        Saliency(Asked(root=world["coco"], **asked))


def test_data_without_masks(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(DataError, match="PartImageNet or COCO is expected"):
        Saliency(Asked(root=tmp_path, kind="images"))


def test_images_that_cannot_be_used(world: dict[str, Path], tmp_path: Path) -> None:
    """One is missing, one has another size than its annotations are for; the others are measured."""
    root = tmp_path / "coco"
    shutil.copytree(world["coco"], root)
    images = coco.read(root, limit=4).images
    images[0].path.unlink()
    with Image.open(images[1].path) as picture:
        smaller = picture.resize((30, 20))
    smaller.save(images[1].path, format="PNG")
    task = Saliency(Asked(root=root, limit=4))
    model = backbone("plain")
    found = task.measure(0, model)
    assert [name for name, _ in found.skipped] == [images[0].name, images[1].name]
    assert found.skipped[0][1] == "no such file or directory"
    assert found.skipped[1][1].startswith("30 × 20 pixels, but its annotations are for")
    assert task.compute([found.state]).count == 2
    assert any("missing" in note for note in task.notes)


def test_no_image_can_be_used(world: dict[str, Path]) -> None:
    task = Saliency(Asked(root=world["coco"], limit=1))
    empty = {"iou": np.zeros((3, 2, 3)), "oracle": np.zeros((3, 2)), "merged": np.zeros((3, 2)), "images": np.array(0)}
    with pytest.raises(DataError, match="none of the images could be used"):
        task.compute([empty])


def test_attention_that_overflows(world: dict[str, Path]) -> None:
    model = backbone("plain")
    with torch.no_grad():
        model.model.module.blocks[0].attn.qkv.bias.fill_(torch.inf)
    with pytest.raises(ModelError, match="not finite"):
        Saliency(Asked(root=world["coco"], limit=1)).measure(0, model)
