"""Readers: how each item of the library is read from the cache. They run in a worker thread.

Nothing that is kept is mapped from a file of the cache: one that is cut short while it is mapped would end the process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from vitscope.amounts import counted
from vitscope.derive.aligned import aligned
from vitscope.derive.heads import profile, tags
from vitscope.derive.offset import offset
from vitscope.derive.query import patches, query_row
from vitscope.derive.similar import shapes
from vitscope.errors import DamagedError, FormatError, NotMeasured, StoreError, VitscopeError
from vitscope.store.arrays import check_size
from vitscope.store.files import damaged
from vitscope.store.reader import Cache, Run, load_run
from vitscope.store.text import printable, shown
from vitscope.tui import census, curves, information, measures, results, similarity
from vitscope.tui.library import Column, Failure, Item, Listing, Maps, Numbers
from vitscope.tui.live import Picture
from vitscope.views.select import fitting

WHOLE = 256 << 20  # bytes of an array that is read at once where all of it is needed


def listing(folder: Path) -> Listing:
    """What is in the cache; never raises for what is wrong with it."""
    try:
        cache = Cache(folder)
        every, problems = cache.inventory()
        runs, evaluations = (tuple(run for run in every if bool(run.spec.task) is task) for task in (False, True))
        broken = tuple((printable(path.name), sentence) for path, sentence in problems)
        runs = tuple(run for run in runs if not run.only_vectors)  # made for a task: there is nothing to look at
        measured = {run.folder.name: tuple(run.results()) for run in runs}
    except (VitscopeError, OSError) as error:
        return Listing(folder, failure=_sentence(error))
    return Listing(folder, runs, evaluations, measured, broken)


def read(run: Run, item: Item) -> object:
    """The value of an item, or a Failure that says why there is none."""
    try:
        return _READERS[item.kind](run, item)
    except (VitscopeError, OSError) as error:
        if not run.folder.is_dir():
            return Failure(f"{shown(run.folder)} is gone: esc leads back to the runs.", broken=True)
        return Failure(_sentence(error), broken=isinstance(error, DamagedError | FormatError | OSError))
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:  # what a damaged file may lead to
        what = printable(f"{type(error).__name__}: {error}".splitlines()[0])
        return Failure(
            f"{item.kind} of {shown(run.folder)} cannot be shown ({what}): `vitscope cache verify` checks its files.",
            broken=True,
        )


def _sentence(error: Exception) -> str:
    if isinstance(error, VitscopeError):
        return printable(str(error))
    return printable(f"the cache cannot be read: {error}.")


def _array(run: Run, metric: str, name: str, shape: tuple[int | None, ...]) -> np.ndarray:
    """An array of the cache; DamagedError unless its shape fits the run's geometry (None: any size)."""
    return fitting(run.result(metric), name, *shape)


def _whole(run: Run, metric: str, name: str, shape: tuple[int | None, ...]) -> np.ndarray:
    """The same in memory, unless it is very large; DamagedError also where its file is cut short meanwhile."""
    mapped = _array(run, metric, name, shape)
    if mapped.nbytes > WHOLE:
        return mapped
    path, size = _file(run, metric, name)
    values = np.fromfile(path, mapped.dtype, mapped.size, offset=size - mapped.nbytes)
    if values.size < mapped.size:
        raise damaged(path, "it was cut short while it was read")
    return values.reshape(mapped.shape)


def _file(run: Run, metric: str, name: str) -> tuple[Path, int]:
    """Where an array is, and its bytes."""
    result = run.result(metric)
    return result.folder / result.arrays[name].file, result.arrays[name].size


def _heads(run: Run) -> tuple[int, int]:
    return run.geometry.layers, run.geometry.heads


def _spatial(run: Run) -> np.ndarray:
    return _whole(run, "spatial-attention", "mean", (*_heads(run), *[run.geometry.patches] * 2))


def _attention(run: Run, image: int | None = None, live: Picture | None = None) -> np.ndarray:
    """Attention (L, H, T, T): the mean, or that of one image, opened live or of the gallery."""
    if live is not None:
        return live.attention
    shape = (*_heads(run), *[run.geometry.tokens] * 2)
    return _array(run, "attention", "mean", shape) if image is None else _of_gallery(run, "attention", shape, image)


def _numbers(run: Run, _item: Item) -> Numbers:
    columns, missing = {}, {}
    for metric in ("distance", "entropy", "prefix-mass", "position-deviation"):
        try:
            result = run.result(metric)
            shape = (*_heads(run), len(run.geometry.prefix)) if metric == "prefix-mass" else _heads(run)
            values = np.array(_whole(run, metric, "mean", shape), dtype=np.float64)
            spread = np.array(_whole(run, metric, "std", shape), dtype=np.float64) if "std" in result.arrays else None
        except (NotMeasured, StoreError) as error:
            missing[metric] = _sentence(error)
            continue
        unit = result.arrays["mean"].unit
        if metric == "prefix-mass":
            columns |= _prefix_columns(run, values, spread, unit)
        else:
            columns[metric] = Column(values, spread, unit)
    return Numbers(columns, missing)


