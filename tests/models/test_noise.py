"""The pseudo-model of chance: noise that hangs on nothing but the image, and is as random as it should be."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from vitscope.errors import ModelError
from vitscope.geometry import Geometry
from vitscope.models import noise
from vitscope.models.shape import geometry_of
from vitscope.models.tap import Chunk, Piece, Whole, tap

TOKENS = 5  # of an image of 32×32 pixels


def pictures(count: int = 3, side: int = 32) -> Tensor:
    """Normalised images out of whole levels 0 … 255."""
    levels = torch.randint(0, 256, (count, 3, side, side), generator=torch.Generator().manual_seed(3))
    return (levels.float() / 255 - 0.5) / 0.5


def drawn(images: Tensor, chunk: Chunk = Whole) -> tuple[Tensor, Tensor]:
    """Attention (trial, B, H, T, T) and tokens (trial, B, T, D) of a pass."""
    model = noise.build((images.shape[-2], images.shape[-1]))
    tokens = (images.shape[-2] // 16) * (images.shape[-1] // 16) + 1
    attention = torch.full((noise.TRIALS, len(images), noise.HEADS, tokens, tokens), torch.nan)
    features: list[Tensor] = []

    def keep(piece: Piece) -> None:
        stop = piece.start + piece.attention_BHQT.shape[2]
        attention[piece.layer, piece.images, :, piece.start : stop] = piece.attention_BHQT

    with torch.inference_mode(), tap(model, keep, lambda _, tokens: features.append(tokens), chunk=chunk):
        model(images)
    return attention, torch.stack(features)


def mixed(word: int, first: int, second: int) -> int:
    """The same hash on whole numbers."""
    whole = 2**32 - 1
    word = (word * 0x9E3779B1 + first) & whole
    word ^= word >> 16
    word = (word * 0x85EBCA6B + second) & whole
    word ^= word >> 13
    word = word * 0xC2B2AE35 & whole
    return word ^ word >> 16


def by_hand(levels: np.ndarray, trial: int, stream: int, count: int) -> list[float]:
    """The uniform numbers of one image (3, height, width) of levels, one after the other."""
    flat = [int(level) for level in levels.ravel()]
    key = [sum(mixed(mixed(i, s, 0) ^ v, s, 1) for i, v in enumerate(flat)) % 2**32 for s in (1, 2)]
    first, second = (mixed(word, 2 * trial + 1, stream) for word in key)
    return [((mixed(place, first, second) >> 9) + 0.5) / 2**23 for place in range(count)]


def test_it_is_taken_for_a_plain_vision_transformer_of_ten_layers():
    assert geometry_of("random", noise.build(), (224, 224)) == Geometry(
        layers=10, heads=12, prefix=("cls",), rows=14, columns=14, patch=(16, 16)
    )
    assert geometry_of("random", noise.build((32, 48)), (32, 48)).tokens == 7


def test_an_image_that_patches_do_not_fill():
    with pytest.raises(ModelError, match="random does not take images of 100×64 pixels: sides must be multiples of 16"):
        geometry_of("random", noise.build((100, 64)), (100, 64))


def test_attention_is_uniform_numbers_divided_by_their_sum():
    images = pictures()
    attention, _ = drawn(images)
    levels = ((images[1] * 0.5 + 0.5) * 255).round().int().numpy()
    for trial in (0, 9):
        numbers = np.array(by_hand(levels, trial, noise.ATTENTION, noise.HEADS * TOKENS**2))
        rows = numbers.reshape(noise.HEADS, TOKENS, TOKENS)
        np.testing.assert_allclose(attention[trial, 1], rows / rows.sum(-1, keepdims=True), rtol=2e-5)


def test_tokens_are_what_box_and_muller_make_of_uniform_numbers():
    images = pictures()
    _, tokens = drawn(images)
    levels = ((images[2] * 0.5 + 0.5) * 255).round().int().numpy()
    numbers = by_hand(levels, 4, noise.FEATURES, TOKENS * noise.WIDTH)
    half = len(numbers) // 2
    pairs = list(zip(numbers[:half], numbers[half:], strict=True))
    cosines = [math.sqrt(-2 * math.log(one)) * math.cos(2 * math.pi * other) for one, other in pairs]
    sines = [math.sqrt(-2 * math.log(one)) * math.sin(2 * math.pi * other) for one, other in pairs]
    np.testing.assert_allclose(tokens[4, 2].reshape(-1), cosines + sines, atol=1e-5)


def test_the_same_image_gives_the_same_noise_in_any_batch():
    images = pictures()
    attention, tokens = drawn(images)
    torch.manual_seed(7)
    before = torch.get_rng_state()
    for chunk in (Whole, Chunk(images=1, queries=2)):
        again, same = drawn(images[[2, 0]], chunk)
        assert torch.equal(same, tokens[:, [2, 0]])
        torch.testing.assert_close(again, attention[:, [2, 0]], atol=1e-6, rtol=0)
    assert torch.equal(torch.get_rng_state(), before)


def test_one_level_of_one_pixel_is_another_image():
    images = pictures(1)
    other = images.clone()
    other[0, 1, 20, 3] += 2 / 255 if other[0, 1, 20, 3] < 0 else -2 / 255
    swapped = images.clone()
    swapped[0, :, 0, :2] = images[0, :, 0, :2].flip(-1)
    _, tokens = drawn(torch.cat([images, other, swapped]))
    size = tokens[0, 0].numel()
    for one, two in ((0, 1), (0, 2), (1, 2)):
        together = torch.corrcoef(torch.stack([tokens[0, one].reshape(-1), tokens[0, two].reshape(-1)]))[0, 1]
        assert abs(together) < 5 / math.sqrt(size)


def test_the_numbers_are_normal_and_independent():
    attention, tokens = drawn(pictures(4, 64))
    flat = tokens.reshape(noise.TRIALS * 4, -1).double()
    size = flat.shape[1]
    for row in flat:
        assert abs(row.mean()) < 5 / math.sqrt(size)
        assert abs(row.var() - 1) < 5 * math.sqrt(2 / size)
        assert abs((row**3).mean()) < 5 * math.sqrt(15 / size)
        assert abs((row**4).mean() - 3) < 5 * math.sqrt(96 / size)
    together = torch.corrcoef(flat) - torch.eye(len(flat))
    assert together.abs().max() < 5 / math.sqrt(size)
    neighbours = (flat[:, 1:] * flat[:, :-1]).mean(1)
    assert neighbours.abs().max() < 5 / math.sqrt(size)
    heads = attention.double().transpose(0, 2).reshape(noise.HEADS, -1)
    assert (torch.corrcoef(heads) - torch.eye(noise.HEADS)).abs().max() < 5 / math.sqrt(heads.shape[1])


def test_uniform_numbers_fill_their_interval_evenly():
    key = torch.tensor([[5, -9], [123456789, 0]], dtype=torch.int32)
    numbers = noise.uniform(key, 3, noise.ATTENTION, 100_000)
    assert 0 < numbers.min() < numbers.max() < 1
    for row in numbers:
        counts = torch.histc(row, bins=100, min=0, max=1)
        chi_square = ((counts - 1000) ** 2 / 1000).sum()
        assert 40 < chi_square < 180  # 99 ± 6 standard deviations


@pytest.mark.parametrize("number_format", [torch.bfloat16, torch.float16])
def test_half_precision_keeps_the_attention_in_float32(number_format):
    model = noise.build((32, 32)).to(number_format)
    assert geometry_of("random", model, (32, 32)).layers == 10
    with torch.inference_mode():
        assert model(pictures().to(number_format)).dtype == number_format
