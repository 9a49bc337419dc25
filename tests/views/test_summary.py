"""The summary: the best layer of each model, the paper's number beside it where everything matches, and why not."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest

from tests import evaluations
from vitscope import catalog
from vitscope.derive.summary import TABLE_1, Conditions, Score, published, score
from vitscope.errors import NotMeasured, ViewError
from vitscope.export import data
from vitscope.export.figure import figure
from vitscope.export.table import render
from vitscope.store.reader import Cache
from vitscope.views import Options, View
from vitscope.views.summary import in_words, view

NAN = float("nan")


def summary(cache: Path, *models: str, **options: object) -> View:
    return view(Cache(cache), list(models), Options(**options))  # type: ignore[arg-type]


def column(found: View, name: str) -> list[float]:
    assert found.columns is not None
    return np.asarray(found.columns[name].values).tolist()


def davis(cache: Path, model: str, jf: list[float], **more: object) -> None:
    """An evaluation of DAVIS as the paper's: 30 sequences, 61 objects."""
    objects = [f"film/{number}" for number in range(61)]
    arrays = {
        "jf": (np.array(jf), ("layer",)),
        "j-object": (np.zeros((len(jf), 61)), ("layer", "object")),
    }
    how = {"protocol": "paper", "image_size": (224, 224), "counts": {"units": 30}, "dataset": "davis-val", **more}
    evaluations.write(cache, "davis", arrays, model=model, coords={"object": objects}, **how)  # type: ignore[arg-type]


def test_scores():
    assert score(np.array([0.1, 0.5, 0.5, 0.2])) == Score(0.5, 1)
    assert score(np.array([NAN, 0.5, NAN])) == Score(0.5, 1)
    assert score(np.array([3.0, 1.0, 2.0]), sense="min") == Score(1.0, 1)
    assert score(np.array([0.25])) == Score(0.25, 0)
    trials = score(np.array([1.0, 2.0, 6.0]), trials=True)
    assert (trials.value, trials.layer) == (3.0, None)
    assert trials.spread == pytest.approx(np.sqrt((4 + 1 + 9) / 2))
    assert score(np.array([0.5]), trials=True) == Score(0.5)
    assert np.isnan(score(np.full(3, NAN)).value)
    assert np.isnan(score(np.zeros(0)).value)


def test_the_papers_numbers():
    """All of the paper's Table 1, as printed there."""
    printed = """
    fs     83.79 12  0.45 12  0.59 8   28.56 9
    clip   75.75 12  0.40 12  0.60 9   30.70 8
    dino   76.06 12  0.37 12  0.60 12  28.28 9
    moco   71.59 12  0.31 12  0.61 11  25.85 9
    mae    45.19 12  0.15 10  0.54 12  22.74 11
    beit   26.84 8   0.14 8   0.58 9   24.11 8
    """
    for row in filter(None, map(str.split, printed.splitlines())):
        model, *numbers = row
        for task, percent, at in (("knn", 100, 0), ("retrieval", 1, 2), ("davis", 1, 4), ("spair", 100, 6)):
            assert TABLE_1[task].scores[model] == (
                pytest.approx(float(numbers[at]) / percent),
                int(numbers[at + 1]),
            )
    chance = {task: TABLE_1[task].scores["random"] for task in TABLE_1}
    assert chance == {"knn": (0.001, None), "retrieval": (0.02, None), "davis": (0.06, None), "spair": (0.0132, None)}


