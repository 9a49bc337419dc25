"""Every file name on disk, the number of the format, and where the cache is."""

from __future__ import annotations

import re
from pathlib import Path

import platformdirs

from vitscope import config

FORMAT = 1

RUN = "run.json"
LOCK = "lock"
RESULT = "result.json"
SHARDS = "shards"

_KEY = re.compile(r"([a-z0-9][a-z0-9-]{0,99})@([1-9][0-9]{0,8})")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,199}")


def cache_folder(option: Path | None) -> Path:
    """Where the cache is: `option`, $VITSCOPE_CACHE, the setting `cache`, ./cache if it is there, the user's folder.

    Raises ConfigError for settings that cannot be read.
    """
    if option is not None:
        return config.at_home(option)
    if setting := config.get("cache"):  # the variable stands above the file
        return Path(setting)
    local = Path("cache")
    return local.absolute() if local.is_dir() else platformdirs.user_cache_path("vitscope")


def metric_key(metric: str, version: int) -> str:
    """The name that a metric's version has on disk, such as "distance@1"; ValueError for a name that is no such key."""
    key = f"{metric}@{version}"
    if split_key(key) is None:
        raise ValueError(f"{key!r} is not the key of a metric: small letters, digits and dashes, @, a version from 1")
    return key


def split_key(name: str) -> tuple[str, int] | None:
    """("distance", 1) for "distance@1", None for a name that is no metric's."""
    match = _KEY.fullmatch(name)
    return (match[1], int(match[2])) if match else None


def record_file(shard: int) -> str:
    """Name of a shard's record, inside the folder `shards`."""
    return f"{shard:05d}.json"


def state_file(shard: int, key: str) -> str:
    """Name of the file with one metric's state of a shard, inside the folder `shards`."""
    return f"{shard:05d}-{key}.safetensors"


def is_name(text: str) -> bool:
    """Whether `text` may name an array."""
    return _NAME.fullmatch(text) is not None


def is_file(text: str) -> bool:
    """Whether `text` is a plain file name: no separator, no "..", nothing hidden."""
    return _FILE.fullmatch(text) is not None
