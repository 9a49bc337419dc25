"""What is left of a crash: a log file for a report, and one sentence on the terminal."""

from __future__ import annotations

import platform
import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path

from vitscope import __version__
from vitscope.store.text import printable, shown
from vitscope.tui.memory import folder

LOG = "crash.log"


def report(error: BaseException, about: str) -> str:
    """Write what led to `error` into the log and return what to say; `about` is where somebody was."""
    error = getattr(error, "error", error) if type(error).__name__ == "WorkerFailed" else error
    trace = "".join(traceback.format_exception(error))
    when = datetime.now(UTC).isoformat(timespec="seconds")
    system = f"Python {platform.python_version()}, {platform.platform()}, {len(sys.argv)} words"
    text = f"{when}\nvitscope {__version__}, {system}\n{about}\n\n{trace}\n"
    name = f"{type(error).__name__}{f': {error}' if str(error) else ''}"
    said = f"the browser ended because of a bug ({printable(name.splitlines()[0])})"
    try:
        file = _write(text)
    except OSError:
        return f"{said}, and its log cannot be written:\n{trace}"
    return f"{said}: what led to it is in {shown(file)}, please report it."


def _write(text: str) -> Path:
    file = folder() / LOG
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "utf-8")
    return file
