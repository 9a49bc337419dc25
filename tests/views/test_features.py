"""Views of features against plain loops over invented features, and what they say when they cannot be shown."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests import features, synthetic
from tests.derive import grams
from vitscope import catalog
from vitscope.errors import DamagedError, NotMeasured, StoreError, ViewError
from vitscope.store.lock import lock
from vitscope.store.reader import Cache, Run
from vitscope.store.writer import Measured, RunWriter
from vitscope.views import Options, View

IMAGES, BLOCK = 14, 6
ORDER = np.random.default_rng(0).permutation(IMAGES)
SEEDS = {"one": 1, "two": 2, "three": 3}
SHAPE = {"heads": 2, "grid": (2, 3), "gallery": 0, "block": BLOCK}


def write(folder: Path, model: str, *, seed: int = 0, images: int = IMAGES, **options) -> None:
    synthetic.write(folder, model=model, seed=seed, images=images, **{**SHAPE, "layers": 3, **options})


@pytest.fixture(scope="module")
def cache(tmp_path_factory) -> Path:
    """one and three have 3 layers, two has 4 on another grid; all over the same images."""
    folder = tmp_path_factory.mktemp("cache")
    write(folder, "one", seed=1)
    write(folder, "two", seed=2, layers=4, grid=(3, 3))
    write(folder, "three", seed=3)
    return folder


def show(name: str, cache: Path, *models: str, **options) -> View:
    make, found = catalog.load("view", catalog.VIEWS, name), Cache(cache)
    if catalog.VIEWS[name].several:
        return make(found, list(models), Options(**options))
    return make(found.find(models[0]), Options(**options))


def tokens(cache: Path, model: str, tap: str = "block", part: slice = slice(None)) -> np.ndarray:
    return features.tokens(Cache(cache).find(model).geometry, IMAGES, SEEDS[model], tap)[:, :, part]


def oracle(one: np.ndarray, other: np.ndarray, *, scaled: bool = False) -> np.ndarray:
    """CKA of all pairs of layers of (L, I, T, D), by loops."""
    blocks = [ORDER[start : start + BLOCK] for start in range(0, IMAGES, BLOCK)]
    return np.array([[grams.cka([x[b] for b in blocks], [y[b] for b in blocks], scaled=scaled) for y in other]
                     for x in one])  # fmt: skip


PARTS = {"all": slice(None), "cls": slice(0, 1), "spatial": slice(1, None)}


@pytest.mark.parametrize("part", PARTS)
def test_cka_of_two_models_of_other_depth_and_grid(cache, part):
    view = show("cka", cache, "one", "two", tokens=part)
    expected = oracle(*(tokens(cache, model, part=PARTS[part]) for model in ("one", "two")))
    np.testing.assert_allclose(view.values, expected, atol=1e-5)
    assert view.dims == ("layer", "other_layer")
    assert (view.coords["layer"], view.coords["other_layer"]) == ([1, 2, 3], [1, 2, 3, 4])
    assert (view.model, view.dataset, view.images, view.unit) == ("one, two", "shapes", IMAGES, "1")
    assert [spec["model"] for spec in view.spec["runs"]] == ["one", "two"]
    assert "2 blocks of 6 images" in view.notes[0]
    np.testing.assert_allclose(show("cka", cache, "two", "one", tokens=part).values, expected.T, atol=1e-5)


def test_cka_of_one_model(cache):
    view = show("cka", cache, "one")
    np.testing.assert_allclose(view.values, oracle(*[tokens(cache, "one")] * 2), atol=1e-5)
    assert np.abs(np.diagonal(view.values) - 1).max() < 1e-12
    assert view.spec == Cache(cache).find("one").spec.to_json()
    row = show("cka", cache, "one", layer=1)
    np.testing.assert_allclose(row.values, view.values[1], atol=1e-12)
    assert (row.dims, row.coords["layer"], row.coords["other_layer"]) == (("other_layer",), [2], [1, 2, 3])


def test_cka_of_the_last_layers_of_many(cache):
    view = show("cka", cache, "one", "two", "three", tokens="spatial")
    last = [tokens(cache, model, part=PARTS["spatial"])[-1:] for model in ("one", "two", "three")]
    expected = [[oracle(x, y).item() for y in last] for x in last]
    np.testing.assert_allclose(view.values, expected, atol=1e-5)
    assert (view.dims, view.coords["model"]) == (("model", "other_model"), ["one", "two", "three"])
    second = show("cka", cache, "one", "two", "three", layer=1)
    pair = oracle(tokens(cache, "one")[1:2], tokens(cache, "three")[1:2]).item()
    assert second.values[0, 2] == pytest.approx(pair, abs=1e-5)
    assert "layer 2" in second.title


def test_cka_of_norms_weaves_both_norms_of_a_block(cache):
    view = show("cka", cache, "one", taps="norm")
    one, two = (tokens(cache, "one", name) for name in ("norm1", "norm2"))
    woven = np.stack([one, two], axis=1).reshape(6, *one.shape[1:])
    np.testing.assert_allclose(view.values, oracle(woven, woven), atol=1e-5)
    assert view.coords["layer"] == ["1 LN1", "1 LN2", "2 LN1", "2 LN2", "3 LN1", "3 LN2"]


def test_cka_in_protocol_paper_is_scaled_block_by_block(cache, tmp_path):
    write(tmp_path, "one", seed=1, protocol="paper")
    view = show("cka", tmp_path, "one")
    np.testing.assert_allclose(view.values, oracle(*[tokens(cache, "one")] * 2, scaled=True), atol=1e-5)
    assert np.abs(view.values - show("cka", cache, "one").values).max() > 1e-4
    assert view.protocol == "paper"
    assert "each divided by its range, as in the paper" in view.notes[0]


@pytest.mark.parametrize("part", ["cls", "spatial"])
def test_exact_cka(cache, part):
    view = show("cka", cache, "one", "two", exact=True, tokens=part)
    one, two = (tokens(cache, model, part=PARTS[part]).mean(2).astype(np.float16) for model in ("one", "two"))
    expected = [[grams.cka([x], [y]) for y in two] for x in one]
    np.testing.assert_allclose(view.columns["unbiased"].values, expected, atol=1e-9)
    assert view.columns["biased"].values.shape == (3, 4)
    many = show("cka", cache, "one", "two", "three", exact=True, tokens=part)
    assert many.columns["unbiased"].values[0, 1] == pytest.approx(expected[2][3], abs=1e-9)
    assert many.columns["unbiased"].values[1, 1] == pytest.approx(1, abs=1e-12)
    row = show("cka", cache, "one", "two", exact=True, tokens=part, layer=1)
    np.testing.assert_allclose(row.columns["unbiased"].values, expected[1], atol=1e-9)


def test_residual_ratios_and_cka(cache):
    view = show("residual", cache, "one")
    for branch in ("attention", "mlp"):
        skip, added = (tokens(cache, "one", f"{branch}{side}") for side in ("skip", "branch"))
        for name, part in PARTS.items():
            ratios = np.array([[np.linalg.norm(x[part]) / np.linalg.norm(y[part]) for x, y in zip(*layers, strict=True)]
                               for layers in zip(skip, added, strict=True)])  # fmt: skip
            np.testing.assert_allclose(view.columns[f"{branch}_{name}"].values, ratios.mean(1), rtol=1e-5)
            np.testing.assert_allclose(view.columns[f"{branch}_{name}_std"].values, ratios.std(1, ddof=1), rtol=1e-5)
        whole = oracle(skip, added)
        np.testing.assert_allclose(view.columns[f"{branch}_cka"].values, np.diagonal(whole), atol=1e-5)
        found = show("residual", cache, "one", taps=branch)
        np.testing.assert_allclose(found.values, whole, atol=1e-5)
        assert found.dims == ("skip_layer", "branch_layer")
        row = show("residual", cache, "one", taps=branch, layer=2)
        np.testing.assert_allclose(row.values, whole[2], atol=1e-5)
    one = show("residual", cache, "one", layer=1)
    assert one.dims == ()
    assert one.columns["mlp_cka"].values == view.columns["mlp_cka"].values[1]


def test_residual_shows_what_is_there(tmp_path):
    write(tmp_path, "part", metrics=["residual-norms"])
    view = show("residual", tmp_path, "part")
    assert "attention_all" in view.columns
    assert "attention_cka" not in view.columns
    assert any("--metrics residual-grams" in note for note in view.notes)


def test_norms(cache):
    view = show("norms", cache, "one")
    length = np.linalg.norm(tokens(cache, "one", part=PARTS["spatial"]), axis=-1)
    np.testing.assert_allclose(view.columns["mean"].values, length.mean((1, 2)), rtol=1e-5)
    assert list(view.columns) == ["mean", "median", "outliers", "outliers_std"]
    layer = show("norms", cache, "one", layer=1)
    np.testing.assert_allclose(layer.values, length[1].mean(0).reshape(2, 3), rtol=1e-5)
    assert layer.dims == ("row", "column")


@pytest.mark.parametrize(
    ("name", "models", "options", "said"),
    [
        ("cka", ["one"], {"query": "cls"}, "does not depend on --query"),
        ("cka", ["one"], {"head": 0}, "does not depend on --head"),
        ("cka", ["one"], {"layer": 3}, "there is no layer 4: one has layers 1 to 3"),
        ("cka", ["one", "two", "three"], {"layer": 3}, "there is no layer 4: one has layers 1 to 3"),
        ("cka", ["one"], {"tokens": "registers"}, "none of cls, spatial or all"),
        ("cka", ["one"], {"taps": "mlp"}, "show residual"),
        ("cka", ["one"], {"taps": "norm", "tokens": "cls"}, "all tokens and all layers"),
        ("cka", ["one", "two", "three"], {"taps": "norm"}, "one model or two"),
        ("cka", ["one"], {"exact": True, "tokens": "all"}, "one vector an image"),
        ("cka", ["one"], {"exact": True, "taps": "norm"}, "leave --taps out"),
        ("residual", ["one"], {"taps": "block"}, "none of attention or mlp"),
        ("residual", ["one"], {"tokens": "cls"}, "does not depend on --tokens"),
        ("residual", ["one"], {"layer": 5}, "there is no layer 6"),
        ("norms", ["one"], {"taps": "block"}, "does not depend on --taps"),
        ("norms", ["one"], {"exact": True}, "does not depend on --exact"),
    ],
)
def test_options_that_do_not_go_together(cache, name, models, options, said):
    with pytest.raises(ViewError) as error:
        show(name, cache, *models, **options)
    assert said in str(error.value)


def test_models_that_cannot_be_compared_say_why(cache, tmp_path):
    write(tmp_path, "one", seed=1)
    write(tmp_path, "fewer", images=10)
    write(tmp_path, "smaller", block=4)
    write(tmp_path, "patches", prefix=())
    with pytest.raises(ViewError, match=r"different images \(14 of shapes; 10 of shapes\)"):
        show("cka", tmp_path, "one", "fewer")
    with pytest.raises(ViewError, match="different images"):
        show("cka", tmp_path, "one", "fewer", exact=True)
    with pytest.raises(ViewError, match=r"blocks of 6 images .* in blocks of 4"):
        show("cka", tmp_path, "one", "smaller")
    with pytest.raises(ViewError, match="patches has no CLS token: ask for --tokens spatial or all"):
        show("cka", tmp_path, "one", "patches", tokens="cls")
    assert show("cka", tmp_path, "one", "patches", tokens="spatial").values.shape == (3, 3)


@pytest.mark.parametrize(
    ("name", "options", "metric"),
    [
        ("cka", {}, "grams"),
        ("cka", {"taps": "norm"}, "norm-grams"),
        ("cka", {"exact": True}, "vectors"),
        ("residual", {}, "residual-norms"),
        ("residual", {"taps": "mlp"}, "residual-grams"),
        ("norms", {}, "token-norms"),
    ],
)
def test_a_run_without_features_says_what_to_measure(tmp_path, name, options, metric):
    write(tmp_path, "bare", metrics=["distance"])
    with pytest.raises(NotMeasured, match=f"vitscope extract --model bare --data DIR --metrics {metric}`"):
        show(name, tmp_path, "bare", **options)


def test_blocks_that_do_not_fit_are_damage(tmp_path):
    write(tmp_path, "one", seed=1)
    run = Cache(tmp_path).find("one")
    deeper = Run(run.folder, run.spec, replace(run.geometry, layers=5), run.facts)
    for name, options in (("residual", {"taps": "mlp"}), ("norms", {}), ("residual", {})):
        with pytest.raises(DamagedError):
            catalog.load("view", catalog.VIEWS, name)(deeper, Options(**options))


def evaluated(folder: Path, model: str, layers: int, *, clusters: int = 3, tokens: tuple[str, ...] = ("cls", "spatial"),
              images: str = "0" * 64) -> np.ndarray:  # fmt: skip
    """An evaluation of clusters with random scores, (3, tokens, L)."""
    if not any(run.model == "one" for run in Cache(folder).runs()):
        write(folder, "one", seed=1, metrics=["distance"])
    run = Cache(folder).find("one")
    spec = replace(run.spec, model=model, images=images, task="clusters", settings={"clusters": clusters})
    facts = {name: value for name, value in run.facts.items() if name not in {"format", "sha256"}}
    facts["geometry"] = {**run.geometry.to_json(), "layers": layers}
    writer = RunWriter(folder, spec, facts)
    values = np.random.default_rng(len(model)).random((3, len(tokens), layers)).astype(np.float32)
    arrays = {name: Measured(values[i], ("tokens", "layer"), "1") for i, name in enumerate(("purity", "nmi", "ari"))}
    with lock(writer.folder):
        writer.put_result("clusters", 1, arrays, IMAGES, {"tokens": list(tokens)})
    return values


def test_clusters_of_several_models_with_noise(tmp_path):
    one, deep, noise = (evaluated(tmp_path, *model) for model in (("a", 3), ("deep", 5), ("random", 10)))
    view = show("clusters", tmp_path, "a", "deep", "random")
    assert view.dims == ("model", "layer")
    assert view.coords == {"model": ["a", "deep", "random"], "layer": [1, 2, 3, 4, 5]}
    assert list(view.columns) == ["purity", "purity_std", "nmi", "nmi_std", "ari", "ari_std"]
    for i, name in enumerate(("purity", "nmi", "ari")):
        values, spread = view.columns[name].values, view.columns[f"{name}_std"].values
        np.testing.assert_allclose(values[0], [*one[i, 0], np.nan, np.nan], rtol=1e-6)
        np.testing.assert_allclose(values[1], deep[i, 0], rtol=1e-6)
        np.testing.assert_allclose(values[2], [noise[i, 0].mean(dtype=float)] * 5, rtol=1e-6)
        np.testing.assert_allclose(spread[2], [noise[i, 0].astype(float).std(ddof=1)] * 5, rtol=1e-6)
        assert np.isnan(spread[:2]).all()
    assert any("noise" in note for note in view.notes)
    spatial = show("clusters", tmp_path, "a", tokens="spatial")
    np.testing.assert_allclose(spatial.columns["ari"].values[0], one[2, 1], rtol=1e-6)
    assert "3 clusters" in spatial.title
    layer = show("clusters", tmp_path, "a", "deep", "random", layer=2)
    np.testing.assert_allclose(
        layer.columns["purity"].values, [one[0, 0, 2], deep[0, 0, 2], noise[0, 0].mean(dtype=float)], rtol=1e-6
    )


def test_clusters_that_cannot_be_shown(tmp_path):
    evaluated(tmp_path, "a", 3)
    evaluated(tmp_path, "patches", 3, tokens=("spatial",))
    evaluated(tmp_path, "other", 3, clusters=7)
    evaluated(tmp_path, "elsewhere", 3, images="1" * 64)
    assert "mean over patches" in show("clusters", tmp_path, "a", "patches").title
    with pytest.raises(NotMeasured, match="of spatial only, not of cls"):
        show("clusters", tmp_path, "a", "patches", tokens="cls")
    with pytest.raises(ViewError, match="different numbers of clusters"):
        show("clusters", tmp_path, "a", "other")
    with pytest.raises(ViewError, match="different images"):
        show("clusters", tmp_path, "a", "elsewhere")
    with pytest.raises(ViewError, match="no layer 9"):
        show("clusters", tmp_path, "a", layer=8)
    with pytest.raises(ViewError, match="cls or spatial"):
        show("clusters", tmp_path, "a", tokens="all")
    with pytest.raises(StoreError, match="vitscope evaluate clusters --model one"):
        show("clusters", tmp_path, "one")
