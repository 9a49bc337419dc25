"""Labels handed on by the likeness of tokens, against loops over tokens in float64."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch

from vitscope.tasks import propagation
from vitscope.tasks.propagation import Propagation, decide, first_mask, propagate


def by_loops(target: np.ndarray, sources: list[np.ndarray], masks: list[np.ndarray], radius: int) -> np.ndarray:
    """The soft mask of one frame, token by token."""
    rows, columns, _ = target.shape
    found = np.zeros((rows, columns, masks[0].shape[-1]))
    for row, column in product(range(rows), range(columns)):
        near = []
        for source, mask in zip(sources, masks, strict=True):
            for other, place in product(range(rows), range(columns)):
                if abs(other - row) <= radius and abs(place - column) <= radius:
                    near.append((float(target[row, column] @ source[other, place]), mask[other, place]))
        fifth = sorted((likeness for likeness, _ in near), reverse=True)[:5][-1]
        kept = [(np.exp(likeness / 0.1), label) for likeness, label in near if likeness >= fifth]
        found[row, column] = sum(weight * label for weight, label in kept) / sum(weight for weight, _ in kept)
    return found


def unit(random: np.random.Generator, *shape: int) -> np.ndarray:
    """Tokens of unit length whose products are exact in float16 as in float64: ±1/4 in sixteen places."""
    return random.choice([-0.25, 0.25], (*shape, 16))


@pytest.mark.parametrize(
    ("rows", "columns", "frames", "radius"), [(5, 7, 3, 2), (4, 4, 1, 12), (3, 9, 8, 1), (1, 2, 1, 12)]
)
def test_against_loops(rows: int, columns: int, frames: int, radius: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """With many ties: products of such tokens are multiples of 1/8. The last grid has fewer tokens than are kept."""
    monkeypatch.setattr(propagation, "RADIUS", radius)
    random = np.random.default_rng(rows)
    target, sources = unit(random, rows, columns), [unit(random, rows, columns) for _ in range(frames)]
    masks = [random.dirichlet(np.ones(3), (rows, columns)) for _ in range(frames)]
    found = propagate(
        torch.from_numpy(target).half(),
        [torch.from_numpy(source).half() for source in sources],
        [torch.from_numpy(mask).float() for mask in masks],
    )
    np.testing.assert_allclose(found.numpy(), by_loops(target, sources, masks, radius), atol=2e-6)


def test_tokens_with_continuous_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(propagation, "RADIUS", 2)
    random = np.random.default_rng(5)
    tokens = random.normal(size=(3, 6, 5, 32))
    tokens = (tokens / np.linalg.norm(tokens, axis=-1, keepdims=True)).astype(np.float16)
    masks = [random.dirichlet(np.ones(2), (6, 5)) for _ in range(2)]
    found = propagate(
        torch.from_numpy(tokens[0]), list(torch.from_numpy(tokens[1:])), [torch.from_numpy(m).float() for m in masks]
    )
    exact = tokens.astype(np.float64)
    np.testing.assert_allclose(found.numpy(), by_loops(exact[0], list(exact[1:]), masks, 2), atol=1e-5)


def test_ties_with_the_fifth_are_kept() -> None:
    """All tokens alike: every one of the nine gets the mean over all nine, not over five."""
    tokens = torch.ones(3, 3, 4).half() / 2
    mask = torch.zeros(3, 3, 1)
    mask[0, 0] = 9
    torch.testing.assert_close(propagate(tokens, [tokens], [mask]), torch.ones(3, 3, 1))


def test_context_is_the_first_frame_and_the_seven_before(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[float]] = []

    def watch(target: torch.Tensor, sources: list[torch.Tensor], masks: list[torch.Tensor]) -> torch.Tensor:
        seen.append([float(mask[0, 0, 0]) for mask in masks])
        assert target.dtype == sources[0].dtype == torch.float16
        return torch.full((1, 1, 1), float(len(seen)))

    monkeypatch.setattr(propagation, "propagate", watch)
    state = Propagation(torch.ones(1, 1, 2), torch.zeros(1, 1, 1))
    for _ in range(10):
        state.step(torch.ones(1, 1, 2))
    assert seen[0] == [0]
    assert seen[1] == [0, 1]
    assert seen[7] == [0, 1, 2, 3, 4, 5, 6, 7]
    assert seen[9] == [0, 3, 4, 5, 6, 7, 8, 9]


def test_tokens_are_compared_by_direction_only() -> None:
    random = torch.Generator().manual_seed(0)
    tokens, mask = torch.randn(2, 4, 4, 8, generator=random), torch.rand(4, 4, 2, generator=random)
    found = [Propagation(tokens[0] * scale, mask).step(tokens[1] / scale) for scale in (1, 8)]
    torch.testing.assert_close(*found)


# the first mask


def test_small_mask_is_the_pixel_at_the_middle_of_a_token() -> None:
    mask = np.arange(96, dtype=np.uint8).reshape(8, 12) % 3
    found = first_mask(mask, 2, 3, 3)
    assert found.shape == (2, 3, 3)
    np.testing.assert_array_equal(found.argmax(-1), mask[2::4, 2::4])
    np.testing.assert_array_equal(found.sum(-1), 1)


def test_a_lost_object_keeps_its_channel_unless_the_small_mask_decides() -> None:
    """Object 2 is a single pixel that no token falls on."""
    mask = np.zeros((16, 16), np.uint8)
    mask[4:12, 4:12], mask[0, 0] = 1, 2
    assert first_mask(mask, 4, 4, None).shape == (4, 4, 2)
    kept = first_mask(mask, 4, 4, 3)
    assert kept.shape == (4, 4, 3)
    assert not kept[..., 2].any()


# the decision


def decided_by_loops(mask: np.ndarray, patch: int) -> np.ndarray:
    """Bilinear enlargement, stretch, and the largest channel of every pixel, one by one."""
    rows, columns, channels = mask.shape
    large = np.zeros((rows * patch, columns * patch, channels))
    for row, column in product(range(rows * patch), range(columns * patch)):
        y, x = max((row + 0.5) / patch - 0.5, 0), max((column + 0.5) / patch - 0.5, 0)
        top, left = int(y), int(x)
        for i, j in product((0, 1), (0, 1)):
            weight = (y - top if i else 1 - y + top) * (x - left if j else 1 - x + left)
            large[row, column] += weight * mask[min(top + i, rows - 1), min(left + j, columns - 1)]
    for channel in range(channels):
        low, high = large[..., channel].min(), large[..., channel].max()
        if high > low:
            large[..., channel] = (large[..., channel] - low) / (high - low)
    return large.argmax(-1)


def test_decision() -> None:
    mask = np.random.default_rng(3).dirichlet((4, 1, 1), (3, 4))
    expected = decided_by_loops(mask, 4)
    assert set(np.unique(expected)) == {0, 1, 2}
    found = decide(torch.from_numpy(mask).float(), (4, 4), (12, 16))
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(decide(torch.from_numpy(mask).float(), (4, 4), (24, 32))[::2, ::2], expected)


def test_a_weak_object_wins_where_it_is_strongest() -> None:
    """Every channel is stretched to 1, so an object need not beat the background by its own numbers."""
    mask = torch.tensor([[[0.9, 0.1], [0.6, 0.4]]])
    np.testing.assert_array_equal(decide(mask, (2, 2), (2, 4))[0], [0, 0, 1, 1])


def test_a_channel_that_is_the_same_everywhere() -> None:
    """Nothing but background: the paper's code divides 0 by 0 there."""
    mask = torch.zeros(2, 2, 2)
    mask[..., 0] = 1
    assert not decide(mask, (4, 4), (8, 8)).any()
