"""Views of tasks: every number where it belongs, several models side by side, one layer taken apart."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest

from tests import evaluations
from vitscope import catalog
from vitscope.errors import DamagedError, StoreError, ViewError
from vitscope.export import data
from vitscope.export.figure import figure
from vitscope.export.table import render
from vitscope.store.reader import Cache
from vitscope.views import Options, View

L, H = 3, 4
COORDS: dict[str, dict[str, list[str]]] = {
    "knn": {"k": ["10", "20"]},
    "retrieval": {"difficulty": ["easy", "medium", "hard"], "k": ["1", "5", "10"]},
    "davis": {"object": ["cat/1", "cat/2", "dog/1"]},
    "spair": {"alpha": ["0.1", "0.05", "0.01"], "category": ["cat", "dog"]},
    "saliency": {"mode": ["cls", "spatial", "centre"]},
    "objects": {},
    "parts": {},
}
ARRAYS: dict[str, dict[str, tuple[str, ...]]] = {
    "knn": {"accuracy": ("layer",), "top1": ("layer", "k"), "top5": ("layer", "k")},
    "retrieval": {
        "map": ("layer", "difficulty"), "map-medium": ("layer",), "precision": ("layer", "difficulty", "k"),
    },
    "davis": {
        "jf": ("layer",), "j": ("layer",), "f": ("layer",),
        "j-object": ("layer", "object"), "f-object": ("layer", "object"),
    },
    "spair": {
        "pck": ("layer",), "pck-point": ("layer", "alpha"), "pck-image": ("layer", "alpha"),
        "pck-category": ("layer", "alpha", "category"),
    },
    "saliency": {
        "iou": ("mode", "layer", "head"), "oracle": ("mode", "layer"), "fixed": ("mode", "layer"),
        "merged": ("mode", "layer"), "best-head": ("layer",),
    },
    "objects": dict.fromkeys(("purity", "nmi", "ari"), ("layer",)),
    "parts": dict.fromkeys(("purity", "nmi", "ari"), ("layer",)),
}  # fmt: skip
BELOW = {"knn": "k", "retrieval": "difficulty", "davis": "object", "spair": "category", "saliency": "head"}
FIRST = {
    "knn": "top1", "retrieval": "medium", "davis": "jf", "spair": "pck", "saliency": "fixed", "objects": "purity",
    "parts": "purity",
}  # fmt: skip


def values(task: str, name: str, seed: int, layers: int = L) -> np.ndarray:
    sizes = {"layer": layers, "head": H, **{dim: len(labels) for dim, labels in COORDS[task].items()}}
    return evaluations.curve(seed + len(name), *(sizes[dim] for dim in ARRAYS[task][name]))


def write(cache: Path, task: str, model: str = "a", seed: int = 0, layers: int = L, **more: object) -> None:
    arrays = {name: (values(task, name, seed, layers), dims) for name, dims in ARRAYS[task].items()}
    evaluations.write(cache, task, arrays, model=model, coords=COORDS[task], heads=H, **more)  # type: ignore[arg-type]


def show(cache: Path, task: str, *models: str, **options: object) -> View:
    return catalog.load("view", catalog.VIEWS, task)(Cache(cache), list(models), Options(**options))  # type: ignore[arg-type]


def column(view: View, name: str) -> np.ndarray:
    assert view.columns is not None
    return np.asarray(view.columns[name].values)


@pytest.mark.parametrize("task", ARRAYS)
def test_every_layer_of_every_model(tmp_path, task):
    write(tmp_path, task, "a", seed=1)
    write(tmp_path, task, "b", seed=2, layers=L + 2)
    view = show(tmp_path, task, "a", "b")
    assert view.dims == ("model", "layer")
    assert view.coords == {"model": ["a", "b"], "layer": [1, 2, 3, 4, 5]}
    assert view.columns is not None
    assert next(iter(view.columns)) == FIRST[task]
    for found in view.columns.values():
        assert np.isnan(found.values[0, L:]).all()
        assert np.isfinite(found.values[0, :L]).all()
        assert np.isfinite(found.values[1]).all()


def test_which_number_stands_where(tmp_path):
    for task in ARRAYS:
        write(tmp_path, task, seed=3)
    expected = {
        "knn": {"top1": values("knn", "top1", 3)[:, 1], "top5": values("knn", "top5", 3)[:, 1]},
        "retrieval": {name: values("retrieval", "map", 3)[:, i] for i, name in enumerate(("easy", "medium", "hard"))},
        "davis": {name: values("davis", name, 3) for name in ("jf", "j", "f")},
        "spair": {
            "pck": values("spair", "pck", 3),
            "point_0.05": values("spair", "pck-point", 3)[:, 1],
            "image_0.01": values("spair", "pck-image", 3)[:, 2],
        },
        "saliency": {name: values("saliency", name, 3)[0] for name in ("oracle", "fixed", "merged")},
        "parts": {name: values("parts", name, 3) for name in ("purity", "nmi", "ari")},
    }
    for task, columns in expected.items():
        view = show(tmp_path, task, "a")
        for name, numbers in columns.items():
            np.testing.assert_array_equal(column(view, name)[0], numbers)
            assert view.columns[name].unit == "1"  # type: ignore[index]


@pytest.mark.parametrize("task", BELOW)
def test_one_layer_is_taken_apart(tmp_path, task):
    write(tmp_path, task, "a", seed=1)
    write(tmp_path, task, "b", seed=2)
    view = show(tmp_path, task, "a", "b", layer=1)
    labels = list(range(1, H + 1)) if task == "saliency" else COORDS[task][BELOW[task]]
    assert view.dims == ("model", BELOW[task])
    assert view.coords == {"layer": [2], "model": ["a", "b"], BELOW[task]: labels}
    expected = {
        "knn": ("top5", lambda seed: values("knn", "top5", seed)[1]),
        "retrieval": ("precision_at_5", lambda seed: values("retrieval", "precision", seed)[1, :, 1]),
        "davis": ("f", lambda seed: values("davis", "f-object", seed)[1]),
        "spair": ("pck_0.05", lambda seed: values("spair", "pck-category", seed)[1, 1]),
        "saliency": ("iou", lambda seed: values("saliency", "iou", seed)[0, 1]),
    }
    name, number = expected[task]
    np.testing.assert_array_equal(column(view, name), np.stack([number(1), number(2)]))


def test_one_layer_of_what_has_nothing_below(tmp_path):
    write(tmp_path, "objects", seed=1)
    view = show(tmp_path, "objects", "a", layer=2)
    assert (view.dims, view.coords) == (("model",), {"layer": [3], "model": ["a"]})
    assert column(view, "nmi").tolist() == [values("objects", "nmi", 1)[2]]


def test_the_query_of_saliency(tmp_path):
    write(tmp_path, "saliency", seed=1)
    view = show(tmp_path, "saliency", "a", query="centre")
    np.testing.assert_array_equal(column(view, "merged")[0], values("saliency", "merged", 1)[2])
    assert view.title.endswith("centre")
    with pytest.raises(ViewError, match="no --query left was evaluated for all of these models, only: cls, spatial"):
        show(tmp_path, "saliency", "a", query="left")


def test_random_is_a_mean_over_trials_with_its_spread(tmp_path):
    write(tmp_path, "davis", "a", seed=1)
    write(tmp_path, "davis", "random", seed=2, layers=10)
    view = show(tmp_path, "davis", "a", "random")
    trials = values("davis", "jf", 2, 10)
    assert view.coords["layer"] == [1, 2, 3]
    np.testing.assert_allclose(column(view, "jf")[1], trials.mean())
    np.testing.assert_allclose(column(view, "jf_std")[1], trials.std(ddof=1))
    assert f"random {trials.mean():.4f} ± {trials.std(ddof=1):.4f}" in view.notes[1]
    apart = show(tmp_path, "davis", "a", "random", layer=0)
    np.testing.assert_allclose(column(apart, "j")[1], values("davis", "j-object", 2, 10).mean(0))


def test_the_best_layer_is_said(tmp_path):
    write(tmp_path, "parts", seed=1)
    purity = values("parts", "purity", 1)
    best = int(purity.argmax())
    assert show(tmp_path, "parts", "a").notes[0] == f"Best by purity: a {purity[best]:.4f} (layer {best + 1})."


def test_another_k_stands_in_for_20(tmp_path):
    top1 = evaluations.curve(0, L, 2)
    arrays = {"top1": (top1, ("layer", "k")), "top5": (top1, ("layer", "k"))}
    evaluations.write(tmp_path, "knn", arrays, coords={"k": ["5", "10"]})
    np.testing.assert_array_equal(column(show(tmp_path, "knn", "synthetic"), "top1")[0], top1[:, 1])


def test_what_cannot_be_compared_or_shown(tmp_path):
    write(tmp_path, "davis", "a")
    write(tmp_path, "davis", "b", images="1" * 64)
    write(tmp_path, "saliency", "a")
    evaluations.write(tmp_path, "saliency", {"iou": (evaluations.curve(0, 3, L, 2), ("mode", "layer", "head"))},
                      model="two", coords=COORDS["saliency"], heads=2)  # fmt: skip
    with pytest.raises(ViewError, match="different images"):
        show(tmp_path, "davis", "a", "b")
    with pytest.raises(ViewError, match="do not have the same heads: ask for one --model"):
        show(tmp_path, "saliency", "a", "two", layer=0)
    with pytest.raises(ViewError, match="there is no layer 9: a has layers 1 to 3"):
        show(tmp_path, "davis", "a", layer=8)
    for option in ({"query": "cls"}, {"image": "x"}, {"tokens": "cls"}, {"head": 0}, {"taps": "norm"}, {"exact": True}):
        with pytest.raises(ViewError, match=f"does not depend on --{next(iter(option))}"):
            show(tmp_path, "davis", "a", **option)
    with pytest.raises(StoreError, match="vitscope evaluate knn --model a"):
        show(tmp_path, "knn", "a")


def test_settings_that_differ_are_said(tmp_path):
    write(tmp_path, "objects", "a", settings={"clusters": 80})
    write(tmp_path, "objects", "b", settings={"clusters": 10})
    assert "Not evaluated alike: clusters is a 80, b 10." in show(tmp_path, "objects", "a", "b").notes


def test_notes_of_the_data_are_cut_short(tmp_path):
    write(tmp_path, "objects", notes=tuple(f"note {number}" for number in range(9)))
    kept = [f"note {number}" for number in range(4)]
    assert show(tmp_path, "objects", "a").notes[1:] == [*kept, "… and 5 more notes in run.json."]


def test_a_result_of_another_shape_is_damage(tmp_path):
    evaluations.write(tmp_path, "davis", {"jf": (evaluations.curve(0, L, 2), ("layer", "object"))})
    with pytest.raises(DamagedError, match="davis"):
        show(tmp_path, "davis", "synthetic")


@pytest.mark.parametrize("task", ARRAYS)
@pytest.mark.parametrize("layer", [None, 1])
def test_every_format(tmp_path, task, layer):
    from rich.console import Console

    write(tmp_path, task, "a", seed=1)
    write(tmp_path, task, "b", seed=2)
    view = show(tmp_path, task, "a", "b", layer=layer)
    parsed = json.loads(data.json_bytes([view]))
    assert parsed["view"] == task
    assert parsed["spec"]["runs"][0]["task"] == task
    lines = data.csv_bytes([view]).decode().splitlines()
    assert lines[0].startswith("model,")
    assert {line.split(",")[0] for line in lines[1:]} == {"a", "b"}
    assert data.npy_bytes([view])[:6] == b"\x93NUMPY"
    screen = Console(width=100, record=True, file=io.StringIO())
    screen.print(render(view, 100, "none"))
    text = screen.export_text()
    assert max(map(len, text.splitlines())) <= 100
    assert "a" in text
    assert figure([view], "svg").startswith(b"<?xml")


def test_an_evaluation_that_has_not_finished(tmp_path):
    write(tmp_path, "davis", finished=False)
    with pytest.raises(
        StoreError, match=r"its evaluation has not finished.*`vitscope evaluate davis --model a --data DIR`"
    ):
        show(tmp_path, "davis", "a")
