"""Opening an image live: what was asked of the process with the model, and the images that were opened. Pure, but for
the names of files that `completed` reads.

Live images come before the first image of a gallery and are counted from there: −1, −2 and so on, whatever run is open.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote

from vitscope.config import at_home
from vitscope.tui.live import Picture
from vitscope.tui.prompt import prompt, remembered

if TYPE_CHECKING:
    from vitscope.tui.state import Facts, State

PATHS = 50  # that are remembered


class Asked(NamedTuple):
    """One request: the folder name of a run, and an image for its model."""

    run: str
    path: str


@dataclass(frozen=True, kw_only=True)
class Opening:
    """What is asked of the process with the model just now, and which paths were typed."""

    asked: Asked | None = None
    doing: str = ""  # what the process is doing for it
    history: tuple[str, ...] = ()


@dataclass
class Shots:
    """The images that were opened since the browser was, in order, and how the models that were asked saw them."""

    paths: list[str] = field(default_factory=list)
    seen: dict[Asked, Picture] = field(default_factory=dict)

    def keep(self, asked: Asked, picture: Picture) -> int:
        """Remember what a model saw; returns the number of the image."""
        if asked.path not in self.paths:
            self.paths.append(asked.path)
        self.seen[asked] = picture
        return -1 - self.paths.index(asked.path)

    def path(self, image: int) -> str | None:
        """The path of the live image with this number."""
        return self.paths[-1 - image] if -len(self.paths) <= image < 0 else None

    def picture(self, run: str, image: int) -> Picture | None:
        """What a run's model saw of it, None where it has not been asked."""
        path = self.path(image)
        return None if path is None else self.seen.get(Asked(run, path))

    def names(self) -> list[str]:
        """Their names, in the order in which a gallery ends with them."""
        return [f"{Path(path).name} (live)" for path in reversed(self.paths)]


def changed(state: State, **fields: object) -> State:
    """The state with another request."""
    return replace(state, opening=replace(state.opening, **fields))


def begin(state: State, facts: Facts) -> State:
    """Type the path of an image; on a live image that this model has not seen, its path is there."""
    if facts.geometry is None:
        return state
    return replace(state, prompt=prompt("open", facts.unseen, state.opening.history))


def take(state: State, _facts: Facts, text: str) -> State:
    """Ask for the image; the application starts the process."""
    path = path_of(text)
    if not path or state.run is None:
        return state
    history = remembered(state.opening.history, path)[-PATHS:]
    return changed(state, asked=Asked(state.run, path), doing="", history=history)


def give_up(state: State) -> State:
    """Ask for it no longer; the application tells the process."""
    return replace(changed(state, asked=None, doing=""), message="given up")


def shown(state: State, image: int, message: str) -> State:
    """On the image page with a live image that has just been measured."""
    from vitscope.tui.state import enter  # noqa: PLC0415 (state holds an Opening)

    return replace(enter(state, "image"), image=image, averaged=False, message=message)


def path_of(text: str) -> str:
    """The path that was typed or pasted: without quotes, escaped spaces and the beginning of a URL.

    >>> path_of("'/a b/c.png' "), path_of("file:///a%20b/c.png"), path_of("/a\\\\ b/c.png")
    ('/a b/c.png', '/a b/c.png', '/a b/c.png')
    """
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        return text[1:-1]
    if text.startswith("file://"):
        return unquote(text.removeprefix("file://"))
    return text.replace("\\ ", " ")


def completed(text: str) -> tuple[str, list[str]]:
    """A path as far as the names of folders and images decide it, and the names it could go on with."""
    head, _, start = text.rpartition("/")
    folder = at_home(f"{head}/" if "/" in text else ".")
    names = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                hidden = entry.name.startswith(".") and not start.startswith(".")
                if entry.name.startswith(start) and entry.name.isprintable() and not hidden:
                    names += [f"{entry.name}/"] if entry.is_dir() else [entry.name] if _image(entry.name) else []
    except (OSError, ValueError):
        return text, []
    common = _common(min(names), max(names)) if names else ""
    return (f"{head}/{common}" if "/" in text else common) if names else text, sorted(names)


def _common(one: str, other: str) -> str:
    """What both begin with; of sorted names, the first and the last say it for all."""
    same = 0
    while same < min(len(one), len(other)) and one[same] == other[same]:
        same += 1
    return one[:same]


def _image(name: str) -> bool:
    from vitscope.data.images import SUFFIXES  # noqa: PLC0415 (which are wanted only where a path is typed)

    return name.rpartition(".")[2].lower() in SUFFIXES
