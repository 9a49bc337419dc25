"""What every key does: a table of bindings, and the pure function that applies one.

A binding names the pages where it holds; the first that fits wins. Help and footer are made from this table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from vitscope.tui import moves
from vitscope.tui.state import Facts, State, View

Move = Callable[[State, Facts], State]

ANYWHERE: tuple[View, ...] = ("runs", "overview", "head", "image", "distance")
IN_RUN: tuple[View, ...] = ("overview", "head", "image", "distance")
MAPS: tuple[View, ...] = ("overview", "head", "image")
TOKENS: tuple[View, ...] = ("head", "image")


@dataclass(frozen=True)
class Binding:
    """One thing that can be done. `name` stays when keys change; `hint` is the footer's word for it, if it is there."""

    name: str
    keys: tuple[str, ...]
    shown: str
    about: str
    group: str
    views: tuple[View, ...]
    move: Move
    hint: str = ""


BINDINGS: tuple[Binding, ...] = (
    Binding("run-down", ("j", "down"), "j ↓", "next run", "Runs", ("runs",), moves.step_run(1)),
    Binding("run-up", ("k", "up"), "k ↑", "previous run", "Runs", ("runs",), moves.step_run(-1)),
    Binding("run-last", ("G", "end"), "G", "last run", "Runs", ("runs",), moves.step_run(10**6)),
    Binding("run-first", ("g", "home"), "g", "first run", "Runs", ("runs",), moves.step_run(-(10**6))),
    Binding("open", ("enter", "l", "right"), "⏎", "open the run", "Runs", ("runs",), moves.open_run, "open"),
    Binding("refresh", ("r",), "r", "read the cache again", "Runs", ("runs",), moves.nothing, "read again"),
    Binding("layer-down", ("j", "down"), "j ↓", "next layer", "Heads", ("overview", "distance"), moves.layer(1)),
    Binding("layer-up", ("k", "up"), "k ↑", "previous layer", "Heads", ("overview", "distance"), moves.layer(-1)),
    Binding("head-left", ("h", "left"), "h ←", "previous head", "Heads", ("overview",), moves.head(-1)),
    Binding("head-right", ("l", "right"), "l →", "next head", "Heads", ("overview",), moves.head(1)),
    Binding("dot-left", ("h", "left"), "h ←", "head with the next lower value", "Heads", ("distance",), moves.dot(-1)),
    Binding(
        "dot-right", ("l", "right"), "l →", "head with the next higher value", "Heads", ("distance",), moves.dot(1)
    ),
    Binding("first-layer", ("g", "home"), "g", "first layer", "Heads", ("overview", "distance"), moves.layer(-(10**6))),
    Binding("last-layer", ("G", "end"), "G", "last layer", "Heads", ("overview", "distance"), moves.layer(10**6)),
    Binding("first-head", ("0",), "0", "first head", "Heads", ("overview",), moves.head(-(10**6))),
    Binding("last-head", ("$",), "$", "last head", "Heads", ("overview",), moves.head(10**6)),
    Binding(
        "page-down",
        ("ctrl+d", "pagedown"),
        "ctrl+d",
        "half the layers down",
        "Heads",
        ("overview", "distance"),
        moves.half(1),
    ),
    Binding(
        "page-up",
        ("ctrl+u", "pageup"),
        "ctrl+u",
        "half the layers up",
        "Heads",
        ("overview", "distance"),
        moves.half(-1),
    ),
    Binding(
        "zoom", ("enter",), "⏎", "look into this head", "Heads", ("overview", "distance"), moves.go("head"), "head"
    ),
    Binding("patch-left", ("h", "left"), "h ←", "query token to the left", "Query token", TOKENS, moves.patch(0, -1)),
    Binding("patch-down", ("j", "down"), "j ↓", "query token down", "Query token", TOKENS, moves.patch(1, 0)),
    Binding("patch-up", ("k", "up"), "k ↑", "query token up", "Query token", TOKENS, moves.patch(-1, 0)),
    Binding("patch-right", ("l", "right"), "l →", "query token to the right", "Query token", TOKENS, moves.patch(0, 1)),
    Binding("patch-top", ("g", "home"), "g", "first row of patches", "Query token", TOKENS, moves.patch(-(10**6), 0)),
    Binding("patch-bottom", ("G", "end"), "G", "last row of patches", "Query token", TOKENS, moves.patch(10**6, 0)),
    Binding("patch-first", ("0",), "0", "first column of patches", "Query token", TOKENS, moves.patch(0, -(10**6))),
    Binding("patch-end", ("$",), "$", "last column of patches", "Query token", TOKENS, moves.patch(0, 10**6)),
    Binding("query-cls", ("c",), "c", "CLS as the query", "Query token", MAPS, moves.query("cls"), "CLS"),
    Binding(
        "query-mean",
        ("a", "s"),
        "a s",
        "mean of all patches as the query",
        "Query token",
        MAPS,
        moves.query("spatial"),
        "mean",
    ),
    Binding("query-patch", ("space",), "space", "the patch as the query", "Query token", MAPS, moves.query("patch")),
    Binding("previous-head", (",",), ",", "previous head, keeping the rest", "Place", IN_RUN, moves.head(-1)),
    Binding("next-head", (".",), ".", "next head, keeping the rest", "Place", IN_RUN, moves.head(1), "head"),
    Binding("next-layer", ("J",), "J", "next layer, keeping the rest", "Place", IN_RUN, moves.layer(1), "layer"),
    Binding("previous-layer", ("K",), "K", "previous layer, keeping the rest", "Place", IN_RUN, moves.layer(-1)),
    Binding("image", ("i",), "i", "over an image; again: the next image", "Place", IN_RUN, moves.picture(1), "image"),
    Binding("previous-image", ("I",), "I", "the previous image", "Place", ("image",), moves.picture(-1)),
    Binding("to-image", ("enter",), "⏎", "the same head over an image", "Place", ("head",), moves.go("image")),
    Binding("overview", ("O",), "O", "all heads", "Place", IN_RUN, moves.go("overview")),
    Binding(
        "distance", ("D",), "D", "attention distance, layer by layer", "Place", IN_RUN, moves.plot_distance, "distances"
    ),
    Binding(
        "quantity",
        ("v",),
        "v",
        "next number to colour by",
        "Look",
        ("overview", "distance"),
        moves.quantity(1),
        "number",
    ),
    Binding("quantity-back", ("V",), "V", "previous number", "Look", ("overview", "distance"), moves.quantity(-1)),
    Binding(
        "source",
        ("A",),
        "A",
        "this image or the mean of all",
        "Look",
        ("image",),
        moves.flip("averaged"),
        "mean of all",
    ),
    Binding(
        "overlay",
        ("o",),
        "o",
        "attention over the photograph, or apart",
        "Look",
        ("image",),
        moves.flip("overlay"),
        "overlay",
    ),
    Binding("scale", ("u",), "u", "scale of one head, of its layer, of the model", "Look", MAPS, moves.scale, "scale"),
    Binding("log", ("\\",), "\\", "logarithmic scale", "Look", MAPS, moves.flip("log"), "log"),
    Binding(
        "direction",
        ("r",),
        "r",
        "attention given by the token, or received",
        "Look",
        MAPS,
        moves.flip("received"),
        "received",
    ),
    Binding(
        "coverage",
        ("x",),
        "x",
        "AAAM corrected for how many queries see each cell",
        "Look",
        ("head",),
        moves.flip("corrected"),
    ),
    Binding("palette", ("P",), "P", "next palette", "Look", ANYWHERE, moves.palette),
    Binding("theme", ("t",), "t", "light or dark", "Look", ANYWHERE, moves.flip("light")),
    Binding("help", ("?",), "?", "all keys", "vitscope", ANYWHERE, moves.flip("help"), "help"),
    Binding("back", ("escape", "backspace"), "esc", "one step out", "vitscope", ANYWHERE, moves.back),
    Binding("quit", ("q",), "q", "leave", "vitscope", ANYWHERE, moves.leave, "leave"),
    Binding("interrupt", ("ctrl+c",), "ctrl+c", "twice: leave at once", "vitscope", ANYWHERE, moves.interrupt),
)


def find(key: str, view: View) -> Binding | None:
    """The binding of `key` on the page `view`."""
    return next((binding for binding in BINDINGS if key in binding.keys and view in binding.views), None)


def press(state: State, key: str, facts: Facts) -> State:
    """The state after a key. A key that means nothing here changes nothing but the message."""
    before = replace(state, message="", leaving=False)
    if key == "ctrl+c":
        return moves.interrupt(state, facts)
    if state.help:
        return moves.in_help(before, key)
    binding = find(key, state.view)
    return binding.move(before, facts) if binding else before


def hints(view: View) -> list[Binding]:
    """What the footer offers on a page, the most useful first."""
    return [binding for binding in BINDINGS if binding.hint and view in binding.views]
