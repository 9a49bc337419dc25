"""Which folders of a cache are runs, and which folders of a run are those of metrics. Looks at names, opens nothing."""

from __future__ import annotations

import re
from pathlib import Path

from vitscope.errors import StoreError
from vitscope.store.files import unreadable
from vitscope.store.layout import RESULT, RUN, SHARDS, split_key
from vitscope.store.text import shown

_RUN_NAME = re.compile(r".+-[0-9a-f]{8}")  # Spec.folder


def run_folders(cache: Path) -> list[Path]:
    """The folders in `cache` that are runs, readable or not, sorted by name; StoreError if `cache` cannot be listed."""
    try:
        entries = listed(cache)
    except FileNotFoundError:
        return []
    except NotADirectoryError:
        raise StoreError(f"{shown(cache)} is a file, not the folder of a cache: choose another with --cache.") from None
    except OSError as error:
        raise unreadable(cache, error) from error
    return [entry for entry in entries if not entry.name.startswith(".") and looks_like_run(entry)]


def looks_like_run(folder: Path) -> bool:
    """Whether a folder is a run, or what is left of one; other folders in a cache are none of our business."""
    try:
        if (folder / RUN).exists():
            return True
        return _RUN_NAME.fullmatch(folder.name) is not None and any(
            path.name == SHARDS or split_key(path.name) for path in listed(folder)
        )
    except NotADirectoryError:
        return False
    except OSError:  # a run that we may not look into is worth a sentence
        return _RUN_NAME.fullmatch(folder.name) is not None


def metric_folders(run: Path) -> list[Path]:
    """The folders of a run that are named after a metric, finished or not, sorted by name; StoreError."""
    try:
        entries = listed(run)
    except OSError as error:
        raise unreadable(run, error) from error
    return [entry for entry in entries if split_key(entry.name)]


def result_folders(run: Path) -> list[Path]:
    """Those of them that have a result.json, readable or not; StoreError."""
    return [folder for folder in metric_folders(run) if _has_result(folder)]


def _has_result(folder: Path) -> bool:
    try:
        return (folder / RESULT).exists()
    except OSError:  # a result that we may not look at is worth a sentence
        return True


def listed(folder: Path) -> list[Path]:
    """What is in a folder, sorted by name; OSError."""
    return sorted(folder.iterdir())
