"""Find heads by what they do: a small query language over every number and tag of every head.

    tag:offset layer:>=4 distance<.2 sort:-iou       terms that must all hold, then an order
    model:mae entropy<2 | -tag:global                groups of terms, of which one must hold

A term is a number compared (`distance<.2`, `layer:>=4`, `layer:2-5`, `head:3`), a text that must occur (`tag:offset`,
`model:mae`, or a bare word, which may be either), or one of these turned round by a minus. `sort:NAME` puts small
numbers first, `sort:-NAME` large ones. Names may be shortened as long as they are clear.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from vitscope.errors import ViewError

PLACES = ("layer", "head")
TEXTS = ("tag", "model")

_TERM = re.compile(r"(-?)([A-Za-z][A-Za-z _-]*?)\s*(<=|>=|:>=|:<=|:>|:<|[<>=:])\s*(\S+)")
_RANGE = re.compile(r"(-?[\d.]+(?:e-?\d+)?)(?:-|\.\.)(-?[\d.]+(?:e-?\d+)?)")


@dataclass(frozen=True)
class Heads:
    """Heads of one or several models, N in all, with what is known of each; layers and heads count from 1."""

    model: np.ndarray  # (N,) str
    layer: np.ndarray  # (N,) int
    head: np.ndarray  # (N,) int
    tags: tuple[tuple[str, ...], ...]  # of each head, such as ("offset-local right",)
    numbers: dict[str, np.ndarray]  # name → (N,) float, NaN where a model lacks the number

    def __len__(self) -> int:
        return len(self.layer)

    def column(self, name: str) -> np.ndarray:
        """A number by its name; "layer" and "head" are numbers too."""
        return getattr(self, name) if name in PLACES else self.numbers[name]


def table(model: str, tags: Sequence[Sequence[Sequence[str]]], numbers: dict[str, np.ndarray]) -> Heads:
    """The heads of one model from its tags [layer][head] and its numbers (L, H)."""
    layers, heads = len(tags), len(tags[0])
    layer, head = np.divmod(np.arange(layers * heads), heads)
    return Heads(
        model=np.full(layers * heads, model, dtype=object),
        layer=layer + 1,
        head=head + 1,
        tags=tuple(tuple(found) for row in tags for found in row),
        numbers={name: np.asarray(values, dtype=float).reshape(-1) for name, values in numbers.items()},
    )


def joined(parts: Sequence[Heads]) -> Heads:
    """All heads of several models, one after the other; a number that a model lacks is NaN there."""
    names = list(dict.fromkeys(name for part in parts for name in part.numbers))
    lacking = [{name: np.full(len(part), np.nan) for name in names} | part.numbers for part in parts]
    return Heads(
        model=np.concatenate([part.model for part in parts]),
        layer=np.concatenate([part.layer for part in parts]),
        head=np.concatenate([part.head for part in parts]),
        tags=tuple(tags for part in parts for tags in part.tags),
        numbers={name: np.concatenate([numbers[name] for numbers in lacking]) for name in names},
    )


@dataclass(frozen=True)
class Term:
    """One condition: a comparison of a number with bounds, or a text that occurs."""

    name: str  # a number, "tag", "model", or "" for a word that may be either
    low: float = -np.inf
    high: float = np.inf
    open: bool = False  # whether the bounds themselves are left out
    text: str = ""
    negated: bool = False

    def holds(self, heads: Heads) -> np.ndarray:
        """Whether each head fulfils it, bool (N,); a number that is NaN fulfils no comparison, negated or not."""
        if self.text:
            return self.occurs(heads) ^ self.negated
        values = heads.column(self.name)
        inside = (
            (values > self.low) & (values < self.high) if self.open else (values >= self.low) & (values <= self.high)
        )
        return ~np.isnan(values) & (inside ^ self.negated)

    def occurs(self, heads: Heads) -> np.ndarray:
        """Whether the text is in the name of each head's model or in one of its tags, bool (N,)."""
        text = self.text.casefold()
        in_model = [text in str(model).casefold() for model in heads.model]
        in_tag = [any(text in tag.casefold() for tag in tags) for tags in heads.tags]
        chosen = {"tag": in_tag, "model": in_model}.get(self.name) or np.logical_or(in_model, in_tag)
        return np.asarray(chosen, dtype=bool)


