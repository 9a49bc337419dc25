"""Attention of heads that behave as asked, with the softness and the noise of trained ones."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from vitscope.geometry import Geometry

IMAGES = 8
Logits = Callable[[np.ndarray, np.ndarray, Geometry], np.ndarray]  # (down, right) of keys from queries, both (P, P)


def blob(down: float, right: float, across: float, along: float) -> Logits:
    """A Gaussian around the token `down` and `right` of the query, with deviations in rows and in columns."""
    return lambda rows, columns, _: -((rows - down) ** 2) / (2 * across**2) - (columns - right) ** 2 / (2 * along**2)


def tailed(scale: float) -> Logits:
    """A peak on the own token that falls off exponentially."""
    return lambda rows, columns, _: -np.hypot(rows, columns) / scale


def own(weight: float) -> Logits:
    """The own token's logit above all others alike; `weight` its share of attention where nothing else is added."""

    def logits(rows: np.ndarray, columns: np.ndarray, geometry: Geometry) -> np.ndarray:
        peak = np.log(weight / (1 - weight) * (geometry.patches - 1))
        return np.where((rows == 0) & (columns == 0), peak, 0.0)

    return logits


def cross(across: float, along: float) -> Logits:
    """Two arms through the query, along its row and its column."""
    return lambda rows, columns, _: np.logaddexp(
        blob(0, 0, across, along)(rows, columns, _), blob(0, 0, along, across)(rows, columns, _)
    )


def flat() -> Logits:
    """Nothing but what is added to every head."""
    return lambda rows, columns, _: np.zeros_like(rows, dtype=float)


def on_patches(weights: Callable[[Geometry], np.ndarray]) -> Logits:
    """Every query attends to the patches by `weights` (P,), wherever it is."""
    return lambda rows, columns, geometry: np.broadcast_to(np.log(weights(geometry)), rows.shape)


def dots(count: int, share: float) -> Callable[[Geometry], np.ndarray]:
    """`count` patches that hold `share` together, scattered so that none touches another."""

    def weights(geometry: Geometry) -> np.ndarray:
        generator, taken = np.random.default_rng(count), []
        for patch in generator.permutation(geometry.patches):
            place = np.array(divmod(patch, geometry.columns))
            if all(abs(place - other).max() > 1 for other in taken) and len(taken) < count:
                taken.append(place)
        assert len(taken) == count
        chosen = [row * geometry.columns + column for row, column in taken]
        spread = np.full(geometry.patches, (1 - share) / (geometry.patches - count))
        spread[chosen] = share / count
        return spread

    return weights


def middle(size: float) -> Callable[[Geometry], np.ndarray]:
    """A blob around the middle of the picture, its deviation `size` times the shorter edge."""

    def weights(geometry: Geometry) -> np.ndarray:
        rows, columns = np.indices((geometry.rows, geometry.columns)).reshape(2, -1)
        down, right = rows - (geometry.rows - 1) / 2, columns - (geometry.columns - 1) / 2
        return np.exp(-(down**2 + right**2) / (2 * (size * min(geometry.rows, geometry.columns)) ** 2)) + 1e-9

    return weights


def side(contrast: float) -> Callable[[Geometry], np.ndarray]:
    """The right half of the picture, `contrast` times brighter than the left."""

    def weights(geometry: Geometry) -> np.ndarray:
        columns = np.arange(geometry.patches) % geometry.columns
        return np.where(columns >= geometry.columns / 2, contrast, 1.0)

    return weights


def border(contrast: float) -> Callable[[Geometry], np.ndarray]:
    """The outermost ring of patches, `contrast` times brighter than the rest."""

    def weights(geometry: Geometry) -> np.ndarray:
        ring = np.full((geometry.rows, geometry.columns), contrast)
        ring[1:-1, 1:-1] = 1.0
        return ring.ravel()

    return weights


def build(
    geometry: Geometry,
    logits: Logits,
    *,
    background: float = 0.1,
    prefix: dict[str, float] | None = None,
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Ā and R̄ (1, 1, …), float32, of a head over `IMAGES` images.

    Each image adds to the logits what its content asks for: some patches are attended to more, and patches of like
    content attend to each other. A share `background` of the attention is spread evenly; `prefix` says how much goes
    to which prefix token.
    """
    generator = np.random.default_rng(seed)
    taken = np.array([(prefix or {}).get(name, 0.02) for name in geometry.prefix])
    rows, columns = np.divmod(np.arange(geometry.patches), geometry.columns)
    pattern = logits(rows[None] - rows[:, None], columns[None] - columns[:, None], geometry)
    mean = np.zeros((geometry.tokens, geometry.tokens))
    spatial = np.zeros((geometry.patches, geometry.patches))
    for _ in range(IMAGES):
        kind = _content(geometry, generator)
        image = pattern + 0.4 * generator.standard_normal(geometry.patches) + 0.4 * kind @ kind.T / kind.shape[1]
        image = image + 0.2 * generator.standard_normal(pattern.shape)
        weight = np.exp(image - image.max(axis=-1, keepdims=True))
        weight = (1 - background) * weight / weight.sum(axis=-1, keepdims=True) + background / geometry.patches
        spatial += weight / IMAGES
        row = np.hstack([np.tile(taken, (geometry.patches, 1)), (1 - taken.sum()) * weight])
        mean += np.vstack([np.full((len(taken), geometry.tokens), 1 / geometry.tokens), row]) / IMAGES
    return mean[None, None].astype(np.float32), spatial[None, None].astype(np.float32)


def _content(geometry: Geometry, generator: np.random.Generator) -> np.ndarray:
    """Features of patches that change slowly over the picture, (P, 4)."""
    rows, columns = np.indices((geometry.rows, geometry.columns)).reshape(2, -1)
    down, right = rows / geometry.rows, columns / geometry.columns
    phase = generator.uniform(0, 2 * np.pi, 4)
    wave = generator.uniform(-6, 6, (2, 4))
    return np.sqrt(2) * np.sin(down[:, None] * wave[0] + right[:, None] * wave[1] + phase)
