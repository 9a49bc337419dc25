from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.tui.walker import Walker
from vitscope.tui import book
from vitscope.tui.book import Book
from vitscope.tui.library import Failure, Item, Maps
from vitscope.tui.needs import needs


def test_the_oldest_are_forgotten_when_too_much_is_kept(monkeypatch):
    monkeypatch.setattr(book, "KEPT", 3 * 800)
    kept = Book()
    items = [Item("maps", Path("run"), query=(0, n)) for n in range(4)]
    for item in items[:3]:
        kept.keep(item, Maps(np.zeros(90), np.zeros(10)))
    kept.get(items[0])
    kept.keep(items[3], Maps(np.zeros(90), np.zeros(10)))
    assert list(kept.items) == [items[2], items[0], items[3]]


def test_what_a_page_needs_is_kept_however_much_it_is(monkeypatch):
    monkeypatch.setattr(book, "KEPT", 800)
    kept = Book()
    items = [Item("maps", Path("run"), query=(0, n)) for n in range(4)]
    for item in items:
        kept.keep(item, Maps(np.zeros(90), np.zeros(10)), needed=items[1:])
    assert list(kept.items) == items[1:]


def test_a_failure_is_kept_and_takes_no_room():
    kept = Book()
    kept.keep(Item("tags", Path("run")), Failure("gone"))
    assert kept.get(Item("tags", Path("run"))) == Failure("gone")


def test_what_one_looks_at_is_asked_for_first(cache):
    walker = Walker(cache)
    assert needs(walker.state, walker.book) == []
    walker.press("enter", "enter", "i")
    kinds = [item.kind for item in needs(walker.state, walker.book)]
    assert kinds[:2] == ["maps", "picture"]
    assert [item.slow for item in needs(walker.state, walker.book)] == sorted(
        item.slow for item in needs(walker.state, walker.book)
    )


def test_a_photograph_is_scaled_once_for_each_size(cache, monkeypatch):
    walker = Walker(cache)
    walker.press("enter", "enter", "i")
    run = walker.book.run(walker.state)
    first = walker.book.photograph(walker.state, run, 8, 8)
    assert first.shape == (8, 8, 3)
    assert walker.book.photograph(walker.state, run, 8, 8) is first
    monkeypatch.setattr(book, "PHOTOGRAPHS", 1)
    walker.book.photograph(walker.state, run, 4, 4)
    assert len(walker.book.photographs) == 1
