"""The pages in docs/ are of this version: their links lead somewhere, and the table of keys is that of the code.

`python -m tests.test_docs` writes docs/keys.md anew.
"""

from __future__ import annotations

import re
import tomllib
from itertools import pairwise
from pathlib import Path

import pytest

from tests.pictures import PAGES, STILL, TYPED, WALKED, pictures, times
from vitscope.tui.bindings import BINDINGS
from vitscope.tui.place import parse

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
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
