"""`vitscope config`: settings that are typed once."""

from __future__ import annotations

from os import environ
from typing import Annotated

import typer

from vitscope.cli import complete
from vitscope.cli.options import Quiet, Verbose
from vitscope.cli.talk import Talk, clean, result
from vitscope.errors import ConfigError


def config(
    context: typer.Context,
    key: Annotated[
        str | None,
        typer.Argument(
            metavar="KEY", help="A setting, such as data.images.", show_default=False, autocompletion=complete.settings
        ),
    ] = None,
    value: Annotated[
        str | None, typer.Argument(metavar="VALUE", help='Its new value; "" takes it out.', show_default=False)
    ] = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Print all settings, print one, or set one.

    Environment variables such as VITSCOPE_DATA_IMAGES stand above these, options above both.

    \b
    For example:
      vitscope config data.images ~/photographs
    """
    from vitscope import config as settings

    talk = Talk.of(context, quiet=quiet, verbose=verbose)
    if key is None:
        _all(talk)
    elif value is None:
        _one(talk, key)
    elif value == "":
        settings.unset(key)
        talk.say(f"{key} taken out of {settings.path()}")
    else:
        settings.set(key, value)
        talk.say(f"{key} written to {settings.path()}")
        if settings.get(key) is not None and settings.variable(key) in environ:
            talk.warn(f"${settings.variable(key)} is set in the environment and stands above it")


def _one(talk: Talk, key: str) -> None:
    """The value alone on stdout; nothing, with exit code 1, where it is set nowhere."""
    from vitscope import config as settings

    value = settings.get(key)
    if value is None:
        raise ConfigError(
            f"{key} is not set. Set it with `vitscope config {key} VALUE`: {settings.SETTINGS[key].about}."
        )
    talk.detail(_source(key))
    typer.echo(clean(str(value)))


def _source(key: str) -> str:
    """Where the value of a setting comes from."""
    from vitscope import config as settings

    variable = settings.variable(key)
    return f"{key} is set in {f'${variable}' if environ.get(variable) else settings.path()}"


def _all(talk: Talk) -> None:
    """Every setting with its value and what it is for; the file on stderr."""
    from rich.table import Table

    from vitscope import config as settings

    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for name in ("setting", "value", "what it is"):
        table.add_column(name, no_wrap=name != "what it is")
    for key, value in settings.all().items():
        table.add_row(key, "–" if value is None else clean(str(value)), settings.SETTINGS[key].about)
        if value is not None:
            talk.detail(_source(key))
    talk.say(f"settings are kept in {settings.path()}")
    result(table)
