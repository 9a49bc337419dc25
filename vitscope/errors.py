"""Everything that vitscope says instead of a traceback.

    VitscopeError             what was asked, what was found, what would work; exit code 1
    ├── UnknownName           a name that is in none of the tables of the catalog
    ├── ModelError            a model that cannot be built, or is not a plain ViT
    │   └── WeightsError      weights that are missing, damaged, or made for another model
    ├── DataError             a folder or file of images that cannot be used
    ├── TaskError             a task that cannot be evaluated with these options
    ├── DeviceError           a device that is not there, or has too little memory
    ├── RankError             processes that work together, of which one failed
    ├── StoreError            the cache cannot be read or written
    │   ├── FormatError       written by another version of vitscope
    │   ├── DamagedError      a file is missing, cut short, or does not match its checksum
    │   ├── BusyError         somebody else is writing the same run
    │   └── NotMeasured       the run is there, the number is not
    ├── ViewError             a view that cannot be shown for these options
    ├── ConfigError           a setting that cannot be read or does not exist
    └── TerminalError         no terminal that could show the browser

A bug is not in this tree: it keeps its traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class VitscopeError(Exception):
    """One clear sentence for the user: what was asked, what was found, what would work."""

    exit_code = 1


class UnknownName(VitscopeError):
    """A name that is not in a table; the message offers the nearest ones."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        known = sorted(known)
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
        hint = f"Did you mean {' or '.join(near)}? " if near else ""
        super().__init__(f"no {kind} is called {name!r}. {hint}Known: {', '.join(known) or 'none'}.")


class ModelError(VitscopeError):
    """A model that cannot be built, or is not a plain Vision Transformer."""


class WeightsError(ModelError):
    """Weights that are missing, damaged, or made for another model."""


class DataError(VitscopeError):
    """A folder or file of images that cannot be used."""


class TaskError(VitscopeError):
    """A task that cannot be evaluated with these options."""


class DeviceError(VitscopeError):
    """A device that is not there, or has too little memory."""


class RankError(VitscopeError):
    """Processes that work together, of which one failed; without words where another process says them."""


class StoreError(VitscopeError):
    """The cache cannot be read or written."""


class FormatError(StoreError):
    """A cache that another version of vitscope wrote."""


class DamagedError(StoreError):
    """A file of the cache is missing, cut short, or does not match its checksum."""


class BusyError(StoreError):
    """Somebody else is writing the same run."""


class NotMeasured(StoreError):
    """The run is in the cache, the number asked for is not."""


class ViewError(VitscopeError):
    """A view that cannot be shown for these options."""


class ConfigError(VitscopeError):
    """A setting that cannot be read or does not exist."""


class TerminalError(VitscopeError):
    """No terminal that could show the browser."""


def first_line(error: BaseException) -> str:
    """What an error of a library says, without its full stop and the lines that follow; its class if it is silent.

    >>> first_line(ValueError("sides differ.\\nMore of it."))
    'sides differ'
    """
    return next(iter(str(error).splitlines()), "").rstrip(". ") or type(error).__name__


def out_of_memory(error: BaseException) -> bool:
    """Whether an error of torch, Python or the system says that memory is short, on the device or beside it."""
    return isinstance(error, MemoryError) or any(words in str(error) for words in ("out of memory", "allocate memory"))
