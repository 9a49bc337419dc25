"""A process beside each rank that outlives it. Imports no torch, which nobody needs as long as all goes well.

torchrun ends all ranks as soon as one of them has failed, with thirty seconds' notice. A shard may take longer. So the
process that torchrun started only watches over another one, which does the work; when that one dies, the first waits
until the other ranks are through, and only then ends, with a failure.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import suppress

from vitscope.errors import VitscopeError

USAGE, INTERRUPTED = 2, 130  # ends that every rank comes to at once
_supervisor: list[int] = []  # the number of the process that watches over this one


def launched() -> bool:
    """Whether this process is one of several ranks, as torchrun says it in the environment."""
    return "RANK" in os.environ and os.environ.get("WORLD_SIZE", "1") not in {"", "0", "1"}


def rank() -> int:
    """The number of this rank; 0 where there is only one process."""
    return int(os.environ["RANK"]) if launched() else 0


def standing() -> int:
    """The number of the process that stands for this rank until all ranks are through; its own where there is none."""
    return _supervisor[0] if _supervisor else os.getpid()


def watched() -> None:
    """Go on in a new process if this one is one of several ranks; here, wait for its end and then exit likewise."""
    if not launched() or not hasattr(os, "fork"):
        return
    sys.stdout.flush()
    sys.stderr.flush()
    ours, theirs = os.pipe()
    parent, child = os.getpid(), os.fork()
    if child == 0:
        os.close(theirs)
        _supervisor[:] = [parent]
        threading.Thread(target=_end_with, args=(ours,), daemon=True).start()
        return
    os.close(ours)
    os._exit(_outlive(child))


def _end_with(supervisor: int) -> None:
    """Die when the process at the other end of a pipe does: nobody would wait for this one."""
    os.read(supervisor, 1)
    os.kill(os.getpid(), signal.SIGKILL)


def _outlive(child: int) -> int:
    """The exit code of this process: that of the child, 1 if it was killed."""
    asked: list[int] = []

    def forward(number: int, _: object) -> None:
        asked.append(number)
        with suppress(ProcessLookupError):
            os.kill(child, number)

    signal.signal(signal.SIGTERM, forward)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it reaches the child as well
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if code not in {0, USAGE, INTERRUPTED} and not asked:
        _mourn(code)
    return code if code >= 0 else 1


def _mourn(code: int) -> None:
    """Tell the other ranks that this one is gone, and wait until they are through."""
    from vitscope.run.team import Team  # noqa: PLC0415 (imports torch)

    how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
    with suppress(VitscopeError):  # nobody is there any more
        Team.connected(hosts=False).mourn(how)
