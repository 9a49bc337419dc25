"""How many colours the terminal shows, from its environment."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Mapping
from typing import Literal

from vitscope.errors import TerminalError
from vitscope.store.text import printable

Depth = Literal["truecolor", "256", "16", "mono"]
DEPTHS: tuple[Depth, ...] = ("truecolor", "256", "16", "mono")

THEMES = ("light", "dark")
DIRECT = ("kitty", "alacritty", "wezterm", "ghostty", "foot", "contour")  # names that mean 24 bits over SSH too


def detect(environment: Mapping[str, str], tmux: Callable[[], str | None] | None = None) -> Depth:
    """The colour depth to draw with.

    `VITSCOPE_COLORS` decides; then `NO_COLOR`; then what is known of terminals. OpenSSH forwards TERM and not
    COLORTERM, so that 256 colours are the usual answer on a server. Inside tmux the client's features are asked
    (`tmux` is the function that does so), since tmux translates 24 bits for every client but 256 colours are cheaper.

    >>> detect({"TERM": "xterm-256color"})
    '256'
    >>> detect({"TERM": "xterm-256color", "COLORTERM": "truecolor"})
    'truecolor'
    """
    wanted = chosen(environment)
    if wanted is not None:
        return wanted
    term = environment.get("TERM", "").lower()
    if term in {"", "dumb", "unknown"}:
        return "mono"
    if environment.get("TERM_PROGRAM") == "Apple_Terminal" or any(name.startswith("MOSH") for name in environment):
        return "256"  # both mangle 24-bit colours
    features = (tmux or _tmux_features)() if environment.get("TMUX") else None
    if features is not None:
        return "truecolor" if "RGB" in features else "256"
    claimed = environment.get("COLORTERM", "").lower() in {"truecolor", "24bit"} or environment.get("WT_SESSION")
    if claimed or term.endswith("-direct") or any(name in term for name in DIRECT):
        return "truecolor"
    return "256" if "256" in term else "16"


def chosen(environment: Mapping[str, str]) -> Depth | None:
    """The depth that somebody asks for, whatever the terminal: by `VITSCOPE_COLORS`, else by `NO_COLOR`.

    >>> chosen({"VITSCOPE_COLORS": "16", "NO_COLOR": "1"}), chosen({"NO_COLOR": "1"}), chosen({"TERM": "xterm"})
    ('16', 'mono', None)
    """
    asked = _asked(environment, "VITSCOPE_COLORS")
    for depth in DEPTHS:
        if asked == depth:
            return depth
    return "mono" if environment.get("NO_COLOR") else None


def is_light(environment: Mapping[str, str]) -> bool:
    """Whether the terminal's background is light: `VITSCOPE_THEME=light|dark`, else what `COLORFGBG` says.

    >>> is_light({"COLORFGBG": "0;15"})
    True
    """
    asked = _asked(environment, "VITSCOPE_THEME")
    if asked in THEMES:
        return asked == "light"
    back = environment.get("COLORFGBG", "").rpartition(";")[2]
    return back in {"7", "15"}


def check(environment: Mapping[str, str]) -> None:
    """Raise TerminalError for a variable whose value means nothing; `detect` and `is_light` go on without it."""
    for name, known in (("VITSCOPE_COLORS", DEPTHS), ("VITSCOPE_THEME", THEMES)):
        asked = _asked(environment, name)
        if asked and asked not in known:
            raise TerminalError(f"{name} is {printable(asked)!r}, but takes {', '.join(known[:-1])} or {known[-1]}.")


def _asked(environment: Mapping[str, str], name: str) -> str:
    return environment.get(name, "").strip().lower()


def _tmux_features() -> str | None:
    """What tmux knows of the client that shows this pane, or None where it cannot be asked."""
    program = shutil.which("tmux")
    if program is None:
        return None
    try:
        answer = subprocess.run(
            [program, "display-message", "-p", "#{client_termfeatures}"],
            capture_output=True,
            text=True,
            timeout=0.3,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip() or None
