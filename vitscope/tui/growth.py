"""A cache that grows or breaks while somebody looks at it: what changed, and what read of it is still true."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path

from vitscope.store.layout import RUN, SHARDS
from vitscope.tui.library import Item

PERIOD = 3.0  # seconds between two looks

Marks = Mapping[str, tuple[tuple[str, int], ...]]
"""When the folders of every run, and what it says of itself, last changed, by the run's folder."""

ALWAYS = ("table", "curves", "info")  # items that depend on which evaluations there are


def marks(cache: Path) -> Marks:
    """The marks of a cache now; what cannot be looked at has none. Work that goes on in `shards` leaves no mark."""
    return {run.name: _run(run) for run in _folders(cache)}


def _run(run: os.DirEntry[str]) -> tuple[tuple[str, int], ...]:
    inside = ((entry.name, _when(entry)) for entry in _folders(Path(run.path)) if entry.name != SHARDS)
    return (("", _when(run)), (RUN, _when(Path(run.path, RUN))), *sorted(inside))


def _folders(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if not entry.name.startswith(".") and entry.is_dir()]
    except OSError:
        return []


def _when(entry: os.DirEntry[str] | Path) -> int:
    try:
        return entry.stat().st_mtime_ns
    except OSError:
        return 0


def changed(before: Marks, after: Marks) -> set[str]:
    """The runs that came, went or are not what they were."""
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


def touched(item: Item, runs: set[str]) -> bool:
    """Whether an item may be another one since these runs changed."""
    return item.kind in ALWAYS or any(path.name in runs for path in (item.run, *item.others))


def kept(items: OrderedDict[Item, object], runs: set[str]) -> OrderedDict[Item, object]:
    """What was read and is still true."""
    return OrderedDict((item, value) for item, value in items.items() if not touched(item, runs))
