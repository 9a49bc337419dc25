"""Files that are either whole or not there: atomic writes, sealed JSON, digests.

A sealed JSON file ends with a checksum over its own bytes (its digits taken as zeros), so that a flipped byte anywhere
in it is found whenever it is read.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, cast

from vitscope.errors import DamagedError, FormatError, StoreError
from vitscope.store.layout import FORMAT
from vitscope.store.text import shown

CHUNK = 1 << 20
MAX_JSON = 256 << 20  # bytes; anything larger is not ours

_TEMPORARY = re.compile(r"\.vitscope-[0-9a-f]{16}\.tmp")
_SEAL = re.compile(rb',\n "sha256": "([0-9a-f]{64})"\n}\n\Z')
_ZEROS = b"0" * 64
_RESERVED = ("format", "sha256")
_REMEDY = "copy it again from where it came, or run the command that measured it again, if need be with --restart"

_REASONS = {
    errno.ENOSPC: "no space is left on the disk",
    errno.EDQUOT: "your disk quota is used up",
    errno.EFBIG: "the file is too large for this file system",
    errno.EROFS: "the file system is read-only; choose another place, for the cache with --cache",
    errno.EACCES: "you have no permission for it; choose another place, for the cache with --cache",
    errno.EPERM: "the system does not permit it; choose another place, for the cache with --cache",
    errno.EIO: "the disk reports an input/output error",
    errno.ENAMETOOLONG: "the name is too long for this file system",
    errno.ENOENT: "the folder is not there",
    errno.ENOTDIR: "a part of the path is a file, not a folder",
    errno.EISDIR: "a folder has that name",
    errno.EEXIST: "a file has that name",
    errno.ESTALE: "the network file system lost it",
}
_NO_FOLDER_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES}  # file systems without it


def unwritable(path: Path, error: OSError) -> StoreError:
    """The sentence for an OSError met while writing `path`."""
    return StoreError(f"cannot write {shown(path)}: {_reason(error)}; what was finished is kept.")


def unreadable(path: Path, error: OSError) -> StoreError:
    """The sentence for an OSError met while reading `path`."""
    if isinstance(error, FileNotFoundError):
        return DamagedError(f"{shown(path)} is missing; {_REMEDY}.")
    return StoreError(f"cannot read {shown(path)}: {_reason(error).partition(';')[0]}.")


def damaged(path: Path, reason: str) -> DamagedError:
    """The sentence for a file that is not as it was written."""
    return DamagedError(f"{shown(path)} is damaged: {reason}; {_REMEDY}.")


def _reason(error: OSError) -> str:
    return _REASONS.get(error.errno or 0) or (error.strerror or str(error)).lower()


def temporary(folder: Path) -> Path:
    """A new name in `folder` that readers ignore and `sweep` removes."""
    return folder / f".vitscope-{secrets.token_hex(8)}.tmp"


def is_temporary(name: str) -> bool:
    """Whether `temporary` gives such a name."""
    return _TEMPORARY.fullmatch(name) is not None


@contextmanager
def atomic(path: Path) -> Iterator[BinaryIO]:
    """A file to write that appears as `path`, on disk for good, when the block ends well, and never half.

    Raises StoreError when the system refuses, and for a device or pipe, which a file must not replace. A file that was
    there before is then unchanged.
    """
    temp = temporary(path.parent)
    try:
        if _of_the_system(path) or (path.exists() and not (path.is_file() or path.is_dir())):
            raise StoreError(f"cannot write {shown(path)}: it is a device or a pipe, not a file.")
        with os.fdopen(os.open(temp, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666), "wb") as file:
            yield cast(BinaryIO, file)
            file.flush()
            os.fsync(file.fileno())
        temp.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        with suppress(OSError):  # gone already when all went well; else left to `sweep`
            temp.unlink()


def _of_the_system(path: Path) -> bool:
    """Whether `path` is a name such as /dev/stdout, a link that may lead to a file and must not be replaced by one."""
    folder = path.parent.resolve()
    return folder == Path("/dev") or folder.parts[:2] == ("/", "proc")


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` survive a power cut, where the file system can."""
    if os.name == "nt":
        return
    try:
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        if error.errno not in _NO_FOLDER_SYNC:
            raise


