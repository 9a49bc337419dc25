"""The vectors of a run's images, read from disk a slice at a time."""

from __future__ import annotations

import numpy as np

from vitscope.errors import NotMeasured
from vitscope.store.files import damaged
from vitscope.store.reader import Run

ROWS = "rows-"  # the arrays, one for each shard: (tokens, layer, row, width), rows in the order of the pass


class Vectors:
    """One vector an image, layer and kind of token, as the metric `vectors` of an extraction keeps it.

    `places` int64 [I] says which records of the data set there are vectors of, ascending; the others could not be
    read. Nothing is held in memory but what `read` returns: a layer is one contiguous piece of every shard's file.
    Raises NotMeasured for a run without vectors, DamagedError, FormatError.
    """

    def __init__(self, run: Run) -> None:
        self._run, self._result = run, run.result("vectors")
        names = sorted(name for name in self._result.arrays if name.startswith(ROWS))
        shapes = [self._result.arrays[name].shape for name in names]
        stored = self._result.array("places")
        first = next((shape for shape in shapes if len(shape) == 4), None)
        self._tokens = self._result.coords.get("tokens", [])
        if (
            first is None
            or any(len(shape) != 4 or (*shape[:2], shape[3]) != (*first[:2], first[3]) for shape in shapes)
            or stored.shape != (sum(shape[2] for shape in shapes),)
            or len(self._tokens) != first[0]
        ):
            raise damaged(self._result.folder, "its arrays do not fit together")
        self.layers, self.width = first[1], first[3]
        self._names = names
        self._starts = np.cumsum([0] + [shape[2] for shape in shapes])
        self._order = np.argsort(stored, kind="stable")  # where on disk each row is, by ascending place
        self.places: np.ndarray = np.asarray(stored, dtype=np.int64)[self._order]

    def read(self, layer: int, tokens: str, start: int, stop: int) -> np.ndarray:
        """float16 [stop − start, width]: rows `start` … `stop` in the order of `places`, of one layer from 0.

        `tokens` is "cls" or "spatial" (the mean over patches); NotMeasured for CLS of a model that has none. Fewer rows
        where there are no more, IndexError for a layer that there is not.
        """
        if tokens not in self._tokens:
            raise NotMeasured(f"{self._run.name} holds no vectors of {tokens}, only of {', '.join(self._tokens)}.")
        if not 0 <= layer < self.layers:
            raise IndexError(f"no layer {layer}, there are {self.layers}")
        wanted = self._order[start:stop]
        found = np.empty((len(wanted), self.width), dtype=np.float16)
        ascending = np.argsort(wanted, kind="stable")  # each file is opened once and read from front to back
        rows = wanted[ascending]
        edges = np.searchsorted(rows, self._starts)
        for number in np.flatnonzero(np.diff(edges)):
            part = slice(edges[number], edges[number + 1])
            values = self._result.array(self._names[number])[self._tokens.index(tokens), layer]
            found[ascending[part]] = values[rows[part] - self._starts[number]]
        return found
