"""The paper's figures 2 to 10 and Table 1: the page and the keys that docs/browser.md names lead there, four at most."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from tests import evaluations, synthetic
from tests.tui.walker import Walker
from vitscope.catalog import GROUPS

DOCS = Path(__file__).parents[2] / "docs" / "browser.md"
WANTED = [*(f"Figure {number}" for number in range(2, 11)), "Table 1"]
NAMES = {"Enter": "enter", "Esc": "escape"}
SHOWS = {  # what must be on the page that is reached
    "Figure 2": ["attention from CLS"],
    "Figure 3": ["aligned (AAAM)"],
    "Figure 4": ["distance", *GROUPS["demo"]],
    "Figure 5": ["best head", "IoU"],
    "Figure 6": ["last layers", *GROUPS["demo"]],
    "Figure 7": ["clusters purity, cls"],
    "Figure 8": ["objects purity", "parts purity"],
    "Figure 9": ["knn top1", "retrieval map"],
    "Figure 10": ["davis jf", "spair pck"],
    "Table 1": ["best layer of every model in every task", "knn", "davis", "spair"],
}


def rows() -> list[tuple[list[str], list[str], list[str]]]:
    """Figures, pages and ways of each row of the table in the documentation."""
    found = []
    for line in DOCS.read_text().splitlines():
        if match := re.match(r"\| ((?:Figure|Table)[^|]*)\|([^|]*)\|([^|]*)\|", line):
            kind = match[1].split()[0]
            figures = [f"{kind} {number}" for number in re.findall(r"\b\d+\b", match[1].partition(",")[0])]
            pages = re.findall(r"\[[^]]*\]\(#([^)]*)\)", match[2])
            found.append((figures, pages, [way.strip() for way in match[3].split(";")]))
    return found


WAYS = [
    pytest.param(figure, page, way, id=f"{figure}, {way}")
    for figures, pages, ways in rows()
    for figure in figures
    for page, way in zip(pages * len(ways) if len(pages) == 1 else pages, ways, strict=True)
]
VIEWS = {
    "a-layer": "layer", "models-side-by-side": "models", "a-head": "head", "attention-distance": "distance",
    "heads-against-masks": "saliency", "cka": "cka", "tasks-by-layer": "curves", "results": "results",
}  # fmt: skip


@pytest.fixture(scope="module")
def measured(tmp_path_factory) -> Path:
    """A cache like that of `vitscope demo`: six models on the same images, and all eight tasks."""
    folder = tmp_path_factory.mktemp("measured")
    rng = np.random.default_rng(0)
    for seed, model in enumerate(GROUPS["demo"]):
        synthetic.write(folder, model=model, layers=4, heads=3, images=8, block=4, gallery=2, seed=seed)
        evaluate(folder, model, rng)
    return folder


def evaluate(folder: Path, model: str, rng: np.random.Generator) -> None:
    """All tasks, with the names that they have in `vitscope.tasks`."""
    by_mode, modes = ("mode", "layer"), {"mode": ["cls", "spatial", "centre"]}
    masks = {name: (rng.random((3, 4)), by_mode) for name in ("oracle", "merged", "best-head")}
    masks["iou"] = (rng.random((3, 4, 3)), ("mode", "layer", "head"))
    given = {
        "knn": ({"top1": (rng.random((4, 2)), ("layer", "k"))}, "imagenet", {"k": ["10", "20"]}),
        "retrieval": ({"map": (rng.random((4, 2)), ("layer", "difficulty"))}, "roxford5k",
                      {"difficulty": ["medium", "hard"]}),
        "davis": ({"jf": (rng.random(4), ("layer",))}, "davis-val", {}),
        "spair": ({"pck": (rng.random(4), ("layer",))}, "spair-test", {}),
        "saliency": (masks, "partimagenet", modes),
        "clusters": ({"purity": (rng.random((2, 4)), ("tokens", "layer"))}, "imagenet-val",
                     {"tokens": ["cls", "spatial"]}),
        "objects": ({"purity": (rng.random(4), ("layer",))}, "coco-val2017", {}),
        "parts": ({"purity": (rng.random(4), ("layer",))}, "partimagenet", {}),
    }  # fmt: skip
    for task, (arrays, dataset, coords) in given.items():
        settings = {"mass": 0.6} if task == "saliency" else {}
        evaluations.write(folder, task, arrays, model=model, dataset=dataset, coords=coords, settings=settings,
                          best="best-head" if task == "saliency" else "")  # fmt: skip


def test_the_table_names_every_figure_once():
    assert sorted(figure for figures, _, _ in rows() for figure in figures) == sorted(WANTED)


@pytest.mark.parametrize(("figure", "page", "way"), WAYS)
def test_a_figure_is_four_keys_away_at_most(measured, figure, page, way):
    keys = re.findall(r"`([^`]+)`", way)
    assert 1 <= len(keys) <= 4
    walker = Walker(measured)
    walker.press(*(NAMES.get(key, key) for key in keys))
    assert walker.state.view == VIEWS[page]
    assert walker.state.message == ""
    shown = walker.page(200, 50)
    assert [word for word in SHOWS[figure] if word not in shown] == []
    assert "not measured" not in shown
