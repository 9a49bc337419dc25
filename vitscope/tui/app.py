"""The application: keys go to the state, workers read what its page needs, and the canvas shows the page."""

from __future__ import annotations

import gc
from collections import OrderedDict
from dataclasses import replace
from pathlib import Path

from textual import work
from textual.binding import Binding
from textual.events import Key, Paste, Resize
from textual.worker import get_current_worker

from vitscope import config
from vitscope.errors import VitscopeError
from vitscope.store.reader import Run
from vitscope.store.text import printable
from vitscope.tui import growth, keys, mouse, opening, readers
from vitscope.tui.actions import perform
from vitscope.tui.book import Book
from vitscope.tui.colors import Depth
from vitscope.tui.growth import PERIOD, Marks
from vitscope.tui.library import Item
from vitscope.tui.live import Cancelled, Picture, Worker
from vitscope.tui.messages import Completed, Grown, Listed, Loaded, Looked
from vitscope.tui.needs import needs
from vitscope.tui.opening import Asked
from vitscope.tui.prompt import Prompt, inserted, prompt
from vitscope.tui.render.surface import Surface
from vitscope.tui.render.words import short
from vitscope.tui.screens import draw
from vitscope.tui.stage import Stage
from vitscope.tui.state import State

NAMES = 20  # of files that are named at most
FIRST = 0.12  # seconds that the list of runs has at the start before a page says that it is being read
PATIENCE = 0.03  # seconds that an old frame stays while a new one's numbers are read


