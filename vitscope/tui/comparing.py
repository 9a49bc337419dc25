"""The moves on the pages about features: CKA, residual branches, tasks. Pure, like all moves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from vitscope.geometry import Geometry
from vitscope.tui.features import BRANCHES, TOKENS, Candidate
from vitscope.tui.state import Facts, Move, State, choose, enter, opened
from vitscope.tui.steps import clamp


def changed(state: State, **fields: object) -> State:
    """The state at another place of these pages."""
    return replace(state, features=replace(state.features, **fields))


def row(by: int) -> Move:
    """Down the rows of a matrix, the models, or the patches of a picture."""

    def move(state: State, facts: Facts) -> State:
        if _on_patches(state):
            return _patch(state, facts, by, 0)
        if state.view == "cka" and state.features.across:
            return _pair(state, facts, by, 0)
        return choose(state, layer=clamp(state.layer + by, facts.geometry.layers)) if facts.geometry else state

    return move


def column(by: int) -> Move:
    """Along the columns of a matrix or of patches; on the page of tasks along the layers."""

    def move(state: State, facts: Facts) -> State:
        if _on_patches(state):
            return _patch(state, facts, 0, by)
        if state.view == "cka" and state.features.across:
            return _pair(state, facts, 0, by)
        other = facts.geometry if state.view == "residual" else _other(state, facts)
        layers = facts.longest if state.view == "curves" else other.layers if other else 0
        shown = clamp(state.features.column, layers)  # the column may be one that only a deeper model has
        return changed(state, column=clamp(shown + by, layers)) if layers else state

    return move


def other(by: int) -> Move:
    """The next model to compare with; among them is the open one itself."""

    def move(state: State, facts: Facts) -> State:
        names = [candidate.name for candidate in facts.candidates]
        if len(names) < 2:
            return replace(state, message="there is no other model here to compare with: extract one more")
        now = state.features.other if state.features.other in names else state.run
        at = names.index(now) if now in names else 0
        chosen = facts.candidates[(at + by) % len(names)]
        return changed(state, other=chosen.name, across=False)

    return move


def swap(state: State, facts: Facts) -> State:
    """Rows become columns."""
    chosen, other = _candidate(state.features.other, facts), _other(state, facts)
    layer = min(state.features.column, other.layers - 1) if other else state.layer
    turned = choose(changed(state, column=state.layer), layer=layer)
    if chosen is None or chosen.name == state.run:
        return turned
    return opened(changed(turned, other=state.run), chosen.name, chosen.geometry, facts.geometry)


def across(state: State, _facts: Facts) -> State:
    """The last layers of all models, from the pair that was looked at on, or all layers of two."""
    here = state.run or ""
    return changed(state, across=not state.features.across, pair=(here, state.features.other or here))


def into(state: State, facts: Facts) -> State:
    """From a pair of models to all of their layers; from a layer to its heads."""
    if state.view != "cka" or not state.features.across or not facts.candidates:
        return enter(state, "overview")
    i, j = place(state.features.pair, [candidate.name for candidate in facts.candidates])
    after, chosen = changed(state, across=False, other=facts.candidates[j].name, column=0), facts.candidates[i]
    return opened(after, chosen.name, chosen.geometry, facts.geometry)


def place(pair: tuple[str, str], names: Sequence[str]) -> tuple[int, int]:
    """Row and column of a pair of runs among all; the first for what is not there."""
    row, column = (names.index(name) if name in names else 0 for name in pair)
    return row, column


def tokens(by: int) -> Move:
    """The next kind of tokens; CLS where both models have it."""

    def move(state: State, facts: Facts) -> State:
        both = [geometry for geometry in (facts.geometry, _other(state, facts)) if geometry]
        there = [name for name in TOKENS if name != "cls" or all("cls" in g.prefix for g in both)]
        at = there.index(state.features.tokens) if state.features.tokens in there else -by
        return changed(state, tokens=there[(at + by) % len(there)])

    return move


def branch(state: State, _facts: Facts) -> State:
    """Attention, MLP, or the norms of tokens."""
    return changed(state, branch=BRANCHES[(BRANCHES.index(state.features.branch) + 1) % len(BRANCHES)])


def score(by: int) -> Move:
    """The next number of the tasks; where all tasks are on the page, the next task."""

    def move(state: State, facts: Facts) -> State:
        if not facts.scores:
            return state
        if not state.features.alone and len(facts.tasks) > 1:
            return task(by)(state, facts)
        return changed(state, score=facts.scores[(_at(state, facts) + by) % len(facts.scores)])

    return move


def task(by: int) -> Move:
    """The next task, its first number."""

    def move(state: State, facts: Facts) -> State:
        if not facts.tasks:
            return state
        here = sum(facts.scores.index(name) <= _at(state, facts) for name in facts.tasks) - 1
        return changed(state, score=facts.tasks[(here + by) % len(facts.tasks)])

    return move


def numbered(number: int) -> Move:
    """The task of that number, counted from 1, alone."""

    def move(state: State, facts: Facts) -> State:
        if not 0 < number <= len(facts.tasks):
            return replace(state, message=f"there is no task {number} here")
        return changed(state, score=facts.tasks[number - 1], alone=True)

    return move


def zoom(state: State, _facts: Facts) -> State:
    """The task under the cursor alone."""
    return changed(state, alone=True)


def alone(state: State, _facts: Facts) -> State:
    """One number alone, or all tasks beside each other."""
    return changed(state, alone=not state.features.alone)


def _at(state: State, facts: Facts) -> int:
    return facts.scores.index(state.features.score) if state.features.score in facts.scores else 0


def _on_patches(state: State) -> bool:
    return state.view == "residual" and state.features.branch == "tokens"


def _patch(state: State, facts: Facts, down: int, right: int) -> State:
    """Another patch under the cursor; what the query token of the other pages is stays."""
    if facts.geometry is None:
        return state
    row, column = state.patch or facts.geometry.centre()
    return choose(state, patch=(clamp(row + down, facts.geometry.rows), clamp(column + right, facts.geometry.columns)))


def _pair(state: State, facts: Facts, down: int, right: int) -> State:
    """Another pair of models under the cursor."""
    names = [candidate.name for candidate in facts.candidates]
    if not names:
        return state
    i, j = place(state.features.pair, names)
    return changed(state, pair=(names[clamp(i + down, len(names))], names[clamp(j + right, len(names))]))


def _candidate(name: str | None, facts: Facts) -> Candidate | None:
    return next((candidate for candidate in facts.candidates if candidate.name == name), None)


def _other(state: State, facts: Facts) -> Geometry | None:
    chosen = _candidate(state.features.other, facts)
    return chosen.geometry if chosen else facts.geometry
