"""Renaming never loses a tensor, and what does not fit together stays apart, so that a strict load reports it."""

from __future__ import annotations

import torch

from vitscope.models.layouts import LAYOUTS
from vitscope.models.layouts.base import fused, rename

PARTS = ("h.{}.q", "h.{}.k", "h.{}.v")


def test_two_names_for_one_place_both_stay():
    one, two = torch.ones(1), torch.zeros(1)
    rules = [(r"(old|older)\.", "new.")]
    assert rename({"old.w": one, "older.w": two}, rules) == {"new.w": one, "older.w": two}
    assert rename({"old.w": one, "new.w": two}, rules) == {"old.w": one, "new.w": two}
    assert rename({"new.w": two, "old.w": one}, rules) == {"new.w": two, "old.w": one}


def test_the_first_rule_that_matches_from_the_beginning():
    given = {"a.b": torch.ones(1), "b.a": torch.ones(1)}
    assert list(rename(given, [(r"a\.", "x."), (r"a\.b", "y")])) == ["x.b", "b.a"]


def test_query_key_and_value_are_stacked_in_this_order():
    parts = {name.format(3): torch.full((2, 4), float(value)) for value, name in enumerate(PARTS)}
    (stacked,) = fused(dict(reversed(parts.items())), PARTS, "h.{}.qkv").values()
    assert stacked[:, 0].tolist() == [0, 0, 1, 1, 2, 2]


def test_parts_that_are_not_all_there_or_differ_stay():
    whole = {name.format(0): torch.ones(2, 4) for name in PARTS}
    for odd in ({**whole, "h.0.k": torch.ones(3, 4)}, {name: whole[name] for name in ("h.0.q", "h.0.v")}):
        assert fused(odd, PARTS, "h.{}.qkv").keys() == odd.keys()


def test_layouts_have_names_of_their_own():
    assert len({layout.name for layout in LAYOUTS}) == len(LAYOUTS) == 12
