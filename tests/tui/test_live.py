"""Opening images live: the typed path, the process, what is shown of it, giving up, and that nothing is left behind."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from contextlib import asynccontextmanager
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from tests import synthetic
from tests.benchmarks.terminal import Terminal
from tests.tui.test_app import page, press, settled, started
from tests.tui.test_keys import FACTS, at
from tests.tui.walker import Walker
from vitscope.tui import keys, opening
from vitscope.tui.live import Picture, Worker
from vitscope.tui.opening import Asked, completed, path_of

ANSWER = """
import json, os, sys, time
import numpy as np
for n, line in enumerate(sys.stdin):
    ask = json.loads(line)
    open(os.path.join(FOLDER, "pid"), "w").write(str(os.getpid()))
    if "slow" in ask["image"]:
        try:
            time.sleep(60)
        except KeyboardInterrupt:
            print('{"cancelled": true}', flush=True)
            continue
    if "bad" in ask["image"]:
        print(json.dumps({"error": "this picture is no picture, " * 6 + "and that is all."}), flush=True)
        continue
    attention, crop = (f"{ask['target']}/{n}-{part}.npy" for part in ("attention", "crop"))
    np.save(attention, np.random.default_rng(n).dirichlet(np.ones(TOKENS), (3, 4, TOKENS)).astype(np.float16))
    np.save(crop, np.full((*ask["image_size"], 3), 200, np.uint8))
    print(json.dumps({"attention": attention, "crop": crop, "seconds": 0.25, "device": "cpu"}), flush=True)
