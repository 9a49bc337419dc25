"""The program `vitscope`: its commands, and the one place where an error becomes a sentence and an exit code."""

from __future__ import annotations

import errno
import io
import os
import sys
import traceback
from types import TracebackType
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from vitscope import __version__
from vitscope.cli import browse, cache, config, demo, doctor, evaluate, export, extract, models, show
from vitscope.cli.options import Quiet, Verbose
from vitscope.cli.record import broken, emit, hang_up
from vitscope.cli.talk import Talk, clean, fail
from vitscope.errors import VitscopeError

INTERRUPTED = "interrupted; what was finished is kept: run the same command again to go on"
FULL = {errno.ENOSPC, errno.EDQUOT}
OF_PATHS = {errno.ENAMETOOLONG, errno.EACCES, errno.EPERM, errno.ELOOP, errno.EROFS, errno.EFBIG, errno.ETXTBSY}
OF_DEVICES = {errno.EIO, errno.ESTALE, errno.ENXIO, errno.ENODEV, errno.ETIMEDOUT, errno.EMFILE, errno.ENFILE}
REFUSALS = FULL | OF_PATHS | OF_DEVICES
"""What the system says of a path or a device that was typed or met on the way, and no mistake of the program's."""
EPILOG = """\
Exit codes: 0 done · 1 a failure that the message explains · 2 wrong usage · 130 interrupted, progress kept.
Results go to stdout, messages to stderr; NO_COLOR and pipes are honoured."""


class Program(TyperGroup):
    """The group of all commands; runs one and maps what it raises. Wrong usage is left to Typer (exit code 2)."""

    def make_context(self, *arguments: Any, **options: Any) -> Any:
        """Read the words of the command; Ctrl-C while that lasts is answered as when the command runs."""
        try:
            return super().make_context(*arguments, **options)
        except KeyboardInterrupt:
            fail(INTERRUPTED)
            raise typer.Exit(130) from None
        except Exception as error:
            raise _quoted(error) from None

    def invoke(self, ctx: Any) -> Any:
        """Run the command; a bug keeps its traceback, what the system says of a file is a sentence."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            hang_up()
            raise typer.Exit(0) from None
        except VitscopeError as error:
            _failed(str(error), error.exit_code)
            raise typer.Exit(error.exit_code) from None
        except OSError as error:
            if error.errno not in REFUSALS or (error.filename is None and error.errno in FULL):  # the last is stdout's
                raise
            _failed(_refusal(error), 1)
            raise typer.Exit(1) from None
        except KeyboardInterrupt:
            _failed(INTERRUPTED, 130)
            raise typer.Exit(130) from None
        except Exception as error:
            if not (hasattr(error, "exit_code") or isinstance(error, typer.Abort)):  # else Typer's own ways out
                broken(error)
            raise _quoted(error)  # noqa: B904 (it is the same)


def _refusal(error: OSError) -> str:
    """The sentence for what the system says, of a file that it names or of nothing in particular."""
    more = "; let it open more, as `ulimit -n 4096` does" if error.errno == errno.EMFILE else ""
    if error.filename is None:
        return f"the system does not let it go on: {error.strerror}{more}; what was finished is kept."
    return f"{os.fsdecode(error.filename)} cannot be used: {error.strerror}{more}."


def _failed(sentence: str, code: int) -> None:
    """Say it to whoever listens: a person, a log, a script. Nothing where another rank says it."""
    fail(sentence)
    if sentence:
        emit("error", message=clean(sentence), exit_code=code)


def _quoted(error: Exception) -> Exception:
    """`error`; where it is Typer's about wrong usage, what it quotes of the command line cannot steer the terminal."""
    message = getattr(error, "message", None)
    if isinstance(error, UsageError) and isinstance(message, str):
        error.message = clean(message)  # type: ignore[attr-defined]
    return error


UsageError = typer.BadParameter.__mro__[1]
"""Typer has a Click of its own in some versions, and this in all."""

app = typer.Typer(
    cls=Program,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    epilog=EPILOG,
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"vitscope {__version__}")
        raise typer.Exit


@app.callback()
def program(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Look inside Vision Transformers from a terminal: attention of every layer and head.

    \b
    Start with:
      vitscope demo
    and then:
      vitscope extract --model mae --data PHOTOS
      vitscope browse
    """
    del version
    context.obj = Talk(quiet=quiet, verbose=verbose)


WORK, LOOK, CARE = "Measure", "Look", "Keep in order"
app.command("demo", rich_help_panel=WORK)(demo.demo)
app.command("extract", rich_help_panel=WORK)(extract.extract)
app.command("evaluate", rich_help_panel=WORK)(evaluate.evaluate)
app.command("models", rich_help_panel=WORK)(models.models)
app.command("show", rich_help_panel=LOOK)(show.show)
app.command("browse", rich_help_panel=LOOK)(browse.browse)
cache.app.command("export")(export.export)
app.add_typer(cache.app, name="cache", rich_help_panel=CARE)
app.command("config", rich_help_panel=CARE)(config.config)
app.command("doctor", rich_help_panel=CARE)(doctor.doctor)


def last_words(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """The traceback of a bug, without what could steer the terminal: it may quote a file."""
    text = "".join(traceback.format_exception(kind, error, trace))
    sys.stderr.write("".join(f"{clean(line)}\n" for line in text.split("\n") if line))


def main() -> None:
    """Run the program. Characters that the terminal's encoding lacks become question marks, never a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        try:
            app(prog_name="vitscope")
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        hang_up()
        raise SystemExit(0) from None
    except OSError as error:
        if error.errno not in FULL:
            sys.excepthook = last_words
            raise
        hang_up()
        fail(f"cannot write {error.filename or 'the output'}: no space is left on the disk.")
        raise SystemExit(1) from None
    except Exception:
        sys.excepthook = last_words
        raise
