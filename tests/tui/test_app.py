from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
from textual.geometry import Region, Size
from textual.pilot import Pilot

from tests import synthetic
from tests.tui.walker import Walker
from vitscope.tui import readers
from vitscope.tui.app import Browser
from vitscope.tui.place import starting
from vitscope.tui.widgets.canvas import Canvas

SIZES = [(40, 12), (80, 24), (120, 40), (200, 50)]


@asynccontextmanager
async def started(
    cache: Path, place: str | None = None, size: tuple[int, int] = (120, 40), depth: str = "256"
) -> AsyncIterator[Pilot]:
    app = Browser(cache, starting(cache, place), depth)
    async with app.run_test(size=size) as pilot:
        await settled(pilot)
        yield pilot


async def settled(pilot: Pilot) -> None:
    """Until everything that the page needs has been read and drawn."""
    for _ in range(500):
        await pilot.pause(0.01)
        if pilot.app.book.listing is not None and not pilot.app.unread():
            await pilot.pause()
            return
    raise AssertionError("the page never got what it needs")


async def press(pilot: Pilot, *keys: str) -> None:
    for key in keys:
        await pilot.press(key)
        await settled(pilot)


def page(pilot: Pilot) -> str:
    """What the canvas would put on the terminal."""
    canvas = pilot.app.query_one(Canvas)
    return "\n".join(strip.text.rstrip() for strip in canvas.render_lines(canvas.region.reset_offset))


@pytest.mark.parametrize("size", SIZES)
async def test_from_the_runs_to_an_image_and_back(cache, size):
    async with started(cache, size=size) as pilot:
        assert "small" in page(pilot)
        await press(pilot, "enter")
        assert "all heads" in page(pilot)
        await press(pilot, "j", "l", "enter", "c")
        assert (pilot.app.state.layer, pilot.app.state.head) == (1, 1)
        assert "attention from CLS" in page(pilot)
        await press(pilot, "h", "i", "i")
        assert "dog/001.jpg" in page(pilot)
        assert pilot.app.state.image == 1
        await press(pilot, "escape", "D", "escape", "escape", "escape", "escape")
        assert pilot.app.state.view == "runs"
        await press(pilot, "q")
    assert pilot.app.return_code == 0


async def test_it_starts_where_it_is_told(cache):
    async with started(cache, "small/2/3") as pilot:
        assert "layer 2 › head 3" in page(pilot)


async def test_keys_have_the_names_that_a_terminal_sends(cache):
    async with started(cache, "small/1/1") as pilot:
        await press(pilot, "full_stop", "J")
        assert (pilot.app.state.layer, pilot.app.state.head) == (1, 1)
        await press(pilot, "comma", "K", "backslash", "G", "dollar_sign", "G")
        assert (pilot.app.state.layer, pilot.app.state.head, pilot.app.state.log) == (0, 0, True)
        assert pilot.app.state.patch == (3, 3)
        await press(pilot, "question_mark")
        assert pilot.app.state.help
        await press(pilot, "escape", "space", "backspace")
        assert pilot.app.state.view == "overview"


async def test_ctrl_c_leaves_when_pressed_twice(cache):
    async with started(cache) as pilot:
        await press(pilot, "ctrl+c")
        assert "ctrl+c again" in page(pilot)
        await pilot.press("ctrl+c")
        await pilot.pause()
    assert pilot.app.return_code == 130


async def test_the_page_follows_the_size_of_the_terminal(cache):
    async with started(cache, "small/1/1") as pilot:
        for size in (*SIZES, (10, 3), (1, 1), (300, 80)):
            await pilot.resize_terminal(*size)
            await settled(pilot)
            lines = page(pilot).split("\n")
            assert len(lines) == size[1]
            assert all(len(line) <= size[0] for line in lines)
        assert "aligned (AAAM)" in page(pilot)


async def test_only_what_changed_is_repainted(cache, monkeypatch):
    async with started(cache, "small") as pilot:
        canvas = pilot.app.query_one(Canvas)
        for line in canvas._lines:
            line.whole()  # as if the terminal had shown it
        regions = []
        monkeypatch.setattr(canvas, "refresh", lambda *found, **_: regions.extend(found))
        await press(pilot, "l")
        assert 0 < sum(region.area for region in regions) < 120 * 40 / 2
        assert all(region.height == 1 for region in regions)


async def test_a_held_key_ends_where_the_state_is(cache):
    async with started(cache, "small/1/1") as pilot:
        await press(pilot, "c", "h")
        await pilot.press(*["l", "j"] * 6)
        await settled(pilot)
        assert pilot.app.state.patch == (3, 3)
        assert "attention from patch 4,4" in page(pilot)


async def test_a_run_that_is_deleted_while_it_is_open(tmp_path):
    folder = synthetic.write(tmp_path, layers=2, heads=2, grid=(3, 3))
    async with started(tmp_path, "synthetic/1/1") as pilot:
        shutil.rmtree(folder)
        await press(pilot, "a", "h")
        assert "is gone" in " ".join(page(pilot).replace("│", "").split())
        await press(pilot, "escape", "escape", "r")
        assert "Nothing has been measured yet" in page(pilot)
        await press(pilot, "enter", "j", "i")
        assert pilot.app.state.view == "runs"


