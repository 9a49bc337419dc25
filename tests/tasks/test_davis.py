"""DAVIS through a model: a film that is drawn here, the embedded world, masks on disk, and trees that are wrong."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.tasks import backbones
from vitscope.data.davis import palette, read, read_mask
from vitscope.demo.world import write
from vitscope.errors import DataError, ModelError, TaskError, UnknownName
from vitscope.models.backbone import Backbone
from vitscope.tasks import Asked, Measured, dense
from vitscope.tasks.davis import Davis
from vitscope.tasks.davis_score import Truth, score
from vitscope.tasks.propagation import Propagation, decide, first_mask


def film(root: Path, masks: list[np.ndarray], name: str = "film", size: tuple[int, int] | None = None) -> None:
    """A film whose objects are coloured as in their masks, on noise."""
    pictures, outlines = root / "JPEGImages" / "480p" / name, root / "Annotations" / "480p" / name
    for folder in (pictures, outlines, root / "ImageSets" / "2017"):
        folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(0)
    for time, mask in enumerate(masks):
        pixels = np.where(mask[..., None] > 0, palette()[mask], random.integers(100, 156, (*mask.shape, 3))).astype(
            np.uint8
        )
        picture = Image.fromarray(pixels)
        (picture if size is None else picture.resize(size)).save(pictures / f"{time:05d}.jpg", quality=95)
        image = Image.fromarray(mask)
        image.putpalette(palette().tobytes())
        image.save(outlines / f"{time:05d}.png")
    listing = root / "ImageSets" / "2017" / "val.txt"
    listing.write_text((listing.read_text() if listing.is_file() else "") + f"{name}\n")


def squares(frames: int = 6, height: int = 40, width: int = 64) -> list[np.ndarray]:
    """Two squares that move towards each other."""
    masks = []
    for time in range(frames):
        mask = np.zeros((height, width), np.uint8)
        mask[8:24, 4 + 2 * time : 20 + 2 * time] = 1
        mask[16:32, 44 - 2 * time : 60 - 2 * time] = 2
        masks.append(mask)
    return masks


@pytest.fixture
def root(tmp_path: Path) -> Path:
    film(tmp_path / "tree", squares())
    return tmp_path / "tree"


@pytest.fixture
def model(tiny) -> Backbone:
    return backbones.of(tiny, (32, 32))


def asked(root: Path, **options: object) -> Asked:
    return Asked(root=root, options=options)


def measured(task: Davis, model: Backbone) -> list[Measured]:
    return [task.measure(unit, model) for unit in range(len(task.units))]


# the numbers


def test_numbers_are_those_of_the_steps_one_by_one(root: Path, model: Backbone) -> None:
    """Every layer by itself: features, propagation, decision, score; and each frame once through the model."""
    task = Davis(asked(root))
    (found,) = measured(task, model)
    tiles = len(dense.tiling_for(model, 40, 64).corners)
    assert model.forwards == 6 * tiles
    (sequence,) = read(root)
    truths = [read_mask(path) for path in sequence.masks]
    for layer in range(model.layers):
        tokens = [dense.features(model, Image.open(path))[layer] for path in sequence.frames]
        state = Propagation(tokens[0], torch.from_numpy(first_mask(truths[0], *tokens[0].shape[:2], 3)))
        for time in range(1, 6):
            mask = decide(state.step(tokens[time]), (8, 8), (40, 64))
            if time < 5:
                j, f = score(mask, [Truth.of(truths[time] == thing) for thing in (1, 2)])
                np.testing.assert_array_equal(found.state["j"][layer, :, time - 1], j)
                np.testing.assert_array_equal(found.state["f"][layer, :, time - 1], f)
    assert found.state["j"].shape == found.state["f"].shape == (3, 2, 4)
    assert found.state["j"].mean() > 0.3


def test_means_are_over_objects_not_over_films(root: Path) -> None:
    """A film with one object and one with two, worked by hand."""
    film(root, [mask * (mask == 1) for mask in squares()], "other")
    task = Davis(asked(root))
    states = [
        {"j": np.array([[[0.2, 0.4], [0.6, 0.6]]]), "f": np.array([[[1.0, 0.0], [0.5, 0.7]]])},
        {"j": np.array([[[0.9, 0.9]]]), "f": np.array([[[0.0, 0.0]]])},
    ]
    outcome = task.compute(states)
    found = {name: array.values.tolist() for name, array in outcome.arrays.items()}
    assert found["j-object"] == [pytest.approx([0.3, 0.6, 0.9])]
    assert found["f-object"] == [pytest.approx([0.5, 0.6, 0.0])]
    assert found["j"] == pytest.approx([0.6])
    assert found["f"] == pytest.approx([1.1 / 3])
    assert found["jf"] == pytest.approx([(0.6 + 1.1 / 3) / 2])
    assert found["j-recall"] == pytest.approx([2 / 3])
    assert found["f-decay"] == pytest.approx([(1 - 0.2 + 0) / 3])
    assert outcome.coords["object"] == ["film/1", "film/2", "other/1"]
    assert outcome.count == 4


def test_the_whole_tree_of_the_official_evaluation(tmp_path: Path, model: Backbone, monkeypatch) -> None:
    """Masks as if a model had drawn them: davis2017-evaluation gives J&F .9047203, whatever the last frame holds."""
    truth = np.zeros((20, 40), np.uint8)
    truth[5:15, 5:15], truth[5:15, 25:35] = 1, 2
    film(tmp_path, [truth] * 5)
    masks = []
    for shift in (0, 1, 3, 0):
        mask = np.where(truth == 2, truth, 0)
        mask[5:15, 5 + shift : 15 + shift] = 1
        masks.append([mask] * 3)
    masks.append([np.zeros_like(truth)] * 3)
    task = Davis(asked(tmp_path))
    monkeypatch.setattr(task, "_follow", lambda *_: iter(masks))
    outcome = task.compute([task.measure(0, model).state])
    np.testing.assert_allclose(outcome.arrays["j-object"].values, [[0.7855478, 1]] * 3, atol=5e-8)
    np.testing.assert_allclose(outcome.arrays["f-object"].values, [[0.8333333, 1]] * 3, atol=5e-8)
    assert outcome.arrays["jf"].values.round(7).tolist() == [0.9047203] * 3


def test_void_is_background(root: Path, model: Backbone) -> None:
    """In the first mask, too: 255 is neither an object nor 255 channels."""
    plain = measured(Davis(asked(root)), model)[0].state
    for path in sorted((root / "Annotations/480p/film").iterdir()):
        mask = read_mask(path)
        mask[mask == 0] = 255
        image = Image.fromarray(mask)
        image.putpalette(palette().tobytes())
        image.save(path)
    void = measured(Davis(asked(root)), model)[0].state
    for name, values in plain.items():
        np.testing.assert_array_equal(void[name], values)


@pytest.mark.parametrize("protocol", ["paper", "corrected"])
def test_an_object_that_no_token_falls_on_scores_nothing(tmp_path: Path, model: Backbone, protocol: str) -> None:
    masks = squares()
    for mask in masks:
        mask[0, 0] = 3
    film(tmp_path, masks)
    (found,) = measured(Davis(Asked(root=tmp_path, protocol=protocol)), model)
    assert found.state["j"].shape == (3, 3, 4)
    assert not found.state["j"][:, 2].any()
    assert found.state["j"][:, :2].any()


# the masks


def test_masks_are_those_that_were_scored(root: Path, model: Backbone, tmp_path: Path) -> None:
    (found,) = measured(Davis(asked(root, masks=str(tmp_path / "out"))), model)
    (sequence,) = read(root)
    for layer in range(3):
        folder = tmp_path / "out" / "small" / f"layer-{layer + 1:02d}" / "film"
        files = sorted(folder.iterdir())
        assert [file.name for file in files] == [f"{time:05d}.png" for time in range(6)]
        masks = [np.array(Image.open(file)) for file in files]
        np.testing.assert_array_equal(masks[0], read_mask(sequence.masks[0]))
        for time in range(1, 5):
            truth = read_mask(sequence.masks[time])
            j, _ = score(masks[time], [Truth.of(truth == thing) for thing in (1, 2)])
            np.testing.assert_array_equal(found.state["j"][layer, :, time - 1], j)
        with Image.open(files[3]) as image:
            assert image.mode == "P"
            assert image.getpalette()[:12] == [0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0]


def test_an_independent_implementation_agrees(tmp_path: Path, model: Backbone) -> None:
    """`vos-benchmark` scores the folders that vitscope writes: J, F and J&F of every layer, in percent there."""
    from vos_benchmark.benchmark import benchmark

    tree = tmp_path / "tree"
    film(tree, squares())
    film(tree, [mask[:, ::-1] * (mask[:, ::-1] == 1) for mask in squares(5, 48, 48)], "other")
    task = Davis(asked(tree, masks=str(tmp_path / "out")))
    outcome = task.compute([one.state for one in measured(task, model)])
    for layer in range(3):
        results = tmp_path / "out" / "small" / f"layer-{layer + 1:02d}"
        whole, j, f, _ = benchmark(
            [str(tree / "Annotations" / "480p")],
            [str(results)],
            num_processes=1,
            verbose=False,
            skip_first_and_last=True,
        )
        expected = [outcome.arrays[name].values[layer] * 100 for name in ("jf", "j", "f")]
        np.testing.assert_allclose([whole[0], j[0], f[0]], expected, rtol=1e-9)
    assert 5 < outcome.arrays["jf"].values[0] * 100 < 100


def test_a_folder_that_cannot_be_written(root: Path, model: Backbone, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TaskError, match=r"--masks: cannot write to .*file"):
        measured(Davis(asked(root, masks=str(tmp_path / "file"))), model)


# what is asked for, and what is wrong


def test_some_sequences(root: Path) -> None:
    film(root, squares(4), "other")
    whole, one, first = Davis(asked(root)), Davis(asked(root, sequences=("other",))), Davis(Asked(root=root, limit=1))
    assert (whole.units, one.units, first.units) == (["film", "other"], ["other"], ["film"])
    assert len({task.fingerprint for task in (whole, one, first)}) == 3
    assert whole.dataset == "tree-val"
    with pytest.raises(UnknownName, match=r"no video is called 'otter'\. Did you mean other\?"):
        Davis(asked(root, sequences=("otter",)))
    with pytest.raises(TaskError, match="--limit 0 keeps no sequence"):
        Davis(Asked(root=root, limit=0))
    with pytest.raises(TaskError, match=r"--per-class.*use --limit"):
        Davis(Asked(root=root, per_class=2))


def test_fingerprint_follows_the_masks_not_the_folder(root: Path, tmp_path: Path) -> None:
    shutil.copytree(root, tmp_path / "copy")
    before = Davis(asked(tmp_path / "copy")).fingerprint
    assert before == Davis(asked(root)).fingerprint
    path = tmp_path / "copy/Annotations/480p/film/00003.png"
    mask = Image.open(path)
    mask.putpixel((0, 0), 1)
    mask.save(path)
    assert Davis(asked(tmp_path / "copy")).fingerprint != before


def test_protocols_are_told_apart(root: Path) -> None:
    settings = [Davis(Asked(root=root, protocol=protocol)).settings for protocol in ("paper", "corrected")]
    assert settings[0] != settings[1]


def test_frames_without_masks(root: Path) -> None:
    (root / "Annotations/480p/film/00002.png").unlink()
    with pytest.raises(
        DataError, match="frames and masks of the video film do not match: of 00002 there is only a frame"
    ):
        Davis(asked(root))


def test_a_film_too_short_to_be_scored(tmp_path: Path) -> None:
    film(tmp_path, squares(2))
    with pytest.raises(DataError, match="the video film has 2 frames; the first and the last are not scored"):
        Davis(asked(tmp_path))


def broken_frame(root: Path) -> None:
    (root / "JPEGImages/480p/film/00002.jpg").write_bytes(b"no image")


def broken_mask(root: Path) -> None:
    (root / "Annotations/480p/film/00002.png").write_bytes(b"no image")


def smaller_mask(root: Path) -> None:
    Image.open(root / "Annotations/480p/film/00000.png").resize((32, 20)).save(root / "Annotations/480p/film/00002.png")


def smaller_masks(root: Path) -> None:
    for path in (root / "Annotations/480p/film").iterdir():
        Image.open(path).resize((32, 20)).save(path)


def smaller_frame(root: Path) -> None:
    Image.open(root / "JPEGImages/480p/film/00000.jpg").resize((32, 20)).save(root / "JPEGImages/480p/film/00002.jpg")


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (broken_frame, "no image, or its header is damaged"),
        (broken_mask, "the mask .*00002.png cannot be read"),
        (smaller_mask, "the mask 00002.png has 32 × 20 pixels, the first one 64 × 40"),
        (smaller_masks, "00000.jpg has 64 × 40 pixels, its mask 32 × 20"),
        (smaller_frame, "00002.jpg has 32 × 20 pixels, its mask 64 × 40"),
    ],
)
def test_a_film_that_cannot_be_used_is_left_out_and_said(tmp_path: Path, model: Backbone, damage, reason: str) -> None:
    film(tmp_path, squares())
    film(tmp_path, squares(4), "whole")
    damage(tmp_path)
    task = Davis(asked(tmp_path))
    lost, whole = measured(task, model)
    ((name, why),) = lost.skipped
    assert name == "film"
    assert re.search(reason, why), why
    outcome = task.compute([lost.state, whole.state])
    assert outcome.coords["object"] == ["whole/1", "whole/2"]
    with pytest.raises(DataError, match="none of the 2 videos could be used"):
        task.compute([lost.state, lost.state])


def test_activations_that_overflow(root: Path, model: Backbone) -> None:
    with torch.no_grad():
        model.model.module.blocks[1].mlp.fc2.bias.fill_(torch.inf)
    with pytest.raises(ModelError, match="not finite"):
        measured(Davis(asked(root)), model)


# the world


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("world"), only=["davis"])["davis"]


def test_a_trained_model_follows_and_noise_does_not(world: Path) -> None:
    """A small model, trained on other pictures, on a film with two objects; noise on a smaller grid."""
    found = {}
    for name, size in (("demo-dino", None), ("random", (64, 64))):
        model = backbones.named(name, image_size=size)
        task = Davis(asked(world, sequences=("street",)))
        found[name] = task.compute([one.state for one in measured(task, model)]).arrays["jf"].values
    assert found["demo-dino"].max() > 0.4
    assert found["random"].max() < found["demo-dino"].max() / 2
