"""Views as text: maps, grids, bars, tables; every line within its width, nothing lost where room is short."""

from __future__ import annotations

import numpy as np
import pytest
from rich.console import Console

from tests.export.makers import tags, view
from vitscope.export.columns import table
from vitscope.export.grid import bars, grid
from vitscope.export.heat import Scale, colour_bar, heat, middle, number, shrink
from vitscope.export.palette import level, ramp
from vitscope.export.plot import dots, scatter
from vitscope.export.table import render
from vitscope.views import Column

DEPTHS = ["true", "256", "none"]


def printed(part, width):
    """What Rich prints of `part` in `width` columns, without colours."""
    console = Console(width=width, color_system=None, highlight=False)
    with console.capture() as text:
        console.print(part)
    return text.get().splitlines()


def lightness(colour):
    """Rough lightness of "#rrggbb"."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return 0.21 * red + 0.72 * green + 0.07 * blue


def test_colours_only_get_lighter():
    levels = [lightness(colour) for colour in ramp("true")]
    assert levels == sorted(levels)
    assert len(set(ramp("256"))) == len(ramp("256")) >= 10


def test_levels_reach_both_ends_and_skip_what_is_missing():
    assert level(np.array([-1.0, 0, 0.999, 1, 2, np.nan]), 0.0, 1.0, 4).tolist() == [0, 0, 3, 3, 3, -1]
    assert level(np.array([1.0, 1.0]), 1.0, 1.0, 4).tolist() == [0, 0]


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_a_map_takes_half_as_many_lines_with_colours(rows):
    values = np.arange(rows * 3.0).reshape(rows, 3)
    coloured, plain = heat(values, Scale.of(values), "true"), heat(values, Scale.of(values), "none")
    assert len(coloured) == -(-rows // 2)
    assert {line.cell_len for line in coloured} == {3}
    assert len(plain) == rows
    assert {line.cell_len for line in plain} == {6}
    assert plain[-1].plain.endswith("██")


def test_a_missing_value_is_a_hole():
    holed = np.array([[1.0, np.nan], [np.nan, np.nan]])
    assert heat(holed, Scale.of(holed), "true")[0].plain == "▀ "
    assert heat(holed, Scale.of(holed), "none")[0].plain == "██  "


def test_shrinking_keeps_the_mean_and_the_middle_keeps_the_centre():
    values = np.random.default_rng(0).random((14, 14))
    assert np.isclose(shrink(values, 7).mean(), values.mean())
    assert shrink(values, 14) is values
    odd = np.zeros((27, 27))
    odd[13, 13] = 1
    assert middle(odd, 6)[2, 2] == 1
    assert middle(odd, 40).shape == (27, 27)
    assert middle(np.zeros((5, 9)), 7).shape == (5, 7)


def test_the_colour_bar_says_both_ends_and_the_unit():
    for depth in DEPTHS:
        assert colour_bar(Scale(0.0, 0.0312), depth, "nat").plain.endswith(" 0.0312 nat")


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize(("layers", "heads"), [(1, 1), (3, 12), (24, 24), (12, 40)])
def test_a_grid_shows_every_head_within_its_width(layers, heads, depth):
    values = np.random.default_rng(0).random((layers, heads))
    lines = grid(values, range(1, layers + 1), range(1, heads + 1), "1", 80, depth)
    assert max(line.cell_len for line in lines) <= 80
    names = " ".join(line.plain for line in lines if line.plain.startswith("layer")).split()
    assert [name for name in names if name != "layer"] == [f"h{head}" for head in range(1, heads + 1)]


def test_small_numbers_are_shown_with_a_power_of_ten():
    lines = [line.plain for line in grid(np.array([[0.00123, 0.00456]]), [1], [1, 2], "1", 80, "none")]
    assert lines[1].split() == ["1", "1.23", "4.56"]
    assert lines[-1].endswith("cells ×10⁻³")


def test_bars_fit_and_survive_what_has_no_bar():
    for values in ([0.2, 0.1], [0.0, 0.0], [-1.0, 2.0], [np.nan, 1.0], [np.nan, np.nan]):
        lines = bars(np.array(values), [1, 2], "head", "nat", 40)
        assert len(lines) == 3
        assert all(line.cell_len <= 40 for line in lines)


def test_plots_show_every_layer_within_their_width():
    values = np.random.default_rng(0).random((12, 12))
    for lines in (dots(values, range(1, 13), "nat", 80), scatter(values, -values, range(1, 13), "nat", 80, "256")):
        assert max(line.cell_len for line in lines) <= 80
    assert all(symbol in "".join(line.plain for line in lines) for symbol in "19abc")
    same = np.zeros((2, 2))
    assert dots(same, [1, 2], "1", 80)
    assert scatter(same, same, [1, 2], "1", 80, "none")


def heads_view(many):
    columns = {f"number{index}": Column(values=np.full(3, 0.123), unit="nat") for index in range(many)}
    columns["number0_std"] = Column(values=np.full(3, 0.001), unit="nat")
    return view({"head": [1, 2, 3]}, columns={**columns, "tags": tags(["global"], [], ["sink cls"])})


@pytest.mark.parametrize("width", [60, 80, 120, 400])
def test_a_table_fits_keeps_its_tags_and_says_what_it_left_out(width):
    shown = heads_view(9)
    assert shown.columns is not None
    lines = [line.plain for line in table(shown, shown.columns, width)]
    rows = [line for line in lines[: 3 + 3] if line]
    assert max(map(len, rows)) <= width
    assert rows[-1].endswith("sink cls")
    header = " ".join(lines[:3])
    out = [name for name in shown.columns if name not in header and name.partition("_")[0] not in header]
    assert all(name in lines[-1] for name in out)
    assert ("No room" in lines[-1]) == (width < 120)


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("width", [40, 80, 200])
@pytest.mark.parametrize(
    "lead", [{}, {"head": [1, 2, 3]}, {"layer": [1, 2], "head": list(range(1, 13))}], ids=["one", "layer", "all"]
)
@pytest.mark.parametrize("grid_shape", [(3, 5), (14, 14), (37, 37)])
def test_maps_of_every_size_fit_every_width(lead, grid_shape, width, depth):
    rows, columns = grid_shape
    coords = {**lead, "row": list(range(1, rows + 1)), "column": list(range(1, columns + 1))}
    values = np.random.default_rng(0).random([len(places) for places in coords.values()])
    lines = printed(render(view(coords, values), width, depth), 1000)
    assert max(map(len, lines[3:-1])) <= max(width, 70 if not lead else 0)
    assert "A thing" in lines[0]


def test_displacements_are_said_in_words():
    coords = {"row": [-1, 0, 1], "column": [-1, 0, 1]}
    values = np.array([[0, 0, 0.5], [0, 0.3, 0], [0, 0.2, 0]])
    text = "\n".join(printed(render(view(coords, values), 80, "none"), 80))
    assert "0.500  1 up, 1 right" in text
    assert "0.300  the query itself" in text
    assert "0.200  1 down" in text


def test_notes_and_the_protocol_are_shown():
    lines = printed(
        render(view({"head": [1]}, np.array([1.0]), notes=["Mind this."], protocol="paper"), 80, "none"), 80
    )
    assert "protocol paper" in lines[1]
    assert lines[-1] == "Mind this."


@pytest.mark.parametrize("value", [0.0, 1.0, 9.999, 123.4, 1e-7, 1e9, -0.5])
def test_numbers_are_short_and_right(value):
    assert len(number(value)) <= 9
    assert float(number(value)) == pytest.approx(value, rel=6e-3)