def test_a_row_for_each_model_and_columns_for_each_task(tmp_path):
    evaluations.write(tmp_path, "objects", {"purity": (np.array([0.1, 0.7, 0.3]), ("layer",))}, model="a")
    evaluations.write(tmp_path, "objects", {"purity": (np.array([0.6, 0.2]), ("layer",))}, model="b")
    evaluations.write(tmp_path, "parts", {"purity": (np.array([0.4, 0.5, 0.45]), ("layer",))}, model="b")
    evaluations.write(tmp_path, "parts", {"purity": (np.array([1.0, 2.0, 3.0]), ("layer",))}, model="random")
    found = summary(tmp_path, "a", "b", "random", "never")
    assert found.dims == ("model",)
    assert found.coords == {"model": ["a", "b", "random", "never"]}
    np.testing.assert_array_equal(column(found, "objects"), [0.7, 0.6, NAN, NAN])
    np.testing.assert_array_equal(column(found, "objects_layer"), [2, 1, NAN, NAN])
    np.testing.assert_array_equal(column(found, "parts"), [NAN, 0.5, 2.0, NAN])
    np.testing.assert_array_equal(column(found, "parts_layer"), [NAN, 2, NAN, NAN])
    np.testing.assert_array_equal(column(found, "parts_std"), [NAN, NAN, 1.0, NAN])
    assert list(found.columns or ()) == ["objects", "objects_layer", "parts", "parts_layer", "parts_std"]


def test_the_paper_beside_what_is_exactly_its(tmp_path):
    davis(tmp_path, "mae", [0.1, 0.5, 0.52])
    davis(tmp_path, "dino", [0.61, 0.5, 0.52])
    found = summary(tmp_path, "mae", "dino")
    assert column(found, "davis_paper") == [0.54, 0.60]
    assert column(found, "davis_paper_layer") == [12, 12]
    np.testing.assert_allclose(column(found, "davis_difference"), [-0.02, 0.01])
    assert not any("No number of the paper" in note for note in found.notes)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"model": "demo-mae"}, "the paper's Table 1 has no such model"),
        ({"protocol": "corrected"}, "the protocol is corrected, the paper's numbers are for --protocol paper"),
        ({"image_size": (448, 448)}, "images are 448×448 pixels, the paper's 224×224"),
        ({"counts": {"units": 6}}, "the paper's data are DAVIS-2017 val, 30 sequences with 61 objects"),
        ({"preprocess": "short side / 0.9, bicubic, centre crop"}, "crops are made so: short side / 0.9"),
    ],
)
def test_no_paper_beside_what_differs(tmp_path, changes, reason):
    davis(tmp_path, **{"model": "mae", "jf": [0.1, 0.5], **changes})
    found = summary(tmp_path, changes.get("model", "mae"))
    assert "davis_paper" not in (found.columns or {})
    (note,) = [note for note in found.notes if note.startswith("No number of the paper beside davis")]
    assert reason in note


def test_every_condition_of_every_column():
    """What matches all conditions has the paper's number, and any one that differs takes it away."""
    for task, column_ in TABLE_1.items():
        right = Conditions(
            task=task, model="mae", protocol="paper", image_size=(224, 224), counts=column_.counts,
            settings=column_.settings, preprocess=f"of the task {task}",
        )  # fmt: skip
        assert published(right)[0] == column_.scores["mae"]
        fields = vars(right)
        wrong = [{"counts": {**right.counts, name: 1}} for name in right.counts]
        wrong += [{"settings": {**right.settings, name: "x"}} for name in right.settings]
        wrong += [
            {"model": "mae-l16"},
            {"protocol": "corrected"},
            {"image_size": (224, 448)},
            {"left_out": 1},
            {"counts": {}},
        ]
        for change in wrong:
            number, reason = published(Conditions(**{**fields, **change}))
            assert number is None
            assert reason
        number, caution = published(Conditions(**{**fields, "checkpoint": "mae.pth"}))
        assert number is not None
        assert "mae.pth" in caution
    assert published(Conditions(**{**fields, "task": "objects"})) == (None, "the paper has a figure, but no table")


