"""What is kept of single images, in the order of the pass: Rows and Blocks; nothing is added up.

Both have a row for every image of a shard from the start, so that an image that could not be read leaves a gap at its
own place, the same in every model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from vitscope.metrics.sums import State


class Rows:
    """A vector for every image, kind of token and layer, in half precision. Images that could not be read have none.

    The array `rows` (tokens, L, row, width) is written to disk with each shard and never put together; `places`
    (row,) says which image each row is of.
    """

    streamed = "rows"

    def __init__(self, tokens: int, layers: int, width: int, places: Sequence[int], device: torch.device) -> None:
        self.rows = torch.zeros(tokens, layers, len(places), width, dtype=torch.float16, device=device)
        self.places = tuple(places)
        self._row = {place: row for row, place in enumerate(places)}
        self._seen = np.zeros(len(places), dtype=bool)

    def put(self, layer: int, token: int, vectors_BD: Tensor, places: Sequence[int]) -> None:
        """Keep one layer's vectors of some images."""
        rows = [self._row[place] for place in places]
        if rows == list(range(rows[0], rows[0] + len(rows))):
            self.rows[token, layer, rows[0] : rows[0] + len(rows)] = vectors_BD
        else:
            self.rows[token, layer, torch.tensor(rows, device=self.rows.device)] = vectors_BD.to(self.rows.dtype)
        self._seen[rows] = True

    def state(self) -> dict[str, np.ndarray]:
        seen = self._seen
        rows = self.rows.cpu().numpy()
        return {
            "rows": rows if seen.all() else rows[:, :, seen],
            "places": np.array(self.places, dtype=np.int64)[seen],
        }

    @staticmethod
    def merge(left: State, right: State) -> dict[str, np.ndarray]:
        axis = {"rows": 2, "places": 0}
        return {name: np.concatenate([left[name], right[name]], axis[name]) for name in left}

    @staticmethod
    def compute(state: State) -> dict[str, np.ndarray]:
        return dict(state)

    @staticmethod
    def images(state: State) -> int:
        return len(state["places"])

    @staticmethod
    def sound(state: State) -> bool:
        """Also False where a number is too large for half precision, whose largest is 65,504."""
        return bool(np.isfinite(state["rows"]).all())


class Blocks:
    """Square matrices over blocks of `size` consecutive images, (L, block, size, size), and a number for each block.

    Rows and columns without an image are NaN. `places` (block, size) says which image each row is of, whether it could
    be read or not; −1 where a last block has no more.
    """

    def __init__(
        self, names: Sequence[str], layers: int, size: int, places: Sequence[int], device: torch.device
    ) -> None:
        blocks = -(-len(places) // size)
        self.size = size
        self.grams = {name: torch.full((layers, blocks, size, size), torch.nan, device=device) for name in names}
        self.ranges = {name: torch.full((layers, blocks), torch.nan, device=device) for name in names}
        self.places = np.full(blocks * size, -1, dtype=np.int64)
        self.places[: len(places)] = places
        self._row = {place: row for row, place in enumerate(places)}
        self._seen = np.zeros(blocks * size, dtype=bool)

    def blocks_of(self, places: Sequence[int]) -> list[tuple[int, slice, list[int]]]:
        """The blocks that a forward pass over the images at `places` fills: (block, which of the images, their rows).

        All images of a block must come in one pass: those of two passes have no product, which `sound` notices.
        """
        found: list[tuple[int, slice, list[int]]] = []
        for at, place in enumerate(places):
            block, row = divmod(self._row[place], self.size)
            if found and found[-1][0] == block:
                found[-1] = (block, slice(found[-1][1].start, at + 1), [*found[-1][2], row])
            else:
                found.append((block, slice(at, at + 1), [row]))
        return found

    def put(self, name: str, layer: int, block: int, rows: Sequence[int], gram: Tensor, spread: Tensor) -> None:
        """Keep the matrix of the images in some rows of a block, and the number that belongs to it."""
        if len(rows) == self.size:
            self.grams[name][layer, block] = gram
        else:
            index = torch.tensor(rows, device=gram.device)
            self.grams[name][layer, block, index[:, None], index] = gram
        self.ranges[name][layer, block] = spread
        self._seen[[block * self.size + row for row in rows]] = True

    def state(self) -> dict[str, np.ndarray]:
        blocks = (-1, self.size)
        return {
            **{name: gram.cpu().numpy() for name, gram in self.grams.items()},
            **{f"{name}-range": spread.cpu().numpy() for name, spread in self.ranges.items()},
            "places": self.places.reshape(blocks),
            "seen": self._seen.reshape(blocks),
        }

    @staticmethod
    def merge(left: State, right: State) -> dict[str, np.ndarray]:
        return {
            name: np.concatenate([left[name], right[name]], 0 if name in {"places", "seen"} else 1) for name in left
        }

    @staticmethod
    def compute(state: State) -> dict[str, np.ndarray]:
        return {name: values for name, values in state.items() if name != "seen"}

    @staticmethod
    def images(state: State) -> int:
        return int(state["seen"].sum())

    @staticmethod
    def sound(state: State) -> bool:
        """Whether the rows of all images that were seen are finite."""
        return _sound(state, state["seen"])


def _sound(state: Mapping[str, np.ndarray], seen: np.ndarray) -> bool:
    pairs, blocks = seen[:, :, None] & seen[:, None, :], seen.any(-1)
    grams = [values[:, pairs] for values in state.values() if values.ndim == 4]
    ranges = [values[:, blocks] for name, values in state.items() if name.endswith("-range")]
    return all(np.isfinite(values).all() for values in (*grams, *ranges))
