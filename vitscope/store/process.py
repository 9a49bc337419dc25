"""Which process wrote something, and whether it still runs."""

from __future__ import annotations

import os
import re
import secrets
import socket
import sys
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Self


@dataclass(frozen=True)
class Owner:
    """A process as it names itself in a lock; fields that this system does not tell are empty."""

    token: str  # 32 hexadecimal digits, new for every lock
    host: str
    machine: str  # tells two hosts of the same name apart
    boot: str  # changes when the machine starts again
    namespace: str  # containers on one machine count their processes apart
    pid: int
    start: str  # clock tick at which the process started: tells a reused number apart
    since: str  # ISO 8601, local time

    @classmethod
    def me(cls, pid: int | None = None) -> Self:
        """This process, or the one of that number on this host that stands for it, with a new token."""
        pid = pid or os.getpid()
        return cls(
            token=secrets.token_hex(16),
            host=socket.gethostname(),
            machine=_line("/etc/machine-id"),
            boot=_line("/proc/sys/kernel/random/boot_id"),
            namespace=_link("/proc/self/ns/pid"),
            pid=pid,
            start=_state_and_start(pid)[1],
            since=datetime.now().astimezone().isoformat(timespec="seconds"),
        )

    def to_json(self) -> dict[str, Any]:
        """The fields as JSON can hold them."""
        return asdict(self)

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Self:
        """The inverse of `to_json`; ValueError for anything else."""
        names = set(cls.__dataclass_fields__)
        if set(fields) != names or not all(isinstance(fields[name], str) for name in names - {"pid"}):
            raise ValueError("these are not the fields of a process")
        if type(fields["pid"]) is not int or fields["pid"] <= 0:
            raise ValueError(f"{fields['pid']!r} is not the number of a process")
        if not re.fullmatch("[0-9a-f]{32}", fields["token"]):
            raise ValueError(f"{fields['token']!r} is not a token")
        return cls(**fields)


def gone(owner: Owner) -> bool:
    """Whether that process certainly runs no more. False where it cannot be known from here."""
    here = Owner.me()
    if (owner.host, owner.machine) != (here.host, here.machine):
        return False
    if owner.boot and here.boot and owner.boot != here.boot:
        return True
    if owner.namespace != here.namespace or sys.platform == "win32":  # there os.kill would end the process
        return False
    return not _runs(owner.pid, owner.start)


def _runs(pid: int, start: str) -> bool:
    try:
        os.kill(pid, 0)  # signal 0 only asks
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass  # somebody else's process: it is there
    state, started = _state_and_start(pid)
    return state not in ("Z", "X") and (not start or not started or start == started)


def _state_and_start(pid: int) -> tuple[str, str]:
    """State letter and starting tick of a process (proc(5): fields 3 and 22), empty where /proc does not tell."""
    fields = _line(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return (fields[0], fields[19]) if len(fields) > 19 else ("", "")


def _line(path: str) -> str:
    try:
        return Path(path).read_text(errors="replace").strip()
    except OSError:
        return ""


def _link(path: str) -> str:
    try:
        return str(Path(path).readlink())
    except OSError:
        return ""
