from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitscope.store.text import cleaned, printable, shown


@pytest.mark.parametrize("text", ["cat.jpg", "Käfer 猫 ネコ.png", "a\u3000b", "", "100 % [red]"])
def test_ordinary_names_stay(text):
    assert printable(text) == text


@pytest.mark.parametrize(
    "unsafe", ["\x1b", "\x07", "\n", "\x9b", "\x7f", "\u202e", "\u2028", "\u200b", "\udcff", "\ue000"]
)
def test_what_steers_a_terminal_is_replaced(unsafe):
    assert printable(f"a{unsafe}b") == "a\ufffdb"
    assert shown(Path("x") / f"a{unsafe}") == str(Path("x") / "a\ufffd")


def test_marks_do_not_pile_up():
    assert printable("e\u0301\u0323") == "e\u0301\u0323"
    assert printable("e" + "\u0301" * 9 + "x\u0301") == "e" + "\u0301" * 4 + "\ufffd" * 5 + "x\u0301"


@given(st.text(st.characters(exclude_categories=())))
def test_any_text_becomes_safe_and_stays_so(text):
    safe = printable(text)
    assert len(safe) == len(text)
    assert not any(unicodedata.category(c) in {"Cc", "Cf", "Cs"} for c in safe)
    assert printable(safe) == safe
    safe.encode()  # no lone surrogate is left


def test_every_string_of_a_json_value_is_cleaned():
    value = {"a\x1b": ["b\x1b", {"c": "d\n"}, 1, None, 2.5]}
    assert cleaned(value) == {"a\ufffd": ["b\ufffd", {"c": "d\ufffd"}, 1, None, 2.5]}
