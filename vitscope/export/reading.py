"""How every view is read, in two or three sentences, for somebody who has only the figure."""

from __future__ import annotations

from vitscope import catalog

TASK = (
    "A line for each model over its layers, higher is better; the first panel is the number by which the best layer is "
    "chosen. Models whose best layer is not the last one lose what this task needs on the way."
)
READING = {
    "attention": (
        "A small map for each head, layers from top to bottom: where the query token looks, on average over the images "
        "or in the one that the title names. A cell is the attention that one patch gets; what is missing to 1 goes to "
        "CLS and registers."
    ),
    "aligned": (
        "A small map for each head: the mean attention by displacement from the query, which stands in the middle "
        "(AAAM). A spot in the middle is a head that looks at its own token, a spot beside it an offset head, a line a "
        "row or a column, and an even map a head that does not look at any place more than at others."
    ),
    "distance": (
        "A dot for each head over its layer: how far it looks on average, in units of the longer side of the image. "
        "Even attention over a square grid of 14 × 14 patches gives 0.56, a head that looks at its own patch 0."
    ),
    "offset": (
        "The mean displacement of each head's attention from the query. Far from the middle are heads that always look "
        "in one direction; in the middle are those that look at their own place, or everywhere."
    ),
    "heads": (
        "Every number of every head in a panel of its own, a row for each layer and a cell for each head; the table "
        "beside it has the tags as well."
    ),
    "deviation": (
        "How much a layer's heads differ from each other, and how much a head's map depends on the place of the query. "
        "Zero means that all heads, or all queries, look at the same places."
    ),
    "cka": (
        "How alike representations are, 1 where they are the same up to rotation and scale, 0 where nothing is shared: "
        "a cell for each pair of layers, or of models' last layers where there are more than two models."
    ),
    "residual": (
        "The length of what skips a block's attention or MLP over the length of what the branch adds, and how alike "
        "both are (CKA). A high ratio is a branch that changes little; the matrices compare all pairs of layers."
    ),
    "norms": (
        "The mean length of patch tokens in every layer, and the share of them that stands far out of its image. A few "
        "very long tokens are artifacts that the model uses as registers."
    ),
    "summary": (
        "The best layer of every model in every task: its number, and the layer in brackets. A mark is the number of "
        "the paper, where model and data are the same."
    ),
}


def reading(view: str) -> str:
    """How to read a view; what all tasks have in common for those of tasks; for another one what it shows."""
    if view in READING:
        return READING[view]
    shown = catalog.VIEWS[view]
    return TASK if shown.task else f"{shown.about[:1].upper()}{shown.about[1:]}."
