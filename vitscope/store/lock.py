"""One writer per run: a file that appears atomically, and names the process that holds it.

A lock whose process has been killed is taken over, and two that try at once cannot both win. Renaming the old lock
aside would not do: a slow taker would rename the fresh lock of a faster one. So a taker first creates the *claim* on
the old lock, a file named after the old lock's token, which only one process can create; it then checks that the old
lock is still there, and replaces it. A taker that is killed in between leaves a claim that the next taker claims in
its turn: whoever stands at the end of that chain holds the lock.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from vitscope.errors import BusyError, StoreError
from vitscope.store.files import atomic, make_folder, opened, sealed, sweep, temporary, unsealed, unwritable
from vitscope.store.layout import LOCK
from vitscope.store.process import Owner, gone
from vitscope.store.text import printable, shown

ATTEMPTS = 64  # each failed one means that another process moved on meanwhile
_CLAIM = re.compile(rf"{LOCK}-[0-9a-f]{{32}}")
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK}


@contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Hold the lock of a run's folder, which is created if need be, and sweep what killed writers left there.

    Raises BusyError, naming who holds it since when, and StoreError when the folder cannot be written.
    """
    me = Owner.me()
    _acquire(folder, me)
    try:
        _tidy(folder)
        yield
    finally:
        if os.getpid() == me.pid:  # not in a forked child
            _release(folder, me)


def _tidy(folder: Path) -> None:
    """Remove what killed writers left: claims on locks of old, temporary files."""
    with suppress(OSError):
        for entry in list(folder.iterdir()):
            if _CLAIM.fullmatch(entry.name):
                entry.unlink(missing_ok=True)
    sweep(folder)


def _release(folder: Path, me: Owner) -> None:
    """Remove the lock if it is still ours; a person may have deleted it, and another process taken it since."""
    with suppress(OSError, StoreError):
        if _chain(folder)[:1] == [me]:
            (folder / LOCK).unlink()


def _acquire(folder: Path, me: Owner) -> None:
    """Create the lock, or take it over from a process that is gone; BusyError."""
    for _ in range(ATTEMPTS):
        if _place(folder / LOCK, me):
            return
        chain = _chain(folder)
        if not chain:  # released meanwhile
            continue
        if not gone(chain[-1]):
            raise _busy(folder, chain[-1])
        claim = _claim(folder, chain[-1])
        if not _place(claim, me):  # another taker was faster
            continue
        if _chain(folder) == [*chain, me]:
            with atomic(folder / LOCK) as file:
                file.write(sealed(me.to_json()))
            return
        claim.unlink(missing_ok=True)
    raise BusyError(f"several processes want to write {shown(folder)} at the same time; try again.")


def _claim(folder: Path, owner: Owner) -> Path:
    return folder / f"{LOCK}-{owner.token}"


def _chain(folder: Path) -> list[Owner]:
    """The process in the lock, then who claimed it from that one, and so on; empty if there is no lock."""
    chain: list[Owner] = []
    path = folder / LOCK
    while len(chain) < ATTEMPTS:
        try:
            with opened(path) as file:
                owner = Owner.from_json(unsealed(file.read(1 << 16), path))
        except (StoreError, ValueError) as error:
            if isinstance(error.__cause__, FileNotFoundError):
                break
            raise _unclear(path) from None
        chain.append(owner)
        path = _claim(folder, owner)
    return chain


def _place(path: Path, owner: Owner) -> bool:
    """Create `path` with the name of `owner` in it unless it exists: True if this call created it; StoreError.

    A hard link makes the file appear whole, and on NFS too exactly one process succeeds; there the answer may get lost
    on its way, so that a link that "failed" is looked at again.
    """
    make_folder(path.parent)
    temp = temporary(path.parent)
    try:
        _create(temp, sealed(owner.to_json()))
        try:
            os.link(temp, path)
        except OSError as error:
            if error.errno in _NO_LINKS:  # a file system without hard links
                _create(path, sealed(owner.to_json()))
                return True
            return temp.stat().st_nlink == 2
        return True
    except (FileExistsError, FileNotFoundError):  # not found: the holder swept our file, or the folder was removed
        return False
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        with suppress(OSError):
            temp.unlink()


def _create(path: Path, raw: bytes) -> None:
    with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666), "wb") as file:
        file.write(raw)
        file.flush()
        os.fsync(file.fileno())


def _busy(folder: Path, owner: Owner) -> BusyError:
    here = owner.host == Owner.me().host
    where = f"process {owner.pid} on {'this host' if here else 'host'} {printable(owner.host)}"
    return BusyError(
        f"{shown(folder)} is being written by {where} since {printable(owner.since)}: wait until it has finished; "
        f"if it certainly runs no more, delete {shown(folder / LOCK)}."
    )


def _unclear(path: Path) -> BusyError:
    return BusyError(
        f"{shown(path.parent)} is locked, but {shown(path)} does not say by whom: if no vitscope is writing there, "
        f"delete that file."
    )
