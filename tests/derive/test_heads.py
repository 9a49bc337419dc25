"""Head tags: constructed heads of each kind, near misses, and the numbers behind the rules."""

from __future__ import annotations

import numpy as np
import pytest

from tests.derive import constructed as make
from vitscope.derive.heads import DIRECTIONS, profile, tags
from vitscope.geometry import Geometry

GRIDS = [(7, 7), (10, 10), (14, 14), (16, 16), (14, 20)]
PREFIX = ("cls", "reg1")


@pytest.fixture(params=GRIDS, ids=[f"{rows}x{columns}" for rows, columns in GRIDS])
def geometry(request) -> Geometry:
    rows, columns = request.param
    return Geometry(layers=1, heads=1, prefix=PREFIX, rows=rows, columns=columns, patch=(16, 16))


def tagged(geometry: Geometry, logits: make.Logits, **options) -> list[str]:
    return [str(tag) for tag in tags(profile(*make.build(geometry, logits, **options), geometry))[0][0]]


KINDS = {
    "own token, almost completely": (make.own(0.9), ["strict-local"]),
    "own token, half of it": (make.own(0.55), ["strict-local"]),
    "own token, a little soft": (make.blob(0, 0, 0.45, 0.45), ["strict-local"]),
    "small blob": (make.blob(0, 0, 0.9, 0.9), ["soft-local"]),
    "blob": (make.blob(0, 0, 1.3, 1.3), ["soft-local"]),
    "slightly oval blob": (make.blob(0, 0, 1.0, 1.4), ["soft-local"]),
    "peak with tails": (make.tailed(1.0), ["soft-local"]),
    "row": (make.blob(0, 0, 0.4, 2.0), ["axial row"]),
    "column": (make.blob(0, 0, 2.0, 0.4), ["axial column"]),
    "whole row": (make.blob(0, 0, 0.5, 50), ["axial row"]),
    "whole column": (make.blob(0, 0, 50, 0.5), ["axial column"]),
    "cross": (make.cross(0.3, 2.5), ["axial cross"]),
    "everywhere alike": (make.flat(), ["global"]),
    "middle of the picture": (make.on_patches(make.middle(0.2)), ["global"]),
    "one side of the picture": (make.on_patches(make.side(8)), ["global"]),
    "border of the picture": (make.on_patches(make.border(6)), ["global"]),
    "four dots": (make.on_patches(make.dots(4, 0.8)), ["sparse"]),
    "two dots": (make.on_patches(make.dots(2, 0.6)), ["sparse"]),
}


@pytest.mark.parametrize(("logits", "expected"), KINDS.values(), ids=KINDS.keys())
@pytest.mark.parametrize("seed", range(3))
def test_each_kind(logits, expected, seed, geometry):
    assert tagged(geometry, logits, seed=seed) == expected


@pytest.mark.parametrize("direction", range(8), ids=DIRECTIONS)
@pytest.mark.parametrize("size", [1, 2])
def test_offset_in_each_direction(direction, size, geometry):
    down, right = size * round(np.sin(direction * np.pi / 4)), size * round(np.cos(direction * np.pi / 4))
    made = make.build(geometry, make.blob(down, right, 0.6, 0.6), seed=direction)
    (tag,) = tags(profile(*made, geometry))[0][0]
    assert (tag.name, tag.detail) == ("offset-local", DIRECTIONS[direction])
    assert tag.score == pytest.approx(np.hypot(down, right), abs=0.35 * size)


OFFSETS = {
    "sharp": (make.blob(0, 1, 0.35, 0.35), ["offset-local right"]),
    "wide": (make.blob(-2, 0, 1.2, 1.2), ["offset-local up"]),
    "between two tokens": (make.blob(0.6, 0, 0.4, 0.4), ["offset-local down"]),
    "partly on the own token": (make.blob(0, -0.6, 0.35, 0.35), ["offset-local left"]),
    "drawn out sideways": (make.blob(1, 0, 0.4, 2.0), ["offset-local down", "axial row"]),
    "drawn out along its direction": (make.blob(0, -2, 0.4, 1.6), ["offset-local left", "axial row"]),
}


@pytest.mark.parametrize(("logits", "expected"), OFFSETS.values(), ids=OFFSETS.keys())
def test_shapes_of_offsets(logits, expected, geometry):
    assert tagged(geometry, logits) == expected


LOCAL = {
    "blob": (make.blob(0, 0, 1.0, 1.0), ["soft-local"]),
    "row": (make.blob(0, 0, 0.4, 2.0), ["axial row"]),
    "column": (make.blob(0, 0, 2.0, 0.4), ["axial column"]),
    "left": (make.blob(0, -1, 0.5, 0.5), ["offset-local left"]),
    "own token": (make.own(0.8), ["strict-local"]),
}


@pytest.mark.parametrize(("logits", "expected"), LOCAL.values(), ids=LOCAL.keys())
@pytest.mark.parametrize("background", [0.0, 0.3, 0.5])
def test_local_heads_that_also_look_everywhere(logits, expected, background, geometry):
    assert tagged(geometry, logits, background=background) == expected


