"""One image's attention on the pages of a layer and of models: taken along from an image, left with A."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests import synthetic
from tests.tui.walker import Walker
from vitscope.store.reader import Cache
from vitscope.tui import beside
from vitscope.tui.exporting import plan
from vitscope.tui.library import Failure
from vitscope.tui.live import Picture
from vitscope.tui.opening import Asked
from vitscope.tui.place import resolved, spelled
from vitscope.tui.state import State

SIZES = [(40, 12), (60, 20), (80, 24), (120, 40), (200, 50)]


@pytest.fixture(scope="module")
def several(tmp_path_factory):
    """one and two, of other depth and grid, kept both images; few only the first, none no image."""
    folder = tmp_path_factory.mktemp("several")
    shape = {"heads": 4, "images": 3}
    synthetic.write(folder, layers=3, grid=(4, 4), model="one", gallery=2, seed=1, **shape)
    synthetic.write(folder, layers=2, grid=(2, 2), model="two", gallery=2, seed=2, **shape)
    synthetic.write(folder, layers=3, grid=(4, 4), model="few", gallery=1, seed=3, **shape)
    synthetic.write(folder, layers=3, grid=(4, 4), model="none", gallery=0, seed=4, **shape)
    return folder


@pytest.fixture
def person(several) -> Walker:
    """Somebody who looks at the second image of "one", from CLS, in layer 3."""
    walker = Walker(several)
    walker.open("one")
    walker.press("G", "l", "enter", "c", "i", "i")
    assert (walker.state.image, walker.state.layer, walker.state.head) == (1, 2, 1)
    return walker


def maps(walker: Walker) -> dict[str, np.ndarray | Failure | None]:
    """What the page of models shows of each."""
    rows = beside.rows(walker.state, walker.book, walker.book.run(walker.state))
    return {row.run.model: row.maps for row in rows}


def stored(cache, model: str, layer: int, token: int, image: int | None = None) -> np.ndarray:
    """Attention of a token to the patches as the cache has it (H, R, C), in multiples of uniform attention."""
    run = Cache(cache).find(model)
    every = run.array("attention") if image is None else run.array("gallery", "attention")[image]
    g = run.geometry
    return every[layer, :, token, 1:].astype(float).reshape(g.heads, g.rows, g.columns) * g.patches


def test_models_show_the_image_that_one_comes_from(person, several):
    person.press("=")
    shown = maps(person)
    assert np.allclose(shown["one"], stored(several, "one", 2, 0, 1), rtol=1e-5)
    assert np.allclose(shown["two"], stored(several, "two", 1, 0, 1), rtol=1e-5)
    assert "attention from CLS in dog/001.jpg;" in person.page(120, 40)
    person.press("A")
    shown = maps(person)
    for model, layer in (("one", 2), ("two", 1), ("few", 2), ("none", 2)):
        assert np.allclose(shown[model], stored(several, model, layer, 0), rtol=1e-5)
    assert "dog/001.jpg" not in person.page(120, 40)
    person.press("A")
    assert np.allclose(maps(person)["one"], stored(several, "one", 2, 0, 1), rtol=1e-5)


def test_models_that_did_not_keep_the_image_say_so(person):
    person.press("=")
    shown = maps(person)
    assert isinstance(shown["few"], Failure)
    assert isinstance(shown["none"], Failure)
    for size in ((80, 24), (120, 40), (200, 50)):
        page = " ".join(person.page(*size).split())
        assert "holds no gallery" in page
        assert "few kept 1 image" in page


def test_the_query_token_is_the_same_part_of_the_picture_in_every_model(person, several):
    person.press("space", "=")
    person.state = replace(person.state, patch=(3, 1))
    person.read()
    shown = maps(person)
    assert np.allclose(shown["one"], stored(several, "one", 2, 1 + 13, 1), rtol=1e-5)
    assert np.allclose(shown["two"], stored(several, "two", 1, 1 + 2, 1), rtol=1e-5)


def test_another_model_shows_the_same_image(person, several):
    person.press("=", "4")
    assert person.book.run(person.state).model == "two"
    shown = maps(person)
    assert np.allclose(shown["two"], stored(several, "two", 1, 0, 1), rtol=1e-5)
    assert np.allclose(shown["one"], stored(several, "one", 2, 0, 1), rtol=1e-5)  # whose layer 3 is still wished for


def test_a_model_that_shows_another_layer_says_which(tmp_path):
    for model, layers in (("model-deep", 3), ("model-flat", 2)):
        synthetic.write(tmp_path, layers=layers, model=model, images=3)
    walker = Walker(tmp_path)
    walker.open("model-deep")
    walker.press("G", "=")
    page = walker.page(120, 40).splitlines()
    row = next(line for line, text in enumerate(page) if "model-flat" in text)
    assert page[row + 1].split()[:2] == ["layer", "2"]
    assert sum("layer 3" in text for text in page) == 2  # the line at the top and the title


def test_from_the_mean_one_comes_to_the_mean(several):
    walker = Walker(several)
    walker.open("one")
    walker.press("enter", "c", "=")
    assert np.allclose(maps(walker)["one"], stored(several, "one", 0, 0), rtol=1e-5)
    walker.press("=", "i", "A", "=")
    assert np.allclose(maps(walker)["one"], stored(several, "one", 0, 0), rtol=1e-5)
    walker.press("=", "A", "=")
    assert np.allclose(maps(walker)["one"], stored(several, "one", 0, 0, 0), rtol=1e-5)


def test_a_layer_shows_the_image_that_one_comes_from(person, several):
    person.press("L")
    assert "attention from CLS in dog/001.jpg, scale of" in person.page(120, 40)
    [view] = plan(person.state, person.book)()
    assert np.allclose(view.values * 16, stored(several, "one", 2, 0, 1), rtol=1e-3)
    drawn = person.surface(120, 40).back.copy()
    person.press("A")
    assert "attention from CLS, scale of" in person.page(120, 40)
    assert (person.surface(120, 40).back != drawn).any()
    [view] = plan(person.state, person.book)()
    assert np.allclose(view.values * 16, stored(several, "one", 2, 0), rtol=1e-3)
    person.press("A", "escape", "[", "L")
    assert "in cat/000.jpg" in person.page(120, 40)


def test_however_one_goes_there(person):
    person.press(":", *"view layer", "enter")
    assert "in dog/001.jpg" in person.page(120, 40)
    person.press("A", "O", "L")
    assert "dog/001.jpg" not in person.page(120, 40)


def test_from_the_sheet_of_images_as_well(person):
    person.press("I", "L")
    assert "in dog/001.jpg" in person.page(120, 40)
    person.press("=")
    assert "in dog/001.jpg" in person.page(120, 40)


def test_a_model_without_images_says_so(several):
    walker = Walker(several)
    walker.open("none")
    walker.press("L", "A")
    assert not walker.state.pictured
    assert "kept no images" in walker.state.message


@pytest.fixture
def live(person) -> Walker:
    """The same person, who opened an image, which only "one" has seen."""
    rng = np.random.default_rng(0)
    attention = rng.dirichlet(np.ones(17), (3, 4, 17)).astype(np.float16)
    seen = Picture("mine.png", attention, np.zeros((32, 32, 3), np.uint8), 0.1, "cpu")
    person.state = replace(person.state, image=person.book.shots.keep(Asked(person.state.run, "/x/mine.png"), seen))
    person.read()
    return person


def test_of_a_live_image_the_models_that_have_not_seen_it_say_so(live):
    live.press("=")
    shown, attention = maps(live), live.book.shots.picture(live.state.run, -1).attention
    expected = attention[2, :, 0, 1:].astype(float).reshape(4, 4, 4) * 16
    assert np.allclose(shown["one"], expected, rtol=1e-2)
    page = " ".join(live.page(120, 40).split())
    assert "in mine.png (live);" in page
    for model in ("two", "few", "none"):
        assert isinstance(shown[model], Failure)
        assert f"{model} has not seen this image" in page
    live.press("m")
    assert live.press("o").prompt.text == "/x/mine.png"
    live.press("escape", "A")
    assert "has not seen" not in live.page(120, 40)


def test_of_a_live_image_a_layer_is_shown_or_said_not_to_be_seen(live):
    live.press("L")
    assert "in mine.png (live)" in live.page(120, 40)
    live.press("m")
    assert "has not seen this image: o, then enter, runs it." in " ".join(live.page(120, 40).split())
    live.press("A")
    assert "has not seen" not in live.page(120, 40)


@pytest.mark.parametrize("keys", ["=", "L"])
def test_a_place_in_words_keeps_the_image(person, keys):
    person.press(*keys)
    known = person.book.known()
    words = spelled(person.state, known)
    assert words == f"one/3/2@{person.state.view}:2?patch=2,2&one-image=yes"
    again = resolved(words, known, State())
    assert (again.view, again.image, again.pictured) == (person.state.view, 1, True)
    assert "one-image" not in spelled(replace(person.state, image=-1), known)


@pytest.mark.parametrize("depth", ["truecolor", "256", "16", "mono"])
@pytest.mark.parametrize("size", SIZES)
def test_it_is_drawn_everywhere(live, size, depth):
    for keys in ("=", "d", "s", "=", "L"):
        live.press(keys)
        assert len(live.page(*size, depth).splitlines()) == size[1]
    if size[0] <= 60:
        assert "one image" in live.page(*size) or "mine.png" in live.page(*size)
