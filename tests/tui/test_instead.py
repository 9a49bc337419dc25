"""Models without CLS, grids of a single patch, and the legend of all heads."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests import synthetic
from tests.tui.walker import Walker
from vitscope.geometry import Geometry
from vitscope.store.reader import Cache
from vitscope.tui.keys import press
from vitscope.tui.library import Item
from vitscope.tui.readers import read
from vitscope.tui.render.words import TAGS, glyph
from vitscope.tui.state import Facts, State, opened

SIZES = [(40, 12), (80, 24), (120, 40), (200, 50)]
WITH = Geometry(layers=3, heads=4, prefix=("cls",), rows=4, columns=4, patch=(8, 8))
REGISTERS, NONE = replace(WITH, prefix=("reg1", "reg2")), replace(WITH, prefix=())


@pytest.mark.parametrize(
    ("geometry", "kind", "said"),
    [(WITH, "cls", ""), (REGISTERS, "register", "its first register"), (NONE, "spatial", "mean of all patches")],
)
def test_c_shows_what_stands_in_for_cls_and_says_so(geometry, kind, said):
    state = State(trail=("runs", "overview", "head"), run="r", kind="patch", patch=(1, 1))
    after = press(state, "c", Facts(geometry=geometry))
    assert after.kind == kind
    assert said in after.message
    assert bool(after.message) == (kind != "cls")
    assert after.patch == (1, 1)


def test_through_a_model_with_registers_only_one_comes_back_to_cls():
    state = opened(State(kind="cls"), "one", REGISTERS)
    assert (state.kind, state.query) == ("register", "register")
    assert opened(state, "two", WITH).kind == "cls"
    assert opened(state, "three", NONE).kind == "spatial"
    assert opened(State(kind="patch", patch=(0, 0)), "one", REGISTERS).kind == "patch"


@pytest.fixture(scope="module")
def registers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("registers")
    synthetic.write(folder, model="regs", prefix=("reg1", "reg2"), layers=2, heads=3, images=2)
    return folder


@pytest.mark.parametrize("received", [False, True])
def test_the_map_is_that_of_the_first_register(registers, received):
    run = Cache(registers).find("regs")
    found = read(run, Item("maps", run.folder, query="register", flag=received))
    attention = run.array("attention")
    row = attention[..., 2:, 0] if received else attention[..., 0, 2:]
    assert found.patches == pytest.approx(row.reshape(2, 3, 4, 4))
    assert found.prefix == pytest.approx(attention[..., :2, 0] if received else attention[..., 0, :2])


@pytest.mark.parametrize("size", SIZES)
def test_pages_say_whose_attention_it_is(registers, size):
    walker = Walker(registers)
    walker.press("enter", "enter")
    assert "from reg1 for CLS" in walker.page(*size)
    walker.press("c")
    assert "its first register stands" in walker.page(120, 40).splitlines()[-1]
    for key in ("i", "L", "U", "D", "="):
        walker.press(key)
        walker.page(*size)


@pytest.mark.parametrize("prefix", [(), ("cls",)])
@pytest.mark.parametrize("size", SIZES)
def test_a_grid_of_one_patch_is_drawn_on_every_page(tmp_path, size, prefix):
    synthetic.write(tmp_path, model="one", layers=2, heads=2, grid=(1, 1), prefix=prefix, gallery=1, images=2,
                    metrics=("attention", "spatial-attention", "distance", "entropy", "gallery"))  # fmt: skip
    walker = Walker(tmp_path)
    walker.press("enter")
    for key in ("L", "enter", "h", "x", "i", "D", "A", "U", "X", "R", "B", "C"):
        walker.press(key)
        assert len(walker.page(*size).splitlines()) == size[1]


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """12 × 12 heads of every kind."""
    folder = tmp_path_factory.mktemp("base")
    metrics = ("attention", "spatial-attention", "distance")
    synthetic.write(folder, model="base", layers=12, heads=12, grid=(7, 7), gallery=0, images=2, metrics=metrics)
    synthetic.write(folder, model="few", layers=12, heads=3, grid=(7, 7), gallery=0, images=2, metrics=metrics)
    return folder


@pytest.mark.parametrize("size", [(80, 24), (100, 30), (120, 40), (160, 50), (200, 50), (200, 60)])
@pytest.mark.parametrize("model", ["base", "few"])
def test_the_legend_names_every_tag_with_its_count(base, size, model):
    walker = Walker(base)
    walker.open(model)
    tags = walker.book.tags(walker.book.run(walker.state))
    counts = {name: sum(any(t.name == name for t in head) for row in tags for head in row) for name in TAGS}
    lines = walker.page(*size).splitlines()
    for name, count in counts.items():
        if count:
            shown = f"{glyph(name, '')} {name} {count}", f"{glyph(name, '')} {count}"
            assert any(text in line for line in lines for text in shown)
    assert np.count_nonzero(list(counts.values())) >= 5
