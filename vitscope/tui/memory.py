"""What the browser remembers from one start to the next: of every cache where one was, and queries that were saved.

One small JSON file in the user's folder for state (`$VITSCOPE_STATE` names another folder). It is never needed: a file
that cannot be read or makes no sense is passed over, and one that cannot be written is left alone.
"""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import platformdirs

from vitscope.errors import VitscopeError
from vitscope.store.files import atomic

MOST = 100  # caches that are remembered
LARGEST = 1 << 20  # bytes of a file that is worth reading


@dataclass(frozen=True)
class Memory:
    """Where somebody was. `light` is None unless it was chosen against what the terminal says."""

    place: str
    palette: str = ""
    light: bool | None = None
    when: float = 0.0


def folder() -> Path:
    """The folder for state and logs, which need not be there."""
    return Path(os.environ.get("VITSCOPE_STATE") or platformdirs.user_state_path("vitscope"))


def recall(cache: Path) -> Memory | None:
    """What is remembered of a cache."""
    return _stored()[0].get(_key(cache))


def remember(cache: Path, memory: Memory) -> None:
    """Keep it, and forget the caches that were left longest ago."""
    caches, saved = _stored()
    every = caches | {_key(cache): Memory(memory.place, memory.palette, memory.light, time.time())}
    _write(dict(sorted(every.items(), key=lambda item: -item[1].when)[:MOST]), saved)


def queries() -> tuple[tuple[str, str], ...]:
    """Queries for heads that were saved, by name."""
    return tuple(sorted(_stored()[1].items()))


def keep_queries(before: tuple[tuple[str, str], ...], after: tuple[tuple[str, str], ...]) -> None:
    """Keep what has changed of the queries since `queries` was asked; others may have saved some meanwhile."""
    if before == after:
        return
    caches, kept = _stored()
    gone = dict(before).keys() - dict(after).keys()
    new = {name: query for name, query in after if (name, query) not in before}
    _write(caches, {name: query for name, query in (kept | new).items() if name not in gone})


def _write(caches: dict[str, Memory], saved: dict[str, str]) -> None:
    every = {"version": 1, "caches": {key: asdict(value) for key, value in caches.items()}, "queries": saved}
    with suppress(OSError, VitscopeError):
        _file().parent.mkdir(parents=True, exist_ok=True)
        with atomic(_file()) as target:
            target.write((json.dumps(every, indent=1, ensure_ascii=False) + "\n").encode())


def _file() -> Path:
    return folder() / "browser.json"


def _key(cache: Path) -> str:
    return os.fspath(cache.absolute())


def _stored() -> tuple[dict[str, Memory], dict[str, str]]:
    """What the file holds of caches and of queries; nothing where it makes no sense."""
    try:
        if _file().stat().st_size > LARGEST:
            return {}, {}
        stored = json.loads(_file().read_text("utf-8"))
        caches = {key: _memory(value) for key, value in stored["caches"].items()}
        saved = stored.get("queries", {}).items()
        return caches, {name: query for name, query in saved if isinstance(query, str) and (name + query).isprintable()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError):
        return {}, {}


def _memory(value: dict[str, object]) -> Memory:
    """TypeError unless every part is what it should be."""
    place, palette, light, when = (value.get(name) for name in ("place", "palette", "light", "when"))
    if not (isinstance(place, str) and isinstance(palette, str) and isinstance(when, int | float)):
        raise TypeError
    return Memory(place, palette, light if isinstance(light, bool) else None, float(when))
