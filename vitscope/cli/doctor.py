"""`vitscope doctor`: is everything here that vitscope needs?"""

from __future__ import annotations

import typer

from vitscope.cli.options import CacheFolder, Quiet, Verbose, cache_folder
from vitscope.cli.talk import Talk, clean, console, depth, result
from vitscope.errors import VitscopeError

STYLES = {"ok": "green", "note": "yellow", "problem": "bold red"}


def doctor(context: typer.Context, cache: CacheFolder = None, quiet: Quiet = False, verbose: Verbose = False) -> None:
    """Look at the device, memory, hub, terminal, cache and settings; say what to do where something is missing.

    Exit code 1 if there is a problem; notes are no problems.
    """
    from rich.table import Table
    from rich.text import Text

    from vitscope.run.doctor import examine

    talk = Talk.of(context, quiet=quiet, verbose=verbose)
    talk.detail("starting PyTorch")
    problems = 0
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    for _ in range(2):
        table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for check in examine(lambda: cache_folder(cache), depth(console())):
        if check.state == "ok" and talk.quiet:
            continue
        problems += check.state == "problem"
        said = Text(clean(check.found))
        if check.todo:
            said.append(f"\n{clean(check.todo)}", "dim")
        table.add_row(Text(check.state, STYLES[check.state]), check.name, said)
    result(table)
    if problems:
        raise VitscopeError(f"{problems} {'problem' if problems == 1 else 'problems'} found; see above for what to do.")
