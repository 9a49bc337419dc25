"""Derivations and head tags on the trained DINOv2 ViT-S/14, over photographs that come with the test packages."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests import oracles
from vitscope.derive.aligned import aligned
from vitscope.derive.average import MODES, average
from vitscope.derive.distance import mean_distance, uniform_distance
from vitscope.derive.heads import Tag, profile, tags
from vitscope.derive.offset import offset
from vitscope.geometry import Geometry

pytestmark = [pytest.mark.weights, pytest.mark.slow]

DINOV2 = Geometry(layers=12, heads=6, prefix=("cls",), rows=16, columns=16, patch=(14, 14))


def crop(path: Path) -> np.ndarray:
    """The short side resized to 224, the middle cut out, ImageNet's mean and deviation: (3, 224, 224) float32."""
    from PIL import Image

    image = Image.open(path).convert("RGB")
    scale = 224 / min(image.size)
    width, height = (round(edge * scale) for edge in image.size)
    left, top = (width - 224) // 2, (height - 224) // 2
    image = image.resize((width, height), Image.Resampling.BICUBIC).crop((left, top, left + 224, top + 224))
    pixels = (np.asarray(image) / 255 - (0.485, 0.456, 0.406)) / (0.229, 0.224, 0.225)
    return pixels.transpose(2, 0, 1).astype(np.float32)


@pytest.fixture(scope="module")
def attention(trained_checkpoint, photographs, tmp_path_factory) -> np.ndarray:
    """Attention (I, L, H, T, T) of every photograph, taken by plain hooks, float32 and memory-mapped."""
    import timm
    import torch
    from safetensors.torch import load_file

    model = timm.create_model("vit_small_patch14_dinov2.lvd142m", pretrained=False, img_size=224, num_classes=0)
    model.load_state_dict({name: weight.float() for name, weight in load_file(trained_checkpoint).items()})
    maps: list[torch.Tensor] = []
    for block in model.eval().blocks:
        block.attn.fused_attn = False
        block.attn.attn_drop.register_forward_hook(lambda module, inputs, output: maps.append(output[0]))
    images = []
    with torch.inference_mode():
        for path in sorted(photographs.iterdir()):
            maps.clear()
            model(torch.from_numpy(crop(path))[None])
            images.append(torch.stack(maps).numpy())
    file = tmp_path_factory.mktemp("attention") / "attention.npy"
    np.save(file, np.stack(images))
    return np.load(file, mmap_mode="r")


@pytest.fixture(scope="module")
def means(attention) -> tuple[np.ndarray, np.ndarray]:
    """Ā and R̄, float32."""
    spatial = attention[..., 1:, 1:]
    renormalised = sum(image / image.sum(axis=-1, keepdims=True, dtype=np.float64) for image in spatial)
    return attention.mean(axis=0, dtype=np.float64).astype(np.float32), (renormalised / len(spatial)).astype(np.float32)


@pytest.fixture(scope="module")
def tagged(means) -> list[list[list[Tag]]]:
    return tags(profile(*means, DINOV2))


def test_every_derivation_against_plain_loops(attention):
    few = attention[:2, 4:5, 1:3].astype(np.float64)
    geometry = replace(DINOV2, layers=1, heads=2)
    mean = oracles.mean_attention(few).astype(np.float32)
    spatial = oracles.mean_spatial(few, geometry).astype(np.float32)
    for mode in MODES:
        expected = oracles.average(mode, few, geometry)
        np.testing.assert_allclose(average(mode, mean, spatial, geometry), expected, rtol=1e-4)
    np.testing.assert_allclose(aligned(spatial, geometry), oracles.aligned(few, geometry), rtol=1e-4)
    expected = oracles.aligned_corrected(few, geometry)
    np.testing.assert_allclose(aligned(spatial, geometry, corrected=True), expected, rtol=1e-4)
    expected = oracles.mean(oracles.distance(few, geometry))
    np.testing.assert_allclose(mean_distance(spatial, geometry), expected, rtol=1e-4)
    np.testing.assert_allclose(offset(spatial, geometry), oracles.offset(few, geometry), rtol=1e-4, atol=1e-6)


# What a person says who looks at the AAAM and at the received attention of these heads (layer, head from 1).
SEEN = {
    "strict-local": [(1, 5), (2, 1), (2, 4)],
    "soft-local": [(2, 6), (3, 6), (4, 3), (7, 2), (12, 3)],
    "offset-local right": [(2, 2), (5, 6), (6, 2), (8, 6)],
    "offset-local left": [(3, 4), (4, 6), (6, 5), (8, 2), (10, 6)],
    "offset-local up": [(4, 5), (5, 1), (7, 3), (10, 1)],
    "offset-local down": [(4, 2), (5, 3), (6, 1), (8, 5), (9, 2), (10, 4)],
    "axial row": [(5, 2), (10, 2)],
    "global": [(3, 2), (4, 1), (5, 5), (8, 4), (10, 3), (10, 5), (11, 4)],
    "sparse": [(1, 6)],
}


@pytest.mark.parametrize(("kind", "heads"), SEEN.items(), ids=SEEN.keys())
def test_tags_say_what_a_person_says(kind, heads, tagged):
    assert {place: [str(tag) for tag in tagged[place[0] - 1][place[1] - 1]] for place in heads} == {
        place: [kind] for place in heads
    }


def test_a_neighbour_is_one_token_away(tagged):
    """Heads that spend nine tenths on one neighbour and the own token."""
    for layer, head in [
        (3, 4),
        (4, 2),
        (4, 5),
        (4, 6),
        (5, 6),
    ]:
        (tag,) = tagged[layer - 1][head - 1]
        assert 0.8 <= tag.score <= 1.2


def test_most_heads_have_one_tag(tagged):
    counts = [len(head) for layer in tagged for head in layer]
    assert max(counts) <= 2
    assert counts.count(1) >= 0.75 * len(counts)


def test_local_attention_peaks_before_the_middle(means):
    """Paper section 4.3: distances are higher in the first layer, dip around layers 3 to 6, and rise again."""
    by_layer = (mean_distance(means[1], DINOV2) / uniform_distance(DINOV2)).mean(axis=1)
    assert by_layer[0] > by_layer[2:6].mean() < by_layer[7:].mean()
