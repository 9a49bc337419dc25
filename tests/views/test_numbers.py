"""The numbers of every view against plain loops over the images of a synthetic run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests import oracles, synthetic
from vitscope import catalog
from vitscope.derive.heads import profile, tags
from vitscope.spec import Spec
from vitscope.store.reader import Cache, Run
from vitscope.views import Options, View

IMAGES = 3
MODELS = {
    "cls": {"grid": (3, 4), "prefix": ("cls",)},
    "registers": {"grid": (3, 3), "prefix": ("cls", "reg1", "reg2")},
    "no prefix": {"grid": (4, 2), "prefix": ()},
}


@pytest.fixture(params=MODELS.values(), ids=MODELS.keys(), scope="module")
def run(request, tmp_path_factory) -> Run:
    cache: Path = tmp_path_factory.mktemp("cache")
    synthetic.write(cache, layers=2, heads=3, images=IMAGES, **request.param)
    return Cache(cache).find("synthetic")


@pytest.fixture
def attention(run) -> np.ndarray:
    return np.stack([synthetic.attention(run.geometry, index) for index in range(IMAGES)])


def show(name: str, run: Run, **options) -> View:
    return catalog.load("view", catalog.VIEWS, name)(run, Options(**options))


def close(actual: np.ndarray | None, expected: np.ndarray, absolute: float = 1e-7) -> None:
    assert actual is not None
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=absolute)


def queries(run: Run) -> list[str]:
    return ["spatial", "1,1", f"{run.geometry.rows},{run.geometry.columns}", *(["cls"] * bool(run.geometry.prefix))]


def looked(run: Run, image: np.ndarray, query: str) -> np.ndarray:
    """Attention (L, H, T) of a query in (L, H, T, T)."""
    first = len(run.geometry.prefix)
    if query == "cls":
        return image[:, :, 0]
    if query == "spatial":
        return np.mean([image[:, :, token] for token in range(first, run.geometry.tokens)], axis=0)
    row, column = (int(part) - 1 for part in query.split(","))
    return image[:, :, first + row * run.geometry.columns + column]


def test_attention(run, attention):
    geometry, first = run.geometry, len(run.geometry.prefix)
    for query in queries(run):
        expected = looked(run, oracles.mean_attention(attention), query)
        mean = show("attention", run, query=query)
        assert mean.dims == ("layer", "head", "row", "column")
        assert mean.images == IMAGES
        close(mean.values, expected[:, :, first:].reshape(2, 3, geometry.rows, geometry.columns))
        every = show("attention", run, query=query, tokens="all")
        assert every.dims == ("layer", "head", "token")
        assert every.coords["token"][:first] == list(geometry.prefix)
        assert every.coords["token"][first :: geometry.patches - 1] == ["1,1", f"{geometry.rows},{geometry.columns}"]
        close(every.values, expected)
        close(every.values.sum(axis=-1), np.ones((2, 3)))
        if geometry.prefix:
            to_cls = show("attention", run, query=query, tokens="cls")
            assert to_cls.dims == ("layer", "head")
            close(to_cls.values, expected[:, :, 0])


def test_the_mean_patch_is_asked_for_by_default(run):
    np.testing.assert_array_equal(
        show("attention", run).values, show("attention", run, query="spatial", tokens="spatial").values
    )


def test_attention_in_one_image(run, attention):
    for index, name in enumerate(run.result("gallery").coords["image"]):
        for query in queries(run):
            view = show("attention", run, query=query, image=name, tokens="all")
            assert view.images == 1
            assert name in view.title
            expected = looked(run, attention[index].astype(np.float16).astype(float), query)
            close(view.values, expected)
            one = show("attention", run, query=query, image=Path(name).name, layer=1, head=2)
            assert one.dims == ("row", "column")
            close(one.values.ravel(), expected[1, 2, len(run.geometry.prefix) :])


def test_aligned(run, attention):
    view, geometry = show("aligned", run), run.geometry
    close(view.values, oracles.aligned(attention, geometry))
    close(view.values.sum(axis=(-2, -1)), np.ones((2, 3)))
    assert view.coords["row"] == list(range(1 - geometry.rows, geometry.rows))
    assert view.coords["column"] == list(range(1 - geometry.columns, geometry.columns))
    assert view.unit == "1"


def test_distance(run, attention):
    view = show("distance", run)
    close(view.values, oracles.mean(oracles.distance(attention, run.geometry)))
    assert (view.unit, view.dims, view.images) == ("image side", ("layer", "head"), IMAGES)


def test_offset(run, attention):
    columns, expected = show("offset", run).columns, oracles.offset(attention, run.geometry)
    assert {column.unit for column in columns.values()} == {"image side"}
    close(columns["x"].values, expected[..., 0], 1e-6)
    close(columns["y"].values, expected[..., 1], 1e-6)
    close(columns["magnitude"].values, np.hypot(expected[..., 0], expected[..., 1]), 1e-6)


def test_deviation(run, attention):
    columns = show("deviation", run).columns
    over_heads = oracles.head_deviation(attention, run.geometry)
    over_positions = oracles.position_deviation(attention, run.geometry)
    for head in range(3):
        close(columns["over_heads"].values[:, head], oracles.mean(over_heads))
        close(columns["over_heads_std"].values[:, head], oracles.spread(over_heads))
    close(columns["over_positions"].values, oracles.mean(over_positions))
    close(columns["over_positions_std"].values, oracles.spread(over_positions))


def test_heads(run, attention):
    geometry, columns = run.geometry, show("heads", run).columns
    expected = {
        "distance": oracles.distance(attention, geometry),
        "entropy": oracles.entropy(attention),
        "over_positions": oracles.position_deviation(attention, geometry),
    }
    for index, token in enumerate(geometry.prefix):
        expected[f"to_{token}"] = oracles.prefix_mass(attention, geometry)[..., index]
    for name, values in expected.items():
        close(columns[name].values, oracles.mean(values))
        close(columns[f"{name}_std"].values, oracles.spread(values))
    offset = oracles.offset(attention, geometry)
    close(columns["x"].values, offset[..., 0], 1e-6)
    close(columns["y"].values, offset[..., 1], 1e-6)
    close(columns["magnitude"].values, np.linalg.norm(offset, axis=-1), 1e-6)
    scores = profile(run.array("attention"), run.array("spatial-attention"), geometry)
    np.testing.assert_array_equal(columns["core_offset"].values, scores.size)
    assert columns["tags"].unit == "tag"
    assert columns["tags"].values.tolist() == [[[str(tag) for tag in head] for head in row] for row in tags(scores)]
    assert [name for name in columns if name.startswith("to_")] == [
        f"to_{token}{end}" for token in geometry.prefix for end in ("", "_std")
    ]


@pytest.mark.parametrize("mode", ["all", "cls", "spatial", "pure"])
def test_the_four_averages(mode, run, attention):
    if mode == "cls" and not run.geometry.prefix:
        mode = "spatial"
        assert "stands in" in show("attention", run, query="cls").notes[0]
    mean = show("attention", run, query=mode, tokens="all")
    close(mean.values, oracles.average(mode, attention, run.geometry))
    kept = run.result("gallery").coords["image"]
    half = attention.astype(np.float16).astype(np.float64)
    for index, name in enumerate(kept):
        one = show("attention", run, query=mode, tokens="all", image=name)
        close(one.values, oracles.average(mode, half[index : index + 1], run.geometry), 1e-6)


@pytest.mark.parametrize("name", synthetic.OF_HEADS)
@pytest.mark.parametrize(("layer", "head"), [(1, None), (None, 2), (1, 2)])
def test_one_layer_or_head_is_a_part_of_all(name, layer, head, run):
    whole, part = show(name, run), show(name, run, layer=layer, head=head)
    place = (slice(None) if layer is None else layer, slice(None) if head is None else head)
    gone = {dim for dim, number in (("layer", layer), ("head", head)) if number is not None}
    assert part.dims == tuple(dim for dim in whole.dims if dim not in gone)
    asked = {"layer": layer, "head": head}
    assert part.coords == {dim: [asked[dim] + 1] if dim in gone else places for dim, places in whole.coords.items()}
    assert part.title == whole.title + (", layer 2" if layer else "") + (", head 3" if head else "")
    if whole.values is not None:
        np.testing.assert_array_equal(part.values, whole.values[place])
        assert part.values.shape == tuple(len(part.coords[dim]) for dim in part.dims)
    for column, numbers in (whole.columns or {}).items():
        if numbers.unit == "tag":
            expected = numbers.values[place]
            listed = expected.tolist() if isinstance(expected, np.ndarray) else expected
            assert part.columns[column].values.tolist() == listed
        else:
            np.testing.assert_allclose(part.columns[column].values, numbers.values[place], rtol=1e-12, atol=1e-15)
        assert part.columns[column].values.shape == tuple(len(part.coords[dim]) for dim in part.dims)


@pytest.mark.parametrize("name", synthetic.OF_HEADS)
def test_every_view_says_what_it_is(name, run):
    view = show(name, run)
    assert (view.name, view.model, view.dataset) == (name, "synthetic", "shapes")
    assert (view.protocol, view.images) == ("corrected", IMAGES)
    assert view.spec == run.spec.to_json()
    assert Spec(**{**view.spec, "image_size": tuple(view.spec["image_size"])}) == run.spec
    assert (view.values is None) != (view.columns is None)
    assert list(view.coords) == list(view.dims)
    assert view.coords["layer"] == [1, 2]
    assert view.coords["head"] == [1, 2, 3]
    for numbers in [view.values] if view.columns is None else [column.values for column in view.columns.values()]:
        assert numbers.shape == tuple(len(view.coords[dim]) for dim in view.dims)


def test_a_register_stands_in_for_cls(tmp_path):
    synthetic.write(tmp_path, layers=2, heads=3, images=IMAGES, grid=(3, 3), prefix=("reg1", "reg2"))
    run = Cache(tmp_path).find("synthetic")
    mean = np.mean([synthetic.attention(run.geometry, index) for index in range(IMAGES)], axis=0)
    view = show("attention", run, query="cls", tokens="all")
    close(view.values, mean[:, :, 0])
    assert view.title.startswith("Attention of register 1")
    assert view.notes == ["this model has no CLS token: its first register stands in for it"]
    close(show("attention", run, query="reg2", tokens="all").values, mean[:, :, 1])
    assert show("attention", run, query="reg2").notes == []
    to = show("attention", run, query="2,2", tokens="cls")
    close(to.values, mean[:, :, 2 + 4, 0])
    assert to.title.endswith("to register 1")
    assert to.notes == view.notes


def test_the_mean_patch_stands_in_where_there_is_no_register(tmp_path):
    synthetic.write(tmp_path, layers=2, heads=3, images=IMAGES, grid=(4, 2), prefix=())
    run = Cache(tmp_path).find("synthetic")
    view, mean = show("attention", run, query="cls"), show("attention", run, query="spatial")
    close(view.values, np.asarray(mean.values))
    assert mean.notes == []
    assert view.notes == ["this model has neither CLS nor registers: the mean of all patches stands in for CLS"]
