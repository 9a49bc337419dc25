"""The help: what the page shows, and every key, from the table of bindings."""

from __future__ import annotations

from itertools import chain

from vitscope.tui.bindings import Binding
from vitscope.tui.book import Book
from vitscope.tui.keys import bindings
from vitscope.tui.render.surface import Rect, Surface
from vitscope.tui.render.words import wrap
from vitscope.tui.state import State, View

COLUMN = 48

ABOUT: dict[View, str] = {
    "models": "One layer of every model measured on the same images, for the same query token: a row for each model, a "
    "column for each head. Maps are in multiples of uniform attention, so that grids of any size compare; the query "
    "lies over the same place of the picture. The same index is not the same head: s puts heads in the order of the "
    "number that v chooses. p pins a model, d shows what the others have more (orange) or less (blue) than it. Of more "
    "than six models those around the open one are here, and the pinned one. From an image one comes to the attention "
    "in it, in every model that has it, and A shows the mean over all images; numbers are means in any case.",
    "runs": "Every run that the cache holds: one model measured over one set of images, newest first.",
    "overview": "Every head of the model: layers down, heads across, coloured by one number that v changes; the bar "
    "below says what the colours mean. Beside or below the number is the head's first tag, what it does: strict-local "
    "and soft-local look near, offset-local to one side, axial along rows or columns, global everywhere alike, sparse "
    "at a few patches, sink at one token. z shows small maps of the query token instead, layer by layer. In the "
    "paper, models that reconstruct keep local and offset heads to their last layers, others end with global ones.",
    "head": "One head, mean over all images. At the left, attention of the query token to every patch; hjkl move the "
    "query, r shows who attends to it instead. Beside it the AAAM: all queries laid over each other with the query in "
    "the middle. A bright spot off the middle is an offset head, a line an axial one, a small bright middle a local "
    "one. The offset is its centre of mass, in patches to the right and down. Bars show how attention among patches "
    "spreads over distance; below them are the patches that the query attends to most, and the same query in all "
    "heads of the layer.",
    "image": "One head over one image: the photograph is dark where the query token pays no attention, and takes the "
    "colours of the scale where it does; with 256 colours, little attention shows as dots, more of them the stronger "
    "it is. hjkl move the query over the picture. Numbers are means over all images; where the query looks most is of "
    "this image. A shows the mean over all images for comparison: what stays is habit, what goes is content.",
    "images": "Every image of the gallery, and those opened since, with the same head's attention from the same query "
    "over each: what shows in all of them is the head's habit, what follows the picture is not. Each image has a scale "
    "of its own. w takes the attention away, enter looks into one image.",
    "distance": "Every head as a dot, layer by layer: how far patches look on average, in image sides. The line is "
    "the layer's mean; at the dotted line attention would be spread evenly. Dots far apart are heads of one layer "
    "that look differently far. v shows other numbers in the same way. A shows all models: a plot for each, then the "
    "means of their layers as lines (the paper's figure 4). Of heads that were searched for, those that do not fit "
    "are rings.",
    "cka": "How alike the features of two layers are, by unbiased minibatch CKA over blocks of images: 1 is the same "
    "up to turning and scaling, 0 is unrelated, and a little below 0 may come out. Rows are layers of the open model, "
    "columns those of the model that m chooses; A sets the last layers of all models side by side. Only models that "
    "were measured on the same images in the same blocks can be compared.",
    "residual": "What attention and MLP add to the stream of tokens. The matrix is CKA of what a block takes in (rows) "
    "with what a block adds (columns), over all tokens. The ratio is the norm of the first over that of the second, in "
    "every image, then averaged: a large one means that the block changes little. v leads on to the norms of patch "
    "tokens after every block, and to the share that stands far out in its image: artifact tokens, which large models "
    "keep for themselves, show as patches that are much brighter than all others, with a cross where their mean lies "
    "beyond the third quartile of all patches and three interquartile ranges.",
    "find": "Heads by what is known of them. Terms that must all hold: a number with a bound (distance<.2, layer:>=4, "
    "layer:2-5, iou>.5), a word in a tag or in the name of a model (tag:offset, model:mae, or only sink), and any of "
    "these turned round by a minus (-tag:global). A | begins other terms of which all may hold instead. sort:NAME "
    "puts small numbers first, sort:-NAME large ones. Names may be shortened. offset is a length in image sides, right "
    "and down are its parts, on-cls is attention on that token. f ranks by the likeness of AAAMs: 1 is the same shape. "
    "Heads that fit are underlined among all heads, and n goes from one to the next; an empty query ends that. Tab "
    "completes a word; `:save NAME` keeps a query, which Tab offers and `:search NAME` asks again at any later start.",
    "layer": "All heads of one layer for the same query token, in maps as large as fit; below each its index, the "
    "number that v changes, and its tags. Each map has its own scale; u gives all heads of the layer, or of the model, "
    "the same one, which tells strong attention from weak. The bar is that of the head under the cursor. From an image "
    "one comes to the attention in it, and A shows the mean over all images; numbers and tags are of the mean.",
    "saliency": "Intersection over union of every head's foreground with masks of objects: the smallest set of patches "
    "that holds 60 % of its attention, or as much as the page says. v changes whose attention it is. The head marked "
    "as best is so on average; the best head of every image is what the paper's figure 5 shows; merged is the mean of "
    "all heads' maps.",
    "info": "What was measured on which images, how and when, with what results, and which files were left out.",
    "results": "Of every model its best layer in every task that evaluations in the cache hold, as in the paper's "
    "Table 1: fractions, after @ the layer. The best of a task is bold. The paper's own number and the difference "
    "stand below where model, data and protocol are the paper's; why they are missing is said under the table. random "
    "is noise in place of features: the mean over its trials, and their spread.",
    "curves": "Numbers of every layer that `vitscope evaluate` measured, a line for each model (the paper's figures 7 "
    "to 10). All tasks stand beside each other, of each the number that decides which layer is best, with a model's "
    "letter where it is highest; a digit or enter takes one task alone, where j and k go through all of its numbers. "
    "The dashed line is noise in place of features (the model random): the mean over its trials.",
}


