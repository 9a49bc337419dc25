"""What of a machine ends a long run, or makes it slow, though a short one went well: `vitscope doctor` looks at it.

Nothing is left behind. What a system does not tell is no line.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from vitscope.amounts import bytes_in_words
from vitscope.errors import VitscopeError
from vitscope.run.check import Check
from vitscope.store.files import temporary
from vitscope.store.folders import run_folders
from vitscope.store.lock import held
from vitscope.store.process import Owner

SHARED = Path("/dev/shm")  # noqa: S108 (what processes that decode hand images over in)
LITTLE_SHARED = 1e9  # bytes: eight processes with two batches of 256 crops each hold 0.6 GB
FEW_FILES = 512  # open at once: a process that decodes keeps some for every batch
FEW_NAMES = 10_000  # new files in a file system: a run of a million images writes as many shards' files
PROBE = 1 << 20  # bytes: more than what a quota lets pass by rounding
AHEAD = timedelta(hours=1)
IN_MEMORY = frozenset(("tmpfs", "ramfs", "overlay"))


def processes() -> Iterator[Check]:
    """Threads against cores, open files, shared memory."""
    cores = _cores()
    asked = os.environ.get("OMP_NUM_THREADS", "")
    if asked.isdecimal() and int(asked) > cores:
        todo = f"Set OMP_NUM_THREADS={cores}, or ask for more cores: threads that wait for each other are slow."
        yield Check("threads", "note", f"OMP_NUM_THREADS is {asked}, but this process may use {cores} cores", todo)
    elif not asked and cores < (os.cpu_count() or 1):
        found = f"this process may use {cores} of {os.cpu_count()} cores"
        yield Check("threads", "note", found, f"Set OMP_NUM_THREADS={cores}, so that no more threads are started.")
    files = _open_files()
    if files is not None and files < FEW_FILES:
        todo = "Raise it with `ulimit -n 4096`, or use --workers 0: processes that decode pass images in open files."
        yield Check("files", "note", f"at most {files} files may be open at once", todo)
    if SHARED.is_dir() and (free := shutil.disk_usage(SHARED).free) < LITTLE_SHARED:
        todo = "Give the container more (docker run --shm-size=8g), or use --workers 0 or smaller batches."
        found = f"{SHARED} has {bytes_in_words(free)} free, where processes that decode put images"
        yield Check("shared", "note", found, todo)


def unwritable(folder: Path) -> str:
    """Why nothing can be kept in a folder, found out by trying; empty if it can.

    A quota that is used up, names that have run out and a read-only file system are found in no other way.
    """
    probe = temporary(folder)
    try:
        with probe.open("xb") as file:
            file.write(bytes(PROBE))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return (error.strerror or str(error)).lower()
    finally:
        with suppress(OSError):
            probe.unlink()
    return ""


def unlisted(folder: Path) -> str:
    """Why a folder of images is of no use; empty if something can be read in it."""
    try:
        return "" if next(folder.iterdir(), None) is not None else "is empty"
    except OSError as error:
        return f"cannot be read: {(error.strerror or str(error)).lower()}"


def disk(folder: Path) -> Iterator[Check]:
    """Names that are left on the file system of the cache, and whether it outlives the machine."""
    with suppress(OSError, AttributeError):
        left = os.statvfs(folder)
        if left.f_files and left.f_favail < FEW_NAMES:
            todo = "Remove small files there, or choose another place with --cache."
            found = f"only {left.f_favail} more files fit on the file system of {folder} (inodes)"
            yield Check("cache", "note", found, todo)
    kind = _file_system(folder)
    if kind in IN_MEMORY:
        what = "is a part of the container" if kind == "overlay" else "lies in memory"
        found = f"{folder} {what} ({kind}): it is gone when that ends"
        yield Check("cache", "note", found, "Choose a disk with --cache DIR to keep what is measured.")


def locks(cache: Path) -> Iterator[Check]:
    """Runs that somebody is writing, or was when their host was lost: nobody but a person can tell."""
    here = Owner.me().host
    for folder in run_folders(cache):
        with suppress(VitscopeError):
            for path, owner in held(folder):
                if owner is None:
                    found = f"{folder.name} is locked, and {path.name} does not say by whom"
                elif owner.host == here:
                    yield Check("lock", "ok", f"{folder.name} is being written by process {owner.pid} here")
                    continue
                else:
                    found = f"{folder.name} is locked by process {owner.pid} on {owner.host} since {owner.since}"
                yield Check("lock", "note", found, f"If it certainly runs no more, delete {path}.")


def clock(starts: Sequence[str]) -> Iterator[Check]:
    """Runs of the future: the newest one is what `show` takes, so one clock that is wrong hides other runs."""
    now, times = datetime.now(UTC), []
    for start in starts:
        with suppress(ValueError):
            when = datetime.fromisoformat(start)
            times.append(when if when.tzinfo else when.replace(tzinfo=UTC))
    if times and max(times) > now + AHEAD:
        found = f"a run was started at {max(times).isoformat()}, and here it is {now.isoformat(timespec='seconds')}"
        yield Check("clock", "note", found, "Set the clock: of two runs of a model, the newer one is shown.")


def _cores() -> int:
    """Cores that this process may use: by affinity (as Slurm sets it) and by the quota of its container."""
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with suppress(OSError, ValueError):
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text("ascii").split()
        return max(min(affinity, round(int(quota) / int(period))), 1)
    return affinity


def _open_files() -> int | None:
    """Files that may be open at once; None where nothing limits them or the system does not tell."""
    try:
        import resource  # noqa: PLC0415 (there is none on Windows)
    except ImportError:
        return None
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return None if soft == resource.RLIM_INFINITY else soft


def _file_system(folder: Path) -> str:
    """The kind of the file system that holds a folder; empty where /proc does not tell."""
    try:
        mounts = [line.split() for line in Path("/proc/self/mounts").read_text("utf-8").splitlines()]
    except (OSError, UnicodeDecodeError):
        return ""
    place = folder.resolve()
    under = [(Path(words[1]), words[2]) for words in mounts if place.is_relative_to(words[1])]
    return max(under, key=lambda mount: len(mount[0].parts), default=(folder, ""))[1]


def nearest(folder: Path) -> Path:
    """A folder, absolute, or the nearest one above it that is there."""
    place = folder.absolute()
    return next(path for path in (place, *place.parents) if path.exists())


def free(folder: Path) -> int:
    """Bytes free on the disk where a folder is, or would be made."""
    return shutil.disk_usage(nearest(folder)).free