def make_folder(folder: Path, *, linked: bool = True) -> None:
    """Create `folder` and its parents unless they are there; StoreError, also for a link unless it may be `linked`."""
    try:
        if not linked and folder.is_symlink():
            raise StoreError(f"{shown(folder)} is a link, which nothing is written through: remove it.")
        if folder.is_dir():
            return
        folder.mkdir(parents=True, exist_ok=True)
        sync_folder(folder.parent)
    except OSError as error:
        raise unwritable(folder, error) from error


def discard(path: Path) -> None:
    """Make a file or folder vanish in one step, then free its space; StoreError.

    What cannot be freed now (a file still open on a network file system) is left to `sweep`.
    """
    aside = temporary(path.parent)
    try:
        path.replace(aside)
        sync_folder(path.parent)
    except FileNotFoundError:
        return
    except OSError as error:
        raise unwritable(path, error) from error
    _free(aside)


def sweep(folder: Path) -> None:
    """Free what killed processes left in a run's folder; only for who holds its lock."""
    with suppress(OSError):
        places = [folder, *(entry for entry in folder.iterdir() if entry.is_dir() and not entry.is_symlink())]
        for entry in [entry for place in places for entry in place.iterdir()]:
            if is_temporary(entry.name):
                _free(entry)


def _free(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def present(path: Path) -> bool:
    """Whether `path` is there; StoreError if the system does not tell."""
    try:
        return path.exists()
    except OSError as error:
        raise unreadable(path, error) from error


def is_link(path: Path) -> bool:
    """Whether `path` is a link; StoreError if the system does not tell."""
    try:
        return path.is_symlink()
    except OSError as error:
        raise unreadable(path, error) from error


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """A regular file to read; DamagedError if it is missing or something else, StoreError if it cannot be read."""
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))  # a pipe must not make us wait
        with os.fdopen(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise damaged(path, "it is not a regular file")
            yield cast(BinaryIO, file)
    except OSError as error:
        raise unreadable(path, error) from error


def digest(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal; DamagedError, StoreError."""
    with opened(path) as file:
        return digest_of(file)


def digest_of(file: BinaryIO) -> str:
    """SHA-256 of what is left of an open file, in hexadecimal; OSError."""
    total = hashlib.sha256()
    while chunk := file.read(CHUNK):
        total.update(chunk)
    return total.hexdigest()


def sealed(fields: dict[str, Any]) -> bytes:
    """`fields` as JSON of this format with a checksum; ValueError for what JSON cannot hold."""
    if taken := [name for name in _RESERVED if name in fields]:
        raise ValueError(f"{taken[0]!r} is a field of the cache itself")
    body = json.dumps({"format": FORMAT, **fields}, indent=1, allow_nan=False)
    raw = f'{body[:-2]},\n "sha256": "{_ZEROS.decode()}"\n}}\n'.encode()
    return _stamped(raw)


def _stamped(raw: bytes) -> bytes:
    at = raw.rindex(_ZEROS)
    return raw[:at] + hashlib.sha256(raw).hexdigest().encode() + raw[at + 64 :]


def unsealed(raw: bytes, path: Path) -> dict[str, Any]:
    """The fields of sealed JSON; FormatError for another format, DamagedError unless every byte is as written."""
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        raise damaged(path, "it is not JSON") from None
    if not isinstance(value, dict) or not isinstance(value.get("format"), int):
        raise damaged(path, "it does not say its format")
    if value["format"] != FORMAT:
        raise FormatError(
            f"{shown(path)} was written by vitscope with cache format {value['format']}, this one reads format "
            f"{FORMAT}: use that version, or remove the run with `vitscope cache remove`, or choose another folder "
            "with --cache."
        )
    seal = _SEAL.search(raw)
    if seal is None or _stamped(raw[: seal.start(1)] + _ZEROS + raw[seal.end(1) :]) != raw:
        raise damaged(path, "it does not match its checksum")
    return {name: item for name, item in value.items() if name not in _RESERVED}


def write_json(path: Path, fields: dict[str, Any]) -> None:
    """Write sealed JSON atomically; StoreError when the system refuses."""
    raw = sealed(fields)
    with atomic(path) as file:
        file.write(raw)


def read_json(path: Path) -> dict[str, Any]:
    """The fields of a sealed JSON file; DamagedError, FormatError, StoreError."""
    with opened(path) as file:
        raw = file.read(MAX_JSON + 1)
    if len(raw) > MAX_JSON:
        raise damaged(path, f"it is larger than {MAX_JSON >> 20} MiB")
    return unsealed(raw, path)