def test_a_gallery_that_cannot_be_read_is_no_gallery(tmp_path):
    folder = synthetic.write(tmp_path, layers=2, heads=2, grid=(3, 3), gallery=2)
    (folder / "gallery@1" / "result.json").write_text("{")
    walker = Walker(tmp_path)
    walker.press("enter", "i")
    assert walker.state.view == "overview"
    assert "all heads" in walker.page()


async def grown(pilot: Pilot) -> None:
    """Let the browser look whether the cache has changed, as it does every few seconds."""
    await pilot.app.look_again().wait()
    await pilot.pause()
    await settled(pilot)


async def test_a_cache_that_grows_keeps_the_place_and_what_was_read(tmp_path, monkeypatch):
    synthetic.write(tmp_path, layers=2, heads=2, grid=(3, 3), model="old")
    async with started(tmp_path, "old/2/2") as pilot:
        before, kept = page(pilot), dict(pilot.app.book.items)
        lists = []
        monkeypatch.setattr(pilot.app, "list_runs", lambda **words: lists.append(words))
        await grown(pilot)
        assert lists == []
        monkeypatch.undo()
        synthetic.write(tmp_path, layers=1, heads=1, grid=(2, 2), model="fresh", started="2027-01-02T03:04:05+00:00")
        await grown(pilot)
        assert page(pilot) == before
        assert [run.model for run in pilot.app.book.listing.runs] == ["fresh", "old"]
        assert all(pilot.app.book.get(item) is value for item, value in kept.items() if item.kind != "info")
        assert pilot.app.state.cursor == 1
        await press(pilot, "escape", "escape")
        assert next(line for line in page(pilot).splitlines() if "▌" in line).split()[1] == "old"


async def test_a_result_that_is_measured_while_one_waits_for_it_appears(tmp_path):
    folder = synthetic.write(tmp_path, layers=2, heads=2, grid=(3, 3))
    (folder / "distance@1").rename(tmp_path / "later")
    async with started(tmp_path, "synthetic") as pilot:
        assert "not measured; run:" in page(pilot)
        (tmp_path / "later").rename(folder / "distance@1")
        await grown(pilot)
        assert "image sides" in page(pilot)


async def test_a_file_that_breaks_is_a_box_with_its_path_and_what_to_run(tmp_path):
    folder = synthetic.write(tmp_path, layers=2, heads=2, grid=(3, 3))
    async with started(tmp_path, "synthetic/1/1") as pilot:
        assert "┌─ cannot be shown" not in page(pilot)
        file = folder / "spatial-attention@1" / "mean.npy"
        file.write_bytes(file.read_bytes()[:100])
        await press(pilot, "J")
        text = boxed(page(pilot))
        assert "spatial-attention@1/mean.npyisdamaged" in text
        assert "orrunthecommandthatmeasureditagain" in text


def boxed(text: str) -> str:
    """What stands in the box of a page, without spaces, since lines may be broken in the middle of words."""
    lines = text.splitlines()
    top = next(y for y, line in enumerate(lines) if "┌─ cannot be shown" in line)
    left, right = lines[top].index("┌─ cannot be shown"), lines[top].index("┐")
    inside = [line[left + 1 : right] for line in lines[top + 1 :] if line[left : left + 1] == "│"]
    return "".join("".join(inside).split())


@pytest.mark.parametrize("error", [ValueError("odd"), IndexError("9"), ZeroDivisionError()])
async def test_what_a_damaged_file_may_lead_to_is_a_sentence(cache, monkeypatch, error):
    def raising(*_):
        raise error

    monkeypatch.setitem(readers._READERS, "tags", raising)
    async with started(cache, "small/1/1") as pilot:
        assert type(error).__name__ in page(pilot)
        assert "cache verify" in " ".join(page(pilot).replace("│", "").split())


async def test_a_new_run_is_found_when_the_cache_is_read_again(tmp_path):
    async with started(tmp_path) as pilot:
        assert "vitscope extract" in page(pilot)
        synthetic.write(tmp_path, layers=1, heads=1, grid=(2, 2), model="fresh")
        await press(pilot, "r")
        assert "fresh" in page(pilot)


async def test_a_cache_that_is_no_folder_is_a_page(tmp_path):
    file = tmp_path / "cache"
    file.write_text("no cache")
    async with started(file) as pilot:
        assert "is a file" in " ".join(page(pilot).split())


async def test_damaged_arrays_are_a_sentence(tmp_path):
    folder = synthetic.write(tmp_path, layers=2, heads=2, grid=(3, 3))
    np.save(folder / "attention@1" / "mean.npy", np.zeros(3))
    async with started(tmp_path, "synthetic/1/1") as pilot:
        assert "vitscope" in page(pilot)
        assert "verify" in " ".join(page(pilot).split()) or "damaged" in " ".join(page(pilot).split())


async def test_the_screenshot_holds_the_page(cache):
    async with started(cache, "small/1/1") as pilot:
        picture = pilot.app.export_screenshot()
        assert "AAAM" in picture
        assert picture.count("▀") > 100


async def test_a_page_may_be_drawn_before_textual_has_told_the_canvas_its_new_size_or_after(cache):
    async with started(cache, "small", size=(80, 24)) as pilot:
        canvas = pilot.app.query_one(Canvas)
        for size in ((112, 47), (69, 14), (80, 24)):
            canvas._size = Size(*size)  # as the layout does, whenever it comes to that
            canvas.show(pilot.app.page(*size))
            assert len(canvas.render_lines(Region(0, 0, *size))) == size[1]
