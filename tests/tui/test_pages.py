"""The pages of a layer, of masks and of run information."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests import evaluations, synthetic
from tests.tui.walker import Walker
from vitscope.geometry import Geometry
from vitscope.store.reader import Cache
from vitscope.tui.information import Entry, information
from vitscope.tui.keys import press
from vitscope.tui.panels import Masks, Panels
from vitscope.tui.render.surface import HALF
from vitscope.tui.screens.dots import Dots
from vitscope.tui.screens.layer import plan
from vitscope.tui.state import Facts, State

SIZES = [(40, 12), (80, 24), (120, 40), (200, 50)]
G = Geometry(layers=3, heads=4, prefix=("cls",), rows=4, columns=4, patch=(8, 8))
FACTS = Facts(
    geometry=G, masks=(Masks("a", ("cls", "spatial", "centre")), Masks("b", ("spatial",))), entries=5,
    order=((3, 1, 0, 2),) * 3, quantities=("distance", "entropy", "tag"),
)  # fmt: skip


def at(view: str, **fields) -> State:
    return State(trail=("runs", "overview", view), run="one", **fields)


@pytest.fixture(scope="module")
def masked(tmp_path_factory) -> Path:
    """small, with two evaluations with masks; bare has none."""
    folder = tmp_path_factory.mktemp("masked")
    synthetic.write(folder, model="small", layers=3, heads=4, gallery=0, started="2026-03-03T03:03:03+00:00")
    synthetic.write(folder, model="bare", layers=3, heads=4, gallery=0)
    for dataset, seed, started in (("coco", 1, "2026-02-02T02:02:02+00:00"), ("parts", 2, "2026-01-01T01:01:01+00:00")):
        judge(folder, dataset, seed, started)
    return folder


def judge(folder: Path, dataset: str, seed: int, started: str, model: str = "small", heads: int = 4) -> None:
    """IoU of 3 layers × `heads`, in which the oracle is a little above the best head and the merged one below."""
    iou = np.random.default_rng(seed).random((3, 3, heads)) / 2
    arrays = {
        "iou": (iou, ("mode", "layer", "head")),
        "oracle": (iou.max(-1) + 0.1, ("mode", "layer")),
        "merged": (iou.mean(-1), ("mode", "layer")),
        "best-head": (iou[0].max(-1), ("layer",)),
    }
    evaluations.write(
        folder, "saliency", arrays, model=model, coords={"mode": ["cls", "spatial", "centre"]}, dataset=dataset,
        settings={"mass": 0.6}, best="best-head", started=started, heads=heads,
    )  # fmt: skip


@pytest.fixture
def person(masked) -> Walker:
    return Walker(masked)


def iou(person: Walker, dataset: str) -> np.ndarray:
    run = next(run for run in person.book.listing.evaluations if run.dataset == dataset)
    return run.array("saliency", "iou")


def test_on_the_page_of_a_layer_heads_lie_across_and_layers_down():
    state = press(press(at("layer"), "l", FACTS), "j", FACTS)
    assert (state.head, state.layer) == (1, 1)
    assert press(state, "enter", FACTS).trail == ("runs", "overview", "layer", "head")
    assert press(press(state, "enter", FACTS), "escape", FACTS).view == "layer"
    assert press(at("overview"), "L", FACTS).view == "layer"
    assert press(at("overview"), "enter", FACTS).view == "head"


@pytest.mark.parametrize("grid", [(14, 14), (16, 16), (7, 7), (4, 10), (1, 1), (37, 37)])
@pytest.mark.parametrize("heads", [1, 6, 12, 16])
@pytest.mark.parametrize("size", [(76, 17), (116, 33), (196, 43)])
def test_maps_are_as_large_as_fit(grid, heads, size):
    laid = plan(replace(G, heads=heads, rows=grid[0], columns=grid[1]), *size)
    assert laid.across * laid.wide - 2 <= size[0]
    rows = -(-heads // laid.across)
    assert rows * laid.tall <= size[1] + 1
    assert (rows - 1) * laid.across < heads
    if laid.times:
        assert (laid.rows, laid.columns) == (grid[0] * laid.times, grid[1] * laid.times)


def test_twelve_heads_of_a_base_model_are_two_rows_of_six():
    base = replace(G, heads=12, rows=14, columns=14)
    assert plan(base, 116, 33)[:4] == (6, 14, 14, 1)
    assert plan(base, 196, 43)[:4] == (6, 28, 28, 2)


def test_pixels_of_a_layer_are_the_attention_of_the_query(person):
    person.press("enter", "L", "j", "c")
    run = Cache(person.book.listing.folder).find("small")
    surface = person.surface(120, 40)
    laid = plan(G, 116, 33)
    values = run.array("attention")[1, :, 0, 1:].reshape(4, 4, 4)
    for head in range(4):
        level = (values[head] / values[head].max() * len(surface.theme.ramp)).astype(int)
        expected = surface.theme.ramp[np.minimum(level, len(surface.theme.ramp) - 1)]
        row, column = divmod(head, laid.across)
        x, y = 2 + column * laid.wide, 4 + row * laid.tall
        pixels = np.stack([surface.fore[y:, x:], surface.back[y:, x:]], 1).reshape(-1, surface.width - x)
        middle = laid.times // 2
        drawn = pixels[middle :: laid.times, middle :: laid.times][:4, :4]
        assert (drawn == expected).all()


def test_every_head_of_a_layer_has_its_number_and_its_tag(person):
    person.press("enter", "L", "l")
    page = person.page(120, 40)
    distance = Cache(person.book.listing.folder).find("small").array("distance")
    assert f"[2] {distance[0, 1]:.3f}" in page
    for head in (0, 2, 3):
        assert re.search(rf"\b{head + 1}  {distance[0, head]:.3g}", page)
    assert re.search(r"strict-local +soft-local +off → +off ↖", page)


def test_v_goes_round_whose_attention_and_x_round_the_masks():
    assert press(at("saliency"), "v", FACTS).panels.mode == "spatial"
    assert press(at("saliency"), "V", FACTS).panels.mode == "centre"
    state = press(at("saliency"), "x", FACTS)
    assert state.panels.masks == "b"
    assert press(state, "v", FACTS).panels.mode == "spatial"
    assert press(state, "x", FACTS).panels.masks == "a"
    assert "no other masks" in press(at("saliency"), "x", replace(FACTS, masks=FACTS.masks[:1])).message
    assert press(at("saliency"), "v", Facts(geometry=G)).panels == Panels()


def test_dots_of_masks_are_walked_by_their_iou(person):
    person.press("enter", "U", "v", "j", "h", "h", "h", "h")
    values = iou(person, "coco")[1, 1]
    assert person.state.head == values.argmin()
    assert person.press("l").head == values.argsort()[1]
    person.press("x")
    assert person.state.panels.masks
    values = iou(person, "parts")[1, 1]
    person.press("l", "l", "l", "l")
    assert person.state.head == values.argmax()
    assert "1 of 4 in its layer" in person.page(80, 24)


def test_the_page_of_masks_says_whose_attention_over_which_masks(person):
    person.press("enter", "U", "l")
    page = person.page(80, 24)
    values = iou(person, "coco")[0, 0]
    assert f"IoU {values[person.state.head]:.3g}"[:9] in page
    assert "attention of CLS 1/3  over coco, n = 7, 60% of the mass" in page
    assert re.search(rf"{values.max():.3f} +{values.max() + 0.1:.3f} +{values.mean():.3f}", person.page(120, 24))
    for mark in "★▲□":
        assert page.count(mark) >= 2


def test_iou_is_offered_where_there_are_masks_and_says_of_what(person):
    person.press("enter")
    assert "iou" in person.book.quantities(person.book.run(person.state))
    while person.state.quantity != "iou":
        person.press("v")
    page = person.page(120, 40)
    assert f"IoU {iou(person, 'coco')[0, 0, 0]:.3g}"[:7] in page
    assert "cls, coco" in page
    person.press("m")
    bare = person.book.run(person.state)
    assert bare.model == "bare"
    assert "iou" not in person.book.quantities(bare)
    person.press("U")
    assert "vitscope evaluate saliency --model bare" in " ".join(person.page(80, 24).split())


def test_masks_over_other_heads_are_damaged_not_a_crash(tmp_path):
    synthetic.write(tmp_path, model="small", layers=3, heads=4)
    judge(tmp_path, "coco", 1, "2026-02-02T02:02:02+00:00", heads=2)
    walker = Walker(tmp_path)
    walker.press("enter", "U")
    assert "where the run's geometry asks for" in " ".join(walker.page(80, 24).replace("│", "").split())


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("depth", ["256", "mono"])
@pytest.mark.parametrize("keys", ["L", "U", "X"])
def test_nothing_is_cut_at_any_size(person, size, depth, keys):
    person.press("enter", keys, "j", "l")
    page = person.page(*size, depth).splitlines()
    assert len(page) == size[1]
    assert "…" not in "\n".join(page[1:-1])
    surface = person.surface(*size)
    if keys == "L":
        assert (surface.char == HALF).sum() >= 4 * 8


def test_run_information_scrolls_by_entries_and_never_past_the_last():
    state = press(press(at("info"), "j", FACTS), "j", FACTS)
    assert state.panels.scroll == 2
    assert press(state, "G", FACTS).panels.scroll == 4
    assert press(press(state, "G", FACTS), "j", FACTS).panels.scroll == 4
    assert press(state, "ctrl+u", FACTS).panels.scroll == 0


def test_run_information_says_everything_that_decides_a_number(masked):
    run = Cache(masked).find("small")
    known = {entry.label: entry.text for entry in information(run, ())}
    spec = run.spec
    assert spec.preprocess in known["crop"]
    assert known["colours"] == spec.normalization
    assert (known["precision"], known["protocol"]) == (spec.precision, spec.protocol)
    assert spec.images in known["images"]
    assert known["weights"] == spec.weights
    assert "3 layers × 4 heads" in known["shape"]
    bytes_ = sum(info.size for info in run.result("attention").arrays.values())
    assert known["attention"].startswith(f"{bytes_ / 1000:.1f} kB")
    assert "none" in known.values()


def test_run_information_is_read_to_its_end(person):
    person.press("enter", "X")
    assert "IoU" not in person.page(60, 12)
    assert "↓" in person.page(60, 12)
    person.press("G")
    page = person.page(60, 12)
    assert "↓" not in page
    assert "↑" in page
    assert "Files that could not be read (0)" in page
    assert "heads' attention against masks of objects · coco" in " ".join(person.page(200, 60).split())


def test_files_that_were_left_out_are_named(masked):
    run = Cache(masked).find("small")
    run.facts["skipped"] = [["cat/1.jpg", "not an image"]] * 300
    known = information(run, ())
    assert Entry("Files that could not be read (300)") in known
    assert known[-1] == Entry("", "… and 100 more in run.json")
    assert known[-2] == Entry("", "cat/1.jpg: not an image")


def test_the_axis_holds_marks_too():
    dots = Dots(
        values=np.array([[0.1, 0.2]]), layer=0, head=0, zero=True, marks=(("▲", np.array([0.9])),)
    )  # fmt: skip
    assert dots.ends[0] == 0
    assert dots.ends[-1] >= 0.9


@pytest.fixture(scope="module")
def normed(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("normed")
    synthetic.write(folder, model="small", layers=3, heads=4, images=12, gallery=0, block=6)
    return folder


def test_norms_of_every_layer_and_the_map_of_one(normed):
    person = Walker(normed)
    person.press("enter", "B", "v", "v", "J", "G", "$")
    page = person.page(120, 40)
    run = Cache(normed).find("small")
    mean, median, outliers, spread = (
        run.array("token-norms", name) for name in ("mean", "median", "outliers", "outliers-std")
    )
    for layer in range(3):
        words = rf"{layer + 1} +{mean[layer].mean():.3g}\d* +{median[layer]:.3g}"
        assert re.search(rf"{words}.*{outliers[layer]:.2%} ± {spread[layer]:.2%}", page)
    at = int(mean[1].argmax())
    assert f"longest {at // 4 + 1},{at % 4 + 1}" in page
    assert "layer 2, mean norm of every patch" in page
    assert "norms of tokens" in page.splitlines()[0]
    surface = person.surface(120, 40)
    low, high = mean[1].min(), mean[1].max()
    count = len(surface.theme.ramp)
    level = np.minimum(((mean[1] - low) / (high - low) * count).astype(int), count - 1).reshape(4, 4)
    assert surface.fore[3, 51 : 51 + 24 : 6].tolist() == surface.theme.ramp[level[0]].tolist()


@pytest.mark.parametrize("size", SIZES)
def test_norms_are_not_cut_at_any_size(normed, size):
    person = Walker(normed)
    person.press("enter", "B", "v", "v")
    page = person.page(*size).splitlines()
    assert "…" not in "\n".join(page[1:-1])
    assert "layer 1" in "\n".join(page)


def test_norms_that_were_not_measured_say_what_measures_them(person):
    person.press("enter", "B", "v", "v")
    assert "--metrics token-norms" in " ".join(person.page(80, 24).split())


@pytest.fixture(scope="module")
def pictured(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("pictured")
    synthetic.write(folder, model="small", layers=3, heads=4, images=12, gallery=7)
    synthetic.write(folder, model="blind", images=4, gallery=0, started="2025-01-01T00:00:00+00:00")
    return folder


def test_the_sheet_is_walked_as_it_lies():
    facts = Facts(geometry=Geometry(3, 4, ("cls",), 4, 4, (8, 8)), images=7, live=1)
    state = State(trail=("runs", "overview", "images"), run="small")
    steps = {"l": 1, "j": 4, "k": 0, "h": 0, "G": -1, "g": 0}
    assert {key: press(state, key, facts).image for key in steps} == steps
    assert press(replace(state, image=4), "j", facts).image == 4  # nothing lies below
    assert press(replace(state, image=-1), "h", facts).image == 5
    assert press(replace(state, image=-1), "k", facts).image == 2
    assert press(replace(state, image=2), "enter", facts).view == "image"


def test_all_images_have_the_attention_of_the_same_head(pictured):
    person = Walker(pictured)
    person.press("enter", "I", "l", ".", "J")
    page = person.page(120, 40)
    assert "2/7  dog/001.jpg  attention from CLS" in page
    assert "layer 2 › head 2 › images" in page.splitlines()[0]
    assert [f"{i:03d}" in page for i in range(8)] == [True] * 7 + [False]
    run = Cache(pictured).find("small")
    cls = np.asarray(run.array("gallery", "attention"))[1, 1, 1, 0, 1:]
    assert f"0 {cls.max():.3g}"[:5] in re.sub(r"[▀▄█ ]+", " ", page.splitlines()[-3])
    before = person.surface(120, 40).fore.copy()
    person.press("w")
    assert "photographs" in person.page(120, 40)
    assert (person.surface(120, 40).fore != before).any()
    person.press("enter")
    assert person.page(120, 40).splitlines()[0].startswith(" vitscope › small › layer 2 › head 2 › dog/001.jpg")


@pytest.mark.parametrize("size", [(40, 12), (60, 15), (80, 24), (200, 50)])
@pytest.mark.parametrize("depth", ["truecolor", "16", "mono"])
def test_the_sheet_holds_the_image_under_the_cursor_at_every_size(pictured, size, depth):
    person = Walker(pictured)
    person.press("enter", "I", "G")
    page = person.page(*size, depth).splitlines()
    assert len(page) == size[1]
    assert "7/7  cat/006.jpg" in page[2] + page[1]
    assert "006" in "\n".join(page[3:-1])


def test_a_run_without_images_says_what_keeps_some(pictured):
    person = Walker(pictured)
    person.press("j", "enter", "I")
    assert "kept no images" in person.state.message
    assert person.state.view == "overview"
