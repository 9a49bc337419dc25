"""More models than a page holds: all of them are searched, and where some are left out the page says how many."""

from __future__ import annotations

import re

import pytest

from tests import synthetic
from tests.tui.walker import Walker
from vitscope.catalog import GROUPS, rank
from vitscope.tui import searching
from vitscope.tui.side import SHOWN

MODELS = sorted(GROUPS["paper-all"], key=rank)
SIZES = [(40, 12), (80, 24), (120, 40), (200, 50)]


@pytest.fixture(scope="module")
def twenty(tmp_path_factory):
    """The paper's twenty models over the same images, small; one more over others."""
    folder = tmp_path_factory.mktemp("twenty")
    shape = {"layers": 2, "heads": 3, "grid": (3, 3), "gallery": 0}
    for seed, model in enumerate(MODELS):
        synthetic.write(folder, model=model, images=2, seed=seed, **shape)
    synthetic.write(folder, model="apart", images=3, **shape)
    return folder


@pytest.fixture
def person(twenty) -> Walker:
    return Walker(twenty)


def opened(walker: Walker, model: str) -> Walker:
    """The walker on the first page of a model."""
    walker.press("escape", "escape", "escape", "g")
    walker.open(model)
    return walker


def rows(walker: Walker, size: tuple[int, int] = (120, 40)) -> list[tuple[int, str]]:
    """Number and name of the models on the page of models."""
    found = re.findall(r"^ *(\d+) (\S+)", walker.page(*size), re.M)
    return [(int(number), name) for number, name in found if name in MODELS]


def model(walker: Walker) -> str:
    return walker.book.run(walker.state).model


@pytest.mark.parametrize("query", ["model:mae", "model:fs-s sort:-distance"])
def test_a_search_finds_the_same_heads_from_every_model(person, query):
    found = []
    for start in (MODELS[0], MODELS[10], MODELS[-1]):
        opened(person, start).press("/", "ctrl+u", *query, "enter")
        spots = person.book.facts(person.state).found
        found.append(sorted(spots))
    word = query.split()[0].partition(":")[2]
    names = {person.book.listing.run(spot.run).model for spot in found[0]}
    assert names == {name for name in MODELS if word in name}
    assert found[0] == found[1] == found[2]


def test_every_model_is_searched_for_more_like_this(person):
    for start in (MODELS[0], MODELS[-1]):
        opened(person, start).press("f")
        run = person.book.run(person.state)
        assert {each.model for each in searching.searched(person.book, person.state, run)} == set(MODELS)
        assert "120 heads of 120 of 20 models" in person.page(120, 40)


@pytest.mark.parametrize("start", [0, 3, 11, 19])
@pytest.mark.parametrize("size", SIZES)
def test_the_page_of_models_has_some_and_says_of_how_many(person, start, size):
    opened(person, MODELS[start]).press("=")
    first = max(0, min(start - SHOWN // 2, len(MODELS) - SHOWN))
    assert rows(person, size) == [*enumerate(MODELS, start=1)][first : first + SHOWN]
    assert "6 of 20 models; " in person.page(*size)


def test_the_pinned_model_stays_on_the_page(person):
    opened(person, MODELS[1]).press("=", "p", *["m"] * 12)
    assert model(person) == MODELS[13]
    for keys in ((), ("d",)):
        person.press(*keys)
        assert rows(person) == [(2, MODELS[1]), *[*enumerate(MODELS, start=1)][11:16]]
    assert f"less {MODELS[1]};" in person.page(120, 40)
    person.press(*["M"] * 13)
    assert model(person) == MODELS[0]
    person.press("p", *["m"] * 2)
    assert "6 of 20 models; layer 1" in person.page(120, 40)


def test_digits_lead_to_the_first_nine_and_m_to_all(person):
    opened(person, MODELS[0])
    for digit in range(1, 10):
        person.press(str(digit))
        assert model(person) == MODELS[digit - 1]
    seen = [model(person)]
    for _ in range(20):
        person.press("m")
        seen.append(model(person))
    assert seen == [*MODELS[8:], *MODELS[:9]]


def test_a_click_on_a_row_leads_to_its_model(person):
    opened(person, MODELS[12]).press("=")
    surface = person.surface(120, 40)
    lines = surface.text().splitlines()
    y = next(y for y, line in enumerate(lines) if f"15 {MODELS[14]}" in line)
    person.state = surface.at(lines[y].index(MODELS[14]), y)(person.state, person.book.facts(person.state))
    assert model(person) == MODELS[14]


def test_colours_of_numbers_mean_the_same_whichever_models_are_on_the_page(person):
    bars = set()
    for start in (MODELS[0], MODELS[-1]):
        opened(person, start).press("=")
        lines = person.page(60, 20).splitlines()
        bars.add(next(line.strip() for line in lines if "attention distance, image sides" in line))
    assert len(bars) == 1


@pytest.mark.parametrize("size", SIZES)
def test_plots_of_all_models_or_of_as_many_as_there_is_room_for(person, size):
    opened(person, MODELS[15]).press("D", "A")
    page = person.page(*size)
    shown = [name for number, name in enumerate(MODELS, start=1) if re.search(rf"\b{number} {name}\b", page)]
    assert MODELS[15] in shown
    if len(shown) == len(MODELS):
        assert "of 20" not in page
    else:
        assert f"{len(shown)} of 20 models" in page
    assert (len(shown) == 20) == (size == (200, 50))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("start", [0, 19])
def test_means_of_all_models_are_lines_and_numbers_as_many_as_there_is_room_for(person, size, start):
    opened(person, MODELS[start]).press("D", "A", "A")
    lines = person.page(*size).splitlines()
    assert len(lines) == size[1]
    body = "\n".join(lines[1:-1])
    shown = [name for name in MODELS if re.search(rf"\b[A-Za-z] {name} +\d", body)]
    assert MODELS[start] in shown
    if len(shown) < len(MODELS):
        assert f"{len(shown)} of 20" in body
    assert (len(shown) == 20) == (size != (40, 12))
