"""Who else hears what a command says: a log file (`--log`), and a script that reads lines of JSON (`--json`).

With `--json` stdout holds nothing but JSON, an object a line, each with `event`:

    progress   run, unit, done, total, rate (a second), seconds_left; rate and seconds_left are null until known
    result     run, and what the command found; the last line of a run that went well
    error      message, exit_code, and run where it is of one of several; the last line of a command that failed

What a person reads stays on stderr. `run` is a model or, in results of `vitscope cache verify`, the folder of a run; in
progress of no single one what is done (`verify`, `export`, `the world`); null in the result of an export.
"""

from __future__ import annotations

import faulthandler
import json
import logging
import os
import platform
import re
import shlex
import sys
import warnings
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from vitscope import __version__
from vitscope.cli.paths import to_path
from vitscope.config import at_home
from vitscope.errors import VitscopeError
from vitscope.run import supervisor
from vitscope.store.text import printable

LogFile = Annotated[
    Path | None,
    typer.Option(
        "--log",
        metavar="FILE",
        parser=to_path,
        help="Add all messages to this file, with the time of each.",
        show_default=False,
    ),
]
Json = Annotated[
    bool, typer.Option("--json", help="Progress and results as lines of JSON on stdout.", show_default=False)
]
LIBRARIES = ("torch", "timm", "numpy", "pillow")
FORMAT = "%(asctime)s %(levelname)-7s %(message)s"
SECRETS = (
    re.compile(r"\b(?:hf|api_org)_[A-Za-z0-9]{8,}"),  # tokens of the Hugging Face hub
    re.compile(r"(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"),  # name and password in an address
    re.compile(r"(?i)(?<=bearer )[\w.~+/-]+=*"),
)
HIDDEN = "…"


class _Lines(logging.Formatter):
    """Lines with local time and its offset, without secrets, and without what could steer the terminal of a reader."""

    default_time_format = "%Y-%m-%dT%H:%M:%S%z"
    default_msec_format = ""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line, or several where it holds a traceback."""
        text = super().format(record)
        if token := os.environ.get("HF_TOKEN"):
            text = text.replace(token, HIDDEN)
        for secret in SECRETS:
            text = secret.sub(HIDDEN, text)
        return "\n".join(map(printable, text.split("\n")))


class _File(logging.FileHandler):
    """A file that is given up, with a word on stderr, when it cannot be written any more: the run goes on."""

    def handleError(self, record: logging.LogRecord) -> None:
        """The disk is full, or the file system gone."""
        del record
        if self in _log.handlers:
            _log.removeHandler(self)
            problem = sys.exc_info()[1]
            reason = problem.strerror if isinstance(problem, OSError) and problem.strerror else str(problem)
            sys.stderr.write(f"the log cannot be written any more: {reason}; the work goes on without\n")


_log = logging.Logger("vitscope.log")  # of its own: libraries that log find no way in
_opened = ExitStack()  # what ends with the command
_json: list[bool] = []  # not empty: lines of JSON are asked for


def begin(context: typer.Context, log: Path | None, *, lines: bool) -> None:
    """Open what this command is asked to record, until it ends; VitscopeError for a log that cannot be written.

    Of several ranks only the first records anything.
    """
    if supervisor.rank() != 0:
        return
    end()
    context.find_root().call_on_close(end)
    if lines:
        _json.append(True)
    if log is not None:
        _open(log)


def end() -> None:
    """Close what was opened."""
    _json.clear()
    _opened.close()


def json_asked() -> bool:
    """Whether stdout is for lines of JSON alone."""
    return bool(_json)


def logged() -> bool:
    """Whether there is a log."""
    return bool(_log.handlers)


def heard(level: int, sentence: str) -> None:
    """Something that was said, or would have been: it goes into the log."""
    if _log.handlers:  # without one, Python prints it
        _log.log(level, "%s", printable(sentence))


def broken(error: BaseException) -> None:
    """A bug: its traceback goes into the log, its last line to who reads JSON."""
    if _log.handlers:
        _log.error("a bug in vitscope, or in a library", exc_info=error)
    emit("error", message=f"{type(error).__name__}: {error}", exit_code=1)


def emit(event: str, **fields: Any) -> None:
    """One line of JSON, if they are asked for: in ASCII, so that a folder's name comes through and steers nothing."""
    if _json:
        say(json.dumps({"event": event, **fields}, default=str) + "\n")


def say(text: str) -> None:
    """Write to stdout. Where its reader has gone (`| head`), nothing more is said, and the work goes on."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        hang_up()


def hang_up() -> None:
    """Send what Python still holds for a stdout that cannot take it nowhere, so that it stays quiet."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _open(path: Path) -> None:
    """Begin to add to the log, with what explains the rest; what Python itself says of a crash goes there, too."""
    path = at_home(path)
    try:
        if path.exists() and not path.is_file():
            raise VitscopeError(f"the log {path} is not a file: name another one with --log.")
        handler = _File(path, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise VitscopeError(f"the log {path} cannot be written: {reason}; name another file with --log.") from None
    handler.setFormatter(_Lines(FORMAT))
    _log.addHandler(handler)
    _opened.callback(_close, handler)
    _opened.callback(_log.removeHandler, handler)
    if handler.stream is not None:
        _hear_crashes(handler.stream)
    _hear_warnings()
    heard(logging.INFO, f"vitscope {__version__}, Python {platform.python_version()}, {_libraries()}")
    heard(logging.INFO, f"process {os.getpid()} on {platform.node()}, {platform.platform(terse=True)}")
    heard(logging.INFO, f"in {Path.cwd()}: {shlex.join(['vitscope', *sys.argv[1:]])}")


def _libraries() -> str:
    """Versions of what numbers depend on, as they are installed: nothing is imported for it."""
    from importlib.metadata import PackageNotFoundError, version

    found = []
    for name in LIBRARIES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"{name} is not installed")
    return ", ".join(found)


def _close(handler: _File) -> None:
    with suppress(OSError):  # what the disk has no room for was said before
        handler.close()


def _hear_crashes(stream: TextIO) -> None:
    """Where every thread stands when the process is ended by a fault goes into the log, which outlives it."""
    before = faulthandler.is_enabled()
    faulthandler.enable(stream)
    if before and sys.__stderr__ is not None:
        _opened.callback(faulthandler.enable, sys.__stderr__)
    else:
        _opened.callback(faulthandler.disable)


def _hear_warnings() -> None:
    """What libraries warn of goes into the log as well as to stderr."""
    before = warnings.showwarning

    def both(message: Warning | str, category: type[Warning], file: str, line: int, *rest: Any) -> None:
        heard(logging.WARNING, f"{category.__name__}: {message} ({file}:{line})")
        before(message, category, file, line, *rest)

    warnings.showwarning = both
    _opened.callback(setattr, warnings, "showwarning", before)
