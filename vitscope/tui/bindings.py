"""What every key does: the table of bindings, from which help, footer and docs/keys.md are made.

A binding names the pages where it holds; the first that fits wins.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import get_args

from vitscope.tui import comparing, exporting, finding, gallery, moves, opening, panels, side
from vitscope.tui.state import PICTURED, Move, View

ALL = 10**6  # further than any model has layers or heads

EVERYWHERE: tuple[View, ...] = get_args(View)
RUNS: tuple[View, ...] = ("runs",)
IN_RUN: tuple[View, ...] = ("overview", "layer", "head", "image", "images", "distance", "saliency", "models")
MODELS: tuple[View, ...] = ("models",)
LAYERS: tuple[View, ...] = ("overview", "layer", "distance", "saliency")
OVERVIEW: tuple[View, ...] = ("overview",)
GRID: tuple[View, ...] = ("overview", "layer")
DOTS: tuple[View, ...] = ("distance", "saliency")
COLOURED: tuple[View, ...] = ("overview", "layer", "distance", "models")
DISTANCE: tuple[View, ...] = ("distance",)
MASKS: tuple[View, ...] = ("saliency",)
INFO: tuple[View, ...] = ("info",)
HEAD: tuple[View, ...] = ("head",)
IMAGE: tuple[View, ...] = ("image",)
SHEET: tuple[View, ...] = ("images",)
OVERLAID: tuple[View, ...] = (*IMAGE, *SHEET)
TOKENS: tuple[View, ...] = ("head", "image")
CKA: tuple[View, ...] = ("cka",)
RESIDUAL: tuple[View, ...] = ("residual",)
MATRICES: tuple[View, ...] = ("cka", "residual")
CURVES: tuple[View, ...] = ("curves",)
FEATURES: tuple[View, ...] = ("cka", "residual", "curves")
FIND: tuple[View, ...] = ("find",)
MAPS: tuple[View, ...] = (*IN_RUN, *FIND)
RESULTS: tuple[View, ...] = ("results",)
LAYERED: tuple[View, ...] = (*IN_RUN, *RESIDUAL)
OF_MODEL: tuple[View, ...] = (*LAYERED, *INFO)
WITH_RUN: tuple[View, ...] = (*MAPS, *FEATURES, *RESULTS, *INFO)


@dataclass(frozen=True)
class Binding:
    """One thing that can be done. `name` stays when keys change; `hint` is the footer's word for it, if it is there."""

    name: str
    keys: tuple[str, ...]
    shown: str
    about: str
    views: tuple[View, ...]
    move: Move
    hint: str = ""
    hint_keys: str = ""  # where one hint stands for two bindings
    group: str = ""


def _group(title: str, *bindings: Binding) -> tuple[Binding, ...]:
    return tuple(replace(binding, group=title) for binding in bindings)


