from __future__ import annotations

import numpy as np
import pyte
import pytest

from vitscope.tui.palettes import LEVELS, RAMPS, code_of, luminance, ramp, rgb_of, theme
from vitscope.tui.render.encode import difference, encode, row
from vitscope.tui.render.heat import SHADES, Span, bar, factor, heat, mark, shrink, span
from vitscope.tui.render.photo import overlay, paint, scaled
from vitscope.tui.render.surface import HALF, Rect, Surface, fit
from vitscope.tui.render.words import TAGS, compact, number, wrap

DEPTHS = ("truecolor", "256", "16", "mono")


@pytest.mark.parametrize("name", RAMPS)
@pytest.mark.parametrize("depth", ["truecolor", "256"])
@pytest.mark.parametrize("light", [False, True])
def test_ramps_are_monotone_in_brightness(name, depth, light):
    colours = ramp(name, depth, light=light)
    brightness = np.array([luminance(int(colour)) for colour in colours])
    steps = np.diff(brightness) * (-1 if light else 1)
    assert (steps > 0).all()
    assert len(colours) >= 10
    assert depth == "256" or len(colours) == LEVELS


def test_every_xterm_colour_is_its_own_nearest():
    same = {(16, 16), *((code, code_of(rgb_of(code))) for code in range(16, 256))}
    assert all(rgb_of(code) == rgb_of(found) for code, found in same)


@pytest.mark.parametrize("light", [False, True])
def test_inks_can_be_read(light):
    chosen = theme("256", light=light)
    back = luminance(chosen.back)
    for ink, least in ((chosen.text, 10), (chosen.dim, 4.5), (chosen.accent, 4.5), (chosen.bad, 4.5)):
        other = luminance(ink)
        assert (max(back, other) + 0.05) / (min(back, other) + 0.05) >= least


def test_a_value_becomes_a_level():
    assert Span(0, 1).levels(np.array([0, 0.49, 0.5, 1, 2, -1, np.nan]), 2).tolist() == [0, 0, 1, 1, 1, 0, 0]
    assert Span(0, 1, log=True).levels(np.array([1.0, 0.1, 0.001, 0.0]), 3).tolist() == [2, 2, 0, 0]
    assert span(np.array([2.0, 3.0]), zero=False) == Span(2.0, 3.0)
    assert span(np.array([2.0, 3.0])) == Span(0.0, 3.0)
    assert span(np.full(3, np.nan)) == Span(0.0, 1.0)
    assert Span(0, 0).levels(np.zeros(3), 5).tolist() == [0, 0, 0]


def test_shrinking_is_the_mean_of_areas():
    rng = np.random.default_rng(0)
    values = rng.random((2, 6, 4))
    assert np.allclose(shrink(values, 3, 2), values.reshape(2, 3, 2, 2, 2).mean(axis=(2, 4)))
    assert np.allclose(shrink(values, 6, 4), values)
    odd = shrink(values, 5, 3)
    assert odd.shape == (2, 5, 3)
    assert np.allclose(odd.mean(axis=(1, 2)), values.mean(axis=(1, 2)))
    assert np.allclose(shrink(np.ones((3, 3)), 2, 2), 1)


def test_factor_fits_cells():
    assert factor(14, 14, 28, 14) == 2
    assert factor(14, 14, 28, 13) == 1
    assert factor(37, 37, 30, 20) == 0