"""


@pytest.fixture
def process(tmp_path):
    """The command of a process that answers as the one with the model does, for 4 × 4 patches and CLS."""
    script = tmp_path / "process.py"
    script.write_text(ANSWER.replace("TOKENS", "17").replace("FOLDER", repr(str(tmp_path))))
    return sys.executable, str(script)


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "pictures"
    (folder / "more").mkdir(parents=True)
    for name in ("cat one.png", "cat two.png", "slow.png", "bad.png", "notes.txt", ".hidden.png"):
        Image.new("RGB", (8, 8)).save(folder / name, format="png")
    return folder


@asynccontextmanager
async def browsing(cache, process, place="small/2/3", size=(120, 40)):
    async with started(cache, place, size=size) as pilot:
        pilot.app.live = Worker(process)
        yield pilot


async def answered(pilot):
    """Until the process has answered."""
    for _ in range(2000):
        await pilot.pause(0.01)
        if pilot.app.state.opening.asked is None:
            return await settled(pilot)
    raise AssertionError("the process never answered")


async def paste(pilot, text):
    from textual.events import Paste

    pilot.app.post_message(Paste(text))
    await settled(pilot)


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_an_image_is_opened_and_browses_like_one_of_the_gallery(cache, process, pictures):
    async with browsing(cache, process) as pilot:
        await press(pilot, "o")
        await paste(pilot, f"'{pictures}/cat one.png'\n")
        await press(pilot, "enter")
        await answered(pilot)
        state = pilot.app.state
        assert (state.view, state.image, state.layer, state.head) == ("image", -1, 1, 2)
        assert "cat one.png (live)" in page(pilot).splitlines()[0]
        assert "4/4" in page(pilot)
        assert "0.2 s on cpu" in page(pilot)
        maps = pilot.app.book.maps(state, pilot.app.book.run(state), image=-1)
        expected = np.random.default_rng(0).dirichlet(np.ones(17), (3, 4, 17)).astype(np.float16)
        assert np.allclose(maps.patches, expected[:, :, 0, 1:].reshape(3, 4, 4, 4), atol=1e-3)
        await press(pilot, "i")
        assert pilot.app.state.image == 0
        assert "cat/000.jpg" in page(pilot)
        await press(pilot, "[")
        assert pilot.app.state.image == -1
        await press(pilot, "h", "J", ".", "A", "w", "escape", "escape", "i")
        assert "cat one.png (live)" in page(pilot)


async def test_the_process_stays_warm_and_every_image_of_the_session_is_kept(cache, process, pictures, tmp_path):
    async with browsing(cache, process) as pilot:
        pids = []
        for name in ("cat one.png", "cat two.png", "cat one.png"):
            await press(pilot, "o")
            await paste(pilot, str(pictures / name))
            await press(pilot, "enter")
            await answered(pilot)
            pids.append((tmp_path / "pid").read_text())
        assert len(set(pids)) == 1
        assert pilot.app.state.image == -1
        assert pilot.app.book.gallery(pilot.app.state)[-2:] == ["cat two.png (live)", "cat one.png (live)"]
        await press(pilot, "escape", "escape", "escape", "r", "enter", "enter", "i")
        assert len(pilot.app.book.gallery(pilot.app.state)) == 5  # reading the cache again forgets none
    assert not alive(int(pids[0]))


async def test_while_the_model_works_the_page_stays_and_esc_gives_up(cache, process, pictures):
    async with browsing(cache, process) as pilot:
        before = page(pilot).splitlines()[2:-1]
        await press(pilot, "o")
        await paste(pilot, str(pictures / "slow.png"))
        await press(pilot, "enter")
        last = page(pilot).splitlines()[-1]
        assert "loading small for slow.png" in last
        assert "esc gives up" in last
        assert page(pilot).splitlines()[2:-1] == before
        await press(pilot, ".")
        assert pilot.app.state.head == 3  # one can go on meanwhile
        await press(pilot, "escape")
        assert "given up" in page(pilot)
        assert pilot.app.state.view == "head"
        await press(pilot, "o")
        await paste(pilot, str(pictures / "cat one.png"))
        await press(pilot, "enter")
        await answered(pilot)
        assert pilot.app.state.view == "image"


async def test_what_was_given_up_while_it_waited_its_turn_is_never_run(cache, process, pictures):
    async with browsing(cache, process) as pilot:
        for name in ("slow.png", "cat one.png"):
            await press(pilot, "o")
            await paste(pilot, str(pictures / name))
            pilot.app.action_key("enter")
            pilot.app.action_key("escape")
        await pilot.app.workers.wait_for_complete()
        await settled(pilot)
        assert pilot.app.state.view == "head"
        assert pilot.app.book.shots.paths == []


async def test_other_places_do_not_give_up_what_one_waits_for(cache, process, pictures):
    async with browsing(cache, process) as pilot:
        await press(pilot, "escape", "o")
        await paste(pilot, str(pictures / "slow.png"))
        await press(pilot, "enter")
        asked = pilot.app.state.opening.asked
        await press(pilot, "`", ":")
        await paste(pilot, "goto small/1/2")
        await press(pilot, "enter")
        assert (pilot.app.state.view, pilot.app.state.head) == ("head", 1)
        assert pilot.app.state.opening.asked is asked
        await press(pilot, "escape")
        assert pilot.app.state.opening.asked is None
        await press(pilot, "`")
        assert pilot.app.state.opening.asked is None


@pytest.mark.parametrize("size", [(40, 12), (80, 24), (120, 40), (200, 50)])
async def test_what_went_wrong_is_a_whole_sentence(cache, process, pictures, size):
    async with browsing(cache, process, size=size) as pilot:
        for name, said in (("none.png", "is not a file"), ("bad.png", "and that is all.")):
            await press(pilot, "o")
            await paste(pilot, str(pictures / name))
            await press(pilot, "enter")
            await answered(pilot)
            shown = " ".join(page(pilot).split())
            assert said in shown
            assert pilot.app.state.view == "head"
            await press(pilot, ",")
            assert said not in " ".join(page(pilot).split())


async def test_another_model_says_that_it_has_not_seen_the_image_and_o_has_its_path(tmp_path, process, pictures):
    for model in ("one", "two"):
        synthetic.write(tmp_path / "both", layers=3, heads=4, grid=(4, 4), model=model, gallery=2, images=3)
    async with browsing(tmp_path / "both", process, place="one/1/1") as pilot:
        await press(pilot, "o")
        await paste(pilot, str(pictures / "cat one.png"))
        await press(pilot, "enter")
        await answered(pilot)
        await press(pilot, "m")
        assert "two has not seen this image" in " ".join(page(pilot).split())
        await press(pilot, "o")
        assert pilot.app.state.prompt.text == str(pictures / "cat one.png")
        await press(pilot, "enter")
        await answered(pilot)
        assert "has not seen" not in page(pilot)
        await press(pilot, "M")
        assert "cat one.png (live)" in page(pilot)


async def test_tab_completes_names_of_folders_and_images(cache, process, pictures):
    async with browsing(cache, process) as pilot:
        await press(pilot, "o")
        await paste(pilot, f"{pictures}/c")
        await press(pilot, "tab")
        await asyncio.sleep(0.1)
        await settled(pilot)
        assert pilot.app.state.prompt.text == f"{pictures}/cat "
        assert "cat one.png   cat two.png" in page(pilot)
        await press(pilot, "t", "tab")
        await asyncio.sleep(0.1)
        await settled(pilot)
        assert pilot.app.state.prompt.text == f"{pictures}/cat two.png"


def test_names_that_a_path_may_go_on_with(pictures, monkeypatch):
    assert completed(f"{pictures}/m") == (f"{pictures}/more/", ["more/"])
    assert completed(f"{pictures}/cat t") == (f"{pictures}/cat two.png", ["cat two.png"])
    assert completed(f"{pictures}/")[1] == ["bad.png", "cat one.png", "cat two.png", "more/", "slow.png"]
    assert completed(f"{pictures}/.h")[0] == f"{pictures}/.hidden.png"
    assert completed(f"{pictures}/none") == (f"{pictures}/none", [])
    assert completed("/nowhere/at/all") == ("/nowhere/at/all", [])
    monkeypatch.chdir(pictures)
    assert completed("sl")[0] == "slow.png"
    monkeypatch.setenv("HOME", str(pictures))
    assert completed("~/sl")[0] == "~/slow.png"


def test_what_is_pasted_as_a_path():
    assert path_of('"/a b.png"') == "/a b.png"
    assert path_of("  /a.png ") == "/a.png"
    assert path_of("'") == "'"


def test_a_blank_path_asks_for_nothing_and_paths_are_remembered():
    state = keys.press(at("head"), "o", FACTS)
    assert state.prompt.purpose == "open"
    assert keys.press(state, "enter", FACTS).opening.asked is None
    state = keys.press(replace(state, prompt=replace(state.prompt, text="/x.png")), "enter", FACTS)
    assert state.opening.asked == Asked("r", "/x.png")
    assert keys.press(keys.press(state, "o", FACTS), "up", FACTS).prompt.text == "/x.png"
    assert keys.press(state, "escape", FACTS).opening.asked is None
    assert keys.press(state, "escape", FACTS).view == "head"


def test_live_images_come_before_the_first_whatever_the_gallery():
    facts = replace(FACTS, images=5, live=2)
    seen = [at("image", image=0).image]
    state = at("image", image=0)
    for _ in range(5):
        state = keys.press(state, "i", facts)
        seen.append(state.image)
    assert seen == [0, 1, 2, -2, -1, 0]
    assert keys.press(at("image", image=0), "[", facts).image == -1
    assert keys.press(at("image", image=-1), "i", replace(FACTS, images=1, live=1)).image == -1


def test_a_gallery_with_fewer_images_is_a_sentence(tmp_path):
    synthetic.write(tmp_path, layers=2, heads=2, grid=(3, 3), gallery=1)
    walker = Walker(tmp_path)
    walker.press("enter", "i")
    walker.state = replace(walker.state, image=3)
    walker.read()
    assert "kept 1 image, and this one is not among them" in " ".join(walker.page(80, 24).split())


def test_pictures_are_told_apart_by_what_they_are():
    parts = "x.png", np.zeros(1), np.zeros(1), 0.1, "cpu"
    assert len({Picture(*parts), Picture(*parts)}) == 2
    assert opening.Shots().path(-1) is None


@pytest.mark.parametrize("way", ["q", "term", "crash"])
def test_however_the_browser_ends_the_process_ends_too(cache, process, pictures, tmp_path, way):
    start = (
        "import sys\nfrom pathlib import Path\nimport vitscope.tui.app as app\nfrom vitscope.tui.live import Worker\n"
        f"app.Worker = lambda: Worker({process!r})\n"
        + (
            "app.opening.give_up = None\nkeys = app.keys\nkeys.opening.give_up = lambda state: 1 / 0\n"
            if way == "crash"
            else ""
        )
        + "from vitscope.tui.start import browse\nbrowse(Path(sys.argv[1]), 'small/1/1')"
    )
    with Terminal([sys.executable, "-c", start, str(cache)], columns=80, rows=24) as terminal:
        terminal.until("attention")
        for key in ("o", f"\x1b[200~{pictures / 'slow.png'}\x1b[201~", "\r"):
            terminal.press(key, 0.2)
        for _ in range(400):
            if (tmp_path / "pid").exists() and (tmp_path / "pid").read_text():
                break
            time.sleep(0.02)
            terminal.settle(0.01)
        pid = int((tmp_path / "pid").read_text())
        assert alive(pid)
        if way == "term":
            terminal.kill(15)
        else:
            terminal.press("q" if way == "q" else "\x1b")
        assert terminal.wait() == {"q": 0, "term": 143, "crash": 1}[way]
    assert not alive(pid)