@pytest.mark.parametrize("token", PREFIX)
def test_sink_on_a_prefix_token(token, geometry):
    assert tagged(geometry, make.blob(0, 0, 1, 1), prefix={token: 0.7}) == ["soft-local", f"sink {token}"]
    assert tagged(geometry, make.flat(), prefix={token: 0.7}) == ["global", f"sink {token}"]
    assert tagged(geometry, make.blob(0, 0, 1, 1), prefix={token: 0.95}) == [f"sink {token}"]  # hardly any rest
    assert tagged(geometry, make.blob(0, 0, 1, 1), prefix={token: 0.4}) == ["soft-local"]
    assert tagged(geometry, make.flat(), prefix=dict.fromkeys(PREFIX, 0.4)) == ["global"]


def test_sink_on_one_patch(geometry):
    weights = np.full(geometry.patches, 0.2 / (geometry.patches - 1))
    weights[geometry.columns + 2] = 0.8
    assert tagged(geometry, make.on_patches(lambda _: weights)) == ["sink 2,3"]


def test_two_patches_are_no_sink_but_sparse(geometry):
    weights = np.full(geometry.patches, 0.1 / (geometry.patches - 2))
    weights[[2, geometry.patches - 3]] = 0.45
    assert tagged(geometry, make.on_patches(lambda _: weights)) == ["sparse"]


def test_local_attention_beside_a_few_patches(geometry):
    both = lambda rows, columns, g: np.logaddexp(  # noqa: E731
        make.blob(0, 0, 0.9, 0.9)(rows, columns, g) - np.log(2 * np.pi * 0.81),
        make.on_patches(make.dots(4, 0.999))(rows, columns, g),
    )
    assert tagged(geometry, both) == ["soft-local", "sparse"]


def nearest_landmark(rows: np.ndarray, columns: np.ndarray, geometry: Geometry) -> np.ndarray:
    """Each query attends to the one of four patches that is in its quarter of the picture."""
    place = np.indices((geometry.rows, geometry.columns)).reshape(2, -1).T
    quarter = (place[:, 0] >= geometry.rows / 2) * 2 + (place[:, 1] >= geometry.columns / 2)
    logits = np.zeros((geometry.patches, geometry.patches))
    for name in range(4):
        inside = np.flatnonzero(quarter == name)
        logits[np.ix_(inside, inside[[len(inside) // 2]])] = np.log(4 * geometry.patches)
    return logits


MISSES = {
    "own token, hardly": (make.own(0.2), {}, "strict-local"),
    "own token beside its neighbours": (make.blob(0, 0, 0.7, 0.7), {}, "strict-local"),
    "blob that is hardly moved": (make.blob(0.3, 0.2, 1.2, 1.2), {}, "offset-local"),
    "own token, with a neighbour": (make.blob(0, 0.35, 0.4, 0.4), {"background": 0.0}, "offset-local"),
    "one side of the picture": (make.on_patches(make.side(20)), {}, "offset-local"),
    "oval": (make.blob(0, 0, 1.0, 1.6), {}, "axial"),
    "diagonal": (lambda rows, columns, g: -((rows - columns) ** 2) - (rows + columns) ** 2 / 30, {}, "axial"),
    "peak with tails": (make.tailed(1.5), {}, "axial"),
    "two neighbours": (lambda rows, columns, g: np.where((rows == 0) & (abs(columns) < 2), 5.0, 0.0), {}, "sparse"),
    "faint blob": (make.blob(0, 0, 1.0, 1.0), {"background": 0.85}, "soft-local"),
    "faint direction": (make.blob(0, 1, 0.5, 0.5), {"background": 0.85}, "offset-local"),
    "blob in the middle": (make.on_patches(make.middle(0.2)), {}, "soft-local"),
    "small blob in the middle": (make.on_patches(make.middle(0.15)), {}, "sparse"),
    "border": (make.on_patches(make.border(10)), {}, "sparse"),
    "faint dots": (make.on_patches(make.dots(3, 0.15)), {}, "sparse"),
    "a dot for each quarter": (nearest_landmark, {}, "sparse"),
    "local": (make.blob(0, 0, 1.2, 1.2), {}, "global"),
    "half local": (make.blob(0, 0, 1.2, 1.2), {"background": 0.6}, "global"),
    "dots": (make.on_patches(make.dots(4, 0.8)), {}, "global"),
    "most of it on CLS, not more than the rest": (make.flat(), {"prefix": {"cls": 0.45}}, "sink"),
}


@pytest.mark.parametrize(("logits", "options", "wrong"), MISSES.values(), ids=MISSES.keys())
@pytest.mark.parametrize("seed", range(3))
def test_near_misses(logits, options, wrong, seed, geometry):
    assert not [tag for tag in tagged(geometry, logits, seed=seed, **options) if tag.startswith(wrong)]