@pytest.mark.parametrize("times", [1, 2, 3])
def test_a_map_is_drawn_pixel_by_pixel(times):
    surface = Surface(20, 12, theme("256"))
    values = np.arange(12.0).reshape(3, 4)
    place = heat(surface, 2, 1, values, span(values), times)
    assert place == Rect(2, 1, 4 * times, -(-3 * times // 2))
    pixels = np.empty((2 * place.height, place.width), dtype=np.int32)
    pixels[::2] = surface.fore[1 : place.bottom, 2 : place.right]
    pixels[1::2] = surface.back[1 : place.bottom, 2 : place.right]
    expected = surface.theme.ramp[span(values).levels(values, len(surface.theme.ramp))]
    assert (pixels[: 3 * times].reshape(3, times, 4, times) == expected[:, None, :, None]).all()
    assert (surface.char[1 : place.bottom, 2 : place.right] == HALF).all()


@pytest.mark.parametrize("depth", ["16", "mono"])
def test_without_colours_a_map_is_shades(depth):
    surface = Surface(8, 2, theme(depth))
    heat(surface, 0, 0, np.array([[0.0, 0.25, 0.5, 1.0]] * 2), Span(0, 1), 2)
    assert surface.text().splitlines()[0] == "··░░▒▒██"
    assert set(surface.text()) <= {*(chr(shade) for shade in SHADES), "\n"}


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("times", [1, 2, 3, 4])
def test_a_mark_changes_only_its_own_value(depth, times):
    values = np.zeros((4, 4))
    plain, marked = (Surface(20, 10, theme(depth)) for _ in range(2))
    for surface in (plain, marked):
        heat(surface, 1, 1, values, Span(0, 1), times)
    mark(marked, 1, 1, times, 2, 1)
    changed = (plain.char != marked.char) | (plain.fore != marked.fore) | (plain.back != marked.back)
    ys, xs = np.nonzero(changed)
    assert len(ys)
    assert xs.min() >= 1 + times
    assert xs.max() < 1 + 2 * times
    assert ys.min() >= 1 + 2 * times // 2
    assert ys.max() <= 1 + (3 * times - 1) // 2


def test_marks_and_pixels_off_the_surface_are_cut():
    surface = Surface(4, 2, theme("256"))
    heat(surface, 2, 1, np.ones((6, 6)), Span(0, 1), 1)
    heat(surface, -3, -1, np.ones((6, 6)), Span(0, 1), 1)
    for times in (1, 2, 3):
        mark(surface, 2, 1, times, 5, 5)
        mark(surface, -9, -9, times, 0, 0)
    surface.write(-2, 0, "abcd")
    surface.write(3, 5, "abcd")
    assert surface.text().startswith("cd")


def test_the_scale_shows_both_ends_and_its_label():
    surface = Surface(40, 1, theme("256"))
    bar(surface, 0, 0, 40, Span(0.0, 0.0432), "this head")
    assert surface.text().startswith("0 ▀▀")
    assert surface.text().endswith(" 0.0432  this head")
    bar(surface, 0, 0, 40, Span(0.0, 1.0, log=True), "")
    assert surface.text().startswith("0.00100 ▀")


def test_numbers_keep_their_width():
    for value in (0.0, 0.00004, 0.12345, 9.9996, 123.4, 99999.0, 1e9, -0.5, float("nan"), float("inf")):
        assert len(number(value)) <= 9
        assert len(compact(value, 5)) <= 5
    assert fit("abc", 0) == ""
    assert fit("日本語", 5) == "日本…"
    assert fit("日本語", 4) == "日… "
    assert wrap("a" * 30, 10) == ["a" * 10] * 3
    assert all(len(entry[0]) <= 6 for entry in TAGS.values())


def shown(screen: pyte.Screen) -> list[str]:
    return [line.rstrip() for line in screen.display]


def painted(surface: Surface) -> pyte.Screen:
    """A terminal that was sent the whole surface."""
    screen = pyte.Screen(surface.width, surface.height)
    send(screen, [encode(row(surface, y), surface.theme.depth) for y in range(surface.height)])
    return screen


def send(screen: pyte.Screen, lines: list[str]) -> None:
    stream = pyte.Stream(screen)
    for y, line in enumerate(lines):
        stream.feed(f"\x1b[{y + 1};1H{line}")


def pixels(screen: pyte.Screen, y: int, x: int) -> tuple[str, str]:
    """The upper and lower colour of a cell, whichever block it was drawn with."""
    cell = screen.buffer[y][x]
    return {"▀": (cell.fg, cell.bg), "▄": (cell.bg, cell.fg), "█": (cell.fg, cell.fg), " ": (cell.bg, cell.bg)}[
        cell.data
    ]


def random_surface(seed: int, depth: str = "256") -> Surface:
    rng = np.random.default_rng(seed)
    surface = Surface(30, 6, theme(depth))
    heat(surface, 3, 1, rng.integers(0, 4, (6, 9)).astype(float), Span(0, 3), 1)
    surface.write(15, 0, "".join(rng.choice(list("ab  "), 12)), int(surface.theme.accent), bold=bool(seed % 2))
    surface.write(1, 4, "日本" if seed % 3 else "abcd", reverse=seed % 5 == 0)
    return surface


@pytest.mark.parametrize("depth", ["truecolor", "256"])
def test_what_is_sent_is_what_was_drawn(depth):
    surface = random_surface(1, depth)
    screen = painted(surface)
    for y in range(surface.height):
        for x in range(surface.width):
            if surface.char[y, x] == HALF:
                upper, lower = f"{surface.fore[y, x]:06x}", f"{surface.back[y, x]:06x}"
                assert pixels(screen, y, x) == (upper, lower)
    assert "日本" in shown(screen)[4]


@pytest.mark.parametrize("depth", DEPTHS)
def test_a_difference_leads_to_the_same_screen(depth):
    for seed in range(12):
        old, new = random_surface(seed, depth), random_surface(seed + 1, depth)
        screen = painted(old)
        send(screen, [difference(row(old, y), row(new, y), depth) for y in range(6)])
        expected = painted(new)
        for y in range(6):
            for x in range(30):
                mine, wanted = screen.buffer[y][x], expected.buffer[y][x]
                if new.char[y, x] == HALF and depth not in {"mono", "16"}:
                    assert pixels(screen, y, x) == pixels(expected, y, x)
                else:
                    assert (mine.data, mine.bg, mine.bold, mine.reverse) == (
                        wanted.data, wanted.bg, wanted.bold, wanted.reverse,
                    )  # fmt: skip


def test_nothing_is_sent_when_nothing_changed():
    surface = random_surface(3)
    assert [difference(row(surface, y), row(surface, y), "256") for y in range(6)] == [""] * 6


def test_no_colour_is_sent_to_a_terminal_without():
    sent = "".join(encode(row(random_surface(5, "mono"), y), "mono") for y in range(6))
    assert "38;" not in sent
    assert "48;" not in sent


def test_photographs_keep_their_mean_and_overlays_their_shape():
    rng = np.random.default_rng(0)
    crop = rng.integers(0, 256, (32, 48, 3), dtype=np.uint8)
    photo = scaled(crop, 8, 12)
    assert photo.shape == (8, 12, 3)
    assert np.allclose(photo.mean(axis=(0, 1)), crop.mean(axis=(0, 1)))
    attention = np.zeros((4, 6))
    attention[1, 2] = 1
    laid = overlay(photo, attention, Span(0, 1), theme("truecolor"))
    dark = np.delete(laid.reshape(4, 2, 6, 2, 3).swapaxes(1, 2).reshape(24, -1), 8, axis=0)
    assert laid.shape == photo.shape
    assert laid[2:4, 4:6].mean() > dark.mean()
    for depth in DEPTHS:
        surface = Surface(12, 4, theme(depth))
        assert paint(surface, 0, 0, laid) == Rect(0, 0, 12, 4)