@dataclass(frozen=True)
class Search:
    """A parsed query: groups of terms of which one must hold, and the order."""

    groups: tuple[tuple[Term, ...], ...] = ((),)
    order: str = ""
    descending: bool = False
    known: tuple[str, ...] = field(default=())

    def among(self, heads: Heads) -> np.ndarray:
        """Indices of the heads that are found, in order: by the number asked for (NaN last), else by place."""
        found = np.zeros(len(heads), dtype=bool)
        for group in self.groups:
            holds = np.ones(len(heads), dtype=bool)
            for term in group:
                holds &= term.holds(heads)
            found |= holds
        places = np.flatnonzero(found)
        if not self.order:
            return places
        values = heads.column(self.order)[places].astype(float)
        return places[np.argsort(-values if self.descending else values, kind="stable")]

    def strange(self, heads: Heads) -> str:
        """Which tag or model that is asked for none of these heads has, and what there is; "" if there is no such."""
        there = {
            "tag": list(dict.fromkeys(tag.partition(" ")[0] for tags in heads.tags for tag in tags)),
            "model": list(dict.fromkeys(heads.model.tolist())),
        }
        for term in (term for group in self.groups for term in group if term.name in TEXTS):
            if not term.occurs(heads).any():
                names = ", ".join(there[term.name]) or "none"
                return f"No {term.name} here has {term.text!r} in it; there are: {names}."
        return ""


def search(query: str, names: Sequence[str]) -> Search:
    """Parse a query over the numbers called `names`; raises ViewError that says which part is not understood, and why.

    >>> search("dist<.2 sort:-entropy", ["distance", "entropy"]).order
    'entropy'
    """
    known = tuple(dict.fromkeys([*PLACES, *names]))
    order, descending = "", False
    groups = []
    for part in query.split("|"):
        terms = []
        for sign, name, relation, value in _pieces(part):
            if name == "sort" and relation == ":":
                descending = value.startswith("-")
                order = _named(value.lstrip("+-"), known)
            else:
                terms.append(_term(sign, name, relation, value, known))
        groups.append(tuple(terms))
    return Search(tuple(groups), order, descending, known)


def _pieces(part: str) -> list[tuple[str, str, str, str]]:
    """(sign, name, relation, value) of every term; a bare word has neither name nor relation."""
    found = []
    for word in part.split():
        match = _TERM.fullmatch(word)
        if match:
            sign, name, relation, value = match.groups()
            found.append((sign, name, relation, value))
        else:
            sign, text = ("-", word[1:]) if word.startswith("-") else ("", word)
            found.append((sign, "", "", text))
    return found


def _term(sign: str, name: str, relation: str, value: str, known: Sequence[str]) -> Term:
    negated = sign == "-"
    if not name:
        if any(mark in value for mark in "<>=:") or not value:
            raise ViewError(f"{sign}{value!r} is no term: write NAME<NUMBER, NAME:FROM-TO, tag:WORD or model:WORD.")
        return Term("", text=value, negated=negated)
    if name in TEXTS:
        if relation not in {":", "="}:
            raise ViewError(f"{name} is a text: write {name}:WORD.")
        return Term(name, text=value, negated=negated)
    name = _named(name, known)
    relation = relation.lstrip(":") or ":"
    if relation in {":", "="}:
        bounds = _RANGE.fullmatch(value)
        low, high = (_number(name, bounds[1]), _number(name, bounds[2])) if bounds else (_number(name, value),) * 2
        return Term(name, low, high, negated=negated)
    bound = _number(name, value)
    low, high = (-np.inf, bound) if relation.startswith("<") else (bound, np.inf)
    return Term(name, low, high, open=not relation.endswith("="), negated=negated)


def _named(name: str, known: Sequence[str]) -> str:
    """The number that a name or its clear beginning stands for; ViewError."""
    exact = [other for other in known if other.casefold() == name.casefold()]
    near = exact or [other for other in known if other.casefold().startswith(name.casefold())]
    if len(near) == 1:
        return near[0]
    what = f"could be {' or '.join(near)}" if near else "is no number of a head"
    raise ViewError(f"{name!r} {what}; there are: {', '.join(known)}.")


def _number(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise ViewError(f"{name} is a number, {text!r} is none: write {name}<.2, {name}:>=4 or {name}:2-5.") from None
    if np.isnan(value):
        raise ViewError(f"{name} cannot be compared with {text!r}.")
    return value
