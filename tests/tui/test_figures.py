"""The paper's figures 2 to 10 and Table 1: the page and the keys in docs/browser.md lead there, four at most."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from tests import evaluations, synthetic
from tests.tui.walker import Walker
from vitscope.catalog import GROUPS

DOCS = Path(__file__).parents[2] / "docs" / "browser.md"
NAMES = {"Enter": "enter", "Esc": "escape"}
SIZES = [(80, 24), (120, 40), (200, 50)]
SHOWS = {  # what must be on the page, for each of a figure's ways
    "Figure 2": [["attention from CLS"], ["attention from CLS", *GROUPS["demo"]]],
    "Figure 3": [["aligned (AAAM)"]],
    "Figure 4": [["distance", *GROUPS["demo"]], ["mean", *GROUPS["demo"]]],
    "Figure 5": [["best head", "IoU"], ["saliency", *GROUPS["demo"]]],
    "Figure 6": [["last layers", *GROUPS["demo"]]],
    "Figure 7": [["clusters purity, cls"], ["clusters purity, spatial"]],
    "Figure 8": [["objects purity"], ["parts purity"]],
    "Figure 9": [["knn top1"], ["retrieval map, medium"]],
    "Figure 10": [["davis jf"], ["spair pck"]],
    "Table 1": [["best layer of every model in every task", "knn", "davis", *GROUPS["demo"]]],
}


def rows() -> list[tuple[str, list[str], list[str]]]:
    """Figure, pages and ways of each row of the table in the documentation."""
    found = []
    for line in DOCS.read_text().splitlines():
        if match := re.match(r"\| ((?:Figure|Table) \d+)[^|]*\|([^|]*)\|([^|]*)\|", line):
            pages = re.findall(r"\[[^]]*\]\(#([^)]*)\)", match[2])
            found.append((match[1], pages, [way.partition("(")[0].strip() for way in match[3].split(";")]))
    return found


WAYS = [
    pytest.param(page, way, shows, id=f"{figure}: {way}")
    for figure, pages, ways in rows()
    for page, way, shows in zip(pages * len(ways) if len(pages) == 1 else pages, ways, SHOWS[figure], strict=True)
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
    purity = rng.random((2, 4))
    masks["iou"] = (rng.random((3, 4, 3)), ("mode", "layer", "head"))
    given = {
        "knn": ({"top1": (rng.random((4, 2)), ("layer", "k"))}, "imagenet", {"k": ["10", "20"]}),
        "retrieval": ({"map": (rng.random((4, 2)), ("layer", "difficulty"))}, "roxford5k",
                      {"difficulty": ["medium", "hard"]}),
        "davis": ({"jf": (rng.random(4), ("layer",))}, "davis-val", {}),
        "spair": ({"pck": (rng.random(4), ("layer",))}, "spair-test", {}),
        "saliency": (masks, "partimagenet", modes),
        "clusters": ({"layer-purity": (purity[0], ("layer",)), "purity": (purity, ("tokens", "layer"))},
                     "imagenet-val", {"tokens": ["cls", "spatial"]}),
        "objects": ({"purity": (rng.random(4), ("layer",))}, "coco-val2017", {}),
        "parts": ({"purity": (rng.random(4), ("layer",))}, "partimagenet", {}),
    }  # fmt: skip
    for task, (arrays, dataset, coords) in given.items():
        settings = {"mass": 0.6} if task == "saliency" else {}
        evaluations.write(folder, task, arrays, model=model, dataset=dataset, coords=coords, settings=settings,
                          best="best-head" if task == "saliency" else "")  # fmt: skip


def test_the_table_names_every_figure_once():
    assert [figure for figure, _, _ in rows()] == list(SHOWS)
    assert list(SHOWS) == [*(f"Figure {number}" for number in range(2, 11)), "Table 1"]


@pytest.mark.parametrize(("page", "way", "shows"), WAYS)
def test_a_figure_is_four_keys_away_at_most(measured, page, way, shows):
    keys = re.findall(r"`([^`]+)`", way)
    assert 1 <= len(keys) <= 4
    walker = Walker(measured)
    walker.press(*(NAMES.get(key, key) for key in keys))
    assert walker.state.view == VIEWS[page]
    assert walker.state.message == ""
    for size in SIZES:
        seen = walker.page(*size)
        assert [word for word in shows if word not in seen] == [], seen
        assert "not measured" not in seen
