"""Queries for heads, saved under names from one start to the next, and what a query can go on with. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vitscope.errors import ViewError
from vitscope.store.text import printable
from vitscope.tui import finding
from vitscope.tui.prompt import remembered
from vitscope.tui.render.words import TAGS
from vitscope.tui.state import enter

if TYPE_CHECKING:
    from vitscope.tui.state import Facts, State

MOST = 100  # that are kept
LONGEST = 40  # letters of a name
ORDERS = (("", "small numbers"), ("-", "large numbers"))


def save(state: State, _facts: Facts, name: str) -> State:
    """Keep the last query under a name; one that had it before is forgotten. ViewError."""
    query = state.finding.good.strip()
    if not query:
        raise ViewError("there is no query yet to save: / begins one.")
    if not name.isprintable() or len(name.split()) != 1 or len(name) > LONGEST:
        raise ViewError(f"{printable(name)!r} is no name for a query: one word of at most {LONGEST} letters is.")
    others = tuple(pair for pair in state.queries if pair[0] != name)
    if len(others) >= MOST:
        raise ViewError(f"{MOST} queries are saved already: `:forget NAME` makes room.")
    return replace(state, queries=tuple(sorted((*others, (name, query)))), message=f"saved as {name}: {query}")


def search(state: State, facts: Facts, name: str) -> State:
    """Search with a saved query. ViewError."""
    query = dict(state.queries)[_known(state, name)]
    if facts.geometry is None:
        raise ViewError("open a run first: a query is over its heads.")
    history = remembered(state.finding.history, query)[-finding.QUERIES :]
    return enter(finding.changed(state, query=query, good=query, like=None, at=0, history=history), "find")


def forget(state: State, _facts: Facts, name: str) -> State:
    """Forget a saved query. ViewError."""
    gone = _known(state, name)
    kept = tuple(pair for pair in state.queries if pair[0] != gone)
    return replace(state, queries=kept, message=f"{gone} is forgotten")


def names(state: State, _facts: Facts) -> tuple[str, ...]:
    """Names of saved queries."""
    return tuple(name for name, _ in state.queries)


def options(state: State, facts: Facts, text: str) -> list[tuple[str, str]]:
    """Lines that `text` could become, and what each is: saved queries, then what its last word could be."""
    start = text.strip()
    saved = [
        (query, f"saved as {name}")
        for name, query in state.queries
        if query != start and (name.startswith(start) or query.startswith(start))
    ]
    before, _, word = text.rpartition(" ")
    before = f"{before} " if before or text.startswith(" ") else ""
    sign = "-" if word.startswith("-") else ""
    return saved + [
        (f"{before}{sign}{line}", what) for line, what in _words(facts, word.removeprefix("-")) if line != word
    ]


def _words(facts: Facts, word: str) -> list[tuple[str, str]]:
    """What a word could become: a number whose bound is still to come, a tag, a model, an order."""
    numbers = ["layer", "head", *facts.searchable]
    if ":" in word:
        every = [(f"tag:{name}", "heads with this tag") for name in TAGS]
        every += [(f"model:{name}", "heads of this model") for name in dict.fromkeys(run.model for run in facts.known)]
        every += [(f"sort:{sign}{name}", f"{which} first") for name in numbers for sign, which in ORDERS]
    else:
        every = [(name, "a number, to be bounded as in layer:2-5 or distance<.2") for name in numbers]
        every += [("tag:", "a word in a tag"), ("model:", "a word in a model's name"), ("sort:", "an order")]
    return [(line, about) for line, about in every if line.casefold().startswith(word.casefold())]


def _known(state: State, name: str) -> str:
    found = [other for other, _ in state.queries if other == name] or [
        other for other, _ in state.queries if other.startswith(name)
    ]
    if len(found) == 1:
        return found[0]
    there = ", ".join(other for other, _ in state.queries) or "none; `:save NAME` keeps the last one"
    raise ViewError(f"no query is called {printable(name)!r}; there are: {there}.")
