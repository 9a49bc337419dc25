"""`vitscope` and `python -m vitscope`."""

from __future__ import annotations

import gc
import os
import sys
from contextlib import suppress
from pathlib import Path

from vitscope.errors import VitscopeError

SPINS = "10000"
"""Turns that a thread of GNU OpenMP, which torch has on Linux, waits awake for its next piece of work. With its own
300,000 a small model takes half as long again on cores that other programs want too (docs/scale.md)."""


def main() -> None:
    """Run the program.

    Nothing but `browse`, a place and a cache goes straight to the browser: the command line takes as long to import as
    half the way to the first frame. What goes wrong there is asked again, and said, by the command line. Ctrl-C before
    a command has begun is a sentence too.
    """
    os.environ.setdefault("GOMP_SPINCOUNT", SPINS)
    try:
        _run()
    except KeyboardInterrupt:
        sys.stderr.write("vitscope: interrupted before it had begun\n")
        raise SystemExit(130) from None


def _run() -> None:
    browser = plain(sys.argv[1:])
    if browser is not None:
        with suppress(VitscopeError):
            browse(*browser)
    from vitscope.cli import main as command_line  # noqa: PLC0415

    command_line()


def plain(words: list[str]) -> tuple[Path | None, str | None] | None:
    """Cache and place out of a `browse` that has no other options; None for anything else.

    >>> plain(["browse", "mae/3"]), plain(["browse", "--quiet"]), plain(["show"])
    ((None, 'mae/3'), None, None)
    """
    match words:
        case ["browse"]:
            return None, None
        case ["browse", place] if not place.startswith("-"):
            return None, place
        case ["browse", "--cache", cache]:
            return Path(cache), None
        case ["browse", place, "--cache", cache] | ["browse", "--cache", cache, place] if not place.startswith("-"):
            return Path(cache), place
    return None


def browse(cache: Path | None, place: str | None) -> None:
    """Open the browser; raises VitscopeError before the screen is touched, SystemExit when it is left."""
    gc.disable()  # the browser enables it with its first page: what is imported until then is no garbage
    from vitscope.store.layout import cache_folder  # noqa: PLC0415 (what each way in needs is imported there)
    from vitscope.tui.terminal import check  # noqa: PLC0415

    check()
    folder = cache_folder(cache)
    from vitscope.tui.start import browse as start  # noqa: PLC0415

    start(folder, place)


if __name__ == "__main__":
    main()
