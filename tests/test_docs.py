"""The pages in docs/ are of this version: their links lead somewhere, and tables of keys and places are the code's.

`python -m tests.test_docs` writes docs/keys.md and the table of places in docs/browser.md anew.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from textwrap import dedent

import pytest

from tests.pictures import PAGES, STILL, TYPED, WALKED, pictures, times
from tests.tui.test_keys import FACTS, G
from vitscope.tui.aspects import ASPECTS
from vitscope.tui.bindings import BINDINGS, Binding
from vitscope.tui.keymap import LOOKS, remapped
from vitscope.tui.keys import press
from vitscope.tui.place import VIEWS, parse
from vitscope.tui.side import Peer
from vitscope.tui.state import State

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
KEYS = DOCS / "keys.md"
BROWSER = DOCS / "browser.md"
MADE = re.compile(r"(?<=<!-- made from ASPECTS -->\n).*?(?=\n\n)", re.DOTALL)
INTRODUCTION = """# Keys of the browser

Made from the table of bindings in `vitscope/tui/bindings.py`. The name stays when a key is changed.

| keys | what they do | on the pages | name |
|---|---|---|---|
"""


def together() -> list[list[Binding]]:
    """Bindings by row of the table: those that say nothing go on with the one before, as digits do."""
    rows: list[list[Binding]] = []
    for binding in BINDINGS:
        if binding.about:
            rows.append([])
        rows[-1].append(binding)
    return rows


def keys_page() -> str:
    """docs/keys.md as it should be."""
    rows = []
    for bindings in together():
        first, last = bindings[0], bindings[-1]
        keys = " ".join(LOOKS.get(key, key) for key in first.keys)
        names = f"`{first.name}`"
        if last is not first:
            keys, names = f"{keys} … {last.keys[0]}", f"{names} … `{last.name}`"
        where = "everywhere" if set(first.views) == set(VIEWS) else ", ".join(first.views)
        rows.append(f"| {keys.replace('|', '&#124;')} | {first.about} | {where} | {names} |\n")
    return INTRODUCTION + "".join(rows)


def test_the_table_of_keys_is_that_of_the_code():
    assert KEYS.read_text() == keys_page(), "python -m tests.test_docs writes it anew"


def test_every_key_and_every_name_is_in_the_table_of_keys():
    rows = [line.split(" | ") for line in KEYS.read_text().splitlines() if line.startswith("| ")][1:]
    listed = {row[3].removesuffix(" |"): row[0].removeprefix("| ").split() for row in rows}
    for bindings in together():
        names = " … ".join(dict.fromkeys(f"`{binding.name}`" for binding in (bindings[0], bindings[-1])))
        if len(bindings) == 1:
            assert listed[names] == [LOOKS.get(key, key) for key in bindings[0].keys]
        else:
            assert listed[names] == ["1", "…", str(len(bindings))]
            assert [binding.keys for binding in bindings] == [(str(n + 1),) for n in range(len(bindings))]


def places_table() -> str:
    """What can follow the "?" of a place, as docs/browser.md should have it."""
    rows = [f"| `{name}` | {aspect.takes} | {aspect.about} |" for name, aspect in ASPECTS.items()]
    return "\n".join(["| name | value | what for |", "|---|---|---|", *rows])


def test_the_table_of_places_is_that_of_the_code():
    found = MADE.search(BROWSER.read_text())
    assert found
    assert found[0] == places_table(), "python -m tests.test_docs writes it anew"


def test_every_view_is_among_the_places_with_the_key_that_leads_to_it():
    section = BROWSER.read_text().partition("\n## Places\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `([a-z]+)` \| (.*?) \| \[[^]]*\]\(#[a-z-]+\) \|$", section, re.M)
    assert [view for view, _ in rows] == list(VIEWS)
    facts = replace(FACTS, peers=(Peer("r", G), Peer("deep", G)))
    for view, way in rows:
        key = {"`Enter`": "enter", "`Esc`": "escape"}.get(way) or str(way).strip("`")
        start = State(trail=("runs", "results" if view == "overview" else "overview"), run="r")
        assert press(start, key, facts).view == view


def test_the_keys_of_ones_own_that_the_page_shows_are_taken():
    block = re.search(r"^    \[keys\]\n(?:    .*\n)+", BROWSER.read_text(), re.M)
    assert block
    table = tomllib.loads(dedent(block[0]))["keys"]
    found = {binding.name: " ".join(binding.keys) for binding in remapped(BINDINGS, table, str)}
    assert {name: found[name] for name in table} == table


def anchors_of(page: Path) -> set[str]:
    """What a link may name of a page behind #."""
    headings = re.findall(r"^#+ (.*)", page.read_text(), re.M)
    return {re.sub(r"[^a-z0-9 -]", "", line.lower()).strip().replace(" ", "-") for line in headings}