def _prefix_columns(run: Run, values: np.ndarray, spread: np.ndarray | None, unit: str) -> dict[str, Column]:
    """Attention on all prefix tokens together, and on each by its name ("on cls")."""
    columns = {"prefix-mass": Column(values.sum(axis=-1), None if values.shape[-1] > 1 else _last(spread, 0), unit)}
    if values.shape[-1] > 1:
        for i, token in enumerate(run.geometry.prefix):
            columns[f"on {token}"] = Column(values[..., i], _last(spread, i), unit)
    return columns


def _last(values: np.ndarray | None, index: int) -> np.ndarray | None:
    return None if values is None else values[..., index]


def _offsets(run: Run, _item: Item) -> np.ndarray:
    spatial = _spatial(run)
    return np.concatenate([offset(spatial[layer : layer + 1], run.geometry) for layer in range(len(spatial))])


def _tags(run: Run, _item: Item) -> object:
    attention = _whole(run, "attention", "mean", (*_heads(run), *[run.geometry.tokens] * 2))
    return tags(profile(attention, _spatial(run), run.geometry))


def _aligned(run: Run, item: Item) -> np.ndarray:
    spatial = _array(run, "spatial-attention", "mean", (*_heads(run), *[run.geometry.patches] * 2))
    return aligned(np.array(spatial[item.layer : item.layer + 1]), run.geometry, corrected=item.flag)[0]


def _maps(run: Run, item: Item) -> Maps:
    pairs = [_layer_maps(layer, item, run) for layer in _layers(run, item)]
    return Maps(np.stack([maps for maps, _ in pairs]), np.stack([prefix for _, prefix in pairs]))


def _layers(run: Run, item: Item) -> Iterator[np.ndarray]:
    """Attention (H, T, T) of every layer, mapped; before each, DamagedError where its file has been cut short."""
    attention = _attention(run, item.image, item.live)
    names = ("attention", "mean") if item.image is None else ("gallery", "attention")
    file = None if item.live is not None else _file(run, *names)
    for layer in attention:
        if file is not None:
            check_size(*file)
        yield layer


def _layer_maps(attention: np.ndarray, item: Item, run: Run) -> tuple[np.ndarray, np.ndarray]:
    """Maps (H, R, C) and prefix (H, prefix) of one layer's attention (H, T, T): what the query gives, or receives."""
    asked = attention.swapaxes(-2, -1) if item.flag else attention
    row = query_row(asked, item.query, run.geometry).astype(np.float32)
    return patches(row, run.geometry), row[:, : len(run.geometry.prefix)]


def _picture(run: Run, item: Item) -> np.ndarray:
    if item.live is not None:
        return np.array(item.live.crop)
    g = run.geometry
    return np.array(_of_gallery(run, "crop", (g.rows * g.patch[0], g.columns * g.patch[1], 3), item.image or 0))


def _of_gallery(run: Run, name: str, shape: tuple[int, ...], image: int) -> np.ndarray:
    """One image's part, of `shape`, of an array of the gallery; NotMeasured where it holds fewer."""
    if image < 0:
        raise NotMeasured(f"{run.model} has not seen this image: o, then enter, runs it.")
    images = _array(run, "gallery", name, (None, *shape))
    if image >= len(images):
        raise NotMeasured(f"{run.model} kept {counted(len(images), 'image')}, and this one is not among them.")
    return images[image]


_READERS: dict[str, Callable[[Run, Item], object]] = {
    "numbers": _numbers,
    "offsets": _offsets,
    "tags": _tags,
    "aligned": _aligned,
    "maps": _maps,
    "picture": _picture,
    "cka": lambda run, item: similarity.similarity(run, item.others[0], item.tokens),
    "across": lambda _run, item: similarity.across(item.others, item.tokens),
    "residual": lambda run, _item: similarity.residual(run),
    "curves": lambda _run, item: curves.curves(item.others),
    "saliency": lambda run, item: measures.saliency(run, item.others[0]),
    "norms": lambda run, _item: measures.norms(run),
    "info": lambda run, item: information.information(run, tuple(map(load_run, item.others))),
    "table": lambda _run, item: results.table(item.others),
    "scores": lambda run, item: census.scores(run, item.others),
    "shapes": lambda run, _item: shapes(_spatial(run), run.geometry),
}


def image_names(run: Run) -> list[str]:
    """File names of the gallery, [] if there is none that can be read."""
    try:
        return run.result("gallery").coords.get("image", [])
    except (StoreError, OSError):
        return []
