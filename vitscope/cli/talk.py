"""What the commands say: results on stdout, messages on stderr; quiet, verbose, colour and pipes in one place."""

from __future__ import annotations

import io
import logging
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from vitscope.cli.record import heard, say
from vitscope.run import supervisor

if TYPE_CHECKING:
    import typer
    from rich.console import Console, RenderableType

    from vitscope.export.palette import Depth

COLOURS: dict[str, Literal["truecolor", "256", "standard"] | None] = {
    "truecolor": "truecolor",
    "256": "256",
    "16": "standard",
    "mono": None,
}  # what the browser calls a depth of colour, and what Rich calls it
LONGEST = 4000  # characters of a message
PIPE_WIDTH = 120  # characters a line of a table may take where no terminal says how wide it is


@dataclass(frozen=True)
class Talk:
    """How much is said besides the result, which is never left out."""

    quiet: bool = False
    verbose: bool = False
    rank: int = 0  # of several processes that do one thing together; rank 0 speaks, the others only warn

    @property
    def speaks(self) -> bool:
        """Whether results and messages are for this process to say."""
        return self.rank == 0

    @classmethod
    def of(cls, context: typer.Context, *, quiet: bool, verbose: bool) -> Talk:
        """The options of a command, together with those typed before its name (`vitscope --quiet models`)."""
        before = context.obj if isinstance(context.obj, cls) else cls()
        return cls(quiet=quiet or before.quiet, verbose=verbose or before.verbose, rank=supervisor.rank())

    def say(self, sentence: str, screen: Console | None = None) -> None:
        """A message for a person; left out by --quiet. `screen`: the stderr console that a progress bar is on."""
        heard(logging.INFO, sentence)
        if not self.quiet and self.speaks:
            note(sentence, screen=screen)

    def detail(self, sentence: str) -> None:
        """A message that only --verbose asks for, on the screen; a log has it always."""
        heard(logging.DEBUG, sentence)
        if self.verbose and not self.quiet and self.speaks:
            note(sentence, "dim")

    def warn(self, sentence: str, screen: Console | None = None) -> None:
        """A message about something that went less well than hoped; left out by --quiet."""
        heard(logging.WARNING, sentence)
        if not self.quiet:
            note(sentence if self.speaks else f"rank {self.rank}: {sentence}", "yellow", screen)


def console(*, stderr: bool = False) -> Console:
    """A rich console for stdout or stderr that honours NO_COLOR, TERM=dumb, COLUMNS and pipes.

    How many colours it has is found out as the browser does it; VITSCOPE_COLORS decides for both.

    Where the stream is no terminal, lines may be PIPE_WIDTH long, so that a table in a file is not cut to 80 columns.
    """
    from rich.console import Console

    from vitscope.tui.colors import detect

    stream = sys.stderr if stderr else sys.stdout
    piped = not stream.isatty() and "COLUMNS" not in os.environ
    plain: dict[str, Any] = {"highlight": False, "emoji": False, "markup": False}
    screen = Console(stderr=stderr, width=PIPE_WIDTH if piped else None, color_system=None, **plain)
    if screen.is_terminal:  # or FORCE_COLOR says so
        colours = COLOURS[detect(os.environ)]
        return Console(stderr=stderr, width=screen.width, color_system=colours, force_terminal=True, **plain)
    return screen


def result(*parts: RenderableType) -> None:
    """Print the answer of a command on stdout, with the colours that its terminal has."""
    say(_text(console(), parts))  # through print, rich would end the program when a pipe closes early


def plain(*parts: RenderableType) -> str:
    """The same as text without colours, PIPE_WIDTH columns wide: for a file."""
    from rich.console import Console

    screen = Console(
        file=io.StringIO(), width=PIPE_WIDTH, highlight=False, emoji=False, markup=False, color_system=None
    )
    return _text(screen, parts)


def _text(screen: Console, parts: Iterable[RenderableType]) -> str:
    """What `screen` would print, without blanks at the ends of lines."""
    with screen.capture() as text:
        for part in parts:
            screen.print(part)
    return "".join(f"{line.rstrip()}\n" for line in text.get().splitlines())


def depth(screen: Console) -> Depth:
    """How many colours a console has."""
    if screen.color_system == "truecolor":
        return "true"
    return "256" if screen.color_system == "256" else "none"


def note(said: str, style: str = "", screen: Console | None = None) -> None:
    """Print a message on stderr: folded between words on a terminal, one line in a log file."""
    screen = screen or console(stderr=True)
    screen.print(short(said), style=style or None, soft_wrap=not screen.is_terminal)


def fail(said: str) -> None:
    """Print why a command failed: `vitscope: …` on stderr, even under --quiet. Nothing if another rank says it."""
    if not said:
        return
    heard(logging.ERROR, said)
    from rich.text import Text

    screen = console(stderr=True)
    screen.print(Text.assemble(("vitscope: ", "bold red"), short(said)), soft_wrap=not screen.is_terminal)


def clean(text: str) -> str:
    """`text` as one line, without what could steer a terminal or pass for another message."""
    from vitscope.store.text import printable

    return printable(text)


def short(text: str) -> str:
    """A message of a length to be read: names in a file may be as long as whoever wrote it likes."""
    return clean(text if len(text) <= LONGEST else f"{text[:LONGEST]}…")