def links(page: Path) -> list[str]:
    """Where the links and pictures of a page lead, but for those out into the world."""
    return [to for to in re.findall(r"\]\(([^)]+)\)", page.read_text()) if not to.startswith("https://")]


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"], ids=lambda page: page.name)
def test_links_and_pictures_lead_somewhere(page):
    for target in links(page):
        path, _, anchor = target.partition("#")
        found = page.parent / path if path else page
        assert found.is_file(), target
        assert not anchor or anchor in anchors_of(found), target


def test_every_page_is_found_from_the_readme():
    found, new = set(), {ROOT / "README.md"}
    while new:
        found |= new
        ahead = {(page.parent / to.partition("#")[0]).resolve() for page in new for to in links(page) if ".md" in to}
        new = ahead - found
    assert {page.name for page in DOCS.glob("*.md")} <= {page.name for page in found}


def test_contributors_are_told_of_every_folder():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    for part in [*(ROOT / "vitscope").glob("*/__init__.py"), *(ROOT / "tests").glob("*/__main__.py")]:
        assert f"`{part.parent.name}`" in text or f"`tests/{part.parent.name}`" in text, part.parent.name
    for file in (ROOT / "vitscope").glob("[!_]*.py"):
        assert f"`{file.name}`" in text, file.name
    for file in (ROOT / "tests").glob("[!_]*.py"):
        assert file.stem.startswith(("test_", "conftest")) or f"`tests/{file.name}`" in text, file.name


def test_what_ci_looks_for_is_all_that_tests_need():
    """A name of the environment that is not one of an import is in the table here."""
    called = {"pytest-asyncio": "pytest_asyncio", "pytorch-cka": "cka", "scikit-image": "skimage",
              "vos-benchmark": "vos_benchmark", "torch-cka": "torch_cka", "import-linter": "importlinter"}  # fmt: skip
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    names = [re.split(r"[\[>=]", line)[0] for extra in ("test", "dev") for line in extras[extra]]
    looked = re.search(r'^tools = "(.*)"$', (ROOT / ".ci" / "run").read_text(), re.M)
    assert looked
    assert {called.get(name, name) for name in names if name != "vitscope"} <= set(looked[1].split())


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


def test_the_table_of_fuzzing_has_every_reader_and_the_crashes_that_are_in_its_corpus():
    rows = re.findall(
        r"^\| ([\w.-]+) \| [\d,]+ \| [\d,–]+ \| (\d+) \| (\d+) \|$", (DOCS / "security.md").read_text(), re.M
    )
    corpus = ROOT / "tests" / "fuzz" / "corpus"
    found = {folder.name: str(len([*folder.glob("found-*.seed")])) for folder in corpus.iterdir()}
    assert {reader: (crashes, mended) for reader, crashes, mended in rows} == {
        reader: (count, count) for reader, count in found.items()
    }


def test_tests_that_the_page_on_security_cites_are_there():
    cited = set(re.findall(r"`(tests/[^`]+)`", (DOCS / "security.md").read_text()))
    assert len(cited) > 5
    assert [path for path in sorted(cited) if not (DOCS.parent / path).exists()] == []


def test_every_page_of_the_browser_is_described():
    from vitscope.tui.screens.keys import ABOUT

    assert set(ABOUT) == {view for binding in BINDINGS for view in binding.views}


if __name__ == "__main__":
    KEYS.write_text(keys_page())
    BROWSER.write_text(MADE.sub(lambda _: places_table(), BROWSER.read_text()))
