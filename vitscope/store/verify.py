"""Checksums, sizes and removal of a run."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from vitscope.errors import StoreError
from vitscope.store.arrays import check_bytes, open_array
from vitscope.store.files import discard, is_temporary, read_json, unreadable, unwritable
from vitscope.store.folders import listed, looks_like_run, metric_folders, result_folders
from vitscope.store.layout import LOCK, RESULT, RUN, SHARDS, split_key
from vitscope.store.lock import is_lock, lock
from vitscope.store.parts import StoredFile, parse, rows_of, states_of
from vitscope.store.reader import Run, load_result, load_run
from vitscope.store.text import printable, shown


def verify(run: Run | Path) -> list[str]:
    """Read every byte of a run, pending shards included; one sentence for each file that is not as it was written."""
    folder = run.folder if isinstance(run, Run) else run
    problems: list[str] = []
    try:
        problems += _lost(load_run(folder))
    except StoreError as error:
        problems.append(str(error))
    if not folder.is_dir():
        return problems
    for place in result_folders(folder):
        try:
            result = load_result(place)
        except StoreError as error:
            problems.append(str(error))
            continue
        for info in result.arrays.values():
            problems += _differs(place / info.file, info) or _problem(lambda p=place, i=info: open_array(p / i.file, i))
    return problems + _pending(folder / SHARDS)


def _lost(run: Run) -> list[str]:
    """One sentence for each metric that a finished run has measured and whose result.json is not there."""
    passes = run.facts.get("passes")
    if not run.complete or not isinstance(passes, list):
        return []
    named = [one.get("metrics") for one in passes if isinstance(one, dict)]
    measured = {name for names in named if isinstance(names, list) for name in names if isinstance(name, str)}
    folders = {key[0]: folder for folder in metric_folders(run.folder) if (key := split_key(folder.name))}
    there = {folder.name for folder in result_folders(run.folder)}
    lost = sorted(name for name in measured if not any(key.startswith(f"{name}@") for key in there))
    places = [folders.get(name, run.folder / f"{name}@*") / RESULT for name in lost]
    return [str(unreadable(place, FileNotFoundError())) for place in places]


def size(run: Run | Path) -> int:
    """Bytes of all files of a run."""
    folder = run.folder if isinstance(run, Run) else run
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):  # removed since it was listed
                total += os.lstat(Path(place, name)).st_size
    return total


def remove(run: Run | Path) -> int:
    """Remove a run, readable or not, and tell how many bytes that freed.

    Raises BusyError while somebody writes it, and StoreError for a folder that is no run's or cannot be removed.
    run.json goes first: what is left of a removal cut short is never taken for a run.
    """
    folder = run.folder if isinstance(run, Run) else run
    if folder.is_symlink() or not looks_like_run(folder):
        raise StoreError(f"{shown(folder)} is not the folder of a run, so it is not removed.")
    freed = size(folder)
    with lock(folder):
        if strange := [path.name for path in listed(folder) if not _ours(path.name)]:
            raise StoreError(
                f"{shown(folder)} holds {printable(strange[0])!r}, which vitscope did not write: move that away before "
                "removing the run."
            )
        try:
            (folder / RUN).unlink(missing_ok=True)
            for path in listed(folder):
                if path.name != LOCK:
                    discard(path)
        except OSError as error:
            raise unwritable(folder, error) from error
    _remove_empty(folder)
    return freed


def _ours(name: str) -> bool:
    """Whether vitscope gives that name to something in a run's folder."""
    return name in (RUN, SHARDS) or is_lock(name) or split_key(name) is not None or is_temporary(name)


def _differs(path: Path, stored: StoredFile) -> list[str]:
    """What is wrong with the bytes of a file, if anything."""
    return _problem(lambda: check_bytes(path, stored))


def _pending(shards: Path) -> list[str]:
    """What is wrong with the records and states of shards that have not been folded yet."""
    problems: list[str] = []
    for path in sorted(shards.glob("*.json")):
        try:
            record = read_json(path)
            states = parse(path, states_of, record.get("states"))
            rows = parse(path, rows_of, record.get("rows", {}))
        except StoreError as error:
            problems.append(str(error))
            continue
        for state in states.values():
            problems += _differs(shards / state.file, state)
        for key, arrays in rows.items():
            for info in arrays.values():
                problems += _differs(shards.parent / key / info.file, info)
    return problems


def _problem(check: Callable[[], object]) -> list[str]:
    try:
        check()
    except StoreError as error:
        return [str(error)]
    return []


def _remove_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT):  # somebody began to write it anew
            raise unwritable(folder, error) from error