class Browser(Stage):
    """The browser over one cache."""

    TITLE = "vitscope"
    BINDINGS = [Binding("ctrl+c", "key('ctrl+c')", priority=True, show=False)]  # noqa: RUF012

    def __init__(self, cache: Path, state: State, depth: Depth) -> None:
        super().__init__()
        self.cache = cache
        self.state = state
        self.depth: Depth = depth
        self.book = Book()
        self.live = Worker()
        self._marks: Marks = {}
        self._reading: set[Item] = set()
        self._stale: set[Item] = set()  # being read while their run changed
        self._late = False

    def on_mount(self) -> None:
        """Look through the cache, now and then."""
        self.obey_signals()
        self.list_runs(anew=True)
        self.set_interval(PERIOD, self.look_again)

    def on_unmount(self) -> None:
        """However the browser ends, so does the process with the model."""
        self.live.close()

    def on_resize(self, _event: Resize) -> None:
        """Draw for the new size; at the start, give the list of runs a moment to be there."""
        if self.book.listing is None:
            self.set_timer(FIRST, self.draw)
        else:
            self.call_after_refresh(self.draw)

    def on_key(self, event: Key) -> None:
        """Every key goes through the table of bindings."""
        event.stop()
        event.prevent_default()
        self.action_key(
            event.character if event.is_printable and event.character and event.character != " " else event.key
        )

    def on_paste(self, event: Paste) -> None:
        """Pasted text goes into the line that is being typed, and nowhere else."""
        if self.state.prompt is not None:
            line = inserted(self.state.prompt, event.text)
            self.state = keys.written(self.state, line, self.book.facts(self.state))
            self.update()

    def action_key(self, key: str) -> None:
        """Apply a key to the state and show the result."""
        before = self.state
        if before.prompt is not None and before.prompt.purpose == "open" and key == "tab":
            self.complete(before.prompt)
            return
        self.become(keys.press(before, key, self.book.facts(before)))

    def become(self, after: State) -> None:
        """Take on a state, do what it asks for, and show it."""
        before, self.state = self.state, after
        if after.quit is not None:
            self.leave(after.quit)
            return
        if after.opening.asked is not before.opening.asked:
            self._ask(before)
        perform(self)
        self.update()

    def click(self, x: int, y: int) -> None:
        """Do what the page has at that place."""
        action = self.shown.at(x, y)
        if action is not None:
            self.become(mouse.clicked(self.state, action, self.book.facts(self.state)))

    def wheel(self, by: int) -> None:
        """Move along what the page goes through."""
        self.become(mouse.wheeled(self.state, by, self.book.facts(self.state)))

    def _ask(self, before: State) -> None:
        """Give up what was asked for before, and have what is asked for now looked at."""
        if before.opening.asked is not None:
            self.live.cancel()
        asked, run = self.state.opening.asked, self.book.run(self.state)
        if asked is None or run is None:
            return
        name, file = short(run.model), printable(Path(asked.path).name)
        doing = f"{name} looks at {file} …" if self.live.warm else f"loading {name} for {file} …"
        self.state = opening.changed(self.state, doing=doing)
        self.look(run, asked)

    @work(thread=True, group="live")
    def look(self, run: Run, asked: Asked) -> None:
        """Have the process run its model on an image."""
        if self.state.opening.asked is not asked:
            return
        answer: Picture | str | None = None
        try:
            answer = self.live.look(run, Path(asked.path), config.get("device") or "auto")
        except (VitscopeError, OSError) as error:
            answer = printable(str(error))
        except Cancelled:
            pass
        self.post_message(Looked(asked, answer))

    def on_looked(self, event: Looked) -> None:
        """Show the image; or say why there is none."""
        if self.state.opening.asked is not event.asked:
            return  # nobody waits for it any more
        state = opening.changed(self.state, asked=None, doing="")
        if isinstance(event.answer, str):
            state = replace(state, message=event.answer)
        if isinstance(event.answer, Picture):
            image = self.book.shots.keep(event.asked, event.answer)
            self.book.photographs.clear()
            said = f"{event.answer.name}: {event.answer.seconds:.1f} s on {event.answer.device}"
            there = state.run == event.asked.run and state.prompt is None and not state.help
            state = opening.shown(state, image, said) if there else replace(state, message=said)
        self.state = state
        self.update()

    @work(thread=True, exclusive=True, group="files")
    def complete(self, line: Prompt) -> None:
        """Read the names of files that the path in a line could go on with."""
        self.post_message(Completed(line, *opening.completed(line.text)))

    def on_completed(self, event: Completed) -> None:
        """Write the path on as far as it is clear; where it is not, name some of the ways on."""
        if self.state.prompt is not event.line:
            return
        names = event.names
        said = "" if len(names) == 1 else f"{'   '.join(names[:NAMES])}{' …' if len(names) > NAMES else ''}"
        line = prompt("open", event.text, event.line.history)
        self.state = replace(self.state, prompt=line, message=said or ("" if names else "no folder or image so named"))
        self.update()

    def say(self, sentence: str) -> None:
        """Say something in the footer, until the next key."""
        self.state = replace(self.state, message=sentence)
        self.update()

    def update(self) -> None:
        """Draw the state if all it shows is there; otherwise have that read, and draw without it only if it is late."""
        missing = self.unread()
        self.read(missing)
        quick = [item for item in missing if not item.slow]
        if not quick:
            self.draw()
        elif not self._late:
            self._late = True
            self.set_timer(PATIENCE, self.draw)

    def unread(self) -> list[Item]:
        """What the page on screen needs and nobody has read yet."""
        return [item for item in needs(self.state, self.book) if self.book.get(item) is None]

    @property
    def settled(self) -> bool:
        """Whether the page shows all that it will: nothing is being read, computed or waited for."""
        busy = any(not worker.is_finished for worker in self.workers)
        waits = busy or self.state.opening.asked is not None
        return self.book.listing is not None and not waits and not self.unread()

    def page(self, width: int, height: int) -> Surface:
        """The page of the present state."""
        self._late = False
        return draw(self.state, self.book, width, height, self.depth)

    def read(self, items: list[Item]) -> None:
        """Have items read that are not being read already; what an earlier page wanted and nobody began is dropped."""
        run = self.book.run(self.state)
        if run is None:
            return
        for slow, start in ((False, self.read_quick), (True, self.read_slow)):
            wanted = [item for item in items if item.slow == slow and item not in self._reading]
            if wanted:
                start(run, wanted)

    @work(thread=True, exclusive=True, group="quick")
    def read_quick(self, run: Run, items: list[Item]) -> None:
        """Read what a key press waits for."""
        self._read(run, items)

    @work(thread=True, exclusive=True, group="slow")
    def read_slow(self, run: Run, items: list[Item]) -> None:
        """Read what takes long enough to be waited for beside everything else."""
        self._read(run, items)

    def _read(self, run: Run, items: list[Item]) -> None:
        worker = get_current_worker()
        others = {other.folder: other for other in self.book.candidates()}
        for item in items:
            if worker.is_cancelled:
                return
            self._reading.add(item)
            self.post_message(Loaded(item, readers.read(others.get(item.run, run), item)))

    def on_loaded(self, event: Loaded) -> None:
        """Keep what was read, and draw if the page on screen waits for it."""
        self._reading.discard(event.item)
        if event.item not in self._stale:
            self.book.keep(event.item, event.value, needs(self.state, self.book))
        self._stale.discard(event.item)
        if event.item in needs(self.state, self.book):
            self.update()

    @work(thread=True, exclusive=True, group="list")
    def list_runs(self, *, anew: bool) -> None:
        """Look through the cache; `anew`: and forget all that was read of it."""
        marks = growth.marks(self.cache)
        listing = readers.listing(self.cache)
        images = {run.folder.name: readers.image_names(run) for run in listing.runs}
        self.post_message(Listed(listing, images, marks, anew=anew))

    def on_listed(self, event: Listed) -> None:
        """Show the runs; forget items of runs that may have changed, and stay on the run that one is on."""
        before = self.book
        runs = growth.changed(self._marks, event.marks)
        items = OrderedDict() if event.anew else growth.kept(before.items, runs)
        self._stale |= {item for item in tuple(self._reading) if event.anew or growth.touched(item, runs)}
        self.book, self._marks = Book(event.listing, items, event.images, shots=before.shots), event.marks
        names = [run.folder.name for run in event.listing.runs]
        chosen = [run.folder.name for run in before.listing.runs][self.state.cursor :] if before.listing else []
        at = names.index(chosen[0]) if chosen and chosen[0] in names else min(self.state.cursor, len(names) - 1)
        self.state = replace(self.state, cursor=max(0, at))
        self.update()
        if not gc.isenabled():  # at the start: all that there is now stays
            gc.freeze()
            gc.enable()

    @work(thread=True, exclusive=True, group="watch")
    def look_again(self) -> None:
        """See whether the cache has changed since it was looked through."""
        if self.book.listing is not None and growth.marks(self.cache) != self._marks:
            self.post_message(Grown())

    def on_grown(self, _event: Grown) -> None:
        """Look through it again."""
        self.list_runs(anew=False)
