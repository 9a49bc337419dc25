"""Readers of what is typed, pasted, remembered or set, and of what other processes say."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from textual._xterm_parser import XTermParser
from textual.events import Key, Paste

from tests import synthetic
from tests.tui.walker import Walker
from vitscope import config
from vitscope.derive.find import search, table
from vitscope.errors import ConfigError, ModelError, VitscopeError
from vitscope.run import live as far
from vitscope.store.layout import cache_folder
from vitscope.store.reader import Cache, load_run
from vitscope.tui import clipboard, exporting, headless, keys, memory, opening
from vitscope.tui import live as here
from vitscope.tui.keymap import remapped
from vitscope.tui.place import resolved, spelled, starting
from vitscope.tui.prompt import inserted, prompt
from vitscope.tui.state import State

HEADS = table(
    "mae", [[["sink cls"], ["offset-local right"]]] * 2,
    {"distance": np.array([[0.1, np.nan], [0.3, 0.4]]), "iou": np.ones((2, 2)), "on cls": np.zeros((2, 2))},
)  # fmt: skip


@contextmanager
def set_to(**variables: str) -> Iterator[None]:
    """Environment variables for a while."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def settings(content: bytes, folder: Path) -> None:
    """The file of settings: read, used, changed, and its table of keys."""
    path = folder / "config.toml"
    path.write_bytes(content)
    with set_to(VITSCOPE_CONFIG=str(path)):
        for use in (config.all, lambda: Cache(cache_folder(None)).runs(), _keys, lambda: config.set("workers", 2)):
            try:
                use()
            except VitscopeError as error:
                assert str(error)
        try:
            config.unset("workers")
        except ConfigError:
            return
        config.keys()


def _keys() -> None:
    remapped(keys.BINDINGS, config.keys(), config.line)


def variable(content: bytes, folder: Path) -> None:
    """An environment variable in place of a setting."""
    text = os.fsdecode(content.replace(b"\0", b""))
    for name in ("VITSCOPE_CACHE", "VITSCOPE_WORKERS", "VITSCOPE_DEVICE"):
        with set_to(VITSCOPE_CONFIG=str(folder / "none.toml"), **{name: text}):
            try:
                config.all()
                Cache(cache_folder(None)).runs()
            except VitscopeError as error:
                assert str(error)


def remembered(content: bytes, folder: Path) -> None:
    """What the browser remembers."""
    (folder / "browser.json").write_bytes(content)
    with set_to(VITSCOPE_STATE=str(folder)):
        found = memory.recall(Path("/cache"))
        memory.remember(Path("/cache"), found or memory.Memory("@runs"))
        assert memory.recall(Path("/cache")) is not None


_walkers: dict[Path, Walker] = {}


def walker(folder: Path) -> Walker:
    """Somebody in front of a small cache, on the page of its run."""
    if folder not in _walkers:
        synthetic.write(folder / "cache", layers=2, heads=2, grid=(3, 3), images=2, gallery=1, model="small", block=2)
        _walkers[folder] = Walker(folder / "cache")
    found = _walkers[folder]
    assert found.book.listing is not None
    found.state = replace(State(), trail=("runs", "overview"), run=found.book.listing.runs[0].folder.name)
    return found


def place(content: bytes, folder: Path) -> None:
    """A place, its page, and the place of that page."""
    text, reader = content.decode("utf-8", "surrogateescape"), walker(folder)
    try:
        starting(folder / "cache", text)
    except VitscopeError as error:
        assert str(error)
    reader.state = resolved(text, reader.book.known(), State())
    reader.read()
    reader.page(90, 28)
    again = spelled(reader.state, reader.book.known())
    assert spelled(resolved(again, reader.book.known(), State()), reader.book.known()) == again
    assert clipboard.sequence(again, {"TMUX": "x"}).isascii()


def query(content: bytes, folder: Path) -> None:
    """A search for heads."""
    found = search(content.decode("utf-8", "surrogateescape"), list(HEADS.numbers))
    places = found.among(HEADS)
    assert set(places.tolist()) <= {0, 1, 2, 3}


def presses(content: bytes, folder: Path) -> None:
    """--keys and --size of `browse`."""
    text = content.decode("utf-8", "surrogateescape")
    try:
        headless.shape_of(text)
    except VitscopeError as error:
        assert str(error)
    assert all(isinstance(word, str) for word in headless.words_of(text))


def pasted(content: bytes, folder: Path) -> None:
    """Text pasted into each kind of line, completed, and taken."""
    text, reader = content.decode("utf-8", "surrogateescape"), walker(folder)
    for purpose in ("find", "command", "open", "export"):
        line = inserted(prompt(purpose), text)
        assert line.text.isprintable()
        reader.state = replace(reader.state, trail=("runs", "overview"), prompt=line)
        facts = reader.book.facts(reader.state)
        reader.state = keys.written(reader.state, line, facts)
        reader.page(80, 24)
        for key in ("tab", "tab", "shift+tab", "enter"):
            reader.press(key)
        reader.page(80, 24)
        if reader.state.asked and reader.state.asked[0] == "export":
            try:
                exporting.target(reader.state.asked[1])
            except VitscopeError as error:
                assert str(error)
        opening.completed(line.text)
        path = Path(opening.path_of(line.text))
        run = reader.book.listing.runs[0] if reader.book.listing else None
        assert run is not None
        try:
            Nobody().look(run, path)
        except VitscopeError as error:
            assert str(error)


class Nobody(here.Worker):
    """Starts no process."""

    def _started(self) -> Any:
        raise ModelError("no process is started here.")


def terminal(content: bytes, folder: Path) -> None:
    """What a terminal sends: keys, replies, pastes. Whatever of it becomes a key is pressed."""
    reader = walker(folder)
    parser = XTermParser()
    sent: list[Any] = [*parser.feed(content.decode("utf-8", "replace")), *parser.tick()]
    for event in sent[:40]:
        if isinstance(event, Key):
            reader.press(event.character if event.is_printable and event.character else event.key)
        elif isinstance(event, Paste) and reader.state.prompt is not None:
            reader.state = replace(reader.state, prompt=inserted(reader.state.prompt, event.text))
        reader.state = replace(reader.state, asked=None, quit=None)
    reader.page(80, 24)


class Echo(far.Server):
    """Answers without a model."""

    def answer(self, ask: far.Ask) -> dict[str, Any]:
        """What was asked."""
        return {"image": ask.image, "size": list(ask.image_size)}


def asks(content: bytes, folder: Path) -> None:
    """Lines that reach the process with the model: each is answered."""
    lines = content.decode("utf-8", "replace")
    answers = io.StringIO()
    far.serve(io.StringIO(lines), answers, Echo())
    for line in answers.getvalue().splitlines():
        json.loads(line)


def answers(content: bytes, folder: Path) -> None:
    """A line that comes from the process with the model, and the array that it names."""
    run = next(iter(_runs(folder)))
    line, _, raw = content.partition(b"\n")
    (folder / "live-1-attention.npy").write_bytes(raw)
    try:
        answer = here.answer_of(line.decode("utf-8", "replace"))
    except ValueError:
        return  # then the process is taken for dead
    here._picture(run, Path("photo.png"), answer, folder)


def _runs(folder: Path) -> Iterator[Any]:
    if not (folder / "cache").exists():
        synthetic.write(folder / "cache", layers=1, heads=1, grid=(2, 2), images=1, gallery=0)
    for path in (folder / "cache").iterdir():
        yield load_run(path)
