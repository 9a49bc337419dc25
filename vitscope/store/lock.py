"""One writer per run: a file that appears atomically, and names the process that holds it.

A lock whose process has been killed is taken over, and two that try at once cannot both win. Renaming the old lock
aside would not do: a slow taker would rename the fresh lock of a faster one. So a taker first creates the *claim* on
the old lock, a file named after the old lock's token, which only one process can create; it then checks that the old
lock is still there, and replaces it. A taker that is killed in between leaves a claim that the next taker claims in
its turn: whoever stands at the end of that chain holds the lock.

Several processes can share a run by the numbers of its shards: each holds the lock of its *part*, a file of its own.
Whoever takes a lock first creates it and then looks for others that overlap, so that of two that do at least one sees
the other; the lock of the whole run overlaps with that of every part.
"""

from __future__ import annotations

import errno
import math
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
Part = tuple[int, int]  # (I, N): the shards whose number, counted from 1, is I modulo N

_held: dict[Path, tuple[int, Owner]] = {}  # the locks of this process, with its number: forked children copy this
_PART = re.compile(rf"{LOCK}\.([1-9][0-9]{{0,5}})-of-([1-9][0-9]{{0,5}})")
_CLAIM = re.compile(rf"{LOCK}(\.[0-9]+-of-[0-9]+)?-[0-9a-f]{{32}}")
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK}


@contextmanager
def lock(folder: Path, part: Part | None = None, pid: int | None = None) -> Iterator[None]:
    """Hold the lock of a run's folder, which is created if need be, or that of a part of its shards.

    It is taken over when this process has been killed, or `pid` where another one stands for it, whose life is longer.
    Who holds the whole sweeps what killed writers left there. Raises BusyError, naming who holds it, or something that
    overlaps with it, since when, and StoreError when the folder cannot be written.
    """
    mine, me, path = os.getpid(), Owner.me(pid), folder / _name(part)
    _acquire(path, me)
    _held[path] = mine, me
    try:
        _alone(folder, path.name)
        if part is None:
            _tidy(folder)
        yield
    finally:
        _held.pop(path, None)
        if os.getpid() == mine:  # not in a forked child
            _release(path, me)


def let_go() -> None:
    """Release all locks of this process, which is about to end without any more ado.

    Another host could not know that it has ended, and would refuse to go on with its run.
    """
    for path, (mine, me) in list(_held.items()):
        if os.getpid() == mine:
            _release(path, me)


def _name(part: Part | None) -> str:
    return LOCK if part is None else f"{LOCK}.{part[0]}-of-{part[1]}"


def _part(name: str) -> Part | None:
    """The part that a lock of this name is of; None for the whole run, and ValueError for what is no lock."""
    match = _PART.fullmatch(name)
    if match is None and name != LOCK:
        raise ValueError(name)
    return None if match is None else (int(match[1]), int(match[2]))


def is_lock(name: str) -> bool:
    """Whether vitscope gives that name to a lock, or to a claim on one.

    >>> is_lock("lock"), is_lock("lock.1-of-4"), is_lock("locked.txt")
    (True, True, False)
    """
    return name == LOCK or any(kind.fullmatch(name) for kind in (_PART, _CLAIM))


def overlap(one: Part | None, other: Part | None) -> bool:
    """Whether two parts have a shard in common; None is the whole run.

    >>> overlap((1, 2), (2, 2)), overlap((1, 2), (3, 4)), overlap((1, 2), (2, 3)), overlap(None, (1, 2))
    (False, True, True, True)
    """
    if one is None or other is None:
        return True
    return (one[0] - other[0]) % math.gcd(one[1], other[1]) == 0


def _locks(folder: Path) -> list[Path]:
    """All locks in a folder, of the whole and of parts; StoreError."""
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise unwritable(folder, error) from error
    return [entry for entry in entries if entry.name == LOCK or _PART.fullmatch(entry.name)]


def held(folder: Path) -> list[tuple[Path, Owner | None]]:
    """Every lock in a run's folder whose process is not certainly gone; None for one that does not say whose it is."""
    found: list[tuple[Path, Owner | None]] = []
    for path in _locks(folder):
        try:
            chain = _chain(path)
        except BusyError:
            found.append((path, None))
            continue
        found += [(path, chain[-1])] if chain and not gone(chain[-1]) else []
    return found


def _alone(folder: Path, name: str) -> None:
    """Raise BusyError if somebody who is still there holds another lock that overlaps with the one called `name`."""
    for path in _locks(folder):
        if path.name != name and overlap(_part(name), _part(path.name)):
            chain = _chain(path)
            if chain and not gone(chain[-1]):
                raise _busy(path, chain[-1])


def _tidy(folder: Path) -> None:
    """Remove what killed writers left: claims on locks of old, locks of parts, temporary files."""
    with suppress(OSError):
        for entry in list(folder.iterdir()):
            if _CLAIM.fullmatch(entry.name) or _PART.fullmatch(entry.name):
                entry.unlink(missing_ok=True)
    sweep(folder)


def _release(path: Path, me: Owner) -> None:
    """Remove the lock if it is still ours; a person may have deleted it, and another process taken it since."""
    with suppress(OSError, StoreError):
        if _chain(path)[:1] == [me]:
            path.unlink()


def _acquire(path: Path, me: Owner) -> None:
    """Create the lock `path`, or take it over from a process that is gone; BusyError."""
    for _ in range(ATTEMPTS):
        if _place(path, me):
            return
        chain = _chain(path)
        if not chain:  # released meanwhile
            continue
        if not gone(chain[-1]):
            raise _busy(path, chain[-1])
        claim = _claim(path, chain[-1])
        if not _place(claim, me):  # another taker was faster
            continue
        if _chain(path) == [*chain, me]:
            with atomic(path) as file:
                file.write(sealed(me.to_json()))
            return
        claim.unlink(missing_ok=True)
    raise BusyError(f"several processes want to write {shown(path.parent)} at the same time; try again.")


def _claim(lock: Path, owner: Owner) -> Path:
    return lock.with_name(f"{lock.name}-{owner.token}")


def _chain(lock: Path) -> list[Owner]:
    """The process in the lock, then who claimed it from that one, and so on; empty if there is no lock."""
    chain: list[Owner] = []
    path = lock
    while len(chain) < ATTEMPTS:
        try:
            with opened(path) as file:
                owner = Owner.from_json(unsealed(file.read(1 << 16), path))
        except (StoreError, ValueError) as error:
            if isinstance(error.__cause__, FileNotFoundError):
                break
            raise _unclear(path) from None
        chain.append(owner)
        path = _claim(lock, owner)
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


def _busy(path: Path, owner: Owner) -> BusyError:
    here = owner.host == Owner.me().host
    where = f"process {owner.pid} on {'this host' if here else 'host'} {printable(owner.host)}"
    part = _part(path.name)
    what = "is being written" if part is None else f"(--shard {part[0]}/{part[1]}) is being written"
    return BusyError(
        f"{shown(path.parent)} {what} by {where} since {printable(owner.since)}: wait until it has finished; "
        f"if it certainly runs no more, delete {shown(path)}."
    )


def _unclear(path: Path) -> BusyError:
    return BusyError(
        f"{shown(path.parent)} is locked, but {shown(path)} does not say by whom: if no vitscope is writing there, "
        f"delete that file."
    )
