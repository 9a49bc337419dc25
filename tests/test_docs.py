"""The pages in docs/ are of this version: their links lead somewhere, and the table of keys is that of the code.

`python -m tests.test_docs` writes docs/keys.md anew.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from vitscope.tui.bindings import BINDINGS

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


def test_every_page_of_the_browser_is_described():
    from vitscope.tui.screens.keys import ABOUT

    assert set(ABOUT) == {view for binding in BINDINGS for view in binding.views}


if __name__ == "__main__":
    KEYS.write_text(keys_page())