def test_knn_is_that_of_20_neighbours_and_retrieval_medium(tmp_path):
    top1 = np.array([[0.1, 0.2], [0.9, 0.15]])
    arrays = {"accuracy": (top1[:, 1], ("layer",)), "top1": (top1, ("layer", "k"))}
    run = evaluations.write(tmp_path, "knn", arrays, coords={"k": ["10", "20"]})
    assert column(summary(tmp_path, "synthetic"), "knn") == [0.2]
    assert in_words(run) == "top1 (k 20) 0.2000 at layer 1 of 2"
    less = evaluations.write(
        tmp_path, "knn", {"accuracy": (top1[:, 0], ("layer",)), "top1": (top1[:, :1], ("layer", "k"))},
        coords={"k": ["10"]}, model="less",
    )  # fmt: skip
    assert in_words(less) == "accuracy 0.9000 at layer 2 of 2"
    trials = evaluations.write(tmp_path, "parts", {"purity": (np.array([1.0, 3.0]), ("layer",))}, model="random")
    assert in_words(trials) == "purity 2.0000 ± 1.4142 by chance, over 2 trials"


def test_several_data_sets_of_one_task_have_a_column_each(tmp_path):
    for dataset, images, value in (("roxford5k", "a" * 64, 0.3), ("rparis6k", "b" * 64, 0.6)):
        arrays = {"map-medium": (np.array([0.1, value]), ("layer",))}
        evaluations.write(tmp_path, "retrieval", arrays, dataset=dataset, images=images)
    found = summary(tmp_path, "synthetic")
    assert column(found, "retrieval roxford5k") == [0.3]
    assert column(found, "retrieval rparis6k") == [0.6]


def test_the_newest_finished_run_counts(tmp_path):
    for day, value, finished in ((1, 0.1, True), (2, 0.2, True), (3, 0.3, False)):
        arrays = {"purity": (np.array([value]), ("layer",))}
        evaluations.write(
            tmp_path,
            "parts",
            arrays,
            weights=f"random:{day}",
            finished=finished,
            started=f"2026-01-0{day}T00:00:00+00:00",
        )
    assert column(summary(tmp_path, "synthetic"), "parts") == [0.2]


def test_nothing_to_sum_up(tmp_path):
    with pytest.raises(NotMeasured, match="no task was evaluated for mae: do so with `vitscope evaluate TASK"):
        summary(tmp_path, "mae")
    davis(tmp_path, "mae", [0.5])
    for option in ({"layer": 1}, {"head": 1}, {"query": "cls"}, {"tokens": "cls"}):
        with pytest.raises(ViewError, match="does not depend on"):
            summary(tmp_path, "mae", **option)


def test_every_format(tmp_path):
    from rich.console import Console

    for model, jf in (("mae", [0.1, 0.52]), ("random", [0.05, 0.07])):
        davis(tmp_path, model, jf)
    for task in ("objects", "parts"):
        evaluations.write(tmp_path, task, {"purity": (np.array([0.4, 0.5]), ("layer",))}, model="demo-mae")
    found = summary(tmp_path, "mae", "random", "demo-mae")
    parsed = json.loads(data.json_bytes([found]))
    assert parsed["columns"]["davis"]["values"] == pytest.approx([0.52, 0.06, None])
    lines = data.csv_bytes([found]).decode().splitlines()
    assert lines[0].startswith("model,davis,davis_layer,davis_std,davis_paper")
    assert len(lines) == 4
    texts = {}
    for width in (60, 120):
        screen = Console(width=width, record=True, file=io.StringIO())
        screen.print(render(found, width, "none"))
        texts[width] = screen.export_text()
        assert max(map(len, texts[width].splitlines())) <= width
    assert "0.520 (2)" in texts[120]
    assert "paper 0.540 (12), -0.020" in texts[120]
    assert "0.060 ± 0.014" in texts[120]
    assert figure([found], "png")[:4] == b"\x89PNG"
    assert b"0.520 (2)" in figure([found], "svg")


def test_every_task_has_a_view():
    assert {shown.task for shown in catalog.VIEWS.values() if shown.task} == set(catalog.TASKS)
