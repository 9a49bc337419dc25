"""The pages in docs/ are of this version: their links lead somewhere, and the table of keys is that of the code.

`python -m tests.test_docs` writes docs/keys.md anew.
"""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest

from tests.pictures import PAGES, STILL, TYPED, WALKED, pictures, times
from vitscope.tui.bindings import BINDINGS
from vitscope.tui.place import parse

DOCS = Path(__file__).parents[1] / "docs"
KEYS = DOCS / "keys.md"
INTRODUCTION = """# Keys of the browser

Made from the table of bindings in `vitscope/tui/bindings.py`. The name stays when a key is changed.

| keys | what they do | on the pages | name |
|---|---|---|---|
"""


def keys_page() -> str:
    """docs/keys.md as it should be."""
    rows = []
    for binding in BINDINGS:
        if binding.about:
            keys = binding.shown.replace("|", "\\|").replace("\\\\", "\\")
            rows.append(f"| {keys} | {binding.about} | {', '.join(binding.views)} | `{binding.name}` |\n")
    return INTRODUCTION + "".join(rows)


def test_the_table_of_keys_is_that_of_the_code():
    assert KEYS.read_text() == keys_page(), "python -m tests.test_docs writes it anew"


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.name)
def test_links_and_pictures_lead_somewhere(page):
    text = page.read_text()
    anchors = {
        re.sub(r"[^a-z0-9 -]", "", line.lower()).strip().replace(" ", "-")
        for line in re.findall(r"^#+ (.*)", text, re.M)
    }
    for target in re.findall(r"\]\(([^)]+)\)", text):
        path, _, anchor = target.partition("#")
        if path:
            assert (DOCS / path).exists(), target
        else:
            assert anchor in anchors, target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_picture_says_how_it_was_made(page):
    shown = {page.parent / target for target in re.findall(r"!\[[^]]*\]\(([^)]+)\)", page.read_text())}
    made = list(pictures(page))
    assert {picture.file for picture in made} == shown
    known = {key for binding in BINDINGS for key in binding.keys} | {"enter"}
    for picture in made:
        assert picture.file.is_file(), picture.file.name
        assert picture.place is None or parse(picture.place).model
        typed = [word for before, word in pairwise(picture.keys) if before == "/"]
        assert {*picture.keys} - {*typed} <= known, picture.file.name


def test_no_picture_is_left_over_and_all_are_small():
    kept = {*DOCS.glob("*.png"), *DOCS.glob("*.webp")}
    assert kept == {picture.file for page in PAGES for picture in pictures(page)}
    assert sum(file.stat().st_size for file in kept) < 3_000_000
    assert all(file.stat().st_size < 1_500_000 for file in kept)


def test_a_film_stands_still_where_there_is_something_to_read():
    assert times(("j", "j", "enter")) == [STILL, WALKED, STILL, STILL]
    assert times(("/", "iou", "enter")) == [STILL, STILL, TYPED, TYPED, STILL, STILL]


def test_every_page_of_the_browser_is_described():
    from vitscope.tui.screens.keys import ABOUT

    assert set(ABOUT) == {view for binding in BINDINGS for view in binding.views}


if __name__ == "__main__":
    KEYS.write_text(keys_page())
