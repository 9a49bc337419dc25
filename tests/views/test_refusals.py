"""What views say when they cannot show what was asked for."""

from __future__ import annotations

import numpy as np
import pytest

from tests import synthetic
from vitscope import catalog
from vitscope.errors import DamagedError, NotMeasured, ViewError
from vitscope.store.reader import Cache, Run
from vitscope.store.writer import Measured, RunWriter
from vitscope.views import Options, View

NEEDS = {
    "attention": "attention",
    "aligned": "spatial-attention",
    "distance": "distance",
    "offset": "spatial-attention",
    "heads": "distance",
    "deviation": "head-deviation",
}


def write(folder, **options) -> Run:
    synthetic.write(folder, **{"layers": 2, "heads": 3, "grid": (3, 4), **options})
    return Cache(folder).find("synthetic")


def show(name: str, run: Run, **options) -> View:
    return catalog.load("view", catalog.VIEWS, name)(run, Options(**options))


@pytest.mark.parametrize("name", synthetic.OF_HEADS)
def test_layers_and_heads_that_do_not_exist(name, tmp_path):
    run = write(tmp_path)
    with pytest.raises(ViewError, match="there is no layer 3: synthetic has layers 1 to 2"):
        show(name, run, layer=2)
    with pytest.raises(ViewError, match="there is no head 4: synthetic has heads 1 to 3"):
        show(name, run, head=3)
    with pytest.raises(ViewError, match="there is no layer 0"):
        show(name, run, layer=-1)


@pytest.mark.parametrize("name", sorted(set(synthetic.OF_HEADS) - {"attention"}))
@pytest.mark.parametrize("option", ["query", "image", "tokens", "taps", "exact"])
def test_options_that_change_nothing(name, option, tmp_path):
    with pytest.raises(ViewError, match=f"'{name}' does not depend on --{option}: leave it out"):
        show(name, write(tmp_path), **{option: "cls"})


def test_queries_and_tokens(tmp_path):
    run = write(tmp_path)
    with pytest.raises(ViewError, match="rows go from 1 to 3, columns from 1 to 4"):
        show("attention", run, query="4,1")
    with pytest.raises(ViewError, match="tokens 'register' are none of cls, spatial or all"):
        show("attention", run, tokens="register")
    bare = write(tmp_path / "bare", prefix=())
    with pytest.raises(ViewError, match="no CLS token"):
        show("attention", bare, tokens="cls")


def test_images_of_the_gallery(tmp_path):
    run = write(tmp_path)
    with pytest.raises(ViewError, match=r"called 'x\.jpg'; it holds cat/000\.jpg, dog/001\.jpg"):
        show("attention", run, image="x.jpg")
    assert show("attention", run, image="dog/001.jpg").title == show("attention", run, image="001.jpg").title
    without = write(tmp_path / "without", gallery=0)
    with pytest.raises(NotMeasured, match="--metrics gallery"):
        show("attention", without, image="x.jpg")


@pytest.mark.parametrize("name", synthetic.OF_HEADS)
def test_a_run_without_anything_says_what_to_measure(name, tmp_path):
    run = write(tmp_path, metrics=["class-attention"])
    with pytest.raises(NotMeasured, match=f"vitscope extract --model synthetic --data DIR --metrics {NEEDS[name]}`"):
        show(name, run)


def test_distance_without_its_metric_comes_from_the_mean(tmp_path):
    run = write(tmp_path)
    derived = write(tmp_path / "derived", metrics=["spatial-attention"])
    for options in ({}, {"layer": 1}, {"layer": 1, "head": 0}):
        expected = show("distance", run, **options)
        np.testing.assert_allclose(show("distance", derived, **options).values, expected.values, rtol=1e-6)


def test_deviation_shows_what_is_there(tmp_path):
    view = show("deviation", write(tmp_path, metrics=["position-deviation"]))
    assert list(view.columns) == ["over_positions", "over_positions_std"]
    assert any("--metrics head-deviation" in note for note in view.notes)


def test_heads_shows_what_is_there_and_what_adds_the_rest(tmp_path):
    view = show("heads", write(tmp_path, metrics=["entropy", "spatial-attention"]))
    assert list(view.columns) == ["distance", "entropy", "entropy_std", "x", "y", "magnitude"]
    for metrics in ("prefix-mass", "position-deviation", "attention,spatial-attention"):
        assert any(note.endswith(f"--metrics {metrics}`.") for note in view.notes)
    assert len(view.notes) == 3
    assert not show("heads", write(tmp_path / "all")).notes


def test_a_model_without_prefix_misses_nothing(tmp_path):
    view = show("heads", write(tmp_path, prefix=()))
    assert not view.notes
    assert not [name for name in view.columns if name.startswith("to_")]


@pytest.mark.parametrize("name", synthetic.OF_HEADS)
def test_arrays_of_another_shape_are_damage(name, tmp_path):
    run = write(tmp_path)
    bigger = run.geometry.to_json() | {"rows": 5, "heads": 4}
    other = Run(run.folder, run.spec, type(run.geometry).from_json(bigger), run.facts)
    sentence = r"\.npy is damaged: it is .* where the run's geometry asks for .*; copy it again .* with --restart"
    with pytest.raises(DamagedError, match=sentence):
        show(name, other)
    with pytest.raises(DamagedError, match=sentence):
        show("attention", other, image="cat/000.jpg")


def test_numbers_that_do_not_exist_stay(tmp_path):
    run = write(tmp_path)
    writer = RunWriter(tmp_path, run.spec, {})
    for metric in ("distance", "spatial-attention", "attention"):
        result = run.result(metric)
        values = {name: np.array(result.array(name)) for name in result.arrays}
        values["mean"][0, 1] = np.nan
        arrays = {name: Measured(values[name], info.dims, info.unit) for name, info in result.arrays.items()}
        writer.put_result(metric, 1, arrays, result.images, result.coords)
    assert np.isnan(show("distance", run).values[0, 1])
    assert np.isfinite(show("distance", run).values[0, 0])
    assert np.isnan(show("aligned", run, layer=0, head=1).values).all()
    heads = show("heads", run).columns
    assert heads["tags"].values[0, 1] == []
    assert np.isnan(heads["reach"].values[0, 1])
    assert heads["tags"].values[0, 2] == ["offset-local right"]


def test_titles_and_notes_are_safe_for_a_screen(tmp_path):
    run = write(tmp_path, classes=("cat\x1b[2J",), images=2)
    name = run.result("gallery").coords["image"][0]
    assert show("attention", run, image=name).title.isprintable()
    with pytest.raises(ViewError) as error:
        show("attention", run, image="\x1b[2J")
    assert str(error.value).isprintable()
