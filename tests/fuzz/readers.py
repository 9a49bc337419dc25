"""Every reader of bytes that somebody else may have written: what reads them, and how they are damaged."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.fuzz import checkpoints, data, guard, mutate, stores, words
from vitscope.errors import VitscopeError

CORPUS = Path(__file__).parent / "corpus"


@dataclass(frozen=True)
class Reader:
    """`read` gives a value or a VitscopeError, whatever the bytes; it may write in the folder that it is given."""

    read: Callable[[bytes, Path], None]
    mutate: mutate.Mutator
    slow: bool = False  # more than a few milliseconds a time
    starts: bool = False  # a process of its own


READERS: dict[str, Reader] = {
    "images": Reader(data.image, mutate.png),
    "davis-mask": Reader(data.video_mask, mutate.png),
    "davis-list": Reader(data.videos, mutate.text),
    "coco": Reader(data.objects, mutate.json_),
    "partimagenet": Reader(data.parts, mutate.json_),
    "spair": Reader(data.pair, mutate.json_),
    "gnd": Reader(data.truth, mutate.pickle),
    "kaggle-table": Reader(data.table, mutate.text),
    "meta.mat": Reader(data.classes, mutate.raw, slow=True, starts=True),
    "devkit-labels": Reader(data.labels, mutate.text, slow=True, starts=True),
    "parquet": Reader(data.rows, mutate.raw),
    "safetensors": Reader(checkpoints.safetensors, mutate.tail_json),
    "npz": Reader(checkpoints.npz, mutate.archive(mutate.npy)),
    "torch": Reader(checkpoints.torch_save, mutate.archive(mutate.pickle)),
    "torch-old": Reader(checkpoints.torch_save, mutate.pickle),
    "config.json": Reader(checkpoints.config, mutate.json_),
    "preprocessor": Reader(checkpoints.preprocessor, mutate.json_),
    "array": Reader(stores.array, mutate.npy),
    "shard-state": Reader(stores.state, mutate.tail_json),
    "shard-record": Reader(stores.record, mutate.json_, slow=True),
    "sealed-json": Reader(stores.sealed, mutate.text),
    "lock": Reader(stores.lock_file, mutate.json_, slow=True),
    "cache": Reader(stores.cache, mutate.json_, slow=True),
    "settings": Reader(words.settings, mutate.text),
    "variable": Reader(words.variable, mutate.text),
    "memory": Reader(words.remembered, mutate.json_, slow=True),
    "place": Reader(words.place, mutate.text, slow=True),
    "query": Reader(words.query, mutate.text),
    "presses": Reader(words.presses, mutate.text),
    "pasted": Reader(words.pasted, mutate.text, slow=True),
    "terminal": Reader(words.terminal, mutate.raw, slow=True),
    "live-asks": Reader(words.asks, mutate.json_),
    "live-answers": Reader(words.answers, mutate.text),
}


def run(name: str, content: bytes) -> str:
    """Give the bytes to a reader: what it said of them, empty where it took them. Anything but a refusal is raised."""
    folder = _room(name)
    try:
        with guard.watched(folder, starts=READERS[name].starts):
            READERS[name].read(content, folder)
    except VitscopeError as error:
        return guard.sentence(error)
    return ""


def seeds(name: str) -> dict[str, bytes]:
    """The corpus of a reader by the names of its files."""
    return {path.name: path.read_bytes() for path in sorted((CORPUS / name).glob("*.seed"))}


@cache
def _room(name: str) -> Path:
    """A folder of its own for a reader, with things beside it that are none of its business."""
    above = Path(tempfile.mkdtemp(prefix=f"fuzz-{name}-")).resolve()
    _rooms.append(above)
    (above / "outside").write_text("nobody's business\n")
    (above / "outside.jpg").write_bytes(b"no image")
    (above / "in").mkdir()
    return above / "in"


_rooms: list[Path] = []


def clear() -> None:
    """Remove the folders of all readers."""
    _room.cache_clear()
    words._walkers.clear()
    while _rooms:
        shutil.rmtree(_rooms.pop(), ignore_errors=True)