BINDINGS: tuple[Binding, ...] = (
    *_group(
        "Runs",
        Binding("run-down", ("j", "down"), "j ↓", "next run", RUNS, moves.step_run(1), "run", "j k"),
        Binding("run-up", ("k", "up"), "k ↑", "previous run", RUNS, moves.step_run(-1)),
        Binding("run-first", ("g", "home"), "g", "first run", RUNS, moves.step_run(-ALL)),
        Binding("run-last", ("G", "end"), "G", "last run", RUNS, moves.step_run(ALL)),
        Binding("open", ("enter", "l", "right"), "⏎", "open the run", RUNS, moves.open_run, "open"),
        Binding("refresh", ("r",), "r", "read the cache again", RUNS, moves.ask("refresh"), "read again"),
    ),
    *_group(
        "Heads",
        Binding("head-left", ("h", "left"), "h ←", "previous head", GRID, moves.head(-1), "step", "hjkl"),
        Binding("layer-down", ("j", "down"), "j ↓", "next layer", LAYERS, moves.layer(1)),
        Binding("layer-up", ("k", "up"), "k ↑", "previous layer", LAYERS, moves.layer(-1)),
        Binding("head-right", ("l", "right"), "l →", "next head", GRID, moves.head(1)),
        Binding("dot-left", ("h", "left"), "h ←", "the dot to the left", DOTS, moves.dot(-1), "step", "hjkl"),
        Binding("dot-right", ("l", "right"), "l →", "the dot to the right", DOTS, moves.dot(1)),
        Binding("first-layer", ("g", "home"), "g", "first layer", LAYERS, moves.layer(-ALL)),
        Binding("last-layer", ("G", "end"), "G", "last layer", LAYERS, moves.layer(ALL)),
        Binding("first-head", ("0",), "0", "first head", GRID, moves.head(-ALL)),
        Binding("last-head", ("$",), "$", "last head", GRID, moves.head(ALL)),
        Binding("page-down", ("ctrl+d", "pagedown"), "ctrl+d", "half of the layers down", LAYERS, moves.half(1)),
        Binding("page-up", ("ctrl+u", "pageup"), "ctrl+u", "half of the layers up", LAYERS, moves.half(-1)),
        Binding("zoom", ("enter",), "⏎", "look into this head", LAYERS, moves.go("head"), "zoom in"),
        Binding("small", ("z",), "z", "small maps of all heads, or numbers", OVERVIEW, moves.flip("small"), "maps"),
        Binding("mode", ("v",), "v", "CLS, all patches or the middle one", MASKS, panels.mode(1), "whose attention"),
        Binding("mode-back", ("V",), "V", "the one before", MASKS, panels.mode(-1)),
        Binding("masks", ("x",), "x", "the next evaluation with masks", MASKS, panels.masks),
        Binding("every", ("A",), "A", "this model, all models, their means", DISTANCE, panels.every, "models"),
    ),
    *_group(
        "Models",
        Binding("peer-left", ("h", "left"), "h ←", "previous head", MODELS, side.along(-1), "step", "hjkl"),
        Binding("peer-right", ("l", "right"), "l →", "next head", MODELS, side.along(1)),
        Binding("peer-down", ("j", "down"), "j ↓", "next model", MODELS, side.model(1)),
        Binding("peer-up", ("k", "up"), "k ↑", "previous model", MODELS, side.model(-1)),
        Binding("peer-zoom", ("enter",), "⏎", "look into this head", MODELS, moves.go("head"), "zoom in"),
        Binding("compare", ("=",), "=", "all models side by side, and back", IN_RUN, side.toggle, "compare"),
        Binding("next-model", ("m",), "m", "the next model, same place", OF_MODEL, side.model(1)),
        Binding("previous-model", ("M",), "M", "the model before, same place", OF_MODEL, side.model(-1)),
        *(
            Binding(
                f"model-{n}", (str(n),), "1 … 9", "that model, same place" if n == 1 else "", OF_MODEL, side.numbered(n)
            )
            for n in range(1, side.MODELS + 1)
        ),
        Binding("order", ("s",), "s", "heads in the order of the number", MODELS, side.order, "order"),
        Binding("pin", ("p",), "p", "compare the others with this model", MODELS, side.pin, "pin"),
        Binding("difference", ("d",), "d", "difference to the pinned model", MODELS, side.difference, "difference"),
    ),
    *_group(
        "Find heads",
        Binding("found-down", ("j", "down"), "j ↓", "next line", FIND, finding.line(1), "line", "j k"),
        Binding("found-up", ("k", "up"), "k ↑", "previous line", FIND, finding.line(-1)),
        Binding("found-first", ("g", "home"), "g", "first line", FIND, finding.line(-ALL)),
        Binding("found-last", ("G", "end"), "G", "last line", FIND, finding.line(ALL)),
        Binding("found-on", ("ctrl+d", "pagedown"), "ctrl+d", "ten lines down", FIND, finding.line(10)),
        Binding("found-back", ("ctrl+u", "pageup"), "ctrl+u", "ten lines up", FIND, finding.line(-10)),
        Binding("found-into", ("enter",), "⏎", "look into this head", FIND, finding.into, "go there"),
        Binding("find", ("/",), "/", "find heads by what they do", WITH_RUN, finding.begin, "find"),
        Binding("alike", ("f",), "f", "heads most like it, in all models", MAPS, finding.alike, "more like it"),
        Binding("find-models", ("A",), "A", "in all models, or in this one", FIND, finding.models, "all models"),
        Binding("next-match", ("n",), "n", "next head that was found", MAPS, finding.match(1)),
        Binding("previous-match", ("N",), "N", "the one before", MAPS, finding.match(-1)),
    ),
    *_group(
        "Query token",
        Binding("patch-left", ("h", "left"), "h ←", "one patch left", TOKENS, moves.patch(0, -1), "query", "hjkl"),
        Binding("patch-down", ("j", "down"), "j ↓", "one patch down", TOKENS, moves.patch(1, 0)),
        Binding("patch-up", ("k", "up"), "k ↑", "one patch up", TOKENS, moves.patch(-1, 0)),
        Binding("patch-right", ("l", "right"), "l →", "one patch right", TOKENS, moves.patch(0, 1)),
        Binding("patch-top", ("g", "home"), "g", "first row of patches", TOKENS, moves.patch(-ALL, 0)),
        Binding("patch-bottom", ("G", "end"), "G", "last row of patches", TOKENS, moves.patch(ALL, 0)),
        Binding("patch-first", ("0",), "0", "first column of patches", TOKENS, moves.patch(0, -ALL)),
        Binding("patch-last", ("$",), "$", "last column of patches", TOKENS, moves.patch(0, ALL)),
        Binding("query-cls", ("c",), "c", "the CLS token", MAPS, moves.query("cls"), "CLS"),
        Binding("query-mean", ("a",), "a", "the mean of all patches", MAPS, moves.query("spatial"), "mean", "a"),
        Binding("query-patch", ("space",), "space", "the patch chosen last", IN_RUN, moves.query("patch")),
        Binding("direction", ("r",), "r", "attention it gives, or receives", MAPS, moves.flip("received"), "receive"),
    ),
    *_group(
        "Images",
        Binding("sheet-left", ("h", "left"), "h ←", "previous image", SHEET, gallery.along(-1), "step", "hjkl"),
        Binding("sheet-down", ("j", "down"), "j ↓", "image below", SHEET, gallery.down(1)),
        Binding("sheet-up", ("k", "up"), "k ↑", "image above", SHEET, gallery.down(-1)),
        Binding("sheet-right", ("l", "right"), "l →", "next image", SHEET, gallery.along(1)),
        Binding("sheet-first", ("g", "home"), "g", "first image", SHEET, gallery.along(-ALL)),
        Binding("sheet-last", ("G", "end"), "G", "last image", SHEET, gallery.along(ALL)),
        Binding("sheet-into", ("enter",), "⏎", "this image", SHEET, moves.go("image"), "zoom in"),
    ),
    *_group(
        "Layers",
        Binding("column-left", ("h", "left"), "h ←", "to the left", FEATURES, comparing.column(-1), "step", "hjkl"),
        Binding("row-down", ("j", "down"), "j ↓", "row below", MATRICES, comparing.row(1)),
        Binding("row-up", ("k", "up"), "k ↑", "row above", MATRICES, comparing.row(-1)),
        Binding("column-right", ("l", "right"), "l →", "to the right", FEATURES, comparing.column(1)),
        Binding("row-first", ("g", "home"), "g", "first row", MATRICES, comparing.row(-ALL)),
        Binding("row-last", ("G", "end"), "G", "last row", MATRICES, comparing.row(ALL)),
        Binding("column-first", ("0",), "0", "first column", FEATURES, comparing.column(-ALL)),
        Binding("column-last", ("$",), "$", "last column", FEATURES, comparing.column(ALL)),
        Binding("into", ("enter",), "⏎", "all layers of two models; all heads", MATRICES, comparing.into, "zoom in"),
        Binding("other", ("m",), "m", "compare with the next model", CKA, comparing.other(1), "model", "m M"),
        Binding("other-back", ("M",), "M", "compare with the model before", CKA, comparing.other(-1)),
        Binding("across", ("A",), "A", "last layers of all models, or back", CKA, comparing.across, "all models"),
        Binding("swap", ("x",), "x", "rows become columns", CKA, comparing.swap, "swap"),
        Binding("tokens", ("v",), "v", "all tokens, patches or CLS", CKA, comparing.tokens(1), "tokens"),
        Binding("tokens-back", ("V",), "V", "the tokens before", CKA, comparing.tokens(-1)),
        Binding(
            "branch", ("v",), "v", "attention, MLP, or norms of tokens", RESIDUAL, comparing.branch, "branch/norms"
        ),
        Binding("task", ("v",), "v", "the next task", CURVES, comparing.task(1), "task", "v V"),
        Binding("task-back", ("V",), "V", "the task before", CURVES, comparing.task(-1)),
        Binding("score", ("j", "down"), "j ↓", "the next number; the next task of all", CURVES, comparing.score(1)),
        Binding("score-back", ("k", "up"), "k ↑", "the number or task before", CURVES, comparing.score(-1)),
        Binding("task-alone", ("enter",), "⏎", "this task alone", CURVES, comparing.zoom, "zoom in"),
        Binding("all-tasks", ("A",), "A", "all tasks beside each other, or one", CURVES, comparing.alone, "all tasks"),
        *(
            Binding(f"task-{n}", (str(n),), "1 … 9", "that task" if n == 1 else "", CURVES, comparing.numbered(n))
            for n in range(1, 10)
        ),
    ),
    *_group(
        "Results",
        Binding("task-left", ("h", "left"), "h ←", "previous task", RESULTS, panels.column(-1), "step", "hjkl"),
        Binding("result-down", ("j", "down"), "j ↓", "next model", RESULTS, panels.row(1)),
        Binding("result-up", ("k", "up"), "k ↑", "previous model", RESULTS, panels.row(-1)),
        Binding("task-right", ("l", "right"), "l →", "next task", RESULTS, panels.column(1)),
        Binding("result-first", ("g", "home"), "g", "first model", RESULTS, panels.row(-ALL)),
        Binding("result-last", ("G", "end"), "G", "last model", RESULTS, panels.row(ALL)),
        Binding("task-first", ("0",), "0", "first task", RESULTS, panels.column(-ALL)),
        Binding("task-last", ("$",), "$", "last task", RESULTS, panels.column(ALL)),
        Binding("sort", ("s",), "s", "best of this task first, or as listed", RESULTS, panels.sort, "sort"),
        Binding("task-into", ("enter",), "⏎", "this task layer by layer", RESULTS, panels.into, "all layers"),
    ),
    *_group(
        "Place",
        Binding("next-head", (".",), ".", "next head, all else kept", IN_RUN, moves.head(1), "head", ", ."),
        Binding("previous-head", (",",), ",", "previous head, all else kept", IN_RUN, moves.head(-1)),
        Binding("next-layer", ("J",), "J", "next layer, all else kept", LAYERED, moves.layer(1), "layer", "J K"),
        Binding("previous-layer", ("K",), "K", "previous layer, all else kept", LAYERED, moves.layer(-1)),
        Binding("picture", ("enter",), "⏎", "this head over an image", HEAD, moves.go("image")),
        Binding("image", ("i", "]"), "i ]", "over an image; there: the next one", IN_RUN, moves.picture(1), "image"),
        Binding("previous-image", ("[",), "[", "the previous image", IMAGE, moves.picture(-1)),
        Binding("images", ("I",), "I", "all images of the gallery", WITH_RUN, gallery.begin),
        Binding("live", ("o",), "o", "open an image, and run the model on it", WITH_RUN, opening.begin, "open"),
        Binding("overview", ("O",), "O", "all heads", WITH_RUN, moves.go("overview")),
        Binding("layer", ("L",), "L", "all heads of a layer", WITH_RUN, moves.go("layer"), "layer"),
        Binding("distance", ("D",), "D", "heads by layer, as dots", WITH_RUN, moves.go("distance"), "dots"),
        Binding("cka", ("C",), "C", "how alike layers and models are", WITH_RUN, moves.go("cka"), "CKA"),
        Binding("residual", ("B",), "B", "what attention and MLP add", WITH_RUN, moves.go("residual"), "branches"),
        Binding("curves", ("T",), "T", "tasks, layer by layer", WITH_RUN, moves.go("curves"), "tasks"),
        Binding("saliency", ("U",), "U", "heads against masks of objects", WITH_RUN, moves.go("saliency"), "masks"),
        Binding("info", ("X",), "X", "run information", WITH_RUN, moves.go("info")),
        Binding("results", ("R",), "R", "best layers in every task", WITH_RUN, moves.go("results"), "results"),
    ),
    *_group(
        "Look",
        Binding("quantity", ("v",), "v", "the next number", COLOURED, moves.quantity(1), "number"),
        Binding("quantity-back", ("V",), "V", "the number before", COLOURED, moves.quantity(-1)),
        Binding("info-down", ("j", "down"), "j ↓", "further down", INFO, panels.scroll(1), "scroll", "j k"),
        Binding("info-up", ("k", "up"), "k ↑", "further up", INFO, panels.scroll(-1)),
        Binding("info-on", ("ctrl+d", "pagedown"), "ctrl+d", "ten entries down", INFO, panels.scroll(10)),
        Binding("info-back", ("ctrl+u", "pageup"), "ctrl+u", "ten entries up", INFO, panels.scroll(-10)),
        Binding("info-first", ("g", "home"), "g", "the first entry", INFO, panels.scroll(-ALL)),
        Binding("info-last", ("G", "end"), "G", "the last entry", INFO, panels.scroll(ALL)),
        Binding("source", ("A",), "A", "this image, or the mean of all", IMAGE, moves.flip("averaged"), "all images"),
        Binding("one-image", ("A",), "A", "the image looked at, or the mean", PICTURED, moves.source, "one image"),
        Binding(
            "overlay", ("w",), "w", "over the photograph, or without it", OVERLAID, moves.flip("overlay"), "overlay"
        ),
        Binding("scale", ("u",), "u", "one scale a head, a layer, for all", MAPS, moves.scale, "scale"),
        Binding("log", ("\\",), "\\", "logarithmic scale", MAPS, moves.flip("log"), "log"),
        Binding("coverage", ("x",), "x", "AAAM divided by coverage", HEAD, moves.flip("corrected"), "coverage"),
        Binding("last-place", ("`",), "`", "the last place, and back", EVERYWHERE, moves.last_place),
        Binding("copy-place", ("y",), "y", "copy the name of this place", EVERYWHERE, moves.ask("copy-place")),
        Binding("copy-values", ("Y",), "Y", "copy its numbers as CSV", WITH_RUN, moves.ask("copy-values")),
        Binding("export", ("e",), "e", "write what is shown into a file", WITH_RUN, exporting.begin),
        Binding("screenshot", ("S",), "S", "a picture of the page, here", EVERYWHERE, moves.ask("screenshot")),
        Binding("palette", ("P",), "P", "the next palette", EVERYWHERE, moves.palette),
        Binding("theme", ("t",), "t", "light or dark", EVERYWHERE, moves.flip("light"), "light/dark"),
    ),
    *_group(
        "vitscope",
        Binding(
            "command", (":", "ctrl+p"), ":", "anything by its name", EVERYWHERE, moves.type_in("command"), "command"
        ),
        Binding("help", ("?",), "?", "these keys", EVERYWHERE, moves.flip("help"), "help"),
        Binding("back", ("escape", "backspace"), "esc", "one step out", EVERYWHERE, moves.back, "back"),
        Binding("quit", ("q",), "q", "leave", EVERYWHERE, moves.leave, "leave"),
        Binding("interrupt", ("ctrl+c",), "ctrl+c", "twice: leave at once", EVERYWHERE, moves.interrupt),
    ),
)