def draw(surface: Surface, rect: Rect, state: State, _book: Book) -> None:
    """What is on the page below the help, and its keys, in as many columns as fit; longer ones scroll."""
    paragraph = wrap(ABOUT[state.view], min(rect.width, 2 * COLUMN))
    across = max(1, min(2, rect.width // COLUMN))
    columns = _columns(state, across)
    tall = len(paragraph) + 1 + max(map(len, columns))
    scroll = min(state.scroll, max(0, tall - rect.height))
    for i, line in enumerate(paragraph[scroll:]):
        if i < rect.height:
            surface.write(rect.x, rect.y + i, line)
    for i, column in enumerate(columns):
        for y, (keys, about) in enumerate(column, start=rect.y + len(paragraph) + 1 - scroll):
            if rect.y <= y < rect.bottom:
                _line(surface, rect.x + i * COLUMN, y, keys, about, min(COLUMN, rect.width))
    if scroll < tall - rect.height:
        surface.write(rect.right - 1, rect.bottom - 1, "↓", surface.theme.accent, bold=True)
    if scroll:
        surface.write(rect.right - 1, rect.y, "↑", surface.theme.accent, bold=True)


def _line(surface: Surface, x: int, y: int, keys: str, about: str, width: int) -> None:
    if not about:
        surface.write(x, y, keys, bold=True)
        return
    surface.write(x, y, keys, surface.theme.accent, width=7, align="right", bold=True)
    surface.write(x + 9, y, about, surface.theme.dim, width=width - 10)


def _columns(state: State, across: int) -> list[list[tuple[str, str]]]:
    """(keys, what they do) or (heading, ""): one column, or two of about the same length with groups kept whole."""
    here = [binding for binding in bindings() if state.view in binding.views and binding.about]
    blocks = [
        [(title, ""), *((binding.shown, binding.about) for binding in here if binding.group == title), ("", "")]
        for title in _titles(here)
    ]
    cuts = range(1, len(blocks)) if across == 2 else [len(blocks)]
    halves = [([*chain(*blocks[:cut])], [*chain(*blocks[cut:])]) for cut in cuts]
    best = min(halves, key=lambda pair: max(map(len, pair)))
    return [column[:-1] for column in best if column]


def _titles(bindings: list[Binding]) -> list[str]:
    return list(dict.fromkeys(binding.group for binding in bindings))
