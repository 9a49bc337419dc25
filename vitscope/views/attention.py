"""`show attention`: where a query token looks, on average or in one image (paper section 4.1, Fig. 2)."""

from __future__ import annotations

from typing import Any

import numpy as np

from vitscope.derive.average import average, renormalised
from vitscope.derive.query import cls_token, instead_of_cls, parse_query, patches, query_row, token_names
from vitscope.errors import ViewError
from vitscope.store.reader import Run
from vitscope.store.text import printable
from vitscope.views import Options, View
from vitscope.views.select import Selection, build, fitting, grid_coords, select, spatial
from vitscope.views.select import attention as measured

SAID = {"cls": "CLS", "spatial": "the mean patch", "all": "the mean token", "pure": "the renormalised mean patch"}


def view(run: Run, options: Options) -> View:
    """Raw attention of `options.query` (none said: spatial, the mean of all patches) to the tokens of `options.tokens`.

    spatial, the default: to the patches, dims (layer, head, row, column)
    cls:                  to CLS, dims (layer, head); of the query spatial it is the spatial-to-CLS attention
    all:                  to every token, dims (layer, head, token), named "cls", "reg1", …, "1,1", "1,2", …; sums to 1

    Nothing is renormalised: attention to patches sums to 1 minus what goes to the prefix. Besides cls, spatial and a
    patch, the query may be all, the mean over all tokens, or pure, the mean over patches of rows without the prefix
    that are renormalised to 1 (as the paper's code has these four averages). With `options.image`, of that image of
    the gallery instead of the mean over images. The name of any token before the patches is a query too ("dist",
    "reg1"). In a model without CLS another token stands in for it, which a note says. Unit 1. Raises ViewError for a
    layer, head, query, image or tokens that do not exist, NotMeasured without the attention or the gallery.
    """
    chosen = select(run, options, "attention", uses=("query", "image", "tokens"))
    asked = (options.query or "spatial").strip().lower()
    instead, note = instead_of_cls(run.geometry)
    notes = [note] if note and "cls" in {asked, options.tokens} else []
    asked = instead if asked == "cls" else asked
    row, images, image, said = _row(run, chosen, asked, options.image)
    values, coords, to = _keys(run, row, options.tokens or "spatial")
    return build(
        run,
        name="attention",
        title=f"Attention of {said}{to}{chosen}{f', {image}' if image else ''}",
        images=images,
        coords={**chosen.coords(), **coords},
        fixed=chosen.fixed(),
        unit="1",
        values=values,
        notes=notes,
    )


def _row(run: Run, chosen: Selection, asked: str, name: str | None) -> tuple[np.ndarray, int, str, str]:
    """(…, T) attention of the query asked for, the number of images, the image's full name, and the query in words."""
    geometry = run.geometry
    if asked == "pure" and name is None:
        result, mean = spatial(run)
        return average("pure", None, chosen.pick(mean), geometry), result.images, "", SAID[asked]
    attention, images, image = _attention(run, chosen, name)
    if asked == "pure":
        return average("pure", None, renormalised(attention, geometry), geometry), images, image, SAID[asked]
    if asked == "all":
        return average("all", attention, None, geometry), images, image, SAID[asked]
    if asked in geometry.prefix:
        return attention[..., geometry.prefix.index(asked), :].astype(np.float64), images, image, _called(asked)
    query = parse_query(asked, geometry)
    said = SAID[query] if isinstance(query, str) else f"patch {query[0] + 1},{query[1] + 1}"
    return query_row(attention, query, geometry), images, image, said


def _called(token: str) -> str:
    """A token before the patches in words."""
    names = {"cls": "CLS", "dist": "the distillation token"}
    return names.get(token, f"register {token.removeprefix('reg')}")


def _attention(run: Run, chosen: Selection, image: str | None) -> tuple[np.ndarray, int, str]:
    """(…, T, T) of the layers and heads chosen, the number of images it stands for, and the image's full name."""
    if image is None:
        result, mean = measured(run)
        return chosen.pick(mean), result.images, ""
    gallery, geometry = run.result("gallery"), run.geometry
    names = gallery.coords.get("image", [])
    index = gallery_index(names, image)
    shape = (len(names), geometry.layers, geometry.heads, geometry.tokens, geometry.tokens)
    return chosen.pick(fitting(gallery, "attention", *shape)[index]), 1, names[index]


def gallery_index(names: list[str], image: str) -> int:
    """Which image of the gallery is called `image`: by its full name, or by its file name where only one has it.

    Raises ViewError that lists what is in the gallery.
    """
    if image in names:
        return names.index(image)
    same = [index for index, name in enumerate(names) if name.rsplit("/", 1)[-1] == image]
    if len(same) == 1:
        return same[0]
    problem = "several images of the gallery are" if same else "no image of the gallery is"
    raise ViewError(f"{problem} called {image!r}; it holds {printable(', '.join(names)) or 'nothing'}.")


def _keys(run: Run, row_T: np.ndarray, tokens: str) -> tuple[np.ndarray, dict[str, list[Any]], str]:
    """(…, T) narrowed to the attended `tokens`, the coordinates of what is left, and words for the title."""
    geometry = run.geometry
    if tokens == "all":
        return row_T, {"token": token_names(geometry)}, " to all tokens"
    if tokens == "cls":
        instead, _ = instead_of_cls(geometry)
        token = geometry.prefix.index(instead) if instead in geometry.prefix else cls_token(geometry)
        return row_T[..., token], {}, f" to {_called(instead)}"
    if tokens == "spatial":
        return patches(row_T, geometry), grid_coords(run), ""
    raise ViewError(f"tokens {tokens!r} are none of cls, spatial or all.")
